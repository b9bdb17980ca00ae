"""Records and their tables: values, history, unique indexes. The state, and the only code that changes a stored value.

It validates nothing and knows no HTTP. A record created once and never changed keeps no history: its first versions are
derived from its creation, so that 100,000 untouched contacts cost only their values.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from typing import NamedTuple

from crm_emulator.hubspot.kinds import Kind
from crm_emulator.hubspot.schema import Schema
from crm_emulator.hubspot.search_index import SearchIndex


class Source(NamedTuple):
    """Who set a value, as history shows it."""

    type: str
    id: str | None
    label: str | None = None
    user_id: int | None = None


class Version(NamedTuple):
    value: str
    at_ms: int
    source: Source


class Record:
    __slots__ = ("archived_ms", "created_ms", "history", "id", "kind", "source", "updated_by", "updated_ms", "values")

    def __init__(self, kind: Kind, id: int, values: dict[str, str], at_ms: int, source: Source) -> None:
        self.kind = kind
        self.id = id
        self.values = values
        self.created_ms = at_ms
        self.updated_ms = at_ms
        self.archived_ms: int | None = None
        self.source = source
        self.updated_by = source.user_id
        self.history: dict[str, list[Version]] | None = None

    def snapshot(self) -> Record:
        """What a delayed search index keeps showing. Without history, which search never returns."""
        copied = Record(self.kind, self.id, dict(self.values), self.created_ms, self.source)
        copied.updated_ms = self.updated_ms
        copied.archived_ms = self.archived_ms
        copied.updated_by = self.updated_by
        return copied

    def versions(self, name: str) -> list[Version]:
        """Newest first; empty when the property was never set."""
        kept = self.history.get(name) if self.history is not None else None
        if kept is not None:
            return kept[::-1]
        value = self.values.get(name)
        return [] if value is None else [Version(value, self.created_ms, self.source)]

    def set(self, name: str, value: str, at_ms: int, source: Source, versions_max: int) -> None:
        history = self.history
        if history is None:
            history = self.history = {}
        versions = history.get(name)
        if versions is None:
            old = self.values.get(name)
            versions = history[name] = [] if old is None else [Version(old, self.created_ms, self.source)]
        versions.append(Version(value, at_ms, source))
        if len(versions) > versions_max:
            del versions[0]
        self.values[name] = value


class Table:
    """All records of one object type, live and archived, in ascending order of id."""

    def __init__(self, kind: Kind, schema: Schema, index: SearchIndex) -> None:
        self.kind = kind
        self.schema = schema
        self.index = index
        self.records: dict[int, Record] = {}
        self.ids: list[int] = []
        self.merged: dict[int, int] = {}
        self.merged_ms: dict[int, int] = {}  # merged-away id -> when
        self.unique: dict[str, dict[str, int]] = {}
        self.next_id = kind.first_id

    def add(self, record: Record) -> None:
        self.records[record.id] = record
        if self.ids and record.id < self.ids[-1]:
            insort(self.ids, record.id)
        else:
            self.ids.append(record.id)

    def remove(self, record: Record) -> None:
        del self.records[record.id]
        del self.ids[bisect_right(self.ids, record.id) - 1]

    def live(self, id: int) -> Record | None:
        record = self.records.get(id)
        return record if record is not None and record.archived_ms is None else None

    def survivor(self, id: int) -> int:
        """The id that a merged-away id stands for."""
        while id in self.merged:
            id = self.merged[id]
        return id

    def after(self, id: int, *, archived: bool) -> Iterator[Record]:
        """Records with a greater id, ascending, either live or archived ones."""
        records = self.records
        for position in range(bisect_right(self.ids, id), len(self.ids)):
            record = records[self.ids[position]]
            if (record.archived_ms is not None) == archived:
                yield record

    def owner_of(self, name: str, value: str) -> int | None:
        """Which record holds a unique value. Compared without regard to case (for e-mail known, else unverified)."""
        held = self.unique.get(name)
        return None if held is None else held.get(value.lower())

    def claim(self, name: str, value: str, id: int) -> None:
        self.unique.setdefault(name, {})[value.lower()] = id

    def release(self, name: str, value: str, id: int) -> None:
        held = self.unique.get(name)
        if held is not None and held.get(value.lower()) == id:
            del held[value.lower()]
