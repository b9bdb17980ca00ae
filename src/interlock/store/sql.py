"""One SQL text for both databases, and bulk statements. Builds text only; `tx.py` runs it.

The hot statements are written out as text with `?` for a value and `IN [?]` for a list of values:

    SQLite       IN (SELECT value FROM json_each(?))     one bound JSON array, so one prepared statement for any length
    PostgreSQL   = ANY(%s)                               one bound array

They run on the driver's own connection: measured, a statement through SQLAlchemy's async layer costs 180 us of CPU,
through aiosqlite itself 45 us. `BulkInsert` and `BulkUpdate` take rows as tuples: executemany on SQLite, one statement
over unnest on PostgreSQL.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from interlock.store import schema


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


def _array_type(column: sa.Column[Any]) -> str:
    if isinstance(column.type, sa.LargeBinary):
        return "bytea[]"
    if isinstance(column.type, sa.Boolean):
        return "boolean[]"
    if isinstance(column.type, sa.Text):
        return "text[]"
    if isinstance(column.type, sa.BigInteger):
        return "bigint[]"
    raise TypeError(f"no array type for {column}")


class BulkInsert:
    """INSERT of many rows. `tail` is an ON CONFLICT clause, the same text on both databases. Rows are tuples in the
    order of `columns`; on PostgreSQL one call must not hold the same conflict key twice."""

    def __init__(self, table: sa.Table, columns: Sequence[str], tail: str = "") -> None:
        self.table = table.name
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        arrays = ", ".join(f"%s::{_array_type(table.c[name])}" for name in columns)
        self.sqlite = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {tail}"
        self.postgresql = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}) {tail}"


class BulkUpdate:
    """UPDATE of many rows, each its own values. Rows are tuples: the `set_` columns, then the `where` columns. A where
    may carry a comparison: `seq <=`."""

    def __init__(self, table: sa.Table, set_: Sequence[str], where: Sequence[str]) -> None:
        self.table = table.name
        tests = [(w.split(" ", 1) if " " in w else [w, "="]) for w in where]
        columns = [*set_, *(name for name, _ in tests)]
        arrays = ", ".join(f"%s::{_array_type(table.c[name])}" for name in columns)
        slots = [f"v{i}" for i in range(len(columns))]
        self.sqlite = (
            f"UPDATE {table.name} SET {', '.join(f'{name} = ?' for name in set_)}"
            f" WHERE {' AND '.join(f'{name} {op} ?' for name, op in tests)}"
        )
        self.postgresql = (
            f"UPDATE {table.name} SET {', '.join(f'{n} = v.{s}' for n, s in zip(set_, slots, strict=False))}"
            f" FROM unnest({arrays}) AS v({', '.join(slots)}) WHERE "
            + " AND ".join(
                f"{table.name}.{name} {op} v.{slot}" for (name, op), slot in zip(tests, slots[len(set_) :], strict=True)
            )
        )


Bulk = BulkInsert | BulkUpdate

# connection_id is in every table but the global ones: the bulk helpers of the aggregates all start from it.
assert all("connection_id" in t.c for t in schema.metadata.tables.values() if t.name not in schema.GLOBAL_TABLES)


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
