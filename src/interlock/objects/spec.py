"""The words in which an object pair is declared: default mappings, references, identity, and what a record needs.

Declarations only: no I/O, no CRM client, no store. What a HubSpot account or a Salesforce org does not have (a
property, a field of an edition) is left out by who reads the schemas; a spec names everything that may be there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from interlock.core.model import Raw, Side, SyncRule

# Our durable half of the pair: a unique HubSpot property that holds the Salesforce id, on every synced object.
SALESFORCE_ID_PROPERTY = "interlock_salesforce_id"

# What stands in a required Salesforce text field for a blank. Read back as blank: it never travels to HubSpot.
PLACEHOLDER = "[unknown]"

EVERY_RULE = tuple(SyncRule)

Values = Mapping[str, Raw]


class NewProperty(msgspec.Struct, frozen=True):
    """A property that HubSpot does not ship. Connecting creates it, an enumeration with the picklist's values."""

    label: str
    type: str = "string"
    field_type: str = "text"


class DefaultMapping(msgspec.Struct, frozen=True):
    """One shipped pair. `fields`: Salesforce type -> field; a type that is missing has no such field."""

    property: str
    fields: dict[str, str]
    rule: SyncRule = SyncRule.PREFER_SALESFORCE
    allowed_rules: tuple[SyncRule, ...] = EVERY_RULE
    locked_reason: str | None = None  # why rules are missing from `allowed_rules`
    codec: str = (
        "shape"  # shape: codec_for of both schemas; owner: RefCodec of the owners; stage, currency: of their own
    )
    new_property: NewProperty | None = None
    kind: str = "default"


class Reference(msgspec.Struct, frozen=True):
    """Another record that this one points at. Not a mapping: it is an association in HubSpot and an id in Salesforce.

    `property`: where HubSpot shows it among the values, if it does. `salesforce_types`: which types have `field`.
    `many`: the field lies on a row of its own (`junction`), and members are compared as a set.
    """

    kind: str  # slug of the object it points at
    property: str | None
    field: str
    salesforce_types: tuple[str, ...]
    required: bool = False
    many: bool = False
    junction: str | None = None
    set_name: str | None = None  # its name in RecordLink.sets


class OptOut(msgspec.Struct, frozen=True):
    """E-mail opt-out: carried over, but no mapping. It is never cleared, and HubSpot's property is read-only."""

    property: str
    field: str


class StoredId(msgspec.Struct, frozen=True):
    """A property in which the native integration kept the id of the counterpart. Only ever read."""

    property: str
    salesforce_type: str


class ObjectSpec(msgspec.Struct, frozen=True):
    """One HubSpot object and the Salesforce objects it syncs with."""

    slug: str
    hubspot_type: str
    hubspot_type_id: str
    salesforce_types: tuple[str, ...]  # in order of preference when several records fit
    singular: str
    plural: str
    mappings: tuple[DefaultMapping, ...]
    identity: tuple[str, ...]  # kinds of `identity_keys`, strongest first; empty: never matched, always created
    parents: tuple[str, ...]  # slugs that sync before this one
    references: tuple[Reference, ...]
    # Salesforce type -> field -> what is written when HubSpot has nothing. Hand it to FieldShape.placeholder too.
    required_salesforce: dict[str, dict[str, str]]
    extra_hubspot_properties: tuple[str, ...]
    extra_salesforce_fields: dict[str, tuple[str, ...]]
    stored_ids: tuple[StoredId, ...]
    # Code of why a record without counterpart gets none, else None. Linked pairs stay linked whatever it says.
    why_not_eligible: Callable[[Side, Values], str | None]
    label: Callable[[Side, Values], str]
    # (kind, key) pairs under which the record is found from the other side.
    identity_keys: Callable[[Side, Values], list[tuple[str, str]]]
    opt_out: OptOut | None = None
    # Property -> another that goes nowhere without it.
    together: dict[str, str] = {}
    # Properties whose value, where there is one, a record is not created without.
    never_without: frozenset[str] = frozenset()

    def hubspot_properties(self) -> tuple[str, ...]:
        """Every property that this spec reads, each once, the mapped ones first."""
        named = [mapping.property for mapping in self.mappings]
        named += [reference.property for reference in self.references if reference.property is not None]
        named += [stored.property for stored in self.stored_ids]
        if self.opt_out is not None:
            named.append(self.opt_out.property)
        return tuple(dict.fromkeys((*named, SALESFORCE_ID_PROPERTY, *self.extra_hubspot_properties)))

    def salesforce_fields(self, salesforce_type: str) -> tuple[str, ...]:
        """Every field of that type that this spec reads, each once, the mapped ones first."""
        named = [mapping.fields[salesforce_type] for mapping in self.mappings if salesforce_type in mapping.fields]
        named += [
            reference.field
            for reference in self.references
            if not reference.many and salesforce_type in reference.salesforce_types
        ]
        if self.opt_out is not None:
            named.append(self.opt_out.field)
        return tuple(dict.fromkeys((*named, *self.extra_salesforce_fields.get(salesforce_type, ()))))


def text(values: Values, name: str) -> str:
    """The trimmed text of a value, empty for a blank or missing one."""
    raw = values.get(name)
    return raw.strip() if isinstance(raw, str) else ""
