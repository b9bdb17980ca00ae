"""Reading the versions of properties: who else wrote between our read and our write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from interlock.crm.calls import Calls, chunks, in_parallel
from interlock.crm.errors import CallRefused
from interlock.crm.hubspot.model import HistoryEntry
from interlock.crm.hubspot.requests import HISTORY_INPUTS, WireError, objects_path, read_body, refused, to_us

History = dict[str, dict[str, list[HistoryEntry]]]


class _Version(msgspec.Struct, rename="camel", gc=False):
    timestamp: datetime
    value: str | None = None
    source_type: str | None = None
    source_id: str | None = None
    updated_by_user_id: int | None = None


class _Record(msgspec.Struct, rename="camel", gc=False):
    id: str
    properties_with_history: dict[str, list[_Version]] = {}


class _Batch(msgspec.Struct):
    results: list[_Record]
    errors: list[WireError] = []


_decode = msgspec.json.Decoder(_Batch).decode


async def read_history(
    calls: Calls, object: str, ids: Sequence[str], properties: Sequence[str], purpose: str
) -> History:
    path = objects_path(object) + "/batch/read"

    async def one(chunk: Sequence[str]) -> History:
        reply = await calls.read("POST", path, read_body(chunk, (), None, properties), purpose=purpose)
        try:
            batch = _decode(reply.body)
        except msgspec.MsgspecError as error:
            raise calls.garbled("a list of histories") from error
        for failed in batch.errors:
            if failed.category != "OBJECT_NOT_FOUND":
                verdict = refused(failed, 207)
                raise CallRefused(
                    calls.side, f"HubSpot could not read some histories: {verdict.message}", crm_code=verdict.code
                )
        return {record.id: _versions(record) for record in batch.results}

    found: History = {}
    for part in await in_parallel(chunks(list(dict.fromkeys(ids)), HISTORY_INPUTS), one):
        found.update(part)
    return found


def _versions(record: _Record) -> dict[str, list[HistoryEntry]]:
    return {
        name: [
            HistoryEntry(
                version.value,
                to_us(version.timestamp),
                version.source_type,
                version.source_id,
                version.updated_by_user_id,
            )
            for version in versions
        ]
        for name, versions in record.properties_with_history.items()
    }
