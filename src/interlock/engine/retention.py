"""Letting old values go: audit rows, resolved issues and call counts older than the retention, in bounded bites, about once a day.

Open conflicts stay, since each may hold the only copy of a value (store/audit.py, `prune`).
"""

from __future__ import annotations

from interlock.engine.context import Cycle
from interlock.store import audit, calls, cursors, issues

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
        before_us = now - ctx.settings.audit_retention_us
        rows = await audit.prune(tx, before_us, audit.PRUNE_ROWS)
        over = await issues.prune(tx, before_us, issues.PRUNE_ROWS)
        await calls.prune(tx, before_us)
        # A full bite means that there may be more: the next drain goes on.
        if rows < audit.PRUNE_ROWS and over < issues.PRUNE_ROWS:
            await cursors.set(tx, CURSOR, {"at_us": now})
    return rows + over
