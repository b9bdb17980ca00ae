"""PostgreSQL without threads and sockets of the loop's, for tests in virtual time: the brother of sqlite_inline.py.

Statements run in the caller's thread, over a connection of psycopg's that waits by itself, and are answered a step of the
loop later, so that a crash can fall between any two of them. Nobody could let go of a row lock while the one thread waits for
it: writers of one database take turns, as they do on SQLite. That writers of several processes work at once is PostgreSQL's
own doing, which the contract suite looks at. Never used where a server runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakKeyDictionary

import psycopg
import sqlalchemy as sa

from interlock.store.driver import Driver, Row, own_errors
from interlock.store.errors import StoreUnavailable
from interlock.store.postgres_driver import PostgresDriver

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
# By loop and address: whose turn it is to write.
_writers: WeakKeyDictionary[asyncio.AbstractEventLoop, defaultdict[str, asyncio.Lock]] = WeakKeyDictionary()


class _Cursor:
    """An answer that is here already."""

    def __init__(self, rows: list[Row], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    async def fetchall(self) -> list[Row]:
        return self._rows


class _Connection:
    """Looks like psycopg's AsyncConnection to the one method that PostgresDriver calls."""

    def __init__(self, address: str, frozen: Callable[[], bool]) -> None:
        self.raw: psycopg.Connection[Row] = psycopg.connect(address, autocommit=True)
        self._frozen = frozen

    async def execute(self, statement: bytes, parameters: Sequence[Any] = ()) -> _Cursor:
        answer = self._carried_out(statement, parameters)
        await asyncio.sleep(0)
        if self._frozen():
            await asyncio.get_running_loop().create_future()
        if isinstance(answer, psycopg.Error):
            raise answer
        return answer

    def _carried_out(self, statement: bytes, parameters: Sequence[Any]) -> _Cursor | psycopg.Error:
        try:
            cursor = self.raw.execute(statement, parameters or None)
            return _Cursor(cursor.fetchall() if cursor.description else [], cursor.rowcount)
        except psycopg.Error as error:
            return error


class InlinePostgresBackend:
    lifesigns = None
    threadless = True

    def __init__(self, url: sa.URL) -> None:
        self._url = url
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._frozen = False
        self._closed = False
        self._writer: _Connection | None = None
        self._writing: asyncio.Lock | None = None
        self._idle: list[_Connection] = []
        self._all: list[_Connection] = []

    def _connect(self) -> _Connection:
        with own_errors():
            made = _Connection(self._address, lambda: self._frozen)
        made.raw.execute("SET timezone = 'UTC'")
        self._all.append(made)
        return made

    async def _never_if_frozen(self) -> None:
        if self._frozen:
            await asyncio.get_running_loop().create_future()
        if self._closed:
            raise StoreUnavailable("The store is closed.")

    async def open(self) -> None:
        self._writer = self._connect()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Driver]:
        await self._never_if_frozen()
        async with self._turn():
            assert self._writer is not None
            async with _transaction(self._writer, b"BEGIN"):
                yield _driver(self._writer)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        lock = _writers.setdefault(asyncio.get_running_loop(), defaultdict(asyncio.Lock))[self._address]
        await lock.acquire()
        self._writing = lock
        if self._frozen:
            self._let_go()
        await self._never_if_frozen()
        try:
            yield
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Once: whoever froze has done so already."""
        if self._writing is not None:
            self._writing.release()
            self._writing = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Driver]:
        await self._never_if_frozen()
        reader = self._idle.pop() if self._idle else self._connect()
        try:
            async with _transaction(reader, b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
                yield _driver(reader)
        finally:
            self._idle.append(reader)

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        engine = sa.create_engine(self._url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            yield cast("AsyncConnection", _Migrating(connection))

    async def close(self) -> None:
        await self._never_if_frozen()
        self._closed = True
        for each in self._all:
            each.raw.close()

    def freeze(self) -> None:
        """Crash: what is not committed is gone, and no call ever returns."""
        self._frozen = True
        for each in self._all:
            each.raw.close()
        self._let_go()


def _driver(connection: _Connection) -> PostgresDriver:
    return PostgresDriver(cast("psycopg.AsyncConnection[Row]", connection))


@asynccontextmanager
async def _transaction(connection: _Connection, begin: bytes) -> AsyncIterator[None]:
    with own_errors():
        await connection.execute(begin)
        try:
            yield
            await connection.execute(b"COMMIT")
        except BaseException:
            # At once: who is cancelled here has no other step in which to do it. A closed connection has rolled back.
            with contextlib.suppress(psycopg.Error):
                connection.raw.rollback()
            raise


class _Migrating:
    """The one method of SQLAlchemy's AsyncConnection that a migration is run by."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    async def run_sync(self, work: Callable[[sa.Connection], T]) -> T:
        return work(self._connection)
