"""Deal stages and their pipelines: a stage id of HubSpot and a StageName of Salesforce, a pipeline and a record type.

Built from the pipelines that sync, not from a shape. A stage id belongs to one pipeline, so it can be read without knowing
which; which stage stands for a StageName depends on the pipeline that the deal is in, or moves to (`pipeline`). What does not
sync at all (engine/pipelines.py) never comes to be decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from interlock.core.codec.base import Codec, CodecError, not_of_this_codec
from interlock.core.codec.choice import align
from interlock.core.codec.simple import shown
from interlock.core.model import Raw
from interlock.core.values import BLANK, Choice, Unknown, Value

_NOT_THERE = Unknown("the stage has no counterpart in the synced pipeline")
_NO_PIPELINE = Unknown("neither the pipeline nor the record type syncs")
# The code of what a pipeline has no stage for: an issue, and never a deal without a stage.
STAGE_NOT_IN_PIPELINE = "STAGE_NOT_IN_PIPELINE"
# Of a record that has none; Salesforce shows it as null (describe, recordTypeInfos).
MASTER = "012000000000000AAA"


class StageCodec(Codec):
    """The canonical value is the StageName. No two stages of a pipeline share one: the way back must be certain.

    `elsewhere`: the stages of the other pipelines that sync, which are read and never written here.
    """

    __slots__ = ("_elsewhere", "_to_hubspot", "_to_salesforce", "pipeline")

    kind = "stage"

    def __init__(
        self, pipeline: str, stage_to_name: Mapping[str, str], elsewhere: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(nillable=False)  # Opportunity.StageName is required (describe: nillable false)
        self.pipeline = pipeline
        self._to_salesforce = dict(stage_to_name)
        self._elsewhere = dict(elsewhere or {})
        self._to_hubspot = {name: stage for stage, name in self._to_salesforce.items()}
        if len(self._to_hubspot) != len(self._to_salesforce):
            raise ValueError(f"pipeline {pipeline}: two stages stand for one StageName")

    @classmethod
    def by_label(
        cls, pipeline: str, hubspot_stages: Iterable[tuple[str, str]], salesforce_stages: Iterable[str]
    ) -> StageCodec:
        """Join `(stage id, label)` of HubSpot with the StageNames that read the same."""
        return cls(pipeline, joined_by_label(hubspot_stages, salesforce_stages))

    @property
    def stages(self) -> Mapping[str, str]:
        return self._to_salesforce

    def from_hubspot(self, raw: Raw) -> Value:
        if raw is None or raw == "":
            return BLANK
        if raw.__class__ is not str:
            return _NOT_THERE
        name = self._to_salesforce.get(raw) or self._elsewhere.get(raw)
        return _NOT_THERE if name is None else Choice(name)

    def from_salesforce(self, raw: Raw) -> Value:
        # A name that no pipeline has a stage for is a value like any other: it is HubSpot that cannot hold it.
        if raw is None or raw == "":
            return BLANK
        return Choice(raw) if raw.__class__ is str else _NOT_THERE

    def canon(self, value: Value) -> Value:
        return value

    def render_hubspot(self, value: Value) -> str:
        if type(value) is not Choice:
            raise not_of_this_codec(self, value)
        stage = self._to_hubspot.get(value.value)
        if stage is None:
            raise CodecError(STAGE_NOT_IN_PIPELINE, f'The HubSpot pipeline has no stage for "{shown(value.value)}"')
        return stage

    def render_salesforce(self, value: Value) -> Raw:
        if type(value) is not Choice:
            raise not_of_this_codec(self, value)
        return value.value


def joined_by_label(hubspot_stages: Iterable[tuple[str, str]], salesforce_stages: Iterable[str]) -> dict[str, str]:
    """Stage id -> StageName, of those that read the same."""
    stages = list(hubspot_stages)
    names = list(dict.fromkeys(salesforce_stages))
    labels = [label for _, label in stages]
    respelt = align(labels, names)
    known = set(names)
    joined: dict[str, str] = {}
    for stage, label in stages:
        name = label if label in known else respelt.get(label)
        if name is not None and name not in joined.values():
            joined[stage] = name
    return joined


class PipelineCodec(Codec):
    """The canonical value is the record type's id, Master's of a record that has none. One pipeline to one record type."""

    __slots__ = ("_to_hubspot", "_to_salesforce")

    kind = "pipeline"
    null_is_blank = False  # null is Master
    absent = ""

    def __init__(self, pipeline_to_record_type: Mapping[str, str]) -> None:
        super().__init__()
        self._to_salesforce = dict(pipeline_to_record_type)
        self._to_hubspot = {type_: pipeline for pipeline, type_ in self._to_salesforce.items()}
        if len(self._to_hubspot) != len(self._to_salesforce):
            raise ValueError("two pipelines stand for one record type")

    def from_hubspot(self, raw: Raw) -> Value:
        if raw is None or raw == "":
            return BLANK
        type_ = self._to_salesforce.get(raw) if raw.__class__ is str else None
        return _NO_PIPELINE if type_ is None else Choice(type_)

    def from_salesforce(self, raw: Raw) -> Value:
        if raw == "":
            return BLANK
        type_ = MASTER if raw is None else raw
        return Choice(type_) if type_ in self._to_hubspot else _NO_PIPELINE

    def canon(self, value: Value) -> Value:
        return value

    def render_hubspot(self, value: Value) -> str:
        if type(value) is not Choice or value.value not in self._to_hubspot:
            raise not_of_this_codec(self, value)
        return self._to_hubspot[value.value]

    def render_salesforce(self, value: Value) -> Raw:
        if type(value) is not Choice:
            raise not_of_this_codec(self, value)
        return None if value.value == MASTER else value.value
