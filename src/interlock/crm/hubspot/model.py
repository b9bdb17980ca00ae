"""What the HubSpot client hands out and takes in. Data only; records themselves are core Observations and Outcomes."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from interlock.core.model import Observation


class AccountInfo(msgspec.Struct, frozen=True):
    account_id: str
    name: str  # HubSpot's account details carry no company name: the UI domain and id stand in for it
    timezone: str
    currency: str | None
    ui_url: str
    account_type: str | None = None
    data_hosting: str | None = None


class TokenInfo(msgspec.Struct, frozen=True):
    """What HubSpot says of a private app's token."""

    account_id: str
    scopes: tuple[str, ...]
    user_id: str | None = None
    app_id: str | None = None


class Option(NamedTuple):
    value: str
    label: str


class PropertyDef(msgspec.Struct, frozen=True):
    name: str
    label: str
    type: str  # bool, date, datetime, enumeration, number, string, phone_number, ...
    field_type: str
    options: list[Option]
    read_only: bool
    calculated: bool
    has_unique: bool
    hidden: bool
    referenced_object: str | None  # OWNER
    external_options: bool = False
    group: str | None = None


class NewProperty(msgspec.Struct, frozen=True):
    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = ""
    description: str = ""
    has_unique: bool = False
    hidden: bool = False
    options: tuple[Option, ...] = ()


class PropertyRoom(msgspec.Struct, frozen=True):
    """How many custom properties an object has, and may have."""

    used: int
    most: int

    @property
    def left(self) -> int:
        return max(0, self.most - self.used)


class Owner(msgspec.Struct, frozen=True):
    id: str
    email: str | None
    name: str
    archived: bool


class Stage(NamedTuple):
    id: str
    label: str
    probability: float | None
    is_closed: bool
    place: int = 0  # displayOrder: they are listed by it, and two may have the same


class NewStage(NamedTuple):
    label: str
    probability: float
    is_closed: bool


class Pipeline(msgspec.Struct, frozen=True):
    id: str
    label: str
    stages: list[Stage]


class Page(msgspec.Struct, frozen=True):
    """One page of a listing; `next` goes back in as `after`, None at the end."""

    records: list[Observation]
    next: str | None


class SearchPage(msgspec.Struct, frozen=True):
    """Search lags behind writes by up to a minute: its records tell what to read, they are not a consistent read."""

    records: list[Observation]
    more: bool


class Filter(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    property_name: str
    operator: str
    value: str | None = None
    values: tuple[str, ...] | None = None


class HubSpotWrite(msgspec.Struct, frozen=True):
    """`trace` is unique in a call and comes back with the outcome. `id`: the record, or the value to upsert by."""

    trace: str
    id: str
    properties: dict[str, str]


class HistoryEntry(msgspec.Struct, frozen=True):
    value: str | None
    at_us: int
    source_type: str | None
    source_id: str | None
    user_id: int | None = None


class AssociationRow(msgspec.Struct, frozen=True):
    to_id: str
    type_ids: tuple[int, ...]


class AssociationLabel(msgspec.Struct, frozen=True):
    """`type`: its category and its id. `label` None: the plain association."""

    type: tuple[str, int]
    label: str | None


class RecordList(msgspec.Struct, frozen=True):
    """A list (segment). `kind`: MANUAL, DYNAMIC or SNAPSHOT. `size` is None where HubSpot does not say."""

    id: str
    name: str
    size: int | None
    kind: str
    object_type_id: str


class ListPage(msgspec.Struct, frozen=True):
    """Lists found by a search; `next` goes back in as `offset`, None at the end."""

    lists: list[RecordList]
    next: int | None


class ListMember(NamedTuple):
    id: str
    joined_us: int  # HubSpot's clock


class MemberPage(msgspec.Struct, frozen=True):
    """Members in the order in which they joined; `next` goes back in as `after`, None at the end."""

    members: list[ListMember]
    next: str | None
