"""An undo as the document that the command prints and the JSON API answers with. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from interlock.app.sync import as_document
from interlock.app.times import rfc3339
from interlock.app.undo.plan import LeftAlone, UndoPlan
from interlock.app.undo.run import UndoResult

Json = dict[str, Any]
_IN_DOCUMENT = 1_000  # of each list; the counts are of all


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


def _lists(found: UndoPlan, left: list[LeftAlone], fields: int, records: int) -> Json:
    return {
        "since": rfc3339(found.since_us),
        "up_to": found.up_to,
        "fields_undone": fields,
        "records_deleted": records,
        "fields": [
            {
                "object": each.object,
                "hubspot": each.hubspot,
                "salesforce": each.salesforce,
                "side": each.side.value,
                "property": each.property,
                "field": each.field,
                "now": each.now,
                "back_to": each.back_to,
            }
            for each in found.fields[:_IN_DOCUMENT]
        ],
        "records": [
            {
                "object": each.object,
                "hubspot": each.hubspot,
                "salesforce": each.salesforce,
                "side": each.side.value,
                "label": each.label,
            }
            for each in found.records[:_IN_DOCUMENT]
        ],
        "left": [
            {
                "object": each.object,
                "hubspot": each.hubspot,
                "salesforce_id": each.salesforce_id,
                "side": each.side.value if each.side is not None else None,
                "property": each.property,
                "why": each.why,
                "because": each.because,
            }
            for each in left[:_IN_DOCUMENT]
        ],
        "left_by_why": dict(Counter(each.why for each in left)),
    }
