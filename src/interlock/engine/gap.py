"""Noticing that nobody looked for longer than the CRMs surely remember, and checking every pair by its ids then.

An edit is found however long ago it was made: its stamp stays. A delete is not. Salesforce shows it as long as the row lies
in the recycle bin, 15 days at most, and fewer where the bin is full or somebody empties it; its list of deletions ends with the
bin (REST API, sObject Get Deleted). HubSpot keeps an archived record for 90 days. What is gone from there leaves no trace that a
poll could find, and a pair of which one record is gone would look as if all were well, until somebody edits the other.

So every look at both sides is noted, per object, and after a longer gap than `GAP_US` every linked pair is asked for by its
ids, which costs a call for 100 pairs of HubSpot and one for 2,000 of Salesforce. It only marks what did not answer: what
became of a record is found out by the line that everything goes through. Resumable: the place moves with the marks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from interlock.core.link import WHOLE
from interlock.core.model import Issue, Reason, RecordKey, RecordLink, Side
from interlock.engine.context import Cycle, ObjectRuntime, StopAsked
from interlock.store import dirty, issues, links, looks
from interlock.store.looks import Gap

# Below the fifteen days, since a bin may be emptied at any time; above a long week-end's outage, which a bin outlasts.
GAP_US = 3 * 86_400_000_000
PAIRS_A_PAGE = 2_000  # of Salesforce one call
PAGES_A_POLL = 10
_ISSUES_A_PAGE = 500

WorkOff = Callable[[Cycle, ObjectRuntime], Awaitable[int]]


async def note_look(ctx: Cycle, began_at_us: int) -> None:
    """Both sides were looked at, from this moment on or earlier."""
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await looks.note(tx, ctx.objects, began_at_us)


async def notice_gaps(ctx: Cycle) -> None:
    """Begin a check of every object that was not looked at for too long. Called before the look that ends the gap."""
    now_us = ctx.clock_us()
    async with ctx.store.read(ctx.connection_id) as tx:
        checked = await looks.checked(tx)
        begun = {slug: await looks.gap(tx, slug) for slug in ctx.objects}
    new: dict[str, Gap] = {}
    for slug, before in begun.items():
        from_us = checked.get(slug)
        if from_us is None or now_us - from_us <= GAP_US or (before is not None and before.until_us > from_us):
            continue
        # A check that is still under way has seen nothing of this gap: it starts over, for both.
        new[slug] = Gap(before.from_us if before is not None and before.done_us is None else from_us, now_us)
    if new:
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            for slug, gap in new.items():
                await looks.set_gap(tx, slug, gap)


async def check_pairs(ctx: Cycle, work_off: WorkOff, pages_most: int | None = None) -> int:
    """Carry on with the checks that were begun; how many records were marked. `pages_most`: of all objects together."""
    marked, pages = 0, 0
    for runtime in ctx.objects.values():
        async with ctx.store.read(ctx.connection_id) as tx:
            gap = await looks.gap(tx, runtime.slug)
        while gap is not None and gap.done_us is None:
            if ctx.stop is not None:
                raise StopAsked(ctx.stop)
            if pages_most is not None and pages >= pages_most:
                return marked
            pages += 1
            found, gap = await _check_page(ctx, runtime, gap)
            marked += found
            if found:
                await work_off(ctx, runtime)
    return marked


async def _check_page(ctx: Cycle, runtime: ObjectRuntime, gap: Gap) -> tuple[int, Gap]:
    async with ctx.store.read(ctx.connection_id) as tx:
        page = await links.page(tx, runtime.slug, gap.after, PAIRS_A_PAGE)
    linked = [link for link in page if link.state in WHOLE]
    due = [*await _missing_in_hubspot(ctx, runtime, linked), *await _missing_in_salesforce(ctx, linked)]
    gap = msgspec.structs.replace(
        gap,
        after=page[-1].id if page else gap.after,
        checked=gap.checked + len(linked),
        missing=gap.missing + len(due),
        done_us=None if page else ctx.clock_us(),
    )
    # Before it counts as done: whoever dies on the way does it once more.
    with_issues = await _mark_those_with_issues(ctx, runtime) if gap.done_us is not None else 0
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        if due:
            await dirty.mark(tx, runtime.slug, due, Reason.CHANGED, ctx.clock_us())
        await looks.set_gap(tx, runtime.slug, gap)
    return len(due) + with_issues, gap


async def _missing_in_hubspot(ctx: Cycle, runtime: ObjectRuntime, linked: list[RecordLink]) -> list[RecordKey]:
    type_ = runtime.spec.hubspot_type
    found = await ctx.hubspot.read(type_, [link.hubspot_id for link in linked], [], purpose="detect")
    return [link.hubspot for link in linked if link.hubspot_id not in found]


async def _missing_in_salesforce(ctx: Cycle, linked: list[RecordLink]) -> list[RecordKey]:
    missing: list[RecordKey] = []
    for type_ in dict.fromkeys(link.salesforce_type for link in linked):
        mine = [link for link in linked if link.salesforce_type == type_]
        found = await ctx.salesforce.retrieve(type_, [link.salesforce_id for link in mine], ["Id"], purpose="detect")
        missing += [link.salesforce for link in mine if link.salesforce_id not in found]
    return missing


async def _mark_those_with_issues(ctx: Cycle, runtime: ObjectRuntime) -> int:
    """Records that have an open issue, which may be gone as well: then it ends. Page by page, each marked by itself."""
    marked = 0
    place: str | None = None
    while True:
        async with ctx.store.read(ctx.connection_id) as tx:
            found, place = await issues.list_(tx, object=runtime.slug, cursor=place, limit=_ISSUES_A_PAGE)
        keys = [key for issue in found if (key := _key_of(runtime, issue)) is not None]
        if keys:
            async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
                await dirty.mark(tx, runtime.slug, keys, Reason.CHANGED, ctx.clock_us())
        marked += len(set(keys))
        if place is None:
            return marked


def _key_of(runtime: ObjectRuntime, issue: Issue) -> RecordKey | None:
    if issue.hubspot_id is not None:
        return RecordKey(Side.HUBSPOT, runtime.spec.hubspot_type, issue.hubspot_id)
    if issue.salesforce_id is not None and issue.salesforce_type is not None:
        return RecordKey(Side.SALESFORCE, issue.salesforce_type, issue.salesforce_id)
    return None
