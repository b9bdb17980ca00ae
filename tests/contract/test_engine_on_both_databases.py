"""The whole line on SQLite and on a real PostgreSQL: the store's suite says that the parts behave alike, this that a sync does."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

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
from interlock.crm.transport import AsgiTransport
from interlock.store import HeldByOther, Store, audit
from interlock.store.connections import Connection

pytestmark = pytest.mark.anyio


class LeapingClock:
    """Wall time is not waited for: every reading is a millisecond later, every pause is over at once."""

    def __init__(self) -> None:
        self._ticks = itertools.count(1_767_603_600_000_000, 1_000)
        self._leapt_us = 0

    def now_us(self) -> int:
        return next(self._ticks) + self._leapt_us

    async def pause(self, seconds: float) -> None:
        self._leapt_us += round(seconds * 1_000_000)
        await asyncio.sleep(0)


class Office:
    """One installation between two local CRMs, on whichever database."""

    def __init__(self, store: Store, clock: LeapingClock) -> None:
        self.store, self.clock = store, clock
        shared = Clock(clock.now_us)
        self.hubspot = HubSpotEmulator(clock=shared)
        self.salesforce = SalesforceEmulator(clock=shared)
        self.transport = AsgiTransport({"hubspot.local": self.hubspot.app, "salesforce.local": self.salesforce.app})
        self.connection: Connection | None = None

    def clients(self) -> tuple[HubSpotClient, SalesforceClient]:
        now_us, pause = self.clock.now_us, self.clock.pause
        budget = MemoryBudgetStore(now_us)
        return (
            HubSpotClient(
                "http://hubspot.local",
                self.transport,
                StaticToken(Side.HUBSPOT, self.hubspot.token),
                HubSpotGovernor(budget, now_us, sleep=pause),
                now_us,
            ),
            SalesforceClient(
                "http://salesforce.local",
                self.transport,
                StaticToken(Side.SALESFORCE, self.salesforce.token),
                SalesforceGovernor(budget, now_us, sleep=pause),
                now_us,
            ),
        )

    @property
    def connection_id(self) -> int:
        assert self.connection is not None
        assert self.connection.id is not None
        return self.connection.id

    async def sync(self, owner: str = "one") -> SyncResult:
        assert self.connection is not None
        async with open_cycle(self.store, self.connection, *self.clients(), self.clock.now_us, owner) as ctx:
            return await sync(ctx)


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    clock = LeapingClock()
    store = await Store.open(database_url, clock_us=clock.now_us, forbid_network=forbid_network)
    made = Office(store, clock)
    request = ConnectRequest("http://hubspot.local", "http://salesforce.local", existing="all")
    hugo, sally = made.hubspot.user(), made.salesforce.user()
    for number in range(30):
        hugo.create("contacts", {"email": f"h{number}@example.com", "firstname": f"H{number}"})
        sally.create("Contact", {"Email": f"s{number}@example.com", "LastName": f"S{number}"})
        hugo.create("contacts", {"email": f"b{number}@example.com", "jobtitle": "CTO"})
        sally.create("Contact", {"Email": f"b{number}@example.com", "LastName": "Both", "Title": "CEO"})
    account = sally.create("Account", {"Name": "Acme", "Website": "https://acme.example.com"})
    sally.update("Contact", sally.ids("Contact")[0], {"AccountId": account})
    made.connection = await connect(store, *made.clients(), request, clock.now_us)
    yield made
    await store.close()


async def test_a_first_sync_makes_links_and_completes_both_sides(office: Office) -> None:
    result = await office.sync()
    contacts = result.objects["contacts"]
    assert (contacts.created_in_hubspot, contacts.created_in_salesforce, contacts.linked) == (30, 30, 30)
    assert result.objects["companies"].created_in_hubspot == 1
    assert len(office.hubspot.user().ids("contacts")) == len(office.salesforce.user().ids("Contact")) == 90


async def test_it_then_writes_nothing_more(office: Office) -> None:
    await office.sync()
    before = office.hubspot.journal.last_seq, office.salesforce.journal.last_seq
    await office.clock.pause(300)
    await office.sync()
    assert (office.hubspot.journal.last_seq, office.salesforce.journal.last_seq) == before


async def test_what_lost_is_in_the_conflict_log(office: Office) -> None:
    await office.sync()
    async with office.store.read(office.connection_id) as tx:
        rows, _ = await audit.conflicts(tx, None, limit=100)
    assert {(row.property, row.old, row.new) for row in rows} == {("jobtitle", "CTO", "CEO")}
    assert len(rows) == 30


async def test_two_owners_exclude_each_other(office: Office) -> None:
    assert office.connection is not None
    async with open_cycle(office.store, office.connection, *office.clients(), office.clock.now_us, "one"):
        with pytest.raises(HeldByOther):
            await office.sync(owner="two")
