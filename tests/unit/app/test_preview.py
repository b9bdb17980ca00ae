"""The plan: that it says what the next sync then does, and that nobody can tell afterwards that it was made."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app import preview
from interlock.core.model import Side
from interlock.crm.transport import Request, Response, Transport
from interlock.engine.context import Cycle
from interlock.engine.preview import Previewer
from interlock.store import scratch
from interlock.store.schema import metadata

# What a later sync trusts: everything but counts of calls.
TRUSTED = [table for table in metadata.sorted_tables if table.name not in ("calls", "lease")]
PAIRS = {
    "create_in_hubspot": "created_in_hubspot",
    "create_in_salesforce": "created_in_salesforce",
    "update_in_hubspot": "updated_in_hubspot",
    "update_in_salesforce": "updated_in_salesforce",
    "matched": "linked",
    "conflicts": "conflicts",
    "issues": "issues",
}


async def plan(world: World, **options: Any) -> preview.Planned:
    assert world.store is not None
    assert world.connection is not None
    return await preview.plan(world.store, world.connection, *world.clients(), world.clock_us, **options)


async def everything_stored(world: World) -> dict[str, list[Any]]:
    assert world.store is not None
    async with world.store.read(None) as tx:
        return {table.name: sorted(map(tuple, await tx.rows(f"SELECT * FROM {table.name}"))) for table in TRUSTED}


async def as_the_sync_does(world: World) -> dict[str, dict[str, Any]]:
    """Plan twice, see that nothing moved, sync, and compare. The plan's document."""
    before = await everything_stored(world), world.hubspot.journal.last_seq, world.salesforce.journal.last_seq
    first = preview.as_document(await plan(world))
    second = preview.as_document(await plan(world))
    assert first["objects"] == second["objects"]
    assert before == (
        await everything_stored(world),
        world.hubspot.journal.last_seq,
        world.salesforce.journal.last_seq,
    )
    assert first["complete"] is True
    result = await world.sync()
    for slug, counts in result.objects.items():
        planned = first["objects"][slug]
        assert {name: planned[name] for name in PAIRS} == {
            name: getattr(counts, done) for name, done in PAIRS.items()
        }, slug
    objects: dict[str, dict[str, Any]] = first["objects"]
    return objects


def mixed(world: World) -> None:
    """A bit of everything on both sides."""
    hugo, sally = world.hugo, world.sally
    engines = hugo.create("companies", {"name": "Analytical Engines", "domain": "engines.com", "phone": "1"})
    sally.create("Account", {"Name": "Analytical Engines, Inc.", "Website": "www.engines.com"})
    looms = sally.create("Account", {"Name": "Jacquard Looms", "Website": "looms.com"})
    mills = hugo.create("companies", {"name": "Water Mills", "domain": "mills.com"})
    ada = hugo.create("contacts", {"email": "ada@engines.com", "firstname": "Ada", "lastname": "Byron"})
    hugo.associate("contacts", ada, "companies", engines)
    sally.create("Contact", {"Email": "ada@engines.com", "FirstName": "Ada", "LastName": "Lovelace"})
    miller = hugo.create("contacts", {"email": "miller@mills.com", "lastname": "Miller"})
    hugo.associate("contacts", miller, "companies", mills)
    hugo.create("contacts", {"firstname": "Nobody"})
    weaver = sally.create("Contact", {"Email": "weaver@looms.com", "LastName": "Weaver", "AccountId": looms})
    sally.create("Lead", {"Email": "lead@elsewhere.com", "LastName": "Lead", "Company": "Elsewhere"})
    for first_name in ("One", "Two"):
        sally.create("Contact", {"Email": "twins@looms.com", "FirstName": first_name, "LastName": "Twin"})
    deal = sally.create(
        "Opportunity",
        {"Name": "Cloth", "StageName": "Closed Won", "CloseDate": "2026-02-01", "AccountId": looms, "Amount": 100},
    )
    sally.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": weaver})
    hugo.create(
        "deals", {"dealname": "Water", "dealstage": "closedwon", "pipeline": "default", "closedate": "2026-02-01"}
    )
    hugo.create("contacts", {"email": "long@mills.com", "jobtitle": "x" * 300})


