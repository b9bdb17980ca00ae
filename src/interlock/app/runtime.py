"""Opening a connection for work: its lease, its compiled mappings and settings, as one Cycle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager

import msgspec

from interlock.app import allocation, states
from interlock.app.compiled import Compiled
from interlock.app.connections import BRAKE_RELEASED, fresh, objects_on, paused_objects
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.context import Cycle, ObjectRuntime, Report, Settings
from interlock.engine.ownership import Ownership, own
from interlock.store import Fenced, Store, connections
from interlock.store import lease as leases
from interlock.store.connections import Connection
from interlock.store.lease import Lease


@asynccontextmanager
async def open_cycle(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    owner: str,
    only: Sequence[str] = (),
    term_s: float = leases.TERM_S,
) -> AsyncIterator[Cycle]:
    """Take the org's lease, compile the connection, give both back at the end. Raises HeldByOther, CrmError.

    `only`: object slugs to work on; empty means all that sync.
    """
    async with (
        own(store, connection.salesforce_org_id, owner, clock_us, term_s) as ownership,
        cycle_of(store, connection, hubspot, salesforce, clock_us, ownership, only) as ctx,
    ):
        yield ctx


@asynccontextmanager
async def cycle_of(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    ownership: Ownership,
    only: Sequence[str] = (),
    compiled: Compiled | None = None,
) -> AsyncIterator[Cycle]:
    """The same for whoever owns the org already. A pause that somebody asks for meanwhile ends the work before its next
    batch; settings and mappings that are saved meanwhile make it begin again with them, and another allocation of API calls
    counts within a few seconds. Raises CrmError."""
    assert connection.id is not None
    lease = ownership.lease
    parts = _Parts(store, connection.id, hubspot, salesforce, lease, only, compiled or Compiled())
    with ownership.guarding((hubspot.governor, salesforce.governor)):
        made = await parts.make(paused=())
        ctx = Cycle(
            connection_id=connection.id,
            store=store,
            hubspot=hubspot,
            salesforce=salesforce,
            portal=connection.hubspot_account_id,
            objects=made.objects,
            settings=made.settings,
            clock_us=clock_us,
            lease=lease,
            report=Report(),
            fresh={},
            begun_at_us=connection.begun_at_us or connection.created_at_us or 0,
            brake_released=bool(connection.settings.get(BRAKE_RELEASED)),
            setup_version=made.version,
        )

        async def make_anew() -> None:
            async with store.read(None) as tx:
                paused = paused_objects(await fresh(tx, ctx.connection_id))
            made = await parts.make(paused)
            ctx.objects, ctx.settings, ctx.setup_version = made.objects, made.settings, made.version
            # Read by the old mappings: what a new one asks for is not in it.
            ctx.fresh.clear()

        ctx.make_anew = make_anew

        allocated = allocation.of(connection)

        async def look_for_a_pause() -> None:
            ctx.stop = ctx.stop or await states.halted(store, ctx.connection_id)
            nonlocal allocated
            allocated = await allocation.keep_to(store, ctx.connection_id, salesforce.governor, allocated)

        ownership.after_renewal = look_for_a_pause
        try:
            yield ctx
        finally:
            ownership.after_renewal = None


class _Made(msgspec.Struct):
    version: int | None
    objects: dict[str, ObjectRuntime]
    settings: Settings


class _Parts(msgspec.Struct):
    """What the mappings of a cycle are compiled from, as often as a person saves others while it runs."""

    store: Store
    connection_id: int
    hubspot: HubSpotClient
    salesforce: SalesforceClient
    lease: Lease
    only: Sequence[str]
    compiled: Compiled

    async def make(self, paused: Collection[str]) -> _Made:
        """As it is now. `paused`: objects to leave out although they were asked for. Raises CrmError."""
        async with self.store.read(self.connection_id) as tx:
            # Before the rest is read, so that what changes meanwhile is found to have changed.
            version = await connections.setup_version(tx)
            now = await fresh(tx, self.connection_id)
        if now.salesforce_org_id != self.lease.org_id:
            # It went over to another org since the caller read it: the lease is of the old one, and so are the clients.
            raise Fenced(self.lease.org_id, self.lease.fence, None)
        settings = settings_of(now)
        slugs = objects_on(now)
        objects = await self.compiled.objects(
            self.store, self.connection_id, self.hubspot, self.salesforce, slugs, settings, self.lease
        )
        # An object of which no type is on stands still like one that is paused: what changes meanwhile is found afterwards.
        wanted = [
            slug
            for slug, made in objects.items()
            if made.mappings and (not self.only or slug in self.only) and slug not in paused
        ]
        return _Made(version, {slug: objects[slug] for slug in wanted}, settings)


def settings_of(connection: Connection) -> Settings:
    """The connection's settings; what is not set is as Settings says."""
    known = {name: connection.settings[name] for name in Settings.__struct_fields__ if name in connection.settings}
    return msgspec.convert(known, Settings)
