"""Trying the sync with a few records before all of them: these are synced as they will be, and everything else waits.

What was tried is synced for good, by the line that everything goes through: to continue is to begin the first sync, and to
take it back is an undo of these records. Whether the connection has begun to sync does not change here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from interlock.app.once import owner_name
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.runtime import open_cycle
from interlock.app.sync import SyncResult, sync
from interlock.core.model import AuditRow, Observation, RecordKey, Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.load import HUBSPOT_LIST_ROWS, index_both_sides, salesforce_page
from interlock.store import Store, audit, issues, links, unlinked
from interlock.store.connections import Connection

TRIED_AT_FIRST = 10
# As many of an object's records are looked through for some to try.
LOOKED_THROUGH_MOST = 1_000
_AUDIT_ROWS = 100


class Tried(msgspec.Struct, frozen=True):
    """One record that was tried: its pair, what was written of it, newest first, or why nothing was."""

    hubspot: RecordKey | None
    salesforce: RecordKey | None
    written: list[AuditRow]
    why_not: str | None
    issues: list[int]


class Trial(msgspec.Struct, frozen=True):
    """`keys` are the records that were chosen, by which the trial can be taken back; `began_us`: when, by our clock."""

    keys: list[RecordKey]
    tried: list[Tried]
    result: SyncResult
    began_us: int


async def try_first(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    *,
    keys: Sequence[RecordKey] = (),
    n: int = TRIED_AT_FIRST,
    began_us: int | None = None,
    on_chosen: Callable[[Sequence[RecordKey], int], Awaitable[None]] | None = None,
    by: By = BY_COMMAND,
) -> Trial:
    """Sync these records alone, or the first `n` that may sync and have no counterpart yet. A company that one of them points
    to is not among them: the reference is carried over when the company syncs.

    `on_chosen` is told which and since when before anything is written, to remember it: with these `keys` and this `began_us` a
    trial that was interrupted is gone on with. Raises HeldByOther while another process works on the org, CrmError.
    """
    assert connection.id is not None
    began_us = began_us or clock_us()
    async with open_cycle(store, connection, hubspot, salesforce, clock_us, owner_name()) as ctx:
        chosen = list(dict.fromkeys(keys)) or await _choose(ctx, n)
        if on_chosen is not None:
            await on_chosen(chosen, began_us)
        for runtime in ctx.objects.values():
            if any(ctx.object_of(key) is runtime for key in chosen):
                await index_both_sides(ctx, runtime)
        ctx.only_keys = frozenset(chosen)
        result = await sync(ctx, chosen)
        found = [await _tried(ctx, key, began_us) for key in chosen]
        # Both halves of a pair may have been chosen.
        tried = list({(each.hubspot, each.salesforce): each for each in found}.values())
        async with store.write(connection.id, ctx.lease) as tx:
            records = [str(key) for key in chosen]
            await record(tx, by, "tried_first", f"connection:{connection.id}", records=records)
    return Trial(chosen, tried, result, began_us)


async def _choose(ctx: Cycle, n: int) -> list[RecordKey]:
    """People before companies before deals: they are what a person knows by sight. Of HubSpot first."""
    found: list[RecordKey] = []
    for runtime in sorted(ctx.objects.values(), key=lambda each: each.slug != "contacts"):
        for choose in (_from_hubspot, _from_salesforce):
            if len(found) < n:
                found += (await choose(ctx, runtime, n - len(found)))[: n - len(found)]
    return found


async def _from_hubspot(ctx: Cycle, runtime: ObjectRuntime, n: int) -> list[RecordKey]:
    found: list[RecordKey] = []
    after: str | None = None
    for _ in range(LOOKED_THROUGH_MOST // HUBSPOT_LIST_ROWS):
        page = await ctx.hubspot.list_page(
            runtime.spec.hubspot_type, runtime.hubspot_properties, after, HUBSPOT_LIST_ROWS, purpose="fetch"
        )
        rows = await _alone(ctx, runtime, page.records, Side.HUBSPOT)
        if runtime.inclusion is not None and rows:
            ids = [row.key.id for row in rows]
            inside = await ctx.hubspot.memberships(
                runtime.spec.hubspot_type_id, runtime.inclusion, ids, purpose="fetch"
            )
            rows = [row for row in rows if inside.get(row.key.id)]
        found += [row.key for row in rows]
        after = page.next
        if after is None or len(found) >= n:
            break
    return found


async def _from_salesforce(ctx: Cycle, runtime: ObjectRuntime, n: int) -> list[RecordKey]:
    found: list[RecordKey] = []
    for type_ in runtime.salesforce_types:
        if len(found) >= n:
            break
        page = await salesforce_page(ctx, runtime, type_, None)
        rows = await _alone(ctx, runtime, page[:LOOKED_THROUGH_MOST], Side.SALESFORCE)
        if type_ in runtime.filters and rows:
            ids = [row.key.id for row in rows]
            inside = await ctx.salesforce.matching(type_, ids, runtime.filters[type_], purpose="fetch")
            rows = [row for row in rows if row.key.id in inside]
        found += [row.key for row in rows]
    return found


async def _alone(ctx: Cycle, runtime: ObjectRuntime, rows: Sequence[Observation], side: Side) -> list[Observation]:
    """Those that may sync and have no counterpart yet."""
    rows = [row for row in rows if runtime.spec.why_not_eligible(side, row.values) is None]
    by_id = links.by_hubspot if side is Side.HUBSPOT else links.by_salesforce
    async with ctx.store.read(ctx.connection_id) as tx:
        linked = await by_id(tx, runtime.slug, [row.key.id for row in rows])
    return [row for row in rows if row.key.id not in linked]


async def _tried(ctx: Cycle, key: RecordKey, began_us: int) -> Tried:
    runtime = ctx.object_of(key)
    assert runtime is not None, "only records of objects that sync are chosen"
    async with ctx.store.read(ctx.connection_id) as tx:
        by_id = links.by_hubspot if key.side is Side.HUBSPOT else links.by_salesforce
        link = (await by_id(tx, runtime.slug, [key.id])).get(key.id)
        rows = [row for row in await audit.history(tx, key, _AUDIT_ROWS) if row.at_us >= began_us]
        alone = (await unlinked.by_keys(tx, [key])).get(key)
        raised, _ = await issues.list_(tx, record=key)
    return Tried(
        link.hubspot if link is not None else key if key.side is Side.HUBSPOT else None,
        link.salesforce if link is not None else key if key.side is Side.SALESFORCE else None,
        rows,
        alone.why if alone is not None and link is None else None,
        [issue.id for issue in raised if issue.id is not None],
    )
