"""Deleting a record because its counterpart was, where a person chose that (docs/settings.md, ADR 29).

What is decided by core/link.py is looked at here once more before it may leave: the delete on the other side must be seen in the
archive or the bin, the record that is to go must hold nothing that was not carried over, and nothing with a life of its own may
go with it. What fails one of these stays, and the pair rests as if nothing were carried over, with an issue that says why. A delete
has an intent like any write: after a lost answer the record is looked at, and found there or gone. The pair remembers who deleted
what (core/link.py, DELETED_WITH), so that our own delete is never answered by another, and a restore finds its counterpart.
"""

from __future__ import annotations

from interlock.core.link import DELETED_WITH, RESTS, STAYS, WAITS_TO_GO, WHOLE, as_deleted, deleted_by_us
from interlock.core.mapping import ObjectMapping
from interlock.core.model import (
    AuditKind,
    AuditRow,
    Base,
    Gone,
    GoneHow,
    Intent,
    IntentKind,
    IntentState,
    Issue,
    NotDone,
    Observation,
    Reason,
    RecordKey,
    RecordLink,
    Refused,
    Side,
    Unsettled,
    Written,
)
from interlock.core.untold import untold
from interlock.crm.errors import CallRefused, Forbidden
from interlock.engine.audit_rows import pair_row
from interlock.engine.context import OPT_OUT, Cycle
from interlock.engine.decide import field_issue
from interlock.engine.due_again import backoff_us
from interlock.engine.fetch import CONVERTED_INTO, MASTER, MERGEABLE, merged_ids
from interlock.engine.ledger import Ledger
from interlock.engine.left_out import waits_for_left_out
from interlock.engine.let_go import KEPT, let_go_of
from interlock.engine.next_in_line import next_in_line
from interlock.engine.roles import with_new_members
from interlock.engine.taking_back import still_as_read
from interlock.engine.work import Batch, Deletion, Work
from interlock.objects.choices import DELETES, DELETES_IN
from interlock.store import audit, intents, links

RESTORE_BY_HAND = "restore_by_hand"
# The brake counts what went within this time.
LATELY_US = 86_400_000_000
# What went after a person had looked and released the brake counts no more, nor does what went before it.
RELEASED = "released"
# What is deleted together in the other CRM comes record by record: whoever hangs on this one may be about to go as well.
CHILDREN_TRIES = 4
_CRM = {Side.HUBSPOT: "HubSpot", Side.SALESFORCE: "Salesforce"}


async def look_at_deletions(ctx: Cycle, batch: Batch) -> None:
    """Which of the records that are to go may go; of the others, why not. Reads only. Raises CrmError."""
    carried_in = DELETES_IN[ctx.settings.chosen(DELETES, batch.runtime.slug)]
    for work in batch.works:
        let_go_of(work, carried_in)
        _note_restored(ctx, work)
        for keep_if in (_keep_if_edited, _keep_if_person, _keep_while_left_out):
            if work.deletion is not None:
                keep_if(ctx, work, work.deletion)
    for side in Side:
        for work in await with_new_members(ctx, batch, side, _going(batch, side)):
            _keep_as_it_holds(ctx, work, ["contacts"])
    for work, others in await next_in_line(ctx, batch.runtime, _going(batch, Side.HUBSPOT)):
        assert work.deletion is not None
        _keep(ctx, work, work.deletion, None)
        batch.also_due += others
    await _keep_unless_archived(ctx, batch)
    await _keep_if_merged_into(ctx, batch)
    await _keep_with_children(ctx, batch)
    if any(work.deletion is not None for work in batch.works):
        batch.deleted_lately = await _lately(ctx, batch)


