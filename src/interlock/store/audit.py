"""The audit: what was done or decided and why, with the values. The conflict log is its rows of kind `conflict`.

Appended in the transaction that records the evidence. Values are JSON text, exactly as the CRMs gave them; they are
kept for a retention and then pruned, conflicts that are still open excepted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from interlock.core.model import AuditKind, AuditRow, RecordKey, Side
from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.sql import BulkInsert, storable, storable_or_none
from interlock.store.tx import Tx, WriteTx

PRUNE_ROWS = 10_000
CONFLICT_STATUSES = ("open", "settled", "resolved")

_COLUMNS = AuditRow.__struct_fields__
_INSERT = BulkInsert("audit", ("connection_id", *(name for name in _COLUMNS if name != "id")))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM audit WHERE connection_id = ?"

_KINDS = {kind.value: kind for kind in AuditKind}
_SIDES: dict[str | None, Side | None] = {None: None, **{side.value: side for side in Side}}


def _audit(row: Row) -> AuditRow:
    at_us, kind, object_, hubspot_id, salesforce_id, side, property_, field, old, new, *rest = row
    return AuditRow(
        at_us,
        _KINDS[kind],
        object_,
        hubspot_id,
        salesforce_id,
        _SIDES[side],
        property_,
        field,
        jsontext.load(old),
        jsontext.load(new),
        *rest,
    )


async def append(tx: WriteTx, rows: Sequence[AuditRow]) -> None:
    connection_id, dump = tx.connection_id, jsontext.dump_or_none
    await tx.many(
        _INSERT,
        [
            (
                connection_id,
                row.at_us,
                row.kind.value,
                row.object,
                row.hubspot_id,
                row.salesforce_id,
                None if row.side is None else row.side.value,
                row.property,
                row.field,
                dump(row.old),
                dump(row.new),
                storable(row.cause),
                row.rule,
                storable_or_none(row.reason),
                row.status,
            )
            for row in rows
        ],
    )


async def add(tx: WriteTx, row: AuditRow) -> int:
    """One row whose id is needed."""
    await append(tx, [row])
    return await last_id(tx)


async def last_id(tx: Tx) -> int:
    """Of the newest row; 0 where there is none."""
    found = await tx.row("SELECT COALESCE(MAX(id), 0) FROM audit WHERE connection_id = ?", tx.connection_id)
    assert found is not None
    return int(found[0])


async def updates_since(
    tx: Tx, object: str, hubspot_ids: Sequence[str], at_us: int
) -> dict[tuple[str, Side, str], int]:
    """{(HubSpot id, side, property): how often we wrote it}. Index ix_audit_hubspot."""
    rows = await tx.rows(
        "SELECT hubspot_id, side, property, COUNT(*) FROM audit WHERE connection_id = ? AND hubspot_id IN [?]"
        " AND object = ? AND kind = 'update' AND at_us > ? GROUP BY hubspot_id, side, property",
        tx.connection_id,
        list(hubspot_ids),
        object,
        at_us,
    )
    return {(hubspot_id, Side(side), property_): n for hubspot_id, side, property_, n in rows}


async def history(tx: Tx, key: RecordKey, limit: int = 100) -> list[AuditRow]:
    """Newest first. Indexes ix_audit_hubspot, ix_audit_salesforce."""
    if key.side is Side.HUBSPOT:
        sql = _SELECT + " AND hubspot_id = ? AND object = ? ORDER BY id DESC LIMIT ?"
        return [_audit(row) for row in await tx.rows(sql, tx.connection_id, key.id, key.type, limit)]
    sql = _SELECT + " AND salesforce_id = ? ORDER BY id DESC LIMIT ?"
    return [_audit(row) for row in await tx.rows(sql, tx.connection_id, key.id, limit)]


async def conflicts(
    tx: Tx,
    status: str | None = "open",
    limit: int = 100,
    cursor: str | None = None,
    object: str | None = None,
    property: str | None = None,
    lost: Side | None = None,
) -> tuple[list[AuditRow], str | None]:
    """One page, newest first, and the cursor of the next. None: all. Index ix_audit_conflict."""
    before = int(cursor) if cursor is not None else 2**62
    tests, values = _of_conflicts(object, property, lost)
    sql = _SELECT + tests + " AND id < ? ORDER BY id DESC LIMIT ?"
    # Each status has its own place in the index; all of them in order of id would be a walk past every write.
    rows = [
        row
        for each in _statuses(status)
        for row in await tx.rows(sql, tx.connection_id, each, *values, before, limit + 1)
    ]
    found = sorted((_audit(row) for row in rows), key=lambda row: -(row.id or 0))
    return found[:limit], str(found[limit - 1].id) if len(found) > limit else None


async def conflicts_in_all(
    tx: Tx,
    status: str | None,
    object: str | None,
    property: str | None,
    lost: Side | None = None,
    cursor: str | None = None,
) -> int:
    """How many `conflicts` has on all its pages, or on those from this one on."""
    before = int(cursor) if cursor is not None else 2**62
    tests, values = _of_conflicts(object, property, lost)
    sql = "SELECT COUNT(*) FROM audit WHERE connection_id = ?" + tests + " AND id < ?"
    rows = [await tx.row(sql, tx.connection_id, each, *values, before) for each in _statuses(status)]
    return sum(int(row[0]) for row in rows if row)


def _statuses(status: str | None) -> Sequence[str]:
    return CONFLICT_STATUSES if status is None else (status,)


def _of_conflicts(object: str | None, property: str | None, lost: Side | None) -> tuple[str, list[str]]:
    chosen = {"object": object, "property": property, "side": lost.value if lost else None}
    wanted = {name: value for name, value in chosen.items() if value is not None}
    tests = "".join(f" AND {name} = ?" for name in wanted)
    return " AND kind = 'conflict' AND status = ?" + tests, list(wanted.values())


async def get(tx: Tx, id_: int) -> AuditRow | None:
    row = await tx.row(_SELECT + " AND id = ?", tx.connection_id, id_)
    return None if row is None else _audit(row)


async def since(
    tx: Tx, at_us: int, page_size_rows: int = 1000, *, values: bool = True
) -> AsyncIterator[list[AuditRow]]:
    """All rows from `at_us` on, oldest first, in pages. `values` False: with neither `old` nor `new`, where it is only asked which
    there are. Index ix_audit_at."""
    names = ", ".join(name if values or name not in ("old", "new") else "NULL" for name in _COLUMNS)
    position = (at_us, 0)
    while True:
        sql = (
            f"SELECT {names} FROM audit WHERE connection_id = ? AND at_us >= ? AND (at_us, id) > (?, ?)"
            " ORDER BY at_us, id LIMIT ?"
        )
        rows = await tx.rows(sql, tx.connection_id, at_us, *position, page_size_rows)
        if rows:
            yield [_audit(row) for row in rows]
        if len(rows) < page_size_rows:
            return
        position = (rows[-1][0], rows[-1][-1])


async def by_ids(tx: Tx, ids: Sequence[int]) -> list[AuditRow]:
    """In order of id; those of them that are there."""
    # By the primary key: with + before it, SQLite does not take connection_id for a way in, which leads past every row.
    sql = f"SELECT {', '.join(_COLUMNS)} FROM audit WHERE +connection_id = ? AND id IN [?] ORDER BY id"
    found = await tx.rows(sql, tx.connection_id, list(ids))
    return [_audit(row) for row in found]


async def conflict_counts(tx: Tx, status: str = "open") -> dict[str, int]:
    """{object: conflicts of this status}."""
    rows = await tx.rows(
        "SELECT object, COUNT(*) FROM audit WHERE connection_id = ? AND kind = 'conflict' AND status = ?"
        " GROUP BY object",
        tx.connection_id,
        status,
    )
    return {object_: n for object_, n in rows}  # noqa: C416  (dict() of untyped tuples hides the types)


async def prune(tx: WriteTx, before_us: int, limit_rows: int = PRUNE_ROWS) -> int:
    """Drop the oldest rows past the retention, at most `limit_rows` of them (call again while it returns that many).

    An open conflict holds the only copy of a losing value: it stays until a person has chosen.
    """
    return await tx.run(
        "DELETE FROM audit WHERE connection_id = ? AND id IN ("
        "SELECT id FROM audit WHERE connection_id = ? AND at_us < ?"
        " AND NOT (kind = 'conflict' AND status = 'open') ORDER BY at_us LIMIT ?)",
        tx.connection_id,
        tx.connection_id,
        before_us,
        limit_rows,
    )


async def resolve_conflicts(tx: WriteTx, ids: Sequence[int]) -> None:
    """A person's choice is carried out. A row that the retention took meanwhile needs no status any more."""
    await tx.run(
        "UPDATE audit SET status = 'resolved' WHERE connection_id = ? AND id IN [?] AND kind = 'conflict'",
        tx.connection_id,
        list(ids),
    )


async def counts_since(tx: Tx, since_us: int) -> dict[str, int]:
    """{kind: rows}. Index ix_audit_at."""
    rows = await tx.rows(
        "SELECT kind, COUNT(*) FROM audit WHERE connection_id = ? AND at_us >= ? GROUP BY kind",
        tx.connection_id,
        since_us,
    )
    return {kind: int(n) for kind, n in rows}


async def of_kind_since(tx: Tx, kind: AuditKind, object: str, since_us: int) -> list[tuple[Side | None, str | None]]:
    """(side, reason) of each row of that kind, in the order of what happened. Index ix_audit_at."""
    rows = await tx.rows(
        "SELECT side, reason FROM audit WHERE connection_id = ? AND at_us >= ? AND kind = ? AND object = ? ORDER BY id",
        tx.connection_id,
        since_us,
        kind.value,
        object,
    )
    return [(None if side is None else Side(side), reason) for side, reason in rows]
