"""HubSpot owners and Salesforce users: the same person by e-mail. Owners are matched, never created or written."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from interlock.core.codec import RefCodec
from interlock.core.model import SyncRule
from interlock.objects.normalise import normal_email
from interlock.objects.spec import DefaultMapping

OWNER = "owner"


def owner_mapping(salesforce_types: tuple[str, ...]) -> DefaultMapping:
    """The owner pair of an object. Two-way, as HubSpot documents its own: either side may hand over a record."""
    return DefaultMapping(
        "hubspot_owner_id", dict.fromkeys(salesforce_types, "OwnerId"), rule=SyncRule.TWO_WAY, codec=OWNER
    )


class Person(msgspec.Struct, frozen=True):
    """A HubSpot owner or a Salesforce user. `active`: may be made an owner now (not archived, IsActive)."""

    id: str
    email: str | None
    active: bool = True


class OwnerDirectory(msgspec.Struct, frozen=True):
    """Who is who. The common id is the e-mail; who is inactive or shares an address is read, and never written."""

    hubspot_to_common: dict[str, str]
    salesforce_to_common: dict[str, str]
    common_to_hubspot: dict[str, str]
    common_to_salesforce: dict[str, str]

    def codec(self) -> RefCodec:
        return RefCodec(
            OWNER,
            self.hubspot_to_common,
            self.salesforce_to_common,
            self.common_to_hubspot,
            self.common_to_salesforce,
            why_unknown="no counterpart",
            nillable=False,  # OwnerId is required (describe: nillable false)
        )


def match_owners(hubspot: Iterable[Person], salesforce: Iterable[Person]) -> OwnerDirectory:
    """Only people that both sides know are in it: any other owner reads as Unknown, and the field is left alone."""
    here, there = _by_email(hubspot), _by_email(salesforce)
    shared = [email for email in here if email in there]
    return OwnerDirectory(
        hubspot_to_common={person.id: email for email in shared for person in here[email]},
        salesforce_to_common={person.id: email for email in shared for person in there[email]},
        common_to_hubspot=_writable(shared, here),
        common_to_salesforce=_writable(shared, there),
    )


def _by_email(people: Iterable[Person]) -> dict[str, list[Person]]:
    found: dict[str, list[Person]] = {}
    for person in people:
        email = normal_email(person.email or "")
        if email:
            found.setdefault(email, []).append(person)
    return found


def _writable(emails: list[str], people: dict[str, list[Person]]) -> dict[str, str]:
    # Two active users with one address: which of them is meant cannot be known, and a guess would hand over records.
    active = {email: [person.id for person in people[email] if person.active] for email in emails}
    return {email: ids[0] for email, ids in active.items() if len(ids) == 1}
