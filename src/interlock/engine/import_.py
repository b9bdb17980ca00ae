"""Loading from Salesforce on request: every record of an object, or what changed since, is due, page by page.

Whether it was looked at before, and what was decided then, plays no part: a record that was left alone at install is taken
up. Each page is worked off before the next, by the line that everything goes through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from interlock.core.model import Reason
from interlock.engine.context import Cycle, FreshRead, ObjectRuntime
from interlock.engine.detect import index_rows
from interlock.engine.load import load, loading, salesforce_page
from interlock.engine.references import learn_references
from interlock.store import dirty

WorkOff = Callable[[Cycle, ObjectRuntime], Awaitable[int]]


async def import_(ctx: Cycle, since_us: int | None, work_off: WorkOff) -> int:
    """The number of records made due."""
    if await loading(ctx):
        # What is there must be known first, or a counterpart would be made a second time.
        await load(ctx, work_off)
    marked = 0
    for runtime in ctx.objects.values():
        for type_ in runtime.salesforce_types:
            marked += await _import_type(ctx, runtime, type_, since_us, work_off)
    return marked


async def _import_type(ctx: Cycle, runtime: ObjectRuntime, type_: str, since_us: int | None, work_off: WorkOff) -> int:
    after: str | None = None
    marked = 0
    while True:
        async with ctx.store.read(ctx.connection_id) as tx:
            counter = await dirty.horizon(tx)
        rows = await salesforce_page(ctx, runtime, type_, after, since_us)
        if not rows:
            return marked
        after = rows[-1].key.id
        await learn_references(ctx, runtime, rows)
        await index_rows(ctx, runtime, rows)
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            seq = await dirty.mark(tx, runtime.slug, [row.key for row in rows], Reason.IMPORT, ctx.clock_us())
            for row in rows:
                # A list is a fresh read, as long as nobody marked anything in between.
                if seq == counter + 1:
                    ctx.fresh[row.key] = FreshRead(row, seq)
                else:
                    ctx.fresh.pop(row.key, None)
        marked += len(rows)
        await work_off(ctx, runtime)
