"""What is too much for memory while something is under way: lists, keys and groups in a private temporary database.

SQLite makes it without a name, where temporary files go, and it is gone with whoever holds it, also when the process dies. Small
ones never leave memory. Not part of what is remembered: no store, no connection, no transaction.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import msgspec

from interlock.core.model import RecordKey
from interlock.store import jsontext

T = TypeVar("T", bound=msgspec.Struct)

HELD_MOST = 1_000
_READ_AT_ONCE = 500


def _database(owner: object, table: str) -> sqlite3.Connection:
    # No name: a temporary file that nobody else can open (SQLite, "Temporary Databases"). Committed never, read by its writer only.
    made = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    made.execute("PRAGMA journal_mode = OFF")
    made.execute(f"CREATE TABLE {table}")
    made.execute("BEGIN")
    weakref.finalize(owner, made.close)
    return made


class Listed(Sequence[T], Generic[T]):
    """Appended to, and read from any place on; the first HELD_MOST are held in memory and the others are not."""

    def __init__(self, type_: type[T], items: Iterable[T] = ()) -> None:
        self._type, self._held, self._length = type_, list[T](), 0
        self._database: sqlite3.Connection | None = None
        self.extend(items)

    def append(self, item: T) -> None:
        self.extend((item,))

    def extend(self, items: Iterable[T]) -> None:
        beyond: list[tuple[int, str]] = []
        for item in items:
            if self._length < HELD_MOST:
                self._held.append(item)
            else:
                beyond.append((self._length, jsontext.dump(msgspec.to_builtins(item))))
            self._length += 1
        if beyond:
            if self._database is None:
                self._database = _database(self, "listed (place INTEGER PRIMARY KEY, item TEXT)")
            self._database.executemany("INSERT INTO listed VALUES (?, ?)", beyond)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, slice):
            start, stop, step = place.indices(self._length)
            return self._between(start, stop)[::step] if step > 0 else [self[at] for at in range(start, stop, step)]
        at = place + self._length if place < 0 else place
        if not 0 <= at < self._length:
            raise IndexError(place)
        return self._between(at, at + 1)[0]

    def _between(self, start: int, stop: int) -> list[T]:
        found = self._held[start:stop]
        if self._database is not None and stop > HELD_MOST:
            rows = self._database.execute(
                "SELECT item FROM listed WHERE place >= ? AND place < ? ORDER BY place", (start, stop)
            )
            found += [msgspec.convert(jsontext.load(text), self._type) for (text,) in rows]
        return found

    def __iter__(self) -> Iterator[T]:
        for start in range(0, self._length, _READ_AT_ONCE):
            yield from self._between(start, min(start + _READ_AT_ONCE, self._length))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(self) == len(other)
            and all(a == b for a, b in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return f"Listed({self._held!r}, {self._length} in all)"


class Keys:
    """Record keys, to ask whether one is among them."""

    def __init__(self) -> None:
        self._held: set[RecordKey] = set()
        self._database: sqlite3.Connection | None = None

    def add(self, key: RecordKey) -> None:
        if len(self._held) < HELD_MOST:
            self._held.add(key)
            return
        if self._database is None:
            self._database = _database(self, "key (text TEXT PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("INSERT OR IGNORE INTO key VALUES (?)", (str(key),))

    def __contains__(self, key: object) -> bool:
        if key in self._held:
            return True
        if self._database is None:
            return False
        return self._database.execute("SELECT 1 FROM key WHERE text = ?", (str(key),)).fetchone() is not None


class Grouped:
    """Ids of rows by what they are of, to be taken up one group after the other. The order in which they come does not matter."""

    def __init__(self) -> None:
        self._database = _database(
            self, "grouped (kind TEXT, name TEXT, id INTEGER, PRIMARY KEY (kind, name, id)) WITHOUT ROWID"
        )

    def add(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """(kind, name of the group, id)."""
        self._database.executemany("INSERT OR IGNORE INTO grouped VALUES (?, ?, ?)", rows)

    def parts(self, kind: str, groups: int, ids: int) -> Iterator[dict[str, list[int]]]:
        """{name: ids in order}, never a part of a group: at most so many groups at a time, and no further one once there are so
        many ids."""
        after = ""
        while found := self._after(kind, after, groups, ids):
            yield found
            after = next(reversed(found))

    def _after(self, kind: str, after: str, groups: int, ids: int) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        rows: Any = self._database.execute(
            "SELECT name, id FROM grouped WHERE kind = ? AND name > ? ORDER BY name, id", (kind, after)
        )
        for taken, (name, id_) in enumerate(rows):
            if name not in found and (len(found) == groups or taken >= ids):
                break
            found.setdefault(name, []).append(id_)
        rows.close()
        return found
