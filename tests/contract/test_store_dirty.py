"""Due records: nothing that changes while it is being synced is ever cleared away, and nothing leaves its park."""

from __future__ import annotations

import pytest

from interlock.core.model import Dirty, Reason, RecordKey, Side
from interlock.store import Store, dirty, unlinked
from interlock.store.dirty import DueCounts
from interlock.store.unlinked import Unlinked

pytestmark = pytest.mark.anyio

ADA = RecordKey(Side.HUBSPOT, "contacts", "501")
BOB = RecordKey(Side.SALESFORCE, "Contact", "003B")
ACME = RecordKey(Side.HUBSPOT, "companies", "9")
OTHER = RecordKey(Side.SALESFORCE, "Account", "001O")
NOON = 1_000_000


async def mark(
    store: Store, connection_id: int, *keys: RecordKey, reason: Reason = Reason.CHANGED, due: int = NOON
) -> int:
    async with store.write(connection_id) as tx:
        return await dirty.mark(tx, "contacts", list(keys), reason, due)


async def due(store: Store, connection_id: int, now: int = NOON, limit: int = 100) -> list[Dirty]:
    async with store.read(connection_id) as tx:
        return await dirty.claim(tx, "contacts", now, limit)


async def the_row(store: Store, connection_id: int, key: RecordKey = ADA) -> Dirty:
    async with store.read(connection_id) as tx:
        return (await dirty.by_keys(tx, [key]))[key]


async def postpone(
    store: Store, connection_id: int, horizon: int, due_at: int, attempts: int, reason: Reason, key: RecordKey = ADA
) -> None:
    async with store.write(connection_id) as tx:
        await dirty.postpone(tx, [(key, due_at, attempts, reason)], horizon)


async def test_one_call_gives_all_its_records_one_seq_and_the_next_call_a_higher_one(
    store: Store, connection_id: int
) -> None:
    first = await mark(store, connection_id, ADA, BOB)
    second = await mark(store, connection_id, ADA)
    assert second == first + 1
    assert [(row.key, row.seq) for row in await due(store, connection_id)] == [(BOB, first), (ADA, second)]


async def test_a_record_named_twice_in_one_call_is_one_row(store: Store, connection_id: int) -> None:
    await mark(store, connection_id, ADA, ADA)
    assert [row.key for row in await due(store, connection_id)] == [ADA]


async def test_a_claimed_record_is_whole(store: Store, connection_id: int) -> None:
    seq = await mark(store, connection_id, ADA, reason=Reason.EXISTING_LINK_ONLY)
    assert await due(store, connection_id) == [Dirty("contacts", ADA, seq, NOON, 0, Reason.EXISTING_LINK_ONLY)]


async def test_done_records_are_cleared(store: Store, connection_id: int) -> None:
    await mark(store, connection_id, ADA, BOB)
    async with store.write(connection_id) as tx:
        horizon = await dirty.horizon(tx)
        assert await dirty.clear(tx, [ADA, BOB], horizon) == 2
    assert await due(store, connection_id) == []


async def test_a_change_that_came_in_while_the_record_was_synced_stays_due(store: Store, connection_id: int) -> None:
    await mark(store, connection_id, ADA)
    async with store.read(connection_id) as tx:
        horizon = await dirty.horizon(tx)
    await mark(store, connection_id, ADA)
    async with store.write(connection_id) as tx:
        assert await dirty.clear(tx, [ADA], horizon) == 0
    assert [row.key for row in await due(store, connection_id)] == [ADA]


async def test_a_change_that_came_in_meanwhile_is_not_put_off_with_the_old_one(
    store: Store, connection_id: int
) -> None:
    horizon = await mark(store, connection_id, ADA)
    await mark(store, connection_id, ADA)
    await postpone(store, connection_id, horizon, NOON + 60, 3, Reason.RETRY)
    row = await the_row(store, connection_id)
    assert (row.due_at_us, row.attempts, row.reason) == (NOON, 0, Reason.CHANGED)


async def test_a_postponed_record_is_due_later(store: Store, connection_id: int) -> None:
    horizon = await mark(store, connection_id, ADA)
    await postpone(store, connection_id, horizon, NOON + 60, 3, Reason.RETRY)
    assert await due(store, connection_id, NOON + 59) == []
    [row] = await due(store, connection_id, NOON + 60)
    assert (row.attempts, row.reason) == (3, Reason.RETRY)


async def test_a_change_of_a_record_that_was_put_off_makes_it_due_with_a_fresh_count(
    store: Store, connection_id: int
) -> None:
    horizon = await mark(store, connection_id, ADA)
    await postpone(store, connection_id, horizon, NOON + 60, 3, Reason.RETRY)
    await mark(store, connection_id, ADA, due=NOON + 5)
    row = await the_row(store, connection_id)
    assert (row.due_at_us, row.attempts, row.reason) == (NOON + 5, 0, Reason.CHANGED)


