"""The log of what people did: chained, found out when somebody altered it, never out of order."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.conftest import Clock

from interlock.store import Store, deeds
from interlock.store.deeds import Broken

pytestmark = pytest.mark.anyio


@pytest.fixture
async def log(store: Store, clock: Clock) -> Store:
    """Five deeds, each a second after the other."""
    for number in range(1, 6):
        clock.advance(1)
        async with store.write(None) as tx:
            await deeds.append(tx, "person:1", "role_changed", f"person:{number}", {"to": "admin", "said": 'é "\n\x00'})
    return store


async def checked(store: Store, anchors: dict[int, str] | None = None) -> deeds.Checked:
    async with store.read(None) as tx:
        return await deeds.verify(tx, anchors)


async def altered(store: Store, sql: str, *values: object) -> None:
    """What somebody does who has the database in hand."""
    async with store.write(None) as tx:
        await tx.run(sql, *values)


async def test_deeds_come_back_newest_first_as_they_were_written_and_in_pages(log: Store, clock: Clock) -> None:
    async with log.read(None) as tx:
        page = await deeds.list_(tx, None, 2)
        rest = await deeds.list_(tx, page[-1].seq, 10)
    assert [deed.seq for deed in (*page, *rest)] == [5, 4, 3, 2, 1]
    newest = page[0]
    assert (newest.at_us, newest.actor, newest.action, newest.subject) == (
        clock.now_us,
        "person:1",
        "role_changed",
        "person:5",
    )
    assert newest.detail == {"to": "admin", "said": 'é "\n\x00'}


async def test_an_untouched_log_is_whole(log: Store) -> None:
    found = await checked(log)
    assert (found.rows, found.broken) == (5, None)
    assert len(found.head) == 64


async def test_an_empty_log_is_whole(store: Store) -> None:
    assert await checked(store) == deeds.Checked(0, "")


@pytest.mark.parametrize("column", ["at_us", "actor", "action", "subject", "detail"])
async def test_a_changed_row_is_found(log: Store, column: str) -> None:
    await altered(log, f"UPDATE deed SET {column} = ? WHERE seq = 3", 1 if column == "at_us" else '{"to":"viewer"}')
    assert (await checked(log)).broken == Broken(3, "altered")


async def test_a_row_taken_out_is_found(log: Store) -> None:
    await altered(log, "DELETE FROM deed WHERE seq = 3")
    assert (await checked(log)).broken == Broken(3, "missing")


async def test_a_row_taken_out_with_the_later_ones_renumbered_is_found(log: Store) -> None:
    await altered(log, "DELETE FROM deed WHERE seq = 3")
    await altered(log, "UPDATE deed SET seq = 3 WHERE seq = 4")
    await altered(log, "UPDATE deed SET seq = 4 WHERE seq = 5")
    assert (await checked(log)).broken == Broken(3, "not_chained")


async def test_a_row_written_anew_with_a_fitting_hash_is_found_at_the_next_one(log: Store) -> None:
    values = (3, 0, "person:9", "role_changed", "person:3", "{}")
    async with log.read(None) as tx:
        row = await tx.row("SELECT previous_hash FROM deed WHERE seq = 3")
    assert row is not None
    sql = "UPDATE deed SET at_us = ?, actor = ?, action = ?, subject = ?, detail = ?, hash = ? WHERE seq = 3"
    await altered(log, sql, *values[1:], deeds._hash(*values, row[0]))
    assert (await checked(log)).broken == Broken(4, "not_chained")


async def test_rows_cut_off_at_the_end_are_found_by_a_head_that_was_kept(log: Store) -> None:
    head = (await checked(log)).head
    await altered(log, "DELETE FROM deed WHERE seq > 3")
    assert (await checked(log)).broken is None
    assert (await checked(log, {5: head})).broken == Broken(4, "missing")


async def test_a_chain_made_anew_is_found_by_a_head_that_was_kept(log: Store) -> None:
    head = (await checked(log)).head
    await altered(log, "DELETE FROM deed")
    for _ in range(6):
        async with log.write(None) as tx:
            await deeds.append(tx, "person:1", "role_changed", "person:2")
    assert (await checked(log)).broken is None
    assert (await checked(log, {5: head})).broken == Broken(5, "replaced")


async def test_a_deed_whose_transaction_fails_leaves_no_row_and_no_gap(log: Store) -> None:
    async def fails() -> None:
        async with log.write(None) as tx:
            await deeds.append(tx, "person:1", "role_changed", "person:2")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    async with log.write(None) as tx:
        assert await deeds.append(tx, "person:1", "role_changed", "person:2") == 6
    assert (await checked(log)).broken is None


async def test_processes_that_append_at_once_keep_one_chain(database_url: str, log: Store, clock: Clock) -> None:
    others = [await Store.open(database_url, clock_us=clock) for _ in range(3)]

    async def append(store: Store) -> None:
        async with store.write(None) as tx:
            await deeds.append(tx, "token:1", "read", "status")

    await asyncio.gather(*(append(each) for each in (log, *others) for _ in range(5)))
    for other in others:
        await other.close()
    found = await checked(log)
    assert (found.rows, found.broken) == (25, None)


async def test_a_long_log_is_checked_to_its_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "_PAGE_ROWS", 4)
    async with store.write(None) as tx:
        for _ in range(12):
            await deeds.append(tx, "command", "person_added", "person:1")
    assert (await checked(store)).rows == 12
    await altered(store, "UPDATE deed SET subject = 'person:2' WHERE seq = 11")
    assert (await checked(store)).broken == Broken(11, "altered")
