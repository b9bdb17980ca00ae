"""Running cycles: until nothing is due now and a detection pass on both sides found nothing new."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from interlock.core.model import Reason, RecordKey
from interlock.engine.brake import Braked
from interlock.engine.context import Cycle, ObjectCounts
from interlock.engine.cycle import drain, work_off
from interlock.store import connections, dirty


class SyncResult(msgspec.Struct):
    """`waiting` of an object: what is due later (a retry, a parked time-out), with the earliest time in `next_due_us`."""

    outcome: str  # done | stopped | interrupted
    stopped_reason: str | None
    objects: dict[str, ObjectCounts]
    api_calls: dict[str, int]
    seconds: float
    next_due_us: int | None


async def sync(
    ctx: Cycle, keys: Sequence[RecordKey] = (), work: Callable[[Cycle], Awaitable[object]] = drain
) -> SyncResult:
    """Drain the connection once. With `keys` only these records are looked at, whether or not they changed.

    `work`: less than a whole drain, for a dispatcher that comes back anyway.
    """
    started_us = ctx.clock_us()
    before = calls_of(ctx)
    outcome, reason = "done", None
    try:
        if keys:
            await _sync_records(ctx, keys)
        else:
            await work(ctx)
    except Braked as braked:
        outcome, reason = "stopped", braked.brake.reason
        async with ctx.store.write(None) as tx:
            await connections.update(
                tx,
                ctx.connection_id,
                state="stopped_by_brake",
                state_reason=braked.brake.reason,
                state_fix=braked.brake.fix,
                state_since_us=ctx.clock_us(),
            )
    finally:
        await ctx.hubspot.governor.flush()
        await ctx.salesforce.governor.flush()
    async with ctx.store.read(ctx.connection_id) as tx:
        due = await dirty.counts(tx, ctx.clock_us())
        next_due_us = await dirty.earliest_due_us(tx)
    for slug in ctx.objects:
        counts = ctx.report.of(slug)
        counts.waiting = due[slug].waiting if slug in due else 0
    return SyncResult(
        outcome=outcome,
        stopped_reason=reason,
        objects=ctx.report.objects,
        api_calls={side: calls - before[side] for side, calls in calls_of(ctx).items()},
        seconds=(ctx.clock_us() - started_us) / 1_000_000,
        next_due_us=next_due_us,
    )


def calls_of(ctx: Cycle) -> dict[str, int]:
    return {
        "hubspot": sum(ctx.hubspot.governor.counts.values()),
        "salesforce": sum(ctx.salesforce.governor.counts.values()),
    }


async def _sync_records(ctx: Cycle, keys: Sequence[RecordKey]) -> None:
    for runtime in ctx.objects.values():
        mine = [key for key in keys if ctx.object_of(key) is runtime]
        if not mine:
            continue
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            await dirty.mark(tx, runtime.slug, mine, Reason.RESYNC, ctx.clock_us())
        await work_off(ctx, runtime)
