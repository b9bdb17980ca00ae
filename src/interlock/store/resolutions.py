"""What a person chose for a conflict, until a sync has carried it out. The conflict itself is an audit row.

The value wanted and the one it is to replace are both kept: only these two may be overwritten, so that an edit made
after the person looked is never lost. Who weighs that is core's `merge_chosen`; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.core.model import Side
from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.tx import Tx, WriteTx

WAITING, EDITED_SINCE, NOT_MAPPED = "waiting", "edited_since", "not_mapped"


class Resolution(msgspec.Struct, frozen=True):
    """`chosen` and `others` are plain values, as the conflict log shows them; None is blank."""

    conflict_id: int
    link_id: int
    property: str
    field: str
    keep: Side
    chosen: str | None
    others: tuple[str | None, ...]  # those that it may replace
    at_us: int
    state: str = WAITING


_SELECT = (
    "SELECT conflict_id, link_id, property, field, keep, chosen, other, at_us, state FROM resolution"
    " WHERE connection_id = ?"
)


def _resolution(row: Row) -> Resolution:
    conflict_id, link_id, property_, field, keep, chosen, other, at_us, state = row
    loaded = jsontext.load(other)
    others = tuple(loaded) if isinstance(loaded, list) else (loaded,)
    return Resolution(conflict_id, link_id, property_, field, Side(keep), jsontext.load(chosen), others, at_us, state)


async def put(tx: WriteTx, row: Resolution) -> None:
    """The last word counts: an older choice for the same field of the pair is forgotten."""
    await tx.run(
        "DELETE FROM resolution WHERE connection_id = ? AND link_id = ? AND property = ? AND field = ?",
        tx.connection_id,
        row.link_id,
        row.property,
        row.field,
    )
    await tx.run(
        "INSERT INTO resolution (connection_id, conflict_id, link_id, property, field, keep, chosen, other, at_us, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        tx.connection_id,
        row.conflict_id,
        row.link_id,
        row.property,
        row.field,
        row.keep.value,
        jsontext.dump_or_none(row.chosen),
        jsontext.dump(row.others) if len(row.others) > 1 else jsontext.dump_or_none(row.others[0]),
        row.at_us,
        row.state,
    )


async def waiting(tx: Tx, link_ids: Sequence[int]) -> dict[int, list[Resolution]]:
    """{link id: what was chosen for the pair and is not carried out yet}. Index ix_resolution_link."""
    rows = await tx.rows(_SELECT + " AND link_id IN [?] AND state = 'waiting'", tx.connection_id, list(link_ids))
    found: dict[int, list[Resolution]] = {}
    for row in rows:
        resolution = _resolution(row)
        found.setdefault(resolution.link_id, []).append(resolution)
    return found


async def of_field(tx: Tx, link_id: int, property_: str, field: str) -> Resolution | None:
    """What was chosen for one field of a pair and is not carried out yet."""
    row = await tx.row(
        _SELECT + " AND link_id = ? AND property = ? AND field = ? AND state = 'waiting'",
        tx.connection_id,
        link_id,
        property_,
        field,
    )
    return None if row is None else _resolution(row)


async def of_conflicts(tx: Tx, conflict_ids: Sequence[int]) -> dict[int, Resolution]:
    """{conflict id: what was chosen}, those that could not be carried out included."""
    rows = await tx.rows(_SELECT + " AND conflict_id IN [?]", tx.connection_id, list(conflict_ids))
    return {row[0]: _resolution(row) for row in rows}


async def set_state(tx: WriteTx, conflict_ids: Sequence[int], state: str) -> None:
    sql = "UPDATE resolution SET state = ? WHERE connection_id = ? AND conflict_id IN [?]"
    await tx.run(sql, state, tx.connection_id, list(conflict_ids))


async def drop(tx: WriteTx, conflict_ids: Sequence[int]) -> None:
    """Carried out."""
    sql = "DELETE FROM resolution WHERE connection_id = ? AND conflict_id IN [?]"
    await tx.run(sql, tx.connection_id, list(conflict_ids))
