"""What limits which records sync, a HubSpot list and a Salesforce filter: who is outside, by what each CRM says. Reads only.

A record outside is left alone in both directions: it is not linked, nothing of its pair is written, and no pair is ended for
it. One exception, as in HubSpot's own integration: a new Salesforce record still lands in HubSpot where records are created
there, as a new contact or on the one that it matches. After that nothing goes either way until that contact enters the list.

The filter is the same from the other side, but that a HubSpot record which matches a Salesforce record outside of it is left alone:
another would be made beside the one that is there. What is made in Salesforce is not asked about before it is.

Of each object that is limited a batch costs one call for a hundred HubSpot records (filtered.py: Salesforce); else nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import Gone, LinkedBy, LinkState, Observation, Reason, RecordKey, Side
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.filtered import (
    FILTER_REFUSED,
    FILTER_UNKNOWN,
    OUTSIDE_FILTER,
    read_filter,
    wake_in_doubt,
)
from interlock.engine.pipelines import PIPELINE_NOT_SYNCED
from interlock.engine.undo import OUTSIDE
from interlock.engine.window import BEGUN_EARLIER_US
from interlock.engine.work import Batch, Limit, Work
from interlock.objects.choices import DELETES, DELETES_IN
from interlock.store import WriteTx, cursors, dirty, issues, links, unlinked
from interlock.store.dirty import UNTIL_WOKEN_US
from interlock.store.undos import WAITING

NOT_IN_LIST = "not_in_list"
LIST_MISSING = "inclusion_list_missing"
MEMBERSHIP_UNKNOWN = "membership_unknown"
OUTSIDE_ROWS = 1_000
_OUTSIDE = {Limit.LIST: NOT_IN_LIST, Limit.FILTER: OUTSIDE_FILTER, Limit.PIPELINE: PIPELINE_NOT_SYNCED}
_IN_DOUBT = {Limit.LIST: MEMBERSHIP_UNKNOWN, Limit.FILTER: FILTER_UNKNOWN}


def why_left_out(work: Work) -> str | None:
    """Code of why a record without counterpart gets none for what limits the object; None: it is inside."""
    if work.included is True:
        return None
    return (_OUTSIDE if work.included is False else _IN_DOUBT)[work.limit]


def limit_of(work: Work) -> str:
    """What a pair is outside of, or has entered. Of two limits nobody remembers which one it was outside of."""
    if work.included is not True or not work.runtime.filters:
        return work.limit
    return Limit.FILTER if work.runtime.inclusion is None else "limits"


async def read_membership(ctx: Cycle, runtime: ObjectRuntime, works: Sequence[Work]) -> None:
    """Ask both CRMs which of the records that these works have read are inside of what limits the object. Raises CrmError."""
    await _read_list(ctx, runtime, works)
    if runtime.filters:
        await read_filter(ctx, runtime, works)


async def _read_list(ctx: Cycle, runtime: ObjectRuntime, works: Sequence[Work]) -> None:
    if runtime.inclusion is None:
        return
    await _outside_since_it_was_chosen(ctx, runtime, works)
    asked = {work.hubspot.key.id: work for work in works if isinstance(work.hubspot, Observation)}
    if not asked:
        return
    found = await ctx.hubspot.memberships(runtime.spec.hubspot_type_id, runtime.inclusion, list(asked), purpose="fetch")
    for id_, work in asked.items():
        work.included = found.get(id_)


async def _outside_since_it_was_chosen(ctx: Cycle, runtime: ObjectRuntime, works: Sequence[Work]) -> None:
    """Of a record that is deleted HubSpot says no list. Where its delete would be carried over, it counts as outside of one that
    was chosen after its pair was last looked at."""
    if Side.SALESFORCE not in DELETES_IN[ctx.settings.chosen(DELETES, runtime.slug)]:
        return
    pairs = [(work, work.link) for work in works if isinstance(work.hubspot, Gone) and work.link is not None]
    if not pairs:
        return
    async with ctx.store.read(ctx.connection_id) as tx:
        known = await cursors.get(tx, f"joined:{runtime.slug}")
    # Noted when its members were first looked for (joined.py).
    chosen_us = None if known is None or known["list"] != runtime.inclusion else known["since_us"] + BEGUN_EARLIER_US
    for work, link in pairs:
        if chosen_us is None or link.synced_at_us < chosen_us:
            work.included = False


async def leave_outside(ctx: Cycle, batch: Batch) -> None:
    """Of pairs that were just found: take those apart of which the record that was found is outside, unless a new Salesforce
    record found it, which lands. Raises CrmError."""
    if batch.runtime.inclusion is None and not batch.runtime.filters:
        return
    for work in batch.works:
        if work.link is None and work.why_not in _IN_DOUBT.values():
            note_excluded(ctx, work)
    from_hubspot = [work for work in batch.works if work.new_link and work.origin is Side.HUBSPOT]
    await read_filter(ctx, batch.runtime, from_hubspot)
    for work in from_hubspot:
        if work.included is not True:
            _leave_what_hubspot_found(ctx, batch, work)
    found = [
        work
        for work in batch.works
        if work.new_link and work.origin is Side.SALESFORCE and work.limit is not Limit.PIPELINE
    ]
    await _read_list(ctx, batch.runtime, found)
    for work in found:
        link = work.link
        assert link is not None
        if work.included is True:
            continue
        if link.linked_by is LinkedBy.SYNC_KEY and work.included is False:
            # They were a pair before, or one was made for the other: that stays known, and nothing is written.
            link.state = LinkState.EXCLUDED
            note_excluded(ctx, work)
        elif work.included is False and _lands(ctx, work):
            link.state, work.landing = LinkState.EXCLUDED, True
        else:
            work.link, work.new_link, work.ends = None, False, None
            work.hubspot = None
            note_excluded(ctx, work)
            _look_again(ctx, work)


def _leave_what_hubspot_found(ctx: Cycle, batch: Batch, work: Work) -> None:
    """Its match is outside the filter: it is left alone, and so is the HubSpot record, which would be made once more beside it."""
    link = work.link
    assert link is not None
    if link.linked_by is LinkedBy.SYNC_KEY and work.included is False:
        link.state = LinkState.EXCLUDED
    else:
        work.link, work.new_link, work.ends = None, False, None
        work.salesforce = None
        if work.included is False:
            # Looked at by itself it is known to stand outside, and its entering is noticed.
            batch.also_due.append(link.salesforce)
    note_excluded(ctx, work)
    if work.link is None:
        _look_again(ctx, work)


def _look_again(ctx: Cycle, work: Work) -> None:
    """What it matches is outside, and may match it no more (second_look.py)."""
    if work.included is False:
        work.wait(ctx.clock_us() + UNTIL_WOKEN_US, Reason.WAITING)


def _lands(ctx: Cycle, work: Work) -> bool:
    seen = work.salesforce
    # What was there before the connection is not new, however it came to be due.
    return isinstance(seen, Observation) and seen.created_us >= ctx.begun_at_us and work.runtime.create_in_hubspot


def note_excluded(ctx: Cycle, work: Work) -> None:
    """Say why, and look again where the CRM did not say."""
    if work.included is False:
        work.why_not = _OUTSIDE[work.limit]
        # Nothing of the pair is written now; nor shall it be when the contact enters the list, months after somebody asked.
        work.undos_ended |= {row.id: OUTSIDE for row in work.undos if row.state == WAITING}
    else:
        work.why_not = _IN_DOUBT[work.limit]
        # Less and less often: of whom HubSpot never says anything, each question costs the calls of all the others.
        asked = min(max((each.attempts for each in work.dirty), default=0), 20)
        work.wait(ctx.clock_us() + min(ctx.settings.retry_base_us << asked, ctx.settings.retry_most_us), Reason.RETRY)


async def wake_outside(tx: WriteTx, runtime: ObjectRuntime, at_us: int, limit: Limit = Limit.LIST) -> None:
    """Another list or filter, or none any more: everything that stands outside the old one is looked at once more, and what was
    wrong with the old one is nobody's concern."""
    await dirty.take_turn(tx)
    slug = runtime.slug
    wrong = LIST_MISSING if limit is Limit.LIST else FILTER_REFUSED
    open_, _ = await issues.list_(tx, object=slug, code=wrong)
    await issues.resolve_ids(tx, [issue.id for issue in open_ if issue.id is not None])
    after_key: RecordKey | None = None
    while alone := await unlinked.page(tx, slug, _OUTSIDE[limit], after_key, OUTSIDE_ROWS):
        await dirty.mark(tx, slug, [each.key for each in alone], Reason.CHANGED, at_us)
        after_key = alone[-1].key
    # Of one that was deleted while it stood outside HubSpot was told nothing (shown_deletes.py).
    for state in (LinkState.EXCLUDED, *([LinkState.SALESFORCE_DELETED] if runtime.shows_deleted else [])):
        after_id = 0
        while pairs := await links.page_of_state(tx, slug, state, after_id, OUTSIDE_ROWS):
            await dirty.mark(tx, slug, [link.hubspot for link in pairs], Reason.CHANGED, at_us)
            after_id = pairs[-1].id or 0
    if limit is Limit.FILTER:
        await wake_in_doubt(tx, runtime, at_us)
