"""Finding what changed, on both sides, and marking it due in the same transaction that moves the cursor (I10).

Detection only yields keys. It reads values too, but just to leave out what equals the base (an echo of our own writes, or
a field nobody mapped): that a record is due is a fact, what became of it is read afresh later. What search indexes show
late, and transactions that commit after their stamp, are found by looking back (window.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from interlock.core.model import LinkState, Observation, Reason, RecordKey, Side
from interlock.crm.salesforce.soql import changed_since, fit, narrowed
from interlock.engine.context import STAMP_AGED_US, STAMP_GRAIN_US, Cycle, FreshRead, ObjectRuntime
from interlock.engine.fetch import merged_ids
from interlock.engine.filtered import notice_entered
from interlock.engine.index import index_in
from interlock.engine.joined import notice_joined
from interlock.engine.lifecycle import notice_roles
from interlock.engine.newest_opportunity import notice_opportunities
from interlock.engine.news import News, of_a_pair, of_one_alone, was_compared
from interlock.engine.references import learn_references
from interlock.engine.second_look import wake_some
from interlock.engine.window import Window
from interlock.store import Tx, WriteTx, cursors, dirty, links, unlinked
from interlock.store.dirty import UNTIL_WOKEN_US

HUBSPOT_PAGE_ROWS = 200
# Rows of Salesforce pages taken in by one transaction.
SALESFORCE_PAGE_ROWS = 2_000
# A row is of use for half a minute (fetch.py), in which no more than some batches are worked off; more are not kept in memory.
FRESH_ROWS_MOST = 10_000
# Due before everything that is due by the clock.
FIRST_US = 0
# HubSpot's are milliseconds.
HUBSPOT_STAMP_GRAIN_US = 1_000


async def detect(ctx: Cycle, look_back: bool = False) -> int:
    """One pass over both sides. Returns how many records it marked.

    `look_back`: look for what became visible late (window.py) even if that is not due yet.
    """
    marked = await _detect_salesforce(ctx, look_back)
    for runtime in ctx.objects.values():
        marked += await _detect_hubspot(ctx, runtime, look_back)
        marked += await notice_joined(ctx, runtime, look_back)
        if runtime.stages:
            marked += await notice_roles(ctx, runtime, look_back)
        if runtime.newest_opportunity:
            marked += await notice_opportunities(ctx, runtime, look_back)
        marked += await notice_entered(ctx, runtime, look_back)
        marked += await wake_some(ctx, runtime)
    return marked


# --- HubSpot ---------------------------------------------------------------------------------------------------------


async def _detect_hubspot(ctx: Cycle, runtime: ObjectRuntime, look_back: bool) -> int:
    name = f"hubspot:{runtime.slug}"
    overlap_us = ctx.settings.hubspot_overlap_us
    async with ctx.store.read(ctx.connection_id) as tx:
        before = window = Window.of(await cursors.get(tx, name), ctx.begun_at_us, overlap_us)
    began_at_us = ctx.clock_us()
    back = window.looks_back(began_at_us, overlap_us, look_back)
    since_us = window.since_us(back, HUBSPOT_STAMP_GRAIN_US)
    pages = ctx.hubspot.changed(
        runtime.spec.hubspot_type, runtime.hubspot_properties, since_us, limit=HUBSPOT_PAGE_ROWS, purpose="detect"
    )
    marked = 0
    async for rows in pages:
        window = window.reached(rows[-1].modified_us, ctx.clock_us())
        if back:
            window = window.passed(rows[-1].modified_us, before, began_at_us, overlap_us)
        marked += await mark(ctx, runtime, rows, Reason.CHANGED, (name, window.cursor()))
    if back:
        await _keep(ctx, {name: window.looked_back(before, began_at_us, overlap_us)})
    return marked


async def _keep(ctx: Cycle, windows: Mapping[str, Window]) -> None:
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        for name, window in windows.items():
            await cursors.set(tx, name, window.cursor())


# --- Salesforce ------------------------------------------------------------------------------------------------------


class _Poll(msgspec.Struct):
    runtime: ObjectRuntime
    type: str
    cursor: str
    soql: str
    before: Window
    window: Window
    back: bool
    fields: list[str]
    wide: bool  # they are too many for the query: the values are read beside it
    parent_field: str | None = None  # of junction rows: the record that is due when the row changes


async def _detect_salesforce(ctx: Cycle, look_back: bool) -> int:
    """All objects in one composite call of up to five queries; queryAll shows deletes as well."""
    began_at_us = ctx.clock_us()
    polls = await _polls(ctx, began_at_us, look_back)
    async with ctx.store.read(ctx.connection_id) as tx:
        counter = await dirty.horizon(tx)
    results = await ctx.salesforce.query_many([poll.soql for poll in polls], include_deleted=True, purpose="detect")
    marked = 0
    for poll, result in zip(polls, results, strict=True):
        page = result
        while True:
            marked += await _take_page(ctx, poll, page.records, page.read_us, counter)
            if page.next_url is None:
                break
            async with ctx.store.read(ctx.connection_id) as tx:
                counter = await dirty.horizon(tx)
            (page,) = await ctx.salesforce.query_more([page.next_url], purpose="detect")
    looked = {
        poll.cursor: poll.window.looked_back(poll.before, began_at_us, ctx.settings.salesforce_overlap_us)
        for poll in polls
        if poll.back
    }
    if looked:
        await _keep(ctx, looked)
    return marked


async def _polls(ctx: Cycle, now_us: int, look_back: bool) -> list[_Poll]:
    polls: list[_Poll] = []
    async with ctx.store.read(ctx.connection_id) as tx:
        for runtime in ctx.objects.values():
            for type_ in runtime.salesforce_types:
                fields = runtime.salesforce_fields[type_]
                polls.append(await _poll(ctx, tx, runtime, type_, fields, now_us, look_back))
            if "contacts" in runtime.set_objects:
                fields = ["Id", "OpportunityId", "IsDeleted", "SystemModstamp"]
                junction = await _poll(ctx, tx, runtime, "OpportunityContactRole", fields, now_us, look_back)
                junction.parent_field = "OpportunityId"
                polls.append(junction)
    return polls


async def _poll(
    ctx: Cycle, tx: Tx, runtime: ObjectRuntime, type_: str, fields: list[str], now_us: int, look_back: bool
) -> _Poll:
    name, overlap_us = f"salesforce:{type_}", ctx.settings.salesforce_overlap_us
    window = Window.of(await cursors.get(tx, name), ctx.begun_at_us, overlap_us)
    back = window.looks_back(now_us, overlap_us, look_back)
    # SystemModstamp is indexed and moves for every kind of change (Salesforce, system fields).
    wide = not fit(fields)
    soql = changed_since(type_, narrowed(fields) if wide else fields, window.since_us(back, STAMP_GRAIN_US))
    return _Poll(runtime, type_, name, soql, window, window, back, fields, wide)


async def _take_page(ctx: Cycle, poll: _Poll, records: list[dict[str, object]], read_us: int, counter: int) -> int:
    rows = [ctx.salesforce.to_observation(poll.type, record, read_us, poll.fields) for record in records]
    if rows:
        poll.window = poll.window.reached(rows[-1].modified_us, ctx.clock_us())
    cursor = (poll.cursor, poll.window.cursor())
    if poll.parent_field is not None:
        return await _mark_parents(ctx, poll, rows, cursor)
    if poll.wide:
        rows = await ctx.salesforce.with_values(poll.type, rows, poll.fields, purpose="detect")
    return await mark(ctx, poll.runtime, rows, Reason.CHANGED, cursor, counter)


async def _mark_parents(
    ctx: Cycle, poll: _Poll, rows: list[Observation], cursor: tuple[str, Mapping[str, object]]
) -> int:
    """A contact role that came or went makes its opportunity due, unless we looked at the opportunity after that."""
    (type_,) = poll.runtime.salesforce_types
    newest: dict[str, int] = {}
    for row in rows:
        parent = str(row.values.get(poll.parent_field or "") or "")
        newest[parent] = max(newest.get(parent, 0), row.modified_us)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        linked = await links.by_salesforce(tx, poll.runtime.slug, list(newest))
        due: list[RecordKey] = []
        unsure: list[RecordKey] = []
        for id_, modified_us in newest.items():
            # The roles of a resting pair are not looked at; when it is restored, they are.
            if id_ not in linked or linked[id_].state is not LinkState.LINKED:
                continue
            key = RecordKey(Side.SALESFORCE, type_, id_)
            if modified_us > linked[id_].looked.members_us:
                due.append(key)
            elif not was_compared(linked[id_]):
                unsure.append(key)
        if unsure:
            await _look_again(ctx, tx, poll.runtime, unsure, Reason.CHANGED)
        if due:
            await dirty.mark(tx, poll.runtime.slug, due, Reason.CHANGED, ctx.clock_us())
        await cursors.set(tx, cursor[0], dict(cursor[1]))
    return len(due)


# --- marking ---------------------------------------------------------------------------------------------------------


async def mark(
    ctx: Cycle,
    runtime: ObjectRuntime,
    rows: Sequence[Observation],
    reason: Reason,
    cursor: tuple[str, Mapping[str, object]],
    counter: int | None = None,
) -> int:
    """Mark what is news among `rows` and move the cursor, in one transaction.

    `counter`: the connection's counter before `rows` were read, given when the read was strongly consistent: then, if
    nobody marked anything in between, the rows serve as fresh reads of this cycle.
    """
    news: list[Observation] = []
    merged_away: list[RecordKey] = []
    again: dict[Reason, list[RecordKey]] = {}
    resting: list[RecordKey] = []
    await learn_references(ctx, runtime, rows)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        if rows:
            news, again, resting = await _news(ctx, tx, runtime, rows, reason)
            await index_in(tx, runtime, rows)
            for why, keys in again.items():
                await _look_again(ctx, tx, runtime, keys, why)
            merged_away, resting_too = await _merged_away(ctx, tx, runtime, rows)
            if merged_away:
                await dirty.mark(tx, runtime.slug, merged_away, Reason.CHANGED, FIRST_US)
            resting += resting_too
            if resting:
                await dirty.mark(tx, runtime.slug, resting, Reason.WAITING, ctx.clock_us() + UNTIL_WOKEN_US)
        marks = len(again) + bool(merged_away) + bool(resting)
        for due_at_us, part in ((FIRST_US, _moved_on(news)), (ctx.clock_us(), _others(news))):
            if not part:
                continue
            seq = await dirty.mark(tx, runtime.slug, [row.key for row in part], reason, due_at_us)
            marks += 1
            exclusive = counter is not None and seq == counter + marks
            for row in part:
                if exclusive and not row.values.get("IsDeleted") and len(ctx.fresh) < FRESH_ROWS_MOST:
                    ctx.fresh[row.key] = FreshRead(row, seq)
                else:
                    ctx.fresh.pop(row.key, None)
        await cursors.set(tx, cursor[0], dict(cursor[1]))
    return len(news) + len(merged_away)


def _moved_on(rows: Sequence[Observation]) -> list[Observation]:
    """Records that live on as another, which must take their link over before it is looked at by itself."""
    return [row for row in rows if row.values.get("MasterRecordId") or row.values.get("IsConverted")]


def _others(rows: Sequence[Observation]) -> list[Observation]:
    return [row for row in rows if not (row.values.get("MasterRecordId") or row.values.get("IsConverted"))]


async def _merged_away(
    ctx: Cycle, tx: WriteTx, runtime: ObjectRuntime, rows: Sequence[Observation]
) -> tuple[list[RecordKey], list[RecordKey]]:
    """Linked HubSpot records that were merged into one of these, and those of them that rest since their type does not sync. No
    search and no archive shows them: the survivor does."""
    if ctx.only_keys is not None or rows[0].key.side is not Side.HUBSPOT:
        return [], []
    ids = [id_ for row in rows for id_ in merged_ids(row)]
    if not ids:
        return [], []
    found = [
        link
        for link in (await links.by_hubspot(tx, runtime.slug, ids)).values()
        if link.state is not LinkState.HUBSPOT_DELETED
    ]
    due = [link.hubspot for link in found if runtime.syncs(link.salesforce_type)]
    return due, [link.hubspot for link in found if not runtime.syncs(link.salesforce_type)]


async def _news(
    ctx: Cycle, tx: WriteTx, runtime: ObjectRuntime, rows: Sequence[Observation], reason: Reason
) -> tuple[list[Observation], dict[Reason, list[RecordKey]], list[RecordKey]]:
    """What is news among `rows`, what has to be looked at once more a little later, and what rests."""
    side = rows[0].key.side
    rows = ctx.echoes.others(runtime, rows)
    ids = [row.key.id for row in rows]
    linked = await (links.by_hubspot if side is Side.HUBSPOT else links.by_salesforce)(tx, runtime.slug, ids)
    alone = await unlinked.by_keys(tx, [row.key for row in rows if row.key.id not in linked])
    # Those that wait for an answer, of a match that several fit say, and are only to be linked when it comes.
    waiting = await dirty.by_keys(tx, list(alone))
    only_linked = {key for key, due in waiting.items() if (due.behind or due.reason) is Reason.EXISTING_LINK_ONLY}
    news: list[Observation] = []
    again: dict[Reason, list[RecordKey]] = defaultdict(list)
    resting: list[RecordKey] = []
    for row in rows:
        if ctx.only_keys is not None and row.key not in ctx.only_keys:
            continue
        link = linked.get(row.key.id)
        what = of_one_alone(row, alone.get(row.key)) if link is None else of_a_pair(runtime, link, row)
        if what is News.NOW:
            news.append(row)
        elif what is News.RESTS:
            resting.append(row.key)
        elif what is News.UNSURE:
            # It is the version that was there at install: to look once more is no reason to create its counterpart.
            left_alone = row.key in alone and (alone[row.key].why == "existing_not_created" or row.key in only_linked)
            again[Reason.EXISTING_LINK_ONLY if left_alone else reason].append(row.key)
    return news, again, resting


async def _look_again(
    ctx: Cycle, tx: WriteTx, runtime: ObjectRuntime, keys: Sequence[RecordKey], reason: Reason
) -> None:
    """Records are due once more when their stamps can no longer hide an edit: not over and over until then."""
    await dirty.mark(tx, runtime.slug, keys, reason, ctx.clock_us() + STAMP_AGED_US + 1)
    for key in keys:
        ctx.fresh.pop(key, None)
