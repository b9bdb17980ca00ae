"""Finding deletes that no change shows: HubSpot's search never returns archived records, so its archive is read, within a budget.

Only records that are linked matter, and what is marked here is proven by a fresh read like everything else.
"""

from __future__ import annotations

from interlock.core.model import LinkState, Reason, RecordKey, Side
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.store import cursors, dirty, links


async def sweep_archived(ctx: Cycle) -> int:
    """Read the next pages of every object's archive; starts over at its end. Returns how many records it marked."""
    marked = 0
    for runtime in ctx.objects.values():
        marked += await _sweep(ctx, runtime)
    return marked


async def _sweep(ctx: Cycle, runtime: ObjectRuntime) -> int:
    name = f"archived:{runtime.slug}"
    async with ctx.store.read(ctx.connection_id) as tx:
        cursor = await cursors.get(tx, name)
    after = cursor["after"] if cursor else None
    marked = 0
    for _ in range(ctx.settings.archived_sweep_pages):
        page = await ctx.hubspot.list_page(runtime.spec.hubspot_type, [], after, 100, archived=True, purpose="detect")
        after = page.next
        ids = [row.key.id for row in page.records]
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            linked = await links.by_hubspot(tx, runtime.slug, ids)
            keys = [
                RecordKey(Side.HUBSPOT, runtime.spec.hubspot_type, id_)
                for id_, link in linked.items()
                if link.state is LinkState.LINKED
            ]
            if keys:
                await dirty.mark(tx, runtime.slug, keys, Reason.CHANGED, ctx.clock_us())
            await cursors.set(tx, name, {"after": after})
        marked += len(keys)
        if after is None:
            break
    return marked
