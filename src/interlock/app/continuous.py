"""Syncing one connection until somebody ends it: the dispatcher of `serve` with a desk that has this connection alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from interlock.app.connections import HALTED
from interlock.app.serve import OpenClients, ServeDesk
from interlock.app.sync import SyncResult
from interlock.core.model import RecordKey
from interlock.engine.context import Cycle
from interlock.engine.dispatch.desk import Standing
from interlock.engine.dispatch.local import LocalDispatcher
from interlock.engine.ownership import Ownership
from interlock.store import Store, connections
from interlock.store.connections import Connection


class _OneConnection(ServeDesk):
    def __init__(
        self,
        store: Store,
        open_clients: OpenClients,
        clock_us: Callable[[], int],
        owner: str,
        say: Callable[[str], None],
        connection_id: int,
        only: Sequence[str],
        told: Callable[[SyncResult], None],
        stop: asyncio.Event,
    ) -> None:
        super().__init__(store, open_clients, clock_us, owner, say)
        self._connection_id = connection_id
        self._only = only
        self._told = told
        self._stop = stop
        self.halted: Connection | None = None

    async def standings(self, lane: str | None = None) -> list[Standing]:
        async with self._store.read(None) as tx:
            connection = await connections.get(tx, self._connection_id)
        if connection is None or connection.state in HALTED:
            # Somebody paused it, or it cannot go on: this process has nothing left to do.
            self.halted = connection
            self._stop.set()
            return []
        return [each for each in await super().standings(lane) if each.connection_id == self._connection_id]

    async def _cycle(
        self,
        connection: Connection,
        ownership: Ownership,
        slugs: Sequence[str],
        keys: Sequence[RecordKey],
        work: Callable[[Cycle], Any] | None,
    ) -> SyncResult:
        mine = [slug for slug in slugs if not self._only or slug in self._only]
        result = await super()._cycle(connection, ownership, mine, keys, work)
        self._told(result)
        return result


async def run_until(
    stop: asyncio.Event,
    store: Store,
    open_clients: OpenClients,
    clock_us: Callable[[], int],
    owner: str,
    connection_id: int,
    *,
    only: Sequence[str],
    say: Callable[[str], None],
    told: Callable[[SyncResult], None],
) -> Connection | None:
    """Returns when `stop` is set and the work under way has ended; with the connection when it was halted instead."""
    desk = _OneConnection(store, open_clients, clock_us, owner, say, connection_id, only, told, stop)
    try:
        await LocalDispatcher(desk, clock_us, stop).run()
    finally:
        await desk.close()
    return desk.halted
