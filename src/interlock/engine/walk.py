"""Walking through all contacts, slowly and for ever, to notice one that HubSpot erased (GDPR delete).

Of an erasure HubSpot tells nobody: no search shows the contact any more, nor does the archive. It is noticed when its pair is
looked at, and nobody may touch that again. So every pair, and every contact that stands alone, is asked for by its id once in
`ROUND_US`, a hundred a call. It only marks what did not answer; what became of it is found out by the line that everything goes
through. Small installations ask once a week, and nobody pays for more than a run's share: it does not make up for a stop, after
which every pair is checked anyway (gap.py).
"""

from __future__ import annotations

import msgspec

from interlock.core.link import WHOLE
from interlock.core.model import Reason, RecordKey
from interlock.engine.context import Cycle, ObjectRuntime, StopAsked
from interlock.store import Tx, dirty, links, looks, unlinked
from interlock.store.looks import Walk

# A person's request is to be met within a month (GDPR, article 12), of which the walk may take a half.
ROUND_US = 14 * 86_400_000_000
ROWS_A_PAGE = 100  # of HubSpot's batch read, one call
PAGES_A_RUN = 100
COUNTED_AGAIN_US = 86_400_000_000


async def walk_contacts(ctx: Cycle) -> int:
    """Go the pages that have come due. Returns how many records were marked."""
    runtime = next((each for each in ctx.objects.values() if each.spec.hubspot_type == "contacts"), None)
    if runtime is None:
        return 0
    now_us = ctx.clock_us()
    async with ctx.store.read(ctx.connection_id) as tx:
        walk = await looks.walk(tx, runtime.slug)
    if walk is None or now_us - walk.counted_us > COUNTED_AGAIN_US:
        walk = await _counted(ctx, runtime, walk, now_us)
    step_us = ROUND_US // walk.pages
    due = (now_us - walk.stepped_us) // step_us
    marked = 0
    for number in range(min(due, PAGES_A_RUN)):
        if ctx.stop is not None:
            raise StopAsked(ctx.stop)
        last = number + 1 == PAGES_A_RUN
        found, walk = await _step(ctx, runtime, walk, now_us if last else walk.stepped_us + step_us)
        marked += found
    return marked


async def _counted(ctx: Cycle, runtime: ObjectRuntime, walk: Walk | None, now_us: int) -> Walk:
    """At the pace that there are contacts for now; one that has not begun is due from now on."""
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        pairs = sum((await links.counts(tx)).get(runtime.slug, {}).values())
        alone = sum((await unlinked.counts(tx)).get(runtime.slug, {}).values())
        pages = pairs // ROWS_A_PAGE + alone // ROWS_A_PAGE + 2
        walk = msgspec.structs.replace(walk or Walk(now_us, pages, now_us), pages=pages, counted_us=now_us)
        await looks.set_walk(tx, runtime.slug, walk)
    return walk


async def _step(ctx: Cycle, runtime: ObjectRuntime, walk: Walk, stepped_us: int) -> tuple[int, Walk]:
    async with ctx.store.read(ctx.connection_id) as tx:
        keys, after = await _page(tx, runtime, walk)
    there = await ctx.hubspot.read(runtime.spec.hubspot_type, [key.id for key in keys], [], purpose="detect")
    missing = [key for key in keys if key.id not in there]
    # At its end it begins anew.
    walk = msgspec.structs.replace(after or Walk(0, walk.pages, walk.counted_us), stepped_us=stepped_us)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        if missing:
            await dirty.mark(tx, runtime.slug, missing, Reason.CHANGED, ctx.clock_us())
        await looks.set_walk(tx, runtime.slug, walk)
    return len(missing), walk


async def _page(tx: Tx, runtime: ObjectRuntime, walk: Walk) -> tuple[list[RecordKey], Walk | None]:
    """The next contacts, pairs first, and where to go on; None: these were the last."""
    if walk.after_key is None:
        rows = await links.page(tx, runtime.slug, walk.after_id, ROWS_A_PAGE)
        keys = [link.hubspot for link in rows if link.state in WHOLE]
        if len(rows) == ROWS_A_PAGE:
            return keys, msgspec.structs.replace(walk, after_id=rows[-1].id)
        return keys, msgspec.structs.replace(walk, after_key="")
    alone = await unlinked.in_hubspot(tx, runtime.slug, walk.after_key, ROWS_A_PAGE)
    if len(alone) == ROWS_A_PAGE:
        return alone, msgspec.structs.replace(walk, after_key=str(alone[-1]))
    return alone, None
