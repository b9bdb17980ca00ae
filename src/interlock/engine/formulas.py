"""Looking through mapped formulas and roll-up summaries, again and again: one may come out differently because another record
changed, and Salesforce moves no stamp of the record that it is of. No poll shows it, and no event.

Every linked pair is asked for its formulas by its id, 2,000 a call, once in a round, at an even pace. It only marks those whose
formula is another than when the pair was last compared; what becomes of them is decided by the line that everything goes through.
A formula that a pair has never taken up is left to it (backfill.py). A round takes an hour, or as much longer as keeps the calls
under `CALLS_SHARE` of what is allocated; after a stop one round is made up for, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.core.mapping import FieldMapping
from interlock.core.model import LinkState, Observation, Reason, RecordKey, RecordLink, Side
from interlock.core.reconcile import print_of
from interlock.engine.context import Cycle, ObjectRuntime, StopAsked
from interlock.store import cursors, dirty, links

PAIRS_A_PAGE = 2_000  # of Salesforce one call for each type that has formulas
PAGES_A_POLL = 10
ROUND_LEAST_US = 3_600_000_000
CALLS_SHARE = 0.01
COUNTED_AGAIN_US = 86_400_000_000
_DAY_US = 86_400_000_000


class Round(msgspec.Struct, frozen=True):
    """How far the look through the formulas of one object has come. `stepped_us`: up to when its pages were gone; `pages`: of a
    whole round, as they were counted last; `after`: the id of the link that was asked about last."""

    stepped_us: int
    pages: int
    counted_us: int
    after: int = 0


def round_us(calls: int, allocated: int) -> int:
    """How long a round of so many calls takes."""
    return max(ROUND_LEAST_US, round(calls * _DAY_US / (CALLS_SHARE * allocated)))


async def sweep_formulas(ctx: Cycle, pages_most: int | None = None) -> int:
    """Look through the pages that have come due. Returns how many were marked. `pages_most`: of each object. Raises StopAsked."""
    if ctx.only_keys is not None:
        return 0
    marked, a_day = 0, 0.0
    for runtime in ctx.objects.values():
        if not runtime.formulas:
            continue
        now_us = ctx.clock_us()
        at = await _place(ctx, runtime, now_us)
        calls = at.pages * len(runtime.formulas)
        whole_us = round_us(calls, ctx.salesforce.governor.allocated)
        a_day += calls * _DAY_US / whole_us
        step_us = max(1, whole_us // at.pages)
        at = msgspec.structs.replace(at, stepped_us=max(at.stepped_us, now_us - step_us * at.pages))
        due = (now_us - at.stepped_us) // step_us
        for _ in range(due if pages_most is None else min(due, pages_most)):
            if ctx.stop is not None:
                raise StopAsked(ctx.stop)
            found, at = await _step(ctx, runtime, at, at.stepped_us + step_us)
            marked += found
    ctx.formula_calls_a_day = a_day
    return marked


async def _place(ctx: Cycle, runtime: ObjectRuntime, now_us: int) -> Round:
    """At the pace that there are pairs for now; a round that has not begun is due from now on."""
    async with ctx.store.read(ctx.connection_id) as tx:
        stored = await cursors.get(tx, _name(runtime))
    at = None if stored is None else msgspec.convert(stored, Round)
    if at is not None and now_us - at.counted_us <= COUNTED_AGAIN_US:
        return at
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        pairs = (await links.counts(tx)).get(runtime.slug, {})
        pages = sum(pairs.values()) // PAIRS_A_PAGE + 1
        at = msgspec.structs.replace(at or Round(now_us, pages, now_us), pages=pages, counted_us=now_us)
        await cursors.set(tx, _name(runtime), msgspec.structs.asdict(at))
    return at


async def _step(ctx: Cycle, runtime: ObjectRuntime, at: Round, stepped_us: int) -> tuple[int, Round]:
    async with ctx.store.read(ctx.connection_id) as tx:
        page = await links.page(tx, runtime.slug, at.after, PAIRS_A_PAGE)
    due: list[RecordKey] = []
    for type_, names in runtime.formulas.items():
        mine = [link for link in page if link.state is LinkState.LINKED and link.salesforce_type == type_]
        if mine:
            due += await _changed(ctx, runtime, mine, type_, names)
    # At its end it begins anew.
    after = page[-1].id if len(page) == PAIRS_A_PAGE else 0
    at = msgspec.structs.replace(at, stepped_us=stepped_us, after=after)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        if due:
            await dirty.mark(tx, runtime.slug, due, Reason.CHANGED, ctx.clock_us())
        await cursors.set(tx, _name(runtime), msgspec.structs.asdict(at))
    for key in due:
        ctx.fresh.pop(key, None)
    return len(due), at


async def _changed(
    ctx: Cycle, runtime: ObjectRuntime, mine: Sequence[RecordLink], type_: str, names: Sequence[str]
) -> list[RecordKey]:
    ids = [link.salesforce_id for link in mine]
    found = await ctx.salesforce.retrieve(type_, ids, ["Id", "SystemModstamp", *names], purpose="detect")
    fields = [field for field in runtime.mapping_for(type_).fields if field.field in names]
    return [
        link.salesforce
        for link in mine
        if (seen := found.get(link.salesforce_id)) is not None and came_out_differently(link, fields, seen)
    ]


def came_out_differently(link: RecordLink, fields: Sequence[FieldMapping], seen: Observation) -> bool:
    """Whether one of these holds another value than when the pair was last compared, or its value was last refused."""
    for field in fields:
        known = link.held.get(field.id) or link.base.get(field.id)
        print_ = print_of(field, Side.SALESFORCE, seen.values)
        if known is not None and print_ is not None and print_ != known[1]:
            return True
    return False


def _name(runtime: ObjectRuntime) -> str:
    return f"formulas:{runtime.slug}"
