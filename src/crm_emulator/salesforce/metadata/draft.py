"""The org as it would be after the components that were checked so far: what the later ones are checked against.

Checking changes nothing: each check gives a Change, and the changes are carried out together once it is decided that
the deployment stands. So a deployment under way can be looked at, and one that fails leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from crm_emulator.salesforce.metadata.problems import NOT_AVAILABLE, Problem
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.removal import Remover
from crm_emulator.salesforce.save import Saver
from crm_emulator.salesforce.schema import Field, SObject
from crm_emulator.salesforce.sites import Site
from crm_emulator.salesforce.store import Record
from crm_emulator.salesforce.transaction import Transaction

# Custom fields of these are defined on Activity, which is no object of the REST API.
ACTIVITIES = ("Task", "Event")


@dataclass(slots=True)
class Hands:
    """What carries a change out."""

    org: Org
    saver: Saver
    remover: Remover
    tx: Transaction


@dataclass(slots=True)
class Change:
    """What a component would do. `carry_out` returns the id of the component. A component that is already as it
    should be is neither created nor changed."""

    carry_out: Callable[[Hands], str | None]
    created: bool = False
    changed: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Draft:
    org: Org
    user_id: str
    fields: dict[tuple[str, str], Field | None] = field(
        default_factory=dict
    )  # (object, lower-case name); None: deleted
    gone: set[tuple[str, str]] = field(default_factory=set)  # (type, lower-case name) of what else is deleted
    seen: set[tuple[str, str]] = field(default_factory=set)

    def targets(self, owner: str) -> list[SObject]:
        """The objects that a field of `owner` lands on. Raises Problem."""
        if owner == "Activity":
            return [self.org.objects[name] for name in ACTIVITIES]
        if owner in ACTIVITIES:
            # The Tooling API's words for the same mistake.
            raise Problem(f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}")
        sobject = self.org.objects.get(owner)
        if sobject is None:
            raise Problem(NOT_AVAILABLE)
        return [sobject]

    def field_of(self, sobject: SObject, name: str) -> Field | None:
        key = (sobject.name, name.lower())
        return self.fields[key] if key in self.fields else sobject.field(name)

    def external_ids(self, sobject: SObject) -> int:
        """How many custom fields of the object are external ids."""
        held = {(sobject.name, name.lower()): field for name, field in sobject.fields.items()}
        held.update({key: field for key, field in self.fields.items() if key[0] == sobject.name and field is not None})
        gone = {key for key, field in self.fields.items() if field is None}
        return sum(field.custom and field.external_id for key, field in held.items() if key not in gone)

    def permission_set(self, name: str) -> Record | None:
        """The one of that name that is there. Those of profiles are not deployed: raises Problem."""
        if ("PermissionSet", name.lower()) in self.gone:
            return None
        rows = self.org.tables["PermissionSet"].rows.values()
        named = (row for row in rows if not row.deleted and str(row.values.get("Name", "")).lower() == name.lower())
        found = next(named, None)
        if found is not None and found.values.get("IsOwnedByProfile"):
            # The words of DUPLICATE_VALUE: a name is unique over both.
            raise Problem(f"duplicate value found: Name duplicates value on record with id: {found.id[:15]}")
        return found

    def site(self, kind: str, name: str) -> Site | None:
        key = (kind, name.lower())
        return None if key in self.gone else self.org.sites.get(key)

    def first_time(self, kind: str, name: str) -> None:
        """Raises Problem where a package holds a component twice (seen)."""
        key = (kind, name.lower())
        if key in self.seen:
            raise Problem("duplicate value found: <unknown> duplicates value on record with id: <unknown>")
        self.seen.add(key)

    def need(self, permission: str) -> None:
        """Raises Problem where the deploying user lacks a permission that the type itself asks for: "Modify Metadata"
        opens the API, not every feature (Salesforce help, Modify Metadata Through Metadata API Functions). Which
        permission a type asks for, and the sentence, are supposed."""
        if not self.org.access.permits(self.user_id, permission):
            raise Problem("insufficient access rights on cross-reference id")
