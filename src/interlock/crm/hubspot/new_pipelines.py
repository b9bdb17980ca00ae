"""Making a pipeline, or a stage of one, in HubSpot, and changing a stage. Labels are unique, so what an earlier call made is found
by its label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from interlock.core.model import NotDone, Unsettled
from interlock.crm.calls import Calls, Declined, Reply
from interlock.crm.errors import ServerFault
from interlock.crm.hubspot.model import NewStage, Pipeline
from interlock.crm.hubspot.requests import encode, pipelines_path
from interlock.crm.hubspot.schema import pipelines


async def create_pipeline(calls: Calls, object: str, label: str, stages: Sequence[NewStage], purpose: str) -> Pipeline:
    """The one of that label, made where there is none. Raises CallRefused, Forbidden and the other errors."""
    there = await pipelines(calls, object, purpose)
    if (known := _named(there, label)) is not None:
        return known
    order = len(there)
    body = {"label": label, "displayOrder": order, "stages": [_stage(each, n) for n, each in enumerate(stages)]}
    await _make(calls, pipelines_path(object), body, f"the pipeline {label}", purpose)
    made = _named(await pipelines(calls, object, purpose), label)
    if made is None:
        raise ServerFault(calls.side, f"HubSpot says that the pipeline {label} was made, and does not show it.")
    return made


def _named(there: Sequence[Pipeline], label: str) -> Pipeline | None:
    return next((each for each in there if each.label == label), None)


async def create_stage(calls: Calls, object: str, pipeline: str, stage: NewStage, order: int, purpose: str) -> None:
    """Raises CallRefused, where one of that label is there too, Forbidden and the other errors."""
    path = f"{pipelines_path(object)}/{pipeline}/stages"
    await _make(calls, path, _stage(stage, order), f"the stage {stage.label}", purpose)


async def change_stage(
    calls: Calls,
    object: str,
    pipeline: str,
    stage: str,
    label: str | None,
    means: tuple[float, bool] | None,
    order: int | None,
    purpose: str,
) -> None:
    """What is None stays. Raises CallRefused, where another stage has that label too, Forbidden and the other errors."""
    body: dict[str, Any] = {}
    if label is not None:
        body["label"] = label
    if means is not None:
        body["metadata"] = _metadata(*means)
    if order is not None:
        body["displayOrder"] = order
    path = f"{pipelines_path(object)}/{quote(pipeline, safe='')}/stages/{quote(stage, safe='')}"
    answer = await calls.write("PATCH", path, encode(body), purpose=purpose)
    if (why := _not_told(answer)) is not None:
        raise ServerFault(calls.side, f"HubSpot did not say whether the stage {stage} was changed: {why}")


def _stage(stage: NewStage, order: int) -> dict[str, Any]:
    return {"label": stage.label, "displayOrder": order, "metadata": _metadata(stage.probability, stage.is_closed)}


def _metadata(probability: float, is_closed: bool) -> dict[str, str]:
    # The values are strings, and deals need a probability (HubSpot CRM API, pipelines).
    return {"probability": f"{probability:.1f}", "isClosed": str(is_closed).lower()}


async def _make(calls: Calls, path: str, body: dict[str, Any], what: str, purpose: str) -> None:
    answer = await calls.write("POST", path, encode(body), purpose=purpose)
    if (why := _not_told(answer)) is not None:
        raise ServerFault(calls.side, f"HubSpot did not say whether {what} was made: {why}")


def _not_told(answer: Reply | Declined | NotDone | Unsettled) -> str | None:
    """Why it is not known whether it was done; None: it was. Raises what HubSpot refused it with."""
    if isinstance(answer, Declined):
        raise answer.error
    return None if isinstance(answer, Reply) else answer.why
