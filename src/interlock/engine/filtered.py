"""The Salesforce filter that limits what syncs: which records fit it, and who entered without being touched. Reads Salesforce.

A filter is a condition in SOQL that a person wrote for one Salesforce type. Whether a record fits is asked of Salesforce when the
record is looked at, some two thousand a call. What fits by a change of its own is looked at for that change. What fits by one of
its parent, by a formula or by the day is found by a walk, once a day, of all that is known to stand outside. Who leaves is not
looked for: that stops updates and is seen when there is one to stop.

A filter that Salesforce does not take (a field is gone or hidden) lets nothing through, and one issue says so: it is never taken
for no filter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from interlock.core.model import Gone, GoneHow, Issue, LinkState, Observation, Reason, RecordKey, Side
from interlock.crm.errors import CallRefused, CrmError, Forbidden
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.explanations import fix_for
from interlock.engine.work import Limit, Work
from interlock.objects.choices import DELETES, DELETES_IN
from interlock.store import WriteTx, cursors, dirty, issues, links, unlinked

OUTSIDE_FILTER = "outside_filter"
FILTER_UNKNOWN = "filter_unknown"
FILTER_REFUSED = "inclusion_filter_refused"
WALK_EVERY_US = 86_400_000_000
PAGE_ROWS = 2_000
PAGES_A_POLL = 20
PAGES_A_DRAIN = 2_000
# A filter that was refused is tried again this often.
TRY_EVERY_US = 900_000_000


async def read_filter(ctx: Cycle, runtime: ObjectRuntime, works: Sequence[Work]) -> None:
    """Ask Salesforce which of the Salesforce records that these works have read fit the filter of their type, and which fitted it
    of those whose delete would be carried over: who had left it may not have been looked at since. Raises CrmError."""
    by_type: dict[tuple[str, bool], dict[str, Work]] = defaultdict(dict)
    carried = Side.HUBSPOT in DELETES_IN[ctx.settings.chosen(DELETES, runtime.slug)]
    for work in works:
        seen = work.salesforce
        linked = work.link is not None and work.link.state is LinkState.LINKED
        gone = isinstance(seen, Gone) and seen.how is GoneHow.DELETED and carried and linked
        if seen is not None and seen.key.type in runtime.filters and (gone or isinstance(seen, Observation)):
            by_type[seen.key.type, gone][seen.key.id] = work
    for (type_, gone), asked in by_type.items():
        condition = runtime.filters[type_]
        try:
            inside = await ctx.salesforce.matching(type_, list(asked), condition, include_deleted=gone, purpose="fetch")
        except (CallRefused, Forbidden) as refused:
            _leave_in_doubt(runtime, type_, list(asked.values()), refused)
            continue
        for id_, work in asked.items():
            if id_ not in inside and work.included is not False:
                work.included, work.limit = False, Limit.FILTER


def _leave_in_doubt(runtime: ObjectRuntime, type_: str, works: Sequence[Work], refused: CrmError) -> None:
    works[0].issues.append(_issue(runtime, type_, refused))
    for work in works:
        if work.included is not False:
            work.included, work.limit = None, Limit.FILTER


def _issue(runtime: ObjectRuntime, type_: str, refused: CrmError) -> Issue:
    category, fix = fix_for(FILTER_REFUSED)
    return Issue(
        category=category,
        code=FILTER_REFUSED,
        severity="error",
        object=runtime.slug,
        hubspot_id=None,
        salesforce_id=None,
        salesforce_type=type_,
        cause=f"Salesforce does not take the filter that limits which records of {type_} sync: none of them sync.",
        fix=fix,
        raw_message=refused.message,
    )


class Place(msgspec.Struct):
    """How far a walk of those outside has come: first those without counterpart, then the pairs."""

    walked_us: int
    walking: bool = False
    alone: str | None = None
    pairs: int | None = None
    tried_us: int = 0  # when a filter that was refused was tried again
    calls: int = 0  # of the walk under way so far
    walk_calls: int = 0  # of the last whole one


async def notice_entered(ctx: Cycle, runtime: ObjectRuntime, thorough: bool) -> int:
    """Make due who fits the filter by now and is known to have stood outside; how many. Raises CrmError."""
    if not runtime.filters:
        return 0
    name, now_us = f"filtered:{runtime.slug}", ctx.clock_us()
    async with ctx.store.read(ctx.connection_id) as tx:
        known = await cursors.get(tx, name)
        wrong, _ = await issues.list_(tx, object=runtime.slug, code=FILTER_REFUSED)
    place = msgspec.convert(known, Place) if known is not None else Place(now_us)
    if wrong and now_us - place.tried_us >= TRY_EVERY_US:
        place.tried_us = now_us
        await _try_again(ctx, runtime, wrong, name, place)
    if not place.walking and now_us - place.walked_us >= WALK_EVERY_US:
        place = Place(now_us, walking=True, tried_us=place.tried_us, walk_calls=place.walk_calls)
    # One of as many is due within a day, and idle polling keeps room for it (pace.py).
    ctx.walk_calls_a_day[Side.SALESFORCE, runtime.slug] = max(place.calls, place.walk_calls)
    if not place.walking and known is not None:
        return 0
    return await _walk(ctx, runtime, name, place, PAGES_A_DRAIN if thorough else PAGES_A_POLL)


async def _walk(ctx: Cycle, runtime: ObjectRuntime, name: str, place: Place, pages_most: int) -> int:
    marked = 0
    for _ in range(pages_most):
        keys = await _next_page(ctx, runtime, place) if place.walking else []
        place.calls += len({key.type for key in keys} & runtime.filters.keys())
        entered = await _fitting(ctx, runtime, keys)
        if not place.walking:
            place.calls, place.walk_calls = 0, place.calls
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            if entered:
                await dirty.mark(tx, runtime.slug, entered, Reason.CHANGED, ctx.clock_us())
            await cursors.set(tx, name, msgspec.to_builtins(place))
        for key in entered:
            ctx.fresh.pop(key, None)
        marked += len(entered)
        if not place.walking:
            break
    return marked


async def _next_page(ctx: Cycle, runtime: ObjectRuntime, place: Place) -> list[RecordKey]:
    """Salesforce records that are known to stand outside; the place moves on."""
    async with ctx.store.read(ctx.connection_id) as tx:
        if place.pairs is None:
            after = RecordKey.parse(place.alone) if place.alone else None
            alone = await unlinked.page(tx, runtime.slug, OUTSIDE_FILTER, after, PAGE_ROWS)
            if len(alone) < PAGE_ROWS:
                place.pairs = 0
            else:
                place.alone = str(alone[-1].key)
            return [each.key for each in alone if each.key.side is Side.SALESFORCE]
        pairs = await links.page_of_state(tx, runtime.slug, LinkState.EXCLUDED, place.pairs, PAGE_ROWS)
        if len(pairs) < PAGE_ROWS:
            place.walking = False
        else:
            place.pairs = pairs[-1].id or 0
        return [link.salesforce for link in pairs]


async def _fitting(ctx: Cycle, runtime: ObjectRuntime, keys: Sequence[RecordKey]) -> list[RecordKey]:
    found: list[RecordKey] = []
    for type_, condition in runtime.filters.items():
        asked = [key for key in keys if key.type == type_]
        if not asked:
            continue
        try:
            inside = await ctx.salesforce.matching(type_, [key.id for key in asked], condition, purpose="detect")
        except (CallRefused, Forbidden):
            continue  # each record that is looked at says so
        found += [key for key in asked if key.id in inside]
    return found


async def _try_again(ctx: Cycle, runtime: ObjectRuntime, wrong: Sequence[Issue], name: str, place: Place) -> None:
    mended: list[int] = []
    for issue in wrong:
        condition = runtime.filters.get(issue.salesforce_type or "")
        try:
            if condition is not None:
                await ctx.salesforce.count(issue.salesforce_type or "", condition, purpose="detect")
        except (CallRefused, Forbidden):
            continue
        mended += [issue.id] if issue.id is not None else []
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        if mended:
            await issues.resolve_ids(tx, mended)
            await wake_in_doubt(tx, runtime, ctx.clock_us())
        await cursors.set(tx, name, msgspec.to_builtins(place))


async def wake_in_doubt(tx: WriteTx, runtime: ObjectRuntime, at_us: int) -> None:
    """Those without counterpart of whom Salesforce did not say; pairs are due in their turn."""
    after: RecordKey | None = None
    while alone := await unlinked.page(tx, runtime.slug, FILTER_UNKNOWN, after, PAGE_ROWS):
        await dirty.mark(tx, runtime.slug, [each.key for each in alone], Reason.CHANGED, at_us)
        after = alone[-1].key
