"""Contact roles of an opportunity and the contacts of a deal: a set of references, merged member by member.

Members are links of contacts, so both sides speak of the same pair. A contact without a link on the other side is left out
until it has one, and the deal waits for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from interlock.core.link import WHOLE
from interlock.core.model import (
    AuditKind,
    AuditRow,
    LinkState,
    Observation,
    Outcome,
    Reason,
    RecordKey,
    RecordLink,
    Refused,
    Side,
    Unsettled,
    Written,
)
from interlock.core.reconcile import SetMerge, merge_set
from interlock.crm.salesforce.model import SalesforceInsert
from interlock.crm.salesforce.soql import where_in
from interlock.engine.context import Cycle
from interlock.engine.decide import WAIT_FOR_REFERENCE_US
from interlock.engine.gave_way import deleted_of, stand_ins
from interlock.engine.not_associated import for_good, note_refused
from interlock.engine.role_labels import JUNCTION, apply_role_changes, leave_out, plan_roles, role_names, role_row
from interlock.engine.work import Batch, SetChange, Work
from interlock.store import links

SET = "contact_roles"
# Contact id -> its rows, each with its role: Salesforce lets a contact have several.
Rows = dict[str, dict[str, str | None]]


async def fetch_roles(ctx: Cycle, batch: Batch) -> None:
    """Read both sides' sets and decide them, for works that will be, or are, linked."""
    if "contacts" not in batch.runtime.set_objects:
        return
    works = [
        work
        for work in batch.works
        if work.why_not is None
        and work.included is True
        and not work.undoing
        # Both records of a resting pair are there again: it is about to be restored (core/link.py).
        and (work.link is None or work.link.state is not LinkState.UNLINKED)
        and all(isinstance(seen, Observation) for seen in (work.hubspot, work.salesforce) if seen is not None)
    ]
    hubspot_sets = await _hubspot_sets(ctx, [work.hubspot_id for work in works if work.hubspot_id])
    names = await role_names(
        ctx, works, {id_ for found in hubspot_sets.values() for ids in found.values() for id_ in ids}
    )
    salesforce_sets, newest_us, taken = await _salesforce_sets(
        ctx, [work.salesforce_id for work in works if work.salesforce_id], with_role=names is not None
    )
    hubspot_ids = {id_ for ids in hubspot_sets.values() for id_ in ids}
    contact_ids = {id_ for rows in salesforce_sets.values() for id_ in rows}
    async with ctx.store.read(ctx.connection_id) as tx:
        by_hubspot = await links.by_hubspot(tx, "contacts", sorted(hubspot_ids))
        by_salesforce = await links.by_salesforce(tx, "contacts", sorted(contact_ids))
        known = {link.id: link for link in by_hubspot.values()}
        agreed = {id_ for work in works for id_ in _known(work)}
        alone = {*contact_ids, *(id_ for ids in taken.values() for id_ in ids)} - by_salesforce.keys()
        stands_in = await stand_ins(tx, sorted(alone), known, agreed)
    deleted = await deleted_of(ctx, stands_in.keys() - contact_ids)
    by_salesforce |= {link.salesforce_id: link for link in stands_in.values()}
    for work in works:
        here = hubspot_sets.get(work.hubspot_id or "", {})
        there = _of_their_pairs(salesforce_sets.get(work.salesforce_id or "", {}), stands_in)
        work.members_us = newest_us.get(work.salesforce_id or "", 0)
        members = {link.id: link for link in by_hubspot.values()} | {link.id: link for link in by_salesforce.values()}
        # A lead cannot have a role (Salesforce, OpportunityContactRole.ContactId refers to Contact).
        usable = {id_ for id_, link in members.items() if link.state in WHOLE and link.salesforce_type == "Contact"}
        hubspot = {by_hubspot[id_].id for id_ in here if id_ in by_hubspot} & usable
        salesforce = {by_salesforce[id_].id for id_ in there if id_ in by_salesforce} & usable
        if len(hubspot) < len(here) or len(salesforce) < len(there):
            work.awaits += _without_counterpart(Side.HUBSPOT, here, by_hubspot, usable)
            work.awaits += _without_counterpart(Side.SALESFORCE, there, by_salesforce, usable)
            work.wait(ctx.clock_us() + WAIT_FOR_REFERENCE_US, Reason.WAITING)
        base = work.link.sets.get(SET) if work.link is not None else None
        # Members that cannot be read now (unlinked since) are neither there nor removed: they leave the base. So do those whose
        # role went with a contact that had given way and was deleted.
        went = {stands_in[id_].id for id_ in taken.get(work.salesforce_id or "", ()) if id_ in deleted} - salesforce
        readable = None if base is None else [id_ for id_ in base if id_ in usable and id_ not in went]
        merged = merge_set(readable, {m for m in hubspot if m is not None}, {m for m in salesforce if m is not None})
        _plan(work, merged, members, there)
        if names is not None:
            plan_roles(work, names, merged.agreed, members, here, there)


