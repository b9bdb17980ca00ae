"""Another allocation of API calls counts for what is under way, and for what waits for calls to become free."""

from __future__ import annotations

import asyncio

from interlock.app import allocation
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.runtime import open_cycle
from interlock.store import handovers
from tests.world import World


async def changed(world: World, calls: int | None) -> None:
    assert world.store is not None
    assert world.connection is not None
    assert world.connection.id is not None
    await allocation.change(world.store, world.connection.id, calls, BY_COMMAND)


def test_a_drain_that_is_under_way_keeps_to_a_new_allocation_within_seconds(tell):
    async def story(world: World) -> None:
        await world.settle()
        assert world.store is not None
        assert world.connection is not None
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="test") as ctx:
            governor = ctx.salesforce.governor
            by_itself = governor.allocated
            await changed(world, 50)
            await asyncio.sleep(5)
            assert governor.allocated == 50
            await changed(world, None)
            await asyncio.sleep(5)
            assert governor.allocated == by_itself

    tell(story)


def test_what_a_test_or_a_setting_gave_the_governor_stays_while_nobody_changes_it(tell):
    async def story(world: World) -> None:
        await world.settle()
        assert world.store is not None
        assert world.connection is not None
        hubspot, salesforce = world.clients()
        salesforce.governor.allocate(77)
        async with open_cycle(world.store, world.connection, hubspot, salesforce, world.clock_us, owner="test"):
            await asyncio.sleep(10)
            assert salesforce.governor.allocated == 77

    tell(story)


def test_a_dispatcher_that_waits_for_calls_is_rung_for(tell):
    async def story(world: World) -> None:
        await world.settle()
        async with world.read() as tx:
            assert await handovers.waiting(tx) == 0
        await changed(world, 60_000)
        async with world.read() as tx:
            assert await handovers.waiting(tx) == 1

    tell(story)
