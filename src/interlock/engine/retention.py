"""Letting old values go: audit rows and call counts older than the retention, in bounded bites, about once a day.

Open conflicts stay, since each may hold the only copy of a value (store/audit.py, `prune`).
"""

from __future__ import annotations

from interlock.engine.context import Cycle
from interlock.store import audit, calls, cursors

EVERY_US = 86_400_000_000
CURSOR = "retention"


async def forget_old_values(ctx: Cycle) -> int:
    """How many rows went. Does nothing when it ran within the last day and found no more than one bite then."""
    now = ctx.clock_us()
    async with ctx.store.read(ctx.connection_id) as tx:
        last = await cursors.get(tx, CURSOR)
    if last is not None and now < int(last["at_us"]) + EVERY_US:
        return 0
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        pruned = await audit.prune(tx, now - ctx.settings.audit_retention_us, audit.PRUNE_ROWS)
        await calls.prune(tx, now - ctx.settings.audit_retention_us)
        # A full bite means that there may be more: the next drain goes on.
        if pruned < audit.PRUNE_ROWS:
            await cursors.set(tx, CURSOR, {"at_us": now})
    return pruned
