"""From what was seen of each pair to what shall be done: the pure core applied to a batch. No I/O.

Runs the record-level state table, then the three-way merge, then renders the writes. What it leaves on a work is the whole
plan for it; a preview stops here.
"""

from __future__ import annotations

from interlock.core.link import LinkMove, decide_link
from interlock.core.model import (
    AuditKind,
    AuditRow,
    ConflictReason,
    Issue,
    LinkState,
    Observation,
    Reason,
    RecordKey,
    Side,
)
from interlock.core.plain import plain
from interlock.core.plan import HeldField, plan_side
from interlock.core.reconcile import FieldDecision, merge_record
from interlock.engine.choices import weigh
from interlock.engine.context import EXISTING, HUBSPOT_ID_PROPERTY, OPT_OUT, Cycle, Settings
from interlock.engine.explanations import fix_for
from interlock.engine.work import Batch, SideWrite, Work

# A pair that waits for its company is looked at again when the company is linked, and in any case after this long.
WAIT_FOR_REFERENCE_US = 6 * 3_600_000_000


def decide(ctx: Cycle, batch: Batch) -> None:
    for work in batch.works:
        if work.link is None:
            _decide_alone(ctx, work)
        elif work.new_link:
            _decide_pair(ctx, work)
        else:
            _decide_linked(ctx, work)


def _decide_linked(ctx: Cycle, work: Work) -> None:
    link = work.link
    assert link is not None
    decision = decide_link(link, work.hubspot, work.salesforce)
    match decision.move:
        case LinkMove.MERGE:
            _decide_pair(ctx, work)
        case LinkMove.SET_STATE:
            work.state = decision.state
            kind = AuditKind.RELINK if decision.state is LinkState.LINKED else AuditKind.UNLINK
            work.audit.append(_audit(ctx, work, kind, decision.cause))
            if decision.state is LinkState.LINKED:
                link.state = LinkState.LINKED
                _decide_pair(ctx, work)
        case LinkMove.FOLLOW:
            work.follow = decision.successor
            work.audit.append(_audit(ctx, work, AuditKind.RELINK, decision.cause))
        case LinkMove.WAIT:
            work.issues.append(_not_visible(work))
        case LinkMove.REST:
            pass


def _decide_pair(ctx: Cycle, work: Work) -> None:
    hubspot, salesforce, link = work.hubspot, work.salesforce, work.link
    assert link is not None
    assert isinstance(hubspot, Observation)
    assert isinstance(salesforce, Observation)
    mapping = work.runtime.mapping_for(link.salesforce_type)
    choices = weigh(work, mapping, hubspot, salesforce)
    merged = merge_record(mapping, link.base, hubspot, salesforce, newest(ctx.settings, hubspot, salesforce), choices)
    work.agreed = merged.agreed
    work.decisions = merged.writes
    work.conflicts = merged.conflicts
    resend = work.reason in (Reason.RESYNC, Reason.RESOLVED)
    for side in Side:
        plan = plan_side(side, merged.writes, link.held, creating=False, resend_held=resend)
        work.held.extend(plan.held)
        extra = _extra(ctx, work, side, hubspot, salesforce)
        if plan.fields or extra:
            key = link.key(side)
            work.writes.append(SideWrite(side, key.type, key.id, "", plan.fields, extra))
    _note_held(work)
    _note_waiting_references(ctx, work)


def _extra(ctx: Cycle, work: Work, side: Side, hubspot: Observation, salesforce: Observation) -> dict[str, object]:
    """What goes along that is no mapping: the stored id in HubSpot, the opt-out in Salesforce."""
    extra: dict[str, object] = {}
    if side is Side.HUBSPOT and hubspot.values.get(HUBSPOT_ID_PROPERTY) != salesforce.key.id:
        extra[HUBSPOT_ID_PROPERTY] = salesforce.key.id
    if "HasOptedOutOfEmail" in salesforce.values and "hs_email_optout" in hubspot.values:
        _opt_out(work, side, hubspot, salesforce, extra)
    return extra


