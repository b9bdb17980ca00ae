"""What the demo found, as one document for scripts and as a page for a person. Pure: from what was played to text."""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.demo.compare import Difference
from interlock.demo.planted import Planted
from interlock.demo.play import CALLS_A_RECORD, Played

Json = dict[str, Any]
WIDTH = 79
OBJECTS = ("contacts", "companies", "deals")
# What a person reads of the plants, and the kinds that belong there.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "edits on one side, carried to the other",
        (
            "edit_in_salesforce",
            "filled_in_hubspot",
            "cleared_in_salesforce",
            "edit_in_hubspot",
            "owner_changed_in_hubspot",
            "company_edited_in_salesforce",
            "deal_moved_in_salesforce",
        ),
    ),
    (
        "conflicts: decided by rule, the other value kept in a log",
        (
            "conflict_both_changed",
            "conflict_newest_wins",
            "conflict_rule",
            "conflict_race_in_salesforce",
            "conflict_race_in_hubspot",
        ),
    ),
    (
        "new records: made once on the other side",
        (
            "company_created_in_hubspot",
            "company_created_in_salesforce",
            "contact_created_in_hubspot",
            "contact_created_in_salesforce",
            "contact_created_on_both_sides",
            "deal_created_in_hubspot",
            "deal_created_in_salesforce",
        ),
    ),
    (
        "people and companies joined anew",
        (
            "contact_role_added_in_salesforce",
            "contact_added_to_deal_in_hubspot",
            "company_changed_in_salesforce",
            "company_changed_in_hubspot",
        ),
    ),
    ("opt-outs from e-mail", ("opt_out_in_hubspot", "opt_out_in_salesforce")),
    ("deletes: the other record is kept", ("deleted_in_hubspot", "deleted_in_salesforce")),
    ("merges: the link follows", ("duplicates_merged_in_salesforce", "linked_record_merged_in_salesforce")),
    (
        "bad values: an issue each, the rest of the record arrives",
        ("text_too_long", "picklist_value_missing", "value_refused", "record_refused"),
    ),
)
CHECKS_TITLE = "counts: no record, conflict or issue more or less"


def document(played: Played) -> Json:
    """`demo --once`, interface section 3."""
    totals = played.totals
    return {
        "objects": {
            object_: {**msgspec.structs.asdict(totals[object_]), "differences": played.found_differences[object_]}
            for object_ in OBJECTS
        },
        "totals": {"same": played.comparison.same, "differences": played.differences},
        "expected_disagreements": dict(sorted(played.comparison.expected_disagreements.items())),
        "writes_when_nothing_changed": played.writes_when_nothing_changed,
        "seconds": round(played.seconds, 3),
        "first_preview": played.preview,
        "api_calls": played.calls,
        "api_calls_per_record": {side: round(calls / played.records, 4) for side, calls in played.calls.items()},
        "calls_at_four_per_record": CALLS_A_RECORD * played.records,
        "planted": [
            {"kind": each.kind, "hubspot": each.hubspot, "salesforce": each.salesforce, "found": each.found}
            for each in played.planted
        ],
    }


def summary(played: Played) -> list[str]:
    """The demo's last lines: what the README shows."""
    return [*_agreement(played), "", *_plants(played), "", *_calls(played), "", *_verdict(played)]


def _agreement(played: Played) -> list[str]:
    totals, compared = played.totals, played.comparison.objects
    rows = [
        ("linked with their match", [totals[each].linked for each in OBJECTS]),
        ("created in HubSpot", [totals[each].created_in_hubspot for each in OBJECTS]),
        ("created in Salesforce", [totals[each].created_in_salesforce for each in OBJECTS]),
        ("pairs, read afresh from both CRMs", [compared[each].pairs for each in OBJECTS]),
        ("values that agree", [compared[each].same for each in OBJECTS]),
        ("differences", [played.found_differences[each] for each in OBJECTS]),
    ]
    return _table("Both CRMs after three syncs", OBJECTS, [(title, [f"{n:,}" for n in cells]) for title, cells in rows])


def _plants(played: Played) -> list[str]:
    rows = []
    for title, kinds in GROUPS:
        mine = [each for each in played.day.plants if each.kind in kinds]
        rows.append((title, [str(len(mine)), str(sum(each.found for each in mine))]))
    checks = played.checks
    rows.append((CHECKS_TITLE, [str(len(checks)), str(sum(each.found for each in checks))]))
    return _table("A day of work in both", ("planted", "found"), rows)


def _calls(played: Played) -> list[str]:
    sides = ("hubspot", "salesforce")
    used = [f"{played.calls[side]:,}" for side in sides]
    four = f"{CALLS_A_RECORD * played.records:,}"
    rows = [
        (f"used for {played.records:,} records", used),
        ("at four calls a record", ["", four]),
    ]
    return _table("API calls, as the CRMs counted them", ("HubSpot", "Salesforce"), rows)


def _verdict(played: Played) -> list[str]:
    if played.as_promised:
        return [
            "Everything planted was found, nothing else happened, and a third sync wrote",
            f"nothing. {played.seconds:.0f} seconds in all.",
        ]
    lines = ["NOT AS PROMISED. This is a defect of Interlock, or of this demo:"]
    lines += [f"  - {_missing(each)}" for each in played.planted if not each.found]
    lines += [f"  - a difference: {_difference(each)}" for each in played.shown_differences]
    if played.differences > len(played.shown_differences):
        lines.append(f"  - and {played.differences - len(played.shown_differences)} more differences")
    if played.writes_when_nothing_changed:
        lines.append(f"  - {played.writes_when_nothing_changed} writes in a sync when nothing had changed")
    if played.refused_429:
        lines.append(f"  - {played.refused_429} calls were refused as too many")
    return lines


def _missing(plant: Planted) -> str:
    keys = ", ".join(key for key in (plant.hubspot, plant.salesforce) if key)
    if not plant.expect:
        return plant.story
    return f"not found: {plant.story}" + (f" ({keys})" if keys else "")


def _difference(each: Difference) -> str:
    where = " / ".join(str(part) for part in (each.object, each.hubspot, each.salesforce) if part)
    what = (
        f", {each.property or each.field}: {each.hubspot_value!r} and {each.salesforce_value!r}" if each.field else ""
    )
    return f"{where}{what}: {each.why}"


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[str, list[str]]]) -> list[str]:
    """A heading, right-aligned columns; nothing is ever cut."""
    widths = [max(len(name), *(len(cells[place]) for _, cells in rows)) for place, name in enumerate(columns)]
    first = max(WIDTH - sum(width + 2 for width in widths) - 2, *(len(text) for text, _ in rows))

    def line(text: str, cells: list[str] | tuple[str, ...]) -> str:
        right = "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        return f"{text:<{first + 2}}{right}".rstrip()

    return [line(title, columns), *(line(f"  {text}", cells) for text, cells in rows)]
