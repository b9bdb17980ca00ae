"""Which writes of ours a person may take back: read off the audit, oldest first. Reads the store only, and calls no CRM.

Several writes to one field of one record are one undo: it goes back to what it held before the first of them that follow on each
other. Where somebody edited the field between two of ours, it goes back to that edit and no further. Whoever was shown what would
go back gives the last row that was looked at then: what was written later was not shown, and stays.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from interlock.core.codec import Codec
from interlock.core.mapping import FieldMapping
from interlock.core.model import AuditKind, AuditRow, ConflictReason, GoneHow, LinkState, RecordKey, RecordLink, Side
from interlock.core.plain import from_plain
from interlock.core.values import Unknown, Value
from interlock.engine.context import ObjectRuntime
from interlock.engine.left_out import TYPE_OFF
from interlock.engine.undo import EDITED_SINCE, GONE, NOT_MAPPED, NOT_SHOWN, OUTSIDE
from interlock.store import Store, Tx, audit, links
from interlock.store.undos import UndoRow

_LINKS_AT_ONCE = 1_000
# Of what is never undone: kind of audit row -> code. A first link writes nothing by itself and is none of them.
_NEVER = {
    AuditKind.OPT_OUT: "opt_out",
    AuditKind.ASSOCIATE: "association",
    AuditKind.DISASSOCIATE: "association",
}
# What became of a record whose pair moved or ended. A restored one, or one that entered the list, is nothing to take apart.
_MOVED = {GoneHow.MERGED.value: "merge", GoneHow.CONVERTED.value: "conversion"}


class Left(msgspec.Struct, frozen=True):
    """Something that was done since and is not taken back. `why` is a code; `property` None: the record as a whole."""

    object: str
    hubspot_id: str | None
    salesforce_id: str | None
    why: str
    side: Side | None = None
    property: str | None = None


class Found(msgspec.Struct):
    """`undos` by object, with the pairs that they are of."""

    undos: dict[str, list[tuple[RecordLink, UndoRow]]] = {}
    left: list[Left] = []
    up_to: int = 0  # the last row that was looked at


class _Chain(msgspec.Struct):
    """Our writes to one field of one record that follow on each other. `undone`: the last of them was an undo."""

    row: AuditRow  # the last
    old: str | None
    undone: bool = False


_Place = tuple[str, Side, str, str]  # HubSpot id, side written, property, field


class _Written(msgspec.Struct):
    """What was written to the records of one object since."""

    chains: dict[_Place, _Chain] = {}
    creates: dict[tuple[str, Side], AuditRow] = {}
    not_shown: dict[_Place, AuditRow] = {}  # written after it was shown; of a whole record the names are empty


async def find(
    store: Store,
    connection_id: int,
    objects: Mapping[str, ObjectRuntime],
    since_us: int,
    at_us: int,
    key: RecordKey | None = None,
    up_to: int | None = None,
) -> Found:
    """`key`: of this record's pair alone. `at_us` names the run that the rows are of. `up_to`: nothing after this row."""
    found, written = Found(), {slug: _Written() for slug in objects}
    async with store.read(connection_id) as tx:
        found.up_to = await audit.last_id(tx) if up_to is None else up_to
        async for row in _rows(tx, since_us, key):
            if row.object not in objects:
                continue
            if up_to is not None and (row.id or 0) > up_to and _replaces(row):
                written[row.object].not_shown[_place(row)] = row
            else:
                _take(found, written[row.object], row, objects[row.object])
        for slug, gathered in written.items():
            await _resolve(tx, found, gathered, objects[slug], at_us)
    return found


async def _rows(tx: Tx, since_us: int, key: RecordKey | None) -> AsyncIterator[AuditRow]:
    if key is None:
        async for page in audit.since(tx, since_us):
            for row in page:
                yield row
        return
    for row in reversed(await audit.history(tx, key, limit=10_000)):
        if row.at_us >= since_us:
            yield row


def _replaces(row: AuditRow) -> bool:
    """Whether it changes what an undo would take back. An undo does not: there is nothing left to take back then."""
    lost_race = row.kind is AuditKind.CONFLICT and row.reason == ConflictReason.LOST_RACE.value
    written = row.kind in (AuditKind.CREATE, AuditKind.UPDATE) or lost_race
    return written and row.side is not None and row.hubspot_id is not None


def _place(row: AuditRow) -> _Place:
    """A record that was created is one thing, whatever number of fields it was given."""
    assert row.hubspot_id is not None
    assert row.side is not None
    if row.kind is AuditKind.CREATE:
        return row.hubspot_id, row.side, "", ""
    return row.hubspot_id, row.side, row.property or "", row.field or ""