async def members(ctx: Cycle, pairs: Sequence[RecordLink]) -> list[tuple[RecordLink, list[RecordKey]]]:
    """Who takes part in each of these, on either side."""
    here = await _hubspot_sets(ctx, [link.hubspot_id for link in pairs], "detect")
    there, _, _ = await _salesforce_sets(ctx, [link.salesforce_id for link in pairs], "detect")
    return [
        (
            link,
            [RecordKey(Side.HUBSPOT, "contacts", id_) for id_ in here.get(link.hubspot_id, [])]
            + [RecordKey(Side.SALESFORCE, "Contact", id_) for id_ in there.get(link.salesforce_id, {})],
        )
        for link in pairs
    ]


async def with_new_members(ctx: Cycle, batch: Batch, side: Side, works: Sequence[Work]) -> list[Work]:
    """Of these, whose record on the other side is gone, those whose set has members that were not in it when both had one."""
    if "contacts" not in batch.runtime.set_objects or not works:
        return []
    ids = [work.link.key(side).id for work in works if work.link is not None]
    if side is Side.HUBSPOT:
        found: Mapping[str, Iterable[str]] = await _hubspot_sets(ctx, ids)
    else:
        found, _, _ = await _salesforce_sets(ctx, ids)
    everybody = sorted({member for members in found.values() for member in members})
    of_side = links.by_hubspot if side is Side.HUBSPOT else links.by_salesforce
    async with ctx.store.read(ctx.connection_id) as tx:
        linked = await of_side(tx, "contacts", everybody)
    usable = {id_: link.id for id_, link in linked.items() if link.state in WHOLE and link.salesforce_type == "Contact"}
    return [
        work
        for id_, work in zip(ids, works, strict=True)
        if {usable[member] for member in found.get(id_, ()) if member in usable} - set(_known(work))
    ]


def _known(work: Work) -> list[int]:
    return work.link.sets.get(SET, []) if work.link is not None else []


def _of_their_pairs(there: Rows, stands_in: Mapping[str, RecordLink]) -> Rows:
    """A role of a contact that gave way is one of the pair that moved away from it."""
    found: Rows = {}
    for id_, rows in there.items():
        now = stands_in[id_].salesforce_id if id_ in stands_in else id_
        found[now] = found.get(now, {}) | rows
    return found


def _without_counterpart(
    side: Side, ids: Iterable[str], linked: Mapping[str, RecordLink], usable: Collection[int | None]
) -> list[RecordKey]:
    type_ = "contacts" if side is Side.HUBSPOT else "Contact"
    return [RecordKey(side, type_, id_) for id_ in ids if id_ not in linked or linked[id_].id not in usable]


async def _hubspot_sets(ctx: Cycle, ids: list[str], purpose: str = "fetch") -> dict[str, dict[str, tuple[int, ...]]]:
    """Deal id -> contact id -> the types of their association."""
    if not ids:
        return {}
    rows = await ctx.hubspot.associations("deals", "contacts", ids, purpose=purpose)
    return {id_: {row.to_id: row.type_ids for row in found} for id_, found in rows.items()}


async def _salesforce_sets(
    ctx: Cycle, ids: list[str], purpose: str = "fetch", *, with_role: bool = False
) -> tuple[dict[str, Rows], dict[str, int], dict[str, set[str]]]:
    """Opportunity id -> its rows; opportunity id -> newest stamp among them, deleted ones too; and whose rows were deleted."""
    sets: dict[str, Rows] = defaultdict(lambda: defaultdict(dict))
    newest_us: dict[str, int] = defaultdict(int)
    taken: dict[str, set[str]] = defaultdict(set)
    if not ids:
        return sets, newest_us, taken
    names = ["Id", "OpportunityId", "ContactId", "IsDeleted", "SystemModstamp", *(["Role"] if with_role else [])]
    soqls = where_in(JUNCTION, names, "OpportunityId", ids)
    for result in await ctx.salesforce.query_many(soqls, include_deleted=True, purpose=purpose):
        records = list(result.records)
        next_url = result.next_url
        while next_url is not None:
            (page,) = await ctx.salesforce.query_more([next_url], purpose=purpose)
            records += page.records
            next_url = page.next_url
        for row in records:
            opportunity = str(row["OpportunityId"])
            stamp_us = ctx.salesforce.to_observation(JUNCTION, row, result.read_us, names).modified_us
            newest_us[opportunity] = max(newest_us[opportunity], stamp_us)
            if row["IsDeleted"]:
                taken[opportunity].add(str(row["ContactId"]))
            else:
                sets[opportunity][str(row["ContactId"])][str(row["Id"])] = row.get("Role")
    return sets, newest_us, taken


