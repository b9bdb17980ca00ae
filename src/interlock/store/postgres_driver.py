"""psycopg's half of driver.py: statements over arrays, and what its exceptions mean. Imported on PostgreSQL only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg

from interlock.store.driver import Row, own_errors, translators
from interlock.store.errors import NotUnique, StoreBusy, StoreUnavailable
from interlock.store.sql import Bulk, BulkInsert, Dialect, translate

_BUSY = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
)
# The last two count as internal errors there: a transaction that stood still for too long (a machine that was suspended, see
# postgres.py), and a server that takes no writes, as in a failover.
_UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.ReadOnlySqlTransaction,
)


def _from_psycopg(error: BaseException) -> BaseException | None:
    message = str(error).strip()
    if isinstance(error, psycopg.errors.UniqueViolation):
        return NotUnique(message)
    if isinstance(error, _BUSY):
        return StoreBusy("Another process changed the same rows at the same time. Nothing was changed; try again.")
    if isinstance(error, _UNAVAILABLE):
        return StoreUnavailable(f"The database cannot be reached: {message}")
    return None


translators.append(_from_psycopg)


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
