"""The plan: what a sync would change, writing nothing to either CRM and nothing to the store that a later sync would trust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from interlock.app import words
from interlock.app.runtime import open_cycle
from interlock.app.schemas import Schemas, keep_schemas
from interlock.core.model import Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.context import Cycle, Report
from interlock.engine.preview import Example, ObjectPreview, Preview, Previewer
from interlock.store import Store, connections
from interlock.store import lease as leases
from interlock.store.connections import Connection
from interlock.store.scratch import scratch_copy

Json = dict[str, Any]
Watch = Callable[[Preview], None]
_OWNER = "preview"
# The lease on the scratch copy, which nobody else can want.
_TERM_S = 86_400.0


async def plan(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    *,
    only: Sequence[str] = (),
    limit: int | None = None,
    schemas: Schemas | None = None,
    watch: Watch = lambda _: None,
) -> Preview:
    """Beside a sync that runs, too: the lease it takes is the scratch copy's. Raises CrmError.

    By the settings of `connection` as given, saved or not. `schemas`: to work by, in place of what the CRMs have now. `watch`
    is given the counts at the beginning; they go on.
    """
    assert connection.id is not None
    async with scratch_copy(store, connection.id) as scratch:
        # A cycle goes by what is stored; the caller may ask about settings that nobody has saved.
        async with scratch.write(connection.id) as tx:
            await connections.update(tx, connection.id, settings=connection.settings)
        if schemas is not None:
            await keep_schemas(scratch, connection.id, schemas)
        async with open_cycle(scratch, connection, hubspot, salesforce, clock_us, _OWNER, only) as ctx:
            return await _previewed(ctx, limit, watch)


async def plan_import(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    *,
    only: Sequence[str],
    since_us: int | None,
) -> Preview:
    """What `import` would do. Raises CrmError."""
    assert connection.id is not None
    async with (
        scratch_copy(store, connection.id) as scratch,
        open_cycle(scratch, connection, hubspot, salesforce, clock_us, _OWNER, only) as ctx,
    ):
        return await Previewer(ctx, None).run_import(since_us)


async def preview(ctx: Cycle, *, limit: int | None = None) -> Preview:
    """The same for a cycle that is open on the store itself. Raises CrmError."""
    async with scratch_copy(ctx.store, ctx.connection_id) as scratch:
        lease = await leases.take(scratch, ctx.lease.org_id, _OWNER, ctx.clock_us(), _TERM_S)
        copy = msgspec.structs.replace(ctx, store=scratch, lease=lease, report=Report(), fresh={}, make_anew=None)
        try:
            return await _previewed(copy, limit)
        finally:
            # References learned pairs that were only imagined.
            for runtime in ctx.objects.values():
                for reference in runtime.references:
                    reference.forget()


async def _previewed(ctx: Cycle, limit: int | None, watch: Watch = lambda _: None) -> Preview:
    if limit is not None:
        rows = min(limit, ctx.settings.batch_rows)
        ctx = msgspec.structs.replace(ctx, settings=msgspec.structs.replace(ctx.settings, batch_rows=rows))
    previewer = Previewer(ctx, limit)
    watch(previewer.preview)
    return await previewer.run()


def as_document(found: Preview) -> Json:
    return {
        "objects": {slug: _object(each) for slug, each in found.objects.items()},
        "api_calls": {side.value: found.api_calls[side] for side in Side},
        "complete": found.complete,
        "brake": found.brake,
    }


def _object(found: ObjectPreview) -> Json:
    counts = found.counts
    return {
        "create_in_hubspot": counts.created_in_hubspot,
        "create_in_salesforce": counts.created_in_salesforce,
        "update_in_hubspot": counts.updated_in_hubspot,
        "update_in_salesforce": counts.updated_in_salesforce,
        "delete_in_hubspot": counts.deleted_in_hubspot,
        "delete_in_salesforce": counts.deleted_in_salesforce,
        "matched": counts.linked,
        "relinked": found.relinked,
        "unchanged": found.unchanged,
        "ambiguous": found.ambiguous,
        "blocked": sum(found.blocked.values()),
        "blocked_reasons": found.blocked,
        "conflicts": counts.conflicts,
        "issues": counts.issues,
        "examples": [_example(each) for each in found.examples],
    }


def _example(each: Example) -> Json:
    return {
        "hubspot": None if each.hubspot is None else str(each.hubspot),
        "salesforce": None if each.salesforce is None else str(each.salesforce),
        "action": each.action,
        "fields": [msgspec.structs.asdict(field) for field in each.fields],
        "reason": _in_words(each.reason) if each.reason is not None else None,
    }


def _in_words(reason: str) -> str:
    return words.WHY_NOT.get(reason) or words.cause(reason)
