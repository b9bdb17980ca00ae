"""One transaction, bound to one connection. Reading functions take a `Tx`, writing functions a `WriteTx`.

Opened by `Store.read` and `Store.write` only, unusable after. Statements are text that both databases take (see sql.py):
`rows` / `row` ask, `run` / `insert` / `many` change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from interlock.store.driver import Driver, Row
from interlock.store.keyring import Keyring
from interlock.store.sql import Bulk, Dialect


class Tx:
    """A consistent view. Everything in it is bounded by `connection_id`."""

    def __init__(
        self,
        driver: Driver,
        connection_id: int | None,
        now_us: int,
        keyring: Keyring | None,
    ) -> None:
        self._open = True
        self._driver = driver
        self._connection_id = connection_id
        self.now_us = now_us  # one time for all of the transaction
        self.failed: Exception | None = None
        self.keyring = keyring

    @property
    def connection_id(self) -> int:
        if self._connection_id is None:
            raise RuntimeError("this transaction is bound to no connection: open it with store.read(connection_id)")
        return self._connection_id

    @property
    def dialect(self) -> Dialect:
        return self._driver.dialect

    @property
    def is_open(self) -> bool:
        return self._open

    def close(self) -> None:
        """Called by the store when the transaction has ended."""
        self._open = False

    def _must_be_open(self) -> None:
        if not self._open:
            raise RuntimeError("this transaction has ended: a statement after its block would run in another one")

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """PostgreSQL gives up the whole transaction when one statement fails, and answers its COMMIT with a silent
        rollback; SQLite gives up the statement only. On both a transaction with a failed statement never commits."""
        try:
            yield
        except Exception as error:
            self.failed = error
            raise

    async def rows(self, sql: str, *parameters: Any) -> list[Row]:
        self._must_be_open()
        # `IN []` is true of no row, and every list is one term of a conjunction: nothing to ask.
        if [] in parameters:
            return []
        with self._noting_failure():
            return await self._driver.rows(sql, parameters)

    async def row(self, sql: str, *parameters: Any) -> Row | None:
        found = await self.rows(sql, *parameters)
        return found[0] if found else None


class WriteTx(Tx):
    """A transaction that may change rows. Committed when its block ends, rolled back when the block raises."""

    def __init__(
        self,
        driver: Driver,
        connection_id: int | None,
        now_us: int,
        keyring: Keyring | None,
    ) -> None:
        super().__init__(driver, connection_id, now_us, keyring)
        self._at_end: list[Callable[[bool], None]] = []

    def go_on_as(self, connection_id: int) -> None:
        """A transaction of no connection that has just made one goes on as that one's: both are kept, or neither."""
        if self._connection_id is not None:
            raise RuntimeError("this transaction is bound to a connection, and no statement touches two")
        self._connection_id = connection_id

    async def run(self, sql: str, *parameters: Any) -> int:
        """The number of rows changed."""
        self._must_be_open()
        if [] in parameters:
            return 0
        with self._noting_failure():
            return await self._driver.run(sql, parameters)

    async def insert(self, table: str, values: Mapping[str, Any]) -> int:
        """One row; the id that the database gave it."""
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks}) RETURNING id"
        return int((await self.rows(sql, *values.values()))[0][0])

    async def many(self, bulk: Bulk, rows: Sequence[Row]) -> None:
        if rows:
            self._must_be_open()
            with self._noting_failure():
                await self._driver.many(bulk, rows)

    async def allocate_ids(self, table: str, n: int) -> list[int]:
        """`n` ids that were never used and never will be by another. The rows are then inserted with them."""
        if self.dialect is Dialect.POSTGRESQL:
            found = await self.rows(
                "SELECT nextval(pg_get_serial_sequence(?, 'id')) FROM generate_series(1, ?)", table, n
            )
            return [row[0] for row in found]
        # Safe because this transaction is the only writer (BEGIN IMMEDIATE); inserting an id above `seq` raises `seq`,
        # so rows deleted later never free their ids.
        last = await self.row("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        first = (last[0] if last else 0) + 1
        return list(range(first, first + n))

    def at_end(self, callback: Callable[[bool], None]) -> None:
        """Called with True once the transaction is durable, with False if it is rolled back."""
        self._at_end.append(callback)

    def ended(self, committed: bool) -> None:
        """Called by the store."""
        for callback in self._at_end:
            callback(committed)


# Adds its rows to a transaction that is about to commit, see Store.join_writes.
JoinsWrites = Callable[[WriteTx], Awaitable[None]]