def _note_restored(ctx: Cycle, work: Work) -> None:
    """One of a pair that went together is back, and the other is in the bin of its CRM still. What we deleted in Salesforce we
    restore, as long as deletes are carried over there; HubSpot's API restores nothing."""
    ours = None if work.link is None else deleted_by_us({**work.link.base, **work.landed})
    if ours is None or not isinstance(work.seen(ours.other), Observation) or isinstance(work.seen(ours), Observation):
        return
    back, gone = _CRM[ours.other], _CRM[ours]
    cause = f"It was restored in {back}. Its {gone} record, which a sync had deleted with it, is not."
    issue = _issue(work, RESTORE_BY_HAND, cause, gone, severity="warning")
    if ours is Side.SALESFORCE and ours in DELETES_IN[ctx.settings.chosen(DELETES, work.object)] and not work.undoing:
        work.restoring = issue
    else:
        work.issues.append(issue)


def _issue(work: Work, code: str, cause: str, crm: str, severity: str = "error", raw: str | None = None) -> Issue:
    issue = field_issue(work, None, None, code, cause, None, raw)
    issue.fix, issue.severity = issue.fix.format(crm=crm), severity
    return issue


def _keep(ctx: Cycle, work: Work, deletion: Deletion, cause: str | None, raw: str | None = None) -> None:
    """The pair rests, as it does where no delete is carried over."""
    _rest(ctx, work, deletion, STAYS)
    if cause is not None:
        work.issues.append(_issue(work, KEPT, cause, _CRM[deletion.side], raw=raw))


def _rest(ctx: Cycle, work: Work, deletion: Deletion, entry: Base) -> None:
    assert work.link is not None
    work.deletion = None
    if entry != STAYS or DELETED_WITH in work.link.base:
        work.landed |= entry
    if work.link.state is not deletion.state:
        work.state = deletion.state
        work.audit.append(pair_row(work, AuditKind.UNLINK, deletion.cause, ctx.clock_us()))


def _keep_if_edited(ctx: Cycle, work: Work, deletion: Deletion) -> None:
    found = work.seen(deletion.side)
    assert work.link is not None
    assert isinstance(found, Observation)
    base = {**work.link.base, **work.landed}
    names = untold(_mapping(work), base, found)
    if _opted_out_since(deletion.side, found, base.get(OPT_OUT, (0, 0))):
        names.append("the e-mail opt-out")
    if names:
        _keep_as_it_holds(ctx, work, names)


def _keep_if_person(ctx: Cycle, work: Work, deletion: Deletion) -> None:
    """Of a person account only the account can be deleted (Salesforce Help, considerations for person accounts), and what hangs
    on that, orders and cases say, nobody has deleted."""
    found = work.seen(deletion.side)
    if isinstance(found, Observation) and found.values.get("IsPersonAccount"):
        cause = "It was deleted in HubSpot. It stays: Salesforce deletes the contact of a person account only with the account."
        _keep(ctx, work, deletion, cause)


def _keep_while_left_out(ctx: Cycle, work: Work, deletion: Deletion) -> None:
    assert work.link is not None
    if waits_for_left_out(ctx, work, work.link.salesforce_type):
        _rest(ctx, work, deletion, WAITS_TO_GO)


def _keep_as_it_holds(ctx: Cycle, work: Work, names: list[str]) -> None:
    deletion = work.deletion
    assert deletion is not None
    here, there, listed = _CRM[deletion.side], _CRM[deletion.side.other], ", ".join(names)
    cause = f"It was deleted in {there}. Its {here} record stays, since it holds what never got there: {listed}."
    _keep(ctx, work, deletion, cause)


def _mapping(work: Work) -> ObjectMapping:
    assert work.link is not None
    return work.runtime.mapping_for(work.link.salesforce_type)


def _opted_out_since(side: Side, found: Observation, known: tuple[int, int]) -> bool:
    if side is Side.HUBSPOT:
        return str(found.values.get("hs_email_optout")).lower() == "true" and not known[0]
    return bool(found.values.get("HasOptedOutOfEmail")) and not known[1]


