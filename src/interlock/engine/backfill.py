"""Taking up mappings in pairs that were linked before: every linked pair of an object is due once, page by page.

A mapping that is saved is taken up by a pair when one of its records changes next (news.py): nobody is surprised by values that
move. A person may ask for it at once, for all pairs, after a preview. It only marks: what becomes of a pair is decided by the line
that everything goes through, by all mappings as they are then. Resumable: the place moves with the marks of each page. A poll
takes some pages and goes on with what changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from interlock.core.model import LinkState, Reason
from interlock.engine.context import Cycle, ObjectRuntime, StopAsked
from interlock.store import directory, dirty, links
from interlock.store.tx import Tx, WriteTx

PAIRS_A_PAGE = 1_000
PAGES_A_POLL = 5

WorkOff = Callable[[Cycle, ObjectRuntime], Awaitable[int]]

_NAME = "backfill:"


class Backfill(msgspec.Struct, frozen=True):
    """Of one object. `pairs`: linked when it was asked for; `done`: of these so far; `after`: the id of the link that was made due
    last; `ended_us` None: it goes on. `id`: another whenever it is asked for anew."""

    id: int
    asked_us: int
    pairs: int
    after: int = 0
    done: int = 0
    ended_us: int | None = None
    stopped: bool = False  # by a person, before it was through

    @property
    def stands(self) -> str:
        if self.ended_us is None:
            return "running"
        return "stopped" if self.stopped else "done"


async def ask(tx: WriteTx, slug: str) -> Backfill:
    """The last word counts: one that is under way begins anew."""
    before = await state(tx, slug)
    pairs = (await links.counts(tx)).get(slug, {}).get(LinkState.LINKED.value, 0)
    begun = Backfill(0 if before is None else before.id + 1, tx.now_us, pairs)
    await _put(tx, slug, begun)
    return begun


async def stop(tx: WriteTx, slug: str) -> Backfill | None:
    """What it has made due stays due. None: none is under way."""
    before = await state(tx, slug)
    if before is None or before.ended_us is not None:
        return None
    stopped = msgspec.structs.replace(before, id=before.id + 1, ended_us=tx.now_us, stopped=True)
    await _put(tx, slug, stopped)
    return stopped


async def state(tx: Tx, slug: str) -> Backfill | None:
    """The last one, under way or not. None: nobody asked for one."""
    stored = await directory.get(tx, _NAME + slug)
    return None if stored is None else msgspec.convert(stored, Backfill)


async def _put(tx: WriteTx, slug: str, new: Backfill) -> None:
    await directory.put(tx, _NAME + slug, msgspec.to_builtins(new))


async def backfill_asked(ctx: Cycle, work_off: WorkOff, pages_most: int | None = None) -> int:
    """Carry on with what was asked for; how many were marked. `pages_most`: of all objects together. Raises StopAsked."""
    marked, pages = 0, 0
    if ctx.only_keys is not None:
        return 0  # these records alone are to be touched
    async with ctx.store.read(ctx.connection_id) as tx:
        asked = await directory.get_all(tx, _NAME)
    for runtime in ctx.objects.values():
        stored = asked.get(_NAME + runtime.slug)
        under_way = None if stored is None else msgspec.convert(stored, Backfill)
        while under_way is not None and under_way.ended_us is None:
            if ctx.stop is not None:
                raise StopAsked(ctx.stop)
            if pages_most is not None and pages >= pages_most:
                return marked
            pages += 1
            # What an interruption, or the page before, has left due is done when the next page is counted.
            await work_off(ctx, runtime)
            found, under_way = await _mark_page(ctx, runtime, under_way)
            marked += found
    return marked


async def _mark_page(ctx: Cycle, runtime: ObjectRuntime, under_way: Backfill) -> tuple[int, Backfill | None]:
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        now = await state(tx, runtime.slug)
        if now is None or now.id != under_way.id:
            return 0, now  # asked for anew, or stopped, meanwhile
        page = await links.page(tx, runtime.slug, under_way.after, PAIRS_A_PAGE)
        # Pairs that rest are looked at when that ends, by the mappings of then.
        due = [link.hubspot for link in page if link.state is LinkState.LINKED and runtime.syncs(link.salesforce_type)]
        if due:
            await dirty.mark(tx, runtime.slug, due, Reason.CHANGED, ctx.clock_us())
        new = msgspec.structs.replace(
            under_way,
            after=page[-1].id if page else under_way.after,
            done=under_way.done + len(due),
            ended_us=None if page else ctx.clock_us(),
        )
        await _put(tx, runtime.slug, new)
    for key in due:
        # Read before a mapping was saved, it lacks what that asks for.
        ctx.fresh.pop(key, None)
    return len(due), new
