"""The rules that say whether a new person of HubSpot becomes a lead or a contact: whether a table of them can be saved.

What they mean is objects/lead_or_contact.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.app.errors import BadInput
from interlock.crm.hubspot.client import HubSpotClient
from interlock.objects.lead_or_contact import RULES_MOST, PersonRule, wrong_with

OBJECT = "contacts"


def field_of(place: int) -> str:
    """Of the rule at this place, in forms and where a refusal says what it is about."""
    return f"when_{place}"


def check(object_: str, rules: Sequence[PersonRule]) -> None:
    """Raises BadInput."""
    if object_ != OBJECT:
        raise BadInput(
            f"{object_} become neither leads nor contacts.",
            code="no_such_choice",
            field="person_rules",
            fix="Choose contacts.",
        )
    if len(rules) > RULES_MOST:
        raise BadInput(
            f"There are {len(rules)} rules, of which {RULES_MOST} are possible.",
            code="too_many_rules",
            field="person_rules",
            fix="Put values of one property into one rule.",
        )
    for place, rule in enumerate(rules):
        wrong = wrong_with(rule)
        if wrong is not None:
            raise BadInput(
                f"Rule {place + 1}: {wrong}",
                code="no_rule",
                field=field_of(place),
                fix="Correct it, or take the rule away.",
            )


async def check_properties(hubspot: HubSpotClient, rules: Sequence[PersonRule]) -> None:
    """Raises BadInput, CrmError."""
    asked = [(place, rule.property) for place, rule in enumerate(rules) if rule.asks_property()]
    known = {each.name for each in await hubspot.properties(OBJECT)} if asked else set()
    for place, name in asked:
        if name not in known:
            raise BadInput(
                f"Rule {place + 1}: HubSpot has no property {name} on contacts.",
                code="no_such_property",
                field=field_of(place),
                side="hubspot",
                fix="Give the internal name of one that it has.",
            )
