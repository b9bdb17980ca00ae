"""Importing from Salesforce: what was left alone at install is taken up, and nothing is made twice."""

from __future__ import annotations

import asyncio

from tests.unit.app.conftest import Tell
from tests.unit.app.test_once import connection, sync_once
from tests.world import World

from interlock.app import preview
from interlock.app.import_ import Import
from interlock.engine.load import Since


def account(world: World, name: str) -> str:
    return world.sally.create("Account", {"Name": name, "Website": f"{name.lower()}.com"})


def test_records_that_were_left_alone_are_imported_and_linked_once(tell: Tell) -> None:
    async def story(world: World) -> None:
        account(world, "Engines")
        account(world, "Looms")
        world.hugo.create("companies", {"name": "Looms", "domain": "looms.com"})
        world.sally.create("Contact", {"Email": "ada@engines.com", "LastName": "Byron"})
        await asyncio.sleep(3_600)
        await world.connect()
        await sync_once(world)
        assert len(world.hugo.ids("companies")) == 1
        wanted = Import(None)
        result = await sync_once(world, only=["companies"], work=wanted.work)
        assert wanted.marked == 2
        assert (result.objects["companies"].created_in_hubspot, result.objects["companies"].linked) == (1, 1)
        assert len(world.hugo.ids("companies")) == 2
        assert world.hugo.ids("contacts") == [], "only what was named"
        again = await sync_once(world, only=["companies"], work=Import(None).work)
        assert (again.objects["companies"].created_in_hubspot, again.objects["companies"].linked) == (0, 0)
        assert len(world.hugo.ids("companies")) == 2

    tell(story, existing="none")


def test_an_import_before_the_first_sync_knows_what_hubspot_holds(tell: Tell) -> None:
    async def story(world: World) -> None:
        account(world, "Looms")
        world.hugo.create("companies", {"name": "Looms", "domain": "looms.com"})
        await asyncio.sleep(3_600)
        await world.connect()
        result = await sync_once(world, only=["companies"], work=Import(None).work)
        assert (result.objects["companies"].created_in_hubspot, result.objects["companies"].linked) == (0, 1)
        assert (await connection(world)).state == "idle"

    tell(story, existing="none", start=False)


def test_since_leaves_out_what_did_not_change(tell: Tell) -> None:
    async def story(world: World) -> None:
        account(world, "Old")
        await asyncio.sleep(7_200)
        young = account(world, "Young")
        since = Since(world.clock_us() - 3_600_000_000)
        await asyncio.sleep(600)
        await world.connect()
        assert world.store is not None
        assert world.connection is not None
        planned = await preview.plan_import(
            world.store, world.connection, *world.clients(), world.clock_us, only=["companies"], since=since
        )
        assert planned.objects["companies"].counts.created_in_hubspot == 1
        assert world.hugo.ids("companies") == []
        wanted = Import(since)
        await sync_once(world, only=["companies"], work=wanted.work)
        assert wanted.marked == 1
        (made,) = world.hugo.ids("companies")
        assert world.hugo.get("companies", made)["interlock_salesforce_id"] == young

    tell(story, existing="none")
