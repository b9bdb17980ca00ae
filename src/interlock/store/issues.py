"""Issues: what a person must see. Raised again it is the same row with one more try; gone it is resolved, and kept for the
retention of the history.

Identity: (object, record, code, property). The record is named by its HubSpot id when it has one, else by its
Salesforce id; an issue of the whole object or connection names none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from interlock.core.model import Issue, IssueCategory, RecordKey, Side
from interlock.store.driver import Row
from interlock.store.sql import BulkInsert, BulkUpdate, storable, storable_or_none
from interlock.store.tx import Tx, WriteTx

NOTHING_HELD: Mapping[RecordKey, Collection[str]] = {}
UNRESOLVED = ("open", "waiting")
OVER = ("ignored", "resolved")

PRUNE_ROWS = 10_000

# So often what was refused is tried again soon, as whoever raises it says; from then on at midnight UTC.
TRIES_SOON = 10
DAY_US = 86_400_000_000

# In the order of the struct's fields, so that a row is the struct's arguments.
_COLUMNS = Issue.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM issue WHERE connection_id = ?"
_PROPERTY = _COLUMNS.index("property")

_RAISE = BulkInsert(
    "issue",
    ("connection_id", "subject", *(name for name in _COLUMNS if name != "id")),
    f"""ON CONFLICT (connection_id, object, subject, code, property) DO UPDATE SET
        category = excluded.category, severity = excluded.severity,
        hubspot_id = COALESCE(excluded.hubspot_id, issue.hubspot_id),
        salesforce_id = COALESCE(excluded.salesforce_id, issue.salesforce_id),
        salesforce_type = COALESCE(excluded.salesforce_type, issue.salesforce_type),
        cause = excluded.cause, fix = excluded.fix, field = excluded.field, value = excluded.value,
        raw_message = excluded.raw_message, label = COALESCE(excluded.label, issue.label),
        status = CASE WHEN issue.status = 'ignored' THEN 'ignored' ELSE excluded.status END,
        last_seen_us = excluded.last_seen_us,
        tries = CASE WHEN issue.status = 'resolved' THEN excluded.tries ELSE issue.tries + 1 END,
        next_try_us = CASE WHEN issue.status = 'ignored' THEN NULL
                           WHEN issue.status = 'resolved' OR issue.tries < {TRIES_SOON} OR excluded.next_try_us IS NULL
                           THEN excluded.next_try_us
                           ELSE (excluded.last_seen_us / {DAY_US} + 1) * {DAY_US} END""",
)
_REOPEN = BulkUpdate("issue", ("status", "next_try_us"), ("connection_id", "id"))


class IssueCounts(msgspec.Struct, frozen=True):
    """Open and waiting ones."""

    total: int
    by_object: dict[str, int]
    by_category: dict[str, int]


def _subject(hubspot_id: str | None, salesforce_id: str | None) -> str:
    if hubspot_id is not None:
        return f"hubspot:{hubspot_id}"
    return "" if salesforce_id is None else f"salesforce:{salesforce_id}"


def _issue(row: Iterable[Any]) -> Issue:
    values = list(row)
    values[0] = IssueCategory(values[0])
    values[_PROPERTY] = values[_PROPERTY] or None
    return Issue(*values)


def _row(tx: WriteTx, item: Issue) -> Row:
    first_us = item.first_seen_us or tx.now_us
    return (
        tx.connection_id,
        _subject(item.hubspot_id, item.salesforce_id),
        item.category.value,
        item.code,
        item.severity,
        item.object,
        item.hubspot_id,
        item.salesforce_id,
        item.salesforce_type,
        storable(item.cause),
        storable(item.fix),
        item.property or "",
        item.field,
        storable_or_none(item.value),
        storable_or_none(item.raw_message),
        storable_or_none(item.label),
        item.status,
        first_us,
        item.last_seen_us or first_us,
        item.tries,
        item.next_try_us,
    )


async def raise_(tx: WriteTx, raised: Sequence[Issue]) -> None:
    """Open, or open again: one more try, seen now; a resolved one is reopened with its first, an ignored one stays ignored.

    `first_seen_us` / `last_seen_us` of 0 become the transaction's time. `next_try_us` holds for the first tries since it was
    opened, then it is the next midnight; None: it is not tried again by itself.
    """
    rows = {(row[1], row[3], row[5], row[11]): row for row in (_row(tx, item) for item in raised)}
    await tx.many(_RAISE, list(rows.values()))


async def resolve(
    tx: WriteTx,
    keys: Sequence[RecordKey],
    keep: Sequence[Issue] = (),
    keep_held: Mapping[RecordKey, Collection[str]] = NOTHING_HELD,
    never_held: Collection[str] = (),
) -> int:
    """Mark resolved all open issues of these records that were not raised again; their number.

    `keep`: issues raised just now, each kept for its own record, so that one call serves a batch. `keep_held`: properties of a
    record that are held back as before ("": the record as a whole), whose issues stay but for those with a code of
    `never_held`.
    """
    kept = {
        (item.object, _subject(item.hubspot_id, item.salesforce_id), item.code, item.property or "") for item in keep
    }
    ids: list[int] = []
    # One look-up a side, each by its partial index; where nothing is wrong both are empty.
    for side, column in ((Side.HUBSPOT, "hubspot_id"), (Side.SALESFORCE, "salesforce_id")):
        types = {key.id: key.type for key in keys if key.side is side}
        if not types:
            continue
        rows = await tx.rows(
            f"SELECT id, object, subject, code, property, salesforce_type, {column} FROM issue"
            f" WHERE connection_id = ? AND {column} IN [?] AND status IN ('open', 'waiting')",
            tx.connection_id,
            list(types),
        )
        ids += [
            row[0]
            for row in rows
            # HubSpot ids are unique within an object only; Salesforce ids everywhere.
            if (side is Side.SALESFORCE or types[row[6]] == row[1])
            and (row[3] in never_held or row[4] not in keep_held.get(RecordKey(side, types[row[6]], row[6]), ()))
            and tuple(row[1:5]) not in kept
        ]
    return await _set_status(tx, ids, "resolved") if ids else 0


async def resolve_ids(tx: WriteTx, ids: Sequence[int]) -> int:
    """For issues without a record (sign-in, limits): whoever raised them knows when they are over."""
    return await _set_status(tx, ids, "resolved")


async def ignore(tx: WriteTx, ids: Sequence[int]) -> int:
    """A person does not want to see these again, also when they are raised again."""
    return await _set_status(tx, ids, "ignored")


async def set_waiting(tx: WriteTx, ids: Sequence[int], next_try_us: int) -> None:
    """Resynced by a person: due again, not yet known to be solved."""
    await tx.many(_REOPEN, [("waiting", next_try_us, tx.connection_id, id_) for id_ in ids])


async def any_due(tx: Tx, objects: Sequence[str]) -> bool:
    """Whether `take_due` would find anything."""
    row = await tx.row(
        "SELECT 1 FROM issue WHERE connection_id = ? AND status = 'open' AND next_try_us <= ? AND object IN [?] LIMIT 1",
        tx.connection_id,
        tx.now_us,
        list(objects),
    )
    return row is not None


async def take_due(
    tx: WriteTx, objects: Sequence[str], again_us: int, most: int
) -> list[tuple[str, str | None, str | None, str | None]]:
    """Open ones to be tried again by now, those that wait longest first, each put off until `again_us` in case its try comes to
    nothing: [(object, HubSpot id, Salesforce type, Salesforce id)]. Index ix_issue_next_try."""
    rows = await tx.rows(
        "SELECT id, object, hubspot_id, salesforce_type, salesforce_id FROM issue WHERE connection_id = ?"
        " AND status = 'open' AND next_try_us <= ? AND object IN [?] ORDER BY next_try_us LIMIT ?",
        tx.connection_id,
        tx.now_us,
        list(objects),
        most,
    )
    await tx.run(
        "UPDATE issue SET next_try_us = ? WHERE connection_id = ? AND id IN [?]",
        again_us,
        tx.connection_id,
        [row[0] for row in rows],
    )
    return [(row[1], row[2], row[3], row[4]) for row in rows]


async def _set_status(tx: WriteTx, ids: Sequence[int], status: str) -> int:
    sql = "UPDATE issue SET status = ?, next_try_us = NULL WHERE connection_id = ? AND id IN [?]"
    return await tx.run(sql, status, tx.connection_id, list(ids))


async def prune(tx: WriteTx, before_us: int, limit_rows: int = PRUNE_ROWS) -> int:
    """Drop resolved ones that were last seen before that, at most `limit_rows` of them (call again while it returns that many).
    One that a person ignores stays, or it would be raised anew. Index ix_issue_over."""
    return await tx.run(
        "DELETE FROM issue WHERE connection_id = ? AND id IN ("
        "SELECT id FROM issue WHERE connection_id = ? AND status = 'resolved' AND last_seen_us < ? LIMIT ?)",
        tx.connection_id,
        tx.connection_id,
        before_us,
        limit_rows,
    )


async def get(tx: Tx, id_: int) -> Issue | None:
    row = await tx.row(_SELECT + " AND id = ?", tx.connection_id, id_)
    return None if row is None else _issue(row)


async def list_(
    tx: Tx,
    *,
    category: str | None = None,
    object: str | None = None,
    code: str | None = None,
    record: RecordKey | None = None,
    status: Collection[str] = UNRESOLVED,
    up_to: int | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> tuple[list[Issue], str | None]:
    """One page in order of id, and the cursor of the next one (None: this was the last). `up_to`: the newest that counts. Raises
    ValueError for a cursor that is not one of ours."""
    sql, values = _of_query(category, object, code, record, status, up_to)
    if cursor is not None:
        sql, values = sql + " AND id > ?", [*values, int(cursor)]
    rows = await tx.rows(_SELECT + sql + " ORDER BY id LIMIT ?", tx.connection_id, *values, limit + 1)
    found = [_issue(row) for row in rows]
    return found[:limit], str(found[limit - 1].id) if len(found) > limit else None


async def matching(
    tx: Tx,
    *,
    category: str | None = None,
    object: str | None = None,
    code: str | None = None,
    record: RecordKey | None = None,
    status: Collection[str] = UNRESOLVED,
) -> tuple[int, int]:
    """How many `list_` has on all its pages, and the id of the newest (0: there is none)."""
    sql, values = _of_query(category, object, code, record, status, None)
    row = await tx.row(
        "SELECT COUNT(*), COALESCE(MAX(id), 0) FROM issue WHERE connection_id = ?" + sql, tx.connection_id, *values
    )
    assert row is not None
    return int(row[0]), int(row[1])


def _of_query(
    category: str | None,
    object: str | None,
    code: str | None,
    record: RecordKey | None,
    status: Collection[str],
    up_to: int | None,
) -> tuple[str, list[Any]]:
    tests: list[tuple[str, Any]] = [("category = ?", category), ("object = ?", object), ("code = ?", code)]
    if record is not None and record.side is Side.HUBSPOT:
        tests += [("hubspot_id = ?", record.id), ("object = ?", record.type)]
    elif record is not None:
        tests.append(("salesforce_id = ?", record.id))
    tests.append(("id <= ?", up_to))
    asked = [(test, value) for test, value in tests if value is not None]
    # One status is told as such: in order of id within it lies ix_issue_over.
    sql = (" AND status = ?" if len(status) == 1 else " AND status IN [?]") + "".join(
        f" AND {test}" for test, _ in asked
    )
    # Said once more as literal text, which is what lets both databases take the partial indexes.
    if set(status) <= set(UNRESOLVED):
        sql += " AND status IN ('open', 'waiting')"
    elif set(status) <= set(OVER):
        sql += " AND status IN ('ignored', 'resolved')"
    return sql, [next(iter(status)) if len(status) == 1 else sorted(status), *(value for _, value in asked)]


async def counts(tx: Tx) -> IssueCounts:
    rows = await tx.rows(
        "SELECT object, category, COUNT(*) FROM issue WHERE connection_id = ? AND status IN ('open', 'waiting')"
        " GROUP BY object, category",
        tx.connection_id,
    )
    by_object: Counter[str] = Counter()
    by_category: Counter[str] = Counter()
    for object_, category, n in rows:
        by_object[object_] += n
        by_category[category] += n
    return IssueCounts(by_object.total(), dict(by_object), dict(by_category))


class Affected(msgspec.Struct, frozen=True):
    """Of one category: open and waiting issues, and how many records they are about."""

    issues: int
    records: int


async def affected(tx: Tx) -> dict[str, Affected]:
    """By category; one without issues is not there. Index ix_issue_unresolved."""
    rows = await tx.rows(
        "SELECT category, COUNT(*), COUNT(DISTINCT object || ' ' || subject) FROM issue"
        " WHERE connection_id = ? AND status IN ('open', 'waiting') GROUP BY category",
        tx.connection_id,
    )
    return {category: Affected(int(n), int(records)) for category, n, records in rows}


async def pairs_affected(tx: Tx) -> dict[str, int]:
    """{object: pairs of which something is held back}. Index ix_issue_unresolved."""
    rows = await tx.rows(
        "SELECT object, COUNT(DISTINCT subject) FROM issue WHERE connection_id = ? AND status IN ('open', 'waiting')"
        " AND hubspot_id IS NOT NULL AND salesforce_id IS NOT NULL GROUP BY object",
        tx.connection_id,
    )
    return {object_: int(n) for object_, n in rows}
