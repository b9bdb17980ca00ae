"""Undoing: the writes are taken back in the line of the cycle, pair by pair, also while the connection is paused.

Nothing else of those pairs is carried over meanwhile; they are due afterwards, so that the next sync looks at the rest of them.
What a crash leaves is noted in the store and is taken up by the next sync of the pair; the pairs it had not come to are as before,
and the same command goes on with them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from interlock.app.connections import check_org_settled, since_of_org
from interlock.app.errors import BadInput
from interlock.app.once import SignedOut, owner_name
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.runtime import open_cycle
from interlock.app.serve import OpenClients
from interlock.app.sync import INTERRUPTED, SyncResult, calls_of, result_of
from interlock.app.turns import WAIT_S, when_free
from interlock.app.undo.left import AllLeft, left_of
from interlock.app.undo.plan import note, plan_within
from interlock.core.model import Reason, RecordKey
from interlock.crm.errors import BudgetSpent
from interlock.engine import undo_history
from interlock.engine.brake import Braked
from interlock.engine.context import Cycle
from interlock.engine.cycle import claim_these, run_batch
from interlock.engine.undo_history import Part, Written
from interlock.store import Store, dirty, undos
from interlock.store.connections import Connection
from interlock.store.undos import STANDING, UNDONE

# A pair may have been edited while its undo was on its way, and is looked at again.
_LOOKS_MOST = 3


class UndoResult(msgspec.Struct):
    """`sync` counts what was written and deleted; `fields` and `records` what went back."""

    sync: SyncResult
    fields: int
    records: int
    left: AllLeft


async def run(
    store: Store,
    connection: Connection,
    open_clients: OpenClients,
    clock_us: Callable[[], int],
    *,
    since_us: int,
    only: Sequence[str] = (),
    key: RecordKey | None = None,
    delete_records: int | None = None,
    up_to: int | None = None,
    wait_s: float = WAIT_S,
    by: By = BY_COMMAND,
    on_cycle: Callable[[Cycle], None] | None = None,
) -> UndoResult:
    """`delete_records`: how many created records a person has confirmed to delete, as the plan counted them; None: none are.
    `up_to`: of the plan that was shown; what a sync has written since then stays.

    Raises BadInput (count_changed), SignedOut, CrmError, HeldByOther.
    """
    check_org_settled(connection)
    since_us = since_of_org(connection, since_us)
    if connection.state == "signed_out":
        raise SignedOut(
            f"{connection.name} is signed out: {connection.state_reason}", fix=connection.state_fix or "Sign in again."
        )
    async with open_clients(connection) as clients:

        async def attempt() -> UndoResult:
            async with open_cycle(
                store, connection, clients.hubspot, clients.salesforce, clock_us, owner_name(), only
            ) as ctx:
                if on_cycle is not None:
                    on_cycle(ctx)
                return await _undo(ctx, since_us, key, delete_records, by, up_to)

        return await when_free(attempt, clock_us, wait_s)


async def _undo(
    ctx: Cycle, since_us: int, key: RecordKey | None, delete_records: int | None, by: By, up_to: int | None
) -> UndoResult:
    started_us, before = ctx.clock_us(), calls_of(ctx)
    written = await undo_history.find(ctx.store, ctx.connection_id, ctx.objects, since_us, started_us, key, up_to)
    if delete_records is not None:
        counted = len((await plan_within(ctx, written, since_us)).records)
        if counted != delete_records:
            raise BadInput(
                f"{delete_records:,} records were confirmed to be deleted, and by now it would be {counted:,}. Nothing was"
                " undone.",
                code="count_changed",
                fix="Look at `interlock undo --plan` again.",
            )
    done = _Done()
    await done.left.take_page_by_page(written.never)
    outcome, reason = "done", None
    try:
        await _begin(ctx, by, since_us, started_us, _asked(written, delete_records))
        async for part in _asked(written, delete_records):
            if ctx.stop == INTERRUPTED:
                outcome, reason = "interrupted", ctx.stop
                break
            done.left.take(part.left)
            if part.pairs:
                await _undo_part(ctx, part)
                await done.note(ctx, part, started_us)
    except (Braked, BudgetSpent) as stopped:
        outcome, reason = "stopped", stopped.brake.reason if isinstance(stopped, Braked) else stopped.message
    finally:
        await ctx.hubspot.governor.flush()
        await ctx.salesforce.governor.flush()
    result = await result_of(ctx, started_us, before, outcome, reason)
    return UndoResult(result, done.fields, done.records, done.left)


async def _asked(written: Written, delete_records: int | None) -> AsyncIterator[Part]:
    async for part in written.parts():
        if delete_records is None:
            part.leave_records()
        yield part


async def _begin(ctx: Cycle, by: By, since_us: int, at_us: int, parts: AsyncIterator[Part]) -> None:
    """The log says what is asked before anything of it is done."""
    slugs: set[str] = set()
    fields = records = 0
    async for part in parts:
        of_part = [row.of_record() for _, rows in part.pairs for row in rows]
        if of_part:
            slugs.add(part.runtime.slug)
        records += sum(of_part)
        fields += len(of_part) - sum(of_part)
    if not slugs:
        return
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await undos.forget_ended(tx, at_us)
        await record(
            tx,
            by,
            "undone",
            f"connection:{ctx.connection_id}",
            since_us=since_us,
            objects=sorted(slugs),
            fields=fields,
            records=records,
        )


class _Done:
    """What became of it so far."""

    def __init__(self) -> None:
        self.fields = self.records = 0
        self.left = AllLeft()

    async def note(self, ctx: Cycle, part: Part, at_us: int) -> None:
        pairs = {link.id: link for link, _ in part.pairs if link.id is not None}
        async with ctx.store.read(ctx.connection_id) as tx:
            rows = await undos.of_run(tx, at_us, list(pairs))
        for row in rows:
            if row.state not in (UNDONE, STANDING):
                self.left.add(left_of(pairs[row.link_id], row, row.state))
            elif row.of_record():
                self.records += 1
            else:
                self.fields += 1


async def _undo_part(ctx: Cycle, part: Part) -> None:
    runtime = part.runtime
    await note(ctx, runtime, part.pairs)
    keys = [link.hubspot for link, _ in part.pairs]
    ctx.fresh.clear()
    for reference in runtime.references:
        reference.forget()
    for _ in range(_LOOKS_MOST):
        batch = await claim_these(ctx, runtime, keys)
        if batch is None:
            break
        await run_batch(ctx, batch)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        # What else there is to do for these pairs was left alone.
        await dirty.mark(tx, runtime.slug, keys, Reason.CHANGED, tx.now_us)
