"""A mapping, a rule or a setting that a person saves while a sync runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from interlock.app import connections as use_case
from interlock.app.sync import SyncResult
from interlock.store import connections
from tests.world import World

BATCH, PEOPLE = 5, 12
SMALL = {"settings": {"batch_rows": BATCH}, "objects": ("contacts",)}


async def _sync_and_save(world: World, save: Callable[[], Awaitable[object]]) -> SyncResult:
    """What is saved is saved while the first batch of the sync waits for HubSpot."""
    await asyncio.sleep(300)
    frozen, thaw = world.freeze_at("/contacts/batch/read")
    syncing = asyncio.create_task(world.sync())
    await frozen.wait()
    await save()
    thaw.set()
    return await syncing


async def _edited_people(world: World) -> list[str]:
    people = [world.person(f"p{n}@example.com", jobtitle="before", fax="1") for n in range(PEOPLE)]
    await world.rule("contacts", "jobtitle", "two_way")
    await world.settle()
    for person in people:
        world.hugo.update("contacts", person, {"jobtitle": "after"})
    return people


def _titles(world: World) -> list[str]:
    return [str(world.sally.get("Contact", id_).get("Title") or "") for id_ in world.sally.ids("Contact")]


def test_a_rule_saved_while_a_drain_runs_counts_from_its_next_batch(tell):
    async def story(world: World) -> None:
        await _edited_people(world)
        result = await _sync_and_save(world, lambda: world.rule("contacts", "jobtitle", "dont_sync"))
        assert result.outcome == "done"
        # The batch under way went on by the rule that it had begun with; the others were never written.
        assert _titles(world).count("after") == BATCH
        await world.settle()
        assert _titles(world).count("after") == BATCH

    tell(story, **SMALL)


def test_a_mapping_saved_while_a_drain_runs_is_read_and_written_from_its_next_batch(tell):
    async def story(world: World) -> None:
        await world.unmap("contacts", "fax")
        people = await _edited_people(world)
        result = await _sync_and_save(world, lambda: world.map("contacts", "fax", "Contact", "Fax"))
        assert result.outcome == "done"
        assert _titles(world).count("after") == PEOPLE
        faxes = [world.sally.get("Contact", world.counterpart("contacts", person)).get("Fax") for person in people]
        assert sorted(str(fax or "") for fax in faxes) == [""] * BATCH + ["1"] * (PEOPLE - BATCH)

    tell(story, **SMALL)


def test_an_object_paused_while_a_drain_runs_is_left_alone_from_its_next_batch(tell):
    async def story(world: World) -> None:
        await _edited_people(world)

        async def pause() -> None:
            assert world.store is not None
            connection = await use_case.choose(world.store, None)
            await use_case.pause(world.store, connection, ["contacts"], plan=False)

        await _sync_and_save(world, pause)
        assert _titles(world).count("after") == BATCH

    tell(story, **SMALL)


def test_a_sync_itself_changes_nothing_that_would_make_it_begin_again(tell):
    async def story(world: World) -> None:
        await _edited_people(world)
        async with world.read() as tx:
            before = await connections.setup_version(tx)
        await world.settle()
        assert _titles(world).count("after") == PEOPLE
        async with world.read() as tx:
            assert await connections.setup_version(tx) == before

    tell(story, **SMALL)
