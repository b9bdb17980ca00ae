"""An issue is over when its cause is: here, when the record that it names is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.simulation.virtual_time import run
from tests.world import World, two_crms

from interlock.app import issues

# A shared address, so that neither contact can be linked: an issue for each of the three.
ADDRESS = "shared@example.com"


async def _three_open_issues(world: World) -> tuple[str, list[str]]:
    here = world.hugo.create("contacts", {"email": ADDRESS, "firstname": "Ann"})
    there = [world.sally.create("Contact", {"LastName": name, "Email": ADDRESS}) for name in ("One", "Two")]
    await world.connect()
    await world.sync_later()
    assert await _open(world) == {here, *there}
    return here, there


async def _open(world: World) -> set[str | None]:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    found = await issues.every(world.store, world.connection.id, issues.Query())
    return {each.hubspot_id or each.salesforce_id for each in found}


def test_merging_the_two_contacts_that_shared_an_address_ends_all_three_issues(tmp_path: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with two_crms(tmp_path / "db", loop.now_us, existing="all") as world:  # type: ignore[attr-defined]
            here, (winner, loser) = await _three_open_issues(world)
            world.sally.merge("Contact", winner, loser)
            await world.sync_later()
            assert world.contact(here)["interlock_salesforce_id"] == winner
            assert await _open(world) == set()

    run(story(), seed=1)


def test_deleting_one_of_the_two_ends_its_own_issue(tmp_path: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with two_crms(tmp_path / "db", loop.now_us, existing="all") as world:  # type: ignore[attr-defined]
            _, (one, other) = await _three_open_issues(world)
            world.sally.delete("Contact", other)
            await world.sync_later()
            assert other not in await _open(world)
            assert one in world.sally.ids("Contact")

    run(story(), seed=1)


def test_archiving_an_unlinked_hubspot_contact_ends_its_issue(tmp_path: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with two_crms(tmp_path / "db", loop.now_us, existing="all") as world:  # type: ignore[attr-defined]
            here, there = await _three_open_issues(world)
            world.hugo.archive("contacts", here)
            await world.sync_later(7 * 3_600.0)
            assert await _open(world) == set(there)

    run(story(), seed=1)
