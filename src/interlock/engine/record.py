"""One transaction that takes in everything a batch learned: links, bases, audit, issues, intents, and what is due again.

A base moves only here, with the evidence that moved it (I9). A record stops being due only here, and only if nothing
newer came while it was on its way.
"""

from __future__ import annotations

import msgspec

from interlock.core.link import OF_RESTING, RESTS, WHOLE
from interlock.core.match import QUESTIONS
from interlock.core.model import (
    AuditKind,
    Base,
    ConflictReason,
    Gone,
    IntentKind,
    IntentState,
    Issue,
    LinkedBy,
    LinkState,
    Looked,
    Observation,
    Reason,
    RecordKey,
    RecordLink,
    Refused,
    Side,
    Written,
)
from interlock.core.plan import FieldWrite, base_after
from interlock.engine.apply import carried_out, edited_since, in_the_way, is_reference, needs_verify, not_done, unknown
from interlock.engine.audit_rows import lost_races, opt_out_rows, pair_row, rows_of
from interlock.engine.choices import record_choices
from interlock.engine.context import HELD_AS_A_WHOLE, OPT_OUT, OPT_OUT_ADDRESS, Cycle, ObjectCounts
from interlock.engine.decide import NOT_VISIBLE, WAIT_FOR_REFERENCE_US, field_issue
from interlock.engine.deleting import take_deletion
from interlock.engine.due_again import backoff_us, due_again, keys_of
from interlock.engine.erasing import forget_erased
from interlock.engine.follow import carry_over
from interlock.engine.held import dropped, opt_out_held, still_held
from interlock.engine.latest import without_blanks_of
from interlock.engine.ledger import Ledger, write_links
from interlock.engine.lifecycle import is_moved, stage_rows
from interlock.engine.limited_lists import limits_said
from interlock.engine.merging import take_merge
from interlock.engine.persons_word import follow_refusals
from interlock.engine.repair import log_lost_races
from interlock.engine.retries import plan_retries
from interlock.engine.undo import record_undos
from interlock.engine.work import Batch, SideWrite, Work
from interlock.store import WriteTx, audit, dirty, identity, intents, issues, suggestions, unlinked
from interlock.store.unlinked import Unlinked

# Issues about a record as a whole that end when it has a pair that can be read, though that pair be refused as a whole.
_ANSWERED = (NOT_VISIBLE, *QUESTIONS)


async def record(ctx: Cycle, batch: Batch) -> None:
    ledger = Ledger()
    now = ctx.clock_us()
    for work in batch.works:
        take_deletion(ctx, ledger, work, now)
        take_merge(ctx, ledger, work, now)
        _take_in(ctx, ledger, work, batch.looked_us, now)
    for work in batch.parked:
        own = work.seen(work.origin) if work.link is None else None
        if isinstance(own, Observation):
            # It waits for a pair that is to move to it: as it was read it is no news, or the next pass would find it again.
            ledger.alone.append(Unlinked(own.key, work.object, own.modified_us, "waiting", "", batch.looked_us))
        due_again(ctx, ledger, work, now)
    ledger.due_now += batch.also_due
    raised = [issue for work in batch.works for issue in work.issues]
    plan_retries(raised, now)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await dirty.take_turn(tx)
        await write_links(tx, ledger, batch.looked_us)
        await audit.append(tx, ledger.audit)
        await log_lost_races(tx, batch.runtime.slug, ledger.lost)
        await record_choices(tx, batch.works)
        await record_undos(tx, batch.works)
        await issues.resolve(tx, ledger.resolved, keep=raised, keep_held=ledger.still_held, never_held=_ANSWERED)
        await issues.raise_(tx, raised)
        for side in Side:
            ids = [id_ for parked, id_ in ledger.parked if parked is side]
            if ids:
                await intents.update(tx, ids, IntentState.UNKNOWN, now + ctx.settings.park_us(side))
        await intents.update(tx, ledger.to_verify, IntentState.VERIFY, now)
        await intents.name_targets(tx, ledger.now_updates)
        await intents.keep_rows(tx, ledger.still_open)
        for intent, id_ in zip(ledger.opened, await intents.open_(tx, ledger.opened), strict=True):
            intent.id = id_
        await intents.settle(tx, ledger.settled)
        if await _no_longer_a_question(tx, ledger):
            await dirty.wake_unanswered(tx, batch.runtime.slug, sorted(QUESTIONS))
        await unlinked.put(tx, ledger.alone)
        await unlinked.drop(tx, ledger.not_alone)
        await follow_refusals(tx, batch)
        await suggestions.settle(tx, batch.runtime.slug, ledger.not_alone)
        for side in Side:
            await identity.drop(tx, batch.runtime.slug, side, [key.id for key in ledger.not_alone if key.side is side])
        await dirty.postpone(tx, ledger.postponed, batch.horizon)
        await dirty.clear(tx, ledger.done, batch.horizon)
        await dirty.await_(tx, [key for key, *_ in ledger.postponed], ledger.awaits)
        if ledger.linked:
            await dirty.wake(tx, ledger.linked)
        for key, until_us in ledger.park_too:
            await dirty.park(tx, batch.runtime.slug, [key], until_us)
        if ledger.due_now:
            await dirty.mark(tx, batch.runtime.slug, ledger.due_now, Reason.CHANGED, now)
        for slug, keys in batch.others_due.items():
            if keys:
                await dirty.mark(tx, slug, keys, Reason.CHANGED, now)
        await forget_erased(tx, batch)
    ctx.echoes.note(batch.works)
    counts = ctx.report.of(batch.runtime.slug)
    counts.issues += len(raised)
    # What was read before this batch may be what it has written over, also where a record stays due.
    for work in (*batch.works, *batch.parked):
        for key in keys_of(work):
            ctx.fresh.pop(key, None)


