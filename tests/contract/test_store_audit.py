"""The audit: values come back to the letter, history reads from either side, open conflicts outlive the retention."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.core.model import AuditKind, AuditRow, RecordKey, Side
from interlock.store import Store, audit

pytestmark = pytest.mark.anyio

ADA = RecordKey(Side.HUBSPOT, "contacts", "501")


def wrote(at_us: int, hubspot_id: str | None = "501", salesforce_id: str | None = "003A", **more: Any) -> AuditRow:
    return AuditRow(at_us, AuditKind.UPDATE, "contacts", hubspot_id, salesforce_id, Side.SALESFORCE, **more)


def conflict(at_us: int, status: str = "open", object_: str = "contacts") -> AuditRow:
    return AuditRow(
        at_us, AuditKind.CONFLICT, object_, "501", "003A", Side.HUBSPOT, old="mine", new="theirs", status=status
    )


async def append(store: Store, connection_id: int, *rows: AuditRow) -> None:
    async with store.write(connection_id) as tx:
        await audit.append(tx, list(rows))


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "x",
        0,
        1.5,
        True,
        "nul \x00 inside",
        "emoji 🦊",
        "half an emoji \ud83d",
        "é",
        "line\nbreak",
        "y" * 1_000_000,
    ],
    ids=["none", "empty", "text", "zero", "float", "bool", "nul", "emoji", "half", "accent", "newline", "long"],
)
async def test_values_come_back_to_the_letter(store: Store, connection_id: int, value: Any) -> None:
    await append(store, connection_id, wrote(1, old=value, new=value))
    async with store.read(connection_id) as tx:
        [row] = await audit.history(tx, ADA)
    assert (row.old, row.new) == (value, value)
    assert type(row.old) is type(value)


async def test_a_row_comes_back_whole(store: Store, connection_id: int) -> None:
    row = wrote(7, property="jobtitle", field="Title", old="a", new="b", cause="c", rule="two_way", reason="r")
    await append(store, connection_id, row)
    async with store.read(connection_id) as tx:
        [found] = await audit.history(tx, ADA)
        assert await audit.get(tx, found.id or 0) == found
    row.id = found.id
    assert found == row


async def test_history_reads_newest_first_from_either_side(store: Store, connection_id: int) -> None:
    company = AuditRow(4, AuditKind.UPDATE, "companies", "501", "001A")
    await append(store, connection_id, wrote(1), wrote(2, salesforce_id=None), wrote(3, hubspot_id=None), company)
    async with store.read(connection_id) as tx:
        assert [row.at_us for row in await audit.history(tx, ADA)] == [2, 1]
        assert [row.at_us for row in await audit.history(tx, ADA, limit=1)] == [2]
        assert [row.at_us for row in await audit.history(tx, RecordKey(Side.SALESFORCE, "Contact", "003A"))] == [3, 1]


async def test_conflicts_are_listed_newest_first_in_pages(store: Store, connection_id: int) -> None:
    await append(store, connection_id, *(conflict(n) for n in range(5)), conflict(9, "settled"), wrote(10))
    async with store.read(connection_id) as tx:
        first, cursor = await audit.conflicts(tx, limit=3)
        second, end = await audit.conflicts(tx, limit=3, cursor=cursor)
        everything, _ = await audit.conflicts(tx, status=None)
    assert [row.at_us for row in first + second] == [4, 3, 2, 1, 0]
    assert end is None
    assert [row.at_us for row in everything] == [9, 4, 3, 2, 1, 0]


async def test_a_conflict_can_be_resolved_and_a_write_cannot(store: Store, connection_id: int) -> None:
    await append(store, connection_id, conflict(1), wrote(2))
    async with store.read(connection_id) as tx:
        [update, clash] = await audit.history(tx, ADA)
    async with store.write(connection_id) as tx:
        await audit.resolve_conflicts(tx, [clash.id or 0, update.id or 0])
    async with store.read(connection_id) as tx:
        assert await audit.conflict_counts(tx) == {}
        assert await audit.conflict_counts(tx, "resolved") == {"contacts": 1}


async def test_open_conflicts_are_counted_by_object(store: Store, connection_id: int) -> None:
    await append(store, connection_id, conflict(1), conflict(2), conflict(3, object_="deals"), conflict(4, "settled"))
    async with store.read(connection_id) as tx:
        assert await audit.conflict_counts(tx) == {"contacts": 2, "deals": 1}


@pytest.mark.parametrize("page_size_rows", [1, 2, 3, 100])
async def test_everything_since_a_time_is_walked_once_oldest_first(
    store: Store, connection_id: int, page_size_rows: int
) -> None:
    # Appended out of order and with equal times, as two drains of one connection may.
    await append(store, connection_id, *(wrote(at, cause=str(n)) for n, at in enumerate([9, 3, 5, 5, 5, 4, 2])))
    seen: list[tuple[int, str]] = []
    async with store.read(connection_id) as tx:
        async for page in audit.since(tx, 4, page_size_rows):
            assert len(page) <= page_size_rows
            seen += [(row.at_us, row.cause) for row in page]
    assert seen == [(4, "5"), (5, "2"), (5, "3"), (5, "4"), (9, "0")]


async def test_the_retention_spares_an_open_conflict(store: Store, connection_id: int) -> None:
    await append(store, connection_id, wrote(1), conflict(2), conflict(3, "resolved"), wrote(9))
    async with store.write(connection_id) as tx:
        assert await audit.prune(tx, before_us=5, limit_rows=1) == 1
        assert await audit.prune(tx, before_us=5) == 1
        assert await audit.prune(tx, before_us=5) == 0
    async with store.read(connection_id) as tx:
        assert [row.at_us for row in await audit.history(tx, ADA)] == [9, 2]
