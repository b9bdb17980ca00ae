"""Looking at one record for a person: what is remembered, both sides read fresh, and the engine's own decision. Writes nothing.

The cycle it works with holds no lease, so that every write transaction would be refused; the functions that read, match and
decide are the engine's, on the same inputs, so that what is seen here is what the next sync would do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from interlock.app.compiled import compile_objects
from interlock.app.connections import HALTED, objects_on, paused_objects
from interlock.app.find import in_time
from interlock.app.runtime import settings_of
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas
from interlock.core.link import OUTSIDE
from interlock.core.model import (
    AuditKind,
    AuditRow,
    Dirty,
    Gone,
    LinkState,
    Observation,
    Reason,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.core.reconcile import Chosen, FieldDecision, decide_fields
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.choices import weigh
from interlock.engine.context import Cycle, ObjectRuntime, Report
from interlock.engine.decide import decide, newest
from interlock.engine.fetch import converted, hubspot_absence, salesforce_absence
from interlock.engine.filtered import OUTSIDE_FILTER
from interlock.engine.inclusion import NOT_IN_LIST, leave_outside, note_excluded, read_membership, why_left_out
from interlock.engine.left_out import TYPE_OFF
from interlock.engine.matching import match
from interlock.engine.newest_opportunity import read_opportunities
from interlock.engine.person_rules import UNDECIDED, apply_person_rules
from interlock.engine.pipelines import PIPELINE_NOT_SYNCED, mapping_of_new_deal, mapping_of_pair, stop_at_pipelines
from interlock.engine.references import learn_references
from interlock.engine.undo import weigh_undos
from interlock.engine.work import Batch, Limit, Work
from interlock.store import Store, audit, directory, dirty, issues, links, mappings, resolutions, undos, unlinked
from interlock.store.connections import Connection
from interlock.store.lease import Lease

HISTORY_ROWS = 100

Clients = tuple[HubSpotClient, SalesforceClient]


class Look:
    """One record as it was found. `whys`: codes of why it is not synced, or not yet; empty when it is."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        clients: Clients | None,
        clock_us: Callable[[], int],
        slug: str,
        key: RecordKey,
    ) -> None:
        self.store, self.connection, self.clients, self.clock_us = store, connection, clients, clock_us
        self.slug, self.key = slug, key
        self.read = dict.fromkeys(Side, "last_known")
        self.link: RecordLink | None = None
        self.history: list[AuditRow] = []
        self.issue_ids: list[int] = []
        self.due: list[Dirty] = []
        self.work: Work | None = None
        self.runtime: ObjectRuntime | None = None
        self.decisions: list[FieldDecision] = []
        self.chosen: list[resolutions.Resolution] = []
        self.undone: list[undos.UndoRow] = []
        self.whys: list[str] = []

    @property
    def _id(self) -> int:
        assert self.connection.id is not None
        return self.connection.id

    async def look(self) -> None:
        remembered = await self._remember()
        ctx = await self._cycle()
        self.runtime = ctx.objects.get(self.slug) if ctx is not None else None
        if self.runtime is not None and self._is_off(self.runtime):
            self.whys.append(TYPE_OFF)
        elif ctx is not None and self.runtime is not None:
            own = Dirty(self.slug, self.key, 0, 0, 0, remembered or Reason.RESYNC)
            self.work = Work(self.runtime, [own], self.link)
            await self._look_in_crms(ctx, self.work)
        self._note_why_not()

    def _is_off(self, runtime: ObjectRuntime) -> bool:
        there = self.link.salesforce if self.link is not None else self.key
        return not runtime.mappings or (there.side is Side.SALESFORCE and not runtime.syncs(there.type))

    async def _remember(self) -> Reason | None:
        """What the store knows. The reason for which the record would be looked at next."""
        async with self.store.read(self._id) as tx:
            look = links.by_hubspot if self.key.side is Side.HUBSPOT else links.by_salesforce
            self.link = (await look(tx, self.slug, [self.key.id])).get(self.key.id)
            keys = [self.link.key(side) for side in Side] if self.link is not None else [self.key]
            self.history = await audit.history(tx, self.key, HISTORY_ROWS)
            found = [await issues.list_(tx, record=key) for key in keys]
            self.issue_ids = sorted({issue.id for rows, _ in found for issue in rows if issue.id is not None})
            self.due = list((await dirty.by_keys(tx, keys)).values())
            alone = (await unlinked.by_keys(tx, [self.key])).get(self.key)
            if self.link is not None and self.link.id is not None:
                self.chosen = (await resolutions.waiting(tx, [self.link.id])).get(self.link.id, [])
                self.undone = (await undos.of_links(tx, [self.link.id])).get(self.link.id, [])
            enabled = {row.object for row in await mappings.object_mappings(tx) if row.enabled}
        if self.slug not in enabled:
            self.whys.append("object_off")
        if alone is not None:
            self.whys.append(alone.why)
            if alone.why == "existing_not_created":
                return Reason.EXISTING_LINK_ONLY
        return self.due[0].reason if self.due else None

    async def _cycle(self) -> Cycle | None:
        """A cycle that can read and decide. None when the schemas of the CRMs were never read."""
        async with self.store.read(self._id) as tx:
            kept = await directory.get(tx, SCHEMAS)
        if kept is None:
            return None
        settings = settings_of(self.connection)
        slugs = objects_on(self.connection)
        schemas = msgspec.convert(kept, Schemas, strict=False)
        objects = await compile_objects(self.store, self._id, schemas, slugs, settings)
        hubspot, salesforce = self.clients or (None, None)
        return Cycle(
            connection_id=self._id,
            store=self.store,
            hubspot=hubspot,  # type: ignore[arg-type]  # never used when None: both sides stay unread
            salesforce=salesforce,  # type: ignore[arg-type]
            portal=self.connection.hubspot_account_id,
            objects=objects,
            settings=settings,
            clock_us=self.clock_us,
            lease=Lease("", "explain", 0, 0),
            report=Report(),
            fresh={},
            begun_at_us=self.connection.begun_at_us or 0,
        )

    async def _look_in_crms(self, ctx: Cycle, work: Work) -> None:
        if self.clients is None:
            return
        runtime = work.runtime
        keys = {side: work.key(side) for side in Side}
        wanted = {side: key for side, key in keys.items() if key is not None}
        answers = await asyncio.gather(
            *(in_time(lambda key=key: _seen(ctx, runtime, key)) for key in wanted.values())  # type: ignore[misc]
        )
        for side, answer in zip(wanted, answers, strict=True):
            self.read[side] = "failed" if answer is None else "fresh"
            if answer is not None:
                work.see(side, answer[0])
        if await in_time(lambda: _membership(ctx, work)) is None:
            work.included = None
        stop_at_pipelines([work])
        if work.limit is Limit.PIPELINE and work.link is not None:
            note_excluded(ctx, work)
        if work.link is None and self.read[self.key.side] == "fresh":
            await self._look_for_counterpart(ctx, work)
        await learn_references(
            ctx, runtime, [seen for side in Side if isinstance(seen := work.seen(side), Observation)]
        )
        if await in_time(lambda: _rules(ctx, work)) is None:
            work.why_not = work.why_not or UNDECIDED
        if runtime.newest_opportunity:
            await in_time(lambda: read_opportunities(ctx, runtime, [work]))
        self._decide(ctx, work)

    async def _look_for_counterpart(self, ctx: Cycle, work: Work) -> None:
        batch = Batch(work.runtime, [work], 0, 0)

        async def ask() -> bool:
            await match(ctx, batch)
            await leave_outside(ctx, batch)
            stop_at_pipelines(batch.works)
            return True

        other = self.key.side.other
        self.read[other] = "fresh" if await in_time(ask) else "failed"

    def _decide(self, ctx: Cycle, work: Work) -> None:
        both = [work.seen(side) for side in Side]
        if work.link is not None and all(isinstance(seen, Observation) for seen in both):
            hubspot, salesforce = both
            assert isinstance(hubspot, Observation)
            assert isinstance(salesforce, Observation)
            work.resolutions = self.chosen
            mapping = work.runtime.mapping_for(work.link.salesforce_type)
            work.undos = self.undone
            choices: dict[int, Chosen] = {
                **weigh_undos(work, mapping, hubspot, salesforce),
                **weigh(work, mapping, hubspot, salesforce),
            }
            last = newest(ctx.settings, hubspot, salesforce)
            mapping = mapping_of_pair(work.runtime, mapping, work.link.base, hubspot, salesforce, last, choices)
            self.decisions = decide_fields(mapping, work.link.base, hubspot, salesforce, last, choices)
        elif work.link is None and isinstance(work.seen(work.origin), Observation):
            self._decide_alone(ctx, work)
        if work.link is None and work.why_not is None and "failed" not in self.read.values():
            decide(ctx, Batch(work.runtime, [work], 0, 0))
        if work.why_not is not None:
            self.whys.append(work.why_not)

    def _decide_alone(self, ctx: Cycle, work: Work) -> None:
        """A record without counterpart: what creating one would write, as engine/decide.py does it."""
        own = work.seen(work.origin)
        assert isinstance(own, Observation)
        type_ = work.create_type if work.origin is Side.HUBSPOT else own.key.type
        if type_ is None or type_ not in work.runtime.mappings:
            return
        mapping = work.runtime.mapping_for(type_)
        side = work.origin.other
        if side is Side.HUBSPOT:
            mapping = mapping_of_new_deal(work.runtime, mapping, own)
        names = {field.name(side): field.codec.absent for field in mapping.fields}
        blank = Observation(RecordKey(side, type_, ""), names, 0, 0, own.read_us)
        hubspot, salesforce = (own, blank) if work.origin is Side.HUBSPOT else (blank, own)
        self.decisions = decide_fields(mapping, {}, hubspot, salesforce, None)

    def _note_why_not(self) -> None:
        if self.link is not None and self.link.state in OUTSIDE:
            # What HubSpot says now counts, where it was asked.
            if "fresh" not in self.read.values():
                other = self.link.state is LinkState.OTHER_PIPELINE
                self.whys.append(PIPELINE_NOT_SYNCED if other else self._remembered_limit())
            elif self.work is not None and self.work.included is not True:
                self.whys.append(why_left_out(self.work) or NOT_IN_LIST)
        elif self.link is not None and self.link.state is not LinkState.LINKED:
            self.whys.append(self.link.state.value)
        if self.slug in paused_objects(self.connection):
            self.whys.append("object_paused")
        if self.connection.state in HALTED:
            self.whys.append("connection_stopped")
        now_us = self.clock_us()
        if any(each.due_at_us > now_us for each in self.due):
            self.whys.append("waiting")
        elif self.due:
            self.whys.append("due")
        if self.issue_ids:
            self.whys.append("has_issues")
        if self.link is None and not self.whys:
            self.whys.append("not_looked_at")
        self.whys = list(dict.fromkeys(self.whys))

    def _remembered_limit(self) -> str:
        causes = (row.cause or "" for row in self.history if row.kind is AuditKind.EXCLUDE)
        return OUTSIDE_FILTER if next(causes, "").endswith("the filter") else NOT_IN_LIST


async def _membership(ctx: Cycle, work: Work) -> bool:
    await read_membership(ctx, work.runtime, [work])
    if work.link is not None and work.included is not True:
        note_excluded(ctx, work)
    return True


async def _rules(ctx: Cycle, work: Work) -> bool:
    await apply_person_rules(ctx, Batch(work.runtime, [work], 0, 0))
    return True


async def _seen(ctx: Cycle, runtime: ObjectRuntime, key: RecordKey) -> tuple[Observation | Gone | None]:
    """In a tuple, so that "the CRM does not show it" is an answer."""
    if key.side is Side.HUBSPOT:
        found = await ctx.hubspot.read(key.type, [key.id], runtime.hubspot_properties, purpose="fetch")
        if key.id in found:
            return (found[key.id],)
        answers, _ = await hubspot_absence(ctx, runtime, [key.id])
        return (answers.get(key.id),)
    rows = await ctx.salesforce.retrieve(key.type, [key.id], runtime.salesforce_fields[key.type], purpose="fetch")
    if key.id in rows:
        return (converted(key, rows[key.id]),)
    return ((await salesforce_absence(ctx, runtime, key.type, [key.id])).get(key.id),)
