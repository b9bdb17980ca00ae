"""Matching keys of records without a link: normalised e-mail, domain, name. Which records could be one, never that
they are.

What a key means and how it is made is core's and objects' business; here it is text that is equal or not.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import Side
from interlock.store.sql import BulkInsert, storable
from interlock.store.tx import Tx, WriteTx

Entry = tuple[str, str, str]
"""(kind, key, record id)"""

_INSERT = BulkInsert(
    "identity", ("connection_id", "object", "side", "kind", "key", "record_id"), "ON CONFLICT DO NOTHING"
)


async def put(tx: WriteTx, object: str, side: Side, entries: Sequence[Entry]) -> None:
    """Replaces all keys of every record named in `entries`."""
    await drop(tx, object, side, list({entry[2]: None for entry in entries}))
    connection_id, side_text = tx.connection_id, side.value
    rows = [(connection_id, object, side_text, kind, storable(key), record_id) for kind, key, record_id in entries]
    await tx.many(_INSERT, rows)


async def find(tx: Tx, object: str, side: Side, kind: str, keys: Sequence[str]) -> dict[str, list[str]]:
    """{key: the ids of all records that have it, in order}; a key that nobody has is missing."""
    asked = {storable(key): key for key in keys}
    rows = await tx.rows(
        "SELECT key, record_id FROM identity WHERE connection_id = ? AND object = ? AND side = ? AND kind = ?"
        " AND key IN [?] ORDER BY key, record_id",
        tx.connection_id,
        object,
        side.value,
        kind,
        list(asked),
    )
    found: dict[str, list[str]] = {}
    for key, record_id in rows:
        found.setdefault(asked[key], []).append(record_id)
    return found


async def drop(tx: WriteTx, object: str, side: Side, record_ids: Sequence[str]) -> None:
    """Linked or gone: no longer a candidate. Index ix_identity_record."""
    await tx.run(
        "DELETE FROM identity WHERE connection_id = ? AND object = ? AND side = ? AND record_id IN [?]",
        tx.connection_id,
        object,
        side.value,
        list(record_ids),
    )
