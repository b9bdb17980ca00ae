"""The governor's memory (the `BudgetStore` protocol of `crm.budget`), on `calls`. Counts are buffered and ride along.

A transaction per API call would cost more than the call. Counts wait in memory and join the connection's next write
transaction; `flush` writes what is left. A crash loses at most the counts since the last commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from interlock.core.model import Side
from interlock.store import calls
from interlock.store.database import Store
from interlock.store.tx import WriteTx

DAY_US = 24 * calls.HOUR_US


_Counted = tuple[Side, str, int]  # side, purpose, start of the hour


class StoredBudget:
    """One per connection and process."""

    def __init__(self, store: Store, connection_id: int, clock_us: Callable[[], int]) -> None:
        self._store = store
        self._connection_id = connection_id
        self._clock_us = clock_us
        self._buffer: Counter[_Counted] = Counter()
        self._under_way: Counter[_Counted] = Counter()  # written by transactions that have not ended yet
        self._leave = store.join_writes(connection_id, self._join)

    async def add(self, side: Side, purpose: str, calls_: int, at_us: int) -> None:
        self._buffer[side, purpose, calls.hour_of(at_us)] += calls_

    async def used_24h(self, side: Side) -> dict[str, int]:
        """{purpose: calls} of this connection, by all processes, with what is still in memory here."""
        since_us = self._clock_us() - DAY_US
        async with self._store.read(self._connection_id) as tx:
            total = Counter(await calls.used(tx, side, since_us))
        for (buffered_side, purpose, hour_us), n in (self._buffer + self._under_way).items():
            if buffered_side is side and hour_us > since_us - calls.HOUR_US:
                total[purpose] += n
        return dict(total)

    async def flush(self) -> None:
        if self._buffer:
            # Opening and closing is enough: the buffer joins every write of its connection.
            async with self._store.write(self._connection_id):
                pass

    async def close(self) -> None:
        """Write what is left and count no more: a server opens clients for every turn."""
        await self.flush()
        self._leave()

    async def _join(self, tx: WriteTx) -> None:
        if not self._buffer:
            return
        # On PostgreSQL two transactions of a connection may end at the same time: each writes what no other does.
        written = self._buffer
        self._buffer, self._under_way = Counter(), self._under_way + written
        tx.at_end(lambda committed: self._ended(written, committed))
        await calls.add_many(tx, dict(written))

    def _ended(self, written: Counter[_Counted], committed: bool) -> None:
        self._under_way -= written
        if not committed:
            self._buffer += written
