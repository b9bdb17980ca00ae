"""The shape of an org: who we are in it, its objects, fields, users and limits."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec.structs import replace

from interlock.core.model import Raw
from interlock.crm.calls import Calls
from interlock.crm.errors import Forbidden
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.model import (
    FieldDef,
    Identity,
    Limit,
    Organization,
    Queue,
    RecordTypeName,
    SObjectName,
    User,
)
from interlock.crm.salesforce.queries import query_all_rows
from interlock.crm.salesforce.requests import DATA_PATH, sobject_path

T = TypeVar("T")


class _UserInfo(msgspec.Struct):
    user_id: str
    organization_id: str
    preferred_username: str = ""
    name: str | None = None
    zoneinfo: str | None = None


class _Limit(msgspec.Struct, rename="pascal"):
    max: int = 0
    remaining: int = 0


class _PicklistValue(msgspec.Struct):
    value: str
    label: str | None = None
    active: bool = True


class _Field(msgspec.Struct, rename="camel"):
    name: str
    label: str = ""
    type: str = "string"
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    createable: bool = False
    updateable: bool = False
    nillable: bool = True
    defaulted_on_create: bool = False
    unique: bool = False
    external_id: bool = False
    picklist_values: list[_PicklistValue] = []
    restricted_picklist: bool = False
    reference_to: list[str] = []
    relationship_name: str | None = None
    calculated: bool = False
    controller_name: str | None = None
    custom: bool = False
    filterable: bool = True
    permissionable: bool = True
    encrypted: bool = False
    compound_field_name: str | None = None
    default_value: Raw = None


class _RecordType(msgspec.Struct, rename="camel"):
    record_type_id: str
    name: str = ""
    master: bool = False
    default_record_type_mapping: bool = False


class _Describe(msgspec.Struct, rename="camel"):
    fields: list[_Field]
    record_type_infos: list[_RecordType] = []


class _SObject(msgspec.Struct, rename="camel"):
    name: str
    label: str = ""
    custom: bool = False
    createable: bool = False
    queryable: bool = False
    updateable: bool = False
    deletable: bool = False
    key_prefix: str | None = None


class _Global(msgspec.Struct):
    sobjects: list[_SObject]


async def _get(calls: Calls, path: str, type: type[T], what: str, purpose: str) -> T:
    _, found = await calls.read_as(
        "GET", path, None, lambda reply: msgspec.json.decode(reply.body, type=type), what, purpose=purpose
    )
    return found


async def identity(calls: Calls, purpose: str) -> Identity:
    found = await _get(calls, "/services/oauth2/userinfo", _UserInfo, "the user's details", purpose)
    return Identity(found.user_id, found.preferred_username, found.organization_id, found.name, found.zoneinfo)


async def organization(calls: Calls, purpose: str) -> Organization:
    # DefaultCurrencyIsoCode is a field of Organization in multi-currency orgs only: ask the schema before the row.
    names = ["Id", "Name", "OrganizationType", "IsSandbox", "InstanceName", "TimeZoneSidKey"]
    known = {field.name for field in await describe(calls, "Organization", purpose)}
    names = [name for name in names if name in known]
    currency = "DefaultCurrencyIsoCode" if "DefaultCurrencyIsoCode" in known else None
    if currency is not None:
        names.append(currency)
    rows = await query_all_rows(calls, f"SELECT {soql.fields(names)} FROM Organization", False, purpose)
    if not rows:
        raise Forbidden(calls.side, "Salesforce does not show the sync user the organisation's own record.")
    row = rows[0]
    return Organization(
        id=row["Id"],
        name=row["Name"],
        type=row.get("OrganizationType"),
        is_sandbox=bool(row.get("IsSandbox")),
        currency=row.get(currency) if currency is not None else None,
        instance_name=row.get("InstanceName"),
        timezone=row.get("TimeZoneSidKey"),
    )


async def limits(calls: Calls, purpose: str) -> dict[str, Limit]:
    found = await _get(calls, f"{DATA_PATH}/limits", dict[str, _Limit], "the org's limits", purpose)
    return {name: Limit(limit.max, limit.remaining) for name, limit in found.items()}


async def describe(calls: Calls, sobject: str, purpose: str) -> list[FieldDef]:
    path = f"{sobject_path(soql.name(sobject))}/describe"
    described = await _get(calls, path, _Describe, f"the description of {sobject}", purpose)
    record_types = tuple(
        RecordTypeName(each.record_type_id, each.name, each.default_record_type_mapping)
        for each in described.record_type_infos
        if not each.master
    )
    return [
        _field(field) if field.name != "RecordTypeId" else replace(_field(field), record_types=record_types)
        for field in described.fields
    ]


def _field(field: _Field) -> FieldDef:
    values = field.picklist_values
    return FieldDef(
        name=field.name,
        label=field.label,
        type=field.type,
        length=field.length,
        precision=field.precision,
        scale=field.scale,
        createable=field.createable,
        updateable=field.updateable,
        nillable=field.nillable,
        defaulted_on_create=field.defaulted_on_create,
        unique=field.unique,
        external_id=field.external_id,
        picklist_values=[(value.value, value.label or value.value) for value in values if value.active],
        restricted=field.restricted_picklist,
        reference_to=tuple(field.reference_to),
        relationship_name=field.relationship_name,
        calculated=field.calculated,
        controller=field.controller_name,
        digits=field.digits,
        custom=field.custom,
        filterable=field.filterable,
        inactive_values=tuple(value.value for value in values if not value.active),
        default_value=field.default_value,
        permissionable=field.permissionable,
        # The name of an account is "part" of itself.
        part_of=field.compound_field_name if field.compound_field_name != field.name else None,
        # Shield's encryption at rest shows as an attribute, the classic kind is a type of its own (describe, Field).
        encrypted=field.encrypted or field.type == "encryptedstring",
    )


async def objects(calls: Calls, purpose: str) -> list[SObjectName]:
    found = (await _get(calls, f"{DATA_PATH}/sobjects", _Global, "the list of objects", purpose)).sobjects
    return [
        SObjectName(
            item.name,
            item.label,
            item.custom,
            item.createable,
            item.queryable,
            item.key_prefix,
            item.updateable,
            item.deletable,
        )
        for item in found
    ]


async def users(calls: Calls, purpose: str) -> list[User]:
    rows = await query_all_rows(
        calls, "SELECT Id, Email, Name, IsActive, Username FROM User ORDER BY Id", False, purpose
    )
    return [
        User(row["Id"], row.get("Email"), row.get("Name") or row["Id"], bool(row.get("IsActive")), row.get("Username"))
        for row in rows
    ]


async def queues(calls: Calls, purpose: str) -> list[Queue]:
    rows = await query_all_rows(calls, "SELECT Id, Name FROM Group WHERE Type = 'Queue' ORDER BY Id", False, purpose)
    return [Queue(row["Id"], row.get("Name") or row["Id"]) for row in rows]
