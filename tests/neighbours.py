"""Several connections in one process of `serve`, on virtual time: each its HubSpot account, some of them on one Salesforce org.

What is measured is seen from outside: a user edits in a HubSpot, and the edit has arrived when the org's journal has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app import states
from interlock.app.connect import ConnectRequest, connect
from interlock.app.serve import ServeDesk
from interlock.core.model import Side
from interlock.crm.budget import HubSpotGovernor, MemoryBudgetStore, SalesforceGovernor
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.seam import forbid_network
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import AsgiTransport, Request, Response
from interlock.engine.dispatch.local import LocalDispatcher
from interlock.store import Store, mappings
from interlock.store.connections import Connection
from interlock.wiring import Clients
from tests import databases
from tests.simulation.virtual_time import VirtualTimeLoop

# A call takes this long, there and back: without it a turn would take no time, and nobody would ever be in the way.
TRAVEL_S = 0.2
# So many that nobody is edited six times within an hour, which would look like two automations that fight.
PEOPLE = 200
EDIT_EVERY_S = 5.0
AFTERWARDS_S = 900.0


class SlowLine:
    def __init__(self, inner: AsgiTransport) -> None:
        self._inner = inner

    async def send(self, request: Request, deadline_s: float) -> Response:
        await asyncio.sleep(TRAVEL_S)
        return await self._inner.send(request, deadline_s)


class Neighbour:
    """One connection, and the person who edits in its HubSpot. `edited_us`: what was typed, and when."""

    def __init__(self, number: int, clock: Clock, org: SalesforceEmulator, org_host: str, line: SlowLine) -> None:
        self.number = number
        self.hubspot = HubSpotEmulator(clock=clock, seed=100 + number, account_id=1_000 + number)
        self.hubspot_url = f"http://hubspot{number}.local"
        self.org, self.org_url = org, f"http://{org_host}"
        self.line = line
        self.clock = clock
        self.person = self.hubspot.user()
        self.contacts = [
            self.person.create("contacts", {"email": f"p{place}@company{number}.example.com", "lastname": f"P{place}"})
            for place in range(PEOPLE)
        ]
        self.connection: Connection | None = None
        self.edited_us: dict[str, int] = {}
        self.typed: dict[str, str] = {}  # by contact, what was typed last

    def clients(self) -> Clients:
        budget = MemoryBudgetStore(self.clock.now_us)
        now_us = self.clock.now_us
        return Clients(
            HubSpotClient(
                self.hubspot_url,
                self.line,
                StaticToken(Side.HUBSPOT, self.hubspot.token),
                HubSpotGovernor(budget, now_us),
                now_us,
            ),
            SalesforceClient(
                self.org_url,
                self.line,
                StaticToken(Side.SALESFORCE, self.org.token),
                SalesforceGovernor(budget, now_us),
                now_us,
            ),
        )

    def edit(self, place: int) -> None:
        token = f"+1 555 {self.number}{len(self.edited_us):06d}"
        self.edited_us[token] = self.clock.now_us()
        self.typed[self.contacts[place]] = token
        self.person.update("contacts", self.contacts[place], {"phone": token})

    def _arrived_us(self) -> dict[str | None, int]:
        return {entry.new: entry.at_us for entry in self.org.journal.entries(0) if entry.field == "Phone"}

    def not_arrived(self) -> int:
        """How many contacts whose last edit the org never got."""
        return len(set(self.typed.values()) - self._arrived_us().keys())

    def latencies_s(self, from_us: int, until_us: int) -> list[float]:
        """Of every edit of that time that arrived; what is typed anew before that is never seen."""
        arrived = self._arrived_us()
        return [
            (arrived[token] - at_us) / 1_000_000
            for token, at_us in self.edited_us.items()
            if from_us <= at_us < until_us and token in arrived
        ]

    def refuse_all(self) -> None:
        """HubSpot answers every call as too fast."""
        self.hubspot.faults.add({"match": {}, "kind": "status", "status": 429})


class Street:
    """The neighbours and the process that serves them all."""

    def __init__(self, loop: VirtualTimeLoop, orgs: Sequence[int]) -> None:
        """`orgs`: which org each of the neighbours is connected to."""
        clock = Clock(loop.now_us)
        self.clock = clock
        apps: dict[str, Any] = {}
        made = {
            org: SalesforceEmulator(clock=clock, seed=org, daily_api_requests=1_000_000) for org in dict.fromkeys(orgs)
        }
        line = SlowLine(AsgiTransport(apps))
        self.neighbours = [
            Neighbour(number, clock, made[org], f"org{org}.local", line) for number, org in enumerate(orgs)
        ]
        apps |= {f"org{org}.local": emulator.app for org, emulator in made.items()}
        apps |= {f"hubspot{each.number}.local": each.hubspot.app for each in self.neighbours}
        line._inner = AsgiTransport(apps)
        self.said: list[str] = []
        self._chance = random.Random(5)

    async def connect(self, store: Store) -> None:
        for each in self.neighbours:
            request = ConnectRequest(
                each.hubspot_url, each.org_url, name=f"n{each.number}", objects=("contacts",), existing="all"
            )
            clients = each.clients()
            joined = await connect(store, clients.hubspot, clients.salesforce, request, self.clock.now_us)
            each.connection = await states.begin(store, joined)
            async with store.write(joined.id) as tx:
                for row in await mappings.field_mappings(tx):
                    await mappings.save_field_mapping(tx, msgspec.structs.replace(row, rule="two_way"))

    @contextlib.asynccontextmanager
    async def serving(self, store: Store) -> AsyncIterator[None]:
        by_id = {each.connection.id: each for each in self.neighbours if each.connection is not None}

        @contextlib.asynccontextmanager
        async def open_clients(connection: Connection) -> AsyncIterator[Clients]:
            yield by_id[connection.id].clients()

        stop = asyncio.Event()
        desk = ServeDesk(store, open_clients, self.clock.now_us, "street", self.said.append)
        task = asyncio.create_task(LocalDispatcher(desk, self.clock.now_us, stop).run())
        try:
            yield
        finally:
            stop.set()
            await task
            await desk.close()

    async def live(self, seconds: float, every_s: float) -> tuple[int, int]:
        """Everybody edits at moments of their own, each about so often. From when until when, by the clock."""
        began_us = self.clock.now_us()
        until_us = began_us + round(seconds * 1_000_000)

        async def one(each: Neighbour, chance: random.Random) -> None:
            place = 0
            while True:
                await asyncio.sleep(chance.uniform(0.5, 1.5) * every_s)
                if self.clock.now_us() >= until_us:
                    return
                each.edit(place := (place + 1) % PEOPLE)

        await asyncio.gather(*(one(each, random.Random(each.number)) for each in self.neighbours))
        await asyncio.sleep(max(0.0, (until_us - self.clock.now_us()) / 1_000_000))
        return began_us, until_us


@contextlib.asynccontextmanager
async def street(loop: VirtualTimeLoop, path: Path, orgs: Sequence[int]) -> AsyncIterator[Street]:
    """Connected and served, past its first sync."""
    made = Street(loop, orgs)
    store = await Store.open(
        databases.at(path), clock_us=loop.now_us, synchronous="OFF", threadless=True, forbid_network=forbid_network
    )
    try:
        await made.connect(store)
        async with made.serving(store):
            await asyncio.sleep(600)
            yield made
    finally:
        await store.close()


def p95(latencies_s: Sequence[float]) -> float:
    return sorted(latencies_s)[round(0.95 * (len(latencies_s) - 1))]


class Ran(msgspec.Struct):
    """How long edits of the healthy one took, before and while the other was refused (95th percentile)."""

    calm_s: float
    storm_s: float
    refused: int  # calls of the one that was refused, while it was
    not_arrived: int  # edits of both that were not there a quarter of an hour later


async def beside_a_refused_one(
    loop: VirtualTimeLoop, path: Path, orgs: tuple[int, int], calm_s: float, storm_s: float = 600.0
) -> Ran:
    """Two connections: a calm time, then HubSpot refuses every call of the first as too fast, then it lets it go."""
    async with street(loop, path, orgs) as made:
        noisy, other = made.neighbours
        calm = await made.live(calm_s, EDIT_EVERY_S)
        before = noisy.hubspot.stats.calls
        noisy.refuse_all()
        storm = await made.live(storm_s, EDIT_EVERY_S)
        refused = noisy.hubspot.stats.calls - before
        noisy.hubspot.faults.clear()
        await asyncio.sleep(AFTERWARDS_S)
        return Ran(
            p95(other.latencies_s(*calm)),
            p95(other.latencies_s(*storm)),
            refused,
            sum(each.not_arrived() for each in made.neighbours),
        )
