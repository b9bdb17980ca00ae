"""The choices of an object (objects/choices.py) as pages name them."""

from __future__ import annotations

import msgspec

from interlock.objects.choices import (
    BOTH,
    DELETES,
    IN_HUBSPOT,
    IN_SALESFORCE,
    NOTHING,
    ROLE_LABELS,
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
    return {DELETES.name: _deletes, ROLE_LABELS.name: _role_labels}[choice.name]()


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


def _role_labels() -> tuple[str, str, dict[str, str]]:
    return (
        _("Roles of an opportunity's contacts and labels of the deal's contacts"),
        _("A role and a label are the same if they are called the same: make the labels in HubSpot first."),
        {NOTHING: _("Leave them as they are"), BOTH: _("Keep them in step, both ways")},
    )
