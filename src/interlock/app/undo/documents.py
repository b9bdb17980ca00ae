"""What an undo would do and what it has done, as the document of `interlock undo`, which the JSON API and the pages read too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from interlock.app.sync import as_document as counts_of
from interlock.app.times import rfc3339
from interlock.app.undo.plan import FieldBack, LeftAlone, RecordBack, UndoPlan
from interlock.app.undo.run import UndoResult

Json = dict[str, Any]
LISTED_MOST = 1_000  # of each list; the counts are of all


def planned(found: UndoPlan, *, plan: bool = True) -> Json:
    """`plan`: only this was asked for; else there was nothing to take back."""
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
        **_lists(found.since_us, found.fields, found.records, found.left, len(found.fields), len(found.records)),
    }


def done(result: UndoResult, open_issues: int, found: UndoPlan) -> Json:
    """`found`: what it was begun with, of which the document lists the fields and records."""
    return {
        "planned": False,
        **counts_of(result.sync, open_issues),
        **_lists(found.since_us, found.fields, found.records, result.left, result.fields, result.records),
    }


def _lists(
    since_us: int,
    fields: Sequence[FieldBack],
    records: Sequence[RecordBack],
    left: Sequence[LeftAlone],
    fields_undone: int,
    records_deleted: int,
) -> Json:
    return {
        "since": rfc3339(since_us),
        "fields_undone": fields_undone,
        "records_deleted": records_deleted,
        "fields": [msgspec.to_builtins(each) for each in fields[:LISTED_MOST]],
        "records": [msgspec.to_builtins(each) for each in records[:LISTED_MOST]],
        "left": [msgspec.to_builtins(each) for each in left[:LISTED_MOST]],
        "left_by_why": dict(Counter(each.why for each in left)),
    }
