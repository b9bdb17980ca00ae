"""Finding deletes that no change shows: HubSpot's search never returns archived records, so its archive is read, within a budget.

Only records that are linked or known to stand alone matter, and what is marked here is proven by a fresh read like
everything else.
"""

from __future__ import annotations

from typing import Any

from interlock.core.link import deleted_by_us
from interlock.core.model import LinkState, Reason, RecordKey, RecordLink, Side
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.walk import walk_contacts
from interlock.store import Tx, cursors, dirty, links, unlinked

# HubSpot keeps what was deleted for 90 days in its archive (knowledge base, recycle bin). Less, since two clocks are compared.
ARCHIVE_KEPT_US = 85 * 86_400_000_000
# Two passes through the whole archive that begin no further apart have seen, the two together, everything that came into it.
PASSES_APART_US = 60 * 86_400_000_000


async def sweep_archived(ctx: Cycle, every_s: float = 0.0) -> int:
    """Read the next pages of every object's archive; starts over at its end. Returns how many records it marked. Whom HubSpot
    erased is in no archive: for them the walk through all contacts goes on.

    `every_s`: an archive that was read this short a time ago is left alone, which is how a polling loop stays cheap.
    """
    marked = 0
    for runtime in ctx.objects.values():
        marked += await sweep(ctx, runtime, every_s)
    return marked + await walk_contacts(ctx)


async def sweep(ctx: Cycle, runtime: ObjectRuntime, every_s: float = 0.0) -> int:
    """Of one object."""
    name = _name(runtime.slug)
    async with ctx.store.read(ctx.connection_id) as tx:
        cursor = await cursors.get(tx, name) or {}
    begun_us = ctx.clock_us()
    if begun_us < int(cursor.get("swept_at_us", 0)) + every_s * 1_000_000:
        return 0
    # A pass of which it is not known when it began starts over.
    after = cursor.get("after") if "pass_us" in cursor else None
    cursor = {**cursor, "swept_at_us": begun_us, "pass_us": cursor["pass_us"] if after else begun_us}
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
                key for key in archived if key in alone or (key.id in linked and not _known_to_be_gone(linked[key.id]))
            ]
            if keys:
                await dirty.mark(tx, runtime.slug, keys, Reason.CHANGED, ctx.clock_us())
            cursor = _read(cursor, after)
            await cursors.set(tx, name, cursor)
        marked += len(keys)
        if after is None:
            break
    return marked


def _known_to_be_gone(link: RecordLink) -> bool:
    return link.state is LinkState.HUBSPOT_DELETED or (
        link.state is LinkState.SALESFORCE_DELETED and deleted_by_us(link.base) is Side.HUBSPOT
    )


def _read(cursor: dict[str, Any], after: str | None) -> dict[str, Any]:
    """`pass_us`: when the pass under way began; `whole_us`: the last one that came to the archive's end; `unbroken_us`: the first
    since which none began too long after the one before."""
    cursor = {**cursor, "after": after}
    if after is None:
        begun_us, before_us = cursor["pass_us"], cursor.get("whole_us")
        if before_us is None or begun_us - before_us > PASSES_APART_US:
            cursor["unbroken_us"] = begun_us
        cursor["whole_us"] = begun_us
    return cursor


async def unbroken_since(tx: Tx, slug: str, now_us: int) -> int | None:
    """Whoever was deleted since then was seen in the archive, or is in it now. None: it was not read lately."""
    cursor = await cursors.get(tx, _name(slug)) or {}
    if now_us - cursor.get("whole_us", 0) > PASSES_APART_US:
        return None
    # What was in the archive when the first of them began had been deleted some time before.
    return int(cursor["unbroken_us"]) - ARCHIVE_KEPT_US


def _name(slug: str) -> str:
    return f"archived:{slug}"
