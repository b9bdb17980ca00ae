"""The demo's stage: both local CRMs as real servers on loopback, an Interlock home, and a connection between them.

Interlock is used here as any surface uses it: through its wiring and its use cases, over HTTP, with tokens. Nothing on
this page looks into it or helps it; what the CRMs hold and count is asked of the CRMs.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from crm_emulator.hubspot.errors import ApiError as HubSpotRefusal
from crm_emulator.kernel.server import LocalServer
from crm_emulator.salesforce.errors import ApiError as SalesforceRefusal
from interlock.app import connect as connecting
from interlock.app import issues
from interlock.app import sync as syncing
from interlock.app.credentials import Credentials
from interlock.app.errors import BadInput
from interlock.app.runtime import open_cycle
from interlock.app.sync import SyncResult
from interlock.demo import planted, reading
from interlock.demo.compare import FieldPair
from interlock.demo.excerpt import DataMissing, Excerpt
from interlock.demo.interrupt import Interrupted
from interlock.demo.reading import Ends, Snapshot
from interlock.demo.world import World, build
from interlock.engine.context import Cycle
from interlock.store import audit, mappings
from interlock.store.connections import Connection
from interlock.wiring import Interlock, open_interlock

# `connect` records one of these; the demo brings both CRMs into agreement.
EXISTING = "all"
# One field of contacts is two-way, so that both ways of deciding a conflict are seen; the others keep the recommended rule.
TWO_WAY = ("contacts", "Contact", "jobtitle", "Title")
PORTS_TRIED = 100
Listening = TypeVar("Listening")
# What the comparer and the plants read beside the mapped fields.
_ALSO_IN_HUBSPOT = {
    "companies": ("name", "domain"),
    "contacts": ("email", "associatedcompanyid", "hs_email_optout"),
    "deals": ("dealstage", "closedate"),
}
_ALSO_IN_SALESFORCE = {
    "Account": ("Name",),
    "Contact": ("Email", "AccountId", "HasOptedOutOfEmail"),
    "Lead": ("Email", "IsConverted"),
    "Opportunity": ("AccountId",),
}


def first_free(port: int, make: Callable[[int], Listening]) -> Listening:
    """`make` on this port of loopback, or on the next one that is free; 0: any. Raises BadInput."""
    for candidate in range(port, min(port + PORTS_TRIED, 65_536)):
        try:
            return make(candidate)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise BadInput(f"Port {candidate} cannot be used: {error.strerror}.", code="port_unusable") from error
        except BadInput as error:
            if error.failure.code != "port_taken":
                raise
    raise BadInput(
        f"None of {PORTS_TRIED} ports from {port} on is free.", code="port_taken", fix="Choose another with --port N."
    )


def listen(app: Any, port: int) -> LocalServer:
    return first_free(port, lambda candidate: LocalServer(app, port=candidate))


@contextmanager
def home_folder(keep: str | None) -> Iterator[Path]:
    """A new folder that goes away afterwards, or the one to keep, which must be new or empty. Raises BadInput."""
    if keep is None:
        with TemporaryDirectory(prefix="interlock-demo-") as folder:
            yield Path(folder)
        return
    path = Path(keep).expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        used = next(path.iterdir(), None)
    except OSError as error:
        raise BadInput(f"{path} cannot be used: {error.strerror}.", code="home_unusable") from error
    if used is not None:
        raise BadInput(
            f"{path} is not empty (it holds {used.name}).",
            code="home_in_use",
            fix="The demo needs a folder of its own: name a new one.",
        )
    yield path


@dataclass
class Stage:
    world: World
    home: Path
    interlock: Interlock
    hubspot_server: LocalServer
    salesforce_server: LocalServer
    hubspot_door: Interrupted
    salesforce_door: Interrupted
    connection: Connection | None = None
    runs: int = 0

    @property
    def ends(self) -> Ends:
        """Where the check reads, and with which tokens: nothing is asked through Interlock."""
        return Ends(
            self.hubspot_server.url,
            self.world.hubspot.token,
            self.salesforce_server.url,
            self.world.salesforce.token,
        )

    async def connect(self) -> Connection:
        world = self.world
        secrets = Credentials(
            hubspot_token=world.hubspot.token,
            salesforce_client_id=world.salesforce.client_id,
            salesforce_client_secret=world.salesforce.client_secret,
        )
        request = connecting.ConnectRequest(
            self.hubspot_server.url, self.salesforce_server.url, name="demo", existing=EXISTING, secrets=secrets
        )
        store = self.interlock.store
        async with self.interlock.unsaved_clients(request.hubspot_url, request.salesforce_url, secrets) as clients:
            made = await connecting.connect(
                store, clients.hubspot, clients.salesforce, request, self.interlock.clock_us
            )
        self.connection = made
        await self._make_two_way()
        return made

    async def _make_two_way(self) -> None:
        object_, type_, property_, field = TWO_WAY
        async with self.interlock.store.write(self.connection_id) as tx:
            (row_id,) = [
                row.id
                for row in await mappings.object_mappings(tx)
                if (row.object, row.salesforce_type) == (object_, type_)
            ]
            (row,) = [
                row
                for row in await mappings.field_mappings(tx)
                if (row.object_mapping_id, row.property, row.field) == (row_id, property_, field)
            ]
            row.rule = "two_way"
            await mappings.save_field_mapping(tx, row)

    @property
    def connection_id(self) -> int:
        assert self.connection is not None
        assert self.connection.id is not None
        return self.connection.id

    @asynccontextmanager
    async def cycle(self) -> AsyncIterator[Cycle]:
        assert self.connection is not None
        self.runs += 1
        async with (
            self.interlock.clients(self.connection) as clients,
            open_cycle(
                self.interlock.store,
                self.connection,
                clients.hubspot,
                clients.salesforce,
                self.interlock.clock_us,
                owner=f"demo-{self.runs}",
            ) as ctx,
        ):
            yield ctx

    async def sync(self) -> SyncResult:
        async with self.cycle() as ctx:
            return await syncing.sync(ctx)

    # What Interlock shows, and what the CRMs hold.

    async def field_pairs(self) -> list[FieldPair]:
        async with self.interlock.store.read(self.connection_id) as tx:
            objects = {row.id: row for row in await mappings.object_mappings(tx)}
            rows = await mappings.field_mappings(tx)
        found = []
        for row in rows:
            owner = objects[row.object_mapping_id]
            found.append(FieldPair(owner.object, row.property, row.field, owner.salesforce_type, row.rule))
        return found

    async def read_both(self, pairs: list[FieldPair]) -> Snapshot:
        here = {object_: list(names) for object_, names in _ALSO_IN_HUBSPOT.items()}
        there = {type_: list(names) for type_, names in _ALSO_IN_SALESFORCE.items()}
        for pair in pairs:
            here[pair.object].append(pair.property)
            there[pair.salesforce_object].append(pair.field)
        return await reading.read(self.ends, here, there)

    async def conflicts(self) -> list[planted.Conflict]:
        """The whole conflict log, oldest first."""
        rows: list[Any] = []
        cursor: str | None = None
        async with self.interlock.store.read(self.connection_id) as tx:
            while True:
                page, cursor = await audit.conflicts(tx, None, 500, cursor)
                rows += page
                if cursor is None:
                    break
        return [
            planted.Conflict(
                row.object,
                row.hubspot_id,
                row.salesforce_id,
                row.property,
                None if row.old is None else str(row.old),
                row.reason,
            )
            for row in reversed(rows)
        ]

    async def issues(self) -> list[planted.Issue]:
        """Everything that is open."""
        found = await issues.every(self.interlock.store, self.connection_id, issues.Query())
        return [
            planted.Issue(each.object, each.hubspot_id, each.salesforce_id, each.property, each.code) for each in found
        ]


def _filled(excerpt: Excerpt, seed: int) -> World:
    try:
        return build(excerpt, seed)
    except (HubSpotRefusal, SalesforceRefusal) as refused:
        raise DataMissing(f"a local CRM does not take a record of the data: {refused}") from refused


@asynccontextmanager
async def opened(
    excerpt: Excerpt,
    home: Path,
    ports: tuple[int, int],
    seed: int = 0,
    on_listening: Callable[[Stage], None] | None = None,
) -> AsyncIterator[Stage]:
    """Both CRMs filled and served, Interlock opened on `home`; not connected yet. Raises BadInput, DataMissing."""
    world = _filled(excerpt, seed)
    hubspot_door, salesforce_door = Interrupted(world.hubspot.app), Interrupted(world.salesforce.app)
    async with AsyncExitStack() as stack:
        servers = []
        for door, port in zip((hubspot_door, salesforce_door), ports, strict=True):
            server = listen(door, port)
            await server.start()
            stack.push_async_callback(server.stop)
            servers.append(server)
        world.salesforce.instance_url = servers[1].url
        interlock = await stack.enter_async_context(open_interlock(home, world.wall.now_us))
        stage = Stage(world, home, interlock, servers[0], servers[1], hubspot_door, salesforce_door)
        if on_listening is not None:
            on_listening(stage)
        yield stage