async def _no_longer_a_question(tx: WriteTx, ledger: Ledger) -> bool:
    """Whether one of several records among which a person was to choose has gone, changed or found its own: the others are
    looked at again, since nothing else about them changes."""
    now = {each.key: each.why for each in ledger.alone} | dict.fromkeys(ledger.not_alone)
    before = await unlinked.by_keys(tx, list(now)) if now else {}
    return any(each.why in QUESTIONS and now[key] != each.why for key, each in before.items())


def _take_in(ctx: Cycle, ledger: Ledger, work: Work, looked_us: int, now: int) -> None:
    for row in work.audit:
        # What a write of a dead process replaced unseen: where the rule lets it win it goes back, like that of our own writes.
        if work.link is not None and row.reason == ConflictReason.LOST_RACE.value:
            ledger.lost.append((work.link, row))
        else:
            ledger.audit.append(row)
    ledger.still_open += work.open_intents
    for intent in work.intents:
        if intent.id is None:
            # The part of an open one that could be read.
            ledger.opened += [intent] if intent.state is IntentState.VERIFY else []
        else:
            (ledger.to_verify if intent.state is IntentState.VERIFY else ledger.settled).append(intent.id)
            if intent.kind is IntentKind.CREATE and intent.state is IntentState.VERIFY:
                ledger.now_updates.append(intent)
    for write in work.writes:
        _take_outcome(ctx, ledger, work, write, now)
    if work.link is None:
        _take_alone(ctx, ledger, work, looked_us, now)
    else:
        _take_linked(ctx, ledger, work, work.link, looked_us, now)
    due_again(ctx, ledger, work, now)


def _take_outcome(ctx: Cycle, ledger: Ledger, work: Work, write: SideWrite, now: int) -> None:
    intent_id = write.intent.id if write.intent is not None else None
    outcome = write.outcome
    if intent_id is not None:
        if unknown(write):
            ledger.parked.append((write.side, intent_id))
        elif needs_verify(write):
            ledger.to_verify.append(intent_id)
            assert write.intent is not None
            write.intent.state = IntentState.VERIFY
            if write.creates and isinstance(outcome, Written):
                write.intent.target = RecordKey(write.side, write.type, outcome.id)
                ledger.now_updates.append(write.intent)
        else:
            ledger.settled.append(intent_id)
    if unknown(write):
        work.wait(now + ctx.settings.park_us(write.side), Reason.PARKED)
    elif not_done(write):
        work.wait(now + backoff_us(ctx, work), Reason.RETRY)
    elif isinstance(outcome, Refused):
        if outcome.gone or edited_since(write) or in_the_way(work, write, outcome):
            # The record changed or went away, or its counterpart came, after our read: the next look will see it.
            work.wait(now + backoff_us(ctx, work), Reason.RETRY)
        else:
            _refused(work, write, outcome)
    for field, code, message in write.dropped:
        if is_reference(field):
            # What it points to may come back, or be found to be gone: neither changes this record.
            work.awaits += _pointed_to(work, write.side, field)
            work.wait(now + WAIT_FOR_REFERENCE_US, Reason.WAITING)
        work.issues.append(_dropped_issue(work, write, field, code, message))


def _pointed_to(work: Work, side: Side, field: FieldWrite) -> list[RecordKey]:
    names = field.mapping.property, field.mapping.field
    pointing = (each for each in work.runtime.references if (each.property, each.field) == names)
    return [each.key(side, str(field.raw)) for each in pointing if field.raw]


