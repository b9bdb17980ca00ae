"""Deal stages: a stage id of one HubSpot pipeline and a StageName of Salesforce. Built from the pipeline, not a shape.

A stage belongs to one pipeline, and a deal outside of the synced one does not sync (its stage is Unknown here), so the
codec needs `dealstage` alone; who creates a deal writes `pipeline` beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from interlock.core.codec.base import Codec, CodecError, not_of_this_codec
from interlock.core.codec.choice import align
from interlock.core.codec.simple import shown
from interlock.core.model import Raw
from interlock.core.values import BLANK, Choice, Unknown, Value

_NOT_THERE = Unknown("the stage has no counterpart in the synced pipeline")


class StageCodec(Codec):
    """The canonical value is the StageName. No two stages of the pipeline share one: the way back must be certain."""

    __slots__ = ("_to_hubspot", "_to_salesforce", "pipeline")

    kind = "stage"

    def __init__(self, pipeline: str, stage_to_name: Mapping[str, str]) -> None:
        super().__init__(nillable=False)  # Opportunity.StageName is required (describe: nillable false)
        self.pipeline = pipeline
        self._to_salesforce = dict(stage_to_name)
        self._to_hubspot = {name: stage for stage, name in self._to_salesforce.items()}
        if len(self._to_hubspot) != len(self._to_salesforce):
            raise ValueError(f"pipeline {pipeline}: two stages stand for one StageName")

    @classmethod
    def by_label(
        cls, pipeline: str, hubspot_stages: Iterable[tuple[str, str]], salesforce_stages: Iterable[str]
    ) -> StageCodec:
        """Join `(stage id, label)` of HubSpot with the StageNames that read the same."""
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
        return cls(pipeline, joined)

    @property
    def stages(self) -> Mapping[str, str]:
        return self._to_salesforce

    def from_hubspot(self, raw: Raw) -> Value:
        if raw is None or raw == "":
            return BLANK
        name = self._to_salesforce.get(raw) if raw.__class__ is str else None
        return _NOT_THERE if name is None else Choice(name)

    def from_salesforce(self, raw: Raw) -> Value:
        if raw is None or raw == "":
            return BLANK
        return Choice(raw) if raw.__class__ is str and raw in self._to_hubspot else _NOT_THERE

    def canon(self, value: Value) -> Value:
        return value

    def render_hubspot(self, value: Value) -> str:
        if type(value) is not Choice:
            raise not_of_this_codec(self, value)
        stage = self._to_hubspot.get(value.value)
        if stage is None:
            raise CodecError("INVALID_OPTION", f'The HubSpot pipeline has no stage for "{shown(value.value)}"')
        return stage

    def render_salesforce(self, value: Value) -> Raw:
        if type(value) is not Choice:
            raise not_of_this_codec(self, value)
        if value.value not in self._to_hubspot:
            raise CodecError("INVALID_OPTION", f'"{shown(value.value)}" is not a stage of the synced pipeline')
        return value.value
