"""Lifecycle stages that follow a contact's opportunities, where a person chose that (core/lifecycle.py decides where to).

Neither a role nor an opportunity is a value of its contact, so they are looked for beside the contacts: a role that came, and one
whose opportunity changed, make the contact due if they say something that was not honoured yet, or no longer say what was. Whether
opportunities sync plays no part. What was honoured is remembered with the pair, by opportunity.

The move is a write of its own after those of the batch. It needs no intent: HubSpot takes a stage through its API only forward, so
that a request which lands late, or twice, cannot undo what anybody has set meanwhile; and what was set between our read and our
write is as if it had been set just before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from interlock.core.lifecycle import Role, StageMove, move, news, over
from interlock.core.model import (
    AuditKind,
    AuditRow,
    LinkState,
    NotDone,
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
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.hubspot.model import HubSpotWrite
from interlock.engine import role_rows
from interlock.engine.audit_rows import pair_row
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.decide import field_issue
from interlock.engine.role_rows import Row, Watched
from interlock.engine.work import Batch, Work
from interlock.store import WriteTx, dirty, links

PROPERTY = "lifecyclestage"
# Cause of the audit rows.
CAUSE = "opportunity"
# Among the sets of a pair: what its roles have said and was honoured, and what they have said and could not be yet. Detection
# takes neither for news, or what HubSpot refuses would be due again with every pass.
HONOURED, WAITS = "lifecycle", "lifecycle_waits"
# The code of the issue.
NOT_READABLE = "roles_not_readable"
_FIELDS = ("Id", "ContactId", "OpportunityId", "Opportunity.IsClosed", "Opportunity.IsWon")
_WATCHED = Watched(
    "lifecycle",
    _FIELDS,
    NOT_READABLE,
    "Salesforce does not show contact roles to the sync user, so no lifecycle stage follows an opportunity: {refused}",
)


# --- what came to be said --------------------------------------------------------------------------------------------


async def notice_roles(ctx: Cycle, runtime: ObjectRuntime, look_back: bool) -> int:
    """Make due whose roles say something new; how many. One call more a poll."""

    async def mark(tx: WriteTx, rows: list[Row]) -> int:
        return await _mark(ctx, tx, runtime, rows)

    return await role_rows.notice(ctx, runtime, _WATCHED, look_back, mark)


async def _mark(ctx: Cycle, tx: WriteTx, runtime: ObjectRuntime, rows: Sequence[Row]) -> int:
    by_contact = _by_contact(rows)
    if not by_contact:
        return 0
    linked = await links.by_salesforce(tx, runtime.slug, list(by_contact))
    due = [
        link.salesforce
        for id_, link in linked.items()
        if link.state is LinkState.LINKED
        and runtime.syncs(link.salesforce_type)
        and _says_otherwise(by_contact[id_], _said(link, HONOURED, WAITS))
    ]
    await _mark_due(ctx, tx, runtime, due)
    return len(due)


def _says_otherwise(roles: list[Role], said: list[int]) -> bool:
    return bool(news(roles, said) or over(roles, said))


async def _mark_due(ctx: Cycle, tx: WriteTx, runtime: ObjectRuntime, due: Sequence[RecordKey]) -> None:
    if due:
        await dirty.mark(tx, runtime.slug, due, Reason.CHANGED, ctx.clock_us())
    for key in due:
        ctx.fresh.pop(key, None)


def _by_contact(rows: Iterable[Row]) -> dict[str, list[Role]]:
    found: dict[str, list[Role]] = {}
    for row in rows:
        if row.get("ContactId"):
            role = Role(
                str(row["OpportunityId"]), bool(row.get("Opportunity.IsClosed")), bool(row.get("Opportunity.IsWon"))
            )
            found.setdefault(str(row["ContactId"]), []).append(role)
    return found


def _said(link: RecordLink, *names: str) -> list[int]:
    return [each for name in names for each in link.sets.get(name, ())]


# --- moving ----------------------------------------------------------------------------------------------------------


async def plan_stages(ctx: Cycle, batch: Batch) -> None:
    """Read the roles of the batch's contacts and decide. A lead cannot have a role."""
    works = {key.id: work for work in batch.works if (key := _contact(work)) is not None}
    if not works:
        return
    try:
        by_contact = _by_contact(await role_rows.of_contacts(ctx, list(works), _FIELDS))
    except (CallRefused, Forbidden):
        return  # detection says so
    for id_, work in works.items():
        said = [] if work.link is None else _said(work.link, HONOURED)
        roles = by_contact.get(id_, [])
        if roles or said:
            held = work.hubspot.values.get(PROPERTY) if isinstance(work.hubspot, Observation) else None
            work.stage = move(roles, said, held, batch.runtime.stages)


