"""Moving the lifecycle stage of a company along when an opportunity speaks for one of its contacts (lifecycle.py), where companies
sync. From the company to its other contacts it goes by a setting of HubSpot's own, *Sync lifecycle stages*, and never back.

Like the contact's it is a write of its own, after it, and needs no intent. The contact remembers what was honoured only once
both were moved: what a crash or a lost answer leaves out is asked for again, and moves nothing that has moved.
"""

from __future__ import annotations

from interlock.core.lifecycle import CUSTOMER, is_forward
from interlock.core.model import (
    AuditKind,
    AuditRow,
    LinkState,
    Observation,
    Outcome,
    Reason,
    RecordLink,
    Refused,
    Side,
    Unsettled,
    Written,
)
from interlock.crm.hubspot.model import HubSpotWrite
from interlock.engine.context import Cycle
from interlock.engine.decide import field_issue
from interlock.engine.lifecycle import CAUSE, PROPERTY, settle
from interlock.engine.work import Batch, Work
from interlock.store import links

_COMPANIES, _COMPANY = "companies", "associatedcompanyid"


async def move_companies(ctx: Cycle, batch: Batch) -> None:
    """Raises CrmError."""
    of: dict[str, list[Work]] = {}
    for work in batch.works:
        # Of one that waits to be moved itself it is asked for once more anyway.
        if work.stage is not None and work.stage.asked is not None and work.stage.done and (company := _company(work)):
            of.setdefault(company, []).append(work)
    if not of or not batch.runtime.company_stages:
        return
    async with ctx.store.read(ctx.connection_id) as tx:
        linked = await links.by_hubspot(tx, _COMPANIES, sorted(of))
    ids = sorted(id_ for id_, link in linked.items() if link.state is LinkState.LINKED)
    held = await ctx.hubspot.read(_COMPANIES, ids, [PROPERTY], purpose="fetch") if ids else {}
    moving = {id_: to for id_ in ids if id_ in held and (to := _to(batch, of[id_], held[id_]))}
    if not moving:
        return
    requests = [HubSpotWrite(id_, id_, {PROPERTY: to}) for id_, to in moving.items()]
    outcomes = await ctx.hubspot.update(_COMPANIES, requests, purpose="write")
    for id_, to in moving.items():
        _take_in(ctx, of[id_], linked[id_], held[id_], to, outcomes[id_])


def _company(work: Work) -> str:
    """Also of a contact that was made a moment ago in this batch."""
    here = work.hubspot
    if isinstance(here, Observation):
        return str(here.values.get(_COMPANY) or "")
    fields = (field for write in work.writes if write.side is Side.HUBSPOT for field in write.fields)
    return next((str(field.raw) for field in fields if field.name == _COMPANY and field.raw), "")


def _to(batch: Batch, works: list[Work], company: Observation) -> str | None:
    asked = [work.stage.asked for work in works if work.stage is not None and work.stage.asked is not None]
    to = CUSTOMER if CUSTOMER in asked else asked[0]
    stages = batch.runtime.company_stages
    return to if to in stages and is_forward(company.values.get(PROPERTY), to, stages) else None


def _take_in(
    ctx: Cycle, works: list[Work], company: RecordLink, before: Observation, to: str, outcome: Outcome
) -> None:
    first = works[0]
    if isinstance(outcome, Written):
        row = AuditRow(
            ctx.clock_us(), AuditKind.STAGE, _COMPANIES, company.hubspot_id, company.salesforce_id, cause=CAUSE
        )
        row.side, row.property, row.old, row.new = Side.HUBSPOT, PROPERTY, before.values.get(PROPERTY), to
        first.audit.append(row)
    elif isinstance(outcome, Refused) and not (outcome.retry or outcome.gone):
        cause = (
            f"HubSpot refused to move its company {company.hubspot_id} to the lifecycle stage {to}: {outcome.message}"
        )
        first.issues.append(field_issue(first, PROPERTY, None, outcome.code, cause, to, outcome.message))
    else:
        unsettled = isinstance(outcome, Unsettled)
        later_us = ctx.settings.park_us(Side.HUBSPOT) if unsettled else ctx.settings.retry_base_us
        for work in works:
            assert work.stage is not None
            settle(work, work.stage, done=False)
            work.stage.done = True  # the contact's, which the history tells of
            work.wait(ctx.clock_us() + later_us, Reason.RETRY)
