"""The rules for lead or contact (objects/lead_or_contact.py) as pages name them."""

from __future__ import annotations

from interlock.objects.lead_or_contact import CONTACT, LEAD, PersonRule, When
from interlock.web.texts import _

# In forms, where an empty value is nothing chosen.
NOBODY = "nothing"


def conditions() -> dict[str, str]:
    return {
        When.ACCOUNT_EXISTS.value: _("There is an account of the company, or with the domain of the e-mail address"),
        When.PROPERTY_IS.value: _("The property is one of the values"),
        When.PROPERTY_IS_NOT.value: _("The property is none of the values"),
        When.PROPERTY_IS_KNOWN.value: _("The property has a value"),
        When.PROPERTY_IS_UNKNOWN.value: _("The property is blank"),
    }


def outcomes() -> list[tuple[str, str]]:
    return [(CONTACT, _("Contact")), (LEAD, _("Lead")), (NOBODY, _("Nothing"))]


def told(rules: tuple[PersonRule, ...]) -> list[tuple[str, str]]:
    """Each rule as a condition and what it makes."""
    named = dict(outcomes())
    return [(_condition(rule), named[rule.create_as or NOBODY]) for rule in rules]


def _condition(rule: PersonRule) -> str:
    held = {"property": rule.property, "values": "; ".join(rule.values)}
    match rule.when:
        case When.ACCOUNT_EXISTS:
            return conditions()[rule.when.value]
        case When.PROPERTY_IS:
            return _("%(property)s is one of: %(values)s") % held
        case When.PROPERTY_IS_NOT:
            return _("%(property)s is none of: %(values)s") % held
        case When.PROPERTY_IS_KNOWN:
            return _("%(property)s has a value") % held
    return _("%(property)s is blank") % held