def _take(found: Found, written: _Written, row: AuditRow, runtime: ObjectRuntime) -> None:
    if row.kind in _NEVER:
        found.left.append(Left(row.object, row.hubspot_id, row.salesforce_id, _NEVER[row.kind], row.side))
    elif row.kind in (AuditKind.RELINK, AuditKind.UNLINK):
        if row.cause in _MOVED:
            found.left.append(Left(row.object, row.hubspot_id, row.salesforce_id, _MOVED[row.cause], row.side))
    elif row.side is None or row.hubspot_id is None:
        return
    elif row.kind is AuditKind.CREATE:
        written.creates[row.hubspot_id, row.side] = row
    elif row.kind in (AuditKind.UPDATE, AuditKind.UNDO) and row.property is not None:
        _follow_on(written, row, runtime)
    elif row.kind is AuditKind.CONFLICT and row.reason == ConflictReason.LOST_RACE.value and row.property is not None:
        # What we had read was not what we replaced.
        chain = written.chains.get((row.hubspot_id, row.side, row.property, row.field or ""))
        if chain is not None and not chain.undone:
            chain.old = row.old


def _follow_on(written: _Written, row: AuditRow, runtime: ObjectRuntime) -> None:
    assert row.side is not None
    place = _place(row)
    before = written.chains.get(place)
    if row.kind is AuditKind.UNDO:
        written.chains[place] = _Chain(row, row.old, undone=True)
        return
    follows = before is not None and not before.undone and _goes_on(before.row, row, _codec(runtime, row))
    written.chains[place] = _Chain(row, before.old if follows and before is not None else row.old)


def _goes_on(before: AuditRow, row: AuditRow, codec: Codec | None) -> bool:
    """Whether this write replaced what the one before had left."""
    if codec is None or row.side is None:
        return False
    left = raw_value(codec, row.side, before.new)
    return type(left) is not Unknown and left == from_plain(codec, row.old)


def raw_value(codec: Codec, side: Side, raw: object) -> Value:
    return codec.from_hubspot(raw) if side is Side.HUBSPOT else codec.from_salesforce(raw)


def _codec(runtime: ObjectRuntime, row: AuditRow) -> Codec | None:
    for mapping in runtime.mappings.values():
        for field in mapping.fields:
            if (field.property, field.field) == (row.property, row.field):
                return field.codec
    return None


async def _resolve(tx: Tx, found: Found, written: _Written, runtime: ObjectRuntime, at_us: int) -> None:
    ids = list(dict.fromkeys([place[0] for place in written.chains] + [place[0] for place in written.creates]))
    pairs: dict[str, RecordLink] = {}
    for start in range(0, len(ids), _LINKS_AT_ONCE):
        pairs |= await links.by_hubspot(tx, runtime.slug, ids[start : start + _LINKS_AT_ONCE])
    undos = found.undos.setdefault(runtime.slug, [])
    for (hubspot_id, side, property_, _), row in written.not_shown.items():
        found.left.append(Left(runtime.slug, hubspot_id, row.salesforce_id, NOT_SHOWN, side, property_ or None))
    rewritten = {place[:2] for place in written.chains}
    rewritten_since = {place[:2] for place in written.not_shown}
    for (hubspot_id, side), row in written.creates.items():
        link = pairs.get(hubspot_id)
        if (hubspot_id, side) in rewritten_since:
            continue
        if link is None or link.state is not LinkState.LINKED or link.id is None:
            outside = link is not None and link.state is LinkState.EXCLUDED
            found.left.append(Left(runtime.slug, hubspot_id, row.salesforce_id, OUTSIDE if outside else GONE, side))
        elif not runtime.syncs(link.salesforce_type):
            found.left.append(Left(runtime.slug, hubspot_id, link.salesforce_id, TYPE_OFF, side))
        elif (hubspot_id, side) in rewritten:
            # Our own writes moved its stamps: that nobody else wrote in between cannot be proven any more.
            found.left.append(Left(runtime.slug, hubspot_id, link.salesforce_id, EDITED_SINCE, side))
        else:
            undos.append((link, UndoRow(link.id, side, "", "", None, row.new, at_us)))
    for (hubspot_id, side, property_, field), chain in written.chains.items():
        if chain.undone or (hubspot_id, side, property_, field) in written.not_shown:
            continue
        link = pairs.get(hubspot_id)
        why = _why_not(runtime, link, property_, field)
        if why is not None or link is None or link.id is None:
            salesforce_id = chain.row.salesforce_id
            found.left.append(Left(runtime.slug, hubspot_id, salesforce_id, why or GONE, side, property_))
        else:
            undos.append((link, UndoRow(link.id, side, property_, field, chain.old, chain.row.new, at_us)))


def _why_not(runtime: ObjectRuntime, link: RecordLink | None, property_: str, field: str) -> str | None:
    if link is not None and link.state is LinkState.EXCLUDED:
        return OUTSIDE
    if link is None or link.state is not LinkState.LINKED:
        return GONE
    if not runtime.syncs(link.salesforce_type):
        return TYPE_OFF
    mapped: Sequence[FieldMapping] = runtime.mapping_for(link.salesforce_type).fields
    return None if any((each.property, each.field) == (property_, field) for each in mapped) else NOT_MAPPED
