"""Mappings that cannot be used for a while: a field was hidden from the sync user, renamed, or changed its type. And types of
which none are used: a person has switched them off, and the pairs of their records rest.

Everything else of its records goes on without it. What was looked at meanwhile waits, and is looked at once more when a
mapping is back: an edit of that one field would otherwise stay unseen until its record is edited again. It is the same
whether an administrator shows the field again or a person mends or removes the mapping.
"""

from __future__ import annotations

from interlock.core.mapping import ObjectMapping
from interlock.core.model import Observation, Reason, SyncRule
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.inclusion import wake_outside
from interlock.engine.joined import forget_list
from interlock.engine.pipelines import wake_other_pipelines
from interlock.engine.work import Limit, Seen, Work
from interlock.store import cursors, dirty
from interlock.store.dirty import UNTIL_WOKEN_US

# Why a record stands still whose Salesforce type is off.
TYPE_OFF = "type_off"
# By then the schemas have been read again (app/schemas.py), and say whether the field is there.
UNTIL_SCHEMAS_AGE_US = 6 * 3_600_000_000


async def wake_returned(ctx: Cycle) -> None:
    """Make due what waited for a mapping that is back, and what stood outside of a list that limits no more, or in a pipeline
    that did not sync. At the start of
    the work, since mappings and settings are compiled before it."""
    async with ctx.store.read(ctx.connection_id) as tx:
        before = {slug: await cursors.get(tx, _name(slug)) or {} for slug in ctx.objects}
    changed = [runtime for slug, runtime in ctx.objects.items() if before[slug] != _now(ctx, runtime)]
    if not changed:
        return
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        for runtime in changed:
            was, list_ = set(before[runtime.slug].get("mappings", ())), before[runtime.slug].get("list")
            off = set(before[runtime.slug].get("off", ()))
            if was - runtime.left_out or off & runtime.mappings.keys():
                await dirty.wake_waiting(tx, runtime.slug)
            if list_ is not None and list_ != runtime.inclusion:
                await wake_outside(tx, runtime, ctx.clock_us())
                if runtime.inclusion is None:
                    await forget_list(tx, runtime.slug)
            filters = before[runtime.slug].get("filters")
            if filters is not None and filters != runtime.filters:
                await wake_outside(tx, runtime, ctx.clock_us(), Limit.FILTER)
            if before[runtime.slug].get("pipelines", {}) != _pipelines(ctx, runtime):
                await wake_other_pipelines(tx, runtime, ctx.clock_us())
            await cursors.set(tx, _name(runtime.slug), _now(ctx, runtime))


def _now(ctx: Cycle, runtime: ObjectRuntime) -> dict[str, object]:
    """What a drain works with, so that the next one sees what became another."""
    mappings: dict[str, object] = {"mappings": sorted(runtime.left_out)} if runtime.left_out else {}
    off = [type_ for type_ in runtime.spec.salesforce_types if not runtime.syncs(type_)]
    mappings |= {"off": off} if off else {}
    mappings |= {"filters": runtime.filters} if runtime.filters else {}
    chosen = _pipelines(ctx, runtime)
    mappings |= {"pipelines": chosen} if chosen else {}
    return mappings | ({"list": runtime.inclusion} if runtime.inclusion is not None else {})


def _pipelines(ctx: Cycle, runtime: ObjectRuntime) -> dict[str, str]:
    """What a person has chosen to sync: pipeline -> record type."""
    return (
        {id_: each.record_type for id_, each in ctx.settings.pipelines.items()} if runtime.pipelines is not None else {}
    )


def _name(slug: str) -> str:
    return f"left_out:{slug}"


def wait_for_left_out(ctx: Cycle, work: Work, mapping: ObjectMapping) -> None:
    """Of a pair that was decided, or a record that is about to be created, without one of its mappings."""
    if work.runtime.left_out:
        work.wait(ctx.clock_us() + UNTIL_WOKEN_US, Reason.WAITING)
    if _unanswered(mapping, work.hubspot, work.salesforce):
        work.wait(ctx.clock_us() + UNTIL_SCHEMAS_AGE_US, Reason.WAITING)


def waits_for_left_out(ctx: Cycle, work: Work, salesforce_type: str) -> bool:
    """What cannot be taken back is not done without one of its mappings: an edit of that field would go unseen with it."""
    if salesforce_type not in work.runtime.lacking:
        return False
    work.wait(ctx.clock_us() + UNTIL_WOKEN_US, Reason.WAITING)
    return True


def leave_to_its_type(ctx: Cycle, work: Work) -> None:
    """Its counterpart is there, but of a type that does not sync: another is not made, and the two are linked when it does."""
    work.why_not = TYPE_OFF
    work.wait(ctx.clock_us() + UNTIL_WOKEN_US, Reason.WAITING)


def _unanswered(mapping: ObjectMapping, hubspot: Seen, salesforce: Seen) -> bool:
    """Whether one of the two says nothing of a field that its schema had: HubSpot answers so for a property that was
    archived since, while Salesforce refuses the whole read."""
    return any(
        (isinstance(hubspot, Observation) and field.property not in hubspot.values)
        or (isinstance(salesforce, Observation) and field.field not in salesforce.values)
        for field in mapping.fields
        if field.rule is not SyncRule.DONT_SYNC
    )
