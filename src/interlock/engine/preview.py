"""What a drain would do, found by running one on a scratch copy of the store with the writes left out.

The same line as cycle.py up to the plan; then every write is taken as carried out, so that what follows (a contact after its
company, the Salesforce side of the first load after HubSpot's) is planned as it would be. Nothing is sent that could change a
record, and nothing that a later sync would trust is kept. The counts are the cycle's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence

import msgspec

from interlock.core.match import QUESTIONS
from interlock.core.model import Gone, LinkedBy, LinkState, Observation, RecordKey, Side, Written
from interlock.core.plain import plain
from interlock.core.reconcile import FieldDecision
from interlock.core.values import Value
from interlock.engine import lifecycle
from interlock.engine.backfill import backfill_asked
from interlock.engine.brake import Braked, brake
from interlock.engine.context import Cycle, ObjectCounts, ObjectRuntime
from interlock.engine.cycle import claim, forget_references, plan_batch
from interlock.engine.detect import detect
from interlock.engine.import_ import import_
from interlock.engine.late_references import look_at_late_references
from interlock.engine.latest import NOT_LATEST
from interlock.engine.load import Since, load, loading
from interlock.engine.merging import PROPOSAL
from interlock.engine.record import record
from interlock.engine.resync import resync_asked
from interlock.engine.sweep import sweep
from interlock.engine.work import Batch, SideWrite, Work
from interlock.objects.choices import DELETES, DELETES_IN, MERGES, NOTHING
from interlock.store import dirty, scratch

EXAMPLES_MOST = 5  # of each kind, per object
# Nothing is held back for these: there is no record, or the person behind it syncs as another one.
_NOT_BLOCKED = frozenset({"deleted", "contact_preferred", NOT_LATEST})
# Ids of records that would be made.
_IMAGINED = "preview-"
# Inputs that fit into one call: HubSpot CRM API, batch upsert, update and history; Salesforce composite (architecture, rule V).
_HUBSPOT_WRITES, _HUBSPOT_HISTORY = 100, 50
_SALESFORCE_UPDATES, _SALESFORCE_CREATES = 400, 1_000


class Example(msgspec.Struct, frozen=True):
    """One record or pair, with what would become of it. Keys are None for what is not there yet."""

    action: str
    hubspot: RecordKey | None
    salesforce: RecordKey | None
    fields: list[ExampleField] = []
    reason: str | None = None  # a code, or the sentence of the issue that would be raised


class ExampleField(msgspec.Struct, frozen=True):
    property: str
    field: str
    hubspot: str | None
    salesforce: str | None
    result: str | None
    rule: str


class ObjectPreview(msgspec.Struct):
    """`counts` as a sync would report them; the rest is what a sync does not count."""

    counts: ObjectCounts
    unchanged: int = 0
    relinked: int = 0  # of those matched: by the ids that HubSpot's own integration left
    ambiguous: int = 0
    merged: int = 0  # in HubSpot, since their Salesforce records were
    merges_proposed: int = 0  # that wait for a person instead
    blocked: dict[str, int] = {}  # by code
    examples: list[Example] = []


class Preview(msgspec.Struct):
    objects: dict[str, ObjectPreview]
    api_calls: dict[Side, int]
    complete: bool = True
    brake: str | None = None


class LimitReached(Exception):
    """As many records of this object were looked at as was asked for."""


class Previewer:
    """`ctx` works on a scratch store (store/scratch.py), which also remembers what was looked at. `limit`: records of each object
    to look at; None for all."""

    def __init__(self, ctx: Cycle, limit: int | None) -> None:
        self._ctx = ctx
        self._limit = limit
        self._looked: dict[str, int] = {}
        self._made = 0
        self._write_calls = dict.fromkeys(Side, 0)
        self.preview = Preview(
            {slug: ObjectPreview(ctx.report.of(slug)) for slug in ctx.objects}, dict.fromkeys(Side, 0)
        )

    async def run(self) -> Preview:
        ctx = self._ctx
        before = _reads(ctx)
        whole: dict[str, ObjectRuntime] = {}
        for slug, runtime in ctx.objects.items():
            alone = msgspec.structs.replace(ctx, objects={slug: runtime})
            try:
                if await loading(alone):
                    await load(alone, self._work_off)
                whole[slug] = runtime
            except LimitReached:
                self.preview.complete = False
        try:
            await look_at_late_references(msgspec.structs.replace(ctx, objects=whole), self._work_off)
        except LimitReached:
            self.preview.complete = False
        # What a part of the load has not come to yet would look like news.
        await self._pass(msgspec.structs.replace(ctx, objects=whole))
        after = _reads(ctx)
        self.preview.api_calls = {side: after[side] - before[side] + self._write_calls[side] for side in Side}
        return self.preview

    async def run_import(self, since: Since | None) -> Preview:
        """What loading from Salesforce would do, instead of a drain."""
        return await self._instead(import_(self._ctx, since, self._work_off))

    async def run_resync(self) -> Preview:
        """The same of the resync that was asked for."""
        return await self._instead(resync_asked(self._ctx, self._work_off))

    async def run_backfill(self) -> Preview:
        """What the backfills that were asked for would do, and what is due anyway, instead of a drain."""
        return await self._instead(backfill_asked(self._ctx, self._work_off))

    async def _instead(self, work: Awaitable[object]) -> Preview:
        before = _reads(self._ctx)
        try:
            await work
        except LimitReached:
            self.preview.complete = False
        after = _reads(self._ctx)
        self.preview.api_calls = {side: after[side] - before[side] + self._write_calls[side] for side in Side}
        return self.preview

    async def _pass(self, ctx: Cycle) -> None:
        if not ctx.objects:
            return
        for runtime in ctx.objects.values():
            if Side.SALESFORCE in DELETES_IN[ctx.settings.chosen(DELETES, runtime.slug)]:
                # Only the archive shows what would be deleted in Salesforce.
                await sweep(ctx, runtime)
        await detect(ctx, look_back=True)
        for runtime in ctx.objects.values():
            try:
                await self._work_off(ctx, runtime)
            except LimitReached:
                self.preview.complete = False

    async def _work_off(self, ctx: Cycle, runtime: ObjectRuntime) -> int:
        worked = 0
        while True:
            # What the records of a batch point to is learned with it: of a million, no more than that stays in memory.
            forget_references(runtime)
            batch = await claim(ctx, runtime)
            if batch is None:
                return worked
            await self._drop_seen(batch)
            if not batch.works:
                continue
            if self._limit is not None and self._looked.get(runtime.slug, 0) >= self._limit:
                raise LimitReached
            self._looked[runtime.slug] = self._looked.get(runtime.slug, 0) + len(batch.works)
            worked += len(batch.works)
            await self._preview_batch(batch)

    async def _drop_seen(self, batch: Batch) -> None:
        """What was planned already is in the CRMs as before, which is no news about it."""
        keys = [each.key for work in batch.works for each in work.dirty]
        async with self._ctx.store.read(self._ctx.connection_id) as tx:
            seen = await scratch.looked_at(tx, keys)
        planned = [all(each.key in seen for each in work.dirty) for work in batch.works]
        if any(planned):
            again = [each.key for work, was in zip(batch.works, planned, strict=True) if was for each in work.dirty]
            async with self._ctx.store.write(self._ctx.connection_id, self._ctx.lease) as tx:
                await dirty.clear(tx, again, batch.horizon)
            batch.works = [work for work, was in zip(batch.works, planned, strict=True) if not was]

    async def _preview_batch(self, batch: Batch) -> None:
        ctx = self._ctx
        keys = {each.key for work in batch.works for each in work.dirty}
        await plan_batch(ctx, batch)
        try:
            brake(ctx, batch)
        except Braked as braked:
            self.preview.brake = self.preview.brake or braked.brake.reason
        self._forecast(batch)
        tally = self.preview.objects[batch.runtime.slug]
        for work in batch.works:
            _count(tally, work, ctx.settings.chosen(MERGES, work.object) != NOTHING)
            self._carry_out(work)
        await record(ctx, batch)
        links = [work.link for work in batch.works if work.link is not None]
        keys |= {link.key(side) for link in links for side in Side}
        async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
            await scratch.note_looked_at(tx, keys)

    def _carry_out(self, work: Work) -> None:
        """As if every write had been."""
        for write in work.writes:
            if write.id is None:
                self._made += 1
                write.outcome = Written(f"{_IMAGINED}{self._made}", created=True)
            else:
                write.outcome = Written(write.id)
        if work.deletion is not None:
            work.deletion.outcome = Written(f"{_IMAGINED}deleted")
        if work.merging is not None:
            work.merging.outcome = Written(work.merging.into.id)
        for change in work.set_changes:
            change.done = True
        work.opt_out_done = work.opt_out_hubspot is not None
        lifecycle.carried_out(work)

    def _forecast(self, batch: Batch) -> None:
        """Calls that the writes of this batch would take."""
        going = [work.deletion.side for work in batch.works if work.deletion is not None]
        # Each is read once more just before it goes.
        self._write_calls[Side.HUBSPOT] += 2 * _calls(going.count(Side.HUBSPOT), _HUBSPOT_WRITES)
        self._write_calls[Side.SALESFORCE] += 2 * _calls(going.count(Side.SALESFORCE), _SALESFORCE_CREATES)
        writes = [write for work in batch.works for write in work.writes]
        into = {side: [write for write in writes if write.side is side] for side in Side}
        made_there = [write for write in into[Side.SALESFORCE] if write.creates]
        changed_there = len(into[Side.SALESFORCE]) - len(made_there)
        changed_here = [write for write in into[Side.HUBSPOT] if not write.creates]
        made_here = len(into[Side.HUBSPOT]) - len(changed_here)
        roles = [change for work in batch.works for change in work.set_changes]
        self._write_calls[Side.SALESFORCE] += (
            _calls(len(made_there), _SALESFORCE_CREATES)
            + _calls(changed_there, _SALESFORCE_UPDATES)
            + _calls(sum(change.side is Side.SALESFORCE for change in roles), _SALESFORCE_CREATES)
        )
        self._write_calls[Side.HUBSPOT] += sum(work.merging is not None for work in batch.works)
        # A record that was made in Salesforce is named in HubSpot afterwards; what was changed is verified in its history.
        self._write_calls[Side.HUBSPOT] += (
            _calls(made_here, _HUBSPOT_WRITES)
            + _calls(len(changed_here), _HUBSPOT_WRITES)
            + _calls(len(made_there), _HUBSPOT_WRITES)
            + _calls(sum(bool(write.fields) for write in changed_here), _HUBSPOT_HISTORY)
            + _associations(batch.runtime, into[Side.HUBSPOT])
            + _calls(sum(change.side is Side.HUBSPOT for change in roles), _SALESFORCE_CREATES)
            + sum(work.opt_out_hubspot is not None for work in batch.works)
            + _calls(sum(lifecycle.moves(work) for work in batch.works), _HUBSPOT_WRITES)
        )


def _calls(inputs: int, per_call: int) -> int:
    return -(-inputs // per_call)


def _associations(runtime: ObjectRuntime, writes: Sequence[SideWrite]) -> int:
    names = {reference.property for reference in runtime.references}
    pointed = sum(field.name in names for write in writes for field in write.fields)
    return _calls(pointed, _SALESFORCE_CREATES)


def _reads(ctx: Cycle) -> Mapping[Side, int]:
    """Calls so far that a sync would make as well; reading the schemas is counted elsewhere."""
    governors = (ctx.hubspot.governor, ctx.salesforce.governor)
    return {each.side: sum(n for purpose, n in each.counts.items() if purpose != "setup") for each in governors}


# --- counting and showing ------------------------------------------------------------------------------------------------


def _count(tally: ObjectPreview, work: Work, proposes: bool) -> None:
    """What `record` does not count, and examples of everything. Before the writes are taken as carried out. `proposes`: whether a
    merge that is not made by itself is for a person to confirm."""
    if work.why_not is not None and not work.writes:
        _count_alone(tally, work, work.why_not)
        return
    writes = [write for write in work.writes if write.fields or write.creates]
    for write in writes:
        verb = "create" if write.creates else "update"
        written = {id(field.decision) for field in write.fields}
        decisions = [each for each in work.decisions if id(each) in written]
        _show(tally, work, f"{verb}_in_{write.side.value}", decisions, None)
    if work.deletion is not None:
        _show(tally, work, f"delete_in_{work.deletion.side.value}", [], work.deletion.cause)
    if work.merging is not None:
        tally.merged += 1
        _show(tally, work, "merge_in_hubspot", [], "merged")
    # Of what was converted the same issue tells, and names nothing to merge it into.
    tally.merges_proposed += proposes and any(each.code == PROPOSAL and each.value for each in work.issues)
    conflicts = [each for each in work.decisions if each.merge.conflict is not None]
    if conflicts:
        _show(tally, work, "conflict", conflicts, None)
    tally.relinked += work.new_link and work.link is not None and work.link.linked_by is LinkedBy.NATIVE_ID
    moves = lifecycle.moves(work)
    if moves and not any(write.side is Side.HUBSPOT for write in writes):
        _show(tally, work, "update_in_hubspot", [], None)
    if work.link is not None and not (writes or work.set_changes or work.role_change or moves):
        tally.unchanged += work.link.state is LinkState.LINKED and not _gone(work)
        if work.new_link:
            _show(tally, work, "match", [], work.link.linked_by.value)


def _count_alone(tally: ObjectPreview, work: Work, why: str) -> None:
    if why in _NOT_BLOCKED:
        return
    if why in QUESTIONS:
        tally.ambiguous += 1
        _show(tally, work, "ambiguous", [], next((issue.cause for issue in work.issues), why))
        return
    tally.blocked[why] = tally.blocked.get(why, 0) + 1
    _show(tally, work, "blocked", [], why)


def _gone(work: Work) -> bool:
    return any(isinstance(seen, Gone) for seen in (work.hubspot, work.salesforce))


def _show(
    tally: ObjectPreview, work: Work, action: str, decisions: Sequence[FieldDecision], reason: str | None
) -> None:
    shown = sum(each.action == action and (action != "blocked" or each.reason == reason) for each in tally.examples)
    if shown >= EXAMPLES_MOST:
        return
    fields = [
        ExampleField(
            each.mapping.property,
            each.mapping.field,
            _shown(each.hubspot),
            _shown(each.salesforce),
            _shown(each.merge.value),
            each.mapping.effective_rule.value,
        )
        for each in decisions
    ]
    tally.examples.append(Example(action, _key(work, Side.HUBSPOT), _key(work, Side.SALESFORCE), fields, reason))


def _shown(value: Value) -> str | None:
    text = plain(value)
    return "(a record that is new too)" if text is not None and text.startswith(_IMAGINED) else text


def _key(work: Work, side: Side) -> RecordKey | None:
    seen = work.seen(side)
    return seen.key if isinstance(seen, (Observation, Gone)) else work.key(side)
