"""Deleting again the records that we had created, when a person undoes.

A record goes only if nobody has touched it since and nothing hangs on it; each of that is proven before the delete leaves, and
what cannot be proven is not deleted. The pair then rests as after any delete, so that its other record makes no new one. A
delete needs no intent: the row of the undo waits until the record is seen to be gone, and to delete twice is to delete once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from interlock.core.link import RESTS
from interlock.core.mapping import ObjectMapping
from interlock.core.model import (
    AuditKind,
    Gone,
    GoneHow,
    LinkState,
    NotDone,
    Observation,
    Outcome,
    Reason,
    RecordKey,
    Refused,
    Side,
    Unsettled,
)
from interlock.core.values import Unknown
from interlock.crm.errors import CallRefused, CrmError, Forbidden
from interlock.engine.audit_rows import pair_row
from interlock.engine.context import Cycle
from interlock.engine.decide import field_issue
from interlock.engine.fetch import MERGED_IDS
from interlock.engine.undo import EDITED_SINCE, GONE, OUTSIDE
from interlock.engine.work import Batch, Work
from interlock.objects.registry import SPECS
from interlock.store.undos import UNDONE, WAITING, UndoRow

HAS_CHILDREN, NOT_PROVEN, REFUSED = "has_children", "not_proven", "refused"
# A create and what the CRM's own automations do at once with a new record fall into this time after it.
SETTLED_US = 10_000_000
# The source of versions that HubSpot works out by itself, of properties that can be written too (property history).
COMPUTED = "CALCULATED"
# What hangs on a record in HubSpot is whatever its account lets be associated with it, but for what goes on without it: a
# contact's company, a deal's people.
_PARENTS = {"contacts": ("companies",), "companies": (), "deals": ("companies", "contacts")}


async def look_at_created(ctx: Cycle, batch: Batch) -> None:
    """Which of the batch's records are to be deleted again; of the others, why not. Reads only."""
    asked: dict[Side, dict[str, tuple[Work, UndoRow]]] = {side: {} for side in Side}
    for work in batch.works:
        for row in work.undos:
            if not row.of_record() or row.state != WAITING or work.postpone_until_us is not None or work.link is None:
                continue
            why = _why_not(work, row)
            if why is not None:
                work.undos_ended[row.id] = why
            else:
                asked[row.side][work.link.key(row.side).id] = (work, row)
    for side, members in asked.items():
        if not members:
            continue
        touched = await _touched(ctx, batch, side, members)
        parents = await _parents(ctx, batch, side, [id_ for id_ in members if id_ not in touched])
        for id_, (work, row) in members.items():
            why = touched.get(id_) or parents.get(id_)
            if why is None:
                work.take_back = row
            else:
                work.undos_ended[row.id] = why


def _why_not(work: Work, row: UndoRow) -> str | None:
    assert work.link is not None
    made = work.seen(row.side)
    if isinstance(made, Gone):
        return UNDONE if made.how in (GoneHow.DELETED, GoneHow.ERASED) else GONE
    if work.included is False:
        return OUTSIDE
    if made is None or work.link.state is not LinkState.LINKED:
        return GONE
    mapping = work.runtime.mapping_for(work.link.salesforce_type)
    return None if _holds_what_we_wrote(mapping, row, made) else EDITED_SINCE


def _holds_what_we_wrote(mapping: ObjectMapping, row: UndoRow, made: Observation) -> bool:
    written = row.written if isinstance(row.written, dict) else {}
    for field in mapping.fields:
        name = field.name(row.side)
        if name not in made.values or name not in written:
            continue
        read = field.codec.from_hubspot if row.side is Side.HUBSPOT else field.codec.from_salesforce
        ours, now = read(written[name]), read(made.values[name])
        if type(ours) is not Unknown and ours != now:
            return False
    return True


async def _touched(ctx: Cycle, batch: Batch, side: Side, members: dict[str, tuple[Work, UndoRow]]) -> dict[str, str]:
    """{id: why} of records that somebody, a sync of ours included, has written to since they were made."""
    made = {id_: work.seen(side) for id_, (work, _) in members.items()}
    if side is Side.SALESFORCE:
        # Its stamp moves with every write, and with a write of ours nobody could tell who came before it.
        return {
            id_: EDITED_SINCE
            for id_, seen in made.items()
            if isinstance(seen, Observation) and seen.modified_us > seen.created_us + SETTLED_US
        }
    # HubSpot's stamp moves by itself, when it computes something: the history of what can be written tells.
    type_ = batch.runtime.spec.hubspot_type
    defined = await ctx.hubspot.properties(type_, purpose="verify")
    names = [each.name for each in defined if not each.read_only and not each.calculated]
    # Another record that was merged into it may have left no other trace, and would go with it.
    names += [each.name for each in defined if each.name == MERGED_IDS and each.name not in names]
    histories = await ctx.hubspot.read_history(type_, list(made), names, purpose="verify")
    found: dict[str, str] = {}
    for id_, seen in made.items():
        assert isinstance(seen, Observation)
        versions = [
            each for listed in histories.get(id_, {}).values() for each in listed if each.source_type != COMPUTED
        ]
        if id_ not in histories:
            found[id_] = NOT_PROVEN
        elif any(each.value for each in histories[id_].get(MERGED_IDS, ())) or any(
            each.at_us > seen.created_us + SETTLED_US for each in versions
        ):
            found[id_] = EDITED_SINCE
    return found


