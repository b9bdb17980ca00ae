"""An undo as the document that the command prints and the JSON API answers with, and as a file that holds all of it. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from interlock.app.cells import csv_rows
from interlock.app.sync import as_document
from interlock.app.times import rfc3339
from interlock.app.undo.left import AllLeft, LeftAlone
from interlock.app.undo.plan import FieldBack, RecordBack, UndoPlan
from interlock.app.undo.run import UndoResult

Json = dict[str, Any]
_IN_DOCUMENT = 1_000  # of each list; the counts are of all
_LINES_AT_ONCE = 500
_COLUMNS = (
    "what", "object", "hubspot", "salesforce", "side", "property", "field", "now", "back_to", "label", "why", "because",
)  # fmt: skip


def plan_document(found: UndoPlan, *, plan: bool) -> Json:
    """`plan`: only that was asked; else there was nothing to take back."""
    return {
        "planned": plan,
        "outcome": "done",
        "stopped_reason": None,
        "objects": {},
        "api_calls": {"hubspot": 0, "salesforce": 0},
        "seconds": 0.0,
        "waiting": 0,
        "next_due_at": None,
        "open_issues": None,
        **_lists(found, found.left, len(found.fields), len(found.records)),
    }


def result_document(found: UndoPlan, result: UndoResult, open_issues: int) -> Json:
    return {
        "planned": False,
        **as_document(result.sync, open_issues),
        **_lists(found, result.left, result.fields, result.records),
    }


def _lists(found: UndoPlan, left: AllLeft, fields: int, records: int) -> Json:
    return {
        "since": rfc3339(found.since_us),
        "up_to": found.up_to,
        "fields_undone": fields,
        "records_deleted": records,
        "fields": [field_document(each) for each in found.fields[:_IN_DOCUMENT]],
        "records": [record_document(each) for each in found.records[:_IN_DOCUMENT]],
        "left": [left_document(each) for each in left.first(_IN_DOCUMENT)],
        "left_by_why": dict(left.by_why),
    }


def field_document(each: FieldBack) -> Json:
    return {
        "object": each.object,
        "hubspot": each.hubspot,
        "salesforce": each.salesforce,
        "side": each.side.value,
        "property": each.property,
        "field": each.field,
        "now": each.now,
        "back_to": each.back_to,
    }


def record_document(each: RecordBack) -> Json:
    return {
        "object": each.object,
        "hubspot": each.hubspot,
        "salesforce": each.salesforce,
        "side": each.side.value,
        "label": each.label,
    }


def left_document(each: LeftAlone) -> Json:
    return {
        "object": each.object,
        "hubspot": each.hubspot,
        "salesforce_id": each.salesforce_id,
        "side": each.side.value if each.side is not None else None,
        "property": each.property,
        "why": each.why,
        "because": each.because,
    }


def lists_of(found: UndoPlan) -> Mapping[str, Sequence[Any]]:
    """All of what the document begins."""
    return {"fields": found.fields, "records": found.records, "left": found.left}


_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "fields": ("field", field_document),
    "records": ("record", record_document),
    "left": ("left", left_document),
}


def begun_lists(document: Json) -> Mapping[str, Sequence[Json]]:
    """What the document itself holds of them."""
    return {name: document[name] for name in (_DOCUMENTS if document["planned"] else ("left",))}


def is_whole(document: Json) -> bool:
    """Whether its lists are all of it. What went back is told by numbers alone, once it is undone."""
    if sum(document["left_by_why"].values()) > len(document["left"]):
        return False
    if not document["planned"]:
        return True
    return bool(
        document["fields_undone"] == len(document["fields"]) and document["records_deleted"] == len(document["records"])
    )


def page_of(lists: Mapping[str, Sequence[Any]], name: str, start: int, most: int) -> list[Json]:
    return [
        each if isinstance(each, dict) else _DOCUMENTS[name][1](each)
        for each in lists.get(name, ())[start : start + most]
    ]


async def as_csv(lists: Mapping[str, Sequence[Any]]) -> AsyncIterator[str]:
    """Fields that go back, records that are deleted, and what stays; `what` tells them apart."""
    yield csv_rows(_COLUMNS)
    for name, (what, _) in _DOCUMENTS.items():
        for start in range(0, len(lists.get(name, ())), _LINES_AT_ONCE):
            documents = page_of(lists, name, start, _LINES_AT_ONCE)
            yield csv_rows(*(_line(what, each) for each in documents))


def _line(what: str, each: Json) -> list[Any]:
    cells = {**each, "what": what, "salesforce": each.get("salesforce", each.get("salesforce_id"))}
    return [cells.get(name) for name in _COLUMNS]
