"""Noticing who joined the list that limits what syncs: nothing else of such a record need have changed.

HubSpot gives a list's members in the order in which they joined. A poll reads on from the last full page, which costs one
call while nobody joins; once a day all members are walked, a few pages a poll, for those that HubSpot showed late. Of what is
read only that is news which we know to stand outside, or never saw and joined since the list was chosen. Who leaves is not
looked for: that stops updates and is seen when there is one to stop.

When the list is not there a person is told, and nothing is looked for: HubSpot counts nobody as its member. A list that is
back is one that everybody has just entered.
"""

from __future__ import annotations

import msgspec

from interlock.core.model import Issue, LinkState, Reason, RecordKey, Side
from interlock.crm.errors import CallRefused
from interlock.crm.hubspot.model import ListMember
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.explanations import fix_for
from interlock.engine.inclusion import LIST_MISSING, NOT_IN_LIST, wake_outside
from interlock.engine.window import BEGUN_EARLIER_US
from interlock.store import WriteTx, cursors, dirty, issues, links, looks, unlinked

PAGES_A_POLL = 20
# Of a drain, which is to find all there is: a list of 200,000.
PAGES_A_DRAIN = 2_000
WALK_EVERY_US = 86_400_000_000


class Place(msgspec.Struct):
    """How far the members of a list were read. Times are of our clock."""

    list: str
    since_us: int  # who joined before the list was chosen is no news, unless we know it to stand outside
    tail: str | None = None  # where the last page begins
    walk: str | None = None  # where the walk under way goes on
    walking: bool = True
    walked_us: int = 0
    missing: bool = False
    calls: int = 0  # of the walk under way so far
    walk_calls: int = 0  # of the last whole one
    # On the last page and outside when last seen: {record: (seen first, times it was made due)}. What HubSpot shows as joined
    # and denies when asked is asked about once more, when the two have had time to agree.
    waiting: dict[str, tuple[int, int]] = {}


async def notice_joined(ctx: Cycle, runtime: ObjectRuntime, thorough: bool) -> int:
    """Make due who joined since the last look; how many. `thorough`: walk to the end what is being walked. Raises CrmError."""
    if runtime.inclusion is None:
        return 0
    name = f"joined:{runtime.slug}"
    async with ctx.store.read(ctx.connection_id) as tx:
        known = await cursors.get(tx, name)
        polled = runtime.slug in await looks.checked(tx) if known is None else True
    if known is not None and known["list"] == runtime.inclusion:
        place = msgspec.convert(known, Place)
    else:
        # A list that was chosen before the first look counts from when the connection was made, like everything.
        since_us = ctx.clock_us() if polled else ctx.begun_at_us
        place = Place(runtime.inclusion, since_us - BEGUN_EARLIER_US)
    # One of as many is due within a day, and idle polling keeps room for it (pace.py).
    ctx.walk_calls_a_day[Side.HUBSPOT, runtime.slug] = max(place.calls, place.walk_calls)
    reader = _Reader(ctx, runtime, name, place)
    await reader.look(PAGES_A_DRAIN if thorough else PAGES_A_POLL)
    return reader.marked


async def forget_list(tx: WriteTx, slug: str) -> None:
    """No list limits the object any more. The same one chosen again begins anew: who came and went in between nobody looked for."""
    await cursors.drop(tx, f"joined:{slug}")


class _PlaceLost(Exception):
    """HubSpot does not take a place of its own any more: nothing says for how long it does."""


