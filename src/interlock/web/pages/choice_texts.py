"""The choices of an object (objects/choices.py) as pages name them."""

from __future__ import annotations

import msgspec

from interlock.objects.choices import (
    ACCOUNTS_FOR,
    ALL,
    BOTH,
    DELETES,
    IN_HUBSPOT,
    IN_SALESFORCE,
    NOTHING,
    WITH_CONTACTS,
    ChoiceOf,
    choices_of,
)
from interlock.web.texts import _


class Offered(msgspec.Struct, frozen=True):
    name: str
    label: str
    hint: str
    values: dict[str, str]  # by value, in the order of the choice


def offered(object_: str) -> list[Offered]:
    found = []
    for each in choices_of(object_):
        label, hint, values = _texts(each)
        found.append(Offered(each.name, label, hint, {value: values[value] for value in each.values}))
    return found


def _texts(choice: ChoiceOf) -> tuple[str, str, dict[str, str]]:
    """Label, hint, and the name of each value."""
    return {DELETES.name: _deletes, ACCOUNTS_FOR.name: _accounts_for}[choice.name]()


def _deletes() -> tuple[str, str, dict[str, str]]:
    return (
        _("When a record is deleted on one side"),
        _("Where nothing is deleted, the record on the other side stays. A merge is never carried over as a delete."),
        {
            NOTHING: _("Do nothing"),
            IN_HUBSPOT: _("Delete in HubSpot what was deleted in Salesforce"),
            IN_SALESFORCE: _("Delete in Salesforce what was deleted in HubSpot"),
            BOTH: _("Delete on the other side, both ways"),
        },
    )


def _accounts_for() -> tuple[str, str, dict[str, str]]:
    return (
        _("Which companies become accounts"),
        _("Of themselves, where accounts are created at all. *Sync now* on a company makes its account in any case."),
        {
            ALL: _("All companies"),
            WITH_CONTACTS: _("Companies with a contact that is a contact in Salesforce, and not a lead"),
        },
    )
