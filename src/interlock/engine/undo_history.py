"""Which writes of ours a person may take back: read off the audit, pair by pair. Reads the store only, and calls no CRM.

Several writes to one field of one record are one undo: it goes back to what it held before the first of them that follow on each
other. What was written to one record is never taken back on another that the pair has moved to since. Where somebody edited the
field between two of ours, it goes back to that edit and no further. Whoever was shown what would go back gives the last row that
was looked at then: what was written later was not shown, and stays.

A day may hold a million writes. What is kept of all of them is the ids of their rows, on disk (store/aside.py); the rows are read
again for as many pairs as are taken up at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from interlock.core.codec import Codec
from interlock.core.link import OUTSIDE as NOT_INCLUDED
from interlock.core.mapping import FieldMapping
from interlock.core.model import AuditKind, AuditRow, ConflictReason, GoneHow, LinkState, RecordKey, RecordLink, Side
from interlock.core.plain import from_plain
from interlock.core.values import Unknown, Value
from interlock.engine.context import ObjectRuntime
from interlock.engine.follow import EDITED_LATER
from interlock.engine.left_out import TYPE_OFF
from interlock.engine.undo import ANOTHER_RECORD, EDITED_SINCE, GONE, NOT_MAPPED, NOT_SHOWN, OUTSIDE
from interlock.store import Store, Tx, aside, audit, links
from interlock.store.undos import UndoRow

PAIRS_AT_ONCE = 200
# As many rows of one part: a pair of which more was written is a part of its own.
ROWS_AT_ONCE = 5_000
# Of what is never undone: kind of audit row -> code. A first link writes nothing by itself and is none of them.
_NEVER = {
    AuditKind.OPT_OUT: "opt_out",
    AuditKind.ASSOCIATE: "association",
    AuditKind.DISASSOCIATE: "association",
    AuditKind.STAGE: "stage",
    AuditKind.DELETE: "delete",
    AuditKind.MERGE: "merge",
}
# What became of a record whose pair moved or ended. A restored one, or one that entered the list, is nothing to take apart.
_MOVED = {GoneHow.MERGED.value: "merge", GoneHow.CONVERTED.value: "conversion", EDITED_LATER: "moved"}
_WRITES = frozenset({AuditKind.CREATE, AuditKind.UPDATE, AuditKind.UNDO, AuditKind.CONFLICT})

Pair = tuple[RecordLink, list[UndoRow]]


class Left(msgspec.Struct, frozen=True):
    """Something that was done since and is not taken back. `why` is a code; `property` None: the record as a whole."""

    object: str
    hubspot_id: str | None
    salesforce_id: str | None
    why: str
    side: Side | None = None
    property: str | None = None


class Part(msgspec.Struct):
    """Pairs of one object with what goes back of each, and what stays of these and of those that are pairs no more."""

    runtime: ObjectRuntime
    pairs: list[Pair] = []
    left: list[Left] = []

    def leave_records(self) -> None:
        """Nobody has confirmed that records are deleted."""
        for link, rows in self.pairs:
            self.left += [
                Left(link.object, link.hubspot_id, link.salesforce_id, "not_confirmed", row.side)
                for row in rows
                if row.of_record()
            ]
        kept = [(link, [row for row in rows if not row.of_record()]) for link, rows in self.pairs]
        self.pairs = [(link, rows) for link, rows in kept if rows]


class _Chain(msgspec.Struct):
    """Our writes to one field of one record that follow on each other. `undone`: the last of them was an undo."""

    row: AuditRow  # the last
    old: str | None
    undone: bool = False


_Place = tuple[str, Side, str | None, str, str]  # HubSpot id, side written, id of the record written, property, field


class _Written(msgspec.Struct):
    """What was written to the records of one object since."""

    chains: dict[_Place, _Chain] = {}
    creates: dict[tuple[str, Side], AuditRow] = {}
    not_shown: dict[_Place, AuditRow] = {}  # written after it was shown; of a whole record the names are empty


class Written:
    """What was written since. `parts` may be asked for more than once, and each time the pairs are looked up as they are then."""

    def __init__(self, store: Store, connection_id: int, objects: Mapping[str, ObjectRuntime], at_us: int) -> None:
        self._store, self._connection_id, self._objects, self._at_us = store, connection_id, objects, at_us
        self._rows = aside.Grouped()
        self._shown_up_to: int | None = None
        self.up_to = 0  # the last row that was looked at
        self.never = aside.Listed(Left)  # of what no undo takes back

    async def gather(self, since_us: int, key: RecordKey | None, up_to: int | None) -> None:
        async with self._store.read(self._connection_id) as tx:
            self.up_to = await audit.last_id(tx) if up_to is None else up_to
            self._shown_up_to = up_to
            async for page in _pages(tx, since_us, key):
                self._note([row for row in page if row.object in self._objects])

    def _note(self, rows: Sequence[AuditRow]) -> None:
        self.never.extend(left for row in rows if (left := _never_undone(row)) is not None)
        self._rows.add(
            (row.object, row.hubspot_id, row.id or 0)
            for row in rows
            if row.kind in _WRITES and row.side is not None and row.hubspot_id is not None
        )

    async def parts(self) -> AsyncIterator[Part]:
        """Children first, so that a company whose people go as well has none left."""
        for slug, runtime in reversed(list(self._objects.items())):
            for by_record in self._rows.parts(slug, PAIRS_AT_ONCE, ROWS_AT_ONCE):
                yield await self._part(runtime, by_record)

    async def _part(self, runtime: ObjectRuntime, by_record: Mapping[str, Sequence[int]]) -> Part:
        written = _Written()
        async with self._store.read(self._connection_id) as tx:
            for row in await audit.by_ids(tx, [id_ for ids in by_record.values() for id_ in ids]):
                if self._shown_up_to is not None and (row.id or 0) > self._shown_up_to and _replaces(row):
                    written.not_shown[_place(row)] = row
                else:
                    _take(written, row, runtime)
            pairs = await links.by_hubspot(tx, runtime.slug, list(by_record))
        return _resolved(written, pairs, runtime, self._at_us)


async def find(
    store: Store,
    connection_id: int,
    objects: Mapping[str, ObjectRuntime],
    since_us: int,
    at_us: int,
    key: RecordKey | None = None,
    up_to: int | None = None,
) -> Written:
    """`key`: of this record's pair alone. `at_us` names the run that the rows are of. `up_to`: nothing after this row."""
    written = Written(store, connection_id, objects, at_us)
    await written.gather(since_us, key, up_to)
    return written


