"""What detection takes for news: an edit at once, and nothing over and over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.simulation.virtual_time import run
from tests.world import World, two_crms


def tell(path: Path, story: Callable[[World], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        async with two_crms(path / "db", loop.now_us, **options) as world:
            await story(world)

    run(main(), seed=1)


def calls(world: World) -> int:
    return world.hubspot.stats.calls + world.salesforce.stats.calls


async def one_linked_contact(world: World) -> tuple[str, str]:
    await world.connect()
    here = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Lovelace", "jobtitle": "CTO"})
    await world.sync_later()
    (there,) = world.sally.ids("Contact")
    await world.sync_later()
    return here, there


def test_an_edit_that_cannot_be_carried_over_is_looked_at_once_and_not_pass_after_pass(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        nobody = world.salesforce.add_user("Nora Nobody", "nora@elsewhere.example")
        here, there = await one_linked_contact(world)
        world.sally.update("Contact", there, {"OwnerId": nobody.id})
        await world.sync_later()
        # HubSpot has no owner with Nora's address: what Salesforce holds is unreadable, so nothing may be written.
        world.hugo.update("contacts", here, {"hubspot_owner_id": world.hugo.owner_id})
        await asyncio.sleep(30)
        before = calls(world)
        await world.sync()
        assert calls(world) - before < 30
        assert world.sally.get("Contact", there)["OwnerId"] == nobody.id

    tell(tmp_path, story)


def test_an_edit_just_after_we_looked_is_carried_over(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        here, there = await one_linked_contact(world)
        world.hugo.update("contacts", here, {"jobtitle": None})
        world.sally.update("Contact", there, {"Phone": "+47 1"})
        await world.sync_later()
        world.sally.update("Contact", there, {"Phone": "+47 2"})
        await asyncio.sleep(1)
        world.sally.update("Contact", there, {"Phone": "+47 3"})
        await world.sync_later(30)
        assert world.contact(here)["phone"] == "+47 3"

    tell(tmp_path, story)