async def test_seeing_a_record_again_that_was_put_off_does_not_restart_its_back_off(
    store: Store, connection_id: int
) -> None:
    horizon = await mark(store, connection_id, ADA)
    await postpone(store, connection_id, horizon, NOON + 60, 3, Reason.RETRY)
    await mark(store, connection_id, ADA, reason=Reason.EXISTING, due=NOON + 90)
    row = await the_row(store, connection_id)
    assert (row.due_at_us, row.attempts, row.reason) == (NOON + 60, 3, Reason.RETRY)


@pytest.mark.parametrize("reason", list(Reason))
async def test_nothing_takes_a_record_out_of_its_park(store: Store, connection_id: int, reason: Reason) -> None:
    horizon = await mark(store, connection_id, ADA)
    await postpone(store, connection_id, horizon, NOON + 600, 1, Reason.PARKED)
    seq = await mark(store, connection_id, ADA, reason=reason)
    async with store.write(connection_id) as tx:
        await dirty.await_(tx, [ADA], [(ADA, ACME)])
        assert await dirty.wake(tx, [ACME]) == 0
        assert await dirty.wake_waiting(tx, "contacts") == 0
    row = await the_row(store, connection_id)
    assert (row.due_at_us, row.reason, row.seq) == (NOON + 600, Reason.PARKED, seq)


async def test_a_park_holds_although_the_record_changed_while_its_request_was_on_its_way(
    store: Store, connection_id: int
) -> None:
    horizon = await mark(store, connection_id, ADA)
    newer = await mark(store, connection_id, ADA)
    await postpone(store, connection_id, horizon, NOON + 600, 1, Reason.PARKED)
    row = await the_row(store, connection_id)
    assert (row.due_at_us, row.reason) == (NOON + 600, Reason.PARKED)
    assert row.seq == newer, "the change is still newer than the batch, so the batch cannot clear it"


@pytest.mark.parametrize(
    ("own", "meanwhile", "afterwards"),
    [
        (Reason.CHANGED, None, Reason.CHANGED),
        (Reason.EXISTING_LINK_ONLY, None, Reason.EXISTING_LINK_ONLY),
        (Reason.CHANGED, Reason.RESYNC, Reason.RESYNC),
        (Reason.RESYNC, Reason.CHANGED, Reason.RESYNC),
    ],
)
@pytest.mark.parametrize("first", ["parked first", "marked first"])
async def test_what_was_asked_for_during_a_park_is_done_after_it(
    store: Store, connection_id: int, own: Reason, meanwhile: Reason | None, afterwards: Reason, first: str
) -> None:
    horizon = await mark(store, connection_id, ADA, reason=own)
    if first == "parked first":
        await postpone(store, connection_id, horizon, NOON + 600, 1, Reason.PARKED)
    if meanwhile is not None:
        await mark(store, connection_id, ADA, reason=meanwhile)
    if first == "marked first":
        await postpone(store, connection_id, horizon, NOON + 600, 1, Reason.PARKED)
    row = await the_row(store, connection_id)
    assert (row.reason, row.behind) == (Reason.PARKED, afterwards)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (Reason.EXISTING_LINK_ONLY, Reason.EXISTING, Reason.EXISTING),
        (Reason.EXISTING_LINK_ONLY, Reason.CHANGED, Reason.CHANGED),
        (Reason.EXISTING, Reason.CHANGED, Reason.CHANGED),
        (Reason.CHANGED, Reason.EXISTING, Reason.CHANGED),
        (Reason.CHANGED, Reason.EXISTING_LINK_ONLY, Reason.CHANGED),
        (Reason.CHANGED, Reason.RESYNC, Reason.RESYNC),
    ],
)
async def test_the_stronger_reason_wins_in_either_order(
    store: Store, connection_id: int, first: Reason, second: Reason, kept: Reason
) -> None:
    await mark(store, connection_id, ADA, reason=first)
    await mark(store, connection_id, ADA, reason=second)
    assert (await the_row(store, connection_id)).reason is kept


async def test_the_oldest_due_come_first(store: Store, connection_id: int) -> None:
    keys = [RecordKey(Side.HUBSPOT, "contacts", f"{n:03}") for n in range(10)]
    await mark(store, connection_id, *keys[5:], due=NOON - 10)
    await mark(store, connection_id, *keys[:5], due=NOON - 10)
    async with store.read(connection_id) as tx:
        claimed = await dirty.claim(tx, "contacts", NOON, 7)
    assert [row.key for row in claimed] == keys[5:] + keys[:2]


