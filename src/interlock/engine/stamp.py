"""What completes a pair after its records were written: the stored id in HubSpot, associations, opt-outs.

All of it is idempotent and none of it is a record write of its own, so it needs no intent: what a crash leaves out is seen
as a difference by the next look at the pair. Of a create that holds because its base, should its answer be lost, knows no
associations (apply.py).
"""

from __future__ import annotations

from collections import defaultdict

from interlock.core.model import NotDone, Outcome, Reason, RecordKey, Refused, Side, Written
from interlock.crm.hubspot.model import HubSpotWrite
from interlock.engine.context import HUBSPOT_ID_PROPERTY, Cycle, Reference
from interlock.engine.decide import field_issue
from interlock.engine.not_associated import for_good, note_refused
from interlock.engine.record_link import link_along
from interlock.engine.work import Batch, SideWrite, Work

# HUBSPOT_DEFINED types that make the association the primary one (HubSpot associations v4, default type ids).
PRIMARY_TYPE = {("contacts", "companies"): 1, ("deals", "companies"): 5}


async def stamp_pairs(ctx: Cycle, batch: Batch) -> None:
    await _store_ids(ctx, batch)
    await _associate(ctx, batch)
    await _opt_out(ctx, batch)


async def _store_ids(ctx: Cycle, batch: Batch) -> None:
    """The durable half of the pair: HubSpot is told the id of the Salesforce record that was just made for it."""
    made: dict[str, tuple[Work, SideWrite]] = {}
    for work in batch.works:
        for write in work.writes:
            if write.creates and write.side is Side.SALESFORCE and isinstance(write.outcome, Written):
                made[work.dirty[0].key.id] = (work, write)
    if not made:
        return
    ids = {id_: write.outcome.id for id_, (_, write) in made.items() if isinstance(write.outcome, Written)}
    links = {
        id_: link_along(ctx, batch.runtime, RecordKey(Side.SALESFORCE, made[id_][1].type, to))
        for id_, to in ids.items()
    }
    type_ = batch.runtime.spec.hubspot_type
    requests = [HubSpotWrite(id_, id_, {**links[id_], HUBSPOT_ID_PROPERTY: to}) for id_, to in ids.items()]
    outcomes = await ctx.hubspot.update(type_, requests, purpose="write")
    # The link is nothing that the id may be lost for: its property may have been taken away a moment ago.
    again = [
        HubSpotWrite(id_, id_, {HUBSPOT_ID_PROPERTY: ids[id_]})
        for id_, outcome in outcomes.items()
        if isinstance(outcome, Refused) and set(outcome.fields) & set(links[id_])
    ]
    if again:
        outcomes |= await ctx.hubspot.update(type_, again, purpose="write")
    for hubspot_id, (work, _) in made.items():
        _retry_unless_written(ctx, work, outcomes[hubspot_id])


async def _associate(ctx: Cycle, batch: Batch) -> None:
    type_ = batch.runtime.spec.hubspot_type
    for reference in batch.runtime.references:
        primary = PRIMARY_TYPE[type_, reference.object]
        join: dict[tuple[str, str, int], tuple[Work, SideWrite]] = {}
        part: dict[tuple[str, str], tuple[Work, SideWrite]] = {}
        for work in batch.works:
            for write in work.writes:
                if write.side is not Side.HUBSPOT or not isinstance(write.outcome, Written):
                    continue
                for field in write.fields:
                    if field.name != reference.property:
                        continue
                    if field.raw:
                        join[write.outcome.id, str(field.raw), primary] = (work, write)
                    else:
                        before = getattr(work.hubspot, "values", {}).get(reference.property)
                        if before:
                            part[write.outcome.id, str(before)] = (work, write)
        joined = await ctx.hubspot.associate(type_, reference.object, list(join), purpose="write") if join else {}
        parted = await ctx.hubspot.disassociate(type_, reference.object, list(part), purpose="write") if part else {}
        for pair, outcome in joined.items():
            _unless_associated(ctx, reference, *join[pair], pair[1], outcome)
        for ends, outcome in parted.items():
            _unless_associated(ctx, reference, *part[ends], ends[1], outcome)


def _unless_associated(
    ctx: Cycle, reference: Reference, work: Work, write: SideWrite, to_id: str, outcome: Outcome
) -> None:
    if isinstance(outcome, Written):
        return
    # Without the association the reference did not arrive: its base must not say so.
    write.fields = [field for field in write.fields if field.name != reference.property]
    if isinstance(outcome, Refused) and for_good(outcome):
        assert isinstance(write.outcome, Written)
        refused = [(to_id, outcome)]
        note_refused(work, Side.HUBSPOT, reference.object, refused, reference.property, write.outcome.id)
    else:
        _retry_unless_written(ctx, work, outcome)


async def _opt_out(ctx: Cycle, batch: Batch) -> None:
    by_email: dict[str, list[Work]] = defaultdict(list)
    for work in batch.works:
        if work.opt_out_hubspot:
            by_email[work.opt_out_hubspot].append(work)
    if not by_email:
        return
    outcomes = await ctx.hubspot.opt_out(list(by_email), purpose="write")
    for email, works in by_email.items():
        outcome = outcomes.get(email, NotDone("no answer for this address"))
        for work in works:
            work.opt_out_done = isinstance(outcome, Written)
            if isinstance(outcome, Refused) and not outcome.retry:
                _opt_out_refused(work, outcome)
            else:
                _retry_unless_written(ctx, work, outcome)


def _opt_out_refused(work: Work, refusal: Refused) -> None:
    """A scope that lacks, an address that HubSpot does not take: somebody has to do something. It is tried again with every look at
    the contact, and by itself (retries.py)."""
    work.opt_out_refused = True
    cause = f"HubSpot refused to opt the contact out of e-mail, as Salesforce says: {refusal.message}"
    work.issues.append(
        field_issue(work, "hs_email_optout", "HasOptedOutOfEmail", refusal.code, cause, None, refusal.message)
    )


def _retry_unless_written(ctx: Cycle, work: Work, outcome: Outcome) -> None:
    if not isinstance(outcome, Written):
        work.wait(ctx.clock_us() + ctx.settings.retry_base_us, Reason.RETRY)
