"""PostgreSQL: the engine and its transactions, through psycopg 3. Any number of processes may work at once.

Writers run READ COMMITTED and lock the rows that they change; readers see one snapshot (REPEATABLE READ, read only), as
they do on SQLite.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from interlock.store.driver import Driver, Row, own_errors
from interlock.store.errors import StoreBusy, StoreUnavailable
from interlock.store.postgres_driver import PostgresDriver

# A worker that froze inside a transaction holds row locks, among them its lease's: the server ends it. Well under the
# 10 s term of a lease, so that whoever takes over need not wait for it.
_IDLE_IN_TRANSACTION_MS = 5_000
_LOCK_TIMEOUT_MS = 5_000
_CONNECT_TIMEOUT_S = 10
_FIRST_ANALYZE_ROWS = 200
_ANALYZE_AGAIN_FACTOR = 10


class PostgresBackend:
    # Its processes may be on several machines, where no lock of a kernel tells of another: terms are waited out.
    lifesigns = None
    threadless = False

    def __init__(self, url: sa.URL, pool_size: int = 8) -> None:
        options = (
            f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_MS} -c lock_timeout={_LOCK_TIMEOUT_MS}"
            # By its number a person finds the process that holds a lock, in pg_stat_activity.
            f" -c timezone=UTC -c application_name=interlock-{os.getpid()}"
        )
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            # A connection that the server closed while idle is noticed before it is used, not by the user.
            pool_pre_ping=True,
            connect_args={"options": options, "connect_timeout": _CONNECT_TIMEOUT_S},
        )
        self._closed = False
        self._grown_rows: Counter[str] = Counter()
        self._analyze_at_rows: dict[str, int] = {}

    def _must_be_open(self) -> None:
        # The pool would simply connect again.
        if self._closed:
            raise StoreUnavailable("The store is closed.")

    async def open(self) -> None:
        with own_errors():
            async with self._engine.connect() as connection:
                await connection.execute(sa.text("SELECT 1"))

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Driver]:
        self._must_be_open()
        with own_errors():
            async with self._engine.connect() as connection:
                async with connection.begin():
                    driver = PostgresDriver(await self._raw(connection))
                    yield driver
                await self._analyze_what_grew(connection, driver.inserted_rows)

    async def _analyze_what_grew(self, connection: AsyncConnection, inserted_rows: Counter[str]) -> None:
        """Without statistics the planner takes an index that narrows by connection and object only, and walks all their
        rows: measured, 40 times slower look-ups during a first sync, until autovacuum comes by within a minute."""
        self._grown_rows.update(inserted_rows)
        for table in inserted_rows:
            if self._grown_rows[table] < self._analyze_at_rows.setdefault(table, _FIRST_ANALYZE_ROWS):
                continue
            self._analyze_at_rows[table] = self._grown_rows[table] * _ANALYZE_AGAIN_FACTOR
            # Another process that analyses the same table at this moment does it for us.
            with contextlib.suppress(StoreBusy), own_errors():
                async with connection.begin():
                    await connection.exec_driver_sql(f"ANALYZE {table}")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Driver]:
        self._must_be_open()
        with own_errors():
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                async with connection.begin():
                    yield PostgresDriver(await self._raw(connection))

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        self._must_be_open()
        async with self._engine.begin() as connection:
            yield connection

    @staticmethod
    async def _raw(connection: AsyncConnection) -> psycopg.AsyncConnection[Row]:
        raw = (await connection.get_raw_connection()).driver_connection
        assert isinstance(raw, psycopg.AsyncConnection)
        return raw

    async def close(self) -> None:
        self._closed = True
        await self._engine.dispose()

    def freeze(self) -> None:
        raise RuntimeError("only a threadless store can be frozen")
