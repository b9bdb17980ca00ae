"""What interruptions cost a first load: `python benchmarks/backfill.py [--records N] [--interruptions K]`.

Two accounts that share most of their people are loaded once without a break, and once with ten: five times the work is asked
to end, five times the process dies, all at random steps, with requests of it still landing. Then another process goes on. On
virtual time, with the polls of `serve`; every request that leaves is counted, until long after the load. What looks for changes
goes by time and is told apart as well. At the end the same must stand in both CRMs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bad_api import furnish, what_is_left
from benchmarks.bars import Figure, tell
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.world import World

from interlock.app import states
from interlock.app.runtime import open_cycle
from interlock.app.sync import INTERRUPTED, sync
from interlock.core.model import Side
from interlock.crm.transport import Request, Response, Transport
from interlock.engine.cycle import poll
from interlock.store import Store, connections

MORE_MOST = 0.05
RESTARTED_AFTER_S = 15.0  # the lease of a process that died has run out
TRAVEL_S = 0.05


class Line:
    """One process' way to the CRMs. A request that has left lands; once cut, nobody ever hears of it."""

    def __init__(self, inner: Transport, sent: Counter[str]) -> None:
        self._inner = inner
        self._sent = sent
        self._cut = False

    def cut(self) -> None:
        self._cut = True

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self._cut:
            await asyncio.get_running_loop().create_future()
        side = Side.SALESFORCE if "salesforce.local" in request.url else Side.HUBSPOT
        self._sent[f"{side.value} {'looking' if _looks(request) else 'loading'}"] += 1
        await asyncio.sleep(TRAVEL_S)
        answer = await self._inner.send(request, deadline_s)
        await asyncio.sleep(TRAVEL_S)
        if self._cut:
            await asyncio.get_running_loop().create_future()
        return answer


_FOR_CHANGES = re.compile(rb"ORDER.{1,3}BY.{1,3}SystemModstamp")


def _looks(request: Request) -> bool:
    """For changes: that goes by time, whatever there is to load."""
    return "/search" in request.url or _FOR_CHANGES.search(request.body or b"") is not None


class Ran(msgspec.Struct):
    """`steps`: of the event loop until the load was through."""

    sent: dict[str, int]
    steps: int
    left: dict[str, int]
    interruptions: list[str]


_DEAD: list[object] = []  # kept for good, or a collected task would unwind as no killed process does


class Owner:
    """Whoever loads: one process after the other, on one database."""

    def __init__(self, made: World, loop: VirtualTimeLoop) -> None:
        self.made, self.loop = made, loop
        self.network = made.transport
        self.sent: Counter[str] = Counter()

    async def run(self, ends: asyncio.Future[None] | None, crash: bool) -> bool:
        """One process: until it is through (True), or interrupted when `ends` is done."""
        made = self.made
        assert made.store is not None
        made.transport = line = Line(self.network, self.sent)
        working = self.loop.create_task(self._drain(made.store, ends if not crash else None))
        await asyncio.wait([working, ends] if ends is not None else [working], return_when=asyncio.FIRST_COMPLETED)
        if working.done() or not crash:
            return await working
        line.cut()
        made.store.freeze()
        _DEAD.extend((working, made.store, line))
        await asyncio.sleep(RESTARTED_AFTER_S)
        await made.open()
        return False

    async def _drain(self, store: Store, ends: asyncio.Future[None] | None) -> bool:
        made = self.made
        made.runs += 1
        assert made.connection is not None
        assert made.connection.id is not None
        async with store.read(None) as tx:
            connection = await connections.get(tx, made.connection.id)
        assert connection is not None
        owner = f"process-{made.runs}"
        async with open_cycle(store, connection, *made.clients(), made.clock_us, owner=owner) as ctx:
            if ends is not None:
                ends.add_done_callback(lambda _: setattr(ctx, "stop", INTERRUPTED))
            result = await sync(ctx, work=poll)
        assert result.outcome in ("done", "interrupted"), result
        return result.outcome == "done"


async def story(loop: VirtualTimeLoop, records: int, at_steps: list[int], crashes: int, seed: int) -> Ran:
    """`at_steps`: after how many steps since the one before each interruption comes; `crashes` of them, drawn by the seed."""
    chance = random.Random(f"interruptions:{seed}")
    with tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as folder:
        made = World(Path(folder) / "interlock.db", loop.now_us, existing="all", objects=("contacts",))
        await made.open()
        furnish(made, records)
        connected = await made.connect()
        assert made.store is not None
        made.connection = await states.begin(made.store, connected)
        owner = Owner(made, loop)
        kinds = [place < crashes for place in range(len(at_steps))]
        chance.shuffle(kinds)
        began, told, through = loop.steps, [], False
        for steps, crash in zip(at_steps, kinds, strict=True):
            through = await owner.run(loop.after_steps(steps), crash)
            told.append(f"{'died' if crash else 'ended'} at step {loop.steps - began:,}")
            if through:
                break
        while not through:
            through = await owner.run(None, crash=False)
        steps_of_load = loop.steps - began
        # What was parked is due by then, and the rest of what a search index shows late has been seen.
        for _ in range(3):
            await asyncio.sleep(1_200.0)
            await owner.run(None, crash=False)
        left = await what_is_left(made, records)
        assert made.store is not None
        await made.store.close()
        return Ran(dict(owner.sent), steps_of_load, left, told)


def run(records: int, at_steps: list[int], crashes: int = 0, seed: int = 0) -> Ran:
    loop = VirtualTimeLoop(random.Random(0))
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(story(loop, records, at_steps, crashes, seed))
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        with contextlib.suppress(RuntimeError):
            loop.close()


def interrupted(records: int, whole: Ran, interruptions: int, crashes: int, seed: int) -> Ran:
    """The same load, interrupted at random steps of it."""
    chance = random.Random(f"steps:{seed}")
    moments = sorted(chance.sample(range(whole.steps), interruptions))
    apart = [after - before for before, after in zip([0, *moments], moments, strict=False)]
    return run(records, apart, crashes, seed)


def more(broken: Ran, whole: Ran, what: str) -> float:
    """The share of calls that came on top, of both CRMs together."""
    calls = [sum(each for name, each in ran.sent.items() if name.endswith(what)) for ran in (broken, whole)]
    return calls[0] / calls[1] - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=50_000, help="a side")
    parser.add_argument("--interruptions", type=int, default=10)
    parser.add_argument("--crashes", type=int, default=5, help="of the interruptions; the others are asked for")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    whole = run(asked.records, [])
    broken = interrupted(asked.records, whole, asked.interruptions, asked.crashes, asked.seed)
    figures = [
        Figure("all calls, more than without a break", more(broken, whole, "ing"), "", MORE_MOST),
        Figure("calls that load, more than without a break", more(broken, whole, "loading"), "", MORE_MOST),
        Figure("calls that look for changes, more", more(broken, whole, "looking"), ""),
    ]
    figures += [
        Figure(f"of these, {side}", broken.sent[f"{side} loading"] - whole.sent[f"{side} loading"], "calls")
        for side in ("hubspot", "salesforce")
    ]
    figures += [Figure(f"at the end: {what}", abs(number), "", 0) for what, number in broken.left.items()]
    about = {"records_a_side": asked.records, "whole": msgspec.to_builtins(whole)}
    return tell("backfill", figures, **about, interrupted=msgspec.to_builtins(broken))


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Processes that died are never unwound, not even when this one ends.
    os._exit(code)
