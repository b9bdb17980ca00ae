"""What a record costs in API calls, counted by the local CRMs: benchmarks/calls.py and idle.py in small, so that a regression
fails the tests. The bars are those of the benchmarks, with room for what a small number of records cannot share.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.people import fill_hubspot, fill_salesforce
from benchmarks.worlds import change_in_hubspot, change_in_salesforce, counted, polling, set_rules
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.world import World, two_crms

from interlock.core.model import Side
from interlock.crm.errors import BudgetSpent

RECORDS = 1_000

T = TypeVar("T")


def played(tmp_path: Path, story: Callable[[World], Awaitable[T]], **options: object) -> T:
    loop = VirtualTimeLoop(random.Random(0))
    asyncio.set_event_loop(loop)

    async def whole() -> T:
        async with two_crms(tmp_path / "interlock.db", loop.now_us, **options) as world:
            return await story(world)

    try:
        return loop.run_until_complete(whole())
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def fill(world: World) -> None:
    fill_hubspot(world.hubspot, RECORDS)
    fill_salesforce(world.salesforce, RECORDS)


async def linked(world: World, rule: str | None = None) -> None:
    fill(world)
    await world.connect()
    if rule is not None:
        await set_rules(world, rule)
    result = await world.sync()
    assert result.objects["contacts"].linked == RECORDS


def test_a_first_sync_of_matched_contacts_costs_hundredths_of_a_call_each(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await linked(world)
        calls = counted(world)
        # A page of 100, a batch of 100 to tell the id, a page of 200 to see that nobody else wrote, the history of one
        # record in five; and the one look at each kind of record that is always there.
        assert calls.hubspot <= 0.035 * RECORDS + 10, calls
        # Besides matching in queries of 15,000 characters, one look at each kind of record and its counterpart.
        assert calls.salesforce <= 0.005 * RECORDS + 12, calls
        assert calls.setup <= 60, calls

    played(tmp_path, story, existing="link")


def test_a_first_sync_with_every_field_two_way_stays_below_its_bar(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await linked(world, "two_way")
        calls = counted(world)
        assert calls.hubspot <= 0.05 * RECORDS, calls
        assert calls.salesforce <= 0.005 * RECORDS + 12, calls

    played(tmp_path, story, existing="link")


def test_changes_cost_what_changed_and_nothing_for_what_did_not(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await linked(world, "two_way")
        await world.sync_later(3_600)
        nothing = counted(world)
        await world.sync_later(3_600)
        nothing = counted(world).since(nothing)
        for change, other in ((change_in_hubspot, "salesforce"), (change_in_salesforce, "hubspot")):
            change(world, range(0, RECORDS, 10), "burst")
            await asyncio.sleep(60)
            before = counted(world)
            result = await world.sync()
            assert getattr(result.objects["contacts"], f"updated_in_{other}") == 100
            calls = counted(world).since(before)
            # A batch of 100 to read, one to write, two histories of 50; and the second pass, which finds nothing.
            assert calls.hubspot <= 2 * nothing.hubspot + 5, calls
            # A retrieval of 2,000, a write of 400.
            assert calls.salesforce <= 2 * nothing.salesforce + 3, calls
            await world.sync_later(3_600)

    played(tmp_path, story, existing="link")


def test_a_burst_is_not_read_again_by_the_polls_that_come_after_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await linked(world)
        async with polling(world, allocated=100_000) as connection:
            await connection.rest()
            before = counted(world)
            for _ in range(20):
                await asyncio.sleep(connection.interval_s())
                assert await connection.poll() == 0
            calls = counted(world).since(before)
            # One search for each of three objects, one composite call; HubSpot's archive every five minutes.
            assert calls.by_endpoint["POST /crm/objects/2026-09/{type}/search"] == 20 * 3
            assert calls.salesforce == 20
            assert calls.hubspot <= 20 * 3 + 2 * 3

    played(tmp_path, story, existing="link")


def test_an_idle_hour_takes_its_share_of_the_day_and_no_more(tmp_path: Path) -> None:
    async def story(world: World) -> dict[int, int]:
        await linked(world)
        found = {}
        for allocated in (100_000, 15_000):
            async with polling(world, allocated) as connection:
                await connection.rest()
                before, begun = counted(world), asyncio.get_running_loop().time()
                while asyncio.get_running_loop().time() - begun < 3_600:
                    await connection.poll()
                    await asyncio.sleep(connection.interval_s())
                found[allocated] = counted(world).since(before).salesforce
        return found

    calls = played(tmp_path, story, existing="link")
    assert calls[100_000] <= 6_000 / 24
    assert calls[15_000] <= 750 / 24


def test_every_call_is_counted_under_its_purpose(tmp_path: Path) -> None:
    """What Interlock says it used is what the local CRMs counted."""

    async def story(world: World) -> None:
        await linked(world, "two_way")
        await world.sync_later(3_600)
        before = counted(world)
        async with polling(world) as connection:
            change_in_hubspot(world, range(10), "purpose")
            change_in_salesforce(world, range(10, 20), "purpose")
            await asyncio.sleep(60)
            await connection.poll()
            calls = counted(world).since(before)
            hubspot = await connection.ctx.hubspot.governor.used_24h()
            salesforce = await connection.ctx.salesforce.governor.used_24h()
        assert connection.ctx.hubspot.governor.side is Side.HUBSPOT
        assert sum(hubspot.values()) == calls.hubspot
        assert sum(salesforce.values()) == calls.salesforce
        assert set(hubspot) == {"detect", "fetch", "write", "verify"}
        assert set(salesforce) == {"detect", "fetch", "write"}

    played(tmp_path, story, existing="link")


def test_an_allocation_that_is_too_small_spreads_a_first_sync_over_days_and_is_never_exceeded(tmp_path: Path) -> None:
    allocated = 3

    async def story(world: World) -> None:
        fill(world)
        await world.connect()
        days = 0
        async with polling(world, allocated) as connection:
            while connection.ctx.report.of("contacts").linked < RECORDS:
                before = counted(world)
                with contextlib.suppress(BudgetSpent):
                    await connection.poll()
                assert counted(world).since(before).salesforce <= allocated
                days += 1
                assert days < 10
                await asyncio.sleep(25 * 3_600)
        assert days > 1, "the allocation was large enough, so nothing was shown"

    played(tmp_path, story, existing="link")
