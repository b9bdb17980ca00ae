"""Two local CRMs and the production engine between them, in one process: the world in which tests tell their stories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app.connect import ConnectRequest, connect
from interlock.app.runtime import open_cycle
from interlock.app.sync import SyncResult, sync
from interlock.core.model import Side
from interlock.crm.budget import HubSpotGovernor, MemoryBudgetStore, SalesforceGovernor
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.seam import forbid_network
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import AsgiTransport, Transport
from interlock.store import Store
from interlock.store.connections import Connection

HUBSPOT_URL = "http://hubspot.local"
SALESFORCE_URL = "http://salesforce.local"


class World:
    """`hubspot` and `salesforce` are the emulators; `sally` and `hugo` people who work in them."""

    def __init__(self, path: Path, clock_us: Callable[[], int], seed: int = 0, **connect_options: Any) -> None:
        self.path = path
        self.clock_us = clock_us
        self.seed = seed
        self.connect_options = connect_options
        clock = Clock(clock_us)
        self.hubspot = HubSpotEmulator(clock=clock, seed=seed)
        self.salesforce = SalesforceEmulator(clock=clock, seed=seed)
        self.transport: Transport = AsgiTransport(
            {"hubspot.local": self.hubspot.app, "salesforce.local": self.salesforce.app}
        )
        self.hugo = self.hubspot.user()
        self.sally = self.salesforce.user()
        self.store: Store | None = None
        self.connection: Connection | None = None
        self.runs = 0

    async def open(self) -> None:
        self.store = await Store.open(
            str(self.path),
            clock_us=self.clock_us,
            synchronous="OFF",
            threadless=True,
            forbid_network=forbid_network,
        )

    def clients(self) -> tuple[HubSpotClient, SalesforceClient]:
        budget = MemoryBudgetStore(self.clock_us)
        hubspot = HubSpotClient(
            HUBSPOT_URL,
            self.transport,
            StaticToken(Side.HUBSPOT, self.hubspot.token),
            HubSpotGovernor(budget, self.clock_us),
            self.clock_us,
        )
        salesforce = SalesforceClient(
            SALESFORCE_URL,
            self.transport,
            StaticToken(Side.SALESFORCE, self.salesforce.token),
            SalesforceGovernor(budget, self.clock_us),
            self.clock_us,
        )
        return hubspot, salesforce

    async def connect(self) -> Connection:
        assert self.store is not None
        request = ConnectRequest(HUBSPOT_URL, SALESFORCE_URL, **self.connect_options)
        self.connection = await connect(self.store, *self.clients(), request, self.clock_us)
        return self.connection

    async def sync(self) -> SyncResult:
        """One `sync --once`, as a process of its own would run it."""
        assert self.store is not None
        assert self.connection is not None
        self.runs += 1
        async with open_cycle(
            self.store, self.connection, *self.clients(), self.clock_us, owner=f"test-{self.runs}"
        ) as ctx:
            return await sync(ctx)

    async def sync_later(self, seconds: float = 300.0) -> SyncResult:
        """The same, some time later: search indexes have caught up and retries are due."""
        await asyncio.sleep(seconds)
        return await self.sync()

    def contact(self, hubspot_id: str) -> dict[str, Any]:
        return self.hugo.get("contacts", hubspot_id)


@asynccontextmanager
async def two_crms(path: Path, clock_us: Callable[[], int], seed: int = 0, **options: Any) -> AsyncIterator[World]:
    world = World(path, clock_us, seed, **options)
    await world.open()
    try:
        yield world
    finally:
        assert world.store is not None
        await world.store.close()
