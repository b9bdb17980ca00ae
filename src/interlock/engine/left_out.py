"""Mappings that cannot be used for a while: a field was hidden from the sync user, renamed, or changed its type.

Everything else of its records goes on without it. What was looked at meanwhile waits, and is looked at once more when a
mapping is back: an edit of that one field would otherwise stay unseen until its record is edited again. It is the same
whether an administrator shows the field again or a person mends or removes the mapping.
"""

from __future__ import annotations

from interlock.core.model import Reason
from interlock.engine.context import Cycle
from interlock.engine.work import Work
from interlock.store import cursors, dirty

# Nothing that happens to the record itself ends this wait.
UNTIL_WOKEN_US = 10 * 366 * 86_400_000_000


async def wake_returned(ctx: Cycle) -> None:
    """Make due what waited for a mapping that is back. At the start of the work, since mappings are compiled before it."""
    async with ctx.store.read(ctx.connection_id) as tx:
        before = {slug: set((await cursors.get(tx, _name(slug)) or {}).get("mappings", ())) for slug in ctx.objects}
    changed = [runtime for slug, runtime in ctx.objects.items() if before[slug] != runtime.left_out]
    if not changed:
        return
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        for runtime in changed:
            if before[runtime.slug] - runtime.left_out:
                await dirty.wake(tx, runtime.slug)
            await cursors.set(tx, _name(runtime.slug), {"mappings": sorted(runtime.left_out)})


def _name(slug: str) -> str:
    return f"left_out:{slug}"


def wait_for_left_out(ctx: Cycle, work: Work) -> None:
    """Of a pair that was decided, or a record that is about to be created, without one of its mappings."""
    if work.runtime.left_out:
        work.wait(ctx.clock_us() + UNTIL_WOKEN_US, Reason.WAITING)