async def test_objects_are_claimed_apart(store: Store, connection_id: int) -> None:
    await mark(store, connection_id, ADA)
    async with store.write(connection_id) as tx:
        await dirty.mark(tx, "companies", [RecordKey(Side.HUBSPOT, "companies", "9")], Reason.CHANGED, NOON)
    assert [row.key for row in await due(store, connection_id)] == [ADA]


async def test_a_record_that_waits_is_woken_when_what_it_waited_for_is_there(store: Store, connection_id: int) -> None:
    horizon = await mark(store, connection_id, ADA)
    await postpone(store, connection_id, horizon, NOON + 10**9, 0, Reason.WAITING)
    async with store.write(connection_id) as tx:
        await dirty.await_(tx, [ADA], [(ADA, ACME), (ADA, OTHER)])
        assert await dirty.wake(tx, [OTHER, BOB]) == 1
        woken_at = tx.now_us
    row = await the_row(store, connection_id)
    assert (row.due_at_us, row.reason) == (woken_at, Reason.WAITING)


async def test_who_waits_for_something_else_or_for_nothing_any_more_is_left_alone(
    store: Store, connection_id: int
) -> None:
    horizon = await mark(store, connection_id, ADA)
    await postpone(store, connection_id, horizon, NOON + 10**9, 0, Reason.WAITING)
    async with store.write(connection_id) as tx:
        await dirty.await_(tx, [ADA], [(ADA, ACME)])
        assert await dirty.wake(tx, [OTHER]) == 0
        await dirty.await_(tx, [ADA], [])
        assert await dirty.wake(tx, [ACME]) == 0
    assert (await the_row(store, connection_id)).due_at_us == NOON + 10**9


async def test_no_waking_ends_the_back_off_of_a_failed_try(store: Store, connection_id: int) -> None:
    horizon = await mark(store, connection_id, ADA)
    await postpone(store, connection_id, horizon, NOON + 10**9, 3, Reason.RETRY)
    async with store.write(connection_id) as tx:
        await dirty.await_(tx, [ADA], [(ADA, ACME)])
        assert await dirty.wake(tx, [ACME]) == 0
        assert await dirty.wake_waiting(tx, "contacts") == 0
    assert (await the_row(store, connection_id)).due_at_us == NOON + 10**9


async def test_an_answered_question_wakes_those_that_are_still_asked_and_nobody_else(
    store: Store, connection_id: int
) -> None:
    horizon = await mark(store, connection_id, ADA, BOB)
    await postpone(store, connection_id, horizon, NOON + 10**9, 0, Reason.WAITING)
    async with store.write(connection_id) as tx:
        await dirty.postpone(tx, [(BOB, NOON + 10**9, 0, Reason.WAITING)], horizon)
        await unlinked.put(tx, [Unlinked(ADA, "contacts", 1, "several_candidates", "", 1)])
        await unlinked.put(tx, [Unlinked(BOB, "contacts", 1, "waiting", "", 1)])
        assert await dirty.wake_unanswered(tx, "contacts", ["candidate_taken", "several_candidates"]) == 1
        woken_at = tx.now_us
    assert (await the_row(store, connection_id)).due_at_us == woken_at


async def test_a_waking_is_not_undone_by_a_batch_that_looked_before_it(store: Store, connection_id: int) -> None:
    horizon = await mark(store, connection_id, ADA)
    async with store.write(connection_id) as tx:
        await dirty.await_(tx, [ADA], [(ADA, ACME)])
        await dirty.wake(tx, [ACME])
        woken_at = tx.now_us
    await postpone(store, connection_id, horizon, NOON + 10**15, 0, Reason.WAITING)
    assert (await the_row(store, connection_id)).due_at_us == woken_at


async def test_counts_tell_what_is_due_what_waits_and_until_when(store: Store, connection_id: int) -> None:
    await mark(store, connection_id, ADA)
    await mark(store, connection_id, BOB, due=NOON + 60)
    async with store.read(connection_id) as tx:
        assert await dirty.counts(tx, NOON) == {"contacts": DueCounts(1, 1, NOON + 60)}
        assert await dirty.counts(tx, NOON + 60) == {"contacts": DueCounts(2, 0, None)}


async def test_what_sleeps_until_it_is_woken_waits_for_no_later_try(store: Store, connection_id: int) -> None:
    await mark(store, connection_id, ADA, due=NOON + 60)
    await mark(store, connection_id, BOB, due=NOON + dirty.UNTIL_WOKEN_US)
    async with store.read(connection_id) as tx:
        assert await dirty.counts(tx, NOON + 90 * 86_400_000_000) == {
            "contacts": DueCounts(1, 0, NOON + dirty.UNTIL_WOKEN_US, 1)
        }


async def test_nothing_due_is_counted_as_nothing(store: Store, connection_id: int) -> None:
    async with store.read(connection_id) as tx:
        assert (await dirty.counts(tx, NOON), await dirty.horizon(tx)) == ({}, 0)
