"""Interlock as a person opens it at its pages: the installation's store, and clients that ask both CRMs beside the sync."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from interlock.store import Store, connections
from interlock.store.connections import Connection
from tests.simulation.network import Line

if TYPE_CHECKING:
    from interlock.wiring import Clients
    from tests.simulation.world import World


class AtThePages:
    """What the functions behind the pages take as `Opened`. No lease is needed to ask: nobody's records are written."""

    def __init__(self, world: World, store: Store) -> None:
        self.world, self.store = world, store
        self._process = world.process()
        self._process._line = Line(world.network, lambda request: None)

    @property
    def clock_us(self) -> Callable[[], int]:
        return self._process.clock_us

    async def connection(self) -> Connection:
        async with self.store.read(None) as tx:
            found = await connections.get(tx, self.world.connection_id)
        assert found is not None
        return found

    @asynccontextmanager
    async def clients(self, connection: Connection, **named: Any) -> AsyncIterator[Clients]:
        async with self._process.clients(connection) as clients:
            yield clients