def _refused(work: Work, write: SideWrite, refusal: Refused) -> None:
    crm = "HubSpot" if write.side is Side.HUBSPOT else "Salesforce"
    message = refusal.message
    named = next((field for field in write.fields if field.name in refusal.fields), None)
    limits = limits_said(work, write, refusal.code, refusal.fields[0] if refusal.fields else None)
    refused = f"{crm} refused to create it: {message}" if write.creates else f"{crm} refused to update it: {message}"
    work.issues.append(
        field_issue(
            work,
            named.mapping.property if named else None,
            named.mapping.field if named else (refusal.fields[0] if refusal.fields else None),
            refusal.code,
            limits + refused,
            named.raw if named else None,
            message,
        )
    )


def _dropped_issue(work: Work, write: SideWrite, field: FieldWrite, code: str, message: str) -> Issue:
    limits = limits_said(work, write, code, field.name)
    return field_issue(
        work,
        field.mapping.property,
        field.mapping.field,
        code,
        limits + f"{field.name} was refused, the other fields were written: {message}",
        field.raw,
        message,
    )


def _take_alone(ctx: Cycle, ledger: Ledger, work: Work, looked_us: int, now: int) -> None:
    write = next((each for each in work.writes if each.creates), None)
    if write is not None and isinstance(write.outcome, Written):
        _created(ctx, ledger, work, write, write.outcome, looked_us, now)
        return
    own = work.seen(work.origin)
    if isinstance(own, Gone) or (own is None and work.reason is Reason.RESYNC):
        # Of one that cannot be seen, a person who asks for it again says that it is gone.
        ledger.not_alone.append(work.dirty[0].key)
        ledger.resolved.append(work.dirty[0].key)
    elif isinstance(own, Observation):
        why = work.why_not or ("refused" if work.postpone_until_us is None else "waiting")
        label = "" if work.erased else work.label() or ""
        ledger.alone.append(Unlinked(own.key, work.object, own.modified_us, why, label, looked_us))
        ledger.resolved.append(own.key)


def _created(
    ctx: Cycle, ledger: Ledger, work: Work, write: SideWrite, outcome: Written, looked_us: int, now: int
) -> None:
    into_hubspot = write.side is Side.HUBSPOT
    own = work.seen(work.origin)
    assert isinstance(own, Observation)
    made = RecordKey(write.side, write.type, outcome.id)
    by = LinkedBy.CREATED_IN_HUBSPOT if into_hubspot else LinkedBy.CREATED_IN_SALESFORCE
    base = {**work.agreed, **base_after([(write.side, write.fields)]), **_opt_out_base(work)}
    work.link = link = RecordLink.between(own.key, made, by, now, base)
    link.sets, link.synced_at_us = work.sets, looked_us
    link.held = {each.mapping.id: each.seen for each in work.held} | dropped(write) | opt_out_held(work)
    link.looked = _looked(work, Looked(), looked_us)
    ledger.new_links.append(link)
    ledger.not_alone += [link.hubspot, link.salesforce]
    ledger.resolved += [link.hubspot, link.salesforce]
    ledger.linked += [link.hubspot, link.salesforce]
    ledger.audit += rows_of(work, write, now) + opt_out_rows(work, now) + stage_rows(work, now)
    counts = ctx.report.of(work.object)
    if into_hubspot:
        counts.created_in_hubspot += 1
    else:
        counts.created_in_salesforce += 1


