"""Which HubSpot pipelines sync with which record types of opportunities, stage by stage. What a person chose, or what equal
labels say. Pure.

A pipeline and a record type are joined one to one. Where nobody chose, HubSpot's first pipeline stands for every record type.
A deal in another pipeline, or an opportunity of another record type, does not sync (engine/pipelines.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from interlock.core.codec.stage import MASTER, joined_by_label
from interlock.core.model import Raw, Side

# In place of a record type: whichever an opportunity has. Then no other pipeline syncs.
ANY = "any"
PIPELINE, RECORD_TYPE = "pipeline", "RecordTypeId"
# HubSpot puts a deal that names none there.
DEFAULT_PIPELINE = "default"


class PipelineChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person chose for one pipeline: the id of a record type or ANY, and stage id -> StageName."""

    record_type: str = ANY
    stages: dict[str, str] = {}
    # Its stages are those of the record type's sales process, and what changes there changes in HubSpot (stages_in_step.py).
    in_step: bool = False


# Pipeline id -> choice, of those that sync.
Chosen = dict[str, PipelineChoice]


def where_nobody_chose(pipelines: Iterable[tuple[str, Iterable[tuple[str, str]]]], names: Iterable[str]) -> Chosen:
    """`pipelines`: in HubSpot's order, each with its stages (id, label). `names`: the active StageNames."""
    for pipeline, stages in pipelines:
        return {pipeline: PipelineChoice(ANY, joined_by_label(stages, names))}
    return {}


def problem(chosen: Chosen) -> str | None:
    """What is wrong with a choice in itself, in a sentence."""
    record_types = [each.record_type for each in chosen.values()]
    if ANY in record_types and len(record_types) > 1:
        return "A pipeline that stands for every record type must be the only one."
    if len(set(record_types)) < len(record_types):
        return "Two pipelines stand for one record type: a new opportunity could go to either."
    for id_, choice in chosen.items():
        if not choice.stages:
            return f"No stage of pipeline {id_} is joined with one of Salesforce."
        if len(set(choice.stages.values())) < len(choice.stages):
            return f"Two stages of pipeline {id_} stand for one of Salesforce: the way back would not be certain."
    stages = [stage for each in chosen.values() for stage in each.stages]
    if len(set(stages)) < len(stages):
        return (
            "Two pipelines have a stage with the same id: which pipeline a deal is in could not be told from its stage."
        )
    return None


def stage_means(*, closed: bool, won: bool, percent: float | None) -> tuple[float, bool]:
    """Probability and whether it closes a deal, as HubSpot has it: tenths, and 1 and 0 for won and lost alone."""
    if closed:
        return (1.0 if won else 0.0), True
    tenths = int((percent or 0.0) / 10 + 0.5)
    return min(9, max(1, tenths)) / 10, False


class Synced(msgspec.Struct, frozen=True):
    """The pipelines that sync: id -> record type."""

    record_types: dict[str, str]

    @property
    def any_record_type(self) -> bool:
        return ANY in self.record_types.values()

    def syncs(self, side: Side, values: Mapping[str, Raw]) -> bool:
        """Whether a record is in a pipeline, or of a record type, that syncs. What its CRM does not say does not stop it."""
        if side is Side.HUBSPOT:
            pipeline = values.get(PIPELINE)
            return not pipeline or pipeline in self.record_types
        return self.any_record_type or (values.get(RECORD_TYPE) or MASTER) in self.record_types.values()

    def pipeline_of(self, record_type: Raw) -> str | None:
        """The one that a new opportunity's deal goes to."""
        for pipeline, type_ in self.record_types.items():
            if type_ in (ANY, record_type or MASTER):
                return pipeline
        return None