async def _pages(tx: Tx, since_us: int, key: RecordKey | None) -> AsyncIterator[list[AuditRow]]:
    """Without their values."""
    if key is None:
        async for page in audit.since(tx, since_us, values=False):
            yield page
    else:
        yield [row for row in await audit.history(tx, key, limit=10_000) if row.at_us >= since_us]


def _never_undone(row: AuditRow) -> Left | None:
    why = _NEVER.get(row.kind)
    if why is None and row.kind in (AuditKind.RELINK, AuditKind.UNLINK):
        why = _MOVED.get(row.cause)
    return None if why is None else Left(row.object, row.hubspot_id, row.salesforce_id, why, row.side)


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
        return row.hubspot_id, row.side, _id_written(row), "", ""
    return row.hubspot_id, row.side, _id_written(row), row.property or "", row.field or ""


def _id_written(row: AuditRow) -> str | None:
    return row.hubspot_id if row.side is Side.HUBSPOT else row.salesforce_id


def _take(written: _Written, row: AuditRow, runtime: ObjectRuntime) -> None:
    assert row.hubspot_id is not None
    assert row.side is not None
    if row.kind is AuditKind.CREATE:
        written.creates[row.hubspot_id, row.side] = row
    elif row.kind in (AuditKind.UPDATE, AuditKind.UNDO) and row.property is not None:
        _follow_on(written, row, runtime)
    elif row.kind is AuditKind.CONFLICT and row.reason == ConflictReason.LOST_RACE.value and row.property is not None:
        # What we had read was not what we replaced.
        chain = written.chains.get(_place(row))
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


def _resolved(written: _Written, pairs: Mapping[str, RecordLink], runtime: ObjectRuntime, at_us: int) -> Part:
    part = Part(runtime)
    for (hubspot_id, side, _, property_, _), row in written.not_shown.items():
        part.left.append(Left(runtime.slug, hubspot_id, row.salesforce_id, NOT_SHOWN, side, property_ or None))
    undos: dict[int, Pair] = {}
    rewritten = {place[:2] for place in written.chains}
    rewritten_since = {place[:2] for place in written.not_shown}
    for (hubspot_id, side), row in written.creates.items():
        link = pairs.get(hubspot_id)
        if (hubspot_id, side) in rewritten_since:
            continue
        why = _why_no_delete(runtime, link, row, (hubspot_id, side) in rewritten)
        if why is not None or link is None or link.id is None:
            part.left.append(Left(runtime.slug, hubspot_id, row.salesforce_id, why or GONE, side))
        else:
            undo = UndoRow(link.id, side, "", "", None, row.new, at_us)
            undos.setdefault(link.id, (link, []))[1].append(undo)
    for place, chain in written.chains.items():
        hubspot_id, side, _, property_, field = place
        if chain.undone or place in written.not_shown:
            continue
        link = pairs.get(hubspot_id)
        why = _why_not(runtime, link, chain.row)
        if why is not None or link is None or link.id is None:
            salesforce_id = chain.row.salesforce_id
            part.left.append(Left(runtime.slug, hubspot_id, salesforce_id, why or GONE, side, property_))
        else:
            undo = UndoRow(link.id, side, property_, field, chain.old, chain.row.new, at_us)
            undos.setdefault(link.id, (link, []))[1].append(undo)
    part.pairs = list(undos.values())
    return part


def _why_no_delete(runtime: ObjectRuntime, link: RecordLink | None, row: AuditRow, rewritten: bool) -> str | None:
    why = _why_no_pair(runtime, link, row)
    if why is not None:
        return why
    # Our own writes moved its stamps: that nobody else wrote in between cannot be proven any more.
    return EDITED_SINCE if rewritten else None


def _why_not(runtime: ObjectRuntime, link: RecordLink | None, row: AuditRow) -> str | None:
    why = _why_no_pair(runtime, link, row)
    if why is not None or link is None:
        return why
    mapped: Sequence[FieldMapping] = runtime.mapping_for(link.salesforce_type).fields
    return None if any((each.property, each.field) == (row.property, row.field) for each in mapped) else NOT_MAPPED


def _why_no_pair(runtime: ObjectRuntime, link: RecordLink | None, row: AuditRow) -> str | None:
    """Why nothing is taken back of what this row wrote, whatever it is."""
    if link is not None and link.state in NOT_INCLUDED:
        return OUTSIDE
    if link is None or link.state is not LinkState.LINKED:
        return GONE
    if row.side is not None and link.key(row.side).id != _id_written(row):
        # The record that the pair has moved to never held what was replaced there, though it may hold the same now.
        return ANOTHER_RECORD
    return None if runtime.syncs(link.salesforce_type) else TYPE_OFF
