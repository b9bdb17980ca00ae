"""Resync of many on request: every member of a HubSpot list, or every record of an object on both sides, is due, page by page.

Whether it changed plays no part, nor whether it was looked at before: newly mapped fields are taken up, what was refused is sent
again, what was left alone at install is linked or made as the rules say. Each page is worked off before the next, by the line that
everything goes through; the place moves in the transaction of the marks, so a process that ends repeats one page at most. A poll
goes a few pages and comes back, so that what people edit meanwhile does not wait for the end.

A list that HubSpot does not show any more ends its resync with an issue: asked for again and again it would stop everything else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from interlock.core.model import Issue, Observation, Reason, RecordKey, Side
from interlock.crm.errors import CallRefused, Forbidden
from interlock.engine.context import Cycle, FreshRead, ObjectRuntime, StopAsked
from interlock.engine.explanations import fix_for
from interlock.engine.index import index_rows
from interlock.engine.load import HUBSPOT_LIST_ROWS, salesforce_page
from interlock.engine.references import learn_references
from interlock.store import directory, dirty, issues, links
from interlock.store.tx import Tx, WriteTx

WorkOff = Callable[[Cycle, ObjectRuntime], Awaitable[int]]

PAGES_A_POLL = 5  # of a batch of records each
ENDED = "resync_ended"


class Asked(msgspec.Struct):
    """What a person asked for, and how far it is: `after` is the place behind the last page that is marked due, on the HubSpot side
    or, once `type` says so, among the Salesforce records of that type."""

    list_id: str | None = None  # None: every record of the object
    type: str | None = None
    after: str | None = None
    marked: int = 0
    missing: bool = False  # HubSpot has the list no more: it rests until somebody asks anew


_ASKED = "resync:"


async def ask(tx: WriteTx, slug: str, list_id: str | None) -> None:
    """The last word counts: a resync of the object that is not done yet gives way to this one."""
    await directory.put(tx, _ASKED + slug, msgspec.to_builtins(Asked(list_id)))
    ended, _ = await issues.list_(tx, object=slug, code=ENDED)
    await issues.resolve_ids(tx, [issue.id for issue in ended if issue.id is not None])


async def forget(tx: WriteTx, slug: str) -> None:
    """Whoever asked meant the connection as it was."""
    await directory.drop(tx, _ASKED + slug)


async def asked(tx: Tx) -> dict[str, Asked]:
    """By object slug."""
    found = await directory.get_all(tx, _ASKED)
    return {name.removeprefix(_ASKED): msgspec.convert(value, Asked) for name, value in found.items()}


async def resync_asked(ctx: Cycle, work_off: WorkOff, pages_most: int | None = None) -> int:
    """Go on with what was asked for, parents first. The number of records made due. Raises StopAsked."""
    marked, pages = 0, 0
    async with ctx.store.read(ctx.connection_id) as tx:
        wanted = await asked(tx)
    for runtime in (each for slug, each in ctx.objects.items() if slug in wanted):
        while pages_most is None or pages < pages_most:
            # Read anew for each page: somebody may have asked for something else meanwhile.
            async with ctx.store.read(ctx.connection_id) as tx:
                request = (await asked(tx)).get(runtime.slug)
            if request is None or request.missing:
                break
            if ctx.stop is not None:
                raise StopAsked(ctx.stop)
            pages += 1
            found = await _Page(ctx, runtime, request).take()
            if found is None:
                break
            marked += found
            await work_off(ctx, runtime)
    return marked


class _Page:
    """The next page of one resync."""

    def __init__(self, ctx: Cycle, runtime: ObjectRuntime, request: Asked) -> None:
        self.ctx, self.runtime, self.request = ctx, runtime, request

    async def take(self) -> int | None:
        """How many records of it are due now. None: there is no more to do about it in this turn."""
        if self.request.list_id is not None:
            return await self._of_list(self.request.list_id)
        if self.request.type is None:
            return await self._of_hubspot()
        return await self._of_salesforce(self.request.type)

    async def _of_list(self, list_id: str) -> int | None:
        ids: list[str] = []
        after = self.request.after
        while len(ids) < self.ctx.settings.batch_rows:
            try:
                page = await self.ctx.hubspot.list_members(list_id, after, purpose="detect")
            except (CallRefused, Forbidden) as refused:
                if after is None or isinstance(refused, Forbidden):
                    await self._end(list_id, f"HubSpot does not say who is in it ({refused.message})")
                    return None
                # HubSpot does not take a place of its own any more. From the beginning, in another turn.
                await self._keep([], msgspec.structs.replace(self.request, after=None))
                return None
            if page is None:
                await self._end(list_id, "it is not there any more", missing=True)
                return None
            ids += [member.id for member in page.members]
            after = page.next
            if after is None:
                break
        keys = [RecordKey(Side.HUBSPOT, self.runtime.spec.hubspot_type, id_) for id_ in ids]
        return await self._keep(keys, None if after is None else self._at(None, after))

    async def _of_hubspot(self) -> int:
        rows: list[Observation] = []
        after = self.request.after
        async with self.ctx.store.read(self.ctx.connection_id) as tx:
            counter = await dirty.horizon(tx)
        while len(rows) < self.ctx.settings.batch_rows:
            page = await self.ctx.hubspot.list_page(
                self.runtime.spec.hubspot_type,
                self.runtime.hubspot_properties,
                after,
                HUBSPOT_LIST_ROWS,
                purpose="fetch",
            )
            rows += page.records
            after = page.next
            if after is None:
                break
        await learn_references(self.ctx, self.runtime, rows)
        # Its transaction marks nothing, so the rows stay as fresh as the counter says.
        await index_rows(self.ctx, self.runtime, rows)
        place = self._at(None, after) if after is not None else self._at(self.runtime.salesforce_types[0], None)
        return await self._keep([row.key for row in rows], place, rows, counter)

    async def _of_salesforce(self, type_: str) -> int:
        """Those that HubSpot's side did not lead to: what is linked was looked at with its HubSpot record."""
        types = self.runtime.salesforce_types
        rows: list[Observation] = []
        # A type that was turned off meanwhile is passed over with all before it.
        if type_ in types:
            rows = await salesforce_page(self.ctx, self.runtime, type_, self.request.after, wanted=["Id"])
        if not rows:
            following = types[types.index(type_) + 1 :] if type_ in types else []
            return await self._keep([], self._at(following[0], None) if following else None)
        async with self.ctx.store.read(self.ctx.connection_id) as tx:
            linked = await links.linked_salesforce_ids(tx, self.runtime.slug, [row.key.id for row in rows])
        alone = [row.key for row in rows if row.key.id not in linked]
        return await self._keep(alone, self._at(type_, rows[-1].key.id))

    async def _end(self, list_id: str, why: str, *, missing: bool = False) -> None:
        issue = _ended(self.runtime, list_id, why, self.request.marked)
        await self._keep(
            [], msgspec.structs.replace(self.request, after=None, missing=True) if missing else None, issue=issue
        )
        self.ctx.report.of(self.runtime.slug).issues += 1

    def _at(self, type_: str | None, after: str | None) -> Asked:
        return msgspec.structs.replace(self.request, type=type_, after=after)

    async def _keep(
        self,
        keys: Sequence[RecordKey],
        place: Asked | None,
        rows: Sequence[Observation] = (),
        counter: int | None = None,
        issue: Issue | None = None,
    ) -> int:
        """Mark them due and move on, in one transaction. `place` None: it is done."""
        ctx, name = self.ctx, _ASKED + self.runtime.slug
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            seq = 0
            if keys:
                seq = await dirty.mark(tx, self.runtime.slug, keys, Reason.RESYNC_OF_MANY, ctx.clock_us())
            if (await asked(tx)).get(self.runtime.slug) == self.request:
                if issue is not None:
                    await issues.raise_(tx, [issue])
                if place is None:
                    await directory.drop(tx, name)
                else:
                    place.marked = self.request.marked + len(keys)
                    await directory.put(tx, name, msgspec.to_builtins(place))
        for key in keys:
            ctx.fresh.pop(key, None)
        # A list call is a fresh read, as long as nobody marked anything in between.
        if counter is not None and seq == counter + 1:
            ctx.fresh.update((row.key, FreshRead(row, seq)) for row in rows)
        return len(keys)


def _ended(runtime: ObjectRuntime, list_id: str, why: str, looked_at: int) -> Issue:
    category, fix = fix_for(ENDED)
    return Issue(
        category=category,
        code=ENDED,
        severity="warning",
        object=runtime.slug,
        hubspot_id=None,
        salesforce_id=None,
        salesforce_type=None,
        cause=f"The resync of HubSpot list {list_id} has ended before its end: {why}. Records looked at until then: {looked_at}.",
        fix=fix,
    )
