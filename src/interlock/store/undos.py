"""What a person takes back of what we carried over, field by field, until a sync has done it; and then what is to stay so.

A row is first `waiting`: the next look at its pair carries it out (engine/undo.py), or finds that it must not. Of a field that
was undone it then is `standing`: the two sides differ against the rule, and are to, until either is edited. `seen` holds the
fingerprints by which that is known. Every other state has ended and is only kept for whoever asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.core.model import FieldBase, Raw, Side
from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.sql import BulkInsert
from interlock.store.tx import Tx, WriteTx

WAITING, STANDING, UNDONE = "waiting", "standing", "undone"


class UndoRow(msgspec.Struct):
    """`property` and `field` are empty for the record itself, which we had created; `written` then is all that was written."""

    link_id: int
    side: Side
    property: str
    field: str
    wanted: str | None
    written: Raw
    at_us: int
    state: str = WAITING
    seen: FieldBase | None = None
    id: int = 0

    def of_record(self) -> bool:
        return self.property == ""


_COLUMNS = "link_id, side, property, field, wanted, written, at_us, state, seen_hubspot, seen_salesforce, id"
_INSERT = BulkInsert(
    "undo", ("connection_id", "link_id", "side", "property", "field", "wanted", "written", "at_us", "state")
)


def _undo(row: Row) -> UndoRow:
    link_id, side, property_, field, wanted, written, at_us, state, hubspot, salesforce, id_ = row
    seen = None if hubspot is None else (hubspot, salesforce)
    wanted, written = jsontext.load(wanted), jsontext.load(written)
    return UndoRow(link_id, Side(side), property_, field, wanted, written, at_us, state, seen, id_)


async def put(tx: WriteTx, rows: Sequence[UndoRow]) -> None:
    """The last word counts: an older undo of the same field of a pair is forgotten."""
    for row in rows:
        await tx.run(
            "DELETE FROM undo WHERE connection_id = ? AND link_id = ? AND side = ? AND property = ? AND field = ?",
            tx.connection_id,
            row.link_id,
            row.side.value,
            row.property,
            row.field,
        )
    dump = jsontext.dump_or_none
    await tx.many(
        _INSERT,
        [
            (
                tx.connection_id,
                row.link_id,
                row.side.value,
                row.property,
                row.field,
                dump(row.wanted),
                dump(row.written),
                row.at_us,
                row.state,
            )
            for row in rows
        ],
    )


async def forget_ended(tx: WriteTx, at_us: int) -> None:
    """Of older runs than this one. Once a run: it looks at all that stands."""
    await tx.run(
        "DELETE FROM undo WHERE connection_id = ? AND state NOT IN ('waiting', 'standing') AND at_us <> ?",
        tx.connection_id,
        at_us,
    )


async def of_links(tx: Tx, link_ids: Sequence[int]) -> dict[int, list[UndoRow]]:
    """{link id: what is to be undone of the pair, and what was and stands}. Index ix_undo_link."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM undo WHERE connection_id = ? AND link_id IN [?] AND state IN [?] ORDER BY id",
        tx.connection_id,
        list(link_ids),
        [WAITING, STANDING],
    )
    found: dict[int, list[UndoRow]] = {}
    for row in rows:
        undo = _undo(row)
        found.setdefault(undo.link_id, []).append(undo)
    return found


async def of_run(tx: Tx, at_us: int, link_ids: Sequence[int]) -> list[UndoRow]:
    """What one run asked for of these pairs, with what has become of it so far. Index ix_undo_link."""
    # With + before it, SQLite does not take at_us for a way in, which leads past all of the run.
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM undo WHERE connection_id = ? AND link_id IN [?] AND +at_us = ? ORDER BY id",
        tx.connection_id,
        list(link_ids),
        at_us,
    )
    return [_undo(row) for row in rows]


async def set_state(tx: WriteTx, ids: Sequence[int], state: str) -> None:
    sql = "UPDATE undo SET state = ? WHERE connection_id = ? AND id IN [?]"
    await tx.run(sql, state, tx.connection_id, list(ids))


async def end_waiting(tx: WriteTx, link_id: int, side: Side, state: str) -> None:
    """What was not begun of this side of the pair. Index ix_undo_link."""
    await tx.run(
        "UPDATE undo SET state = ? WHERE connection_id = ? AND link_id = ? AND side = ? AND state = ?",
        state,
        tx.connection_id,
        link_id,
        side.value,
        WAITING,
    )


async def stand(tx: WriteTx, id_: int, seen: FieldBase) -> None:
    """Carried out; the two sides may differ as long as they hold these."""
    await tx.run(
        "UPDATE undo SET state = ?, seen_hubspot = ?, seen_salesforce = ? WHERE connection_id = ? AND id = ?",
        STANDING,
        *seen,
        tx.connection_id,
        id_,
    )


async def drop(tx: WriteTx, ids: Sequence[int]) -> None:
    """It stood, and somebody has edited one of the two since."""
    await tx.run("DELETE FROM undo WHERE connection_id = ? AND id IN [?]", tx.connection_id, list(ids))
