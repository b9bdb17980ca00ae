"""Whether a person who is new in HubSpot becomes a lead or a contact in Salesforce: an ordered table of rules. Pure.

The first rule that applies decides, and where none does, the choice for all people. What cannot be told (a property that HubSpot
does not answer, accounts that the sync user may not read) is not taken for "no": a person made as the wrong one cannot be turned
into the other by any API, so the record waits.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

import msgspec

from interlock.core.model import Raw

RULES_MOST = 20
VALUES_MOST = 50
CONTACT, LEAD, NOTHING = "Contact", "Lead", ""
OUTCOMES = (CONTACT, LEAD, NOTHING)


class When(enum.StrEnum):
    # Its company has one, or there is one with the domain of its e-mail address.
    ACCOUNT_EXISTS = "account_exists"
    PROPERTY_IS = "property_is"  # one of the values
    PROPERTY_IS_NOT = "property_is_not"  # none of the values; a blank is none
    PROPERTY_IS_KNOWN = "property_is_known"
    PROPERTY_IS_UNKNOWN = "property_is_unknown"


WITH_VALUES = frozenset({When.PROPERTY_IS, When.PROPERTY_IS_NOT})


class PersonRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """`create_as`: the Salesforce type, or "" for nothing."""

    when: When
    create_as: str
    property: str = ""
    values: tuple[str, ...] = ()

    def asks_property(self) -> bool:
        return self.when is not When.ACCOUNT_EXISTS


class Undecided(msgspec.Struct, frozen=True):
    """A rule that would decide cannot be told of this record."""

    rule: PersonRule


def create_as(
    rules: Sequence[PersonRule], otherwise: str, values: Mapping[str, Raw], account_exists: bool | None
) -> str | Undecided:
    """`values`: of the HubSpot contact; what is not among them is not known. `account_exists` None: nobody could say."""
    for rule in rules:
        applies = account_exists if rule.when is When.ACCOUNT_EXISTS else _of_property(rule, values)
        if applies is None:
            return Undecided(rule)
        if applies:
            return rule.create_as
    return otherwise


def _of_property(rule: PersonRule, values: Mapping[str, Raw]) -> bool | None:
    if rule.property not in values:
        return None
    # Several ticked options are one text with semicolons (HubSpot, multiple checkboxes).
    raw = str(values[rule.property] or "").strip().casefold()
    held = {raw, *(part.strip() for part in raw.split(";"))} - {""}
    match rule.when:
        case When.PROPERTY_IS_KNOWN:
            return bool(held)
        case When.PROPERTY_IS_UNKNOWN:
            return not held
    among = bool(held & {value.strip().casefold() for value in rule.values})
    return among if rule.when is When.PROPERTY_IS else not among


def wrong_with(rule: PersonRule) -> str | None:
    """In a sentence; None: nothing."""
    if rule.create_as not in OUTCOMES:
        return f"A person cannot become {rule.create_as!r} in Salesforce."
    if rule.asks_property() and not rule.property:
        return "A condition on a property names none."
    if rule.when in WITH_VALUES and not any(value.strip() for value in rule.values):
        return f"The condition on {rule.property} names no value."
    if len(rule.values) > VALUES_MOST:
        return f"The condition on {rule.property} names {len(rule.values)} values, of which {VALUES_MOST} are possible."
    return None
