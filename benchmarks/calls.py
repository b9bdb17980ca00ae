"""API calls per record, counted by the local CRMs: `python benchmarks/calls.py [--records N] [--linked N]`.

Four things are measured, on virtual time and with every object on: a first sync of contacts that match by e-mail, under
the default rules and with every field two-way; one of twice as many of whom HubSpot has one in five, which only links (5,000 are
asked after before HubSpot's are noted); 1,000 changed records among 100,000 linked ones found at once; and the same
number found in 20 polls of 50. Changes are measured from each side by itself, since each costs calls of the other kind. What set-up
takes (schemas, owners, limits) is told apart. No call may be refused as too fast.

The polls of a loop are made whether or not anything changed (`idle.py` holds them to their share of the day), so changes
found in 20 polls are charged what they cost beyond 20 polls that find nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from benchmarks.people import DATA, fill_hubspot, fill_salesforce
from benchmarks.worlds import Calls, change_in_hubspot, change_in_salesforce, counted, fill, polling, set_rules, world
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.world import World

SALESFORCE_MOST, SALESFORCE_GOAL = 0.012, 0.005
HUBSPOT_TWO_WAY_MOST, HUBSPOT_TWO_WAY_GOAL = 0.07, 0.05
HUBSPOT_DEFAULT_MOST = 0.035
HUBSPOT_CHANGED_MOST = 0.06
HAS_ONE_IN = 5
HUBSPOT_LACKED_MOST = 0.006
SETUP_MOST = 60
POLLS = 20
CHANGED = 1_000

T = TypeVar("T")


def on_virtual_time(story: Callable[[VirtualTimeLoop], Awaitable[T]]) -> T:
    loop = VirtualTimeLoop(random.Random(0))
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(story(loop))


async def first_sync(loop: VirtualTimeLoop, records: int, rule: str | None) -> Calls:
    async with world(loop, existing="link") as made:
        fill(made, records)
        before = counted(made)
        await made.connect()
        if rule is not None:
            await set_rules(made, rule)
        result = await made.sync()
        assert result.objects["contacts"].linked == records, result.objects
        return counted(made).since(before)


async def first_sync_of_more(loop: VirtualTimeLoop, records: int, theirs: int) -> Calls:
    """Of so many records in Salesforce, of the first of which HubSpot has `theirs`."""
    async with world(loop, existing="link") as made:
        fill_hubspot(made.hubspot, theirs)
        fill_salesforce(made.salesforce, records)
        before = counted(made)
        await made.connect()
        result = await made.sync()
        assert result.objects["contacts"].linked == theirs, result.objects
        return counted(made).since(before)


async def changes(loop: VirtualTimeLoop, linked: int, changed: int) -> dict[str, Calls]:
    """What changed records cost, by side and by how they were found."""
    found: dict[str, Calls] = {}
    async with world(loop, existing="link") as made:
        fill(made, linked)
        await made.connect()
        await set_rules(made, "two_way")
        await made.sync()
        await made.sync_later(3_600)
        before = counted(made)
        await made.sync_later(3_600)
        found["nothing"] = counted(made).since(before)
        for side, change in (("hubspot", change_in_hubspot), ("salesforce", change_in_salesforce)):
            await asyncio.sleep(3_600)
            await made.sync()
            change(made, range(0, linked, linked // changed), "burst")
            await asyncio.sleep(60)
            before = counted(made)
            result = await made.sync()
            _assert_carried_over(result.objects["contacts"], side, changed)
            found[f"{side} burst"] = counted(made).since(before)
        await _poll(made, linked, changed, found)
    return found


async def _poll(made: World, linked: int, changed: int, found: dict[str, Calls]) -> None:
    async with polling(made) as connection:
        await connection.poll()
        for side, change in (("nothing", None), ("hubspot", change_in_hubspot), ("salesforce", change_in_salesforce)):
            await connection.rest()
            before = counted(made)
            for number in range(POLLS):
                if change is not None:
                    first = number * linked // POLLS
                    change(made, range(first, first + linked // POLLS, linked // changed), f"poll {number}")
                await asyncio.sleep(connection.interval_s())
                await connection.poll()
            found[f"{side} polls"] = counted(made).since(before)
            if change is not None:
                await connection.settle(side, changed)


def _assert_carried_over(counts: object, side: str, changed: int) -> None:
    other = "salesforce" if side == "hubspot" else "hubspot"
    assert getattr(counts, f"updated_in_{other}") == changed, counts


def figures_of_first_sync(default: Calls, two_way: Calls, records: int) -> list[Figure]:
    return [
        Figure(
            "first sync, Salesforce calls a record", default.salesforce / records, "", SALESFORCE_MOST, SALESFORCE_GOAL
        ),
        Figure(
            "first sync, HubSpot calls a record, default rules", default.hubspot / records, "", HUBSPOT_DEFAULT_MOST
        ),
        Figure(
            "first sync, Salesforce calls a record, all two-way",
            two_way.salesforce / records,
            "",
            SALESFORCE_MOST,
            SALESFORCE_GOAL,
        ),
        Figure(
            "first sync, HubSpot calls a record, all two-way",
            two_way.hubspot / records,
            "",
            HUBSPOT_TWO_WAY_MOST,
            HUBSPOT_TWO_WAY_GOAL,
        ),
        Figure("set-up calls of both sides, connecting included", default.setup, "", SETUP_MOST),
    ]


def figures_of_more(more: Calls, same: Calls, lacked: int) -> list[Figure]:
    """`same`: a first sync without the records that HubSpot lacks."""
    return [
        Figure(
            "first sync, HubSpot calls a record that HubSpot lacks",
            (more.hubspot - same.hubspot) / lacked,
            "",
            HUBSPOT_LACKED_MOST,
        ),
        Figure(
            "first sync, Salesforce calls a record that HubSpot lacks",
            (more.salesforce - same.salesforce) / lacked,
            "",
            SALESFORCE_MOST,
            SALESFORCE_GOAL,
        ),
    ]


def figures_of_changes(found: dict[str, Calls], changed: int) -> list[Figure]:
    figures = []
    for side in ("hubspot", "salesforce"):
        burst = found[f"{side} burst"]
        figures += [
            Figure(
                f"burst changed in {side}, Salesforce calls a record", burst.salesforce / changed, "", SALESFORCE_MOST
            ),
            Figure(
                f"burst changed in {side}, HubSpot calls a record", burst.hubspot / changed, "", HUBSPOT_CHANGED_MOST
            ),
        ]
    for side in ("hubspot", "salesforce"):
        polls = found[f"{side} polls"].since(found["nothing polls"])
        # One read and one write a poll that finds something: at 50 records a poll that is 0.04, whoever does it.
        most = SALESFORCE_MOST if side == "salesforce" else None
        note = "" if most is not None else "one read and one write a poll"
        figures += [
            Figure(
                f"20 polls, changed in {side}, Salesforce calls a record",
                polls.salesforce / changed,
                "",
                most,
                note=note,
            ),
            Figure(
                f"20 polls, changed in {side}, HubSpot calls a record",
                polls.hubspot / changed,
                "",
                HUBSPOT_CHANGED_MOST,
            ),
        ]
    nothing = found["nothing"]
    figures.append(Figure("one sync that finds nothing, all calls", nothing.salesforce + nothing.hubspot, "", 10))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="of the first sync, a side")
    parser.add_argument("--linked", type=int, default=100_000, help="among which 1,000 change")
    asked = parser.parse_args()
    default = on_virtual_time(lambda loop: first_sync(loop, asked.records, None))
    two_way = on_virtual_time(lambda loop: first_sync(loop, asked.records, "two_way"))
    figures = figures_of_first_sync(default, two_way, asked.records)
    there = 2 * asked.records
    theirs = there // HAS_ONE_IN
    same = on_virtual_time(lambda loop: first_sync_of_more(loop, theirs, theirs))
    more = on_virtual_time(lambda loop: first_sync_of_more(loop, there, theirs))
    figures += figures_of_more(more, same, there - theirs)
    found = on_virtual_time(lambda loop: changes(loop, asked.linked, CHANGED))
    figures += figures_of_changes(found, CHANGED)
    by_endpoint = {"first sync": default.by_endpoint, "first sync, two-way": two_way.by_endpoint}
    by_endpoint |= {"first sync of whom HubSpot lacks": more.by_endpoint}
    by_endpoint |= {name: calls.by_endpoint for name, calls in found.items()}
    return tell("calls", figures, records_a_side=asked.records, linked=asked.linked, data=DATA, by_endpoint=by_endpoint)


if __name__ == "__main__":
    sys.exit(main())
