"""What the Salesforce client hands out and takes in. Data only; records are core Observations and Outcomes."""

from __future__ import annotations

import msgspec

from interlock.core.model import Raw


class Identity(msgspec.Struct, frozen=True):
    user_id: str
    username: str
    org_id: str
    name: str | None = None
    timezone: str | None = None


class Organization(msgspec.Struct, frozen=True):
    id: str
    name: str
    type: str | None
    is_sandbox: bool
    currency: str | None
    instance_name: str | None = None
    timezone: str | None = None


class Limit(msgspec.Struct, frozen=True):
    max: int
    remaining: int


class RecordTypeName(msgspec.Struct, frozen=True):
    """`default`: what a record gets that the signed-in user makes without naming one."""

    id: str
    name: str
    default: bool = False


class FieldDef(msgspec.Struct, frozen=True):
    name: str
    label: str
    type: str
    length: int
    precision: int
    scale: int
    createable: bool
    updateable: bool
    nillable: bool
    defaulted_on_create: bool
    unique: bool
    external_id: bool
    picklist_values: list[tuple[str, str]]  # active (value, label)
    restricted: bool
    reference_to: tuple[str, ...]
    relationship_name: str | None
    calculated: bool
    controller: str | None = None
    digits: int = 0
    custom: bool = False
    filterable: bool = True
    inactive_values: tuple[str, ...] = ()
    default_value: Raw = None
    permissionable: bool = True  # whether a permission set may name it, or the whole that it is a part of
    part_of: str | None = None  # of an address or a person's name: the field that they make up together
    encrypted: bool = False
    record_types: tuple[RecordTypeName, ...] = ()  # of RecordTypeId

    @property
    def required(self) -> bool:
        """Must be given on create (Salesforce describe: createable, not nillable, not defaulted on create)."""
        return self.createable and not self.nillable and not self.defaulted_on_create


class RecordType(msgspec.Struct, frozen=True):
    id: str
    name: str
    is_master: bool  # that of a record which has none
    is_default: bool


class PicklistChoice(msgspec.Struct, frozen=True):
    """A value that a record type offers. Of a stage: whether it closes the deal, won or lost, and its probability in percent."""

    value: str
    label: str
    closed: bool = False
    won: bool = False
    probability: float | None = None


class SObjectName(msgspec.Struct, frozen=True):
    name: str
    label: str
    custom: bool
    createable: bool
    queryable: bool
    key_prefix: str | None
    updateable: bool = True
    deletable: bool = True


class User(msgspec.Struct, frozen=True):
    id: str
    email: str | None
    name: str
    is_active: bool
    username: str | None = None


class Queue(msgspec.Struct, frozen=True):
    """A group that may own records in place of a user."""

    id: str
    name: str


class QueryResult(msgspec.Struct, frozen=True):
    """`next_url` goes into `query_more`. `total` counts all pages. `read_us` is the clock when the request was sent."""

    records: list[dict[str, Raw]]
    next_url: str | None
    total: int
    read_us: int = 0


class SalesforceWrite(msgspec.Struct, frozen=True):
    """Update one record. A blank is None: an empty string and null are the same to Salesforce."""

    id: str
    fields: dict[str, Raw]


class SalesforceCreate(msgspec.Struct, frozen=True):
    """`key` is unique in the org: another record with it is refused."""

    key: str
    fields: dict[str, Raw]


class SalesforceInsert(msgspec.Struct, frozen=True):
    """`trace` is the caller's own name for the row; the outcome comes back under it."""

    trace: str
    fields: dict[str, Raw]


class Deleted(msgspec.Struct, frozen=True):
    """getDeleted: record id -> time of deletion, complete up to `covered_us`."""

    at_us: dict[str, int]
    covered_us: int
