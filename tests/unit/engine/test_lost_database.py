"""Our database is gone: every pair is found again by the keys that both CRMs hold, and nothing is created twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.simulation.virtual_time import run
from tests.world import World, two_crms


def test_a_lost_database_is_rebuilt_from_the_keys_in_both_crms(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.connect()
        # Nothing but our keys tells these apart: contacts change their address, deals have no identity at all.
        for number in range(3):
            world.hugo.create("contacts", {"email": f"p{number}@example.com", "lastname": "P"})
            world.hugo.create("deals", {"dealname": "Renewal", "dealstage": "closedwon", "closedate": "2026-03-01"})
        theirs = world.sally.create("Contact", {"LastName": "Sally's", "Email": "s@example.com"})
        await world.sync_later()
        await world.sync_later()
        before = counts(world)
        assert before == (4, 3, 4, 3)
        for id_ in world.sally.ids("Contact"):
            world.sally.update("Contact", id_, {"Email": None if id_ == theirs else f"{id_}@moved.example".lower()})
        await lose_the_database(world, tmp_path / "new.db")
        result = await world.sync_later()
        assert counts(world) == before
        assert result.objects["contacts"].linked == 4
        assert result.objects["deals"].linked == 3
        assert [result.objects[slug].created_in_salesforce for slug in ("contacts", "deals")] == [0, 0]
        assert [result.objects[slug].created_in_hubspot for slug in ("contacts", "deals")] == [0, 0]

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        async with two_crms(tmp_path / "old.db", loop.now_us, existing="all") as world:
            await story(world)

    run(main(), seed=1)


async def lose_the_database(world: World, new: Path) -> None:
    assert world.store is not None
    await world.store.close()
    world.path = new
    await world.open()
    await world.connect()


def counts(world: World) -> tuple[int, int, int, int]:
    return (
        len(world.hugo.ids("contacts")),
        len(world.hugo.ids("deals")),
        len(world.sally.ids("Contact")),
        len(world.sally.ids("Opportunity")),
    )
