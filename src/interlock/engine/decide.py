"""From what was seen of each pair to what shall be done: the pure core applied to a batch. No I/O.

Runs the record-level state table, then the three-way merge, then renders the writes. What it leaves on a work is the whole
plan for it; a preview stops here.
"""

from __future__ import annotations

from interlock.core.link import OUTSIDE, RESTS, LinkMove, decide_link, deleted_by_us, waits_to_go
from interlock.core.model import (
    AuditKind,
    Issue,
    LinkState,
    Observation,
    Reason,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.core.plain import plain
from interlock.core.plan import HeldField, plan_side, seen
from interlock.core.reconcile import Because, Chosen, FieldDecision, merge_record
from interlock.core.values import Text, fingerprint
from interlock.engine.accounts_for import NO_CONTACT
from interlock.engine.audit_rows import pair_row
from interlock.engine.choices import weigh
from interlock.engine.context import (
    EXISTING,
    HELD_AS_A_WHOLE,
    HUBSPOT_ID_PROPERTY,
    OPT_OUT,
    OPT_OUT_ADDRESS,
    SALESFORCE_HUBSPOT_ID,
    Cycle,
    Settings,
)
from interlock.engine.explanations import fix_for
from interlock.engine.inclusion import limit_of, note_excluded
from interlock.engine.left_out import wait_for_left_out
from interlock.engine.pipelines import (
    PIPELINE_NOT_SYNCED,
    beside_a_new_stage,
    mapping_of_new_deal,
    mapping_of_pair,
    stages_along,
)
from interlock.engine.record_link import link_along
from interlock.engine.references import leads_nowhere
from interlock.engine.together import has_company_now, keep_together, why_not_created
from interlock.engine.undo import end_apart, weigh_undos
from interlock.engine.work import Batch, Deletion, Limit, SideWrite, Work
from interlock.objects.choices import DELETES, DELETES_IN
from interlock.store.dirty import UNTIL_WOKEN_US
from interlock.store.undos import WAITING

# A pair that waits for its company is looked at again when the company is linked, and in any case after this long; so is one
# of which a record cannot be seen.
WAIT_FOR_REFERENCE_US = 6 * 3_600_000_000
# The code of that issue.
NOT_VISIBLE = "record_not_visible"
# What was refused and has not changed since is sent once more for these alone.
_SENDS_AGAIN = frozenset({Reason.RESYNC, Reason.RESYNC_OF_MANY, Reason.RESOLVED, Reason.TRY_AGAIN})
NO_ADDRESS = "opt_out_without_address"


def decide(ctx: Cycle, batch: Batch) -> None:
    for work in batch.works:
        if work.take_back is not None:
            continue  # it goes, and needs no values any more
        if work.follow is not None:
            continue  # its pair goes over to the record that was looked at, and is decided on with the next look (latest.py)
        if work.link is None:
            _decide_alone(ctx, work)
        elif work.new_link:
            if work.included is True or work.landing:
                _decide_pair(ctx, work)
        else:
            _decide_linked(ctx, work)
        if work.open_intents and work.link is not None:
            # A pair that rests by now is looked at again all the same: what was written to it may have replaced something.
            wait_for_left_out(ctx, work, work.runtime.mapping_for(work.link.salesforce_type))


_AUDIT_KINDS = {LinkState.LINKED: AuditKind.RELINK, **dict.fromkeys(OUTSIDE, AuditKind.EXCLUDE)}


def _decide_linked(ctx: Cycle, work: Work) -> None:
    link = work.link
    assert link is not None
    carries = () if _taken_back(work) else DELETES_IN[ctx.settings.chosen(DELETES, work.object)]
    base = {**link.base, **work.landed}
    decision = decide_link(
        link,
        work.hubspot,
        work.salesforce,
        work.included,
        limit_of(work),
        outside=LinkState.OTHER_PIPELINE if work.limit is Limit.PIPELINE else LinkState.EXCLUDED,
        carries=carries,
        ours=deleted_by_us(base),
        waits=waits_to_go(base),
    )
    if work.included is not True:
        note_excluded(ctx, work)
    match decision.move:
        case LinkMove.MERGE:
            _decide_pair(ctx, work)
        case LinkMove.SET_STATE:
            work.state = decision.state
            kind = _AUDIT_KINDS.get(decision.state, AuditKind.UNLINK) if decision.state else AuditKind.UNLINK
            work.audit.append(pair_row(work, kind, decision.cause, ctx.clock_us()))
            if decision.state is LinkState.LINKED:
                link.state = LinkState.LINKED
                _decide_pair(ctx, work)
        case LinkMove.FOLLOW if (
            (to := decision.successor) and to.side is Side.SALESFORCE and not work.runtime.syncs(to.type)
        ):
            # It lives on as a record of a type that does not sync: the pair moves when that does.
            work.wait(ctx.clock_us() + UNTIL_WOKEN_US, Reason.WAITING)
        case LinkMove.FOLLOW:
            work.follow = decision.successor
        case LinkMove.WAIT if work.reason is Reason.RESYNC:
            # A person has looked, as the issue asks, and says that it is gone. Should it show again, the pair goes on.
            hidden = Side.HUBSPOT if work.hubspot is None else Side.SALESFORCE
            work.state = RESTS[hidden]
            work.audit.append(pair_row(work, AuditKind.UNLINK, "no longer visible", ctx.clock_us()))
        case LinkMove.WAIT:
            work.issues.append(_not_visible(work))
            work.wait(ctx.clock_us() + WAIT_FOR_REFERENCE_US, Reason.WAITING)
        case LinkMove.DELETE if work.undoing:
            pass  # it is for whoever does everything
        case LinkMove.DELETE:
            assert decision.side is not None
            assert decision.state is not None
            work.deletion = Deletion(decision.side, decision.state, decision.cause)
        case LinkMove.REST:
            pass


def _taken_back(work: Work) -> bool:
    """Whether a person takes a record of the pair back, which we had created: that it is gone may be our own delete, of which a
    crash or a time-out kept the answer from us."""
    return any(row.of_record() and row.state == WAITING for row in work.undos)


def _decide_pair(ctx: Cycle, work: Work) -> None:
    hubspot, salesforce, link = work.hubspot, work.salesforce, work.link
    assert link is not None
    assert isinstance(hubspot, Observation)
    assert isinstance(salesforce, Observation)
    mapping = work.runtime.mapping_for(link.salesforce_type)
    choices: dict[int, Chosen] = {
        **weigh_undos(work, mapping, hubspot, salesforce),
        **weigh(work, mapping, hubspot, salesforce),
    }
    base = {**link.base, **work.landed}
    last = newest(ctx.settings, hubspot, salesforce)
    mapping = mapping_of_pair(work.runtime, mapping, base, hubspot, salesforce, last, choices)
    merged = merge_record(mapping, base, hubspot, salesforce, last, choices)
    work.merged = True
    work.agreed = merged.agreed
    merged.writes = [each for each in merged.writes if not _leads_nowhere(work, each, hubspot, salesforce)]
    if work.landing:
        merged.writes = [each for each in merged.writes if each.merge.write is Side.HUBSPOT and not each.merge.both]
    work.decisions = merged.writes
    resend = work.reason in _SENDS_AGAIN or _changed_since_refused(link, merged.writes)
    resend = resend or has_company_now(work.runtime.spec, link.held, merged.writes)
    extras: dict[Side, dict[str, object]] = {side: {} for side in Side}
    writes = merged.writes
    if work.undoing:
        # Everything else stays as it is, its base and what is held back of it too, until the pair is looked at again.
        writes = [each for each in writes if each.merge.because is Because.PERSON_UNDID]
        work.agreed = {id_: agreed for id_, agreed in work.agreed.items() if id_ in choices}
    else:
        extras = _extras(work, hubspot, salesforce)
    writes, stays = stages_along(mapping, writes, hubspot, salesforce)
    if stays is not None:
        # Not held back: it goes as soon as either stage is another.
        work.issues.append(held_issue(work, stays))
    if work.landing:
        del extras[Side.SALESFORCE]
    plans = {side: plan_side(side, writes, link.held, creating=False, resend_held=resend) for side in extras}
    planned = [each for plan in plans.values() for each in plan.fields]
    keep_together(work.runtime.spec, mapping, plans, writes, hubspot, salesforce)
    if end_apart(work, planned, plans.values()):
        work.wait(ctx.clock_us(), Reason.RETRY)
    for side, extra in extras.items():
        plan = plans[side]
        work.held.extend(plan.held)
        if plan.fields or extra:
            key = link.key(side)
            write = SideWrite(side, key.type, key.id, "", plan.fields, extra)
            if side is Side.SALESFORCE and not work.undoing:
                write.along = _hubspot_id_along(ctx, work, link.hubspot_id, salesforce)
            if side is Side.HUBSPOT and not work.undoing:
                write.along = {**link_along(ctx, work.runtime, salesforce.key, hubspot)}
            work.writes.append(write)
    _note_held(work)
    _note_waiting_references(ctx, work)
    wait_for_left_out(ctx, work, mapping)


def _leads_nowhere(work: Work, decision: FieldDecision, hubspot: Observation, salesforce: Observation) -> bool:
    mapping = decision.mapping
    raws = {Side.HUBSPOT: hubspot.values.get(mapping.property), Side.SALESFORCE: salesforce.values.get(mapping.field)}
    # What is taken back is not carried over from anywhere.
    return decision.merge.because is not Because.PERSON_UNDID and any(
        leads_nowhere(reference, decision, raws)
        for reference in work.runtime.references
        if (reference.property, reference.field) == (mapping.property, mapping.field)
    )


def _changed_since_refused(link: RecordLink, decisions: list[FieldDecision]) -> bool:
    """A rule of the org that refused the record, and not one field of it, looks at all fields together."""
    return HELD_AS_A_WHOLE in link.held and any(
        link.held.get(decision.mapping.id) != seen(decision) for decision in decisions
    )


def _extras(work: Work, hubspot: Observation, salesforce: Observation) -> dict[Side, dict[str, object]]:
    """What goes along that is no mapping: the stored id in HubSpot, the opt-out in Salesforce."""
    extras: dict[Side, dict[str, object]] = {Side.HUBSPOT: {}, Side.SALESFORCE: {}}
    if hubspot.values.get(HUBSPOT_ID_PROPERTY) != salesforce.key.id:
        extras[Side.HUBSPOT][HUBSPOT_ID_PROPERTY] = salesforce.key.id
    if "HasOptedOutOfEmail" in salesforce.values and "hs_email_optout" in hubspot.values:
        _opt_out(work, hubspot, salesforce, extras[Side.SALESFORCE])
    return extras


def _hubspot_id_along(ctx: Cycle, work: Work, hubspot_id: str, salesforce: Observation) -> dict[str, object]:
    """Which HubSpot record it is linked with, in the words of the creation key. What another account of the org has said
    there stands: two that took turns would each undo the other's."""
    if salesforce.key.type not in work.runtime.id_shown_types or SALESFORCE_HUBSPOT_ID not in salesforce.values:
        return {}
    said, holds = str(salesforce.values[SALESFORCE_HUBSPOT_ID] or ""), ctx.creation_key(work.object, hubspot_id)
    return {} if said == holds or (said and not ctx.is_ours(said)) else {SALESFORCE_HUBSPOT_ID: holds}


def _address(work: Work, hubspot: Observation) -> str | None:
    """The e-mail address that HubSpot will hold after this batch: an opt-out there is one of the address."""
    decided = (each for each in work.decisions if each.mapping.property == "email" and each.merge.writes(Side.HUBSPOT))
    for decision in decided:
        return plain(decision.merge.value)
    return hubspot.values.get("email") or None


def _opt_out(work: Work, hubspot: Observation, salesforce: Observation, to_write: dict[str, object]) -> None:
    """An opt-out travels once, when it is given; it is never cleared by us, and a person's later opt-in is not undone.

    In HubSpot it belongs to the e-mail address: a contact with a new address has none, though nobody opted in again.
    """
    assert work.link is not None
    in_hubspot = str(hubspot.values.get("hs_email_optout")).lower() == "true"
    in_salesforce = bool(salesforce.values.get("HasOptedOutOfEmail"))
    known_hubspot, known_salesforce = work.link.base.get(OPT_OUT, (0, 0))
    address = _address(work, hubspot)
    holds = work.opt_out_address = _address_print(address) if address else 0
    known_address, _ = work.link.base.get(OPT_OUT_ADDRESS, (holds, 0))
    to_salesforce = in_hubspot and not in_salesforce and not known_hubspot
    # Moved since we last looked, or by this very batch.
    moved = in_salesforce and holds != known_address
    moves = (in_hubspot or in_salesforce) and address != (hubspot.values.get("email") or None)
    given = in_salesforce and not in_hubspot and not known_salesforce
    to_hubspot = address is not None and (moved or moves or given)
    if (in_salesforce or to_salesforce) and address is None:
        work.issues.append(_nobody_to_opt_out(work))
    if to_salesforce:
        to_write["HasOptedOutOfEmail"] = True
    if to_hubspot:
        work.opt_out_hubspot = address
    if not to_salesforce and not to_hubspot:
        now = {OPT_OUT: (int(in_hubspot), int(in_salesforce))} | (
            {OPT_OUT_ADDRESS: (holds, 0)} if in_salesforce else {}
        )
        # That there was no address is known as well: the one that comes is then another.
        unknown = {OPT_OUT: (0, 0)}
        news = {id_: pair for id_, pair in now.items() if work.link.base.get(id_, unknown.get(id_)) != pair}
        if news:
            work.agreed = {**work.agreed, **news}


def _address_print(address: str) -> int:
    return fingerprint(Text(address.lower()))


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
    if work.limit is Limit.PIPELINE and work.included is False:
        return PIPELINE_NOT_SYNCED
    if work.origin is Side.HUBSPOT and work.create_type is None:
        return "creation_off_in_salesforce"
    if work.origin is Side.SALESFORCE and not work.runtime.create_in_hubspot:
        return "creation_off_in_hubspot"
    if work.has_contact_there is False and work.reason is not Reason.RESYNC:
        return NO_CONTACT
    if work.reason is Reason.EXISTING_LINK_ONLY and not EXISTING[ctx.settings.existing].create:
        return "existing_not_created"
    return None


def _decide_create(ctx: Cycle, work: Work, own: Observation) -> None:
    side = work.origin.other
    type_ = work.runtime.spec.hubspot_type
    salesforce_type = own.key.type
    if side is Side.SALESFORCE:
        assert work.create_type is not None
        type_ = salesforce_type = work.create_type
    mapping = work.runtime.mapping_for(salesforce_type)
    # A record that is not there yet is one whose every field is blank: then creating is the same merge as updating.
    if side is Side.HUBSPOT:
        mapping = mapping_of_new_deal(work.runtime, mapping, own)
    blank = Observation(
        RecordKey(side, type_, ""),
        {field.name(side): field.codec.absent for field in mapping.fields},
        0,
        0,
        own.read_us,
    )
    hubspot, salesforce = (own, blank) if work.origin is Side.HUBSPOT else (blank, own)
    merged = merge_record(mapping, {}, hubspot, salesforce, None)
    writes = [each for each in merged.writes if not _leads_nowhere(work, each, hubspot, salesforce)]
    plan = plan_side(side, writes, {}, creating=True, resend_held=True)
    keep_together(work.runtime.spec, mapping, {side: plan}, writes, hubspot, salesforce, creates=True)
    work.agreed = merged.agreed
    work.decisions, work.held = writes, plan.held
    work.why_not = why_not_created(work.runtime.spec, plan)
    if work.why_not is not None:
        _note_held(work)
        return
    extra: dict[str, object] = {}
    sync_key = own.key.id
    if side is Side.SALESFORCE:
        sync_key = ctx.creation_key(work.object, own.key.id)
        written = {write.name for write in plan.fields}
        defaults = work.runtime.spec.required_salesforce.get(type_, {})
        extra.update({name: value for name, value in defaults.items() if name not in written})
        if str(own.values.get("hs_email_optout")).lower() == "true":
            extra["HasOptedOutOfEmail"] = True
            work.opt_out_address = _address_print(str(own.values.get("email") or ""))
    elif own.values.get("HasOptedOutOfEmail") and own.values.get("Email"):
        work.opt_out_hubspot = str(own.values["Email"])
        work.opt_out_address = _address_print(work.opt_out_hubspot)
    if side is Side.HUBSPOT:
        extra.update(beside_a_new_stage(work.runtime, own))
    write = SideWrite(side, type_, None, sync_key, plan.fields, extra)
    if side is Side.HUBSPOT:
        write.along = {**link_along(ctx, work.runtime, own.key)}
    elif type_ in work.runtime.id_shown_types:
        write.along = {SALESFORCE_HUBSPOT_ID: sync_key}
    work.writes.append(write)
    _note_held(work)
    _note_waiting_references(ctx, work)
    wait_for_left_out(ctx, work, mapping)


def _note_waiting_references(ctx: Cycle, work: Work) -> None:
    """A reference to a record that is not linked yet is deferred: the rest goes now, and the pair is due again later."""
    for reference in work.runtime.references:
        for side, name, known in (
            (Side.HUBSPOT, reference.property, reference.hubspot_to_common),
            (Side.SALESFORCE, reference.field, reference.salesforce_to_common),
        ):
            seen = work.seen(side)
            if not isinstance(seen, Observation) or seen.values.get("IsPersonAccount"):
                # A person's account is the person: it never becomes a company.
                continue
            points_to = seen.values.get(name)
            if points_to and (str(points_to) not in known or str(points_to) in reference.resting):
                work.awaits.append(reference.key(side, str(points_to)))
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
        salesforce_type=own.type if (own := work.key(Side.SALESFORCE)) is not None else None,
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
    cause = f"{hidden} no longer shows this record to the sync user, and does not say that it was deleted."
    return field_issue(work, None, None, NOT_VISIBLE, cause, None)


def _nobody_to_opt_out(work: Work) -> Issue:
    """HubSpot keeps an opt-out by the address. Once the contact has one, it gets there."""
    cause = "Salesforce says that the contact opted out of e-mail, and HubSpot has no address of theirs to opt out."
    issue = field_issue(work, "hs_email_optout", "HasOptedOutOfEmail", NO_ADDRESS, cause, None)
    issue.severity = "warning"
    return issue
