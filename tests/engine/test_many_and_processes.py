"""Thousands of records with one stamp, and two processes on one connection."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from interlock.app.runtime import open_cycle
from interlock.app.sync import sync
from interlock.core.model import Side
from interlock.crm.errors import CrmError
from interlock.crm.hubspot.requests import objects_path
from interlock.crm.salesforce.requests import DATA_PATH
from interlock.store import Fenced, HeldByOther
from tests.world import World

# HubSpot gives 10,000 results of one search; a smaller ceiling is met by fewer records.
CEILING = 1_000
MANY = 1_300
ROWS = 2_300  # beyond a page of Salesforce


def test_more_records_of_one_moment_than_a_search_gives_are_all_found(tell):
    async def story(world: World) -> None:
        await world.settle()
        world.hubspot.seed({"contacts": [{"email": f"p{number}@example.com"} for number in range(MANY)]})
        stamps = {world.contact(id_)["lastmodifieddate"] for id_ in world.hugo.ids("contacts")}
        assert len(stamps) == 1
        await world.sync_later()
        assert len(world.sally.ids("Contact")) == MANY

    quick = {"rate_limits": False, "search_total_max": CEILING}
    tell(story, hubspot=quick, salesforce={"daily_api_requests": 1_000_000}, objects=("contacts",))


def test_more_rows_of_one_second_than_a_page_holds_are_all_found(tell):
    async def story(world: World) -> None:
        await world.settle()
        rows = [{"LastName": f"P{number}", "Email": f"p{number}@example.com"} for number in range(ROWS)]
        world.salesforce.seed({"Contact": rows})
        stamps = {world.sally.get("Contact", id_)["SystemModstamp"] for id_ in world.sally.ids("Contact")}
        assert len(stamps) == 1
        await world.sync_later()
        assert len(world.hugo.ids("contacts")) == ROWS

    quick = {"rate_limits": False}
    tell(story, hubspot=quick, salesforce={"daily_api_requests": 1_000_000}, objects=("contacts",))


def test_a_second_process_is_told_that_the_first_holds_the_connection(tell):
    async def story(world: World) -> None:
        assert world.store is not None
        assert world.connection is not None
        world.person("ada@example.com")
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="first"):
            before = world.written
            with pytest.raises(HeldByOther):
                await world.sync()
            assert world.written == before
        await world.settle()
        assert len(world.sally.ids("Contact")) == 1

    tell(story)


def test_a_frozen_process_that_wakes_writes_nothing_more(tell):
    """It stood still in the middle of reading, while another took over, finished the work and saw newer edits."""

    async def story(world: World) -> None:
        assert world.store is not None
        assert world.connection is not None
        here = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", here)
        await world.rule("contacts", "jobtitle", "two_way")
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        frozen, thaw = world.freeze_at("/batch/read")
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="frozen") as ctx:
            stop_renewing()
            sleeper = asyncio.create_task(sync(ctx))
            await frozen.wait()
            await asyncio.sleep(60.0)
            await world.settle()
            world.hugo.update("contacts", here, {"jobtitle": "CEO"})
            await world.settle()
            assert world.sally.get("Contact", there)["Title"] == "CEO"
            before = world.written
            thaw.set()
            with pytest.raises(Fenced):
                await sleeper
            assert world.written == before
        await world.settle()
        assert world.written == before

    tell(story)


def stop_renewing() -> None:
    """A frozen process does not renew its lease either."""
    for task in asyncio.all_tasks():
        if "Ownership.keep" in repr(task.get_coro()):
            task.cancel()


@pytest.mark.parametrize("path", ["batch/", "search"])
def test_a_crm_that_is_down_in_the_middle_leaves_everything_for_the_next_time(tell, path):
    async def story(world: World) -> None:
        people = [world.person(f"p{number}@example.com") for number in range(20)]
        for number in range(20):
            world.sally.create("Contact", {"LastName": f"S{number}", "Email": f"s{number}@example.com"})
        world.hubspot.faults.add(
            {
                "match": {"method": "POST", "path_prefix": objects_path("contacts") + f"/{path}"},
                "kind": "status",
                "status": 503,
            }
        )
        with contextlib.suppress(CrmError):
            await world.sync()
        assert world.hubspot.faults.fired
        world.hubspot.faults.clear()
        await world.settle()
        assert (len(world.sally.ids("Contact")), len(world.hugo.ids("contacts"))) == (40, 40)
        assert all(world.counterpart("contacts", here) for here in people)

    tell(story)


@pytest.mark.parametrize("lag_ms", [0, 20_000])
@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after", "cut_body", "partial"])
@pytest.mark.parametrize("side", list(Side))
def test_an_answer_that_never_came_makes_nothing_twice(tell, side, kind, lag_ms):
    async def story(world: World) -> None:
        for number in range(10):
            world.person(f"p{number}@example.com")
            world.sally.create("Contact", {"LastName": f"S{number}", "Email": f"s{number}@example.com"})
        # The calls that create: an upsert in HubSpot, and what may be a collection or a composite of them in Salesforce.
        if side is Side.HUBSPOT:
            match = {"method": "POST", "path_prefix": objects_path("contacts") + "/batch/upsert", "times": 2}
        else:
            match = {"path_prefix": f"{DATA_PATH}/composite", "times": 3}
        crm = world.hubspot if side is Side.HUBSPOT else world.salesforce
        crm.faults.add({"match": match, "kind": kind})
        with contextlib.suppress(CrmError):
            await world.sync()
        assert crm.faults.fired
        await world.settle()
        assert (len(world.sally.ids("Contact")), len(world.hugo.ids("contacts"))) == (20, 20)
        assert await world.issues() == []

    tell(story, hubspot={"search_lag_ms": lag_ms})
