"""When which connection is worked on, in one process: polls at their pace, due records as they come due, bells at once.

It decides the order only. When a connection is due is told in desk.py; what a turn is stands behind `Desk` (app/serve.py): it
opens the clients, takes the lease and runs the cycle. Nothing depends on this loop for correctness: a turn that is lost is
found again by the next one, and two dispatchers exclude each other by the lease.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable

import msgspec

from interlock.engine.dispatch.desk import US, Appointment, Desk, Standing, Work
from interlock.store import StoreError

__all__ = ["GRACE_S", "LocalDispatcher", "Standing", "Work"]

TICK_S = 1.0
# A turn that another connection of its lane waits for goes on for this long, then ends after its batch: a first load of hours
# must not stop a neighbour for hours, and a turn that is ended costs the few calls with which the next one begins.
SLICE_S = 10.0
BEAT_S = 2.0
# How long a turn may go on after it was asked to end (it does between two batches). Then it is cancelled, which loses
# nothing (I8) but may park records.
GRACE_S = 8.0


class _Turn(msgspec.Struct):
    connection_id: int
    work: Work
    began_at_us: int
    task: asyncio.Task[None]


class LocalDispatcher:
    """`stop` may be set from a signal handler; `run` then returns when the turns under way have ended."""

    def __init__(self, desk: Desk, clock_us: Callable[[], int], stop: asyncio.Event) -> None:
        self._desk = desk
        self._clock_us = clock_us
        self._stop = stop
        self._appointments: defaultdict[int, Appointment] = defaultdict(Appointment)
        self._lanes: dict[str, _Turn] = {}
        self._ended_at_us: dict[int, int] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(self._beat())
            try:
                while not self._stop.is_set():
                    await self._tick()
                    await self._wait(TICK_S)
            finally:
                await self._end_turns()
                beating.cancel()

    async def _tick(self) -> None:
        now_us = self._clock_us()
        self._lanes = {lane: turn for lane, turn in self._lanes.items() if not turn.task.done()}
        try:
            standings = await self._desk.standings()
        except StoreError:
            # The database is away for a moment, which the heartbeat says. To end here would end the sync of everybody.
            return
        # Of a lane, whoever has waited longest comes first.
        for standing in sorted(standings, key=lambda each: self._ended_at_us.get(each.connection_id, 0)):
            work = self._appointments[standing.connection_id].wanted(standing, now_us)
            if work is None:
                continue
            under_way = self._lanes.get(standing.lane)
            if under_way is None:
                task = asyncio.create_task(self._turn(standing.connection_id, work))
                self._lanes[standing.lane] = _Turn(standing.connection_id, work, now_us, task)
            elif under_way.connection_id != standing.connection_id:
                # Somebody waits for the answer to a bell, whole: that one is not cut.
                spent = now_us - under_way.began_at_us >= SLICE_S * US
                self._desk.give_way(under_way.connection_id, end=spent and under_way.work is not Work.BELL)

    async def _turn(self, id_: int, work: Work) -> None:
        next_s = await self._desk.turn(id_, work)
        now_us = self._ended_at_us[id_] = self._clock_us()
        self._appointments[id_].after(work, next_s, now_us)

    async def _beat(self) -> None:
        # A task of its own: a long turn must not look like a dead dispatcher.
        while True:
            await self._desk.beat()
            await asyncio.sleep(BEAT_S)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def _end_turns(self) -> None:
        left = [turn.task for turn in self._lanes.values() if not turn.task.done()]
        if not left:
            return
        self._desk.end_turns()
        try:
            async with asyncio.timeout(GRACE_S):
                await asyncio.gather(*left)
        except TimeoutError:
            # gather has cancelled them; each gives its lease back on the way out.
            await asyncio.gather(*left, return_exceptions=True)
