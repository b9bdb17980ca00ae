"""An event loop whose time is a number: it jumps to the next timer when nothing is ready, and a seed picks what runs next.

One thread, no sockets, no selector. With the same seed and the same program the order of every step is the same. Steps that
belong to a process (`in_process`) can be stopped from outside, for good (a kill) or for a while (SIGSTOP), at any of them.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# 2026-01-05T09:00:00Z, a Monday: the epoch of every simulated world.
EPOCH_US = 1_767_603_600_000_000

# The process that a step belongs to. The CRMs, the network and the users belong to none.
_PROCESS: contextvars.ContextVar[str | None] = contextvars.ContextVar("simulated_process", default=None)


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set: the program waits for something that cannot come."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    def __init__(self, schedule: random.Random) -> None:
        super().__init__()
        self._schedule = schedule
        self._virtual_s = 0.0
        self.steps = 0
        self._alarms: list[tuple[int, int, asyncio.Future[None]]] = []
        self._stopped: dict[str, list[asyncio.Handle] | None] = {}
        self.after_step: Callable[[], None] | None = None  # called after every step of a process

    def time(self) -> float:
        return self._virtual_s

    def now_us(self) -> int:
        return EPOCH_US + round(self._virtual_s * 1_000_000)

    def after_steps(self, steps: int) -> asyncio.Future[None]:
        """Done when this many more steps have run: a moment inside the work rather than in the waiting between."""
        alarm: asyncio.Future[None] = self.create_future()
        heapq.heappush(self._alarms, (self.steps + steps, len(self._alarms), alarm))
        return alarm

    # --- processes -------------------------------------------------------------------------------------------------

    def in_process(self, name: str, main: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run as that process: what this task starts belongs to it too."""
        context = contextvars.copy_context()
        context.run(_PROCESS.set, name)
        return self.create_task(main, context=context)

    def outside(self, main: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of no process, whoever starts it: a request that has left goes on without its sender."""
        return self.create_task(main, context=contextvars.Context())

    def kill(self, process: str) -> None:
        """No step of it ever runs again: nothing unwinds, no `finally` runs."""
        self._stopped[process] = None

    def freeze(self, process: str) -> None:
        self._stopped[process] = []

    def thaw(self, process: str) -> None:
        """What became ready meanwhile is ready now. A process that was killed while frozen stays dead."""
        held = self._stopped.get(process)
        if held is not None:
            del self._stopped[process]
            self._ready.extend(held)

    # --- the loop --------------------------------------------------------------------------------------------------

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
        if self._stopped:
            process = handle._context.get(_PROCESS)
            if process in self._stopped:
                held = self._stopped[process]
                if held is not None:
                    held.append(handle)
                return
        if not handle._cancelled:
            handle._run()
            if self.after_step is not None and handle._context.get(_PROCESS) is not None:
                self.after_step()

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


def run(main: Coroutine[Any, Any, T], seed: int | str) -> T:
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
