"""Associations between HubSpot records: reading them in batches, adding them, taking them away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from interlock.core.model import NotDone, Outcome, Unsettled, Written
from interlock.crm.budget import ASSOCIATIONS
from interlock.crm.calls import Calls, Declined, Reply, chunks, in_parallel
from interlock.crm.errors import ServerFault
from interlock.crm.hubspot.model import AssociationLabel, AssociationRow
from interlock.crm.hubspot.records import read_whole
from interlock.crm.hubspot.requests import (
    ASSOCIATION_READ_INPUTS,
    ASSOCIATION_WRITE_INPUTS,
    WireError,
    WirePaging,
    associations_path,
    context_of,
    encode,
    refused,
)
from interlock.crm.hubspot.writes import whole_refused
from interlock.crm.isolate import WholeRefused, isolate

P = TypeVar("P", bound=tuple[Any, ...])
Rows = dict[str, list[AssociationRow]]
Labelled = tuple[str, str, tuple[tuple[str, int], ...]]  # both records, and the types of association (category, id)


class _Ref(msgspec.Struct):
    id: str


class _Type(msgspec.Struct, rename="camel"):
    type_id: int


class _To(msgspec.Struct, rename="camel"):
    to_object_id: str | int  # a number in practice, a string in the specification
    association_types: list[_Type] = []


class _Row(msgspec.Struct, rename={"from_": "from"}):
    from_: _Ref
    to: list[_To]
    paging: WirePaging | None = None


class _Rows(msgspec.Struct):
    results: list[_Row]
    errors: list[WireError] = []


class _Label(msgspec.Struct, rename="camel"):
    category: str
    type_id: int
    label: str | None = None


class _Labels(msgspec.Struct):
    results: list[_Label]


class _Errors(msgspec.Struct):
    errors: list[WireError] = []


_decode_rows = msgspec.json.Decoder(_Rows).decode
_decode_errors = msgspec.json.Decoder(_Errors).decode


async def read(calls: Calls, from_object: str, to_object: str, ids: Sequence[str], purpose: str) -> Rows:
    path = associations_path(from_object, to_object) + "/batch/read"
    found: Rows = {id: [] for id in ids}

    async def one(chunk: Sequence[dict[str, str]]) -> list[dict[str, str]]:
        """Fills `found`; what has further pages."""
        # A record without associations, or one that is not there, is an answer: the empty list.
        _, rows = await read_whole(
            calls, path, encode({"inputs": chunk}), _rows_of, "a list of associations", purpose, ASSOCIATIONS
        )
        further = []
        place = {item["id"]: item.get("after") for item in chunk}
        for row in rows.results:
            found.setdefault(row.from_.id, []).extend(
                AssociationRow(str(to.to_object_id), tuple(kind.type_id for kind in to.association_types))
                for to in row.to
            )
            if row.paging is not None and row.paging.next is not None:
                calls.moved_on(place.get(row.from_.id), row.paging.next.after)
                further.append({"id": row.from_.id, "after": row.paging.next.after})
        return further

    waiting = [{"id": id} for id in found]
    while waiting:
        parts = await in_parallel(chunks(waiting, ASSOCIATION_READ_INPUTS), one)
        waiting = [item for part in parts for item in part]
    return found


def _rows_of(reply: Reply) -> _Rows:
    return _decode_rows(reply.body)


async def associate(
    calls: Calls, from_object: str, to_object: str, pairs: Sequence[tuple[str, str, int]], purpose: str
) -> dict[tuple[str, str, int], Outcome]:
    def inputs(part: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
        # One input per pair of records: a second input for the same pair would replace the labels of the first.
        types: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for from_id, to_id, type_id in part:
            kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
            types.setdefault((from_id, to_id), []).append(kind)
        return [{"from": {"id": pair[0]}, "to": {"id": pair[1]}, "types": kinds} for pair, kinds in types.items()]

    path = associations_path(from_object, to_object) + "/batch/create"
    return await _write(calls, path, list(dict.fromkeys(pairs)), inputs, purpose)


async def associate_default(
    calls: Calls, from_object: str, to_object: str, pairs: Sequence[tuple[str, str]], purpose: str
) -> dict[tuple[str, str], Outcome]:
    def inputs(part: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        return [{"from": {"id": from_id}, "to": {"id": to_id}} for from_id, to_id in part]

    path = associations_path(from_object, to_object) + "/batch/associate/default"
    return await _write(calls, path, list(dict.fromkeys(pairs)), inputs, purpose)


async def labels(calls: Calls, from_object: str, to_object: str, purpose: str) -> list[AssociationLabel]:
    def decode(reply: Reply) -> _Labels:
        return msgspec.json.decode(reply.body, type=_Labels)

    path = associations_path(from_object, to_object) + "/labels"
    _, found = await calls.read_as("GET", path, None, decode, "a list of labels", purpose=purpose)
    return [AssociationLabel((each.category, each.type_id), each.label) for each in found.results]


async def create_label(calls: Calls, from_object: str, to_object: str, name: str, label: str, purpose: str) -> None:
    """The same label in both directions. Raises CallRefused, where there is no room or it is there, Forbidden and others."""
    path = associations_path(from_object, to_object) + "/labels"
    answer = await calls.write("POST", path, encode({"name": name, "label": label}), purpose=purpose)
    if isinstance(answer, Declined):
        raise answer.error
    if not isinstance(answer, Reply):
        raise ServerFault(calls.side, f"HubSpot did not say whether the label {label} was made: {answer.why}")


async def label(
    calls: Calls, from_object: str, to_object: str, pairs: Sequence[Labelled], purpose: str
) -> dict[Labelled, Outcome]:
    """What is written replaces the labels that were there, and the plain association comes with it."""
    path = associations_path(from_object, to_object) + "/batch/create"
    return await _write(calls, path, list(dict.fromkeys(pairs)), _with_types, purpose)


async def unlabel(
    calls: Calls, from_object: str, to_object: str, pairs: Sequence[Labelled], purpose: str
) -> dict[Labelled, Outcome]:
    path = associations_path(from_object, to_object) + "/batch/labels/archive"
    return await _write(calls, path, list(dict.fromkeys(pairs)), _with_types, purpose)


def _with_types(part: Sequence[Labelled]) -> list[dict[str, Any]]:
    return [
        {
            "from": {"id": from_id},
            "to": {"id": to_id},
            "types": [{"associationCategory": category, "associationTypeId": type_id} for category, type_id in types],
        }
        for from_id, to_id, types in part
    ]


async def disassociate(
    calls: Calls, from_object: str, to_object: str, pairs: Sequence[tuple[str, str]], purpose: str
) -> dict[tuple[str, str], Outcome]:
    def inputs(part: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        return [{"from": {"id": from_id}, "to": [{"id": to_id}]} for from_id, to_id in part]

    path = associations_path(from_object, to_object) + "/batch/archive"
    return await _write(calls, path, list(dict.fromkeys(pairs)), inputs, purpose)


async def _write(
    calls: Calls,
    path: str,
    pairs: Sequence[P],
    inputs: Callable[[Sequence[P]], list[dict[str, Any]]],
    purpose: str,
) -> dict[P, Outcome]:
    async def attempt(part: list[P]) -> list[Outcome] | WholeRefused | NotDone | Unsettled:
        body = encode({"inputs": inputs(part)})
        answer = await calls.write("POST", path, body, purpose=purpose, family=ASSOCIATIONS)
        if isinstance(answer, NotDone | Unsettled):
            return answer
        if isinstance(answer, Declined):
            return whole_refused(answer)
        if answer.status == 204:
            return [Written(pair[0]) for pair in part]
        try:
            errors = _decode_errors(answer.body).errors
        except msgspec.MsgspecError:
            return Unsettled("HubSpot took the call and answered something that is not a list of associations")
        return _outcomes(part, errors)

    async def one(chunk: Sequence[P]) -> list[Outcome]:
        return await isolate(chunk, attempt, lambda pair, name: False)

    outcomes: dict[P, Outcome] = {}
    parts = chunks(pairs, ASSOCIATION_WRITE_INPUTS)
    for part, answers in zip(parts, await in_parallel(parts, one), strict=True):
        outcomes.update(zip(part, answers, strict=True))
    return outcomes


def _outcomes(part: Sequence[P], errors: Sequence[WireError]) -> list[Outcome] | WholeRefused:
    """Errors name the records they are about. One that names none is isolated: associating again changes nothing."""
    blamed: dict[int, Outcome] = {}
    for error in errors:
        from_ids = set(context_of(error, "fromObjectId"))
        to_ids = set(context_of(error, "toObjectId"))
        ids = set(context_of(error, "ids") + context_of(error, "id"))
        verdict = refused(error, 207)
        hits = [
            index
            for index, pair in enumerate(part)
            if ((from_ids or to_ids) and (not from_ids or pair[0] in from_ids) and (not to_ids or pair[1] in to_ids))
            or (ids and ids.issubset(pair[:2]))
        ]
        if not hits:
            return WholeRefused(verdict)
        blamed.update((index, verdict) for index in hits)
    return [blamed.get(index, Written(pair[0])) for index, pair in enumerate(part)]
