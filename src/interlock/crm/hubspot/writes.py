"""Writing HubSpot records in batches, with an outcome for every record.

Each input carries its own objectWriteTraceId, by which HubSpot names it in an error (without one, a bad input fails the
whole batch: CRM API, multi-status). Refusals that still come for a whole batch (a duplicate e-mail) are isolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from interlock.core.model import NotDone, Outcome, Refused, Unsettled, Written
from interlock.crm.calls import Calls, Declined, chunks, in_parallel
from interlock.crm.errors import CallRefused, Forbidden
from interlock.crm.hubspot.classify import PROPERTY_CODES
from interlock.crm.hubspot.model import HubSpotWrite
from interlock.crm.hubspot.requests import (
    BATCH_INPUTS,
    WireBatch,
    WireRecord,
    context_of,
    encode,
    objects_path,
    parse_batch,
    parse_error,
    refused,
    to_us,
)
from interlock.crm.isolate import WholeRefused, isolate


async def update(calls: Calls, object: str, to_write: Sequence[HubSpotWrite], purpose: str) -> dict[str, Outcome]:
    return await _write(calls, objects_path(object) + "/batch/update", to_write, None, purpose)


async def upsert(
    calls: Calls, object: str, id_property: str, to_write: Sequence[HubSpotWrite], purpose: str
) -> dict[str, Outcome]:
    return await _write(calls, objects_path(object) + "/batch/upsert", to_write, id_property, purpose)


async def _write(
    calls: Calls, path: str, to_write: Sequence[HubSpotWrite], id_property: str | None, purpose: str
) -> dict[str, Outcome]:
    async def attempt(part: list[HubSpotWrite]) -> list[Outcome] | WholeRefused | NotDone | Unsettled:
        answer = await calls.write("POST", path, _body(part, id_property), purpose=purpose)
        if isinstance(answer, NotDone | Unsettled):
            return answer
        if isinstance(answer, Declined):
            return whole_refused(answer)
        try:
            return _outcomes(part, parse_batch(answer.body), id_property)
        except msgspec.MsgspecError:
            return Unsettled("HubSpot took the call and answered something that is not a list of records")

    async def one(chunk: Sequence[HubSpotWrite]) -> list[Outcome]:
        return await isolate(chunk, attempt, lambda write, name: name in write.properties)

    outcomes: dict[str, Outcome] = {}
    parts = chunks(to_write, BATCH_INPUTS)
    for part, answers in zip(parts, await in_parallel(parts, one), strict=True):
        outcomes.update((write.trace, outcome) for write, outcome in zip(part, answers, strict=True))
    return outcomes


def _body(part: Sequence[HubSpotWrite], id_property: str | None) -> bytes:
    inputs: list[dict[str, Any]] = [
        {"id": write.id, "properties": write.properties, "objectWriteTraceId": write.trace} for write in part
    ]
    if id_property is not None:
        for item in inputs:
            item["idProperty"] = id_property
    return encode({"inputs": inputs})


def whole_refused(declined: Declined) -> WholeRefused:
    """What the refusal of a whole call says about each of its inputs."""
    status = declined.reply.status
    verdict = refused(parse_error(declined.reply.body), status)
    if isinstance(declined.error, Forbidden):
        return WholeRefused(Refused(declined.error.crm_code or "FORBIDDEN", declined.error.message), everyone=True)
    if not isinstance(declined.error, CallRefused):
        return WholeRefused(verdict, everyone=True)
    return WholeRefused(verdict, blames_property=verdict.code in PROPERTY_CODES and bool(verdict.fields))


def _outcomes(part: Sequence[HubSpotWrite], batch: WireBatch, id_property: str | None) -> list[Outcome]:
    done, failed, unnamed = _sort(part, batch, id_property)
    outcomes: list[Outcome] = []
    for write in part:
        record = done.get(write.trace)
        if record is not None:
            outcomes.append(Written(record.id, bool(record.new), dict(record.properties), to_us(record.updated_at)))
        elif write.trace in failed:
            outcomes.append(failed[write.trace])
        elif unnamed is not None:
            outcomes.append(unnamed)
        else:
            outcomes.append(Unsettled("HubSpot's answer does not name the record"))
    return outcomes


def _sort(
    part: Sequence[HubSpotWrite], batch: WireBatch, id_property: str | None
) -> tuple[dict[str, WireRecord], dict[str, Refused], Refused | None]:
    """Results and errors by trace; and the error that names nobody, which is then that of whoever got no answer."""
    trace_by_id = {write.id.lower(): write.trace for write in part}
    done: dict[str, WireRecord] = {}
    for record in batch.results:
        name = record.id if id_property is None else (record.properties.get(id_property) or "")
        trace = record.object_write_trace_id or trace_by_id.get(name.lower())
        if trace is not None:
            done[trace] = record
    failed: dict[str, Refused] = {}
    unnamed: Refused | None = None
    for error in batch.errors:
        verdict = refused(error, 207)
        ids = context_of(error, "ids") + context_of(error, "id")
        traces = context_of(error, "objectWriteTraceId") or [
            trace_by_id[id.lower()] for id in ids if id.lower() in trace_by_id
        ]
        failed.update((trace, verdict) for trace in traces)
        if not traces:
            unnamed = verdict
    return done, failed, unnamed
