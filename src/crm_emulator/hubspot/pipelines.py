"""Pipelines and their stages: the state behind `/crm/pipelines`, and the stage a deal or ticket stands in."""

from __future__ import annotations

from typing import Any

import msgspec

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.stamps import iso_ms

STAGES_MAX = 100  # deal and ticket pipelines (CRM pipelines API)


class Stage(msgspec.Struct, kw_only=True):
    id: str
    label: str
    display_order: int
    metadata: dict[str, str]
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def is_closed(self) -> bool:
        return self.metadata.get("isClosed") == "true" or self.metadata.get("ticketState") == "CLOSED"

    @property
    def probability(self) -> str | None:
        return self.metadata.get("probability")

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "displayOrder": self.display_order,
            "metadata": self.metadata,
            "createdAt": iso_ms(self.created_ms),
            "updatedAt": iso_ms(self.updated_ms),
            "id": self.id,
            "archived": False,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        }


class Pipeline(msgspec.Struct, kw_only=True):
    id: str
    label: str
    display_order: int
    stages: list[Stage]
    created_ms: int = 0
    updated_ms: int = 0

    def stage(self, id: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.id == id), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "displayOrder": self.display_order,
            "createdAt": iso_ms(self.created_ms),
            "updatedAt": iso_ms(self.updated_ms),
            "id": self.id,
            "archived": False,
            "stages": [stage.to_json() for stage in self.stages],
        }


def default_deal_pipeline() -> Pipeline:
    """Recorded: id `default`, seven stages with their probabilities, metadata values are strings."""
    rows = (
        ("appointmentscheduled", "Appointment Scheduled", "0.2"),
        ("qualifiedtobuy", "Qualified To Buy", "0.4"),
        ("presentationscheduled", "Presentation Scheduled", "0.6"),
        ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
        ("contractsent", "Contract Sent", "0.9"),
        ("closedwon", "Closed Won", "1.0"),
        ("closedlost", "Closed Lost", "0.0"),
    )
    stages = [
        Stage(
            id=id,
            label=label,
            display_order=order,
            metadata={"isClosed": str(id.startswith("closed")).lower(), "probability": probability},
        )
        for order, (id, label, probability) in enumerate(rows)
    ]
    return Pipeline(id="default", label="Sales Pipeline", display_order=0, stages=stages)


def default_ticket_pipeline() -> Pipeline:
    """Ids recorded; the labels of stages 2 to 4 are general knowledge."""
    rows = (("1", "New"), ("2", "Waiting on contact"), ("3", "Waiting on us"), ("4", "Closed"))
    stages = [
        Stage(
            id=id,
            label=label,
            display_order=order,
            metadata={
                "ticketState": "CLOSED" if label == "Closed" else "OPEN",
                "isClosed": str(label == "Closed").lower(),
            },
        )
        for order, (id, label) in enumerate(rows)
    ]
    return Pipeline(id="0", label="Support Pipeline", display_order=0, stages=stages)


class Pipelines:
    """The pipelines of one object type."""

    def __init__(self, pipelines: list[Pipeline], *, probability_required: bool) -> None:
        self.all = {pipeline.id: pipeline for pipeline in pipelines}
        self._probability_required = probability_required
        self._made = 0

    def get(self, id: str) -> Pipeline:
        if id not in self.all:
            raise errors.not_found()
        return self.all[id]

    def stage(self, pipeline_id: str | None, stage_id: str | None) -> Stage | None:
        if not stage_id:
            return None
        pipeline = self.all.get(pipeline_id or "")
        if pipeline is not None:
            return pipeline.stage(stage_id)
        return next((stage for found in self.all.values() if (stage := found.stage(stage_id))), None)

    def pipeline_of_stage(self, stage_id: str) -> Pipeline | None:
        return next((pipeline for pipeline in self.all.values() if pipeline.stage(stage_id)), None)

    def create(self, body: dict[str, Any], now_ms: int) -> Pipeline:
        label = _label(body)
        if any(pipeline.label == label for pipeline in self.all.values()):
            raise errors.ApiError(409, f"A pipeline with the label '{label}' already exists", "CONFLICT")
        made = Pipeline(
            id=str(body.get("pipelineId") or self._new_id()),
            label=label,
            display_order=_order(body, len(self.all)),
            stages=[],
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        for stage in body.get("stages") or ():
            self._add_stage(made, stage, now_ms)
        self.all[made.id] = made
        return made

    def update(self, id: str, body: dict[str, Any], now_ms: int, *, replace: bool) -> Pipeline:
        found = self.get(id)
        found.label = body.get("label", found.label)
        found.display_order = _order(body, found.display_order)
        if replace and "stages" in body:
            kept, found.stages = found.stages, []
            for stage in body["stages"]:
                known = next(
                    (old for old in kept if old.id == stage.get("stageId") or old.label == stage.get("label")), None
                )
                self._add_stage(found, {**stage, "stageId": known.id} if known is not None else stage, now_ms)
        found.updated_ms = now_ms
        return found

    def add_stage(self, id: str, body: dict[str, Any], now_ms: int) -> Stage:
        return self._add_stage(self.get(id), body, now_ms)

    def get_stage(self, id: str, stage_id: str) -> Stage:
        stage = self.get(id).stage(stage_id)
        if stage is None:
            raise errors.not_found()
        return stage

    def update_stage(self, id: str, stage_id: str, body: dict[str, Any], now_ms: int) -> Stage:
        stage = self.get_stage(id, stage_id)
        label = body.get("label", stage.label)
        if any(other.label == label and other is not stage for other in self.get(id).stages):
            raise errors.invalid(f"Stage labels must be unique in a pipeline: '{label}'")
        metadata = {**stage.metadata, **_metadata(body)}
        if self._probability_required and not _is_probability(metadata.get("probability")):
            raise errors.invalid("Deal stages need metadata.probability between 0.0 and 1.0")
        stage.label = label
        stage.display_order = _order(body, stage.display_order)
        stage.metadata = metadata
        stage.updated_ms = now_ms
        return stage

    def _add_stage(self, pipeline: Pipeline, body: dict[str, Any], now_ms: int) -> Stage:
        label = _label(body)
        metadata = _metadata(body)
        if any(stage.label == label for stage in pipeline.stages):
            raise errors.invalid(f"Stage labels must be unique in a pipeline: '{label}'")
        if len(pipeline.stages) >= STAGES_MAX:
            raise errors.invalid(f"A pipeline may have at most {STAGES_MAX} stages")
        if self._probability_required and not _is_probability(metadata.get("probability")):
            raise errors.invalid("Deal stages need metadata.probability between 0.0 and 1.0")
        if self._probability_required:
            metadata.setdefault("isClosed", str(metadata["probability"] in ("0.0", "1.0")).lower())
        stage = Stage(
            id=str(body.get("stageId") or self._new_id()),
            label=label,
            display_order=_order(body, len(pipeline.stages)),
            metadata=metadata,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        pipeline.stages.append(stage)
        return stage

    def _new_id(self) -> int:
        self._made += 1
        return 180_500_000 + self._made


def _label(body: dict[str, Any]) -> str:
    label = body.get("label")
    if not isinstance(label, str) or not label:
        raise errors.invalid("Invalid input JSON: some required fields were not set: [label]")
    return label


def _order(body: dict[str, Any], default: int) -> int:
    given = body.get("displayOrder")
    return default if given is None else int(given)


def _metadata(body: dict[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in (body.get("metadata") or {}).items()}


def _is_probability(text: str | None) -> bool:
    try:
        return text is not None and 0.0 <= float(text) <= 1.0
    except ValueError:
        return False
