"""Pipelines and their stages: the state behind `/crm/pipelines`, and the stage a deal or ticket stands in.

Which records stand in a stage is not known here: whether one in use may be deleted is for `routes_pipelines.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
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
    def is_won(self) -> bool:
        return self.is_closed and _fraction(self.probability) == 1

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
            "stages": [stage.to_json() for stage in in_order(self.stages)],
        }


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of an audit. `stage_id` None: the pipeline itself."""

    pipeline_id: str
    stage_id: str | None
    action: str
    at_ms: int
    user_id: int | None
    message: str
    raw: str  # the definition as it was then


def in_order(found: Iterable[Any]) -> list[Any]:
    """Pipelines or stages as HubSpot lists them: by displayOrder, those with the same one by label (pipelines guide)."""
    return sorted(found, key=lambda each: (each.display_order, each.label.lower()))


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

    def __init__(
        self,
        pipelines: list[Pipeline],
        *,
        probability_required: bool,
        most: int | None = None,
        probability_step: str | None = None,
    ) -> None:
        self.all = {pipeline.id: pipeline for pipeline in pipelines}
        self._probability_required = probability_required
        self._most = most
        self._step = None if probability_step is None else Decimal(probability_step)
        self._changes: list[Change] = []
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

    def audit(self, id: str, stage_id: str | None = None) -> list[Change]:
        """Newest first. Those of a pipeline are told apart from those of its stages."""
        return [each for each in self._changes[::-1] if each.pipeline_id == id and each.stage_id == stage_id]

    def history(self, id: str) -> list[Change]:
        """Oldest first, of the pipeline and of all its stages, also of those that are gone."""
        return [each for each in self._changes if each.pipeline_id == id]

    def create(self, body: dict[str, Any], now_ms: int, user_id: int | None = None) -> Pipeline:
        label = _label(body)
        if any(pipeline.label == label for pipeline in self.all.values()):
            raise errors.ApiError(409, f"A pipeline with the label '{label}' already exists", "CONFLICT")
        id = str(body.get("pipelineId") or self._new_id())
        if id in self.all:
            raise errors.ApiError(409, f"A pipeline with the id '{id}' already exists", "CONFLICT")
        if self._most is not None and len(self.all) >= self._most:
            raise errors.invalid(f"This account may have at most {self._most} pipelines of this object type")
        made = Pipeline(
            id=id,
            label=label,
            display_order=_order(body, len(self.all)),
            stages=[],
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        for stage in body.get("stages") or ():
            self._add_stage(made, stage, now_ms)
        self.all[made.id] = made
        self._note(made, None, "CREATE", now_ms, user_id)
        return made

    def update(
        self, id: str, body: dict[str, Any], now_ms: int, *, replace: bool, user_id: int | None = None
    ) -> Pipeline:
        found = self.get(id)
        label = body.get("label") or found.label
        if any(other.label == label and other is not found for other in self.all.values()):
            raise errors.ApiError(409, f"A pipeline with the label '{label}' already exists", "CONFLICT")
        if replace and "stages" in body:
            found.stages = self._replaced_stages(found, body["stages"], now_ms)
        found.label = label
        found.display_order = _order(body, found.display_order)
        found.updated_ms = now_ms
        self._note(found, None, "UPDATE", now_ms, user_id)
        return found

    def delete(self, id: str, now_ms: int, user_id: int | None = None) -> None:
        gone = self.get(id)
        del self.all[id]
        self._note(gone, None, "DELETE", now_ms, user_id)

    def replaced(self, id: str, body: dict[str, Any]) -> list[str]:
        """The stages that a PUT with this body would take away."""
        kept = [(stage.get("stageId"), stage.get("label")) for stage in body.get("stages") or ()]
        ids, labels = {str(id) for id, _ in kept if id}, {label for _, label in kept}
        stages = self.get(id).stages if "stages" in body else ()
        return [stage.id for stage in stages if stage.id not in ids and stage.label not in labels]

    def add_stage(self, id: str, body: dict[str, Any], now_ms: int, user_id: int | None = None) -> Stage:
        pipeline = self.get(id)
        made = self._add_stage(pipeline, body, now_ms)
        self._note(pipeline, made, "CREATE", now_ms, user_id)
        return made

    def delete_stage(self, id: str, stage_id: str, now_ms: int, user_id: int | None = None) -> None:
        pipeline, stage = self.get(id), self.get_stage(id, stage_id)
        pipeline.stages.remove(stage)
        self._note(pipeline, stage, "DELETE", now_ms, user_id)

    def get_stage(self, id: str, stage_id: str) -> Stage:
        stage = self.get(id).stage(stage_id)
        if stage is None:
            raise errors.not_found()
        return stage

    def update_stage(
        self,
        id: str,
        stage_id: str,
        body: dict[str, Any],
        now_ms: int,
        *,
        replace: bool = False,
        user_id: int | None = None,
    ) -> Stage:
        """PATCH keeps what the body leaves out, PUT overwrites the metadata (pipelines guide)."""
        stage = self.get_stage(id, stage_id)
        label = body.get("label", stage.label)
        if any(other.label == label and other is not stage for other in self.get(id).stages):
            raise errors.invalid(f"Stage labels must be unique in a pipeline: '{label}'")
        metadata = _metadata(body) if replace else {**stage.metadata, **_metadata(body)}
        self._check_probability(metadata)
        stage.label = label
        stage.display_order = _order(body, stage.display_order)
        stage.metadata = metadata
        stage.updated_ms = now_ms
        self._note(self.get(id), stage, "UPDATE", now_ms, user_id)
        return stage

    def _replaced_stages(self, pipeline: Pipeline, given: list[dict[str, Any]], now_ms: int) -> list[Stage]:
        """What a PUT makes of the stages: those that it names by id or label keep their id. Raises ApiError."""
        made = Pipeline(id=pipeline.id, label=pipeline.label, display_order=0, stages=[])
        for body in given:
            known = next(
                (old for old in pipeline.stages if old.id == body.get("stageId") or old.label == body.get("label")),
                None,
            )
            stage = self._add_stage(made, body if known is None else {**body, "stageId": known.id}, now_ms)
            stage.created_ms = now_ms if known is None else known.created_ms
        return made.stages

    def _add_stage(self, pipeline: Pipeline, body: dict[str, Any], now_ms: int) -> Stage:
        label = _label(body)
        metadata = _metadata(body)
        if any(stage.label == label for stage in pipeline.stages):
            raise errors.invalid(f"Stage labels must be unique in a pipeline: '{label}'")
        if len(pipeline.stages) >= STAGES_MAX:
            raise errors.invalid(f"A pipeline may have at most {STAGES_MAX} stages")
        self._check_probability(metadata)
        id = str(body.get("stageId") or self._new_id())
        if any(stage.id == id for stage in pipeline.stages):
            raise errors.ApiError(409, f"A stage with the id '{id}' already exists in this pipeline", "CONFLICT")
        stage = Stage(
            id=id,
            label=label,
            display_order=_order(body, len(pipeline.stages)),
            metadata=metadata,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        pipeline.stages.append(stage)
        return stage

    def _check_probability(self, metadata: dict[str, str]) -> None:
        """Documented: deals need one from 0.0 (lost) to 1.0 (won); a stage of either is a closed one."""
        if not self._probability_required:
            return
        found = _fraction(metadata.get("probability"))
        if found is None or not 0 <= found <= 1:
            raise errors.invalid("Deal stages need metadata.probability between 0.0 and 1.0")
        if self._step is not None and found % self._step:
            raise errors.invalid(f"metadata.probability must be in increments of {self._step}")
        metadata.setdefault("isClosed", str(found in (0, 1)).lower())

    def _note(self, pipeline: Pipeline, stage: Stage | None, action: str, now_ms: int, user_id: int | None) -> None:
        what = "Pipeline" if stage is None else "Stage"
        said = {"CREATE": "User defined. {} created", "UPDATE": "{} update", "DELETE": "{} deleted"}[action]
        defined = (pipeline if stage is None else stage).to_json()
        self._changes.append(
            Change(
                pipeline_id=pipeline.id,
                stage_id=None if stage is None else stage.id,
                action=action,
                at_ms=now_ms,
                user_id=user_id,
                message=said.format(what.lower() if action == "CREATE" else what),
                raw=json.dumps(defined, separators=(",", ":")),
            )
        )

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


def _fraction(text: str | None) -> Decimal | None:
    try:
        found = Decimal(text or "")
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
