"""What the demo plants and how each plant is looked for afterwards: on both CRMs as they are, and in what Interlock says.

A plant carries its expectations as data. Looking is pure, over a fresh `Snapshot` and the lists of conflicts and issues
that Interlock shows; a plant is found only when all of its expectations hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.demo.reading import LINK, Snapshot, Values


@dataclass(frozen=True)
class Conflict:
    """A line of the conflict log."""

    object: str
    hubspot_id: str | None
    salesforce_id: str | None
    property: str | None
    lost: str | None
    reason: str | None


@dataclass(frozen=True)
class Issue:
    """An open issue."""

    object: str
    hubspot_id: str | None
    salesforce_id: str | None
    property: str | None
    code: str


@dataclass(frozen=True)
class Evidence:
    snapshot: Snapshot
    conflicts: Sequence[Conflict]
    issues: Sequence[Issue]


@dataclass(frozen=True)
class InHubSpot:
    """A property of a HubSpot record holds this."""

    object: str
    id: str
    property: str
    value: str

    def holds(self, seen: Evidence) -> bool:
        values = seen.snapshot.hubspot[self.object].get(self.id)
        return values is not None and _same(values.get(self.property), self.value)


@dataclass(frozen=True)
class InSalesforce:
    """A field of a Salesforce record holds this."""

    object: str
    id: str
    field: str
    value: Any

    def holds(self, seen: Evidence) -> bool:
        values = seen.snapshot.salesforce[self.object].get(self.id)
        return values is not None and _same(values.get(self.field), self.value)


@dataclass(frozen=True)
class CreatedInSalesforce:
    """A record made in HubSpot has one counterpart, with these values."""

    object: str
    id: str
    salesforce_object: str
    values: tuple[tuple[str, Any], ...] = ()

    def holds(self, seen: Evidence) -> bool:
        other = counterpart_in_salesforce(seen.snapshot, self.object, self.id, self.salesforce_object)
        return other is not None and all(_same(other.get(name), value) for name, value in self.values)


@dataclass(frozen=True)
class CreatedInHubSpot:
    """A record made in Salesforce has one counterpart, with these values."""

    salesforce_object: str
    id: str
    object: str
    values: tuple[tuple[str, Any], ...] = ()

    def holds(self, seen: Evidence) -> bool:
        other = seen.snapshot.linked(self.object, self.id)
        if other is None:
            return False
        return all(_same(seen.snapshot.hubspot[self.object][other].get(name), value) for name, value in self.values)


@dataclass(frozen=True)
class StillInSalesforce:
    """The other half of a deleted pair is there, untouched and alone."""

    object: str
    salesforce_object: str
    id: str

    def holds(self, seen: Evidence) -> bool:
        alive = self.id in seen.snapshot.salesforce[self.salesforce_object]
        return alive and seen.snapshot.linked(self.object, self.id) is None


@dataclass(frozen=True)
class StillInHubSpot:
    object: str
    id: str
    salesforce_object: str
    salesforce_id: str

    def holds(self, seen: Evidence) -> bool:
        gone = self.salesforce_id not in seen.snapshot.salesforce[self.salesforce_object]
        return gone and self.id in seen.snapshot.hubspot[self.object]


@dataclass(frozen=True)
class Logged:
    """The value that lost is in the conflict log, once, with the reason."""

    object: str
    hubspot_id: str
    property: str
    lost: str
    reason: str

    def fits(self, entry: Conflict) -> bool:
        named = (entry.object, entry.hubspot_id, entry.property, entry.reason)
        return named == (self.object, self.hubspot_id, self.property, self.reason) and _same(entry.lost, self.lost)

    def holds(self, seen: Evidence) -> bool:
        return sum(self.fits(each) for each in seen.conflicts) == 1


@dataclass(frozen=True)
class Raised:
    """One open issue names the record, and the property if it is one of a property."""

    object: str
    hubspot_id: str | None = None
    salesforce_id: str | None = None
    property: str | None = None

    def fits(self, issue: Issue) -> bool:
        return (
            (issue.object, issue.property) == (self.object, self.property)
            and (self.hubspot_id is None or issue.hubspot_id == self.hubspot_id)
            and (self.salesforce_id is None or issue.salesforce_id == self.salesforce_id)
        )

    def holds(self, seen: Evidence) -> bool:
        return sum(self.fits(each) for each in seen.issues) == 1


@dataclass(frozen=True)
class RoleInHubSpot:
    """A contact role of an opportunity is an association of its deal."""

    opportunity: str
    contact: str

    def holds(self, seen: Evidence) -> bool:
        deal = seen.snapshot.linked("deals", self.opportunity)
        contact = seen.snapshot.linked("contacts", self.contact)
        return deal is not None and contact is not None and contact in seen.snapshot.deal_contacts.get(deal, ())


@dataclass(frozen=True)
class RoleInSalesforce:
    """A contact of a HubSpot deal has a role in its opportunity."""

    deal: str
    contact: str

    def holds(self, seen: Evidence) -> bool:
        opportunity = seen.snapshot.hubspot["deals"].get(self.deal, {}).get(LINK)
        contact = seen.snapshot.hubspot["contacts"].get(self.contact, {}).get(LINK)
        return bool(contact) and contact in seen.snapshot.roles.get(str(opportunity), ())


Expectation = (
    InHubSpot
    | InSalesforce
    | CreatedInSalesforce
    | CreatedInHubSpot
    | StillInSalesforce
    | StillInHubSpot
    | Logged
    | Raised
    | RoleInHubSpot
    | RoleInSalesforce
)


@dataclass
class Planted:
    """`hubspot` and `salesforce` are record keys as every command takes them; `story` is for the table."""

    kind: str
    story: str
    hubspot: str | None = None
    salesforce: str | None = None
    expect: list[Expectation] = field(default_factory=list)
    found: bool = False

    def look(self, seen: Evidence) -> bool:
        self.found = all(each.holds(seen) for each in self.expect)
        return self.found

    def complete_keys(self, snapshot: Snapshot) -> None:
        """The counterpart of a record that was made during the day is known only after the sync."""
        if self.salesforce is None and self.hubspot is not None:
            _, object_, id_ = self.hubspot.split(":")
            other = snapshot.hubspot.get(object_, {}).get(id_, {}).get(LINK)
            type_ = next((name for name, rows in snapshot.salesforce.items() if other in rows), None)
            self.salesforce = f"salesforce:{type_}:{other}" if other and type_ else None
        elif self.hubspot is None and self.salesforce is not None:
            id_ = self.salesforce.split(":")[2]
            for object_ in snapshot.hubspot:
                found = snapshot.linked(object_, id_)
                if found is not None:
                    self.hubspot = f"hubspot:{object_}:{found}"


def unplanned(wanted: Sequence[Logged] | Sequence[Raised], seen: Sequence[Any]) -> list[Any]:
    """What Interlock shows and nobody planted: each expectation accounts for one entry."""
    left = list(seen)
    for each in wanted:
        fitting = next((entry for entry in left if each.fits(entry)), None)
        if fitting is not None:
            left.remove(fitting)
    return left


def counterpart_in_salesforce(
    snapshot: Snapshot, object_: str, hubspot_id: str, salesforce_object: str
) -> Values | None:
    linked = snapshot.hubspot[object_].get(hubspot_id, {}).get(LINK)
    return snapshot.salesforce[salesforce_object].get(linked) if linked else None


def _same(left: Any, right: Any) -> bool:
    """As a person reads both: 5000.0 is 5000, true is True, empty is empty."""
    one, other = (_plain(each) for each in (left, right))
    return one == other


def _plain(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).strip()
    try:
        return f"{float(text):.6f}"
    except ValueError:
        return text
