"""Following a record that lives on under another id: a merge's survivor, or the contact that a lead became.

The link moves with it unless the survivor already has a counterpart of its own. Then this pair rests: two links to one
record would let one overwrite the other, and what is left of it must not be made a second time. A person is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from interlock.core.link import RESTS, WHOLE, deleted_by_us
from interlock.core.model import (
    AuditKind,
    AuditRow,
    Base,
    Gone,
    GoneHow,
    Issue,
    LinkState,
    Observation,
    Reason,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.engine.audit_rows import pair_row
from interlock.engine.context import HUBSPOT_ID_PROPERTY, Cycle, ObjectRuntime
from interlock.engine.explanations import fix_for
from interlock.engine.fetch import converted, merged_ids, salesforce_absence
from interlock.engine.gave_way import remember_who_gave_way
from interlock.engine.left_out import leave_to_its_type
from interlock.engine.merging import PROPOSAL, merging_of
from interlock.engine.second_company import remember_company
from interlock.engine.work import Batch, Seen, Work
from interlock.objects.choices import DELETES, DELETES_IN
from interlock.store import Tx, intents, links

# Why a pair has moved although nothing has gone: see latest.py.
EDITED_LATER = "edited_later"

_CRM = {Side.HUBSPOT: "HubSpot", Side.SALESFORCE: "Salesforce"}


async def set_survivors_aside(ctx: Cycle, batch: Batch) -> None:
    """Take records out of the batch that a link is about to move to: looked at alone, they would be given another
    counterpart. They stay due, and are claimed again when the link has moved."""
    survivors: set[RecordKey] = set()
    for work in batch.works:
        for seen in (work.hubspot, work.salesforce):
            if work.link is not None and isinstance(seen, Gone) and seen.successor is not None:
                survivors.add(seen.successor)
    alone = [work for work in batch.works if work.link is None]
    aside = {id(work) for work in alone if work.key(work.origin) in survivors}
    batch.works = [work for work in batch.works if id(work) not in aside]
    alone = [work for work in alone if id(work) not in aside]
    await _wait_for_merged_pairs(ctx, batch, alone)
    await _wait_for_pairs_of_lost_rows(ctx, batch, alone)


async def _wait_for_merged_pairs(ctx: Cycle, batch: Batch, alone: list[Work]) -> None:
    """Survivors in HubSpot whose pair waits for a request that may still land, or is not due yet, or rests because the
    survivor was deleted for a while: the pair is to move to it before it is given another counterpart."""
    merged_into = {
        id_: work for work in alone if isinstance(work.hubspot, Observation) for id_ in merged_ids(work.hubspot)
    }
    if not merged_into:
        return
    async with ctx.store.read(ctx.connection_id) as tx:
        found = await links.by_hubspot(tx, batch.runtime.slug, list(merged_into))
    waiting = {id(merged_into[id_]) for id_, link in found.items() if link.state in _MAY_MOVE}
    batch.also_due += [link.hubspot for link in found.values() if link.state is LinkState.HUBSPOT_DELETED]
    for id_, link in found.items():
        if id(merged_into[id_]) in waiting and not batch.runtime.syncs(link.salesforce_type):
            leave_to_its_type(ctx, merged_into[id_])
            waiting.discard(id(merged_into[id_]))
    for work in alone:
        if id(work) in waiting:
            work.wait(ctx.clock_us() + ctx.settings.retry_base_us, Reason.RETRY)
            batch.parked.append(work)
    batch.works = [work for work in batch.works if id(work) not in waiting]


async def _wait_for_pairs_of_lost_rows(ctx: Cycle, batch: Batch, alone: list[Work]) -> None:
    """The same in Salesforce, where the record that went names the one that it lives on as, and not the other way round: the rows
    of pairs that wait for a request are asked whether they are still there."""
    survivors = {work.key(Side.SALESFORCE): work for work in alone if isinstance(work.salesforce, Observation)}
    if not survivors:
        return
    async with ctx.store.read(ctx.connection_id) as tx:
        keys = await intents.unanswered(tx, batch.runtime.slug)
        linked = await _linked(tx, batch.runtime, [key for key in keys if key.id])
    waiting = {link.salesforce for link in linked.values() if link.state in WHOLE}
    for type_ in sorted({key.type for key in waiting if batch.runtime.syncs(key.type)}):
        ids = sorted(key.id for key in waiting if key.type == type_)
        for id_, answer in (await salesforce_absence(ctx, batch.runtime, type_, ids)).items():
            seen = (
                converted(RecordKey(Side.SALESFORCE, type_, id_), answer) if isinstance(answer, Observation) else answer
            )
            work = survivors.get(seen.successor) if isinstance(seen, Gone) and seen.successor is not None else None
            if work is not None and work in batch.works:
                work.wait(ctx.clock_us() + ctx.settings.retry_base_us, Reason.RETRY)
                batch.parked.append(work)
                batch.works.remove(work)


_MAY_MOVE = (*WHOLE, LinkState.HUBSPOT_DELETED)


async def follow(ctx: Cycle, batch: Batch) -> None:
    await _look_again_at_merged(ctx, batch)
    moving = [work for work in batch.works if work.follow is not None]
    if not moving:
        return
    taken: dict[RecordKey, RecordLink] = {}
    by_link = {work.link.id: work for work in batch.works if work.link is not None and work.link.id is not None}
    ended: set[int | None] = set()
    async with ctx.store.read(ctx.connection_id) as tx:
        linked = await _linked(tx, batch.runtime, [work.follow for work in moving if work.follow is not None])
    # A pair that this batch has just found is on no disk yet, and stands like one that was found before.
    found = [work.link for work in batch.works if work.new_link and work.link is not None]
    linked |= {link.key(side): link for link in found for side in Side}
    moving = await _most_fitting_first(ctx, batch.runtime, moving)
    for work in _holders_first(moving, linked, by_link):
        assert work.follow is not None
        assert work.link is not None
        if work.link.id in ended:
            continue
        successor = work.follow
        holder = taken.get(successor) or linked.get(successor)
        other = by_link.get(holder.id or 0) if holder is not None else None
        if other is not None and successor not in taken and (other.state is not None or other.relink_to is not None):
            # It was decided just now what becomes of that pair: this one comes after it.
            work.wait(ctx.clock_us(), Reason.RETRY)
            continue
        # A pair that has just taken the survivor has it, even if it rested until now, and one whose survivor was deleted
        # afterwards has it still: a restore brings it back. Of two pairs that were merged across each other holds the record that
        # the other lives on as: they are one pair, and whichever comes first goes on as it.
        # One that we deleted since the holder's other record had been goes with that: it is nobody else's to follow.
        held = holder is not None and (
            successor in taken
            or holder.state in (*WHOLE, RESTS[successor.side])
            or deleted_by_us(holder.base) is successor.side
        )
        crossed = other is not None and other.follow == work.link.key(successor.side.other)
        if holder is not None and held and not crossed:
            if isinstance(work.hubspot, Gone) and isinstance(work.salesforce, Gone):
                _end(ctx, work)
            else:
                _rest(ctx, work, holder)
            continue
        # The other record was deleted. A lead's contact is the same person, and is not made again; what a record was merged
        # into has a life of its own.
        if _left_nothing(work.seen(successor.side.other)) and (
            holder is not None or _how(work) == GoneHow.MERGED.value
        ):
            _end(ctx, work)
            continue
        if holder is not None and holder.id is not None:
            # The survivor's own counterpart is gone: that pair is history, and this one has both its records.
            work.ends = holder.id
            ended.add(holder.id)
            if other is not None and crossed:
                work.two_in_one = True
                other.audit.append(_parted_row(ctx, other))
        taken[successor] = work.link
        work.relink_to = successor
        if work.link.state is RESTS[successor.side]:
            # Else whoever finds the one that was left of it would end the pair.
            work.state = LinkState.LINKED
        elif DELETES_IN[ctx.settings.chosen(DELETES, work.object)] and _left_nothing(work.seen(successor.side.other)):
            # It lives on though the other was deleted: as in any pair that rests, that delete is carried over no more.
            work.state = RESTS[successor.side.other]
        if _how(work) == GoneHow.CONVERTED.value:
            remember_company(ctx, work)
        elif _how(work) == EDITED_LATER:
            remember_who_gave_way(work, successor)
        work.audit.append(pair_row(work, AuditKind.RELINK, _how(work), ctx.clock_us()))


def _holders_first(moving: list[Work], linked: dict[RecordKey, RecordLink], by_link: dict[int, Work]) -> Iterator[Work]:
    """Whoever holds what another is to move to is decided on before it: it may let it go."""
    waiting = {id(work): work for work in moving}

    def in_turn(work: Work) -> Iterator[Work]:
        if waiting.pop(id(work), None) is None:
            return
        holder = linked.get(work.follow) if work.follow is not None else None
        other = by_link.get(holder.id or 0) if holder is not None else None
        if other is not None:
            yield from in_turn(other)
        yield work

    for work in moving:
        yield from in_turn(work)


async def _look_again_at_merged(ctx: Cycle, batch: Batch) -> None:
    """What rests because its HubSpot record was merged into one whose pair ends, rests or comes back now may have it now."""
    ids = [
        id_
        for work in batch.works
        if work.state is not None and isinstance(work.hubspot, Observation)
        for id_ in merged_ids(work.hubspot)
    ]
    if ids:
        async with ctx.store.read(ctx.connection_id) as tx:
            found = await links.by_hubspot(tx, batch.runtime.slug, ids)
        batch.also_due += [link.hubspot for link in found.values() if link.state is LinkState.HUBSPOT_DELETED]


def _left_nothing(seen: Seen) -> bool:
    return isinstance(seen, Gone) and seen.successor is None


def _end(ctx: Cycle, work: Work) -> None:
    """Nothing is left of this pair: both its records live on as others, which have pairs of their own, or not at all."""
    work.state = LinkState.UNLINKED
    work.audit.append(_parted_row(ctx, work))


def _parted_row(ctx: Cycle, work: Work) -> AuditRow:
    """It says who the record lives on as, whose pair does not name it: who erases that one wants this one forgotten as well."""
    row = pair_row(work, AuditKind.UNLINK, _how(work), ctx.clock_us())
    row.reason = str(work.follow)
    return row


def _how(work: Work) -> str:
    gone = (seen for seen in (work.hubspot, work.salesforce) if isinstance(seen, Gone) and seen.successor is not None)
    return next((seen.how.value for seen in gone), EDITED_LATER)


async def _linked(tx: Tx, runtime: ObjectRuntime, keys: list[RecordKey]) -> dict[RecordKey, RecordLink]:
    here = await links.by_hubspot(tx, runtime.slug, [key.id for key in keys if key.side is Side.HUBSPOT])
    there = await links.by_salesforce(tx, runtime.slug, [key.id for key in keys if key.side is Side.SALESFORCE])
    return {link.hubspot: link for link in here.values()} | {link.salesforce: link for link in there.values()}


async def _most_fitting_first(ctx: Cycle, runtime: ObjectRuntime, moving: list[Work]) -> list[Work]:
    """Of several pairs whose HubSpot records became one, the pair that the survivor itself names goes with it."""
    by_successor: dict[str, list[Work]] = defaultdict(list)
    for work in moving:
        if work.follow is not None and work.follow.side is Side.HUBSPOT:
            by_successor[work.follow.id].append(work)
    contested = [id_ for id_, works in by_successor.items() if len(works) > 1]
    if not contested:
        return moving
    found = await ctx.hubspot.read(runtime.spec.hubspot_type, contested, [HUBSPOT_ID_PROPERTY], purpose="fetch")
    named = {seen.values.get(HUBSPOT_ID_PROPERTY) for seen in found.values()}
    return sorted(moving, key=lambda work: work.salesforce_id not in named)


def _rest(ctx: Cycle, work: Work, holder: RecordLink) -> None:
    link, successor = work.link, work.follow
    assert link is not None
    assert successor is not None
    state = RESTS[successor.side]
    if link.state is not state:
        work.state = state
        work.audit.append(_parted_row(ctx, work))
    issue = _two_for_one(work, link, successor, holder)
    if successor.side is Side.SALESFORCE and _how(work) == GoneHow.MERGED.value:
        # What it is proposed to be merged into.
        issue.value = str(holder.hubspot)
        work.merging = merging_of(ctx, work, holder, issue)
    if work.merging is None:
        work.issues.append(issue)


def _two_for_one(work: Work, link: RecordLink, successor: RecordKey, holder: RecordLink) -> Issue:
    side = successor.side
    gone, left, kept = link.key(side), link.key(side.other), holder.key(side.other)
    category, fix = fix_for(PROPOSAL)
    return Issue(
        category=category,
        code=PROPOSAL,
        severity="warning",
        object=work.object,
        hubspot_id=link.hubspot_id,
        salesforce_id=link.salesforce_id,
        salesforce_type=link.salesforce_type,
        cause=(
            f"{gone} was converted into {successor} in {_CRM[side]}, which is linked with {kept}:"
            f" {left} is left without a counterpart and does not sync."
            if _how(work) == GoneHow.CONVERTED.value
            else f"{gone} was merged into {successor} in {_CRM[side]}, which is linked with {kept}:"
            f" {left} is left without a counterpart and does not sync."
        ),
        fix=fix.format(crm=_CRM[side.other]),
        label=work.label(),
    )


def carry_over(runtime: ObjectRuntime, link: RecordLink, what: Base, successor: RecordKey) -> Base:
    """A lead and a contact have mappings of their own; what agreed on a property as a lead still agrees as a contact."""
    if successor.side is Side.HUBSPOT or successor.type == link.salesforce_type:
        return what
    if not runtime.syncs(link.salesforce_type):
        # Leads do not sync any more: what was mapped of them nobody knows.
        return {}
    before = {field.id: field.property for field in runtime.mapping_for(link.salesforce_type).fields}
    after = {field.property: field.id for field in runtime.mapping_for(successor.type).fields}
    carried = {after[before[id_]]: pair for id_, pair in what.items() if before.get(id_) in after}
    return carried | {id_: pair for id_, pair in what.items() if id_ not in before}
