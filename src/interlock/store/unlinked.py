"""Records that were seen and have no counterpart, and why: the answer to "why is this one not synced?"."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.core.model import RecordKey, Side
from interlock.store.driver import Row
from interlock.store.sql import BulkInsert, storable
from interlock.store.tx import Tx, WriteTx


class Unlinked(msgspec.Struct, frozen=True):
    key: RecordKey
    object: str
    version_us: int  # the record's modification time when it was looked at
    why: str  # code
    label: str
    seen_us: int  # our clock when it was looked at last
    first_us: int = 0  # and when just this version was looked at first; the store knows


_PUT = BulkInsert(
    "unlinked",
    ("connection_id", "record_key", "object", "version_us", "why", "label", "seen_us", "first_us"),
    "ON CONFLICT (connection_id, record_key) DO UPDATE SET object = excluded.object, version_us = excluded.version_us,"
    " why = excluded.why, label = excluded.label, seen_us = excluded.seen_us, first_us ="
    " CASE WHEN unlinked.version_us = excluded.version_us THEN unlinked.first_us ELSE excluded.first_us END",
)
_SELECT = "SELECT record_key, object, version_us, why, label, seen_us, first_us FROM unlinked WHERE connection_id = ?"


def _unlinked(row: Row) -> Unlinked:
    return Unlinked(RecordKey.parse(row[0]), *row[1:])


async def put(tx: WriteTx, rows: Sequence[Unlinked]) -> None:
    connection_id = tx.connection_id
    by_key = {
        str(row.key): (row.object, row.version_us, row.why, storable(row.label), row.seen_us, row.seen_us)
        for row in rows
    }
    await tx.many(_PUT, [(connection_id, key, *values) for key, values in by_key.items()])


async def by_keys(tx: Tx, keys: Sequence[RecordKey]) -> dict[RecordKey, Unlinked]:
    rows = await tx.rows(_SELECT + " AND record_key IN [?]", tx.connection_id, [str(key) for key in keys])
    found = [_unlinked(row) for row in rows]
    return {item.key: item for item in found}


async def page(tx: Tx, object: str, why: str, after: RecordKey | None = None, limit: int = 100) -> list[Unlinked]:
    """Records of an object that are unlinked for this cause, in order of key."""
    sql = _SELECT + " AND object = ? AND why = ? AND record_key > ? ORDER BY record_key LIMIT ?"
    after_text = "" if after is None else str(after)
    return [_unlinked(row) for row in await tx.rows(sql, tx.connection_id, object, why, after_text, limit)]


async def of_side(tx: Tx, object: str, why: str, side: Side, after: str, limit: int) -> list[Unlinked]:
    """The same of one side; `after`: the key of the last one, or empty."""
    # A record key begins with its side.
    first, end = (side.value, "s") if side is Side.HUBSPOT else ("s", "t")
    sql = _SELECT + " AND object = ? AND why = ? AND record_key > ? AND record_key < ? ORDER BY record_key LIMIT ?"
    return [_unlinked(row) for row in await tx.rows(sql, tx.connection_id, object, why, after or first, end, limit)]


async def in_hubspot(tx: Tx, object: str, after: str, limit: int) -> list[RecordKey]:
    """Records of HubSpot's, in order of key; `after`: the last one's, or empty."""
    # A record key begins with its side.
    sql = (
        "SELECT record_key FROM unlinked WHERE connection_id = ? AND record_key > ? AND record_key < 's'"
        " AND object = ? ORDER BY record_key LIMIT ?"
    )
    return [RecordKey.parse(row[0]) for row in await tx.rows(sql, tx.connection_id, after, object, limit)]


async def on_side(tx: Tx, object: str, side: Side, after: str, limit: int) -> list[Unlinked]:
    """Those of one side, in order of key; `after`: the last one's, or empty."""
    # A record key begins with its side.
    first, end = (side.value, "s") if side is Side.HUBSPOT else ("s", "t")
    sql = _SELECT + " AND record_key > ? AND record_key < ? AND object = ? ORDER BY record_key LIMIT ?"
    return [_unlinked(row) for row in await tx.rows(sql, tx.connection_id, after or first, end, object, limit)]


async def drop(tx: WriteTx, keys: Sequence[RecordKey]) -> None:
    """Linked now, or gone."""
    await tx.run(
        "DELETE FROM unlinked WHERE connection_id = ? AND record_key IN [?]",
        tx.connection_id,
        [str(key) for key in keys],
    )


async def counts_by_side(tx: Tx) -> dict[str, dict[str, dict[Side, int]]]:
    """{object: {why: {side: n}}}, from ix_unlinked_why alone."""
    # A record key begins with its side.
    sql = (
        "SELECT object, why, SUM(CASE WHEN record_key < 's' THEN 1 ELSE 0 END), COUNT(*) FROM unlinked"
        " WHERE connection_id = ? GROUP BY object, why ORDER BY object, why"
    )
    found: dict[str, dict[str, dict[Side, int]]] = {}
    for object_, why, in_hubspot, n in await tx.rows(sql, tx.connection_id):
        here = found.setdefault(object_, {}).setdefault(why, {})
        here[Side.HUBSPOT], here[Side.SALESFORCE] = int(in_hubspot), int(n) - int(in_hubspot)
    return found


async def counts(tx: Tx) -> dict[str, dict[str, int]]:
    """{object: {why: n}}, from ix_unlinked_why alone."""
    sql = "SELECT object, why, COUNT(*) FROM unlinked WHERE connection_id = ? GROUP BY object, why"
    found: dict[str, dict[str, int]] = {}
    for object_, why, n in await tx.rows(sql, tx.connection_id):
        found.setdefault(object_, {})[why] = n
    return found
