"""Ending a tug of war: a field that we write again and again is being written back by somebody's automation.

Looked up in our own audit, and only for pairs that were written a short while ago. The field is held back with an issue
that names both sides; the rest of the record goes on.
"""

from __future__ import annotations

from interlock.core.model import Side
from interlock.core.plan import FieldWrite, HeldField
from interlock.core.reconcile import Because
from interlock.core.safety import oscillating
from interlock.engine.context import Cycle
from interlock.engine.decide import held_issue
from interlock.engine.work import Batch, SideWrite, Work
from interlock.store import audit

Place = tuple[str, Side, str]  # HubSpot id, side written, property


async def damp(ctx: Cycle, batch: Batch) -> None:
    """Take fields that oscillate out of the batch's writes."""
    since_us = ctx.clock_us() - ctx.settings.oscillation_window_us
    lately = [work for work in batch.works if work.writes and _written_lately(work, since_us)]
    if not lately:
        return
    ids = [work.link.hubspot_id for work in lately if work.link is not None]
    async with ctx.store.read(ctx.connection_id) as tx:
        written = await audit.updates_since(tx, batch.runtime.slug, ids, since_us)
    for work in lately:
        for write in work.writes:
            _hold(ctx, work, write, written)
        work.writes = [write for write in work.writes if write.fields or write.extra or write.creates]


def _written_lately(work: Work, since_us: int) -> bool:
    return work.link is not None and not work.new_link and (work.link.synced_at_us or 0) > since_us


def _hold(ctx: Cycle, work: Work, write: SideWrite, written: dict[Place, int]) -> None:
    steady: list[FieldWrite] = []
    for field in write.fields:
        times = written.get((work.hubspot_id or "", write.side, field.mapping.property), 0)
        # An undo is a person's, and ends by itself: it is how a tug of war is taken back.
        undone = field.decision.merge.because is Because.PERSON_UNDID
        if undone or not oscillating(times, ctx.settings.oscillation_writes):
            steady.append(field)
            continue
        crm = "HubSpot" if write.side is Side.HUBSPOT else "Salesforce"
        minutes = ctx.settings.oscillation_window_us // 60_000_000
        held = HeldField(
            field.mapping,
            write.side,
            "oscillating",
            f"{times} times within {minutes} minutes it was written to {crm} and changed back there or on the other side",
            field.seen,
            field.decision.merge.value,
        )
        work.held.append(held)
        work.issues.append(held_issue(work, held))
    write.fields = steady
