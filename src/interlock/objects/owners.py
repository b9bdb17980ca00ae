"""HubSpot owners and Salesforce users: the same person by e-mail, or because a person paired the two by hand. Owners are matched,
never created or written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from interlock.core.codec.owner import OwnerCodec, only_in
from interlock.core.model import Side, SyncRule
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
    """Who is who. The common id is the e-mail, or that of the pair made by hand; who is inactive or shares an address is read, and
    never written."""

    hubspot_to_common: dict[str, str]
    salesforce_to_common: dict[str, str]
    common_to_hubspot: dict[str, str]
    common_to_salesforce: dict[str, str]
    known_as: dict[str, frozenset[str]] = {}
    inactive: frozenset[str] = frozenset()
    only_hubspot: frozenset[str] = frozenset()

    def codec(self, *, apart: bool = False) -> OwnerCodec:
        """`apart`: those whom one side alone knows are told apart."""
        return OwnerCodec(
            OWNER,
            self.hubspot_to_common,
            self.salesforce_to_common,
            self.common_to_hubspot,
            self.common_to_salesforce,
            known_as=self.known_as,
            inactive=self.inactive,
            only_hubspot=self.only_hubspot,
            apart=apart,
        )


# HubSpot owner id -> Salesforce user id, as a person paired them; no id stands in two pairs.
Pairs = Mapping[str, str]
NO_PAIRS: Pairs = {}


def match_owners(hubspot: Iterable[Person], salesforce: Iterable[Person], by_hand: Pairs = NO_PAIRS) -> OwnerDirectory:
    """Who was paired by hand is nobody's by e-mail any more: that is why a person paired them."""
    here, there = {each.id: each for each in hubspot}, {each.id: each for each in salesforce}
    pairs = {left: right for left, right in by_hand.items() if left in here and right in there}
    paired = {*pairs, *pairs.values()}
    groups_here = _by_email(each for each in here.values() if each.id not in paired)
    groups_there = _by_email(each for each in there.values() if each.id not in paired)
    shared = [email for email in groups_here if email in groups_there]
    members: dict[str, tuple[list[Person], list[Person]]] = {
        email: (groups_here[email], groups_there[email]) for email in shared
    }
    members |= {_of_pair(left): ([here[left]], [there[right]]) for left, right in pairs.items()}
    hubspot_to_common = {each.id: common for common, (owners, _) in members.items() for each in owners}
    salesforce_to_common = {each.id: common for common, (_, users) in members.items() for each in users}
    only_here = [each for each in here.values() if each.id not in hubspot_to_common]
    only_there = [each for each in there.values() if each.id not in salesforce_to_common]
    inactive = {common for common, (_, users) in members.items() if not any(each.active for each in users)}
    inactive |= {only_in(Side.SALESFORCE, each.id) for each in only_there if not each.active}
    return OwnerDirectory(
        hubspot_to_common=hubspot_to_common,
        salesforce_to_common=salesforce_to_common,
        common_to_hubspot=_writable({common: owners for common, (owners, _) in members.items()}),
        common_to_salesforce=_writable({common: users for common, (_, users) in members.items()}),
        known_as=_known_as(members, only_here, only_there),
        inactive=frozenset(inactive),
        only_hubspot=frozenset(each.id for each in only_here),
    )


def _of_pair(hubspot_id: str) -> str:
    return f"pair:{hubspot_id}"


def _known_as(
    members: Mapping[str, tuple[list[Person], list[Person]]], only_here: list[Person], only_there: list[Person]
) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for common, (owners, users) in members.items():
        found[common] = frozenset().union(
            *(_names(Side.HUBSPOT, each) for each in owners), *(_names(Side.SALESFORCE, each) for each in users)
        )
    for side, people in ((Side.HUBSPOT, only_here), (Side.SALESFORCE, only_there)):
        found |= {only_in(side, each.id): _names(side, each) for each in people}
    return found


def _names(side: Side, person: Person) -> frozenset[str]:
    email = normal_email(person.email or "")
    of_pair = {_of_pair(person.id)} if side is Side.HUBSPOT else set()
    return frozenset({only_in(side, person.id), *of_pair, *([email] if email else [])})


def _by_email(people: Iterable[Person]) -> dict[str, list[Person]]:
    found: dict[str, list[Person]] = {}
    for person in people:
        email = normal_email(person.email or "")
        if email:
            found.setdefault(email, []).append(person)
    return found


def _writable(people: Mapping[str, list[Person]]) -> dict[str, str]:
    # Two active users with one address: which of them is meant cannot be known, and a guess would hand over records.
    active = {common: [person.id for person in group if person.active] for common, group in people.items()}
    return {common: ids[0] for common, ids in active.items() if len(ids) == 1}
