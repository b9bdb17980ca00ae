"""The rows of an org and the indexes over them: tables of Records, found by id, by indexed field, or by SystemModstamp.

No rules live here: what a value may be, who may write it and what a delete takes along is decided by the callers. A
poll
(`SystemModstamp >= x`) and a look-up by id or by an indexed field never scan a table.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any

from crm_emulator.salesforce.schema import Field, SObject

Value = str | bool | int | float
# Indexing these would cost memory on every row and help no query that a sync makes.
_UNINDEXED_REFERENCES = frozenset({"OwnerId", "CreatedById", "LastModifiedById", "RecordTypeId", "MasterRecordId"})
# Worked out when read (derived.py), so there is nothing to index.
_DERIVED_REFERENCES = frozenset({("Opportunity", "ContactId"), ("Task", "AccountId"), ("Event", "AccountId")})


class Record:
    """One row. `values` holds only what is not null and not false; the system columns are slots. Times are whole
    seconds,
    as a real org keeps them."""

    __slots__ = (
        "cascade_of",
        "created_by",
        "created_s",
        "deleted_s",
        "id",
        "master_id",
        "modified_by",
        "modified_s",
        "purged",
        "stamp_s",
        "table",
        "values",
    )

    def __init__(self, table: Table, id18: str, user_id: str, at_s: int) -> None:
        self.table = table
        self.id = id18
        self.values: dict[str, Value] = {}
        self.created_s = self.modified_s = self.stamp_s = at_s
        self.created_by = self.modified_by = user_id
        self.deleted_s: int | None = None
        self.master_id: str | None = None  # the survivor, where this row lost a merge
        self.purged = False  # its recycle bin was emptied: only getDeleted knows of it
        self.cascade_of: str | None = None  # the parent whose delete took this row along

    @property
    def deleted(self) -> bool:
        return self.deleted_s is not None

    def get(self, name: str) -> Value | None:
        return self.values.get(name)


class Index:
    """Equality on one field. Text compares without case unless the field is case-sensitive. Deleted rows are not in
    it."""

    __slots__ = ("_fold", "_rows", "field")

    def __init__(self, field: Field) -> None:
        self.field = field
        self._fold = not field.case_sensitive and field.type not in ("reference", "id")
        # A single row is kept bare: most indexed values are unique, and a dict for each would double the memory.
        self._rows: dict[Any, Record | dict[str, Record]] = {}

    def key(self, value: Any) -> Any:
        return value.casefold() if self._fold and isinstance(value, str) else value

    def add(self, value: Value, record: Record) -> None:
        key = self.key(value)
        held = self._rows.get(key)
        if held is None:
            self._rows[key] = record
        elif isinstance(held, dict):
            held[record.id] = record
        elif held is not record:
            self._rows[key] = {held.id: held, record.id: record}

    def remove(self, value: Value, record: Record) -> None:
        key = self.key(value)
        held = self._rows.get(key)
        if held is record:
            del self._rows[key]
        elif isinstance(held, dict):
            held.pop(record.id, None)
            if not held:
                del self._rows[key]

    def find(self, value: Any) -> list[Record]:
        held = self._rows.get(self.key(value))
        if held is None:
            return []
        return list(held.values()) if isinstance(held, dict) else [held]

    def count(self, value: Any) -> int:
        held = self._rows.get(self.key(value))
        if held is None:
            return 0
        return len(held) if isinstance(held, dict) else 1


class Table:
    """All rows of one object type."""

    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self.rows: dict[str, Record] = {}
        self.indexes: dict[str, Index] = {}
        self.bin: dict[str, Record] = {}  # deleted rows, which no index holds
        self._ids: list[str] = []  # ascending; may hold erased ones
        # (stamp_s, id) in order. An entry whose row has moved on is stale; readers skip it and `_compact` drops it.
        self._stamps: list[tuple[int, str]] = []
        for field in sobject.fields.values():
            if wants_index(sobject.name, field):
                self.indexes[field.name] = Index(field)

    def index(self, field: Field) -> Index:
        """The index of a field, built now where there was none."""
        found = self.indexes.get(field.name)
        if found is None:
            found = self.indexes[field.name] = Index(field)
            for record in self.rows.values():
                value = record.values.get(field.name)
                if value is not None and record.deleted_s is None:
                    found.add(value, record)
        return found

    def insert(self, record: Record) -> None:
        self.rows[record.id] = record
        if not self._ids or record.id > self._ids[-1]:
            self._ids.append(record.id)
        else:
            insort(self._ids, record.id)
        self.show(record)
        self.note_stamp(record)

    def show(self, record: Record) -> None:
        """Put a row that is not deleted into every index."""
        self.bin.pop(record.id, None)
        values = record.values
        for name, index in self.indexes.items():
            value = values.get(name)
            if value is not None:
                index.add(value, record)

    def hide(self, record: Record) -> None:
        """Take a row that is deleted out of every index."""
        self.bin[record.id] = record
        values = record.values
        for name, index in self.indexes.items():
            value = values.get(name)
            if value is not None:
                index.remove(value, record)

    def erase(self, record: Record) -> None:
        """Forget a row for good (a rolled-back create, an emptied recycle bin)."""
        self.hide(record)
        self.rows.pop(record.id, None)
        self.bin.pop(record.id, None)

    def set_value(self, record: Record, name: str, value: Value | None) -> None:
        index = self.indexes.get(name)
        if index is not None and record.deleted_s is None:
            old = record.values.get(name)
            if old is not None:
                index.remove(old, record)
            if value is not None:
                index.add(value, record)
        if value is None or value is False:
            record.values.pop(name, None)
        else:
            record.values[name] = value

    def note_stamp(self, record: Record) -> None:
        """Remember where `record.stamp_s` puts the row in the order of SystemModstamp."""
        entry = (record.stamp_s, record.id)
        stamps = self._stamps
        if not stamps or entry > stamps[-1]:
            stamps.append(entry)
        elif entry != stamps[-1]:
            insort(stamps, entry)
        if len(stamps) > 4_096 and 2 * len(stamps) > 3 * len(self.rows):
            self._compact()

    def _compact(self) -> None:
        self._stamps = sorted((record.stamp_s, record.id) for record in self.rows.values())

    def stamped_count(self, from_s: int) -> int:
        """At most how many rows have a stamp at or after `from_s`; an estimate, cheap."""
        return len(self._stamps) - bisect_left(self._stamps, (from_s, ""))

    def stamped(self, from_s: int, to_s: int | None = None) -> Iterator[Record]:
        """Rows, deleted ones too, with from_s <= stamp (<= to_s), in order of stamp and id."""
        stamps, rows = self._stamps, self.rows
        previous: tuple[int, str] | None = None
        for position in range(bisect_left(stamps, (from_s, "")), len(stamps)):
            entry = stamps[position]
            if to_s is not None and entry[0] > to_s:
                return
            record = rows.get(entry[1])
            if record is not None and record.stamp_s == entry[0] and entry != previous:
                previous = entry
                yield record

    def from_id(self, low: str) -> Iterator[Record]:
        """Rows, deleted ones too, whose id is `low` or later, in order of id."""
        ids, rows = self._ids, self.rows
        for position in range(bisect_left(ids, low), len(ids)):
            record = rows.get(ids[position])
            if record is not None:
                yield record


def wants_index(sobject: str, field: Field) -> bool:
    if field.name == "Id" or (sobject, field.name) in _DERIVED_REFERENCES:
        return False
    if field.type == "reference":
        return field.name not in _UNINDEXED_REFERENCES
    return field.unique or field.external_id or field.id_lookup