def _plan(work: Work, merged: SetMerge, members: Mapping[int | None, RecordLink], there: Rows) -> None:
    # The base is what is agreed once both changes have been carried out; a change that fails keeps the old one.
    if merged.agreed or (work.link is not None and SET in work.link.sets):
        work.sets = {SET: list(merged.agreed)}
    if merged.add_in_hubspot or merged.remove_in_hubspot:
        adds = {members[id_].hubspot_id: id_ for id_ in merged.add_in_hubspot}
        removes = {members[id_].hubspot_id: id_ for id_ in merged.remove_in_hubspot}
        work.set_changes.append(SetChange(SET, Side.HUBSPOT, list(adds), list(removes), adds | removes))
    if merged.add_in_salesforce or merged.remove_in_salesforce:
        adds = {members[id_].salesforce_id: id_ for id_ in merged.add_in_salesforce}
        # Whoever is taken off a deal has no role in it any more, or the one that is left would put them on it again.
        removes = {row: id_ for id_ in merged.remove_in_salesforce for row in there[members[id_].salesforce_id]}
        work.set_changes.append(SetChange(SET, Side.SALESFORCE, list(adds), list(removes), adds | removes))


async def apply_roles(ctx: Cycle, batch: Batch) -> None:
    await _apply_sets(ctx, batch)
    ready: dict[int, tuple[str, str]] = {}
    for work in batch.works:
        here, there = _id_on(work, Side.HUBSPOT), _id_on(work, Side.SALESFORCE)
        if work.role_change is not None and here and there and work.sets:
            ready[id(work)] = here, there
    await apply_role_changes(ctx, [work for work in batch.works if id(work) in ready], ready)


async def _apply_sets(ctx: Cycle, batch: Batch) -> None:
    changes = [(work, change) for work in batch.works for change in work.set_changes]
    if not changes:
        return
    outcomes: dict[int, list[Outcome]] = defaultdict(list)
    for side in Side:
        mine = [(work, change) for work, change in changes if change.side is side and _id_on(work, side)]
        if side is Side.HUBSPOT:
            await _in_hubspot(ctx, mine, outcomes)
        else:
            await _in_salesforce(ctx, mine, outcomes)
    for work, change in changes:
        answers = outcomes[id(change)]
        change.done = bool(answers) and all(
            isinstance(each, Written) or (isinstance(each, Refused) and each.gone) for each in answers
        )
        # A row that is added has no key by which it would be found, and asked for twice it is there twice. To join two records
        # in HubSpot twice is to join them once.
        change.may_land = change.side is Side.SALESFORCE and any(
            isinstance(outcome, Unsettled) for outcome in answers[: len(change.add)]
        )
        if change.done:
            work.audit += _rows(ctx, work, change) + _roles_given(ctx, work, change, change.add)
    for work, _ in changes:
        if all(change.done for change in work.set_changes):
            continue
        if all(_as_far_as_it_goes(change, outcomes[id(change)]) for change in work.set_changes):
            _leave_refused(ctx, work, outcomes)
            continue
        work.sets = {}
        # A deal that was not made has no set of its own to wait for: what becomes of it is what became of its record.
        if any(_id_on(work, change.side) for change in work.set_changes if not change.done):
            work.wait(ctx.clock_us() + ctx.settings.retry_base_us, Reason.RETRY)


def _as_far_as_it_goes(change: SetChange, answers: Sequence[Outcome]) -> bool:
    """Whether what is not done of it was refused for good."""
    return bool(answers) and all(
        isinstance(each, Written) or for_good(each) or (isinstance(each, Refused) and each.gone) for each in answers
    )


