"""Opening a connection for work: its lease, its compiled mappings and settings, as one Cycle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from interlock.app import allocation, states
from interlock.app.compiled import Compiled
from interlock.app.connections import BRAKE_RELEASED
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.context import Cycle, Report, Settings
from interlock.engine.ownership import Ownership, own
from interlock.objects.registry import SPECS
from interlock.store import Store
from interlock.store import lease as leases
from interlock.store.connections import Connection


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
    batch, and another allocation of API calls counts within a few seconds. Raises CrmError."""
    assert connection.id is not None
    lease = ownership.lease
    with ownership.guarding((hubspot.governor, salesforce.governor)):
        settings = settings_of(connection)
        slugs = [slug for slug in SPECS if slug in connection.settings.get("objects", list(SPECS))]
        compiled = compiled or Compiled()
        objects = await compiled.objects(store, connection.id, hubspot, salesforce, slugs, settings, lease)
        ctx = Cycle(
            connection_id=connection.id,
            store=store,
            hubspot=hubspot,
            salesforce=salesforce,
            portal=connection.hubspot_account_id,
            objects={slug: runtime for slug, runtime in objects.items() if not only or slug in only},
            settings=settings,
            clock_us=clock_us,
            lease=lease,
            report=Report(),
            fresh={},
            begun_at_us=connection.begun_at_us or connection.created_at_us or 0,
            brake_released=bool(connection.settings.get(BRAKE_RELEASED)),
        )

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


def settings_of(connection: Connection) -> Settings:
    """The connection's settings; what is not set is as Settings says."""
    known = {name: connection.settings[name] for name in Settings.__struct_fields__ if name in connection.settings}
    return msgspec.convert(known, Settings)