def _opt_out(work: Work, side: Side, hubspot: Observation, salesforce: Observation, extra: dict[str, object]) -> None:
    """An opt-out travels once, when it is given; it is never cleared by us, and a person's later opt-in is not undone."""
    assert work.link is not None
    in_hubspot = str(hubspot.values.get("hs_email_optout")).lower() == "true"
    in_salesforce = bool(salesforce.values.get("HasOptedOutOfEmail"))
    known = work.link.base.get(OPT_OUT, (0, 0))
    if side is Side.SALESFORCE and in_hubspot and not in_salesforce and not known[0]:
        extra["HasOptedOutOfEmail"] = True
        return
    email = hubspot.values.get("email")
    if side is Side.HUBSPOT and in_salesforce and not in_hubspot and not known[1] and email:
        work.opt_out_hubspot = str(email)
        return
    now = (int(in_hubspot), int(in_salesforce))
    needed = (in_hubspot and not known[0] and not in_salesforce) or (in_salesforce and not known[1] and not in_hubspot)
    if not needed and known != now:
        work.agreed = {**work.agreed, OPT_OUT: now}


def newest(settings: Settings, hubspot: Observation, salesforce: Observation) -> Side | None:
    """The side edited last; None when the two clocks are too close to tell."""
    apart = hubspot.modified_us - salesforce.modified_us
    if abs(apart) <= settings.clock_skew_us:
        return None
    return Side.HUBSPOT if apart > 0 else Side.SALESFORCE


def _decide_alone(ctx: Cycle, work: Work) -> None:
    """A record without counterpart: create one, or say why not."""
    if work.why_not is not None:
        return
    own = work.seen(work.origin)
    assert isinstance(own, Observation)
    work.why_not = _why_not_created(ctx, work, own)
    if work.why_not is None:
        _decide_create(ctx, work, own)


def _why_not_created(ctx: Cycle, work: Work, own: Observation) -> str | None:
    if work.origin is Side.HUBSPOT and work.runtime.create_type is None:
        return "creation_off_in_salesforce"
    if work.origin is Side.SALESFORCE and not work.runtime.create_in_hubspot:
        return "creation_off_in_hubspot"
    if work.reason is Reason.EXISTING_LINK_ONLY and not EXISTING[ctx.settings.existing].create:
        return "existing_not_created"
    return None


def _decide_create(ctx: Cycle, work: Work, own: Observation) -> None:
    side = work.origin.other
    type_ = work.runtime.spec.hubspot_type
    salesforce_type = own.key.type
    if side is Side.SALESFORCE:
        assert work.runtime.create_type is not None
        type_ = salesforce_type = work.runtime.create_type
    mapping = work.runtime.mapping_for(salesforce_type)
    # A record that is not there yet is one whose every field is blank: then creating is the same merge as updating.
    blank = Observation(
        RecordKey(side, type_, ""), {field.name(side): None for field in mapping.fields}, 0, 0, own.read_us
    )
    hubspot, salesforce = (own, blank) if work.origin is Side.HUBSPOT else (blank, own)
    merged = merge_record(mapping, {}, hubspot, salesforce, None)
    plan = plan_side(side, merged.writes, {}, creating=True, resend_held=True)
    work.agreed = {id_: base for id_, base in merged.agreed.items() if base[0] == base[1]}
    work.decisions, work.held = merged.writes, plan.held
    extra: dict[str, object] = {}
    sync_key = own.key.id
    if side is Side.SALESFORCE:
        sync_key = ctx.creation_key(work.object, own.key.id)
        written = {write.name for write in plan.fields}
        defaults = work.runtime.spec.required_salesforce.get(type_, {})
        extra.update({name: value for name, value in defaults.items() if name not in written})
        if str(own.values.get("hs_email_optout")).lower() == "true":
            extra["HasOptedOutOfEmail"] = True
    elif own.values.get("HasOptedOutOfEmail") and own.values.get("Email"):
        work.opt_out_hubspot = str(own.values["Email"])
    work.writes.append(SideWrite(side, type_, None, sync_key, plan.fields, extra))
    _note_held(work)
    _note_waiting_references(ctx, work)


