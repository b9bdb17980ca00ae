"""The plan: what a sync would change, writing nothing to either CRM and nothing to the store that a later sync would trust."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import msgspec

from interlock.app import how_long, words
from interlock.app.how_long import Duration
from interlock.app.runtime import open_cycle
from interlock.app.schemas import Schemas, keep_schemas
from interlock.core.model import Side
from interlock.crm.budget import Governor
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.requests import BATCH_INPUTS
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.requests import COLLECTION_ROWS
from interlock.engine import backfill, resync
from interlock.engine.context import Cycle, Report
from interlock.engine.left_out import wake_returned
from interlock.engine.load import Since
from interlock.engine.preview import Example, ObjectPreview, Preview, Previewer
from interlock.store import Store, WriteTx, connections
from interlock.store import lease as leases
from interlock.store.connections import Connection
from interlock.store.scratch import scratch_copy

Json = dict[str, Any]
_OWNER = "preview"
NONE_UNMADE: Mapping[str, Collection[str]] = MappingProxyType({})
# The lease on the scratch copy, which nobody else can want.
_TERM_S = 86_400.0


class Planned(Preview):
    """A preview with how long the sync would take. `duration` None: it was not timed."""

    duration: Duration | None = None


class Counting:
    """A preview that goes on: its counts and calls so far, and what those would take."""

    def __init__(self, ctx: Cycle, counts: Preview, ours: dict[Side, int]) -> None:
        self._ctx = ctx
        self._counts = counts
        self._governors = {each.side: each for each in (ctx.hubspot.governor, ctx.salesforce.governor)}
        self._ours = ours
        self._began_us = ctx.clock_us()
        self._before = {side: _calls_of(each) for side, each in self._governors.items()}
        self._reads_before = {side: _reads_of(each) for side, each in self._governors.items()}

    @classmethod
    async def begin(cls, ctx: Cycle, counts: Preview) -> Self:
        governors = (ctx.hubspot.governor, ctx.salesforce.governor)
        return cls(ctx, counts, {each.side: sum((await each.used_24h()).values()) for each in governors})

    def so_far(self) -> Planned:
        """The calls of what is counted by now."""
        writes = _writes(self._counts.objects.values())
        return self._timed({side: calls + writes[side] for side, calls in self._reads().items()})

    def whole(self) -> Planned:
        return self._timed(self._counts.api_calls)

    def _reads(self) -> dict[Side, int]:
        return {side: _reads_of(each) - self._reads_before[side] for side, each in self._governors.items()}

    def _timed(self, calls: dict[Side, int]) -> Planned:
        rooms = {
            side: how_long.room_of(each, self._ours[side] + _calls_of(each) - self._before[side])
            for side, each in self._governors.items()
        }
        elapsed_s = (self._ctx.clock_us() - self._began_us) / 1_000_000
        read = sum(self._reads().values())
        duration = how_long.duration(calls, rooms, elapsed_s / read if read else 0.0)
        return Planned(self._counts.objects, calls, self._counts.complete, self._counts.brake, duration)


Watch = Callable[[Counting], None]
Prepare = Callable[[WriteTx], Awaitable[None]]


async def _as_it_is(_: WriteTx) -> None:
    """The connection is looked at as it stands."""


def _calls_of(governor: Governor) -> int:
    return sum(governor.counts.values())


def _reads_of(governor: Governor) -> int:
    """That a sync would make as well; reading the schemas is no part of it."""
    return _calls_of(governor) - governor.counts.get("setup", 0)


def _writes(counted: Iterable[ObjectPreview]) -> dict[Side, int]:
    """Calls that would write what is counted so far. The whole count knows them by batch."""
    calls = dict.fromkeys(Side, 0)
    for each in counted:
        counts = each.counts
        made_here, made_there = counts.created_in_hubspot, counts.created_in_salesforce
        # Whoever is made or found in Salesforce is named in HubSpot.
        calls[Side.HUBSPOT] += sum(
            -(-rows // BATCH_INPUTS) for rows in (made_here, counts.updated_in_hubspot, made_there)
        )
        calls[Side.SALESFORCE] += sum(
            -(-rows // a_call)
            for rows, a_call in (
                (made_there, 5 * COLLECTION_ROWS),
                (counts.updated_in_salesforce, 2 * COLLECTION_ROWS),
            )
        )
    return calls


async def plan(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    *,
    only: Sequence[str] = (),
    limit: int | None = None,
    schemas: Schemas | None = None,
    unmade: Mapping[str, Collection[str]] = NONE_UNMADE,
    prepare: Prepare = _as_it_is,
    watch: Watch = lambda _: None,
) -> Planned:
    """Beside a sync that runs, too: the lease it takes is the scratch copy's. Raises CrmError.

    By the settings of `connection` as given, saved or not. `schemas`: to work by, in place of what the CRMs have now.
    `unmade`: by object, HubSpot properties that these have and the account does not yet. `prepare`: what else would be done to
    the connection before that sync; it is done to the copy. `watch` is given the counting at the beginning; it goes on.
    """
    assert connection.id is not None
    async with scratch_copy(store, connection.id) as scratch:
        # A cycle goes by what is stored; the caller may ask about settings that nobody has saved.
        async with scratch.write(connection.id) as tx:
            await connections.update(tx, connection.id, settings=connection.settings)
            await prepare(tx)
        if schemas is not None:
            await keep_schemas(scratch, connection.id, schemas)
        async with open_cycle(scratch, connection, hubspot, salesforce, clock_us, _OWNER, only) as ctx:
            for slug, names in unmade.items():
                ctx.objects[slug].unmade = frozenset(names)
            return await _previewed(ctx, limit, watch)


async def plan_import(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    *,
    only: Sequence[str],
    since: Since | None,
) -> Planned:
    """What `import` would do. Raises CrmError."""
    assert connection.id is not None
    async with (
        scratch_copy(store, connection.id) as scratch,
        open_cycle(scratch, connection, hubspot, salesforce, clock_us, _OWNER, only) as ctx,
    ):
        previewer = Previewer(ctx, None)
        counting = await Counting.begin(ctx, previewer.preview)
        await previewer.run_import(since)
        return counting.whole()


async def plan_backfill(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    only: Sequence[str],
    limit: int,
) -> Planned:
    """What a backfill of these objects would do to so many linked pairs of each. Raises CrmError."""
    assert connection.id is not None
    async with scratch_copy(store, connection.id) as scratch:
        async with scratch.write(connection.id) as tx:
            for slug in only:
                await backfill.ask(tx, slug)
        async with open_cycle(scratch, connection, hubspot, salesforce, clock_us, _OWNER, only) as ctx:
            rows = min(limit, ctx.settings.batch_rows)
            ctx.settings = msgspec.structs.replace(ctx.settings, batch_rows=rows)
            previewer = Previewer(ctx, limit)
            counting = await Counting.begin(ctx, previewer.preview)
            await previewer.run_backfill()
            return counting.whole()


async def plan_resync(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    *,
    only: Sequence[str],
    list_id: str | None,
) -> Planned:
    """What a resync of these objects, or of a list, would do. Raises CrmError."""
    assert connection.id is not None
    async with scratch_copy(store, connection.id) as scratch:
        async with scratch.write(connection.id) as tx:
            for slug in only:
                await resync.ask(tx, slug, list_id)
        async with open_cycle(scratch, connection, hubspot, salesforce, clock_us, _OWNER, only) as ctx:
            previewer = Previewer(ctx, None)
            counting = await Counting.begin(ctx, previewer.preview)
            await previewer.run_resync()
            return counting.whole()


async def preview(ctx: Cycle, *, limit: int | None = None) -> Planned:
    """The same for a cycle that is open on the store itself. Raises CrmError."""
    async with scratch_copy(ctx.store, ctx.connection_id) as scratch:
        lease = await leases.take(scratch, ctx.lease.org_id, _OWNER, ctx.clock_us(), _TERM_S)
        copy = msgspec.structs.replace(ctx, store=scratch, lease=lease, report=Report(), fresh={}, make_anew=None)
        try:
            return await _previewed(copy, limit)
        finally:
            # References learned pairs that were only imagined.
            for runtime in ctx.objects.values():
                for reference in runtime.references:
                    reference.forget()


async def _previewed(ctx: Cycle, limit: int | None, watch: Watch = lambda _: None) -> Planned:
    if limit is not None:
        rows = min(limit, ctx.settings.batch_rows)
        ctx = msgspec.structs.replace(ctx, settings=msgspec.structs.replace(ctx.settings, batch_rows=rows))
    previewer = Previewer(ctx, limit)
    counting = await Counting.begin(ctx, previewer.preview)
    watch(counting)
    # As a sync begins: what stood outside of a list that is another now is looked at.
    await wake_returned(ctx)
    await previewer.run()
    return counting.whole()


def as_document(found: Planned) -> Json:
    return {
        "objects": {slug: _object(each) for slug, each in found.objects.items()},
        "api_calls": {side.value: found.api_calls[side] for side in Side},
        "duration": found.duration.document() if found.duration is not None else None,
        "complete": found.complete,
        "brake": found.brake,
        "permissions": None,
    }


def _object(found: ObjectPreview) -> Json:
    counts = found.counts
    return {
        "create_in_hubspot": counts.created_in_hubspot,
        "create_in_salesforce": counts.created_in_salesforce,
        "update_in_hubspot": counts.updated_in_hubspot,
        "update_in_salesforce": counts.updated_in_salesforce,
        "delete_in_hubspot": counts.deleted_in_hubspot,
        "delete_in_salesforce": counts.deleted_in_salesforce,
        "merge_in_hubspot": found.merged,
        "merges_proposed": found.merges_proposed,
        "matched": counts.linked,
        "relinked": found.relinked,
        "unchanged": found.unchanged,
        "ambiguous": found.ambiguous,
        "blocked": sum(found.blocked.values()),
        "blocked_reasons": found.blocked,
        "conflicts": counts.conflicts,
        "issues": counts.issues,
        "examples": [_example(each) for each in found.examples],
    }


def _example(each: Example) -> Json:
    return {
        "hubspot": None if each.hubspot is None else str(each.hubspot),
        "salesforce": None if each.salesforce is None else str(each.salesforce),
        "action": each.action,
        "fields": [msgspec.structs.asdict(field) for field in each.fields],
        "reason": _in_words(each.reason) if each.reason is not None else None,
    }


def _in_words(reason: str) -> str:
    return words.WHY_NOT.get(reason) or words.cause(reason)
