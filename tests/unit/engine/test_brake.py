"""What stops a connection before the first write of a batch, and what looks like it and must not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.virtual_time import run
from tests.world import World, two_crms

PEOPLE = 4
TRIPS_AT = {"mass_change_least": PEOPLE}


@pytest.fixture
def tell(tmp_path: Path):
    def tell_(story: Callable[[World], Awaitable[None]], **options: Any) -> None:
        async def main() -> None:
            loop: Any = asyncio.get_running_loop()
            async with two_crms(tmp_path / "db", loop.now_us, settings=TRIPS_AT, **options) as world:
                await world.connect()
                for number in range(PEOPLE):
                    world.hugo.create(
                        "contacts", {"email": f"p{number}@example.com", "lastname": "P", "jobtitle": "CTO"}
                    )
                await world.sync_later()
                await story(world)

        run(main(), seed=1)

    return tell_


def test_most_linked_records_deleted_at_once_stop_the_connection(tell):
    async def story(world: World) -> None:
        for id_ in world.sally.ids("Contact"):
            world.sally.delete("Contact", id_)
        result = await world.sync_later()
        assert result.outcome == "stopped"
        assert "4 of 4 linked contacts looked at are gone in Salesforce" in str(result.stopped_reason)

    tell(story)


def test_leads_that_are_converted_at_once_are_not_lost(tell):
    async def story(world: World) -> None:
        for id_ in world.sally.ids("Lead"):
            world.sally.convert_lead(id_)
        result = await world.sync_later()
        assert result.outcome == "done"
        assert len(world.sally.ids("Contact")) == PEOPLE

    tell(story, create_person_as="Lead")


def test_counterparts_of_records_deleted_long_ago_may_be_edited_at_once(tell):
    async def story(world: World) -> None:
        for id_ in world.sally.ids("Contact"):
            world.sally.delete("Contact", id_)
            await world.sync_later()
        for id_ in world.hugo.ids("contacts"):
            world.hugo.update("contacts", id_, {"jobtitle": "CEO"})
        assert (await world.sync_later()).outcome == "done"

    tell(story)


def test_values_emptied_in_most_records_at_once_stop_the_connection_before_a_write(tell):
    async def story(world: World) -> None:
        for id_ in world.sally.ids("Contact"):
            world.sally.update("Contact", id_, {"Title": None})
        result = await world.sync_later()
        assert result.outcome == "stopped"
        assert {world.contact(id_)["jobtitle"] for id_ in world.hugo.ids("contacts")} == {"CTO"}

    tell(story)
