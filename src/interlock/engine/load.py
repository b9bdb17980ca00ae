"""The first load: every record of an object on both sides is looked at once, page by page, each page worked off before the next.

Resumable: the cursor of the load moves with the marks of each page, so an interruption repeats one page at most. HubSpot
goes first; the pairs it makes leave little for the Salesforce side. What a list call returns is a fresh read (unlike the
search index), so nothing is read twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from interlock.core.model import Observation, Reason, Side
from interlock.crm.salesforce.soql import datetime_literal, fields, fit, name, record_id
from interlock.engine import census
from interlock.engine.census import Census
from interlock.engine.context import EXISTING, Cycle, ObjectRuntime, StopAsked
from interlock.engine.detect import SALESFORCE_PAGE_ROWS, mark
from interlock.engine.index import index_rows
from interlock.store import cursors, dirty, links

HUBSPOT_LIST_ROWS = 100


class Since(msgspec.Struct, frozen=True):
    """Only rows that changed since then; `created`: only those that are no older."""

    us: int
    created: bool = False

    @property
    def field(self) -> str:
        return "CreatedDate" if self.created else "SystemModstamp"


WorkOff = Callable[[Cycle, ObjectRuntime], Awaitable[int]]


async def load(ctx: Cycle, work_off: WorkOff) -> None:
    """Run or resume the first load of every object, as the connection's `existing` says."""
    policy = EXISTING[ctx.settings.existing]
    reason = Reason.EXISTING if policy.create else Reason.EXISTING_LINK_ONLY
    for runtime in ctx.objects.values():
        name_ = f"load:{runtime.slug}"
        async with ctx.store.read(ctx.connection_id) as tx:
            state = await cursors.get(tx, name_) or {"phase": "index"}
        if state["phase"] == "index":
            await _index(ctx, runtime, policy.load)
            state = {"phase": "hubspot" if policy.load else "done", "after": None}
            await _save(ctx, name_, state)
        try:
            await _load_object(ctx, runtime, reason, name_, state, work_off)
        finally:
            ctx.census = None


async def _load_object(
    ctx: Cycle, runtime: ObjectRuntime, reason: Reason, name_: str, state: Mapping[str, object], work_off: WorkOff
) -> None:
    counted = census.begin(runtime, state)
    if counted is not None and counted.stored and state["phase"] == "salesforce":
        ctx.census = runtime.slug
    # What an interruption left due goes first: then nothing is read that has to wait, and be read again.
    await work_off(ctx, runtime)
    if state["phase"] == "hubspot":
        state = await _load_hubspot(ctx, runtime, reason, name_, state, counted, work_off)
    if state["phase"] == "salesforce":
        await _load_salesforce(ctx, runtime, reason, name_, state, counted, work_off)
        state = {"phase": "done" if counted is None or not counted.stored else "forget"}
        await _save(ctx, name_, state)
    if state["phase"] == "forget":
        await census.forget(ctx, runtime)
        await _save(ctx, name_, {"phase": "done"})


# Stands with the marks of HubSpot's last page: an interruption while that is worked off must not begin at the first again.
_HUBSPOT_DONE: Mapping[str, object] = {"phase": "salesforce", "type": 0, "after": None}


async def loading(ctx: Cycle) -> bool:
    async with ctx.store.read(ctx.connection_id) as tx:
        states = [await cursors.get(tx, f"load:{slug}") for slug in ctx.objects]
    return any(state is None or state["phase"] != "done" for state in states)


async def _save(ctx: Cycle, name_: str, state: Mapping[str, object]) -> None:
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await cursors.set(tx, name_, dict(state))


async def _index(ctx: Cycle, runtime: ObjectRuntime, load_follows: bool) -> None:
    """Companies are matched through our own index of keys, which must know the other side before the first match.

    HubSpot's side is indexed by the load that follows, if one does; but that two records name one counterpart must be known
    before either is given it.
    """
    for type_ in runtime.salesforce_types if runtime.indexes(Side.SALESFORCE) else ():
        after: str | None = None
        while rows := await salesforce_page(ctx, runtime, type_, after):
            await index_rows(ctx, runtime, rows)
            after = rows[-1].key.id
    if not runtime.indexes(Side.HUBSPOT) or (load_follows and not runtime.native_ids):
        return
    page_after: str | None = None
    while True:
        page = await ctx.hubspot.list_page(
            runtime.spec.hubspot_type, runtime.hubspot_properties, page_after, HUBSPOT_LIST_ROWS, purpose="match"
        )
        await index_rows(ctx, runtime, page.records)
        page_after = page.next
        if page_after is None:
            return


async def index_both_sides(ctx: Cycle, runtime: ObjectRuntime) -> None:
    """For who works on some records before the first load: what their counterparts may be must be known first."""
    await _index(ctx, runtime, load_follows=False)


