"""Two local CRMs and the production engine between them, in one process: the world in which tests tell their stories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock
from crm_emulator.kernel.journal import JournalEntry
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app.connect import ConnectRequest, connect
from interlock.app.connections import resume
from interlock.app.runtime import open_cycle
from interlock.app.sync import SyncResult, sync
from interlock.core.model import AuditRow, Dirty, Issue, Reason, RecordKey, RecordLink, Side
from interlock.crm.budget import HubSpotGovernor, MemoryBudgetStore, SalesforceGovernor
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.seam import forbid_network
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import AsgiTransport, Request, Response, Transport
from interlock.engine.cycle import poll
from interlock.store import Store, audit, connections, dirty, issues, links, mappings
from interlock.store.connections import Connection
from interlock.store.keyring import generate
from interlock.store.mappings import FieldMappingRow
from tests import databases

OURS = "Interlock"  # the client under which the CRMs' journals know our writes
SETTLES_IN = 25  # drains; a world that is busy for longer goes in circles
CALLS_OF_A_LOOK = 40  # of a drain that looks at what is due and writes nothing; one in circles takes hundreds
HUBSPOT_URL = "http://hubspot.local"
SALESFORCE_URL = "http://salesforce.local"


class World:
    """`hubspot` and `salesforce` are the emulators; `sally` and `hugo` people who work in them."""

    # The address of the database at a path: a file, or what tests/postgres.py puts in its place.
    database_at: Callable[[Path], str] = staticmethod(databases.at)

    def __init__(
        self,
        path: Path,
        clock_us: Callable[[], int],
        seed: int = 0,
        hubspot: Mapping[str, Any] | None = None,
        salesforce: Mapping[str, Any] | None = None,
        **connect_options: Any,
    ) -> None:
        """`hubspot` and `salesforce`: settings of the emulators; the rest are those of ConnectRequest."""
        self.path = path
        self.clock_us = clock_us
        self.seed = seed
        self.connect_options = connect_options
        clock = Clock(clock_us)
        self.hubspot = HubSpotEmulator(clock=clock, seed=seed, **(hubspot or {}))
        self.salesforce = SalesforceEmulator(clock=clock, seed=seed, **(salesforce or {}))
        self.rewire()
        self.hugo = self.hubspot.user()
        self.sally = self.salesforce.user()
        self.keyring = generate()
        self.store: Store | None = None
        self.connection: Connection | None = None
        self.runs = 0

    def rewire(self) -> None:
        """Lay the line to these two CRMs anew: another of them may have been put in place."""
        apps = {"hubspot.local": self.hubspot.app, "salesforce.local": self.salesforce.app}
        self.line = _Line(AsgiTransport(apps))
        self.transport: Transport = self.line

    async def open(self) -> None:
        self.store = await Store.open(
            self.database_at(self.path),
            clock_us=self.clock_us,
            synchronous="OFF",
            threadless=True,
            forbid_network=forbid_network,
            keyring=self.keyring,
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

    def between_read_and_write(self, side: Side, deed: Callable[[], object]) -> None:
        """Do it once, after the next drain has read that side's records and before its write gets there."""
        self.line.deeds[side] = deed

    def freeze_at(self, path: str) -> tuple[asyncio.Event, asyncio.Event]:
        """Hold the next request whose address has this in it. Events: it is held; let it go."""
        self.line.freeze = (path, asyncio.Event(), asyncio.Event())
        return self.line.freeze[1:]

    async def sync(self, *keys: RecordKey, only: tuple[str, ...] = ()) -> SyncResult:
        """One `sync --once`, as a process of its own would run it."""
        assert self.store is not None
        assert self.connection is not None
        assert self.connection.id is not None
        self.runs += 1
        async with self.store.read(None) as tx:
            self.connection = await connections.get(tx, self.connection.id) or self.connection
        async with open_cycle(
            self.store, self.connection, *self.clients(), self.clock_us, owner=f"test-{self.runs}", only=only
        ) as ctx:
            return await sync(ctx, keys)

    async def poll(self) -> SyncResult:
        """One tick of a polling loop."""
        assert self.store is not None
        assert self.connection is not None
        self.runs += 1
        async with open_cycle(
            self.store, self.connection, *self.clients(), self.clock_us, owner=f"test-{self.runs}"
        ) as ctx:
            return await sync(ctx, work=poll)

    async def sync_later(self, seconds: float = 300.0) -> SyncResult:
        """The same, some time later: search indexes have caught up and retries are due."""
        await asyncio.sleep(seconds)
        return await self.sync()

    async def settle(self) -> None:
        """Sync until all is quiet; then an hour later once more, which must write nothing.

        A drain that writes nothing and still asks on and on goes in circles, which costs a person their API calls.
        """
        quiet = 0
        for _ in range(SETTLES_IN):
            before, calls = self.written, self.calls_in_all
            result = await self.sync()
            idle = self.written == before
            assert not idle or self.calls_in_all - calls < CALLS_OF_A_LOOK, "asked in circles, writing nothing"
            assert result.outcome == "done", result.stopped_reason
            due_us = await self._next_due_us()
            quiet = quiet + 1 if self.written == before and due_us is None else 0
            if quiet == 2:
                break
            await asyncio.sleep(max(60.0, 0.0 if due_us is None else (due_us - self.clock_us()) / 1_000_000))
        else:
            raise AssertionError(f"still busy after {SETTLES_IN} drains: {result}, due {due_us}")
        await asyncio.sleep(3_600.0)
        before = self.written
        await self.sync()
        assert self.written == before, "wrote something although nothing had changed"

    async def stops_because(self, reason: str) -> None:
        """The next drain is stopped by a brake, and has written nothing."""
        await asyncio.sleep(60.0)
        before = self.written
        result = await self.sync()
        assert result.outcome == "stopped", result
        assert reason in (result.stopped_reason or ""), result.stopped_reason
        assert self.written == before

    async def resume(self) -> None:
        """A person has looked at what stopped the connection."""
        assert self.store is not None
        assert self.connection is not None
        assert self.connection.id is not None
        async with self.store.read(None) as tx:
            stopped = await connections.get(tx, self.connection.id)
        assert stopped is not None
        await resume(self.store, stopped, None, plan=False)

    async def lose_the_database(self, new: Path) -> None:
        """Start over with an empty one, at `new`."""
        assert self.store is not None
        await self.store.close()
        self.path = new
        await self.open()
        await self.connect()

    async def _next_due_us(self) -> int | None:
        """When there is something to do. A record that waits for another, which may never come, is not busy."""
        async with self.read() as tx:
            rows = await tx.rows("SELECT record_key FROM dirty WHERE connection_id = ?", tx.connection_id)
            found = await dirty.by_keys(tx, [RecordKey.parse(row[0]) for row in rows])
        return min((each.due_at_us for each in found.values() if not _waits(each)), default=None)

    # --- what can be seen of it ------------------------------------------------------------------------------------

    @property
    def written(self) -> tuple[int, int]:
        """Moves with every write of anybody to either CRM."""
        return self.hubspot.journal.last_seq, self.salesforce.journal.last_seq

    def ours(self, since: tuple[int, int] = (0, 0)) -> list[JournalEntry]:
        """What Interlock wrote since, on both sides."""
        entries = [*self.hubspot.journal.entries(since[0]), *self.salesforce.journal.entries(since[1])]
        return [entry for entry in entries if entry.client == OURS]

    def counts(self) -> dict[str, int]:
        """How many live records of each kind the two CRMs hold."""
        here = {slug: len(self.hugo.ids(slug)) for slug in ("companies", "contacts", "deals")}
        types = ("Account", "Contact", "Lead", "Opportunity", "OpportunityContactRole")
        return here | {type_: len(self.sally.ids(type_)) for type_ in types}

    @property
    def calls_in_all(self) -> int:
        return self.hubspot.stats.calls + self.salesforce.stats.calls

    def sent(self, side: Side) -> int:
        """How many requests that write records went to that side."""
        return len(self.line.sent[side])

    def calls(self, side: Side, contains: str = "") -> int:
        """How many calls the CRM counted so far, of the endpoints whose name contains this."""
        crm = self.hubspot if side is Side.HUBSPOT else self.salesforce
        return sum(times for endpoint, times in crm.stats.by_endpoint.items() if contains in endpoint)

    def read(self):  # type: ignore[no-untyped-def]
        assert self.store is not None
        assert self.connection is not None
        return self.store.read(self.connection.id)

    def write(self):  # type: ignore[no-untyped-def]
        assert self.store is not None
        assert self.connection is not None
        return self.store.write(self.connection.id)

    async def issues(self, **which: Any) -> list[Issue]:
        async with self.read() as tx:
            return (await issues.list_(tx, limit=1_000, **which))[0]

    async def audit(self, kind: str | None = None) -> list[AuditRow]:
        async with self.read() as tx:
            return [row async for rows in audit.since(tx, 0) for row in rows if kind in (None, row.kind.value)]

    async def link(self, object_: str, hubspot_id: str) -> RecordLink | None:
        async with self.read() as tx:
            return (await links.by_hubspot(tx, object_, [hubspot_id])).get(hubspot_id)

    # --- how it is set up ------------------------------------------------------------------------------------------

    async def rule(self, object_: str, property_: str, rule: str) -> None:
        async with self.write() as tx:
            mine = {row.id for row in await mappings.object_mappings(tx) if row.object == object_}
            rows = [
                row
                for row in await mappings.field_mappings(tx)
                if row.object_mapping_id in mine and row.property == property_
            ]
            assert rows, f"{object_}.{property_} is not mapped"
            for row in rows:
                row.rule = rule
                await mappings.save_field_mapping(tx, row)

    async def map(self, object_: str, property_: str, type_: str, field: str, rule: str = "two_way") -> None:
        """One more pair of fields; the schemas must have been read after both were made."""
        async with self.write() as tx:
            (into,) = [
                row.id
                for row in await mappings.object_mappings(tx)
                if (row.object, row.salesforce_type) == (object_, type_)
            ]
            await mappings.save_field_mapping(tx, FieldMappingRow(into, property_, field, rule, kind="custom"))

    async def unmap(self, object_: str, property_: str) -> None:
        async with self.write() as tx:
            mine = {row.id for row in await mappings.object_mappings(tx) if row.object == object_}
            rows = await mappings.field_mappings(tx)
            gone = [row.id for row in rows if row.object_mapping_id in mine and row.property == property_ and row.id]
            await mappings.delete_field_mappings(tx, gone)

    def property(self, object_: str, name: str, type_: str, field_type: str, options: Sequence[str] = ()) -> None:
        """A property that somebody made in HubSpot."""
        table = self.hubspot.portal.table(object_)
        listed = [{"label": each, "value": each, "displayOrder": place} for place, each in enumerate(options)]
        body = {"name": name, "label": name, "type": type_, "fieldType": field_type, "options": listed}
        group = next(iter(table.schema.groups))
        table.schema.create(body | {"groupName": group}, self.clock_us() // 1000, None)

    # --- records -----------------------------------------------------------------------------------------------------

    def person(self, email: str, **properties: Any) -> str:
        """A contact made in HubSpot."""
        return self.hugo.create("contacts", {"email": email, "lastname": "Person"} | properties)

    def counterpart(self, object_: str, hubspot_id: str) -> str:
        """The Salesforce id that HubSpot itself names."""
        return self.hugo.get(object_, hubspot_id).get("interlock_salesforce_id") or ""

    def contact(self, hubspot_id: str) -> dict[str, Any]:
        return self.hugo.get("contacts", hubspot_id)


def _waits(due: Dirty) -> bool:
    """What is only to be linked waits under a reason of its own: by it, it is not created when it has waited."""
    return due.reason is Reason.WAITING or (due.reason is Reason.EXISTING_LINK_ONLY and due.attempts > 0)


class _Line:
    """The network, watched: how many requests wrote records, and a deed to do just before the next of them."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.deeds: dict[Side, Callable[[], object]] = {}
        self.sent: dict[Side, list[Request]] = {side: [] for side in Side}
        self.freeze: tuple[str, asyncio.Event, asyncio.Event] | None = None

    async def send(self, request: Request, deadline_s: float) -> Response:
        side = Side.HUBSPOT if request.url.startswith(HUBSPOT_URL) else Side.SALESFORCE
        if self.freeze is not None and self.freeze[0] in request.url:
            (_, frozen, thaw), self.freeze = self.freeze, None
            frozen.set()
            await thaw.wait()
        if _writes_records(request):
            self.sent[side].append(request)
            deed = self.deeds.pop(side, None)
            if deed is not None:
                # Somebody is quicker.
                deed()
        return await self._inner.send(request, deadline_s)


def _writes_records(request: Request) -> bool:
    if any(word in request.url for word in ("/batch/update", "/batch/upsert", "/batch/create")):
        return True
    if "/composite" not in request.url:
        return False
    return request.method == "PATCH" or any(word in (request.body or b"") for word in (b'"PATCH"', b'"records"'))


@asynccontextmanager
async def two_crms(path: Path, clock_us: Callable[[], int], seed: int = 0, **options: Any) -> AsyncIterator[World]:
    world = World(path, clock_us, seed, **options)
    await world.open()
    try:
        yield world
    finally:
        assert world.store is not None
        await world.store.close()
