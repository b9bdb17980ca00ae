"""The choices of an object (objects/choices.py) as pages name them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from interlock.objects.choices import (
    BOTH,
    DELETES,
    IN_HUBSPOT,
    IN_SALESFORCE,
    KEEP,
    LIFECYCLE_TRANSITIONS,
    NOTHING,
    OFF,
    ON,
    OWNER_CHANGES,
    OWNER_UNMATCHED,
    SALESFORCE,
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
    return _TEXTS[choice.name]()


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


def _lifecycle_transitions() -> tuple[str, str, dict[str, str]]:
    return (
        _("When a contact has a role in an opportunity"),
        _(
            "A stage only goes forward, and one that a person has moved back stays there. Accounts and leads move nothing."
        ),
        {
            OFF: _("Leave its lifecycle stage alone"),
            ON: _("Move its lifecycle stage to Opportunity, and to Customer once one is won"),
        },
    )


def _owner_unmatched() -> tuple[str, str, dict[str, str]]:
    return (
        _("When a HubSpot owner is nobody in Salesforce"),
        _(
            "Owners are the same person by e-mail, or paired by hand. Salesforce always has one, so none can be taken away."
        ),
        {
            KEEP: _("Each side keeps its own owner"),
            SALESFORCE: _("Salesforce's owner stands on both sides"),
        },
    )


def _owner_changes() -> tuple[str, str, dict[str, str]]:
    return (
        _("Who may change owners"),
        _("A change on the other side is taken back. This stands above the rule of the owner's field mapping."),
        {
            BOTH: _("Either side, as the rule of the field says"),
            IN_SALESFORCE: _("Salesforce alone"),
            IN_HUBSPOT: _("HubSpot alone"),
        },
    )


_TEXTS: dict[str, Callable[[], tuple[str, str, dict[str, str]]]] = {
    DELETES.name: _deletes,
    LIFECYCLE_TRANSITIONS.name: _lifecycle_transitions,
    OWNER_UNMATCHED.name: _owner_unmatched,
    OWNER_CHANGES.name: _owner_changes,
}
