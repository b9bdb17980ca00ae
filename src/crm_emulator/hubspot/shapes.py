"""The shapes that request bodies must have: checked before any handler looks at them, so that none can crash on one.

Only types are said here, as HubSpot's JSON reader would refuse them; which values are allowed is for the handlers,
which go on with the plain decoded body.
"""

from __future__ import annotations

from typing import Any

import msgspec

Id = str | int | float | None


class Shape(msgspec.Struct, rename="camel"):
    """Unknown keys are allowed everywhere."""


class Ref(Shape):
    id: Id = None


class Spec(Shape):
    association_type_id: int
    association_category: str | None = None


class Association(Shape):
    to: Ref
    types: list[Spec]


class Record(Shape):
    properties: dict[str, Any] | None = None
    associations: list[Association] | None = None


class Input(Record):
    id: Id = None
    id_property: str | None = None
    object_write_trace_id: str | None = None
    after: str | None = None


class Batch(Shape):
    inputs: list[Input]
    properties: list[str] | None = None
    properties_with_history: list[str] | None = None
    id_property: str | None = None


class Pair(msgspec.Struct):
    from_: Ref = msgspec.field(name="from", default_factory=Ref)
    to: Ref | list[Ref] | None = None
    types: list[Spec] | None = None
    type: str | int | None = None


class One(msgspec.Struct):
    from_: Ref = msgspec.field(name="from", default_factory=Ref)
    to: Ref = msgspec.field(default_factory=Ref)
    types: list[Spec] | None = None
    type: str | int | None = None


class Links(Shape):
    """Associations to write: one record each."""

    inputs: list[One]


class Unlinks(Shape):
    """Associations to take away: one or many records each."""

    inputs: list[Pair]


class Ends(Shape):
    """Records whose associations are read."""

    inputs: list[Input]


class Clause(Shape):
    property_name: str | None = None
    operator: str | None = None
    value: Any = None
    high_value: Any = None
    values: list[str | int | float | bool] | None = None


class Group(Shape):
    filters: list[Clause] | None = None


class Sort(Shape):
    property_name: str | None = None
    direction: str | None = None


class Search(Shape):
    filter_groups: list[Group] | None = None
    filters: list[Clause] | None = None
    sorts: list[str | Sort] | None = None
    properties: list[str] | None = None
    query: str | None = None


class Merge(Shape):
    primary_object_id: Id = None
    object_id_to_merge: Id = None


class Erase(Shape):
    object_id: Id = None
    id_property: str | None = None


class Option(Shape):
    label: str
    value: str | int
    display_order: int | None = None
    hidden: bool | None = None
    description: str | None = None


class Definition(Shape):
    name: str | None = None
    label: str | None = None
    type: str | None = None
    field_type: str | None = None
    group_name: str | None = None
    description: str | None = None
    options: list[Option] | None = None
    display_order: int | None = None
    hidden: bool | None = None
    form_field: bool | None = None
    has_unique_value: bool | None = None
    external_options: bool | None = None
    calculation_formula: str | None = None
    referenced_object_type: str | None = None


class Definitions(Shape):
    inputs: list[Definition]


class StageBody(Shape):
    label: str | None = None
    display_order: int | None = None
    metadata: dict[str, Any] | None = None
    stage_id: str | int | None = None


class PipelineBody(Shape):
    label: str | None = None
    display_order: int | None = None
    pipeline_id: str | int | None = None
    stages: list[StageBody] | None = None


class Label(Shape):
    label: str | None = None
    name: str | None = None
    inverse_label: str | None = None
    association_type_id: int | None = None


class TypeLimit(Shape):
    category: str | None = None
    type_id: int | None = None
    max_to_object_ids: int | None = None


class TypeLimits(Shape):
    inputs: list[TypeLimit]


class TokenKey(Shape):
    token_key: str | None = None


class Addresses(Shape):
    inputs: list[str]


class ExchangeRate(Shape):
    id: str | None = None
    from_currency_code: str | None = None
    to_currency_code: str | None = None
    conversion_rate: float | None = None
    effective_at: str | None = None


class ExchangeRates(Shape):
    inputs: list[ExchangeRate]


class EmailChange(Shape):
    target_secondary_email: str | None = None
    updated_secondary_email: str | None = None


class StatusChange(Shape):
    """Communication preferences v4, one of a batch with `subscriberIdString`; v3 calls the address `emailAddress`."""

    subscription_id: str | int | None = None
    status_state: str | None = None
    channel: str | None = None
    legal_basis: str | None = None
    legal_basis_explanation: str | None = None
    subscriber_id_string: str | None = None
    email_address: str | None = None


class StatusChanges(Shape):
    inputs: list[StatusChange]


class Branch(Shape):
    filter_branch_type: str | None = None
    filter_branches: list[Branch] | None = None
    filters: list[dict[str, Any]] | None = None


class NewList(Shape):
    name: str | None = None
    object_type_id: str | None = None
    processing_type: str | None = None
    filter_branch: Branch | None = None


class ListFilters(Shape):
    filter_branch: Branch | None = None


class ListSearch(Shape):
    query: str | None = None
    count: int | None = None
    offset: int | None = None
    list_ids: list[str | int] | None = None
    processing_types: list[str] | None = None
    object_type_id: str | None = None
    additional_properties: list[str] | None = None
    sort: str | None = None


class AddAndRemove(Shape):
    record_ids_to_add: list[str | int] | None = None
    record_ids_to_remove: list[str | int] | None = None


class RecordId(Shape):
    object_type_id: str | None = None
    record_id: Id = None


class RecordIds(Shape):
    inputs: list[RecordId]
