"""Finding deletes that no change shows: HubSpot's search never returns archived records, so its archive is read, within a budget.

Only records that are linked or known to stand alone matter, and what is marked here is proven by a fresh read like
everything else.
"""

from __future__ import annotations

from interlock.core.model import LinkState, Reason, RecordKey, Side
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.store import cursors, dirty, links, unlinked


async def sweep_archived(ctx: Cycle, every_s: float = 0.0) -> int:
    """Read the next pages of every object's archive; starts over at its end. Returns how many records it marked.

    `every_s`: an archive that was read this short a time ago is left alone, which is how a polling loop stays cheap.
    """
    marked = 0
    for runtime in ctx.objects.values():
        marked += await _sweep(ctx, runtime, every_s)
    return marked


async def _sweep(ctx: Cycle, runtime: ObjectRuntime, every_s: float) -> int:
    name = f"archived:{runtime.slug}"
    async with ctx.store.read(ctx.connection_id) as tx:
        cursor = await cursors.get(tx, name) or {}
    begun_us = ctx.clock_us()
    if begun_us < int(cursor.get("swept_at_us", 0)) + every_s * 1_000_000:
        return 0
    after = cursor.get("after")
    marked = 0
    for _ in range(ctx.settings.archived_sweep_pages):
        page = await ctx.hubspot.list_page(runtime.spec.hubspot_type, [], after, 100, archived=True, purpose="detect")
        after = page.next
        ids = [row.key.id for row in page.records]
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            linked = await links.by_hubspot(tx, runtime.slug, ids)
            archived = [RecordKey(Side.HUBSPOT, runtime.spec.hubspot_type, id_) for id_ in ids]
            # One that stood alone may have an issue, which ends with it.
            alone = await unlinked.by_keys(tx, archived)
            keys = [
                key
                for key in archived
                if key in alone or (key.id in linked and linked[key.id].state is not LinkState.HUBSPOT_DELETED)
            ]
            if keys:
                await dirty.mark(tx, runtime.slug, keys, Reason.CHANGED, ctx.clock_us())
            await cursors.set(tx, name, {"after": after, "swept_at_us": begun_us})
        marked += len(keys)
        if after is None:
            break
    return marked
