"""The choices of an object (objects/choices.py) as pages name them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from interlock.objects.choices import (
    ACCOUNTS_FOR,
    ALL,
    AUTOMATIC,
    BOTH,
    DELETES,
    DUPLICATES,
    IN_HUBSPOT,
    IN_SALESFORCE,
    KEEP,
    LATEST_MODIFIED,
    LIFECYCLE_TRANSITIONS,
    MERGES,
    NEWEST_OPPORTUNITY,
    NOTHING,
    OFF,
    ON,
    OWNER_CHANGES,
    OWNER_UNMATCHED,
    PROPOSE,
    ROLE_LABELS,
    SALESFORCE,
    STICKY,
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


def _accounts_for() -> tuple[str, str, dict[str, str]]:
    return (
        _("Which companies become accounts"),
        _("Of themselves, where accounts are created at all. *Sync now* on a company makes its account in any case."),
        {
            ALL: _("All companies"),
            WITH_CONTACTS: _("Companies with a contact that is a contact in Salesforce, and not a lead"),
        },
    )


def _merges() -> tuple[str, str, dict[str, str]]:
    return (
        _("When two records are merged in Salesforce"),
        _("A merge in HubSpot cannot be taken back. What holds an edit that Salesforce never got is only proposed."),
        {
            PROPOSE: _("Propose to merge them in HubSpot"),
            NOTHING: _("Leave both in HubSpot"),
            AUTOMATIC: _("Merge them in HubSpot"),
        },
    )


def _duplicates() -> tuple[str, str, dict[str, str]]:
    return (
        _("When several leads or contacts of Salesforce have one e-mail address"),
        _(
            "Where the one edited last syncs, the HubSpot contact gets the values of each in turn, as in HubSpot's own integration."
        ),
        {
            STICKY: _("Keep the pair that there is, and ask which one is meant where there is none"),
            LATEST_MODIFIED: _("The one that was edited last syncs"),
        },
    )


def _lifecycle_transitions() -> tuple[str, str, dict[str, str]]:
    return (
        _("When a contact has a role in an opportunity"),
        _(
            "A stage only goes forward, and one that a person has moved back stays there until another opportunity, or another"
            " win, says so. Accounts and leads move nothing."
        ),
        {
            OFF: _("Leave its lifecycle stage alone"),
            ON: _("Move its lifecycle stage, and its company's, to Opportunity, and to Customer once one is won"),
        },
    )


def _newest_opportunity() -> tuple[str, str, dict[str, str]]:
    return (
        _("What a contact shows of its newest opportunity"),
        _("Of those in which it has a role, the one that was created last. Saving makes the properties in HubSpot."),
        {OFF: _("Nothing"), ON: _("Name, stage, amount and close date")},
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


def _role_labels() -> tuple[str, str, dict[str, str]]:
    return (
        _("Roles of an opportunity's contacts and labels of the deal's contacts"),
        _(
            "A role and a label are the same if they are called the same. Labels that HubSpot lacks can be made from here."
        ),
        {NOTHING: _("Leave them as they are"), BOTH: _("Keep them in step, both ways")},
    )


_TEXTS: dict[str, Callable[[], tuple[str, str, dict[str, str]]]] = {
    ACCOUNTS_FOR.name: _accounts_for,
    DELETES.name: _deletes,
    MERGES.name: _merges,
    DUPLICATES.name: _duplicates,
    ROLE_LABELS.name: _role_labels,
    LIFECYCLE_TRANSITIONS.name: _lifecycle_transitions,
    NEWEST_OPPORTUNITY.name: _newest_opportunity,
    OWNER_UNMATCHED.name: _owner_unmatched,
    OWNER_CHANGES.name: _owner_changes,
}
