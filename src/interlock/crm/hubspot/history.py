"""Reading the versions of properties: who else wrote between our read and our write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from interlock.crm.calls import Calls, Reply, chunks, in_parallel
from interlock.crm.decoding import decoder
from interlock.crm.hubspot.model import HistoryEntry
from interlock.crm.hubspot.records import read_whole
from interlock.crm.hubspot.requests import HISTORY_INPUTS, WireError, objects_path, read_body, to_us

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


_decode = decoder(_Batch)


def _batch_of(reply: Reply) -> _Batch:
    return _decode(reply.body)


async def read_history(
    calls: Calls, object: str, ids: Sequence[str], properties: Sequence[str], archived: bool, purpose: str
) -> History:
    path = objects_path(object) + "/batch/read" + ("?archived=true" if archived else "")

    async def one(chunk: Sequence[str]) -> History:
        _, batch = await read_whole(
            calls, path, read_body(chunk, (), None, properties), _batch_of, "a list of histories", purpose
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
