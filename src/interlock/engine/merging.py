"""Merging in HubSpot what was merged in Salesforce: when a person confirms it, or by itself where a person chose that.

A merge in Salesforce leaves two HubSpot records, of which one rests. That they are one person is a claim of whoever merged there,
and no program takes a merge apart again: so it is proposed (the issue `counterpart_merged`), and made by itself only where both
records are linked and listed and the one that goes holds nothing that Salesforce never got. The one whose counterpart lives on is
the primary. A merge has an intent: after a lost answer the record is looked at, which answers as the other one if it was merged.
HubSpot may give both a new id, which engine/follow.py follows.
"""

from __future__ import annotations

from interlock.core.link import MERGE_WANTED, merge_confirmed
from interlock.core.model import (
    AuditKind,
    AuditRow,
    Gone,
    GoneHow,
    Intent,
    IntentKind,
    IntentState,
    Issue,
    LinkState,
    NotDone,
    Observation,
    Reason,
    RecordKey,
    RecordLink,
    Refused,
    Side,
    Unsettled,
)
from interlock.core.untold import untold
from interlock.engine.audit_rows import pair_row
from interlock.engine.context import Cycle
from interlock.engine.decide import field_issue
from interlock.engine.due_again import backoff_us
from interlock.engine.ledger import Ledger
from interlock.engine.left_out import waits_for_left_out
from interlock.engine.taking_back import still_as_read
from interlock.engine.work import Batch, Merging, Work
from interlock.objects.choices import AUTOMATIC, MERGES, NOTHING
from interlock.store import audit, intents

PROPOSAL = "counterpart_merged"  # the code of the issue; see follow.py
REFUSED = "merge_refused"
# As of deletes that are carried over (deleting.py).
LATELY_US, RELEASED, CONFIRMED = 86_400_000_000, "released", "confirmed"


def merging_of(ctx: Cycle, work: Work, holder: RecordLink, issue: Issue) -> Merging | None:
    """Whether this pair's HubSpot record is to be merged into that of `holder`, whose Salesforce record it became. `issue` is what
    proposes it, and is raised where it is not carried out."""
    link, chosen = work.link, ctx.settings.chosen(MERGES, work.object)
    if link is None or chosen == NOTHING or not isinstance(work.hubspot, Observation) or work.undoing:
        return None
    confirmed = merge_confirmed(link.base) == holder.hubspot_id
    if not confirmed and not (chosen == AUTOMATIC and _by_itself(ctx, work, link, holder)):
        return None
    return Merging(holder.hubspot, confirmed, issue)


def _by_itself(ctx: Cycle, work: Work, link: RecordLink, holder: RecordLink) -> bool:
    assert isinstance(work.hubspot, Observation)
    told = not untold(work.runtime.mapping_for(link.salesforce_type), link.base, work.hubspot)
    may = told and work.included is True and holder.state is LinkState.LINKED
    return may and not waits_for_left_out(ctx, work, link.salesforce_type)


async def count_merged(ctx: Cycle, batch: Batch) -> None:
    """For the brake, which stops what a person did not confirm one by one."""
    if not any(work.merging is not None and not work.merging.confirmed for work in batch.works):
        return
    async with ctx.store.read(ctx.connection_id) as tx:
        rows = await audit.of_kind_since(tx, AuditKind.MERGE, batch.runtime.slug, ctx.clock_us() - LATELY_US)
        open_ = await intents.of_kind(tx, IntentKind.MERGE, batch.runtime.slug)
    # One whose answer was lost may have been made, and is in no log yet; one that is decided on once more is counted with these.
    going = {work.link.hubspot for work in batch.works if work.link is not None and work.merging is not None}
    rows += [
        (Side.HUBSPOT, row.reason)
        for each in open_
        if each.target not in going
        for row in each.rows
        if row.reason is None
    ]
    batch.merged_lately = 0
    for _, reason in rows:
        batch.merged_lately = 0 if reason == RELEASED else batch.merged_lately + (reason != CONFIRMED)


