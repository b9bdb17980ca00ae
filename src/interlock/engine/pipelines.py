"""Deals of pipelines that do not sync, and what a pair's pipeline means for its stage.

A deal that moves to such a pipeline, or whose opportunity gets a record type without one, stays linked and is left alone
until it comes back. Pipeline and stage are one thing in HubSpot, where a stage belongs to one pipeline: a deal is never sent
to a pipeline without a stage of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from interlock.core.codec import STAGE_NOT_IN_PIPELINE, CodecError, PipelineCodec
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Base, LinkState, Observation, Reason, RecordKey, Side
from interlock.core.plan import HeldField, seen
from interlock.core.reconcile import (
    Because,
    Chosen,
    FieldDecision,
    FieldMerge,
    decide_field,
    read_hubspot,
    read_salesforce,
)
from interlock.core.values import Choice, Unknown
from interlock.engine.context import ObjectRuntime
from interlock.engine.work import Limit, Work
from interlock.objects.pipelines import DEFAULT_PIPELINE, PIPELINE, RECORD_TYPE
from interlock.store import WriteTx, dirty, links, unlinked

PIPELINE_NOT_SYNCED = "pipeline_not_synced"
WOKEN_ROWS = 1_000


def stop_at_pipelines(works: Iterable[Work]) -> None:
    """Note on the works of deals that do not sync where they are. Before matching and, of the pairs that it finds, after."""
    for work in works:
        synced = work.runtime.pipelines
        if synced is None or all(
            synced.syncs(side, found.values) for side in Side if isinstance(found := work.seen(side), Observation)
        ):
            continue
        work.included, work.limit = False, Limit.PIPELINE
        if work.new_link and work.link is not None:
            # That they are a pair is known from a key of either, and stays known; nothing is written.
            work.link.state, work.landing, work.why_not = LinkState.OTHER_PIPELINE, False, PIPELINE_NOT_SYNCED


async def wake_other_pipelines(tx: WriteTx, runtime: ObjectRuntime, at_us: int) -> None:
    """Other pipelines sync now: everything that stood in those that did not is looked at once more."""
    await dirty.take_turn(tx)
    slug = runtime.slug
    after_key: RecordKey | None = None
    while alone := await unlinked.page(tx, slug, PIPELINE_NOT_SYNCED, after_key, WOKEN_ROWS):
        await dirty.mark(tx, slug, [each.key for each in alone], Reason.CHANGED, at_us)
        after_key = alone[-1].key
    after_id = 0
    while pairs := await links.page_of_state(tx, slug, LinkState.OTHER_PIPELINE, after_id, WOKEN_ROWS):
        await dirty.mark(tx, slug, [link.hubspot for link in pairs], Reason.CHANGED, at_us)
        after_id = pairs[-1].id or 0


def mapping_of_pair(
    runtime: ObjectRuntime,
    mapping: ObjectMapping,
    base: Base,
    hubspot: Observation,
    salesforce: Observation,
    newest: Side | None,
    choices: Mapping[int, Chosen],
) -> ObjectMapping:
    """With the stages of the pipeline that the deal will be in once the pair is decided."""
    if not runtime.in_pipelines or runtime.pipelines is None:
        return mapping
    field = next((each for each in mapping.fields if isinstance(each.codec, PipelineCodec)), None)
    if field is None:
        return mapping
    decision = decide_field(field, base, hubspot, salesforce, newest, choices)
    if decision.merge.writes(Side.HUBSPOT):
        value = decision.merge.value
        pipeline = runtime.pipelines.pipeline_of(value.value) if type(value) is Choice else None
    else:
        pipeline = hubspot.values.get(PIPELINE)
    return runtime.in_pipelines.get(str(pipeline), mapping)


def stages_along(
    mapping: ObjectMapping, writes: list[FieldDecision], hubspot: Observation, salesforce: Observation
) -> tuple[list[FieldDecision], HeldField | None]:
    """A deal goes to another pipeline together with the stage that it has there, or not at all; and an opportunity gets no
    other record type for a stage that cannot be read. The second: what so stays where it is, if nothing else says so."""
    moved = next((each for each in writes if isinstance(each.mapping.codec, PipelineCodec)), None)
    if moved is None:
        return writes, None
    stage = stage_field(mapping)
    assert stage is not None, "a pipeline is compiled where the stage is mapped"
    decided = next((each for each in writes if each.mapping.id == stage.id), None)
    left, right = read_hubspot(stage, hubspot), read_salesforce(stage, salesforce)
    others = [each for each in writes if each is not moved]
    side = Side.HUBSPOT if moved.merge.writes(Side.HUBSPOT) else Side.SALESFORCE
    if Unknown in (type(left), type(right)):
        # What cannot be read is not written over.
        return others, _stays(moved, side, _UNREAD)
    if side is Side.SALESFORCE:
        return writes, None
    value = right if decided is None else decided.merge.value
    said = decided is not None and decided.merge.writes(Side.HUBSPOT)
    try:
        stage.codec.to_hubspot(value)
    except CodecError as refusal:
        # The stage's own write, where there is one, says so.
        return others, None if said else _stays(moved, side, refusal.message)
    if said:
        return writes, None
    along = FieldDecision(stage, FieldMerge(Because.SALESFORCE_CHANGED, Side.HUBSPOT, value), left, right)
    if decided is None:
        return [*writes, along], None
    both = msgspec.structs.replace(decided, merge=msgspec.structs.replace(decided.merge, both=True))
    return [both if each is decided else each for each in writes], None


_UNREAD = "the deal is in a stage that stands for none of Salesforce, and moves with one that does"


def _stays(moved: FieldDecision, side: Side, why: str) -> HeldField:
    return HeldField(moved.mapping, side, STAGE_NOT_IN_PIPELINE, why, seen(moved), moved.merge.value)


def mapping_of_new_deal(runtime: ObjectRuntime, mapping: ObjectMapping, salesforce: Observation) -> ObjectMapping:
    pipeline = _pipeline_of_new_deal(runtime, salesforce)
    return mapping if pipeline is None else runtime.in_pipelines.get(pipeline, mapping)


def _pipeline_of_new_deal(runtime: ObjectRuntime, salesforce: Observation) -> str | None:
    return None if runtime.pipelines is None else runtime.pipelines.pipeline_of(salesforce.values.get(RECORD_TYPE))


def beside_a_new_stage(runtime: ObjectRuntime, salesforce: Observation) -> dict[str, object]:
    """The pipeline of a new deal where it is no mapping, since one stands for all record types."""
    pipeline = None if runtime.in_pipelines else _pipeline_of_new_deal(runtime, salesforce)
    return {} if pipeline in (None, DEFAULT_PIPELINE) else {PIPELINE: pipeline}


def stage_field(mapping: ObjectMapping) -> FieldMapping | None:
    return next((each for each in mapping.fields if each.codec.kind == "stage"), None)