def test_the_first_load_is_planned_as_it_then_happens(tell: Tell) -> None:
    async def story(world: World) -> None:
        mixed(world)
        await world.connect()
        objects = await as_the_sync_does(world)
        assert objects["companies"]["matched"] == 1
        assert objects["companies"]["create_in_salesforce"] == 1
        contacts = objects["contacts"]
        assert (contacts["matched"], contacts["create_in_salesforce"], contacts["create_in_hubspot"]) == (1, 2, 2)
        assert contacts["ambiguous"] == 2
        assert contacts["blocked_reasons"] == {"no_email": 1}
        actions = {example["action"] for example in contacts["examples"]}
        assert {"create_in_hubspot", "create_in_salesforce", "ambiguous", "blocked"} <= actions

    tell(story, existing="all")


def test_linking_only_plans_no_creates(tell: Tell) -> None:
    async def story(world: World) -> None:
        mixed(world)
        await asyncio.sleep(3_600)
        await world.connect()
        objects = await as_the_sync_does(world)
        assert all(each["create_in_hubspot"] == each["create_in_salesforce"] == 0 for each in objects.values())
        assert objects["contacts"]["matched"] == 1
        assert objects["contacts"]["blocked_reasons"]["existing_not_created"] > 0

    tell(story, existing="link")


def test_leaving_existing_records_alone_plans_what_changed_since_connecting(tell: Tell) -> None:
    async def story(world: World) -> None:
        mixed(world)
        await asyncio.sleep(3_600)
        await world.connect()
        objects = preview.as_document(await plan(world))["objects"]
        assert not any(each[name] for each in objects.values() for name in PAIRS)
        await asyncio.sleep(3_600)
        world.hugo.create("contacts", {"email": "new@engines.com", "lastname": "New"})
        objects = await as_the_sync_does(world)
        assert objects["contacts"]["create_in_salesforce"] == 1

    tell(story, existing="none")


def test_after_the_first_sync_it_plans_what_changed_since(tell: Tell) -> None:
    async def story(world: World) -> None:
        mixed(world)
        await world.connect()
        await world.sync()
        await world.sync_later()
        quiet = preview.as_document(await plan(world))["objects"]
        assert not any(each[name] for each in quiet.values() for name in PAIRS)
        await asyncio.sleep(3_600)
        (ada,) = [id_ for id_ in world.hugo.ids("contacts") if world.contact(id_).get("email") == "ada@engines.com"]
        world.hugo.update("contacts", ada, {"jobtitle": "Countess"})
        (looms,) = [
            id_ for id_ in world.sally.ids("Account") if world.sally.get("Account", id_)["Name"] == "Jacquard Looms"
        ]
        world.sally.update("Account", looms, {"Phone": "555", "BillingCity": "Lyon"})
        world.sally.create("Contact", {"Email": "spinner@looms.com", "LastName": "Spinner", "AccountId": looms})
        await asyncio.sleep(300)
        objects = await as_the_sync_does(world)
        assert objects["contacts"]["update_in_salesforce"] == 1
        (example,) = [each for each in objects["contacts"]["examples"] if each["action"] == "update_in_salesforce"]
        (field,) = example["fields"]
        assert (field["property"], field["field"], field["result"]) == ("jobtitle", "Title", "Countess")
        assert objects["companies"]["update_in_hubspot"] == 1
        assert objects["contacts"]["create_in_hubspot"] == 1

    tell(story, existing="all")


def test_a_limit_looks_at_so_many_records_and_says_that_there_are_more(tell: Tell) -> None:
    async def story(world: World) -> None:
        for number in range(30):
            world.hugo.create("contacts", {"email": f"person{number}@example.com"})
        await world.connect()
        partly = await plan(world, limit=10)
        assert (partly.complete, partly.objects["contacts"].counts.created_in_salesforce) == (False, 10)
        whole = await plan(world, limit=30)
        assert (whole.complete, whole.objects["contacts"].counts.created_in_salesforce) == (True, 30)

    tell(story, existing="all")


