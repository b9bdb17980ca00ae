"""What a job of the workers' queue does with an org: a turn for each that wants one, and it says when the next is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.contract.conftest import Clock

from interlock.engine.dispatch.desk import Standing, Work
from interlock.engine.dispatch.procrastinate import Worker
from interlock.engine.ownership import Ownership
from interlock.store import Store, connections, lease, schedule
from interlock.store.connections import Connection

pytestmark = pytest.mark.anyio

ORG = "00D000000000001EAA"
US = 1_000_000


class Notes:
    """A desk that only notes what it was asked. `during` is awaited in the middle of each turn."""

    def __init__(self, *ids: int) -> None:
        self.now = {id_: Standing(id_, ORG, due=False, rung=False) for id_ in ids}
        self.turns: list[tuple[int, Work]] = []
        self.fences: list[int] = []
        self.interval_s = 60.0
        self.ended: list[int] = []
        self.during: Callable[[], object] = lambda: None

    async def standings(self, lane: str | None = None) -> list[Standing]:
        assert lane == ORG
        return list(self.now.values())

    async def turn(self, connection_id: int, work: Work, ownership: Ownership | None = None) -> float:
        assert ownership is not None
        self.turns.append((connection_id, work))
        self.fences.append(ownership.lease.fence)
        waiting = self.during()
        if asyncio.iscoroutine(waiting):
            await waiting
        return self.interval_s

    async def beat(self) -> None: ...

    def end_turns(self) -> None: ...

    def give_way(self, connection_id: int, end: bool) -> None: ...


class Shop:
    def __init__(self, store: Store, clock: Clock, ids: list[int]) -> None:
        self.store, self.clock, self.ids = store, clock, ids
        self.desk = Notes(*ids)
        self.stop = asyncio.Event()
        self.said: list[str] = []
        self.worker = self.another()

    def another(self, owner: str = "worker") -> Worker:
        address = "postgresql://nobody@localhost/nothing"
        return Worker(self.desk, self.store, address, owner, self.clock, self.stop, self.said.append)

    async def due_in_s(self) -> float:
        async with self.store.read(None) as tx:
            found = await schedule.get(tx, ORG)
        assert found is not None
        return (found.at_us - self.clock.now_us) / US

    async def ring(self) -> None:
        async with self.store.write(self.ids[0]) as tx:
            await schedule.ring(tx)


@pytest.fixture
async def shop(store: Store, clock: Clock, connection_id: int, make_connection: Callable[..., Connection]) -> Shop:
    async with store.write(None) as tx:
        other_id = await connections.create(tx, make_connection("other", "222"))
    made = Shop(store, clock, [connection_id, other_id])
    await made.ring()
    return made


async def test_each_connection_of_the_org_has_its_turn_under_one_lease(shop: Shop) -> None:
    await shop.worker._drain(ORG)
    assert shop.desk.turns == [(id_, Work.POLL) for id_ in shop.ids]
    assert shop.desk.fences == [1, 1]
    assert await shop.due_in_s() == 60


async def test_the_pace_outlives_the_process_that_kept_it(shop: Shop) -> None:
    await shop.worker._drain(ORG)
    shop.clock.advance(59)
    await shop.another("next")._drain(ORG)
    assert len(shop.desk.turns) == 2, "nobody polls anew because a worker was started"
    shop.clock.advance(1)
    await shop.another("next")._drain(ORG)
    assert len(shop.desk.turns) == 4


async def test_records_that_wait_make_the_org_due_when_their_time_comes(shop: Shop) -> None:
    first = shop.ids[0]
    shop.desk.now[first] = Standing(first, ORG, due=False, rung=False, later_us=shop.clock.now_us + 20 * US)
    await shop.worker._drain(ORG)
    assert await shop.due_in_s() == 20
    shop.clock.advance(20)
    shop.desk.now[first] = Standing(first, ORG, due=True, rung=False)
    await shop.worker._drain(ORG)
    assert shop.desk.turns[2:] == [(first, Work.DUE)]


async def test_a_bell_during_the_drain_makes_the_org_due_at_once(shop: Shop) -> None:
    shop.desk.during = shop.ring
    await shop.worker._drain(ORG)
    assert await shop.due_in_s() == 0


async def test_an_org_that_another_process_drains_is_left_until_its_term_is_over(shop: Shop) -> None:
    await lease.take(shop.store, ORG, "somebody else", shop.clock())
    await shop.worker._drain(ORG)
    assert shop.desk.turns == []
    assert await shop.due_in_s() == lease.TERM_S


async def test_a_second_job_for_an_org_does_not_take_it_from_the_first_of_the_same_worker(shop: Shop) -> None:
    """A drain that lasts is enqueued again, and may come to the worker that is at it."""

    async def meanwhile() -> None:
        shop.desk.during = lambda: None
        await shop.worker._drain(ORG)

    shop.desk.during = meanwhile
    await shop.worker._drain(ORG)
    assert shop.desk.turns == [(id_, Work.POLL) for id_ in shop.ids]
    assert await shop.due_in_s() == 60
    assert shop.said == []


async def test_whoever_lost_the_org_in_the_middle_says_so_and_writes_nothing_more(shop: Shop) -> None:
    async def frozen_meanwhile() -> None:
        shop.clock.advance(lease.TERM_S)
        await lease.take(shop.store, ORG, "somebody else", shop.clock())

    before = await shop.due_in_s()
    shop.desk.during = frozen_meanwhile
    await shop.worker._drain(ORG)
    assert len(shop.desk.turns) == 1, "the second connection is not even begun"
    assert "is no longer valid" in shop.said[0]
    assert await shop.due_in_s() == before - lease.TERM_S
    async with shop.store.read(None) as tx:
        assert await tx.rows("SELECT name FROM cursor") == []


async def test_a_worker_that_is_told_to_end_leaves_the_rest_to_others_at_once(shop: Shop) -> None:
    shop.desk.during = shop.stop.set
    await shop.worker._drain(ORG)
    assert len(shop.desk.turns) == 1
    assert await shop.due_in_s() == 0


async def test_an_org_of_which_nobody_may_be_worked_on_rests_until_somebody_rings(shop: Shop) -> None:
    shop.desk.now.clear()
    await shop.worker._drain(ORG)
    assert await shop.due_in_s() >= 3_600
    await shop.ring()
    assert await shop.due_in_s() == 0
