"""Recognising our own writes when detection meets them: half of what a first sync's detection reads. Kept in memory only.

A record that we wrote shows up as changed. Whether it is news is decided by comparing every field with the base, which
ends in "nothing" for nearly all of them. Here is the short way: right after a pair was recorded as agreed, what the written
side must hold is noted, as one number; a row that holds just that is what the base says, and needs no look-up. Any other
row, and any row after a restart, goes the long way. A note lasts until its pair is worked on again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from interlock.core.model import LinkState, Observation, Raw, RecordKey, Side, Written

if TYPE_CHECKING:
    from interlock.engine.context import ObjectRuntime
    from interlock.engine.work import SideWrite, Work

# About 250 bytes each: a first sync of this many is recognised whole.
NOTES_MOST = 100_000

# What moves with every change, whoever makes it.
_STAMPS = frozenset({"lastmodifieddate", "hs_lastmodifieddate", "SystemModstamp", "LastModifiedDate"})


class Echoes:
    def __init__(self) -> None:
        self._notes: dict[RecordKey, int] = {}

    def note(self, works: Iterable[Work]) -> None:
        """Called when the transaction that recorded these works has committed."""
        for work in works:
            link = work.link
            if link is None:
                continue
            self._notes.pop(link.hubspot, None)
            self._notes.pop(link.salesforce, None)
            if _settled(work):
                for write in work.writes:
                    self._expect(work, write, link.key(write.side))
        while len(self._notes) > NOTES_MOST:
            self._notes.pop(next(iter(self._notes)))

    def _expect(self, work: Work, write: SideWrite, key: RecordKey) -> None:
        seen = work.seen(write.side)
        if not isinstance(seen, Observation) or write.creates:
            return
        written = write.values()
        if write.side is Side.HUBSPOT:
            written = {name: raw or None for name, raw in written.items()}  # cleared by "", read back as null
        self._notes[key] = _print(work.runtime, key, {**seen.values, **written})

    def others(self, runtime: ObjectRuntime, rows: Sequence[Observation]) -> list[Observation]:
        """Those of `rows` that are not just what we wrote."""
        # Members of a set (contact roles) are not among a row's values.
        if not self._notes or runtime.set_objects:
            return list(rows)
        return [row for row in rows if not self._is_one(runtime, row)]

    def _is_one(self, runtime: ObjectRuntime, row: Observation) -> bool:
        note = self._notes.get(row.key)
        return note is not None and note == _print(runtime, row.key, row.values)


def _settled(work: Work) -> bool:
    """Whether everything that was decided for the pair is done, and each of its fields has a base."""
    link = work.link
    assert link is not None
    if work.postpone_until_us is not None or work.held or work.issues or link.state is not LinkState.LINKED:
        return False
    if work.state is not None or work.relink_to is not None or work.ends is not None or link.held:
        return False
    if not all(isinstance(write.outcome, Written) and not write.dropped for write in work.writes):
        return False
    based = {field.mapping.id for write in work.writes for field in write.fields}
    based.update(link.base, work.agreed)
    return all(field.id in based for field in work.runtime.mapping_for(link.salesforce_type).fields)


def _print(runtime: ObjectRuntime, key: RecordKey, values: Mapping[str, Raw]) -> int:
    names = runtime.hubspot_properties if key.side is Side.HUBSPOT else runtime.salesforce_fields[key.type]
    # A field that is missing is unreadable, which is not null.
    return hash(tuple([values.get(name, ...) for name in names if name not in _STAMPS]))