class _Reader:
    """One look at the members of one list. Its place moves in the transactions of the marks."""

    def __init__(self, ctx: Cycle, runtime: ObjectRuntime, name: str, place: Place) -> None:
        self.ctx, self.runtime, self.name, self.place = ctx, runtime, name, place
        self.marked = 0

    async def look(self, pages_most: int) -> None:
        place = self.place
        try:
            if not place.walking or place.tail is not None:
                await self._tail(pages_most)
            if not place.walking and self.ctx.clock_us() - place.walked_us >= WALK_EVERY_US:
                place.walking, place.walk, place.calls = True, None, 0
            if place.walking:
                await self._walk(pages_most)
        except _PlaceLost:
            place.tail, place.walk, place.walking, place.calls = None, None, True, 0
        async with self.ctx.store.write(self.ctx.connection_id, self.ctx.lease) as tx:
            await self._keep(tx)

    async def _tail(self, pages_most: int) -> None:
        for _ in range(pages_most):
            members, following = await self._page(self.place.tail)
            outside, unseen = await self._not_synced(members)
            await self._mark(self._not_tried(outside) + unseen)
            if following is None:
                return
            self.place.tail = following

    async def _walk(self, pages_most: int) -> None:
        place = self.place
        for _ in range(pages_most):
            place.calls += 1
            members, following = await self._page(place.walk)
            outside, unseen = await self._not_synced(members)
            await self._mark(outside + unseen)
            if following is None:
                if not place.missing:
                    place.tail, place.walk, place.walking = place.walk, None, False
                    place.walked_us = self.ctx.clock_us()
                    place.calls, place.walk_calls = 0, place.calls
                return
            place.walk = following

    async def _page(self, after: str | None) -> tuple[list[ListMember], str | None]:
        try:
            page = await self.ctx.hubspot.list_members(self.place.list, after, purpose="detect")
        except CallRefused as refused:
            if after is None:
                raise
            raise _PlaceLost from refused
        if page is None:
            await self._missing()
            return [], None
        if self.place.missing:
            await self._back()
        return page.members, page.next

    async def _not_synced(self, members: list[ListMember]) -> tuple[list[str], list[str]]:
        """Those that we know to stand outside, and those that we never saw and that joined since the list was chosen."""
        slug, ids = self.runtime.slug, [member.id for member in members]
        async with self.ctx.store.read(self.ctx.connection_id) as tx:
            linked = await links.by_hubspot(tx, slug, ids)
            alone = await unlinked.by_keys(tx, [self._key(id_) for id_ in ids if id_ not in linked])
        outside = [
            id_
            for id_ in ids
            if (id_ in linked and linked[id_].state is LinkState.EXCLUDED)
            or ((known := alone.get(self._key(id_))) is not None and known.why == NOT_IN_LIST)
        ]
        since_us = self.place.since_us
        unseen = [
            member.id
            for member in members
            if member.joined_us >= since_us and member.id not in linked and self._key(member.id) not in alone
        ]
        return outside, unseen

    def _not_tried(self, outside: list[str]) -> list[str]:
        """At once, and once more when what HubSpot says in two places has had time to agree."""
        now_us, waiting = self.ctx.clock_us(), {}
        due: list[str] = []
        for id_ in outside:
            first_us, times = self.place.waiting.get(id_, (now_us, 0))
            if times == 0 or (times == 1 and now_us - first_us >= self.ctx.settings.hubspot_overlap_us):
                due.append(id_)
                times += 1
            waiting[id_] = (first_us, times)
        self.place.waiting = waiting
        return due

    async def _mark(self, ids: list[str]) -> None:
        if not ids:
            return
        keys = [self._key(id_) for id_ in ids]
        async with self.ctx.store.write(self.ctx.connection_id, self.ctx.lease) as tx:
            await dirty.mark(tx, self.runtime.slug, keys, Reason.CHANGED, self.ctx.clock_us())
            await self._keep(tx)
        for key in keys:
            self.ctx.fresh.pop(key, None)
        self.marked += len(keys)

    async def _missing(self) -> None:
        place = self.place
        place.tail, place.walk, place.walking, place.calls = None, None, True, 0
        if place.missing:
            return
        place.missing = True
        async with self.ctx.store.write(self.ctx.connection_id, self.ctx.lease) as tx:
            await issues.raise_(tx, [_list_missing(self.runtime, place.list)])
            await self._keep(tx)
        self.ctx.report.of(self.runtime.slug).issues += 1

    async def _back(self) -> None:
        self.place.missing = False
        async with self.ctx.store.write(self.ctx.connection_id, self.ctx.lease) as tx:
            await wake_outside(tx, self.runtime, self.ctx.clock_us())
            await self._keep(tx)

    async def _keep(self, tx: WriteTx) -> None:
        await cursors.set(tx, self.name, msgspec.to_builtins(self.place))

    def _key(self, id_: str) -> RecordKey:
        return RecordKey(Side.HUBSPOT, self.runtime.spec.hubspot_type, id_)


def _list_missing(runtime: ObjectRuntime, list_id: str) -> Issue:
    category, fix = fix_for(LIST_MISSING)
    return Issue(
        category=category,
        code=LIST_MISSING,
        severity="error",
        object=runtime.slug,
        hubspot_id=None,
        salesforce_id=None,
        salesforce_type=None,
        cause=f"HubSpot list {list_id}, which limits the {runtime.spec.plural} that sync, is not there: none of them sync.",
        fix=fix,
    )
