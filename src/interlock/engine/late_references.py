"""References that sync since a moment ago, of pairs that synced before: companies turned on after deals, for example.

Nothing about such a deal has changed, so no search would ever show it. Once the object that it points to syncs, the pairs of deals
are walked, page by page: one that points to a pair is looked at again, and one that points to a record without counterpart waits
for it. Only what they point to is read for that, and the place moves in the transaction of the marks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec

from interlock.core.link import WHOLE
from interlock.core.model import Reason, RecordKey, RecordLink, Side
from interlock.engine.context import Cycle, ObjectRuntime, Reference, StopAsked
from interlock.engine.roles import members
from interlock.objects.registry import SPECS
from interlock.store import cursors, dirty, links
from interlock.store.dirty import UNTIL_WOKEN_US

PAIRS_A_PAGE = 500
PAGES_A_POLL = 20

WorkOff = Callable[[Cycle, ObjectRuntime], Awaitable[int]]
PointsTo = dict[int, list[RecordKey]]  # id of a pair -> the records that either of its records points to


class Known(msgspec.Struct):
    """Of which objects the pairs of one are known to point to records; those of `late` are being looked at, from `after` on."""

    objects: list[str]
    late: list[str] = []
    after: int = 0


async def look_at_late_references(ctx: Cycle, work_off: WorkOff, pages_most: int | None = None) -> int:
    """The number of pairs made due. Raises StopAsked."""
    marked, pages = 0, 0
    async with ctx.store.read(ctx.connection_id) as tx:
        kept = {slug: await cursors.get(tx, _name(slug)) for slug in ctx.objects}
    for slug, runtime in ctx.objects.items():
        known = await _known(ctx, runtime, kept[slug])
        while known.late and (pages_most is None or pages < pages_most):
            if ctx.stop is not None:
                raise StopAsked(ctx.stop)
            pages += 1
            found, known = await _look_at_page(ctx, runtime, known)
            marked += found
            if found:
                await work_off(ctx, runtime)
    return marked


def _name(slug: str) -> str:
    return f"references:{slug}"


async def _known(ctx: Cycle, runtime: ObjectRuntime, kept: dict[str, Any] | None) -> Known:
    now = _pointed_to(runtime)
    # What synced before anybody kept this is what it began with.
    known = Known(now) if kept is None else msgspec.convert(kept, Known)
    late = [each for each in now if each not in known.objects or each in known.late]
    if kept is None or late != known.late or known.objects != now:
        # One that came later begins the walk anew, for all of them.
        known = Known(now, late, known.after if late == known.late else 0)
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            await cursors.set(tx, _name(runtime.slug), msgspec.to_builtins(known))
    return known


def _pointed_to(runtime: ObjectRuntime) -> list[str]:
    return sorted({reference.object for reference in runtime.references} | set(runtime.set_objects))


async def _look_at_page(ctx: Cycle, runtime: ObjectRuntime, known: Known) -> tuple[int, Known]:
    async with ctx.store.read(ctx.connection_id) as tx:
        page = await links.page(tx, runtime.slug, known.after, PAIRS_A_PAGE)
    pairs = {link.id: link for link in page if link.state in WHOLE and link.id is not None}
    points_to = await _read(ctx, runtime, known.late, list(pairs.values()))
    linked = await _linked(ctx, (key for keys in points_to.values() for key in keys))
    due = [pairs[id_].hubspot for id_, keys in points_to.items() if any(key in linked for key in keys)]
    waits = [(pairs[id_].hubspot, key) for id_, keys in points_to.items() for key in keys if key not in linked]
    waiting = list(dict.fromkeys(key for key, _ in waits))
    known = Known(known.objects, known.late if page else [], page[-1].id or 0 if page else 0)
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        if waits:
            await dirty.mark(tx, runtime.slug, waiting, Reason.WAITING, ctx.clock_us() + UNTIL_WOKEN_US)
            # Beside what it waits for already.
            await dirty.await_(tx, [], waits)
        if due:
            await dirty.mark(tx, runtime.slug, due, Reason.WAITING, ctx.clock_us())
        await cursors.set(tx, _name(runtime.slug), msgspec.to_builtins(known))
    return len(due), known


async def _read(ctx: Cycle, runtime: ObjectRuntime, late: Sequence[str], pairs: Sequence[RecordLink]) -> PointsTo:
    points_to: PointsTo = defaultdict(list)
    for reference in runtime.references:
        if reference.object in late:
            await _in_hubspot(ctx, runtime, reference, pairs, points_to)
            await _in_salesforce(ctx, runtime, reference, pairs, points_to)
    if any(each in late for each in runtime.set_objects):
        for link, keys in await members(ctx, pairs):
            if link.id is not None and keys:
                points_to[link.id] += keys
    return points_to


async def _in_hubspot(
    ctx: Cycle, runtime: ObjectRuntime, reference: Reference, pairs: Sequence[RecordLink], points_to: PointsTo
) -> None:
    ids = {link.hubspot_id: link.id or 0 for link in pairs}
    found = await ctx.hubspot.read(runtime.spec.hubspot_type, list(ids), [reference.property], purpose="detect")
    for id_, seen in found.items():
        if value := seen.values.get(reference.property):
            points_to[ids[id_]].append(reference.key(Side.HUBSPOT, str(value)))


async def _in_salesforce(
    ctx: Cycle, runtime: ObjectRuntime, reference: Reference, pairs: Sequence[RecordLink], points_to: PointsTo
) -> None:
    for type_, names in runtime.salesforce_fields.items():
        ids = {link.salesforce_id: link.id or 0 for link in pairs if link.salesforce_type == type_}
        if not ids or reference.field not in names:
            continue
        found = await ctx.salesforce.retrieve(type_, list(ids), ["Id", reference.field], purpose="detect")
        for id_, seen in found.items():
            if value := seen.values.get(reference.field):
                points_to[ids[id_]].append(reference.key(Side.SALESFORCE, str(value)))


async def _linked(ctx: Cycle, keys: Iterable[RecordKey]) -> set[RecordKey]:
    """Those of them that have a counterpart, of whatever object: this drain need not be of theirs."""
    linked: set[RecordKey] = set()
    wanted = list(dict.fromkeys(keys))
    async with ctx.store.read(ctx.connection_id) as tx:
        for slug, spec in SPECS.items():
            here = [key.id for key in wanted if key.side is Side.HUBSPOT and key.type == spec.hubspot_type]
            there = [key.id for key in wanted if key.side is Side.SALESFORCE and key.type in spec.salesforce_types]
            for link in (await links.by_hubspot(tx, slug, here)).values():
                linked |= {link.hubspot} if link.state in WHOLE else set()
            for link in (await links.by_salesforce(tx, slug, there)).values():
                linked |= {link.salesforce} if link.state in WHOLE else set()
    return linked
