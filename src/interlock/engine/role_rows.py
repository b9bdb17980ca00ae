"""Reading the contact roles of opportunities beside the contacts: those that changed, by a stamp of their own or of their
opportunity, and those of some contacts. What is made of them is lifecycle.py and newest_opportunity.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from interlock.core.model import Issue, Raw
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.salesforce.requests import to_us
from interlock.crm.salesforce.soql import changed_by, where_in
from interlock.engine.context import STAMP_GRAIN_US, Cycle, ObjectRuntime
from interlock.engine.explanations import fix_for
from interlock.engine.role_labels import JUNCTION
from interlock.engine.window import Window
from interlock.store import WriteTx, cursors, issues

Row = Mapping[str, Raw]
_OWN, _PARENT = "SystemModstamp", "Opportunity.SystemModstamp"


class Watched(msgspec.Struct, frozen=True):
    """What is read of each row, and for whom: `name` begins its cursors; `code`, `cause`: the issue of a sync user who may not,
    with a hole for what Salesforce refused."""

    name: str
    fields: tuple[str, ...]
    code: str
    cause: str
    deleted: bool = False  # whether rows that were taken away are read as well


async def notice(
    ctx: Cycle,
    runtime: ObjectRuntime,
    watched: Watched,
    look_back: bool,
    mark: Callable[[WriteTx, list[Row]], Awaitable[int]],
) -> int:
    """Give `mark` the rows that changed, page by page, in the transaction that moves their cursor; how many it marked. One call
    a poll."""
    began_at_us, overlap_us = ctx.clock_us(), ctx.settings.salesforce_overlap_us
    cursor = {_OWN: f"{watched.name}:roles", _PARENT: f"{watched.name}:opportunities"}
    async with ctx.store.read(ctx.connection_id) as tx:
        before = {by: Window.of(await cursors.get(tx, cursor[by]), ctx.begun_at_us, overlap_us) for by in cursor}
    back = {by: before[by].looks_back(began_at_us, overlap_us, look_back) for by in cursor}
    soqls = [changed_by(JUNCTION, watched.fields, by, before[by].since_us(back[by], STAMP_GRAIN_US)) for by in cursor]
    marked = 0
    try:
        first = await ctx.salesforce.query_many(soqls, include_deleted=watched.deleted, purpose="detect")
    except (CallRefused, Forbidden) as refused:
        await _note_readable(ctx, runtime, watched, str(refused))
        return 0
    await _note_readable(ctx, runtime, watched, None)
    for by, result in zip(cursor, first, strict=True):
        window, page = before[by], result
        while True:
            rows = [flat(ctx, row, page.read_us, watched.fields, by) for row in page.records]
            if rows:
                window = window.reached(to_us(rows[-1][by]), ctx.clock_us())
                async with ctx.store.write(ctx.connection_id, ctx.lease) as write_tx:
                    marked += await mark(write_tx, rows)
                    await cursors.set(write_tx, cursor[by], window.cursor())
            if page.next_url is None:
                break
            (page,) = await ctx.salesforce.query_more([page.next_url], purpose="detect")
        if back[by]:
            async with ctx.store.write(ctx.connection_id, ctx.lease) as write_tx:
                looked = window.looked_back(before[by], began_at_us, overlap_us)
                await cursors.set(write_tx, cursor[by], looked.cursor())
    return marked


async def _note_readable(ctx: Cycle, runtime: ObjectRuntime, watched: Watched, refused: str | None) -> None:
    """That the sync user may not read roles stops no sync: somebody is told, once, until it may."""
    cursor = f"{watched.name}:readable"
    async with ctx.store.read(ctx.connection_id) as tx:
        was = (await cursors.get(tx, cursor) or {}).get("readable", True)
    if was == (refused is None):
        return
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await cursors.set(tx, cursor, {"readable": refused is None})
        if refused is None:
            open_, _ = await issues.list_(tx, object=runtime.slug, code=watched.code)
            await issues.resolve_ids(tx, [issue.id for issue in open_ if issue.id is not None])
        else:
            await issues.raise_(tx, [_not_readable(runtime, watched, refused)])


def _not_readable(runtime: ObjectRuntime, watched: Watched, refused: str) -> Issue:
    category, fix = fix_for(watched.code)
    return Issue(
        category=category,
        code=watched.code,
        severity="warning",
        object=runtime.slug,
        hubspot_id=None,
        salesforce_id=None,
        salesforce_type=None,
        cause=watched.cause.format(refused=refused),
        fix=fix,
    )


def flat(ctx: Cycle, row: dict[str, Raw], read_us: int, fields: Sequence[str], *also: str) -> Row:
    return ctx.salesforce.to_observation(JUNCTION, row, read_us, [*fields, *also]).values


async def of_contacts(
    ctx: Cycle, contacts: Sequence[str], fields: Sequence[str], *, include_deleted: bool = False
) -> list[Row]:
    """Raises CallRefused, Forbidden."""
    rows: list[Row] = []
    soqls = where_in(JUNCTION, fields, "ContactId", contacts)
    pages = await ctx.salesforce.query_many(soqls, include_deleted=include_deleted, purpose="fetch")
    while pages:
        rows += [flat(ctx, row, page.read_us, fields) for page in pages for row in page.records]
        further = [page.next_url for page in pages if page.next_url is not None]
        pages = await ctx.salesforce.query_more(further, purpose="fetch") if further else []
    return rows