def _leave_refused(ctx: Cycle, work: Work, outcomes: Mapping[int, Sequence[Outcome]]) -> None:
    """The others are agreed on, or a later change of one of them would be taken for none. Of who was refused the base says what it
    said before: the next look tries again."""
    before = work.link.sets.get(SET, []) if work.link is not None else []
    agreed = list(work.sets.get(SET, []))
    for change in work.set_changes:
        if change.done:
            continue
        refused = [
            (id_, answer)
            for id_, answer in zip((*change.add, *change.remove), outcomes[id(change)], strict=True)
            if isinstance(answer, Refused) and not answer.gone
        ]
        done = {*change.add, *change.remove} - {id_ for id_, _ in refused}
        work.audit += [row for row in _rows(ctx, work, change) if (row.new or row.old) in done]
        work.audit += _roles_given(ctx, work, change, [each for each in change.add if each in done])
        own_id = _id_on(work, change.side)
        note_refused(
            work, change.side, "contacts", [(_shown(change, id_), each) for id_, each in refused], None, own_id
        )
        for id_, _ in refused:
            member = change.members[id_]
            agreed = [each for each in agreed if each != member] + ([member] if member in before else [])
        leave_out(work, {change.members[id_] for id_, _ in refused})
    work.sets = {**work.sets, SET: sorted(dict.fromkeys(agreed))}


def _shown(change: SetChange, id_: str) -> str:
    return f"(role {id_})" if change.side is Side.SALESFORCE and id_ in change.remove else id_


def _id_on(work: Work, side: Side) -> str | None:
    """The deal's id on that side, also when it was made a moment ago in this batch."""
    for write in work.writes:
        if write.side is side and isinstance(write.outcome, Written):
            return write.outcome.id
    return work.hubspot_id if side is Side.HUBSPOT else work.salesforce_id


Changes = list[tuple[Work, SetChange]]


async def _in_hubspot(ctx: Cycle, changes: Changes, outcomes: dict[int, list[Outcome]]) -> None:
    add = {(_id_on(work, Side.HUBSPOT) or "", to): change for work, change in changes for to in change.add}
    remove = {(_id_on(work, Side.HUBSPOT) or "", to): change for work, change in changes for to in change.remove}
    if add:
        for pair, outcome in (
            await ctx.hubspot.associate_default("deals", "contacts", list(add), purpose="write")
        ).items():
            outcomes[id(add[pair])].append(outcome)
    if remove:
        for pair, outcome in (
            await ctx.hubspot.disassociate("deals", "contacts", list(remove), purpose="write")
        ).items():
            outcomes[id(remove[pair])].append(outcome)


async def _in_salesforce(ctx: Cycle, changes: Changes, outcomes: dict[int, list[Outcome]]) -> None:
    inserts: dict[str, SetChange] = {}
    rows: list[SalesforceInsert] = []
    for work, change in changes:
        opportunity = _id_on(work, Side.SALESFORCE)
        for contact in change.add:
            trace = f"{opportunity}:{contact}"
            inserts[trace] = change
            values = {"OpportunityId": opportunity, "ContactId": contact}
            if role := change.roles.get(contact):
                values["Role"] = role
            rows.append(SalesforceInsert(trace, values))
    if rows:
        for trace, outcome in (await ctx.salesforce.insert(JUNCTION, rows, purpose="write")).items():
            outcomes[id(inserts[trace])].append(outcome)
    deletes = {row_id: change for _, change in changes for row_id in change.remove}
    if deletes:
        for row_id, outcome in (await ctx.salesforce.delete(JUNCTION, list(deletes), purpose="write")).items():
            outcomes[id(deletes[row_id])].append(outcome)


def _roles_given(ctx: Cycle, work: Work, change: SetChange, added: Iterable[str]) -> list[AuditRow]:
    """Of rows that were added with a role."""
    deal = _id_on(work, Side.HUBSPOT), _id_on(work, Side.SALESFORCE)
    return [
        role_row(ctx, work.object, deal, change.side, contact, role, given=True)
        for contact in added
        if (role := change.roles.get(contact)) is not None
    ]


def _rows(ctx: Cycle, work: Work, change: SetChange) -> list[AuditRow]:
    return [
        AuditRow(
            at_us=ctx.clock_us(),
            kind=kind,
            object=work.object,
            hubspot_id=_id_on(work, Side.HUBSPOT),
            salesforce_id=_id_on(work, Side.SALESFORCE),
            side=change.side,
            field=change.name,
            new=member if kind is AuditKind.ASSOCIATE else None,
            old=member if kind is AuditKind.DISASSOCIATE else None,
            cause="contact roles",
        )
        for kind, members in ((AuditKind.ASSOCIATE, change.add), (AuditKind.DISASSOCIATE, change.remove))
        for member in members
    ]
