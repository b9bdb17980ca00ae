"""The thinnest common face of aiosqlite and psycopg: rows, run, many. Turns drivers' exceptions into the store's own.

Not a pool and not a transaction; `tx.py` owns those. psycopg's half is in postgres_driver.py: no other module names a
driver's exception.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import aiosqlite

from interlock.store.errors import NotUnique, StoreBusy, StoreUnavailable
from interlock.store.sql import Bulk, Dialect, sqlite_parameters, translate

Row = tuple[Any, ...]


class Driver(Protocol):
    @property
    def dialect(self) -> Dialect: ...

    async def rows(self, sql: str, parameters: Sequence[Any]) -> list[Row]: ...

    async def run(self, sql: str, parameters: Sequence[Any]) -> int:
        """The number of rows changed."""
        ...

    async def many(self, bulk: Bulk, rows: Sequence[Row]) -> None: ...


Translate = Callable[[BaseException], BaseException | None]
"""A driver's exception as the store's own; None for what is not this driver's, or means nothing to a caller."""


# SQLite's words -> what is wrong, and what to do. A transaction that fails this way leaves nothing behind.
_DAMAGED = (
    "The database file is damaged or not a database.",
    "Restore it from a backup. Without one, move it away and run `interlock connect` again: the next sync finds every pair"
    " by the keys in both CRMs.",
)
_UNUSABLE = (
    (
        "disk is full",
        "The disk that holds the database is full.",
        "Free some space on it, then run it again: what was done so far is kept.",
    ),
    (
        "disk I/O",
        "The database cannot be read or written (disk I/O error).",
        "See whether its disk is full, over a quota or failing, then run it again: what was done so far is kept.",
    ),
    (
        "readonly",
        "The database may not be written (readonly).",
        "Let the user who runs Interlock write the file and its folder.",
    ),
    (
        "unable to open",
        "The database cannot be opened.",
        "Check `database` in interlock.yaml, and that its folder exists and may be written.",
    ),
    ("not a database", *_DAMAGED),
    ("malformed", *_DAMAGED),
)


def _from_sqlite(error: BaseException) -> BaseException | None:
    message = str(error).strip()
    if isinstance(error, sqlite3.IntegrityError) and "unique" in message.lower():
        return NotUnique(message)
    if isinstance(error, sqlite3.OperationalError) and ("locked" in message or "busy" in message):
        return StoreBusy("Another process keeps the database locked. Nothing was changed; try again.")
    if isinstance(error, sqlite3.DatabaseError):
        return next((StoreUnavailable(*said) for words, *said in _UNUSABLE if words in message), None)
    return None


# psycopg adds its own when it is imported, which a command on SQLite never does (it takes a tenth of a second).
translators: list[Translate] = [_from_sqlite]


@contextmanager
def own_errors() -> Iterator[None]:
    """No driver's exception leaves the store where it means something to a caller; a wrong statement stays loud as it
    is."""
    try:
        yield
    except Exception as error:
        # SQLAlchemy (PostgreSQL's pool, migrations) keeps what the driver raised in `orig`.
        original = getattr(error, "orig", error)
        own = next(filter(None, (translate(original) for translate in translators if original is not None)), original)
        if own is None or own is error:
            raise
        raise own from error


class SqliteDriver:
    dialect = Dialect.SQLITE

    def __init__(self, raw: aiosqlite.Connection) -> None:
        self.raw = raw

    async def rows(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        with own_errors():
            found = await self.raw.execute_fetchall(translate(sql, Dialect.SQLITE), sqlite_parameters(parameters))
        return cast(list[Row], found)  # no row factory is set

    async def run(self, sql: str, parameters: Sequence[Any]) -> int:
        with own_errors():
            cursor = await self.raw.execute(translate(sql, Dialect.SQLITE), sqlite_parameters(parameters))
        # Not closed by a call of its own, which would be one more trip to the thread: a statement without result is
        # done.
        return cursor.rowcount

    async def many(self, bulk: Bulk, rows: Sequence[Row]) -> None:
        with own_errors():
            await self.raw.executemany(bulk.sqlite, rows)
