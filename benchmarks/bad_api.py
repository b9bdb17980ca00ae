"""What two misbehaving CRMs cost: `python benchmarks/bad_api.py [--records N] [--day-h H] [--seeds S]`.

A first sync of two accounts that share most of their people, and a day of edits on both sides, through the turns of `serve`
on virtual time: once in clear weather, and once with 10 % of all calls answered 5xx (half of them carried out), 5 % refused
as too fast, 2 % timed out after they were carried out and 1 % answered with half a body. All must be done in the end, with
nothing parked, held back or left as an issue, no record made twice, both sides equal, and at most half as many calls more
on either side. Calls are counted as they leave.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from benchmarks.people import RECORDS_AGE_S, hubspot_contact, salesforce_contact
from benchmarks.weather import BAD, CLEAR, BadLine, Shares
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.world import World

from interlock.app import states
from interlock.app.serve import ServeDesk
from interlock.core.model import Side
from interlock.engine.dispatch.local import Work
from interlock.store import Tx, connections, cursors, dirty, intents, issues, mappings
from interlock.store.connections import Connection
from interlock.wiring import Clients

CALLS_MOST = 1.5
EDIT_EVERY_S = 120.0  # on each side, of another record each time
QUIET_MOST_S = 6 * 3_600.0  # in which everything that waits for a later try must be through
FIRST_SYNC_S = 3_600.0  # the same for both, since polls go on while records wait for a later try
NO_FENCE = 1 << 62  # above every owner's
FIELDS = {"firstname": "FirstName", "lastname": "LastName", "jobtitle": "Title", "phone": "Phone", "fax": "Fax"}


class Ran(msgspec.Struct):
    """What one run came to. `left`: what is not as it should be at the end, by kind."""

    first_sync: dict[str, int]  # calls by side of the first hour and until nothing was due
    sent: dict[str, int]  # all of them
    met: dict[str, int]
    left: dict[str, int]
    hours: float


async def earliest_due_us(tx: Tx, now_us: int) -> int | None:
    """Of any object, and `now_us` for what is overdue. None: nothing is due, now or later."""
    counts = (await dirty.counts(tx, now_us)).values()
    if any(each.due for each in counts):
        return now_us
    return min((each.earliest_waiting_us for each in counts if each.earliest_waiting_us is not None), default=None)


class Serving:
    """One connection of a world, worked on turn by turn as `serve` does, without its clockwork."""

    def __init__(self, made: World, line: BadLine) -> None:
        self.made, self.line = made, line
        self.said: list[str] = []
        assert made.store is not None
        self.desk = ServeDesk(made.store, self._clients, made.clock_us, "benchmark", self.said.append)

    @contextlib.asynccontextmanager
    async def _clients(self, connection: Connection) -> AsyncIterator[Clients]:
        yield Clients(*self.made.clients())

    @property
    def connection_id(self) -> int:
        assert self.made.connection is not None
        assert self.made.connection.id is not None
        return self.made.connection.id

    async def work_for(self, seconds: float) -> None:
        """Polls at their pace, and what comes due in between."""
        until_us = self.made.clock_us() + round(seconds * 1_000_000)
        while self.made.clock_us() < until_us:
            wait_s = await self.desk.turn(self.connection_id, Work.POLL)
            poll_at_us = self.made.clock_us() + round(wait_s * 1_000_000)
            while (now_us := self.made.clock_us()) < min(poll_at_us, until_us):
                async with self.made.read() as tx:
                    due_us = await earliest_due_us(tx, now_us)
                at_us = min(poll_at_us, until_us, max(due_us, now_us + 5_000_000) if due_us is not None else poll_at_us)
                await asyncio.sleep((at_us - now_us) / 1_000_000)
                if at_us < min(poll_at_us, until_us):
                    await self.desk.turn(self.connection_id, Work.DUE)

    async def work_until_quiet(self) -> float:
        """Seconds until nothing was due any more, and no turn failed on the way to saying so."""
        began_us = self.made.clock_us()
        while (seconds := (self.made.clock_us() - began_us) / 1_000_000) < QUIET_MOST_S:
            failures = len(self.said)
            await self.work_for(300.0)
            async with self.made.read() as tx:
                loaded = (await cursors.get(tx, "load:contacts") or {}).get("phase") == "done"
                unsettled = await intents.older_than_fence(tx, NO_FENCE)
                due_us = await earliest_due_us(tx, self.made.clock_us())
            if loaded and len(self.said) == failures and due_us is None and not unsettled:
                break
        return seconds


def furnish(made: World, records: int) -> None:
    """`records` people a side, four in five of them on both."""
    emulators = (made.hubspot, made.salesforce)
    for emulator in emulators:
        emulator.clock.advance_seconds(-RECORDS_AGE_S)
    owner_id = made.hubspot.user().owner_id
    shift = records // 5
    made.hubspot.seed({"contacts": [hubspot_contact(number, owner_id) for number in range(records)]})
    made.salesforce.seed({"Contact": [salesforce_contact(number) for number in range(shift, records + shift)]})
    for emulator in emulators:
        emulator.clock.advance_seconds(RECORDS_AGE_S)


async def edits(made: World, seconds: float) -> None:
    """People at work on both sides, on two halves of the records."""
    here, there = made.hugo.ids("contacts"), made.sally.ids("Contact")
    chance = random.Random(7)
    mine = chance.sample(here, len(here))
    theirs = chance.sample(there, len(there))
    until_us = made.clock_us() + round(seconds * 1_000_000)
    number = 0
    while made.clock_us() < until_us:
        await asyncio.sleep(EDIT_EVERY_S)
        made.hugo.update("contacts", mine[number % len(mine)], {"fax": f"here {number}"})
        made.sally.update("Contact", theirs[number % len(theirs)], {"Title": f"There {number}"})
        number += 1


async def story(loop: VirtualTimeLoop, records: int, day_h: float, shares: Shares, seed: int) -> Ran:
    with tempfile.TemporaryDirectory(prefix="interlock-benchmark-") as folder:
        made = World(Path(folder) / "interlock.db", loop.now_us, existing="all", objects=("contacts",))
        await made.open()
        try:
            furnish(made, records)
            connected = await made.connect()
            async with made.write() as tx:
                for row in await mappings.field_mappings(tx):
                    await mappings.save_field_mapping(tx, msgspec.structs.replace(row, rule="two_way"))
            assert made.store is not None
            made.connection = await states.begin(made.store, connected)
            made.transport = line = BadLine(made.transport, seed, "salesforce.local")
            line.shares = shares
            began_us = made.clock_us()
            serving = Serving(made, line)
            await serving.work_for(FIRST_SYNC_S)
            await serving.work_until_quiet()
            first_sync = {side.value: line.sent[side] for side in Side}
            people = asyncio.create_task(edits(made, day_h * 3_600))
            await serving.work_for(day_h * 3_600)
            await people
            await serving.work_until_quiet()
            hours = (made.clock_us() - began_us) / 3_600_000_000
            left = await what_is_left(made, records)
            await serving.desk.close()
            sent = {side.value: line.sent[side] for side in Side}
            return Ran(first_sync, sent, dict(sorted(line.met.items())), left, hours)
        finally:
            assert made.store is not None
            await made.store.close()


async def what_is_left(made: World, records: int) -> dict[str, int]:
    assert made.store is not None
    async with made.read() as tx:
        due = {slug: each.due + each.waiting for slug, each in (await dirty.counts(tx, made.clock_us())).items()}
        raised = (await issues.counts(tx)).total
        held = await tx.rows(
            "SELECT id FROM record_link WHERE connection_id = ? AND held IS NOT NULL", tx.connection_id
        )
        unsettled = await intents.older_than_fence(tx, NO_FENCE)
    async with made.store.read(None) as tx:
        (connection,) = await connections.list_(tx)
    people = records + records // 5
    here = {id_: made.contact(id_) for id_ in made.hugo.ids("contacts")}
    there = {id_: made.sally.get("Contact", id_) for id_ in made.sally.ids("Contact")}
    twins = [(contact, there.get(contact.get("interlock_salesforce_id") or "")) for contact in here.values()]
    return {
        "due": sum(due.values()),
        "issues": raised,
        "held back": len(held),
        "requests unsettled": len(unsettled),
        "halted": int(connection.state not in ("idle", "syncing")),
        "made twice": _surplus(contact["email"] for contact in here.values())
        + _surplus(row["Email"] for row in there.values()),
        "missing": 2 * people - len(here) - len(there),
        "without counterpart": sum(twin is None for _, twin in twins),
        "unequal": sum(
            (contact.get(name) or None) != row[field]
            for contact, row in twins
            if row is not None
            for name, field in FIELDS.items()
        ),
    }


def _surplus(keys):  # type: ignore[no-untyped-def]
    return sum(times - 1 for times in Counter(keys).values())


def run(records: int, day_h: float, shares: Shares, seed: int = 0) -> Ran:
    loop = VirtualTimeLoop(random.Random(0))
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(story(loop, records, day_h, shares, seed))


def figures_of(clean: Ran, bad: list[Ran]) -> list[Figure]:
    figures = []
    for side in clean.sent:
        first = sum(ran.first_sync[side] for ran in bad) / len(bad) / clean.first_sync[side]
        figures.append(Figure(f"{side} calls of the first sync, over clear weather", first, "x", CALLS_MOST))
        all_ = sum(ran.sent[side] for ran in bad) / len(bad) / clean.sent[side]
        figures.append(Figure(f"{side} calls of all, over clear weather", all_, "x", CALLS_MOST))
    for what in clean.left:
        figures.append(Figure(f"at the end: {what}", sum(abs(ran.left[what]) for ran in bad), "", 0))
    wrong = sum(map(abs, clean.left.values()))
    return [*figures, Figure("in clear weather, all of these together", wrong, "", 0)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="a side")
    parser.add_argument("--day-h", type=float, default=24.0)
    parser.add_argument("--seeds", type=int, default=3, help="of the weather; calls are their mean")
    asked = parser.parse_args()
    clean = run(asked.records, asked.day_h, CLEAR)
    bad = [run(asked.records, asked.day_h, BAD, seed) for seed in range(asked.seeds)]
    about = {"records_a_side": asked.records, "day_hours": asked.day_h, "shares": msgspec.to_builtins(BAD)}
    about |= {"clear": msgspec.to_builtins(clean), "bad": msgspec.to_builtins(bad)}
    return tell("bad_api", figures_of(clean, bad), **about)


if __name__ == "__main__":
    sys.exit(main())
