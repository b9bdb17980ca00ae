"""Running cycles: until nothing is due now and a detection pass on both sides found nothing new."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from interlock.app import states
from interlock.app.pipelines_in_step import keep_in_step
from interlock.app.times import rfc3339
from interlock.core.model import Reason, RecordKey
from interlock.engine.brake import Braked
from interlock.engine.context import Cycle, ObjectCounts, SetupChanged, StopAsked
from interlock.engine.cycle import drain, work_off
from interlock.store import dirty

Json = dict[str, Any]

# `Cycle.stop` of somebody who wants the process to end, as opposed to the sync.
INTERRUPTED = "interrupted"


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
    started_us, before = ctx.clock_us(), calls_of(ctx)
    outcome, reason = "done", None
    try:
        if await keep_in_step(ctx) and ctx.make_anew is not None:
            await ctx.make_anew()
        while await _set_up_anew(ctx, _sync_records(ctx, keys) if keys else work(ctx)):
            pass  # each time because a person has saved something meanwhile
    except Braked as braked:
        outcome, reason = "stopped", braked.brake.reason
        await states.halt(
            ctx.store, ctx.connection_id, "stopped_by_brake", braked.brake.reason, braked.brake.fix, ctx.lease
        )
    except StopAsked as asked:
        outcome = "interrupted" if asked.why == INTERRUPTED else "stopped"
        reason = asked.why
    finally:
        await ctx.hubspot.governor.flush()
        await ctx.salesforce.governor.flush()
    if outcome == "done" and ctx.brake_released and not keys:
        await states.arm_brake(ctx.store, ctx.connection_id, ctx.lease)
    return await result_of(ctx, started_us, before, outcome, reason)


async def _set_up_anew(ctx: Cycle, working: Awaitable[object]) -> bool:
    """Do this work. True: settings or mappings changed before it was done; the cycle has the new ones, nothing is half done,
    and what is left is still due."""
    try:
        await working
    except SetupChanged:
        assert ctx.make_anew is not None, "only a cycle that can be made anew asks"
        await ctx.make_anew()
        return True
    return False


async def result_of(
    ctx: Cycle, started_us: int, calls_before: dict[str, int], outcome: str, reason: str | None
) -> SyncResult:
    """What the cycle has done so far, and what waits."""
    async with ctx.store.read(ctx.connection_id) as tx:
        due = await dirty.counts(tx, ctx.clock_us())
    waits = [due[slug].earliest_waiting_us for slug in ctx.objects if slug in due]
    for slug in ctx.objects:
        counts = ctx.report.of(slug)
        counts.waiting = due[slug].waiting if slug in due else 0
    return SyncResult(
        outcome=outcome,
        stopped_reason=reason,
        objects={slug: ctx.report.of(slug) for slug in ctx.objects},
        api_calls={side: calls - calls_before[side] for side, calls in calls_of(ctx).items()},
        seconds=(ctx.clock_us() - started_us) / 1_000_000,
        next_due_us=min((at_us for at_us in waits if at_us is not None), default=None),
    )


def as_document(result: SyncResult, open_issues: int | None) -> Json:
    return {
        "outcome": result.outcome,
        "stopped_reason": result.stopped_reason,
        "objects": {slug: msgspec.structs.asdict(counts) for slug, counts in result.objects.items()},
        "api_calls": result.api_calls,
        "seconds": result.seconds,
        "waiting": sum(counts.waiting for counts in result.objects.values()),
        "next_due_at": rfc3339(result.next_due_us),
        "open_issues": open_issues,
    }


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
