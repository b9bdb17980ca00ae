"""`Store`: the one door to the database. Opens and migrates it, and gives transactions bound to one connection.

What happens inside a transaction is in the aggregates' modules; how SQLite and PostgreSQL differ is in `sqlite.py` and
`postgres.py`. No call to a CRM may happen inside a transaction: while one is open, `forbid_network` is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from interlock.store import lease as leases
from interlock.store import migrate
from interlock.store.driver import Driver, own_errors
from interlock.store.errors import StoreUnavailable
from interlock.store.keyring import Keyring
from interlock.store.lifesign import LifeSigns
from interlock.store.sqlite import SqliteBackend, Synchronous
from interlock.store.tx import JoinsWrites, Tx, WriteTx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

# Which task has a write transaction open in which store: it would wait for itself. Tasks that it starts inherit the
# variable, but may wait for it.
_Writing = tuple["Store", "asyncio.Task[Any] | None", WriteTx]
_writing: ContextVar[_Writing | None] = ContextVar("interlock_writing", default=None)


class _Backend(Protocol):
    @property
    def lifesigns(self) -> LifeSigns | None: ...
    @property
    def threadless(self) -> bool: ...
    async def open(self) -> None: ...
    def write(self) -> AbstractAsyncContextManager[Driver]: ...
    def read(self) -> AbstractAsyncContextManager[Driver]: ...
    def migrating(self) -> AbstractAsyncContextManager[AsyncConnection]: ...
    async def close(self) -> None: ...
    def freeze(self) -> None: ...


# {loop: its turns}: a lock belongs to the loop that waits for it.
_migrations: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class Store:
    """Use `await Store.open(...)`."""

    def __init__(
        self,
        backend: _Backend,
        clock_us: Callable[[], int],
        forbid_network: ContextVar[bool] | None,
        keyring: Keyring | None,
    ) -> None:
        self._backend = backend
        self._clock_us = clock_us
        self._forbid_network = forbid_network
        self._keyring = keyring
        self._joining: dict[int, list[JoinsWrites]] = {}

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock_us: Callable[[], int],
        synchronous: Synchronous = "FULL",
        threadless: bool = False,
        forbid_network: ContextVar[bool] | None = None,
        keyring: Keyring | None = None,
        as_it_is: bool = False,
    ) -> Store:
        """Open and migrate. `url`: a path, `sqlite:///path` or `postgresql+psycopg://...`.

        `synchronous` other than FULL and `threadless` are for the simulator. `as_it_is`: neither made nor migrated, to be looked
        into by whoever knows what an older schema lacks (`revision`). Raises StoreUnavailable, NotOurs, SchemaNewer.
        """
        store = cls(_backend(url, synchronous, threadless), clock_us, forbid_network, keyring)
        await store._backend.open()
        try:
            await (store.revision() if as_it_is else store._migrate())
        except BaseException:
            await store._backend.close()
            raise
        return store

    async def open_scratch(self, path: Path) -> Store:
        """A new database for what need not outlive the process (scratch.py), with this store's clock and ways."""
        return await Store.open(
            str(path),
            clock_us=self._clock_us,
            synchronous="OFF",
            threadless=self._backend.threadless,
            forbid_network=self._forbid_network,
            keyring=self._keyring,
        )

    async def revision(self) -> str:
        """The version of its schema. Raises NotOurs, SchemaNewer."""
        with own_errors():
            async with self._backend.read() as driver:
                return await migrate.revision_of(driver)

    async def _migrate(self) -> None:
        with own_errors():
            async with self._backend.read() as driver:
                if await migrate.is_current(driver):
                    return
            # Alembic knows one migration at a time in a process: two previews that open their scratch copies at once would get
            # into each other's.
            turn = _migrations.setdefault(asyncio.get_running_loop(), asyncio.Lock())
            async with turn, self._backend.migrating() as connection:
                await connection.run_sync(migrate.upgrade)

    @asynccontextmanager
    async def read(self, connection_id: int | None) -> AsyncIterator[Tx]:
        """A consistent, read-only view. None: of no connection, for `connections.list_` and the like."""
        with self._no_network():
            async with self._backend.read() as driver:
                tx = Tx(driver, connection_id, self._clock_us(), self._keyring)
                try:
                    yield tx
                finally:
                    tx.close()

    @asynccontextmanager
    async def write(self, connection_id: int | None, lease: leases.Lease | None = None) -> AsyncIterator[WriteTx]:
        """One transaction: all of the block or nothing of it. Raises Fenced before the block if the lease was lost."""
        outer, task = _writing.get(), asyncio.current_task()
        if outer is not None and outer[0] is self and outer[1] is task and outer[2].is_open:
            raise RuntimeError("a write transaction inside a write transaction would wait for itself")
        tx: WriteTx | None = None
        committed = False
        try:
            with self._no_network():
                async with self._backend.write() as driver:
                    tx = WriteTx(driver, connection_id, self._clock_us(), self._keyring)
                    token = _writing.set((self, task, tx))
                    try:
                        if lease is not None:
                            await leases.check(tx, lease)
                        yield tx
                        if tx.failed is not None:
                            raise RuntimeError("a failed statement was caught inside its transaction") from tx.failed
                        for join in self._joining.get(connection_id or 0, ()):
                            await join(tx)
                    finally:
                        tx.close()
                        _writing.reset(token)
            committed = True
        finally:
            if tx is not None:
                tx.ended(committed)

    @contextmanager
    def _no_network(self) -> Iterator[None]:
        if self._forbid_network is None:
            yield
            return
        token = self._forbid_network.set(True)
        try:
            yield
        finally:
            self._forbid_network.reset(token)

    def join_writes(self, connection_id: int, join: JoinsWrites) -> Callable[[], None]:
        """Let `join` add rows to every write transaction of this connection before it commits (call counts). Returns how
        to stop it."""
        joining = self._joining.setdefault(connection_id, [])
        joining.append(join)
        return lambda: joining.remove(join)

    @property
    def clock_us(self) -> Callable[[], int]:
        return self._clock_us

    def show_life(self, owner: str) -> None:
        """Let others on this machine see that `owner` lives, until this store closes or this process ends."""
        if self._backend.lifesigns is not None:
            self._backend.lifesigns.show(owner)

    def has_died(self, owner: str) -> bool:
        """Whether that process is certainly no more, so that nobody need wait for it. False where it cannot be told."""
        return self._backend.lifesigns is not None and self._backend.lifesigns.has_died(owner)

    async def close(self) -> None:
        await self._backend.close()

    def freeze(self) -> None:
        """Simulator: the process dies here. Uncommitted work is gone, and no call ever returns again."""
        self._backend.freeze()


def _backend(url: str, synchronous: Synchronous, threadless: bool) -> _Backend:
    if "://" not in url:
        return SqliteBackend(Path(url), synchronous, threadless)
    import sqlalchemy as sa

    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreUnavailable(
            "The database address cannot be read. Example: postgresql+psycopg://user@host/name"
        ) from error
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return SqliteBackend(Path(parsed.database), synchronous, threadless)
        case "postgresql":
            # Imported here: nobody on SQLite waits for psycopg.
            if threadless:
                from interlock.store.postgres_inline import InlinePostgresBackend

                return InlinePostgresBackend(parsed.set(drivername="postgresql+psycopg"))
            from interlock.store.postgres import PostgresBackend

            return PostgresBackend(parsed.set(drivername="postgresql+psycopg"))
    raise StoreUnavailable(
        f"Interlock keeps its state in an SQLite file or in PostgreSQL, not in {parsed.drivername!r}."
        " Example: postgresql+psycopg://user@host/name"
    )