def _note_waiting_references(ctx: Cycle, work: Work) -> None:
    """A reference to a record that is not linked yet is deferred: the rest goes now, and the pair is due again later."""
    for reference in work.runtime.references:
        for side, name, known in (
            (Side.HUBSPOT, reference.property, reference.hubspot_to_common),
            (Side.SALESFORCE, reference.field, reference.salesforce_to_common),
        ):
            seen = work.seen(side)
            if not isinstance(seen, Observation):
                continue
            points_to = seen.values.get(name)
            if points_to and str(points_to) not in known:
                work.wait(ctx.clock_us() + WAIT_FOR_REFERENCE_US, Reason.WAITING)


def _note_held(work: Work) -> None:
    for held in work.held:
        work.issues.append(held_issue(work, held))


def held_issue(work: Work, held: HeldField) -> Issue:
    target = "HubSpot" if held.side is Side.HUBSPOT else "Salesforce"
    return field_issue(
        work,
        held.mapping.property,
        held.mapping.field,
        held.code,
        f"{target} cannot hold it: {held.message}",
        held.value,
    )


def field_issue(
    work: Work, property_: str | None, field: str | None, code: str, cause: str, value: object, raw: str | None = None
) -> Issue:
    category, fix = fix_for(code)
    return Issue(
        category=category,
        code=code,
        severity="error",
        object=work.object,
        hubspot_id=work.hubspot_id,
        salesforce_id=work.salesforce_id,
        salesforce_type=work.link.salesforce_type if work.link else None,
        cause=cause,
        fix=fix,
        property=property_,
        field=field,
        value=plain(value),
        raw_message=raw,
        label=work.label(),
    )


def _not_visible(work: Work) -> Issue:
    hidden = "HubSpot" if work.hubspot is None else "Salesforce"
    category, fix = fix_for("record_not_visible")
    return Issue(
        category=category,
        code="record_not_visible",
        severity="error",
        object=work.object,
        hubspot_id=work.hubspot_id,
        salesforce_id=work.salesforce_id,
        salesforce_type=work.link.salesforce_type if work.link else None,
        cause=f"{hidden} no longer shows this record to the sync user, and does not say that it was deleted.",
        fix=fix,
        label=work.label(),
    )


def conflict_row(ctx: Cycle, work: Work, decision: FieldDecision) -> AuditRow:
    conflict = decision.merge.conflict
    assert conflict is not None
    # A first link and a one-sided rule are decided by the rule that a person chose; the others wait for a look.
    settled = conflict.reason in (ConflictReason.FIRST_LINK, ConflictReason.RULE)
    return AuditRow(
        at_us=ctx.clock_us(),
        kind=AuditKind.CONFLICT,
        object=work.object,
        hubspot_id=work.hubspot_id,
        salesforce_id=work.salesforce_id,
        side=conflict.loser,
        property=decision.mapping.property,
        field=decision.mapping.field,
        old=plain(conflict.lost),
        new=plain(conflict.kept),
        cause=decision.merge.because.value,
        rule=decision.mapping.effective_rule.value,
        reason=conflict.reason.value,
        status="settled" if settled else "open",
    )


def _audit(ctx: Cycle, work: Work, kind: AuditKind, cause: str) -> AuditRow:
    return AuditRow(
        at_us=ctx.clock_us(),
        kind=kind,
        object=work.object,
        hubspot_id=work.hubspot_id,
        salesforce_id=work.salesforce_id,
        cause=cause,
    )
