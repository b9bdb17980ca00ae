"""The HubSpot list that limits what syncs: who is outside of it, by what HubSpot says when the records are read. Reads only.

A record outside is left alone in both directions: it is not linked, nothing of its pair is written, and no pair is ended for
it. One exception, as in HubSpot's own integration: a new Salesforce record still lands in HubSpot where records are created
there, as a new contact or on the one that it matches. After that nothing goes either way until that contact enters the list.

Of each object that is limited a batch costs one call for a hundred HubSpot records; of one that is not, nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import LinkedBy, LinkState, Observation, Reason, RecordKey, Side
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.undo import OUTSIDE
from interlock.engine.work import Batch, Work
from interlock.store import WriteTx, dirty, issues, links, unlinked
from interlock.store.undos import WAITING

NOT_IN_LIST = "not_in_list"
LIST_MISSING = "inclusion_list_missing"
MEMBERSHIP_UNKNOWN = "membership_unknown"
OUTSIDE_ROWS = 1_000


async def read_membership(ctx: Cycle, runtime: ObjectRuntime, works: Sequence[Work]) -> None:
    """Ask HubSpot which of the HubSpot records that these works have read are in the list. Raises CrmError."""
    if runtime.inclusion is None:
        return
    asked = {work.hubspot.key.id: work for work in works if isinstance(work.hubspot, Observation)}
    if not asked:
        return
    found = await ctx.hubspot.memberships(runtime.spec.hubspot_type_id, runtime.inclusion, list(asked), purpose="fetch")
    for id_, work in asked.items():
        work.included = found.get(id_)


async def leave_outside(ctx: Cycle, batch: Batch) -> None:
    """Of pairs that were just found from Salesforce: take those apart whose HubSpot record is outside the list, unless it is
    a new Salesforce record, which lands. Raises CrmError."""
    if batch.runtime.inclusion is None:
        return
    for work in batch.works:
        if work.link is None and work.why_not == MEMBERSHIP_UNKNOWN:
            note_excluded(ctx, work)
    found = [work for work in batch.works if work.new_link and work.origin is Side.SALESFORCE]
    await read_membership(ctx, batch.runtime, found)
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


def _lands(ctx: Cycle, work: Work) -> bool:
    seen = work.salesforce
    # What was there before the connection is not new, however it came to be due.
    return isinstance(seen, Observation) and seen.created_us >= ctx.begun_at_us and work.runtime.create_in_hubspot


def note_excluded(ctx: Cycle, work: Work) -> None:
    """Say why, and look again where HubSpot did not say."""
    if work.included is False:
        work.why_not = work.outside or NOT_IN_LIST
        # Nothing of the pair is written now; nor shall it be when the contact enters the list, months after somebody asked.
        work.undos_ended |= {row.id: OUTSIDE for row in work.undos if row.state == WAITING}
    else:
        work.why_not = MEMBERSHIP_UNKNOWN
        # Less and less often: of whom HubSpot never says anything, each question costs the calls of all the others.
        asked = min(max((each.attempts for each in work.dirty), default=0), 20)
        work.wait(ctx.clock_us() + min(ctx.settings.retry_base_us << asked, ctx.settings.retry_most_us), Reason.RETRY)


async def wake_outside(tx: WriteTx, runtime: ObjectRuntime, at_us: int) -> None:
    """Another list, or none any more: everything that stands outside the old one is looked at once more, and that the old
    one is missing is nobody's concern."""
    await dirty.take_turn(tx)
    slug = runtime.slug
    open_, _ = await issues.list_(tx, object=slug, code=LIST_MISSING)
    await issues.resolve_ids(tx, [issue.id for issue in open_ if issue.id is not None])
    after_key: RecordKey | None = None
    while alone := await unlinked.page(tx, slug, NOT_IN_LIST, after_key, OUTSIDE_ROWS):
        await dirty.mark(tx, slug, [each.key for each in alone], Reason.CHANGED, at_us)
        after_key = alone[-1].key
    after_id = 0
    while pairs := await links.page_of_state(tx, slug, LinkState.EXCLUDED, after_id, OUTSIDE_ROWS):
        await dirty.mark(tx, slug, [link.hubspot for link in pairs], Reason.CHANGED, at_us)
        after_id = pairs[-1].id or 0