async def _keep_unless_archived(ctx: Cycle, batch: Batch) -> None:
    """HubSpot answers alike for what was deleted, what it erased and what it never had: only its archive proves a delete."""
    works = _going(batch, Side.SALESFORCE)
    if not works:
        return
    ids = [work.link.hubspot_id for work in works if work.link is not None]
    archived = await ctx.hubspot.read(batch.runtime.spec.hubspot_type, ids, [], archived=True, purpose="fetch")
    for id_, work in zip(ids, works, strict=True):
        if id_ not in archived and work.deletion is not None:
            _keep(ctx, work, work.deletion, None)


async def _keep_if_merged_into(ctx: Cycle, batch: Batch) -> None:
    """One that the record of another pair was merged or converted into is what that one lives on as, and nobody has deleted that
    one's counterpart, which takes it over."""
    here: dict[str, Work] = {}
    for work in _going(batch, Side.HUBSPOT):
        assert isinstance(work.hubspot, Observation)
        here |= dict.fromkeys(merged_ids(work.hubspot), work)
    there = await _merged_in_salesforce(ctx, batch)
    if not here and not there:
        return
    async with ctx.store.read(ctx.connection_id) as tx:
        found = {Side.HUBSPOT: await links.by_hubspot(tx, batch.runtime.slug, list(here))}
        found[Side.SALESFORCE] = await links.by_salesforce(tx, batch.runtime.slug, list(there))
    went = {work.link.id for work in batch.works if work.link is not None and _both_gone(work)}
    for side, into in ((Side.HUBSPOT, here), (Side.SALESFORCE, there)):
        for id_, link in found[side].items():
            work = into[id_]
            if link.state in (*WHOLE, RESTS[side]) and link.id not in went and work.deletion is not None:
                _keep(ctx, work, work.deletion, _is_anothers(side, link))
                batch.also_due.append(link.key(side.other))


def _is_anothers(side: Side, link: RecordLink) -> str:
    crm, there, part, left = _CRM[side], _CRM[side.other], link.key(side), link.key(side.other)
    return (
        f"It was deleted in {there}. Its {crm} record stays, since {part} has become a part of it,"
        f" and {left}, its counterpart, was not deleted."
    )


async def _merged_in_salesforce(ctx: Cycle, batch: Batch) -> dict[str, Work]:
    """Ids of those that live on as one of the records that are to go: which."""
    merged: dict[str, Work] = {}
    works = _going(batch, Side.SALESFORCE)
    for type_ in MERGEABLE:
        mine = {work.link.salesforce_id: work for work in works if work.link and work.link.salesforce_type == type_}
        try:
            if mine and type_ == "Contact" and batch.runtime.syncs("Lead"):
                merged |= await _that_became(ctx, "Lead", CONVERTED_INTO, mine)
            into = mine
            while into:
                into = await _that_became(ctx, type_, MASTER, into)
                merged |= into
        except (CallRefused, Forbidden) as refusal:
            cause = f"Its HubSpot record was deleted. It stays, since Salesforce does not show what was merged into it: {refusal}"
            for work in mine.values():
                assert work.deletion is not None
                _keep(ctx, work, work.deletion, cause)
    return merged


async def _that_became(ctx: Cycle, type_: str, field: str, into: dict[str, Work]) -> dict[str, Work]:
    wanted = {field: list(into)}
    rows = await ctx.salesforce.query_where_in(type_, ["Id", field], wanted, include_deleted=True, purpose="verify")
    return {row.key.id: into[str(row.values[field])] for row in rows}


def _both_gone(work: Work) -> bool:
    return isinstance(work.hubspot, Gone) and isinstance(work.salesforce, Gone)


