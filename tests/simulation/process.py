"""One process of Interlock in the simulated world: a store of its own, a line to the network, and what `serve` does."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from interlock.app.serve import ServeDesk
from interlock.core.model import Dirty, Reason, RecordKey, Side
from interlock.crm.budget import HubSpotGovernor, MemoryBudgetStore, SalesforceGovernor
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.seam import forbid_network
from interlock.crm.tokens import ClientCredentials, StaticToken
from interlock.crm.transport import Request
from interlock.engine.dispatch.local import Work
from interlock.store import Fenced, Store, StoreBusy, WriteTx, dirty, handovers
from interlock.store.connections import Connection
from interlock.store.keyring import Keyring
from interlock.store.lease import Lease
from interlock.wiring import Clients
from tests.simulation.network import HOSTS, Line

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.simulation.world import World

T = TypeVar("T")

# Of the installation; the same in every story, so that one seed tells one.
KEYRING = Keyring([base64.urlsafe_b64encode(bytes(32))])
# A dispatcher looks more often; what it would find in between is found a little later.
LOOK_S = 8.0
# Whatever failed is tried again sooner than this, and a question is looked at again later.
ASKED_US = 3_600_000_000


class Process:
    """`clock_us`: its own clock, which need not be that of either CRM. `of_pages`: it asks for a person who is at a page, which
    needs no lease."""

    def __init__(self, world: World, number: int, *, of_pages: bool = False) -> None:
        self._of_pages = of_pages
        self.name = f"process-{number}"
        self._world = world
        self._line = Line(world.network, self._sends)
        self._skew_us = round(
            (world.process_skew_s + world.chance.uniform(-1.0, 1.0) * bool(world.process_skew_s)) * 1e6
        )
        self.store: Store | None = None
        self.main: asyncio.Task[Any] | None = None
        self.transactions = 0  # that write, begun so far

    def clock_us(self) -> int:
        return self._world.loop.now_us() + self._skew_us

    # --- its life ----------------------------------------------------------------------------------------------------

    def start(self, main: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._world.loop.in_process(self.name, main)
        self.main = task
        return task

    async def open(self) -> Store:
        process = self

        class OfThisProcess(Store):
            def __init__(self, *words: Any, **named: Any) -> None:
                super().__init__(*words, **named)
                # Known before it is open: a process that dies while it opens its database lets go of it too.
                process.store = self

            @asynccontextmanager
            async def write(self, connection_id: int | None, lease: Lease | None = None) -> AsyncIterator[WriteTx]:
                process.transactions += 1
                try:
                    async with super().write(connection_id, lease) as tx:
                        yield tx
                        process._world.fences.commits(process.name, lease)
                except Fenced:
                    process._line.forget()
                    raise
                if lease is not None:
                    process._line.note()

        return await OfThisProcess.open(
            str(self._world.path),
            clock_us=self.clock_us,
            synchronous="OFF",
            threadless=True,
            forbid_network=forbid_network,
            keyring=KEYRING,
        )

    def crash(self) -> None:
        self._world.loop.kill(self.name)
        self._line.dead = True
        if self.store is not None:
            self.store.freeze()

    def _sends(self, request: Request) -> None:
        if not self._of_pages:
            self._world.fences.sends(self.name, request, self.clock_us())

    # --- what it does --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def clients(self, connection: Connection | None = None) -> AsyncIterator[Clients]:
        world, budget = self._world, MemoryBudgetStore(self.clock_us)
        hubspot, salesforce = (f"http://{HOSTS[side]}" for side in ("hubspot", "salesforce"))
        sessions = world.salesforce.sessions
        yield Clients(
            HubSpotClient(
                hubspot,
                self._line,
                StaticToken(Side.HUBSPOT, world.hubspot.token),
                HubSpotGovernor(budget, self.clock_us),
                self.clock_us,
            ),
            SalesforceClient(
                salesforce,
                self._line,
                ClientCredentials(salesforce, sessions.client_id, sessions.client_secret, self._line),
                SalesforceGovernor(budget, self.clock_us, allocated=1_000_000),
                self.clock_us,
            ),
        )

    def desk(self, store: Store) -> ServeDesk:
        return ServeDesk(store, self.clients, self.clock_us, self.name, self._said)

    def _said(self, line: str) -> None:
        if "a defect of Interlock" in line:
            self._world.story.defects.append(line)

    async def serve(self) -> None:
        """Polls at their pace, due records as they come due, and now and then somebody asks for a sync."""
        store = await self.opened()
        desk, id_ = self.desk(store), self._world.connection_id
        chance = self._world.recipe.chance(f"serve:{self.name}")
        poll_at_s = 0.0
        while True:
            now_s = self._world.loop.time()
            if now_s >= poll_at_s:
                bell = chance.random() < 0.3 and await self._rung(store)
                next_s = await desk.turn(id_, Work.BELL if bell else Work.POLL)
                poll_at_s = self._world.loop.time() + next_s
            elif await self._anything_due(store):
                await desk.turn(id_, Work.DUE)
            await asyncio.sleep(min(LOOK_S, max(0.1, poll_at_s - self._world.loop.time())))

    async def opened(self) -> Store:
        """Started again until it comes up: another process may stand still with the database locked."""
        while True:
            try:
                return await self.open()
            except StoreBusy:
                await asyncio.sleep(1.0)

    async def _rung(self, store: Store) -> bool:
        try:
            await self.ring(store)
        except StoreBusy:
            return False
        return True

    async def _anything_due(self, store: Store) -> bool:
        async with store.read(self._world.connection_id) as tx:
            counts = await dirty.counts(tx, self.clock_us())
        return any(each.due for each in counts.values())

    async def ring(self, store: Store) -> None:
        """Ask for a whole sync, as `interlock sync` does of a running dispatcher."""
        async with store.write(self._world.connection_id) as tx:
            await handovers.ask(tx, (), ())

    async def next_due_us(self, store: Store) -> int | None:
        """When there is something to do again. A record that waits for another, which may never come, is not busy."""
        async with store.read(self._world.connection_id) as tx:
            rows = await tx.rows("SELECT record_key FROM dirty WHERE connection_id = ?", self._world.connection_id)
            found = await dirty.by_keys(tx, [RecordKey.parse(row[0]) for row in rows])
        return min((each.due_at_us for each in found.values() if not self._waits(each)), default=None)

    def _waits(self, due: Dirty) -> bool:
        """One that is to be linked only keeps this reason while a question waits for its answer (engine/due_again.py)."""
        asked = due.reason is Reason.EXISTING_LINK_ONLY and due.due_at_us > self.clock_us() + ASKED_US
        return asked or due.reason is Reason.WAITING
