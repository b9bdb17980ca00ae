"""The thinnest common face of aiosqlite and psycopg: rows, run, many. Turns drivers' exceptions into the store's own.

Not a pool and not a transaction; `tx.py` owns those. This is the only module that names a driver's exception.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import aiosqlite
import psycopg
import sqlalchemy.exc

from interlock.store.errors import NotUnique, StoreBusy, StoreUnavailable
from interlock.store.sql import Bulk, BulkInsert, Dialect, sqlite_parameters, translate

Row = tuple[Any, ...]


class Driver(Protocol):
    @property
    def dialect(self) -> Dialect: ...

    async def rows(self, sql: str, parameters: Sequence[Any]) -> list[Row]: ...

    async def run(self, sql: str, parameters: Sequence[Any]) -> int:
        """The number of rows changed."""
        ...

    async def many(self, bulk: Bulk, rows: Sequence[Row]) -> None: ...


@contextmanager
def own_errors() -> Iterator[None]:
    """No driver's exception leaves the store where it means something to a caller; a wrong statement stays loud as it
    is."""
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        original = error.orig
        if original is None:
            raise
        raise _translated(original) from error
    except (sqlite3.Error, psycopg.Error) as error:
        raise _translated(error) from error


def _translated(error: BaseException) -> BaseException:
    message = str(error).strip()
    if isinstance(error, (sqlite3.IntegrityError, psycopg.errors.UniqueViolation)) and "unique" in message.lower():
        return NotUnique(message)
    if isinstance(error, sqlite3.OperationalError):
        if "locked" in message or "busy" in message:
            return StoreBusy("Another process keeps the database locked. Nothing was changed; try again.")
        if any(word in message for word in ("unable to open", "full", "disk I/O", "readonly", "not a database")):
            return StoreUnavailable(f"The database cannot be used: {message}.")
    if isinstance(error, sqlite3.DatabaseError) and ("not a database" in message or "malformed" in message):
        return StoreUnavailable(f"The database file is damaged or not a database: {message}.")
    if isinstance(error, (psycopg.errors.SerializationFailure, psycopg.errors.LockNotAvailable)):
        return StoreBusy("Another process changed the same rows at the same time. Nothing was changed; try again.")
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return StoreUnavailable(f"The database cannot be reached: {message}")
    return error


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


class PostgresDriver:
    dialect = Dialect.POSTGRESQL

    def __init__(self, raw: psycopg.AsyncConnection[Row]) -> None:
        self.raw = raw
        self.inserted_rows: Counter[str] = Counter()  # by table, in this transaction

    async def rows(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        with own_errors():
            cursor = await self.raw.execute(translate(sql, Dialect.POSTGRESQL).encode(), parameters)
            return await cursor.fetchall()

    async def run(self, sql: str, parameters: Sequence[Any]) -> int:
        with own_errors():
            cursor = await self.raw.execute(translate(sql, Dialect.POSTGRESQL).encode(), parameters)
        return cursor.rowcount

    async def many(self, bulk: Bulk, rows: Sequence[Row]) -> None:
        columns = [list(column) for column in zip(*rows, strict=True)]
        with own_errors():
            await self.raw.execute(bulk.postgresql.encode(), columns)
        if isinstance(bulk, BulkInsert):
            self.inserted_rows[bulk.table] += len(rows)
