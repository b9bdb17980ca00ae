"""When each org is next to be drained: rung for, taken once, put off, and never forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.contract.conftest import Clock

from interlock.store import Store, connections, schedule
from interlock.store.connections import Connection

pytestmark = pytest.mark.anyio

ORG = "00D000000000001EAA"
OTHER = "00D000000000002EAA"


async def due(store: Store, org_id: str = ORG) -> schedule.Due:
    async with store.read(None) as tx:
        found = await schedule.get(tx, org_id)
    assert found is not None
    return found


async def taken(store: Store, clock: Clock, most: int = 10) -> list[str]:
    async with store.write(None) as tx:
        return await schedule.take_due(tx, most, clock.now_us + 15_000_000)


async def test_a_ring_makes_the_org_of_its_connection_due_at_once(
    store: Store, connection_id: int, clock: Clock
) -> None:
    async with store.write(connection_id) as tx:
        await schedule.ring(tx)
    assert await due(store) == schedule.Due(ORG, 1, clock.now_us)
    assert await taken(store, clock) == [ORG]


async def test_who_is_taken_is_put_off_and_comes_due_again_should_the_taker_die(
    store: Store, connection_id: int, clock: Clock
) -> None:
    async with store.write(connection_id) as tx:
        await schedule.ring(tx)
    assert await taken(store, clock) == [ORG]
    assert await taken(store, clock) == []
    clock.advance(15)
    assert await taken(store, clock) == [ORG]


async def test_a_drain_that_ends_says_when_the_next_is_due(store: Store, connection_id: int, clock: Clock) -> None:
    async with store.write(connection_id) as tx:
        await schedule.ring(tx)
    seen = await due(store)
    async with store.write(None) as tx:
        await schedule.put(tx, seen, clock.now_us + 60_000_000)
    clock.advance(59)
    assert await taken(store, clock) == []
    clock.advance(1)
    assert await taken(store, clock) == [ORG]


async def test_a_ring_during_a_drain_is_not_put_off_by_its_end(store: Store, connection_id: int, clock: Clock) -> None:
    async with store.write(connection_id) as tx:
        await schedule.ring(tx)
    await taken(store, clock)
    seen = await due(store)
    async with store.write(connection_id) as tx:
        await schedule.ring(tx)
    async with store.write(None) as tx:
        await schedule.put(tx, seen, clock.now_us + 60_000_000)
    assert await taken(store, clock) == [ORG]


async def test_every_org_that_syncs_has_a_row_and_no_other(
    store: Store, make_connection: Callable[..., Connection], clock: Clock
) -> None:
    async with store.write(None) as tx:
        for name, account, org, begun in (("a", "1", ORG, 1), ("b", "2", ORG, 1), ("c", "3", OTHER, None)):
            row = make_connection(name, account, salesforce_org_id=org, begun_at_us=begun)
            await connections.create(tx, row)
        await schedule.complete(tx)
    assert await taken(store, clock) == [ORG]
    async with store.write(None) as tx:
        await tx.run("DELETE FROM connection")
        await schedule.complete(tx)
        assert await tx.rows("SELECT org_id FROM schedule") == []


async def test_completing_puts_no_org_off_and_makes_none_due(store: Store, connection_id: int, clock: Clock) -> None:
    async with store.write(connection_id) as tx:
        await schedule.ring(tx)
        await connections.update(tx, connection_id, begun_at_us=1)
    before = await due(store)
    clock.advance(5)
    async with store.write(None) as tx:
        await schedule.complete(tx)
    assert await due(store) == before


async def test_of_many_that_look_at_once_each_takes_others(
    database_url: str, store: Store, make_connection: Callable[..., Connection], clock: Clock
) -> None:
    orgs = {f"00D0000000000{number:02}EAA" for number in range(20)}
    async with store.write(None) as tx:
        for number, org in enumerate(sorted(orgs)):
            row = make_connection(f"c{number}", str(number), salesforce_org_id=org, begun_at_us=1)
            await connections.create(tx, row)
        await schedule.complete(tx)
    others = [await Store.open(database_url, clock_us=clock) for _ in range(3)]
    found = await asyncio.gather(*(taken(each, clock, most=10) for each in (store, *others)))
    found.append(await taken(store, clock, most=20))
    for other in others:
        await other.close()
    assert sorted(org for each in found for org in each) == sorted(orgs)
