"""Reading HubSpot records: pages of a listing, batches by id or unique property, single records by id.

Listings and single reads name the properties in the address. Where that gets too long they ask for ids alone, and the
values come from a batch read, whose body has no such limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from interlock.core.model import Observation
from interlock.crm.budget import CRM
from interlock.crm.calls import PART_TRIES, Calls, Reply, chunks, in_parallel
from interlock.crm.errors import CallRefused, ServerFault
from interlock.crm.hubspot.model import Page
from interlock.crm.hubspot.requests import (
    ADDRESS_MAX,
    BATCH_INPUTS,
    WireBatch,
    WireError,
    WireRecord,
    objects_path,
    observation,
    parse_batch,
    parse_record,
    read_body,
    refused,
    segment,
    with_query,
)

ADDITIONAL_EMAILS = "hs_additional_emails"
ID_PROPERTY = "hs_object_id"
ID_DIGITS_MAX = 16  # ids are below 2^53: HubSpot's numbers are doubles


async def list_page(
    calls: Calls,
    object: str,
    properties: Sequence[str],
    after: str | None,
    limit: int,
    archived: bool,
    purpose: str,
) -> Page:
    query = {"limit": str(limit), "properties": ",".join(properties), "archived": _flag(archived)}
    if after is not None:
        query["after"] = after
    path = with_query(objects_path(object), query)
    wide = len(path) > ADDRESS_MAX
    if wide:
        path = with_query(objects_path(object), {**query, "properties": ID_PROPERTY})
    reply, batch = await calls.read_as("GET", path, None, batch_of, RECORDS, purpose=purpose)
    following = batch.paging.next.after if batch.paging is not None and batch.paging.next is not None else None
    calls.moved_on(after, following)
    if not wide:
        return Page([observation(object, record, reply.sent_us) for record in batch.results], following)
    # What is not read any more has gone since it was listed: like any record that goes, it is not in the listing.
    ids = [record.id for record in batch.results]
    found = await read(calls, object, ids, properties, None, archived, purpose)
    return Page([found[id] for id in ids if id in found], following)


def _flag(value: bool) -> str:
    return "true" if value else "false"


async def read(
    calls: Calls,
    object: str,
    ids: Sequence[str],
    properties: Sequence[str],
    id_property: str | None,
    archived: bool,
    purpose: str,
) -> dict[str, Observation]:
    # An id that is none (somebody edited the field it comes from) is of no record; HubSpot may refuse the call for it.
    wanted = [id for id in dict.fromkeys(ids) if id_property is not None or _is_id(id)]
    asked = list(properties)
    if id_property is not None and id_property not in asked:
        asked.append(id_property)
    if id_property == "email" and ADDITIONAL_EMAILS not in asked:
        # HubSpot resolves additional addresses too, and answers with the primary one only.
        asked.append(ADDITIONAL_EMAILS)
    path = objects_path(object) + "/batch/read" + ("?archived=true" if archived else "")

    async def one(chunk: Sequence[str]) -> dict[str, Observation]:
        body = read_body(chunk, asked, id_property)
        reply, batch = await read_whole(calls, path, body, batch_of, RECORDS, purpose)
        if id_property is None:
            return {record.id: observation(object, record, reply.sent_us) for record in batch.results}
        return _by_value(object, chunk, batch.results, id_property, reply.sent_us)

    found: dict[str, Observation] = {}
    for part in await in_parallel(chunks(wanted, BATCH_INPUTS), one):
        found.update(part)
    return found


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX


def _by_value(
    object: str, chunk: Sequence[str], results: Sequence[WireRecord], id_property: str, read_us: int
) -> dict[str, Observation]:
    """Requested value -> observation: answers come in any order and name the record's own spelling of the value."""
    requested: dict[str, list[str]] = {}
    for value in chunk:
        requested.setdefault(value.strip().lower(), []).append(value)
    found: dict[str, Observation] = {}
    for record in results:
        seen = observation(object, record, read_us)
        names = [record.properties.get(id_property) or ""]
        if id_property == "email":
            names.extend((record.properties.get(ADDITIONAL_EMAILS) or "").split(";"))
        for name in names:
            for value in requested.get(name.strip().lower(), ()):
                found[value] = seen
    return found


class _Partial(Protocol):
    @property
    def errors(self) -> list[WireError]: ...


B = TypeVar("B", bound=_Partial)


async def read_whole(
    calls: Calls,
    path: str,
    body: bytes,
    decode: Callable[[Reply], B],
    what: str,
    purpose: str,
    family: str = CRM,
) -> tuple[Reply, B]:
    """A batch read until nothing in it failed. That something is not there is an answer; any other error of a 207 would
    make records look absent that are not. Raises CallRefused, ServerFault."""
    attempt = 1
    while True:
        reply, batch = await calls.read_as("POST", path, body, decode, what, purpose=purpose, family=family)
        failed = next((error for error in batch.errors if not _is_answer(error)), None)
        if failed is None:
            return reply, batch
        verdict = refused(failed, 207)
        message = f"HubSpot could not read some of the records: {verdict.message.rstrip('.')}."
        if not verdict.retry:
            raise CallRefused(calls.side, message, fields=verdict.fields, crm_code=verdict.code)
        if attempt >= PART_TRIES:
            raise ServerFault(calls.side, message, crm_code=verdict.code)
        await calls.pause(attempt, family)
        attempt += 1


def _is_answer(error: WireError) -> bool:
    return error.category == "OBJECT_NOT_FOUND" or (error.sub_category or "").endswith("NO_ASSOCIATIONS_FOUND")


async def read_by_id(
    calls: Calls, object: str, id: str, properties: Sequence[str], archived: bool, purpose: str
) -> Observation | None:
    if not _is_id(id):
        return None
    path = f"{objects_path(object)}/{segment(id)}"
    address = with_query(path, {"properties": ",".join(properties), "archived": _flag(archived)})
    if len(address) <= ADDRESS_MAX:
        return await _one(calls, object, address, purpose)
    address = with_query(path, {"properties": ID_PROPERTY, "archived": _flag(archived)})
    for _ in range(PART_TRIES):
        seen = await _one(calls, object, address, purpose)
        if seen is None:
            return None
        # Its own id, which is the survivor's where `id` was merged away: batches know no other.
        found = await read(calls, object, [seen.key.id], properties, None, archived, purpose)
        if seen.key.id in found:
            return found[seen.key.id]
        # It went in between; only the first kind of read can tell how.
    raise ServerFault(calls.side, f"HubSpot shows {object}/{id} by itself and leaves it out of a batch.")


async def _one(calls: Calls, object: str, address: str, purpose: str) -> Observation | None:
    def decode(reply: Reply) -> Observation | None:
        return None if reply.status == 404 else observation(object, parse_record(reply.body), reply.sent_us)

    _, seen = await calls.read_as("GET", address, None, decode, "a record", purpose=purpose, takes=(404,))
    return seen


RECORDS = "a list of records"


def batch_of(reply: Reply) -> WireBatch:
    """Raises msgspec.MsgspecError."""
    return parse_batch(reply.body)
