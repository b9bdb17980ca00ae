"""An event loop whose time is a number: it jumps to the next timer when nothing is ready, and a seed picks what runs next.

One thread, no sockets, no selector. With the same seed and the same program the order of every step is the same.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# 2026-01-05T09:00:00Z, a Monday: the epoch of every simulated world.
EPOCH_US = 1_767_603_600_000_000


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set: the program waits for something that cannot come."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    def __init__(self, schedule: random.Random) -> None:
        super().__init__()
        self._schedule = schedule
        self._virtual_s = 0.0
        self.steps = 0
        self._alarms: list[tuple[int, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        return self._virtual_s

    def now_us(self) -> int:
        return EPOCH_US + round(self._virtual_s * 1_000_000)

    def after_steps(self, steps: int) -> asyncio.Future[None]:
        """Done when this many more steps have run: a moment inside the work rather than in the waiting between."""
        alarm: asyncio.Future[None] = self.create_future()
        heapq.heappush(self._alarms, (self.steps + steps, len(self._alarms), alarm))
        return alarm

    def _run_once(self) -> None:
        self._take_timers()
        while self._alarms and self._alarms[0][0] <= self.steps:
            alarm = heapq.heappop(self._alarms)[2]
            if not alarm.done():
                alarm.set_result(None)
        if not self._ready:
            if not self._scheduled:
                raise Deadlock("nothing is ready and no timer is set")
            self._virtual_s = max(self._virtual_s, self._scheduled[0]._when)
            self._take_timers()
            return
        self.steps += 1
        place = self._schedule.randrange(len(self._ready)) if len(self._ready) > 1 else 0
        self._ready.rotate(-place)
        handle = self._ready.popleft()
        self._ready.rotate(place)
        if not handle._cancelled:
            handle._run()

    def _take_timers(self) -> None:
        while self._scheduled and (self._scheduled[0]._cancelled or self._scheduled[0]._when <= self._virtual_s):
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False
            if not timer._cancelled:
                self._ready.append(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are dropped when their time comes."""

    def _process_events(self, event_list: Any) -> None:
        raise AssertionError("there is no selector")

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector, so nobody has to be woken."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        raise AssertionError(f"a thread would break the replay: {func}")

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """There is none."""


def run(main: Coroutine[Any, Any, T], seed: int) -> T:
    """Run `main` to its end in virtual time. The loop is reachable as the running loop."""
    loop = VirtualTimeLoop(random.Random(seed))
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        pending = [task for task in asyncio.all_tasks(loop) if not task.done()]
        for task in pending:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.close()
        asyncio.set_event_loop(None)