async def _parents(ctx: Cycle, batch: Batch, side: Side, ids: Sequence[str]) -> dict[str, str]:
    """{id: why} of records on which something hangs, or of which that cannot be told."""
    if not ids:
        return {}
    found: dict[str, str] = {}
    try:
        if side is Side.HUBSPOT:
            async for id_, child in _hubspot_children(ctx, batch.runtime.spec.hubspot_type, ids):
                if child not in ctx.taken_back:
                    found[id_] = HAS_CHILDREN
        else:
            types = {work.link.salesforce_type for work in batch.works if work.link and work.link.salesforce_id in ids}
            for type_ in sorted(types):
                for id_, child in await ctx.salesforce.children(type_, ids, purpose="verify"):
                    if child not in ctx.taken_back:
                        found[id_] = HAS_CHILDREN
    except (CallRefused, Forbidden):
        # A type that the sync user may not read may hold anything.
        return {id_: found.get(id_, NOT_PROVEN) for id_ in ids}
    return found


async def _hubspot_children(ctx: Cycle, type_: str, ids: Sequence[str]) -> AsyncIterator[tuple[str, RecordKey]]:
    names = {spec.hubspot_type_id: spec.hubspot_type for spec in SPECS.values()}
    listed_by_account = await ctx.hubspot.associated_types(type_, purpose="verify")
    for kind in (names.get(type_id, type_id) for type_id in listed_by_account):
        if kind in _PARENTS[type_]:
            continue
        listed = await ctx.hubspot.associations(type_, kind, ids, purpose="verify")
        for id_, rows in listed.items():
            for row in rows:
                yield id_, RecordKey(Side.HUBSPOT, kind, row.to_id)


async def take_back(ctx: Cycle, batch: Batch) -> None:
    """Delete what was found untouched. Both CRMs keep what is deleted for a while, and restore it by hand."""
    for side in Side:
        by_type: dict[str, list[Work]] = {}
        for work in batch.works:
            if work.take_back is not None and work.take_back.side is side and work.link is not None:
                by_type.setdefault(work.link.key(side).type, []).append(work)
        for type_, found in by_type.items():
            works = await still_as_read(ctx, side, type_, found)
            for work in found:
                if work not in works:
                    work.take_back = None
                    work.wait(ctx.clock_us() + ctx.settings.retry_base_us, Reason.RETRY)
            if not works:
                continue
            ids = [work.link.key(side).id for work in works if work.link is not None]
            if side is Side.HUBSPOT:
                outcomes = await ctx.hubspot.archive(type_, ids, purpose="write")
            else:
                outcomes = await ctx.salesforce.delete_made(type_, ids, purpose="write")
            for id_, work in zip(ids, works, strict=True):
                _note(ctx, work, outcomes[id_])


async def still_as_read(ctx: Cycle, side: Side, type_: str, works: Sequence[Work]) -> list[Work]:
    """Those whose record on that side nobody has written to since it was read, which took some calls. Neither CRM deletes on a
    condition, so this is the last thing that is asked before one goes. None where it cannot be asked."""
    ids = [work.link.key(side).id for work in works if work.link is not None]
    try:
        if side is Side.HUBSPOT:
            now = await ctx.hubspot.read(type_, ids, [], purpose="verify")
        else:
            now = await ctx.salesforce.retrieve(type_, ids, ["Id", "SystemModstamp"], purpose="verify")
    except CrmError:
        now = {}
    same: list[Work] = []
    for id_, work in zip(ids, works, strict=True):
        read, seen = work.seen(side), now.get(id_)
        assert isinstance(read, Observation)
        if seen is not None and seen.modified_us == read.modified_us:
            same.append(work)
    return same


def _note(ctx: Cycle, work: Work, outcome: Outcome) -> None:
    row = work.take_back
    assert row is not None
    if isinstance(outcome, Refused) and not outcome.gone and not outcome.retry:
        crm = "HubSpot" if row.side is Side.HUBSPOT else "Salesforce"
        cause = f"{crm} refused to delete it again: {outcome.message}"
        work.issues.append(field_issue(work, None, None, outcome.code, cause, None, outcome.message))
        work.undos_ended[row.id] = REFUSED
    elif isinstance(outcome, (NotDone, Unsettled)) or (isinstance(outcome, Refused) and outcome.retry):
        work.wait(ctx.clock_us() + ctx.settings.retry_base_us, Reason.RETRY)
    else:
        work.undos_ended[row.id] = UNDONE
        work.state = RESTS[row.side]
        entry = pair_row(work, AuditKind.UNDO, "undone", ctx.clock_us())
        entry.side, entry.old = row.side, row.written
        work.audit.append(entry)
        counts = ctx.report.of(work.object)
        if row.side is Side.HUBSPOT:
            counts.deleted_in_hubspot += 1
        else:
            counts.deleted_in_salesforce += 1
