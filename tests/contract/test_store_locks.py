"""PostgreSQL: two that want the same rows in another order, and a server that ends a transaction, are told as what they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from tests.contract.conftest import Clock, a_connection

from interlock.core.model import Reason, RecordKey, Side
from interlock.store import Store, StoreBusy, StoreUnavailable, connections, cursors, dirty
from interlock.store.budget import StoredBudget
from interlock.store.driver import own_errors

pytestmark = pytest.mark.anyio

ADA = RecordKey(Side.HUBSPOT, "contacts", "501")


@pytest.fixture
async def store(postgres_url: str, clock: Clock) -> AsyncIterator[Store]:
    opened = await Store.open(postgres_url, clock_us=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def connection_id(store: Store) -> int:
    async with store.write(None) as tx:
        return await connections.create(tx, a_connection())


async def test_of_two_that_wait_for_each_other_one_is_told_to_try_again(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        await cursors.set(tx, "a", {})
        await cursors.set(tx, "b", {})
    both_hold_one = asyncio.Barrier(2)

    async def set_both(first: str, second: str) -> None:
        async with store.write(connection_id) as tx:
            await cursors.set(tx, first, {"by": first})
            await both_hold_one.wait()
            await cursors.set(tx, second, {"by": first})

    outcomes = await asyncio.gather(set_both("a", "b"), set_both("b", "a"), return_exceptions=True)
    assert sorted(type(each) for each in outcomes if each is not None) == [StoreBusy]


async def test_who_marks_while_a_batch_is_recorded_waits_for_it(store: Store, connection_id: int) -> None:
    async with store.write(connection_id) as tx:
        horizon = await dirty.mark(tx, "contacts", [ADA], Reason.CHANGED, 1)
    held = asyncio.Event()

    async def record_a_batch() -> None:
        async with store.write(connection_id) as tx:
            await dirty.take_turn(tx)
            await dirty.postpone(tx, [(ADA, 99, 1, Reason.RETRY)], horizon)
            held.set()
            await waits(store)
            await dirty.wake_waiting(tx, "contacts")

    async def ask_for_it() -> None:
        await held.wait()
        async with store.write(connection_id) as tx:
            await dirty.mark(tx, "contacts", [ADA], Reason.RESYNC, 2)

    await asyncio.gather(record_a_batch(), ask_for_it())
    async with store.read(connection_id) as tx:
        row = (await dirty.by_keys(tx, [ADA]))[ADA]
    assert (row.due_at_us, row.reason) == (2, Reason.RESYNC)


async def waits(store: Store) -> None:
    """Until somebody waits for a lock of ours."""
    while True:
        async with store.read(None) as tx:
            sql = (
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if (await tx.rows(sql))[0][0]:
                return


async def test_a_transaction_that_stood_still_for_too_long_is_no_defect_of_ours(
    store: Store, connection_id: int
) -> None:
    async def stand_still() -> None:
        async with store.write(connection_id) as tx:
            (pid,) = (await tx.rows("SELECT pg_backend_pid()"))[0]
            await tx.run("SET LOCAL idle_in_transaction_session_timeout = 20")
            await ended(store, pid)
            await cursors.set(tx, "a", {})

    with pytest.raises(StoreUnavailable):
        await stand_still()


async def ended(store: Store, pid: int) -> None:
    while True:
        async with store.read(None) as tx:
            if not await tx.rows("SELECT 1 FROM pg_stat_activity WHERE pid = ?", pid):
                return


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (psycopg.errors.DeadlockDetected, StoreBusy),
        (psycopg.errors.LockNotAvailable, StoreBusy),
        (psycopg.errors.IdleInTransactionSessionTimeout, StoreUnavailable),
        (psycopg.errors.ReadOnlySqlTransaction, StoreUnavailable),
        (psycopg.errors.AdminShutdown, StoreUnavailable),
    ],
)
def test_what_the_server_says_is_told_in_our_words(theirs: type[Exception], ours: type[Exception]) -> None:
    with pytest.raises(ours), own_errors():
        raise theirs("no")


async def test_calls_are_counted_once_though_two_transactions_end_at_the_same_time(
    store: Store, connection_id: int, clock: Clock
) -> None:
    budget = StoredBudget(store, connection_id, clock)
    await budget.add(Side.HUBSPOT, "fetch", 3, clock())
    both = asyncio.Barrier(2)

    async def write() -> None:
        async with store.write(connection_id):
            await both.wait()

    await asyncio.gather(write(), write())
    assert await budget.used_24h(Side.HUBSPOT) == {"fetch": 3}
    await budget.flush()
    assert await budget.used_24h(Side.HUBSPOT) == {"fetch": 3}