async def _keep_with_children(ctx: Cycle, batch: Batch) -> None:
    """Salesforce deletes with an account its contacts and opportunities, whose counterparts nobody has deleted."""
    works = _going(batch, Side.SALESFORCE)
    for type_ in sorted({work.link.salesforce_type for work in works if work.link is not None}):
        mine = {work.link.salesforce_id: work for work in works if work.link and work.link.salesforce_type == type_}
        try:
            found = dict(await ctx.salesforce.would_go_along(type_, sorted(mine), purpose="verify"))
        except (CallRefused, Forbidden) as refusal:
            cause = f"Its HubSpot record was deleted. It stays, since Salesforce does not show what would go with it: {refusal}"
            for work in mine.values():
                assert work.deletion is not None
                _keep(ctx, work, work.deletion, cause)
            continue
        for id_, child in found.items():
            _keep_for_now(ctx, mine[id_], child)


def _keep_for_now(ctx: Cycle, work: Work, child: RecordKey) -> None:
    deletion = work.deletion
    assert deletion is not None
    if max((each.attempts for each in work.dirty), default=0) < CHILDREN_TRIES:
        # Resting, so that what points to it there is left as it is.
        _rest(ctx, work, deletion, WAITS_TO_GO)
        work.wait(ctx.clock_us() + backoff_us(ctx, work), Reason.RETRY)
        return
    cause = f"Its HubSpot record was deleted. It stays, since Salesforce would delete {child.type} {child.id} with it."
    _keep(ctx, work, deletion, cause)


def _going(batch: Batch, side: Side) -> list[Work]:
    return [work for work in batch.works if work.deletion is not None and work.deletion.side is side]


async def _lately(ctx: Cycle, batch: Batch) -> dict[Side, int]:
    """What went, and what may have gone: a delete whose answer was lost is in no log yet."""
    going = {work.link.key(work.deletion.side) for work in batch.works if work.link and work.deletion}
    async with ctx.store.read(ctx.connection_id) as tx:
        rows = await audit.of_kind_since(tx, AuditKind.DELETE, batch.runtime.slug, ctx.clock_us() - LATELY_US)
        open_ = await intents.of_kind(tx, IntentKind.DELETE, batch.runtime.slug)
    # Those that are decided on once more count as what is to go now.
    counts = dict.fromkeys(Side, 0)
    found = [each for each in open_ if each.target not in going and all(row.reason != RELEASED for row in each.rows)]
    rows += [(each.target.side, None) for each in found]
    for side, reason in rows:
        if reason == RELEASED:
            counts = dict.fromkeys(Side, 0)
        elif side is not None:
            counts[side] += 1
    return counts


# --- carrying it out --------------------------------------------------------------------------------------------------------


def deletion_intents(ctx: Cycle, batch: Batch) -> list[Intent]:
    intents: list[Intent] = []
    for work in batch.works:
        deletion, link = work.deletion, work.link
        if deletion is None or link is None:
            continue
        now, found = ctx.clock_us(), work.seen(deletion.side)
        assert isinstance(found, Observation)
        deletion.intent = Intent(
            rows=[_row(ctx, work, deletion)],
            object=work.object,
            kind=IntentKind.DELETE,
            state=IntentState.SENT,
            source=link.key(deletion.side.other),
            target=link.key(deletion.side),
            sync_key="",
            fields={},
            fence=ctx.lease.fence,
            target_stamp_us=found.modified_us,
            park_until_us=now + ctx.settings.park_us(deletion.side),
        )
        intents.append(deletion.intent)
    return intents


def _row(ctx: Cycle, work: Work, deletion: Deletion) -> AuditRow:
    """`old`: what the record held of what syncs."""
    row = pair_row(work, AuditKind.DELETE, deletion.cause, ctx.clock_us())
    found = work.seen(deletion.side)
    assert isinstance(found, Observation)
    names = {field.name(deletion.side) for field in _mapping(work).fields}
    row.side, row.old = deletion.side, {name: found.values[name] for name in sorted(names & found.values.keys())}
    row.reason = RELEASED if ctx.brake_released else None
    return row


