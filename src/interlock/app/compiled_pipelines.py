"""The pipelines of deals as a cycle works with them: which sync, the stages of each, and the pair of pipeline and record type."""

from __future__ import annotations

import msgspec

from interlock.app.schemas import Schemas
from interlock.core.codec import PipelineCodec, StageCodec
from interlock.core.codec.stage import MASTER
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import SyncRule
from interlock.crm.hubspot.model import PropertyDef
from interlock.crm.salesforce.model import FieldDef
from interlock.engine.context import ObjectRuntime
from interlock.objects.pipelines import ANY, PIPELINE, RECORD_TYPE, Chosen, Synced, where_nobody_chose

# Beside those of references (app/compile.py): made here, no row of its own, and it stays.
PIPELINE_MAPPING_ID = 1_000_000_100


def in_use(chosen: Chosen, schemas: Schemas, stage_name: FieldDef | None) -> Chosen:
    """What a person chose, of the pipelines and stages that HubSpot still has; else what stands where nobody chose."""
    if not chosen:
        names = [value for value, _ in stage_name.picklist_values] if stage_name is not None else []
        stages = [(each.id, [(stage.id, stage.label) for stage in each.stages]) for each in schemas.pipelines]
        return where_nobody_chose(stages, names)
    there = {each.id: {stage.id for stage in each.stages} for each in schemas.pipelines}
    return {
        id_: msgspec.structs.replace(
            choice, stages={stage: name for stage, name in choice.stages.items() if stage in there[id_]}
        )
        for id_, choice in chosen.items()
        if id_ in there
    }


def stage_codec(in_use: Chosen, pipeline: str | None = None) -> StageCodec:
    """It reads the stages of all of them and writes those of one: of the first, where none is named."""
    own = pipeline if pipeline is not None else next(iter(in_use), "")
    stages = in_use[own].stages if own in in_use else {}
    elsewhere = {stage: name for id_, each in in_use.items() if id_ != own for stage, name in each.stages.items()}
    return StageCodec(own, stages, elsewhere)


def synced(in_use: Chosen, record_type: FieldDef | None) -> Synced:
    return Synced(
        {
            id_: each.record_type
            for id_, each in in_use.items()
            # Where no record type can be seen, an opportunity is of none that anybody could tell.
            if record_type is not None or each.record_type in (ANY, MASTER)
        }
    )


def add(runtime: ObjectRuntime, in_use: Chosen, pipeline: PropertyDef | None, record_type: FieldDef | None) -> None:
    """To the runtime of deals: what syncs, and where record types tell pipelines apart the pair of the two."""
    runtime.pipelines = which = synced(in_use, record_type)
    mapping = runtime.mappings.get("Opportunity")
    stage = next((each for each in mapping.fields if each.codec.kind == "stage"), None) if mapping is not None else None
    if mapping is None or stage is None or stage.effective_rule is SyncRule.DONT_SYNC:
        return
    if which.any_record_type or pipeline is None or record_type is None:
        return
    whole = ObjectMapping(
        mapping.id,
        mapping.object,
        mapping.salesforce_type,
        (
            *mapping.fields,
            FieldMapping(
                id=PIPELINE_MAPPING_ID,
                property=PIPELINE,
                field=RECORD_TYPE,
                # Pipeline and stage are one choice of a person, so one rule holds for both.
                rule=stage.rule,
                codec=PipelineCodec(which.record_types),
                hubspot_writable=not pipeline.read_only,
                salesforce_createable=record_type.createable,
                salesforce_updateable=record_type.updateable,
            ),
        ),
    )
    runtime.mappings["Opportunity"] = whole
    runtime.in_pipelines = {id_: _in(whole, stage, stage_codec(in_use, id_)) for id_ in in_use}


def _in(mapping: ObjectMapping, stage: FieldMapping, codec: StageCodec) -> ObjectMapping:
    fields = tuple(msgspec.structs.replace(each, codec=codec) if each is stage else each for each in mapping.fields)
    return msgspec.structs.replace(mapping, fields=fields)