def test_one_object_is_planned_alone(tell: Tell) -> None:
    async def story(world: World) -> None:
        mixed(world)
        await world.connect()
        assert list((await plan(world, only=["deals"])).objects) == ["deals"]

    tell(story, existing="all")


def test_what_would_trip_the_brake_is_said_and_planned_all_the_same(tell: Tell) -> None:
    async def story(world: World) -> None:
        for number in range(120):
            world.hugo.create("contacts", {"email": f"person{number}@example.com"})
        await world.connect()
        await world.sync()
        await asyncio.sleep(300)
        for id_ in world.sally.ids("Contact"):
            world.sally.delete("Contact", id_)
        found = await plan(world)
        assert found.brake
        assert (await world.sync()).outcome == "stopped"

    tell(story, existing="all")


def test_the_forecast_is_near_what_the_sync_then_uses(tell: Tell) -> None:
    async def story(world: World) -> None:
        for number in range(300):
            world.hugo.create("contacts", {"email": f"here{number}@example.com"})
            world.sally.create("Contact", {"Email": f"there{number}@example.com", "LastName": "There"})
            if number % 3 == 0:
                world.sally.create("Contact", {"Email": f"here{number}@example.com", "LastName": "Here"})
        await world.connect()
        forecast = (await plan(world)).api_calls
        used = (await world.sync()).api_calls
        for side, calls in forecast.items():
            assert 0.6 * used[side.value] <= calls <= 1.4 * used[side.value], (forecast, used)

    tell(story, existing="all")


class Far:
    """A line on which every request travels for so long."""

    def __init__(self, inner: Transport, travel_s: float) -> None:
        self._inner = inner
        self._travel_s = travel_s

    async def send(self, request: Request, deadline_s: float) -> Response:
        await asyncio.sleep(self._travel_s)
        return await self._inner.send(request, deadline_s)


def test_the_time_told_is_near_what_the_sync_then_takes_however_slow_the_line_is(tell: Tell) -> None:
    async def story(world: World) -> None:
        for number in range(300):
            world.hugo.create("contacts", {"email": f"here{number}@example.com"})
            world.sally.create("Contact", {"Email": f"there{number}@example.com", "LastName": "There"})
        world.transport = Far(world.transport, 2.0)
        await world.connect()
        told = (await plan(world)).duration
        assert told is not None
        began_s = asyncio.get_running_loop().time()
        await world.sync()
        took_s = asyncio.get_running_loop().time() - began_s
        assert 0.5 * took_s <= told.working_s <= 1.5 * took_s, (told, took_s)
        assert (told.days, told.limited_by) == (1, None)

    tell(story, existing="all")


def test_a_daily_limit_that_is_too_small_is_told_in_days(tell: Tell) -> None:
    async def story(world: World) -> None:
        for number in range(300):
            world.hugo.create("contacts", {"email": f"here{number}@example.com"})
        await world.connect()
        assert world.store is not None
        assert world.connection is not None
        hubspot, salesforce = world.clients()
        used = sum((await salesforce.governor.used_24h()).values())
        planned = await plan(world)
        # What a preview uses is gone when the sync begins.
        salesforce.governor.allocate(used + planned.api_calls[Side.SALESFORCE] + 3)
        planned = await preview.plan(world.store, world.connection, hubspot, salesforce, world.clock_us)
        assert planned.duration is not None
        assert planned.duration.limited_by is Side.SALESFORCE
        assert planned.duration.days == 2

    tell(story, existing="all")


