"""A connection that chose exact writes: Salesforce refuses what somebody edited since our read, and nothing is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.simulation.virtual_time import run
from tests.world import World, two_crms

from interlock.app.mappings import Document, apply, export
from interlock.app.schemas import Schemas
from interlock.core.model import Side

Story = Callable[[World, str, str], Awaitable[None]]


def play(tmp_path: Path, story: Story, *, exact: bool) -> None:
    """A linked pair whose job title is two-way."""

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        path = tmp_path / "interlock.db"
        async with two_crms(path, loop.now_us, existing="all") as world:
            await world.connect()
            if exact:
                await write_exactly(world)
            await world.rule("contacts", "jobtitle", "two_way")
            here = world.person("ada@example.com", jobtitle="Engineer")
            await world.settle()
            await story(world, here, world.counterpart("contacts", here))

    run(main(), seed=1)


async def write_exactly(world: World) -> None:
    """As `mappings apply` does for a type whose entry says `writes: exact`."""
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    document = Document.model_validate({"version": 1, "objects": {"contacts": await contacts_of(world)}})

    async def refresh() -> Schemas:
        raise AssertionError("nothing new is mapped")

    await apply(world.store, world.connection.id, document, lambda path: ".".join(path), refresh, plan=False)


async def contacts_of(world: World) -> dict[str, Any]:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    types: dict[str, Any] = (await export(world.store, world.connection.id))["objects"]["contacts"]
    return {name: {**entry, "writes": "exact"} for name, entry in types.items()}


async def both_edit(world: World, here: str, there: str) -> None:
    world.hugo.update("contacts", here, {"jobtitle": "CTO"})
    await asyncio.sleep(60)
    world.between_read_and_write(
        Side.SALESFORCE, lambda: world.sally.update("Contact", there, {"Title": "Head of Research"})
    )


def test_an_edit_that_came_between_is_not_replaced_but_decided_about(tmp_path: Path) -> None:
    async def story(world: World, here: str, there: str) -> None:
        await both_edit(world, here, there)
        before = world.salesforce.journal.last_seq
        await world.sync()
        assert world.sally.get("Contact", there)["Title"] == "Head of Research"
        assert not [e for e in world.salesforce.journal.entries(before) if e.field == "Title" and e.client != "ui"]
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == world.contact(here)["jobtitle"] == "Head of Research"
        (conflict,) = await world.audit("conflict")
        assert (conflict.old, conflict.new, conflict.reason) == ("CTO", "Head of Research", "both_changed")

    play(tmp_path, story, exact=True)


def test_without_exact_writes_the_same_edit_is_replaced_and_logged(tmp_path: Path) -> None:
    async def story(world: World, here: str, there: str) -> None:
        await both_edit(world, here, there)
        await world.sync()
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        (conflict,) = await world.audit("conflict")
        assert (conflict.old, conflict.new, conflict.reason) == ("Head of Research", "CTO", "lost_race")

    play(tmp_path, story, exact=False)


def test_a_row_edited_this_second_waits_since_its_stamp_could_hide_another_edit(tmp_path: Path) -> None:
    async def story(world: World, here: str, there: str) -> None:
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        world.sally.update("Contact", there, {"Description": "just now"})
        result = await world.sync()
        assert world.sally.get("Contact", there)["Title"] == "Engineer"
        assert result.objects["contacts"].waiting == 1
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        assert world.contact(here)["message"] == "just now"
        assert await world.issues() == []

    play(tmp_path, story, exact=True)
