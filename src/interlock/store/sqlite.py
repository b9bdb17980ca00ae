"""SQLite: how a connection is opened, and the transactions of one writer and several readers on one file.

WAL, so that readers see the last committed state while the writer works; `synchronous=FULL`, because NORMAL can lose
committed transactions on a power cut; `BEGIN IMMEDIATE` for every write, so that a transaction never fails half-way on
a lock that it would have needed from the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import aiosqlite

from interlock.store.driver import Driver, SqliteDriver, own_errors
from interlock.store.errors import StoreBusy, StoreUnavailable
from interlock.store.lifesign import LifeSigns
from interlock.store.sqlite_inline import InlineConnection

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

Synchronous = Literal["FULL", "NORMAL", "OFF"]

BUSY_TIMEOUT_S = 5.0
# Only without threads, where SQLite's own waiting would stop the loop that the holder of the lock needs to finish.
_BUSY_RETRY_S = 0.05
# Idle readers are kept; more at once wait. A page and the dispatcher need two or three.
_MAX_READERS = 8


class SqliteBackend:
    """One file. Holds its connections open: opening one costs more than a transaction."""

    def __init__(self, path: Path, synchronous: Synchronous, threadless: bool) -> None:
        self._path = path
        self._synchronous = synchronous
        self._threadless = threadless
        self._inline: list[InlineConnection] = []
        self._frozen = False
        self._write_lock = asyncio.Lock()
        self._readers = asyncio.Semaphore(_MAX_READERS)
        self._writer: aiosqlite.Connection | None = None
        self._idle: list[aiosqlite.Connection] = []
        # Not in the simulator, whose processes die within one that lives.
        self.lifesigns = None if threadless else LifeSigns(path)

    @property
    def threadless(self) -> bool:
        return self._threadless

    async def _connect(self) -> aiosqlite.Connection:
        # isolation_level=None: sqlite3 starts no transactions of its own; every BEGIN in this file is written out.
        connector: Callable[[], sqlite3.Connection] = partial(
            sqlite3.connect, self._path, isolation_level=None, cached_statements=256, timeout=BUSY_TIMEOUT_S
        )
        if self._threadless:
            raw: aiosqlite.Connection = InlineConnection(connector)
            self._inline.append(raw)  # type: ignore[arg-type]
        else:
            raw = aiosqlite.Connection(connector, iter_chunk_size=64)
            # A process that ends without closing must not hang on this thread.
            raw._thread.daemon = True
        await raw
        for pragma in (
            f"busy_timeout = {0 if self._threadless else round(BUSY_TIMEOUT_S * 1000)}",
            "journal_mode = WAL",
            f"synchronous = {self._synchronous}",
            "foreign_keys = ON",
            "secure_delete = ON",  # as Debian builds it: who is erased is not to be read in the file's free pages
            "cache_size = -16000",  # KiB: the hot indexes of 100,000 records
            "temp_store = MEMORY",
            "journal_size_limit = 67108864",  # a long first sync must not leave its WAL behind for ever
        ):
            await raw.execute_fetchall(f"PRAGMA {pragma}")
        return raw

    async def open(self) -> None:
        # Made here, not by SQLite, so that values and people's addresses are never readable by other users of the
        # machine (the -wal and -shm files take the mode of the database).
        try:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise StoreUnavailable(f"The database {self._path} cannot be made: {error.strerror}.") from error
        self._writer = await self._opened()

    async def _opened(self) -> aiosqlite.Connection:
        with self._naming_the_file(), own_errors():
            return await self._connect()

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        """What is wrong with the database is of use to a person only with its name."""
        try:
            yield
        except StoreUnavailable as error:
            error.file = str(self._path)
            raise

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Driver]:
        await self._never_if_frozen()
        async with self._write_lock:
            if self._writer is None:
                raise StoreUnavailable("The store is closed.")
            raw = self._writer
            with self._naming_the_file():
                try:
                    await self._begin_immediate(raw)
                    yield SqliteDriver(raw)
                    with own_errors():
                        await raw.execute_fetchall("COMMIT")
                    await self._never_if_frozen()
                except BaseException:
                    # The driver's method does nothing where no transaction is open (BEGIN refused, COMMIT done but the
                    # task cancelled); the queue keeps it behind what a cancelled task left running.
                    with own_errors():
                        await raw.rollback()
                    raise

    async def _begin_immediate(self, raw: aiosqlite.Connection) -> None:
        waited_s = 0.0
        while True:
            try:
                with own_errors():
                    await raw.execute_fetchall("BEGIN IMMEDIATE")
                return
            except StoreBusy:
                # With threads SQLite itself has waited already.
                if not self._threadless or waited_s >= BUSY_TIMEOUT_S:
                    raise
            await asyncio.sleep(_BUSY_RETRY_S)
            waited_s += _BUSY_RETRY_S

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Driver]:
        await self._never_if_frozen()
        async with self._readers:
            reader = self._idle.pop() if self._idle else await self._open_reader()
            try:
                with self._naming_the_file():
                    with own_errors():
                        await reader.execute_fetchall("BEGIN")
                    yield SqliteDriver(reader)
            finally:
                try:
                    await reader.rollback()
                finally:
                    await self._give_back(reader)

    async def _give_back(self, reader: aiosqlite.Connection) -> None:
        if self._writer is None:
            await reader.close()
        else:
            self._idle.append(reader)

    async def _open_reader(self) -> aiosqlite.Connection:
        if self._writer is None:
            raise StoreUnavailable("The store is closed.")
        reader = await self._opened()
        await reader.execute_fetchall("PRAGMA query_only = ON")
        return reader

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """One writing transaction on a connection of SQLAlchemy's, which Alembic needs and nothing else: see sql.py."""
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.pool import NullPool

        engine = create_async_engine("sqlite+aiosqlite://", async_creator=self._connect, poolclass=NullPool)
        async with self._write_lock, engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert isinstance(raw, aiosqlite.Connection)
            await self._begin_immediate(raw)
            yield connection
            with own_errors():
                await raw.execute_fetchall("COMMIT")

    async def close(self) -> None:
        await self._never_if_frozen()
        async with self._write_lock:
            writer, self._writer = self._writer, None
            if writer is not None:
                await writer.close()
        while self._idle:
            await self._idle.pop().close()
        if self.lifesigns is not None:
            self.lifesigns.close()

    # --- simulator only ---------------------------------------------------------------------------------------------

    async def _never_if_frozen(self) -> None:
        if self._frozen:
            await asyncio.get_running_loop().create_future()

    def freeze(self) -> None:
        if not self._threadless:
            raise RuntimeError("only a threadless store can be frozen: a thread may be in the middle of a call")
        self._frozen = True
        for raw in self._inline:
            raw.freeze()
