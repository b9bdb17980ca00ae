"""The lease: one owner at a time, across processes, and a former owner can write nothing more."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest
from tests.contract.conftest import Clock

from interlock.store import Fenced, HeldByOther, Store, cursors, lease

pytestmark = pytest.mark.anyio

ORG = "00D000000000001EAA"


async def test_a_second_owner_is_told_who_holds_it(store: Store, clock: Clock) -> None:
    held = await lease.take(store, ORG, "one", clock())
    with pytest.raises(HeldByOther) as refused:
        await lease.take(store, ORG, "two", clock.advance(9))
    assert (refused.value.owner, refused.value.until_us) == ("one", held.until_us)


async def test_another_org_is_another_lease(store: Store, clock: Clock) -> None:
    await lease.take(store, ORG, "one", clock())
    assert (await lease.take(store, "00D000000000002EAA", "two", clock())).fence == 1


async def test_a_term_that_ran_out_can_be_taken_and_the_fence_rises(store: Store, clock: Clock) -> None:
    first = await lease.take(store, ORG, "one", clock())
    second = await lease.take(store, ORG, "two", clock.advance(lease.TERM_S))
    assert second.fence > first.fence


async def test_a_renewed_term_cannot_be_taken(store: Store, clock: Clock) -> None:
    first = await lease.take(store, ORG, "one", clock())
    renewed = await lease.renew(store, first, clock.advance(9))
    assert (renewed.fence, renewed.until_us) == (first.fence, clock.now_us + lease.TERM_S * 1_000_000)
    with pytest.raises(HeldByOther):
        await lease.take(store, ORG, "two", clock.advance(9))


async def test_a_released_lease_can_be_taken_at_once(store: Store, clock: Clock) -> None:
    first = await lease.take(store, ORG, "one", clock())
    await lease.release(store, first)
    second = await lease.take(store, ORG, "two", clock())
    assert second.fence > first.fence
    await lease.release(store, first)
    async with store.read(None) as tx:
        assert await lease.read(tx, ORG) == second, "a former owner cannot release what is not its own"


async def test_a_worker_that_froze_and_wakes_writes_nothing(store: Store, connection_id: int, clock: Clock) -> None:
    frozen = await lease.take(store, ORG, "one", clock())
    await lease.take(store, ORG, "two", clock.advance(lease.TERM_S))
    with pytest.raises(Fenced):
        async with store.write(connection_id, frozen) as tx:
            await cursors.set(tx, "c", {"written": "too late"})
    with pytest.raises(Fenced):
        await lease.renew(store, frozen, clock())
    async with store.read(connection_id) as tx:
        assert await cursors.get(tx, "c") is None


async def test_a_term_that_ran_out_unnoticed_still_writes_until_somebody_takes_it(
    store: Store, connection_id: int, clock: Clock
) -> None:
    held = await lease.take(store, ORG, "one", clock())
    clock.advance(60)
    async with store.write(connection_id, held) as tx:
        await cursors.set(tx, "c", {"n": 1})


async def test_one_of_many_that_try_at_once_gets_it(database_url: str, store: Store, clock: Clock) -> None:
    others = [await Store.open(database_url, clock_us=clock) for _ in range(3)]
    tries = [lease.take(each, ORG, f"owner {n}", clock()) for n, each in enumerate([store, *others])]
    results = await asyncio.gather(*tries, return_exceptions=True)
    for other in others:
        await other.close()
    assert sorted(type(result).__name__ for result in results) == ["HeldByOther"] * 3 + ["Lease"]


async def test_nobody_takes_over_between_the_check_and_the_commit(
    database_url: str, store: Store, connection_id: int, clock: Clock
) -> None:
    mine = await lease.take(store, ORG, "one", clock())
    clock.advance(lease.TERM_S)
    other = await Store.open(database_url, clock_us=clock)
    taking: asyncio.Task[lease.Lease]
    async with store.write(connection_id, mine) as tx:
        # Its term is over, so only the open transaction stands between it and the next owner.
        taking = asyncio.create_task(lease.take(other, ORG, "two", clock()))
        await cursors.set(tx, "c", {"n": 1})
        if "postgresql" in database_url:
            with pytest.raises(HeldByOther):
                await taking
        assert not taking.done() or taking.exception() is not None
    if "postgresql" not in database_url:
        assert (await taking).fence > mine.fence, "SQLite: it waited for the commit"
    await other.close()


# --- processes ------------------------------------------------------------------------------------------

# Takes the lease, says so, then writes as fast as it can until it is fenced or killed.
WORKER = """
import asyncio, sys, time
from interlock.store import Store, Fenced, HeldByOther, cursors, lease

def clock(): return time.time_ns() // 1000

async def main(url, owner, connection_id):
    store = await Store.open(url, clock_us=clock)
    try:
        held = await lease.take(store, "ORG", owner, clock(), term_s=3600)
    except HeldByOther as held:
        print("held by", held.owner, flush=True)
        return
    print("took", held.fence, flush=True)
    n = 0
    while True:
        n += 1
        try:
            async with store.write(connection_id, held) as tx:
                await cursors.set(tx, "one", {"n": n})
                await cursors.set(tx, "two", {"n": n})
        except Fenced as fenced:
            print("fenced by", fenced.current, flush=True)
            return
        if n == 20:
            print("writing", flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


class Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, url: str, owner: str, connection_id: int) -> Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, url, owner, str(connection_id), stdout=asyncio.subprocess.PIPE
        )
        return cls(process)

    async def says(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 20)).decode().strip()

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


async def test_two_processes_exclude_each_other_and_a_killed_one_leaves_whole_transactions(
    database_url: str, store: Store, connection_id: int
) -> None:
    first = await Worker.start(database_url, "first", connection_id)
    try:
        assert await first.says() == "took 1"
        assert await first.says() == "writing"
        second = await Worker.start(database_url, "second", connection_id)
        assert await second.says() == "held by first"
        assert await second.process.wait() == 0
    finally:
        await first.kill()

    async with store.read(connection_id) as tx:
        one, two = await cursors.get(tx, "one"), await cursors.get(tx, "two")
    assert one is not None
    assert one == two
    assert one["n"] >= 20


async def test_a_process_that_was_stopped_is_fenced_when_it_goes_on(
    database_url: str, store: Store, connection_id: int, clock: Clock
) -> None:
    worker = await Worker.start(database_url, "stopped", connection_id)
    try:
        assert await worker.says() == "took 1"
        assert await worker.says() == "writing"
        async with store.write(None) as tx:
            # Its hour is over, as if it had been frozen for that long.
            await tx.run("UPDATE lease SET until_us = 0 WHERE org_id = ?", "ORG")
        taken = await take_when_free(store, clock)
        async with store.read(connection_id) as tx:
            before = await cursors.get(tx, "one")
        assert await worker.says() == f"fenced by {taken.fence}"
        async with store.write(connection_id, taken) as tx:
            assert await cursors.get(tx, "one") == before, "nothing was written after the take-over"
    finally:
        if worker.process.returncode is None:
            await worker.kill()


async def take_when_free(store: Store, clock: Clock) -> lease.Lease:
    """On PostgreSQL the row is locked while a transaction of its owner is open; such a taker comes back."""
    for _ in range(2000):
        try:
            return await lease.take(store, "ORG", "successor", clock())
        except HeldByOther as held:
            assert held.owner == "stopped"  # noqa: PT017
    raise AssertionError("the row was locked 2,000 times in a row")