async def _load_hubspot(
    ctx: Cycle,
    runtime: ObjectRuntime,
    reason: Reason,
    name_: str,
    state: Mapping[str, object],
    counted: Census | None,
    work_off: WorkOff,
) -> Mapping[str, object]:
    """Where the load goes on."""
    next_ = None if state["after"] is None else str(state["after"])
    while True:
        _check_stop(ctx)
        rows: list[Observation] = []
        begun = next_
        async with ctx.store.read(ctx.connection_id) as tx:
            counter = await dirty.horizon(tx)
        while len(rows) < ctx.settings.batch_rows:
            page = await ctx.hubspot.list_page(
                runtime.spec.hubspot_type, runtime.hubspot_properties, next_, HUBSPOT_LIST_ROWS, purpose="fetch"
            )
            rows += page.records
            next_ = page.next
            if next_ is None:
                break
        place = _HUBSPOT_DONE if next_ is None else {"phase": "hubspot", "after": next_}
        if counted is not None:
            await census.note(ctx, runtime, counted, rows, name_, {"phase": "hubspot", "after": begun})
            place = {**place, **counted.place}
        await mark(ctx, runtime, rows, reason, (name_, place), counter)
        await work_off(ctx, runtime)
        if next_ is None:
            return place


async def _load_salesforce(
    ctx: Cycle,
    runtime: ObjectRuntime,
    reason: Reason,
    name_: str,
    state: Mapping[str, object],
    counted: Census | None,
    work_off: WorkOff,
) -> None:
    first = int(str(state["type"]))
    looked_at = 0
    for place, type_ in enumerate(runtime.salesforce_types):
        if place < first:
            continue
        after = str(state["after"]) if place == first and state["after"] else None
        # HubSpot's side was loaded before, so nearly all of these are linked by now: their ids are enough to know it, and
        # the others are read whole when they are worked off. What changed since is detection's to find.
        while True:
            _check_stop(ctx)
            rows = await salesforce_page(ctx, runtime, type_, after, wanted=["Id"])
            if not rows:
                break
            begun, after = after, rows[-1].key.id
            async with ctx.store.read(ctx.connection_id) as tx:
                linked = await links.linked_salesforce_ids(tx, runtime.slug, [row.key.id for row in rows])
            alone = [row for row in rows if row.key.id not in linked]
            looked_at += len(alone)
            cursor: Mapping[str, object] = {"phase": "salesforce", "type": place, "after": after}
            if counted is not None:
                if not counted.stored and looked_at > ctx.settings.census_rows:
                    await census.keep(ctx, runtime, counted, name_, {**cursor, "after": begun})
                ctx.census = runtime.slug if counted.stored else None
                cursor = {**cursor, **counted.place}
            await mark(ctx, runtime, alone, reason, (name_, cursor))
            await work_off(ctx, runtime)


def _check_stop(ctx: Cycle) -> None:
    """Before a page is read rather than after it."""
    if ctx.stop is not None:
        raise StopAsked(ctx.stop)


async def salesforce_page(
    ctx: Cycle,
    runtime: ObjectRuntime,
    type_: str,
    after: str | None,
    since: Since | None = None,
    wanted: list[str] | None = None,
) -> list[Observation]:
    """Up to 2,000 rows by id: a keyset, since a query cursor lives two days at most and does not survive a restart.

    `wanted`: the fields, where not all that sync.
    """
    wanted = wanted or runtime.salesforce_fields[type_]
    wide = not fit(wanted)
    while True:
        rows = await _rows_by_id(ctx, type_, after, since, ["Id"] if wide else wanted)
        if not wide or not rows:
            return rows
        # Too many fields for a query: it finds the rows, whose values are read beside it.
        after = rows[-1].key.id
        if living := await ctx.salesforce.with_values(type_, rows, wanted, purpose="fetch"):
            return living


async def _rows_by_id(
    ctx: Cycle, type_: str, after: str | None, since: Since | None, wanted: list[str]
) -> list[Observation]:
    tests = [f"Id > '{record_id(after)}'"] if after else []
    tests += [f"{since.field} >= {datetime_literal(since.us)}"] if since is not None else []
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    soql = f"SELECT {fields(wanted, 'Id')} FROM {name(type_)}{where} ORDER BY Id LIMIT {SALESFORCE_PAGE_ROWS}"
    (page,) = await ctx.salesforce.query_many([soql], purpose="fetch")
    records = list(page.records)
    # Wide rows come in smaller pages than asked for.
    while page.next_url is not None:
        (page,) = await ctx.salesforce.query_more([page.next_url], purpose="fetch")
        records += page.records
    return [ctx.salesforce.to_observation(type_, row, page.read_us, wanted) for row in records]
