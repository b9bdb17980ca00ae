"""One SQL text for both databases, and bulk statements. Builds text only; `tx.py` runs it.

The hot statements are written out as text with `?` for a value and `IN [?]` for a list of values:

    SQLite       IN (SELECT value FROM json_each(?))     one bound JSON array, so one prepared statement for any length
    PostgreSQL   = ANY(%s)                               one bound array

They run on the driver's own connection: measured, a statement through SQLAlchemy's async layer costs 180 us of CPU,
through aiosqlite itself 45 us, and importing SQLAlchemy half of the start of a command (docs/adr/0009). `BulkInsert` and
`BulkUpdate` take rows as tuples: executemany on SQLite, one statement over unnest on PostgreSQL.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import msgspec


class Dialect(enum.Enum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@lru_cache(maxsize=512)
def translate(sql: str, dialect: Dialect) -> str:
    """The text for a driver. Raises ValueError for a text that could mean something else on one of the two."""
    if "%" in sql:
        raise ValueError(f"a per cent sign is a placeholder to psycopg: bind the value instead: {sql}")
    if dialect is Dialect.SQLITE:
        return sql.replace("IN [?]", "IN (SELECT value FROM json_each(?))")
    return sql.replace("IN [?]", "= ANY(%s)").replace("?", "%s")


def sqlite_parameters(parameters: Sequence[Any]) -> Sequence[Any]:
    """Lists become the JSON array that json_each reads."""
    if any(type(value) is list for value in parameters):
        return [msgspec.json.encode(value).decode() if type(value) is list else value for value in parameters]
    return parameters


def _arrays(table: str, columns: Iterable[str]) -> str:
    """One placeholder a column, each with its type as an array. Raises KeyError for a column that is not there."""
    # Imported here: only PostgreSQL has to be told the types, and SQLAlchemy takes half of the start of a command.
    from interlock.store import schema

    defined = schema.metadata.tables[table].c
    return ", ".join(f"%s::{schema.postgresql_type(defined[name])}[]" for name in columns)


class BulkInsert:
    """INSERT of many rows. `tail` is an ON CONFLICT clause, the same text on both databases. Rows are tuples in the
    order of `columns`; on PostgreSQL one call must not hold the same conflict key twice."""

    def __init__(self, table: str, columns: Sequence[str], tail: str = "") -> None:
        self.table = table
        self._columns, self._tail = columns, tail
        marks = ", ".join("?" * len(columns))
        self.sqlite = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) {tail}"

    @cached_property
    def postgresql(self) -> str:
        names, arrays = ", ".join(self._columns), _arrays(self.table, self._columns)
        return f"INSERT INTO {self.table} ({names}) SELECT * FROM unnest({arrays}) {self._tail}"


class BulkUpdate:
    """UPDATE of many rows, each its own values. Rows are tuples: the `set_` columns, then the `where` columns. A where
    may carry a comparison: `seq <=`."""

    def __init__(self, table: str, set_: Sequence[str], where: Sequence[str]) -> None:
        self.table = table
        self._set = set_
        self._tests = [(w.split(" ", 1) if " " in w else [w, "="]) for w in where]
        self.sqlite = (
            f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in set_)}"
            f" WHERE {' AND '.join(f'{name} {op} ?' for name, op in self._tests)}"
        )

    @cached_property
    def postgresql(self) -> str:
        columns = [*self._set, *(name for name, _ in self._tests)]
        slots = [f"v{i}" for i in range(len(columns))]
        changes = (f"{name} = v.{slot}" for name, slot in zip(self._set, slots, strict=False))
        tests = (
            f"{self.table}.{name} {op} v.{slot}"
            for (name, op), slot in zip(self._tests, slots[len(self._set) :], strict=True)
        )
        return (
            f"UPDATE {self.table} SET {', '.join(changes)}"
            f" FROM unnest({_arrays(self.table, columns)}) AS v({', '.join(slots)}) WHERE {' AND '.join(tests)}"
        )


Bulk = BulkInsert | BulkUpdate


def storable(text: str) -> str:
    """Text that both databases can hold: PostgreSQL refuses NUL in text, both refuse lone surrogates (from a cut
    emoji). A visible stand-in is kept in their place; only for what people read and for look-up keys, never for
    synced values, which are stored as JSON."""
    if "\x00" in text:
        text = text.replace("\x00", "\u2400")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text


def storable_or_none(text: str | None) -> str | None:
    return None if text is None else storable(text)
