"""What an undo would take back, writing nothing: the line of the cycle on a scratch copy of the store, stopped after its plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from interlock.app.connections import since_of_org
from interlock.app.runtime import open_cycle
from interlock.app.undo.left import AllLeft, left_of
from interlock.core.model import Reason, RecordKey, RecordLink, Side
from interlock.core.plain import plain
from interlock.core.reconcile import Because
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine import undo_history
from interlock.engine.context import Cycle, ObjectRuntime, Report
from interlock.engine.cycle import claim_these, plan_batch
from interlock.engine.undo_history import Pair, Written
from interlock.engine.work import Batch, Work
from interlock.store import Store, dirty, undos
from interlock.store import lease as leases
from interlock.store.aside import Keys, Listed
from interlock.store.connections import Connection
from interlock.store.scratch import scratch_copy
from interlock.store.undos import UNDONE, WAITING, UndoRow

_OWNER = "undo-preview"
_TERM_S = 86_400.0  # the lease on the scratch copy, which nobody else can want


class FieldBack(msgspec.Struct, frozen=True):
    """One field that goes back: `side` holds `now` and gets `back_to`. Plain values, None is blank."""

    object: str
    hubspot: str
    salesforce: str
    side: Side
    property: str
    field: str
    now: str | None
    back_to: str | None


class RecordBack(msgspec.Struct, frozen=True):
    """One record that we had created and that is deleted again; `label`: how a person knows it."""

    object: str
    hubspot: str
    salesforce: str
    side: Side
    label: str | None


class UndoPlan(msgspec.Struct):
    """`records` is what a person confirms by typing their number. `up_to`: given to a run, it takes back this alone."""

    since_us: int
    up_to: int
    fields: Listed[FieldBack] = msgspec.field(default_factory=lambda: Listed(FieldBack))
    records: Listed[RecordBack] = msgspec.field(default_factory=lambda: Listed(RecordBack))
    left: AllLeft = msgspec.field(default_factory=AllLeft)


async def plan(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    *,
    since_us: int,
    only: Sequence[str] = (),
    key: RecordKey | None = None,
    up_to: int | None = None,
) -> UndoPlan:
    """Beside a sync that runs, too. `only`: object slugs; `key`: this record's pair alone; `up_to`: of what this plan had before.

    Raises CrmError.
    """
    assert connection.id is not None
    since_us = since_of_org(connection, since_us)
    async with (
        scratch_copy(store, connection.id) as scratch,
        open_cycle(scratch, connection, hubspot, salesforce, clock_us, _OWNER, only) as ctx,
    ):
        written = await undo_history.find(store, connection.id, ctx.objects, since_us, clock_us(), key, up_to)
        return await planned(ctx, written, since_us)


async def plan_within(ctx: Cycle, written: Written, since_us: int) -> UndoPlan:
    """The same for a cycle that is open on the store itself. Raises CrmError."""
    async with scratch_copy(ctx.store, ctx.connection_id) as scratch:
        lease = await leases.take(scratch, ctx.lease.org_id, _OWNER, ctx.clock_us(), _TERM_S)
        return await planned(
            msgspec.structs.replace(ctx, store=scratch, lease=lease, report=Report()), written, since_us
        )


async def planned(ctx: Cycle, written: Written, since_us: int) -> UndoPlan:
    """`ctx` works on a scratch store."""
    result, gone = UndoPlan(since_us, written.up_to), Keys()
    await result.left.take_page_by_page(written.never)
    ctx.taken_back = gone
    async for part in written.parts():
        result.left.take(part.left)
        if not part.pairs:
            continue
        await note(ctx, part.runtime, part.pairs)
        batch = await claim_these(ctx, part.runtime, [link.hubspot for link, _ in part.pairs])
        works: dict[int, Work] = {}
        if batch is not None:
            await plan_batch(ctx, batch)
            works = _by_link(batch)
        for link, rows in part.pairs:
            assert link.id is not None
            _plan_pair(result, gone, link, rows, works.get(link.id))
        for reference in part.runtime.references:
            reference.forget()
    return result


async def note(ctx: Cycle, runtime: ObjectRuntime, pairs: Sequence[Pair]) -> None:
    """What is to be taken back, and its pairs due, in one transaction."""
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await undos.put(tx, [row for _, rows in pairs for row in rows])
        await dirty.mark(tx, runtime.slug, [link.hubspot for link, _ in pairs], Reason.REPAIR, tx.now_us)


def _by_link(batch: Batch) -> dict[int, Work]:
    return {work.link.id: work for work in batch.works if work.link is not None and work.link.id is not None}


def _plan_pair(result: UndoPlan, gone: Keys, link: RecordLink, rows: Sequence[UndoRow], work: Work | None) -> None:
    states = _states(work)
    for row in rows:
        place = (row.property, row.field, row.side)
        state = states.get(place, WAITING)
        if state == UNDONE and row.of_record():
            if work is not None and work.take_back is not None:
                result.records.append(
                    RecordBack(link.object, str(link.hubspot), str(link.salesforce), row.side, work.label())
                )
                gone.add(link.key(row.side))
        elif state == UNDONE and work is not None:
            result.fields.append(_field_back(link, row, work))
        elif state != UNDONE:
            result.left.add(left_of(link, row, state))


def _states(work: Work | None) -> dict[tuple[str, str, Side], str]:
    """What would become of each row of the pair."""
    if work is None:
        return {}
    written = {
        (field.mapping.property, field.mapping.field, write.side)
        for write in work.writes
        for field in write.fields
        if field.decision.merge.because is Because.PERSON_UNDID
    }
    found: dict[tuple[str, str, Side], str] = dict.fromkeys(written, UNDONE)
    for row in work.undos:
        if row.id in work.undos_ended:
            found[row.property, row.field, row.side] = work.undos_ended[row.id]
    if work.take_back is not None:
        found["", "", work.take_back.side] = UNDONE
    return found


def _field_back(link: RecordLink, row: UndoRow, work: Work) -> FieldBack:
    now = next(
        (
            plain(each.hubspot if row.side is Side.HUBSPOT else each.salesforce)
            for each in work.decisions
            if (each.mapping.property, each.mapping.field) == (row.property, row.field)
        ),
        None,
    )
    hubspot, salesforce = str(link.hubspot), str(link.salesforce)
    return FieldBack(link.object, hubspot, salesforce, row.side, row.property, row.field, now, row.wanted)
