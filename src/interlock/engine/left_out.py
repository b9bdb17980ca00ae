"""Mappings that cannot be used for a while: a field was hidden from the sync user, renamed, or changed its type.

Everything else of its records goes on without it. What was looked at meanwhile waits, and is looked at once more when a
mapping is back: an edit of that one field would otherwise stay unseen until its record is edited again. It is the same
whether an administrator shows the field again or a person mends or removes the mapping.
"""

from __future__ import annotations

from interlock.core.mapping import ObjectMapping
from interlock.core.model import Observation, Reason, SyncRule
from interlock.engine.context import Cycle
from interlock.engine.work import Seen, Work
from interlock.store import cursors, dirty

# Nothing that happens to the record itself ends this wait.
UNTIL_WOKEN_US = 10 * 366 * 86_400_000_000
# By then the schemas have been read again (app/schemas.py), and say whether the field is there.
UNTIL_SCHEMAS_AGE_US = 6 * 3_600_000_000


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


def wait_for_left_out(ctx: Cycle, work: Work, mapping: ObjectMapping) -> None:
    """Of a pair that was decided, or a record that is about to be created, without one of its mappings."""
    if work.runtime.left_out:
        work.wait(ctx.clock_us() + UNTIL_WOKEN_US, Reason.WAITING)
    if _unanswered(mapping, work.hubspot, work.salesforce):
        work.wait(ctx.clock_us() + UNTIL_SCHEMAS_AGE_US, Reason.WAITING)


def _unanswered(mapping: ObjectMapping, hubspot: Seen, salesforce: Seen) -> bool:
    """Whether one of the two says nothing of a field that its schema had: HubSpot answers so for a property that was
    archived since, while Salesforce refuses the whole read."""
    return any(
        (isinstance(hubspot, Observation) and field.property not in hubspot.values)
        or (isinstance(salesforce, Observation) and field.field not in salesforce.values)
        for field in mapping.fields
        if field.rule is not SyncRule.DONT_SYNC
    )
