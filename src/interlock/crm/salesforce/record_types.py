"""The record types of an object, and which values of a picklist each of them offers: a sales process, for opportunities."""

from __future__ import annotations

import msgspec

from interlock.crm.calls import Calls
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.model import PicklistChoice, RecordType
from interlock.crm.salesforce.requests import DATA_PATH, sobject_path


class _RecordType(msgspec.Struct, rename="camel"):
    record_type_id: str
    name: str
    active: bool = True
    available: bool = True
    master: bool = False
    default_record_type_mapping: bool = False


class _Described(msgspec.Struct, rename="camel"):
    record_type_infos: list[_RecordType] = []


class _Meaning(msgspec.Struct, rename="camel"):
    """Of a stage (User Interface API guide, Picklist Values): its probability is in percent."""

    closed: bool = False
    won: bool = False
    default_probability: float | None = None


class _Value(msgspec.Struct):
    value: str
    label: str = ""
    attributes: _Meaning | None = None


class _Values(msgspec.Struct):
    values: list[_Value]


async def record_types(calls: Calls, sobject: str, purpose: str) -> list[RecordType]:
    """Those that the user may give a record, Master among them."""
    path = f"{sobject_path(soql.name(sobject))}/describe"
    _, found = await calls.read_as(
        "GET",
        path,
        None,
        lambda reply: msgspec.json.decode(reply.body, type=_Described),
        "record types",
        purpose=purpose,
    )
    return [
        RecordType(each.record_type_id, each.name, each.master, each.default_record_type_mapping)
        for each in found.record_type_infos
        if each.active and each.available
    ]


async def values_of(calls: Calls, sobject: str, record_type: str, field: str, purpose: str) -> list[PicklistChoice]:
    """The active values of a picklist that records of that type may have, in Salesforce's order."""
    path = f"{DATA_PATH}/ui-api/object-info/{soql.name(sobject)}/picklist-values/{soql.record_id(record_type)}/{soql.name(field)}"
    _, found = await calls.read_as(
        "GET",
        path,
        None,
        lambda reply: msgspec.json.decode(reply.body, type=_Values),
        "picklist values",
        purpose=purpose,
    )
    return [_choice(each) for each in found.values]


def _choice(found: _Value) -> PicklistChoice:
    meaning = found.attributes or _Meaning()
    return PicklistChoice(
        found.value, found.label or found.value, meaning.closed, meaning.won, meaning.default_probability
    )