def merge_intents(ctx: Cycle, batch: Batch) -> list[Intent]:
    intents: list[Intent] = []
    for work in batch.works:
        merging, link = work.merging, work.link
        if merging is None or link is None:
            continue
        assert isinstance(work.hubspot, Observation)
        merging.intent = Intent(
            rows=[_row(ctx, work, merging)],
            object=work.object,
            kind=IntentKind.MERGE,
            state=IntentState.SENT,
            source=link.salesforce,
            target=link.hubspot,
            sync_key=merging.into.id,
            fields={},
            fence=ctx.lease.fence,
            target_stamp_us=work.hubspot.modified_us,
            park_until_us=ctx.clock_us() + ctx.settings.park_us(Side.HUBSPOT),
        )
        intents.append(merging.intent)
    return intents


def _row(ctx: Cycle, work: Work, merging: Merging) -> AuditRow:
    """`old`: what the record that goes held of what syncs; `new`: the one that it became a part of."""
    row = pair_row(work, AuditKind.MERGE, "merged", ctx.clock_us())
    assert work.link is not None
    assert isinstance(work.hubspot, Observation)
    names = {field.property for field in work.runtime.mapping_for(work.link.salesforce_type).fields}
    values = work.hubspot.values
    row.side, row.new = Side.HUBSPOT, str(merging.into)
    row.old = {name: values[name] for name in sorted(names & values.keys())}
    row.reason = CONFIRMED if merging.confirmed else RELEASED if ctx.brake_released else None
    return row


async def merge_in_hubspot(ctx: Cycle, batch: Batch) -> None:
    """One call for each. What was edited since it was read, or is not there any more, is looked at again. Raises Fenced."""
    works = [work for work in batch.works if work.merging is not None]
    if not works:
        return
    type_ = batch.runtime.spec.hubspot_type
    same = await still_as_read(ctx, Side.HUBSPOT, type_, works)
    into = sorted({work.merging.into.id for work in same if work.merging is not None})
    there = await ctx.hubspot.read(type_, into, [], purpose="verify") if into else {}
    for work in same:
        merging = work.merging
        assert merging is not None
        assert work.link is not None
        if merging.into.id in there:
            merging.outcome = await ctx.hubspot.merge(type_, merging.into.id, work.link.hubspot_id, purpose="write")
            # HubSpot may give the two a new id: whoever else is to be merged into it is looked at again.
            del there[merging.into.id]


def recognise_merge(work: Work, intent: Intent) -> None:
    """What became of a merge whose answer was lost: the record answers as another one, or it is there as before."""
    if work.hubspot is None:
        work.intents.remove(intent)
    elif isinstance(work.hubspot, Gone) and work.hubspot.how is GoneHow.MERGED:
        work.audit += intent.rows


def take_merge(ctx: Cycle, ledger: Ledger, work: Work, now: int) -> None:
    """What its outcome means for the pair, and for its intent. A preview has none."""
    merging, link = work.merging, work.link
    if merging is None or link is None:
        return
    outcome, intent = merging.outcome, merging.intent
    if isinstance(outcome, Unsettled):
        if intent is not None and intent.id is not None:
            ledger.parked.append((Side.HUBSPOT, intent.id))
        work.wait(now + ctx.settings.park_us(Side.HUBSPOT), Reason.PARKED)
        return
    if intent is not None and intent.id is not None:
        ledger.settled.append(intent.id)
    if outcome is None or isinstance(outcome, NotDone) or (isinstance(outcome, Refused) and _again(outcome)):
        # Nothing was sent, or somebody was quicker: the next look sees it.
        work.wait(now + backoff_us(ctx, work), Reason.RETRY)
    elif isinstance(outcome, Refused):
        cause = f"HubSpot refused to merge it into {merging.into}: {outcome.message}"
        work.issues += [merging.issue, field_issue(work, None, None, REFUSED, cause, None, outcome.message)]
        # Whoever confirmed it is asked again.
        work.landed |= {MERGE_WANTED: (0, 0)}
    else:
        work.audit += [_row(ctx, work, merging)] if intent is None else intent.rows
        ledger.due_now += [link.hubspot, RecordKey(Side.HUBSPOT, link.object, merging.into.id)]


def _again(refusal: Refused) -> bool:
    return refusal.retry or refusal.gone
