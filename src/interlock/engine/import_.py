"""Loading from Salesforce on request: every record of an object, or what changed since, is due, page by page.

Whether it was looked at before, and what was decided then, plays no part: a record that was left alone at install is taken
up. Each page is worked off before the next, by the line that everything goes through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from interlock.core.model import Reason
from interlock.engine.context import Cycle, FreshRead, ObjectRuntime
from interlock.engine.index import index_rows
from interlock.engine.load import Since, load, loading, salesforce_page
from interlock.engine.references import learn_references
from interlock.store import directory, dirty
from interlock.store.tx import Tx, WriteTx

WorkOff = Callable[[Cycle, ObjectRuntime], Awaitable[int]]


async def import_(ctx: Cycle, since: Since | None, work_off: WorkOff) -> int:
    """The number of records made due."""
    if await loading(ctx):
        # What is there must be known first, or a counterpart would be made a second time.
        await load(ctx, work_off)
    marked = 0
    for runtime in ctx.objects.values():
        for type_ in runtime.salesforce_types:
            marked += await _import_type(ctx, runtime, type_, since, work_off)
    return marked


class Asked(msgspec.Struct):
    """An import that a person asked for on a page: whoever drains the connection next carries it out. It goes on where it
    was when a process ends; `type` and `after` are the last page that is marked due."""

    since_us: int | None = None
    created: bool = False  # no older than that, rather than changed since
    type: str | None = None
    after: str | None = None

    @property
    def since(self) -> Since | None:
        return None if self.since_us is None else Since(self.since_us, self.created)


_ASKED = "import:"


async def ask(tx: WriteTx, slug: str, since: Since | None) -> None:
    """The last word counts: an import of the object that is not done yet begins anew."""
    wanted = Asked() if since is None else Asked(since.us, since.created)
    await directory.put(tx, _ASKED + slug, msgspec.to_builtins(wanted))


async def forget(tx: WriteTx, slug: str) -> None:
    """Whoever asked meant the connection as it was."""
    await directory.drop(tx, _ASKED + slug)


async def asked(tx: Tx) -> dict[str, Asked]:
    """By object slug."""
    found = await directory.get_all(tx, _ASKED)
    return {name.removeprefix(_ASKED): msgspec.convert(value, Asked) for name, value in found.items()}


async def import_asked(ctx: Cycle, work_off: WorkOff) -> int:
    """Carry out what was asked for. The number of records made due."""
    async with ctx.store.read(ctx.connection_id) as tx:
        wanted = await asked(tx)
    marked = 0
    for slug, request in wanted.items():
        runtime = ctx.objects.get(slug)
        if runtime is None:
            continue  # paused, or not asked of this drain: it waits
        types = runtime.salesforce_types
        for type_ in types[types.index(request.type) if request.type in types else 0 :]:
            marked += await _import_type(ctx, runtime, type_, request.since, work_off, request)
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            # Somebody may have asked again meanwhile, for more.
            if (await asked(tx)).get(slug) == request:
                await directory.drop(tx, _ASKED + slug)
    return marked


async def _import_type(
    ctx: Cycle,
    runtime: ObjectRuntime,
    type_: str,
    since: Since | None,
    work_off: WorkOff,
    request: Asked | None = None,
) -> int:
    after = request.after if request is not None and request.type == type_ else None
    marked = 0
    while True:
        async with ctx.store.read(ctx.connection_id) as tx:
            counter = await dirty.horizon(tx)
        rows = await salesforce_page(ctx, runtime, type_, after, since)
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
            if request is not None and (await asked(tx)).get(runtime.slug) == request:
                request.type, request.after = type_, after
                await directory.put(tx, _ASKED + runtime.slug, msgspec.to_builtins(request))
        marked += len(rows)
        await work_off(ctx, runtime)