def _contact(work: Work) -> RecordKey | None:
    """Of a pair that was compared, or one that is about to be made in HubSpot: nothing else is written to either."""
    key = work.key(Side.SALESFORCE)
    if key is None or key.type != "Contact" or work.undoing or work.landing or work.included is not True:
        return None
    made = any(write.creates and write.side is Side.HUBSPOT for write in work.writes)
    return key if work.merged or made else None


async def move_stages(ctx: Cycle, batch: Batch) -> None:
    moving: dict[str, Work] = {}
    for work in batch.works:
        if work.stage is None:
            continue
        hubspot_id = _hubspot_id(work)
        if work.stage.to is None:
            settle(work, work.stage, done=True)
        elif hubspot_id is not None:
            moving[hubspot_id] = work
    if not moving:
        return
    requests = [
        HubSpotWrite(id_, id_, {PROPERTY: work.stage.to})
        for id_, work in moving.items()
        if work.stage is not None and work.stage.to is not None
    ]
    outcomes = await ctx.hubspot.update(batch.runtime.spec.hubspot_type, requests, purpose="write")
    for id_, work in moving.items():
        _take_in(ctx, work, outcomes[id_])


def _hubspot_id(work: Work) -> str | None:
    """Also of a contact that was made a moment ago in this batch."""
    for write in work.writes:
        if write.side is Side.HUBSPOT and write.creates:
            return write.outcome.id if isinstance(write.outcome, Written) else None
    return work.hubspot_id


def _take_in(ctx: Cycle, work: Work, outcome: Outcome) -> None:
    stage = work.stage
    assert stage is not None
    settle(work, stage, done=isinstance(outcome, Written))
    if isinstance(outcome, Refused) and not (outcome.retry or outcome.gone):
        cause = f"HubSpot refused to move it to the lifecycle stage {stage.to}: {outcome.message}"
        work.issues.append(field_issue(work, PROPERTY, None, outcome.code, cause, stage.to, outcome.message))
    elif isinstance(outcome, Unsettled):
        work.wait(ctx.clock_us() + ctx.settings.park_us(Side.HUBSPOT), Reason.RETRY)
    elif isinstance(outcome, (NotDone, Refused)):
        work.wait(ctx.clock_us() + ctx.settings.retry_base_us, Reason.RETRY)


def settle(work: Work, stage: StageMove, *, done: bool) -> None:
    """What is remembered of it with the pair."""
    stage.done = done
    before = {} if work.link is None else work.link.sets
    honoured = [each for each in before.get(HONOURED, []) if each not in stage.over]
    now = {
        HONOURED: stage.said if done else honoured,
        WAITS: [] if done else [each for each in stage.said if each not in honoured],
    }
    others = {name: members for name, members in work.sets.items() if name not in now}
    work.sets = others | {name: said for name, said in now.items() if said or name in before}


def carried_out(work: Work) -> None:
    """A preview: as if it had been."""
    if work.stage is not None:
        settle(work, work.stage, done=True)


def moves(work: Work) -> bool:
    return work.stage is not None and work.stage.to is not None


def is_moved(work: Work) -> bool:
    return work.stage is not None and moves(work) and work.stage.done


def stage_rows(work: Work, now_us: int) -> list[AuditRow]:
    if work.stage is None or not is_moved(work):
        return []
    row = pair_row(work, AuditKind.STAGE, CAUSE, now_us)
    row.side, row.property, row.new = Side.HUBSPOT, PROPERTY, work.stage.to
    row.old = work.hubspot.values.get(PROPERTY) if isinstance(work.hubspot, Observation) else None
    return [row]