async def delete_counterparts(ctx: Cycle, batch: Batch) -> None:
    """Both CRMs keep what is deleted for a while. What somebody has written to since it was read stays, and is looked at again:
    neither CRM deletes on a condition, so this is the last thing that is asked. Raises Fenced."""
    for side in Side:
        by_type: dict[str, list[Work]] = {}
        for work in _going(batch, side):
            assert work.link is not None
            by_type.setdefault(work.link.key(side).type, []).append(work)
        for type_, found in by_type.items():
            works = await still_as_read(ctx, side, type_, found)
            ids = [work.link.key(side).id for work in works if work.link is not None]
            if not ids:
                continue
            if side is Side.HUBSPOT:
                outcomes = await ctx.hubspot.archive(type_, ids, purpose="write")
            else:
                outcomes = await ctx.salesforce.delete_made(type_, ids, purpose="write")
            for id_, work in zip(ids, works, strict=True):
                assert work.deletion is not None
                work.deletion.outcome = outcomes[id_]


async def restore_counterparts(ctx: Cycle, batch: Batch) -> None:
    """Take back our own deletes. It needs no intent: the pair rests until both records are seen, and to restore twice is to
    restore once."""
    works = [work for work in batch.works if work.restoring is not None and work.link is not None]
    if not works:
        return
    outcomes = await ctx.salesforce.undelete([work.link.salesforce_id for work in works if work.link], purpose="write")
    for work in works:
        assert work.link is not None
        assert work.restoring is not None
        outcome = outcomes[work.link.salesforce_id]
        if isinstance(outcome, Refused) and not outcome.retry:
            work.restoring.raw_message = outcome.message
            work.issues.append(work.restoring)
        elif isinstance(outcome, Written):
            row = pair_row(work, AuditKind.UNDO, "restored", ctx.clock_us())
            row.side = Side.SALESFORCE
            work.audit.append(row)
            work.wait(ctx.clock_us(), Reason.RETRY)
        else:
            work.wait(ctx.clock_us() + backoff_us(ctx, work), Reason.RETRY)


def recognise_deletion(work: Work, intent: Intent) -> None:
    """What became of a delete whose answer was lost. Whoever cannot be seen may be either: then it stays open."""
    found = work.seen(intent.target.side)
    if found is None:
        work.intents.remove(intent)
    elif isinstance(found, Gone) and found.key == intent.target and found.how is GoneHow.DELETED:
        work.landed |= as_deleted(intent.target.side)
        work.audit += intent.rows


def take_deletion(ctx: Cycle, ledger: Ledger, work: Work, now: int) -> None:
    """What its outcome means for the pair, and for its intent. A preview has none."""
    deletion = work.deletion
    if deletion is None:
        return
    outcome, intent = deletion.outcome, deletion.intent
    if isinstance(outcome, Unsettled):
        if intent is not None and intent.id is not None:
            ledger.parked.append((deletion.side, intent.id))
        work.wait(now + ctx.settings.park_us(deletion.side), Reason.PARKED)
        return
    if intent is not None and intent.id is not None:
        ledger.settled.append(intent.id)
    if outcome is None or isinstance(outcome, NotDone) or (isinstance(outcome, Refused) and _again(outcome)):
        # Nothing was sent, or somebody was quicker: the next look sees it.
        work.wait(now + backoff_us(ctx, work), Reason.RETRY)
    elif isinstance(outcome, Refused):
        crm = _CRM[deletion.side]
        there = _CRM[deletion.side.other]
        cause = f"It was deleted in {there}, and {crm} refused to delete it as well: {outcome.message}"
        _keep(ctx, work, deletion, cause, raw=outcome.message)
    else:
        work.state = deletion.state
        work.landed |= as_deleted(deletion.side)
        work.audit += [_row(ctx, work, deletion)] if intent is None else intent.rows
        counts = ctx.report.of(work.object)
        if deletion.side is Side.HUBSPOT:
            counts.deleted_in_hubspot += 1
        else:
            counts.deleted_in_salesforce += 1


def _again(refusal: Refused) -> bool:
    return refusal.retry or refusal.gone