def _take_linked(ctx: Cycle, ledger: Ledger, work: Work, link: RecordLink, looked_us: int, now: int) -> None:
    counts = ctx.report.of(work.object)
    carried = [write for write in work.writes if carried_out(write)]
    base = {**link.base, **work.landed, **work.agreed}
    base |= base_after((write.side, write.fields) for write in carried)
    for write in carried:
        if write.fields:
            _count_update(counts, write.side)
        rows, lost = rows_of(work, write, now), lost_races(work, write, now)
        ledger.audit.extend(rows)
        ledger.lost.extend((link, row) for row in lost)
        counts.conflicts += sum(row.kind is AuditKind.CONFLICT and row.status == "open" for row in rows + lost)
    if is_moved(work) and not any(write.fields and write.side is Side.HUBSPOT for write in carried):
        _count_update(counts, Side.HUBSPOT)
    base |= _opt_out_base(work)
    ledger.audit += opt_out_rows(work, now) + stage_rows(work, now)
    # What was refused may be taken of the record that it lives on as, or is refused anew with an issue that names that one. Of a
    # pair that has ended nothing waits any more.
    held = {} if work.relink_to is not None or work.state is LinkState.UNLINKED else still_held(work, link)
    both = [link.hubspot, link.salesforce]
    ledger.resolved += both
    if held:
        mapped = work.runtime.mapping_for(link.salesforce_type).fields
        properties = {field.property for field in mapped if field.id in held}
        if HELD_AS_A_WHOLE in held:
            properties.add("")
        ledger.still_held |= dict.fromkeys(both, properties)
    if work.state is None and _rests_on(work, link):
        # That the record was merged into one with a pair of its own stays an issue also while nobody can see what it lives on as,
        # and so does why the other one was not deleted with it.
        ledger.still_held |= {key: {*ledger.still_held.get(key, ()), ""} for key in both}
    sets = {**link.sets, **work.sets}
    if work.ends is not None:
        ledger.ended.append(work.ends)
    if work.new_link:
        link.base, link.sets, link.held, link.synced_at_us = base, sets, held, looked_us
        link.looked = _looked(work, Looked(), looked_us)
        ledger.new_links.append(link)
        ledger.not_alone += both
        ledger.linked += both
        _count_link(ctx, ledger, work, link, now)
        return
    assert link.id is not None
    if work.relink_to is not None:
        base = carry_over(work.runtime, link, {} if work.two_in_one else base, work.relink_to)
        base = without_blanks_of(work.runtime, work.salesforce, work.relink_to, base)
        # The record that it lives on as has an opt-out of its own, or none: what was given is carried over once more.
        base = {id_: pair for id_, pair in base.items() if id_ not in (OPT_OUT, OPT_OUT_ADDRESS, *OF_RESTING)}
    if work.state in WHOLE:
        base = {id_: pair for id_, pair in base.items() if id_ not in OF_RESTING}
    if base != link.base or sets != link.sets:
        ledger.bases.append((link.id, base, sets, looked_us))
    else:
        ledger.touched.append(link.id)
    looked = _looked(work, link.looked, looked_us)
    if looked != link.looked:
        ledger.looked.append((link.id, looked))
    if held != link.held:
        ledger.held.append((link.id, held))
    if work.state is not None:
        ledger.states.append((link.id, work.state))
    if work.state is LinkState.LINKED:
        ledger.linked += both
    if work.state is LinkState.UNLINKED and work.follow is not None:
        ledger.due_now.append(work.follow)
    if work.relink_to is not None:
        ledger.moves.append((link.id, work.relink_to))
        ledger.not_alone.append(work.relink_to)
        ledger.due_now.append(work.relink_to)
        ledger.linked += [*both, work.relink_to]


def _rests_on(work: Work, link: RecordLink) -> bool:
    """Whether the pair rests as before, since one record is away and does not live on as another."""
    away = [side for side, state in RESTS.items() if link.state is state]
    return any(isinstance(seen := work.seen(side), Gone) and seen.successor is None for side in away)


def _count_link(ctx: Cycle, ledger: Ledger, work: Work, link: RecordLink, now: int) -> None:
    counts = ctx.report.of(work.object)
    # One that we made without being told of it has the row of its create.
    if link.linked_by is LinkedBy.CREATED_IN_HUBSPOT:
        counts.created_in_hubspot += 1
    elif link.linked_by is LinkedBy.CREATED_IN_SALESFORCE:
        counts.created_in_salesforce += 1
    else:
        ledger.audit.append(pair_row(work, AuditKind.LINK, link.linked_by.value, now))
        counts.linked += 1


def _looked(work: Work, before: Looked, looked_us: int) -> Looked:
    """Our own write makes another version, which nobody has looked at."""

    def version_us(side: Side) -> int:
        seen = work.seen(side)
        return seen.modified_us if isinstance(seen, Observation) else before.version_us(side)

    members_us = work.members_us or before.members_us
    now = Looked(version_us(Side.HUBSPOT), version_us(Side.SALESFORCE), members_us, before.since_us)
    return before if now == before else msgspec.structs.replace(now, since_us=looked_us)


def _opt_out_base(work: Work) -> Base:
    """What is known of the opt-out once it has been carried over in every direction in which it had to go."""
    to_salesforce = [write for write in work.writes if "HasOptedOutOfEmail" in write.extra]
    if not to_salesforce and work.opt_out_hubspot is None:
        return {}
    if not all(map(carried_out, to_salesforce)) or (work.opt_out_hubspot is not None and not work.opt_out_done):
        # One half of it failed. To know the other already would end it: the next look finds all of it as news again.
        return {}
    return {OPT_OUT: (1, 1), OPT_OUT_ADDRESS: (work.opt_out_address, 0)}


def _count_update(counts: ObjectCounts, side: Side) -> None:
    if side is Side.HUBSPOT:
        counts.updated_in_hubspot += 1
    else:
        counts.updated_in_salesforce += 1
