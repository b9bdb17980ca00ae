"""The rules for lead or contact as rows of a form: filled in, and read from what was typed. For the tab and the wizard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from interlock.app.person_rules import field_of
from interlock.objects.lead_or_contact import NOTHING, RULES_MOST, PersonRule, When
from interlock.web.pages.person_rule_texts import NOBODY, conditions, outcomes
from interlock.web.texts import _

BLANK_ROWS = 2

# The value of a field of the form that was sent.
Field = Callable[[str], str]


def filled(rules: tuple[PersonRule, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for place, rule in enumerate(rules):
        values |= {
            field_of(place): rule.when.value,
            f"property_{place}": rule.property,
            f"values_{place}": "; ".join(rule.values),
            f"as_{place}": rule.create_as or NOBODY,
            f"order_{place}": str(place + 1),
        }
    return values


def typed_rows(field: Field) -> list[int]:
    """The rows that hold a rule, in the order that was typed."""
    return sorted(
        (place for place in range(RULES_MOST + BLANK_ROWS) if field(field_of(place))),
        key=lambda place: (_order(field, place), place),
    )


def typed(field: Field, rows: list[int]) -> tuple[PersonRule, ...]:
    return tuple(_rule(field, place) for place in rows)


def _order(field: Field, place: int) -> float:
    text = field(f"order_{place}")
    return float(text) if text.isdecimal() and len(text) < 6 else place + 1.0


def _rule(field: Field, place: int) -> PersonRule:
    when = field(field_of(place))
    becomes = field(f"as_{place}")
    condition = When(when) if when in set(When) else When.ACCOUNT_EXISTS
    named = condition is not When.ACCOUNT_EXISTS
    return PersonRule(
        condition,
        NOTHING if becomes == NOBODY else becomes,
        field(f"property_{place}").strip() if named else "",
        tuple(each.strip() for each in field(f"values_{place}").split(";") if each.strip()) if named else (),
    )


def row_of(field: str | None, rows: list[int]) -> str | None:
    """Where the rule was typed that a refusal names by its place: rules are numbered by their order."""
    return {field_of(place): field_of(row) for place, row in enumerate(rows)}.get(field or "")


def shown(values: Mapping[str, str]) -> dict[str, Any]:
    """What the template of the rows goes by: as many as are used, and some to add."""
    used = [int(name.removeprefix("when_")) for name, text in values.items() if name.startswith("when_") and text]
    return {
        "rows": list(range(min(max(used, default=-1) + 1 + BLANK_ROWS, RULES_MOST + BLANK_ROWS))),
        "conditions": [("", _("No rule")), *conditions().items()],
        "outcomes": outcomes(),
    }