def test_while_it_counts_the_calls_so_far_and_their_time_are_told(tell: Tell) -> None:
    async def story(world: World) -> None:
        for number in range(300):
            world.hugo.create("contacts", {"email": f"here{number}@example.com"})
        world.transport = Far(world.transport, 2.0)
        await world.connect()
        watched: list[preview.Counting] = []
        work = asyncio.ensure_future(plan(world, watch=watched.append))
        told = []
        while not work.done():
            await asyncio.sleep(5)
            if watched:
                told.append(watched[0].so_far())
        whole = await work
        calls = [sum(each.api_calls.values()) for each in told]
        assert calls == sorted(calls)
        assert 0 < calls[1] < sum(whole.api_calls.values())
        times = [each.duration.working_s for each in told if each.duration is not None]
        assert len(times) == len(told)
        assert whole.duration is not None
        assert 0 < times[1] < whole.duration.working_s

    tell(story, existing="all")


def test_whoever_watches_has_a_document_before_anything_is_counted(tell: Tell) -> None:
    async def story(world: World) -> None:
        world.hugo.create("contacts", {"email": "ada@example.com"})
        await world.connect()
        early: list[dict[str, Any]] = []
        await plan(world, watch=lambda counts: early.append(preview.as_document(counts.so_far())))
        assert early[0]["api_calls"] == {"hubspot": 0, "salesforce": 0}
        assert early[0]["objects"]["contacts"]["create_in_salesforce"] == 0

    tell(story, existing="all")


def test_a_copy_that_a_killed_process_left_is_removed_and_one_in_use_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, not_ours = tmp_path / "interlock-preview-left", tmp_path / "another"
    for folder in (left, not_ours):
        folder.mkdir()
        (folder / "in-use").touch()
        (folder / "preview.db").write_text("addresses of people")
    with scratch._folder() as in_use, scratch._folder() as of_another_preview:
        scratch.remove_left()
        assert sorted(each.name for each in tmp_path.iterdir()) == sorted(
            each.name for each in (in_use, of_another_preview, not_ours)
        )
    scratch.remove_left()
    assert [each.name for each in tmp_path.iterdir()] == ["another"]


def containers(of: object, seen: set[int]) -> Iterator[tuple[object, int]]:
    """Every collection that can be reached from here, with its size: of what is Interlock's own, the clients and the store left
    out, which are the same for a sync."""
    if id(of) in seen or isinstance(of, (str, bytes, int)):
        return
    seen.add(id(of))
    if isinstance(of, (dict, list, set, tuple, frozenset)):
        yield of, len(of)
        inner = [*of.values()] if isinstance(of, dict) else [*of]
    elif isinstance(of, msgspec.Struct):
        left_out = ("store", "hubspot", "salesforce", "echoes") if isinstance(of, Cycle) else ()
        inner = [getattr(of, name) for name in of.__struct_fields__ if name not in left_out]
    elif isinstance(of, Previewer):
        inner = [*vars(of).values()]
    else:
        return
    for each in inner:
        yield from containers(each, seen)


def test_a_preview_of_many_records_holds_no_more_of_them_in_memory_than_a_batch(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An org has a million people, each of a company of their own."""
    many, batch_rows = 60, 10
    made: list[Previewer] = []
    begin = Previewer.__init__

    def kept(self: Previewer, ctx: Cycle, limit: int | None) -> None:
        begin(self, ctx, limit)
        made.append(self)

    async def story(world: World) -> None:
        monkeypatch.setattr(Previewer, "__init__", kept)
        for number in range(many):
            company = world.hugo.create("companies", {"name": f"Works {number}", "domain": f"works{number}.com"})
            account = world.sally.create("Account", {"Name": f"Works {number}", "Website": f"works{number}.com"})
            person = world.hugo.create("contacts", {"email": f"ada@works{number}.com", "lastname": "Byron"})
            world.hugo.associate("contacts", person, "companies", company)
            world.sally.create("Contact", {"Email": f"ada@works{number}.com", "LastName": "B", "AccountId": account})
        await world.connect()
        assert world.connection is not None
        world.connection.settings["batch_rows"] = batch_rows
        found = preview.as_document(await plan(world))
        assert found["objects"]["contacts"]["matched"] == many
        [previewer] = made
        most = max(size for _, size in containers(previewer, set()))
        assert most < many, [of for of, size in containers(previewer, set()) if size == most]

    tell(story, existing="all")
