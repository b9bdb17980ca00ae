"""What an org's objects and fields are: read from the recorded describes in `data/`, and shown again as a describe.

An SObject holds Fields in order. Custom fields are added here (`SObject.add_field`); who may see a field is
`access.py`'s
business. The values that a describe leaves at their usual setting are in `describe_defaults.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from crm_emulator.salesforce import record_types
from crm_emulator.salesforce.describe_defaults import FIELD_DEFAULTS, OBJECT_DEFAULTS
from crm_emulator.salesforce.record_types import RecordType

# The flags of an entry of /sobjects/ (v52).
_GLOBAL_FLAGS = tuple(key for key in OBJECT_DEFAULTS if key not in ("compactLayoutable", "searchLayoutable"))
SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}
TEXT_TYPES = frozenset({"string", "textarea", "phone", "url", "email", "picklist", "combobox", "encryptedstring"})
NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})
_POOLED_TYPES = frozenset({"picklist", "multipicklist", "reference", "date"})
# The columns every record carries outside its values (see store.Record).
SYSTEM_DATETIMES = frozenset({"CreatedDate", "LastModifiedDate", "SystemModstamp"})
SYSTEM_FIELDS = SYSTEM_DATETIMES | {"Id", "IsDeleted", "CreatedById", "LastModifiedById", "MasterRecordId"}


class Field:
    """One field. The attributes that are read often are slots; `raw` holds the describe's other attributes."""

    __slots__ = (
        "case_sensitive",
        "controller",
        "createable",
        "custom",
        "default",
        "defaulted",
        "depends",
        "external_id",
        "filterable",
        "group",
        "id_lookup",
        "label",
        "length",
        "name",
        "nillable",
        "open_to_all",
        "permissionable",
        "picklist",
        "picklist_order",
        "pooled",
        "precision",
        "raw",
        "reference_to",
        "relationship",
        "required",
        "restricted",
        "scale",
        "sortable",
        "type",
        "unique",
        "updateable",
    )

    def __init__(self, raw: dict[str, Any], *, open_to_all: bool = True) -> None:
        self.raw = raw
        self.open_to_all = open_to_all
        get = {**FIELD_DEFAULTS, **raw}
        self.name: str = get["name"]
        self.label: str = get["label"]
        self.type: str = get["type"]
        self.length: int = get["length"]
        self.precision: int = get["precision"]
        self.scale: int = get["scale"]
        self.createable: bool = get["createable"]
        self.updateable: bool = get["updateable"]
        self.nillable: bool = get["nillable"]
        self.defaulted: bool = get["defaultedOnCreate"]
        self.default: Any = get["defaultValue"]
        self.unique: bool = get["unique"]
        self.external_id: bool = get["externalId"]
        self.id_lookup: bool = get["idLookup"]
        self.case_sensitive: bool = get["caseSensitive"]
        self.restricted: bool = get["restrictedPicklist"]
        self.reference_to: tuple[str, ...] = tuple(get["referenceTo"])
        self.relationship: str | None = get["relationshipName"]
        self.custom: bool = get["custom"]
        self.permissionable: bool = get["permissionable"]
        self.filterable: bool = get["filterable"]
        self.sortable: bool = get["sortable"]
        self.group: bool = get["groupable"]
        # The field whose value says which values this picklist has, and which: controlling value -> values.
        self.controller: str | None = get["controllerName"]
        self.depends: dict[str, tuple[str, ...]] = {}
        self.picklist = [_picklist_value(value) for value in get["picklistValues"]]
        self.picklist_order = {value["value"]: index for index, value in enumerate(self.picklist) if value["active"]}
        # Values that repeat from row to row are kept once (see save.py).
        self.pooled = self.type in _POOLED_TYPES or self.name.endswith(("City", "State", "Country"))
        # "Required on create" is createable, not nillable and not defaulted; booleans always have a value.
        self.required = self.createable and not self.nillable and not self.defaulted and self.type != "boolean"
        if self.default is None and self.type == "picklist":
            self.default = next((value["value"] for value in self.picklist if value["defaultValue"]), None)

    @property
    def grantable(self) -> bool:
        """Whether field-level security can name it. That of an address is one right, of the whole: the parts are refused,
        although their describe says permissionable (salesforce.stackexchange.com/questions/97912; permission sets in public
        repositories name Account.BillingAddress)."""
        return self.permissionable and not self.raw.get("compoundFieldName")

    def add_picklist_value(self, value: str) -> None:
        self.picklist.append(_picklist_value(value))
        self.picklist_order[value] = len(self.picklist) - 1

    def set_choices(self, values: Sequence[tuple[str, bool]]) -> None:
        """Offer these values and no others: each with whether it is active."""
        self.picklist[:] = [{**_picklist_value(value), "active": active} for value, active in values]
        self.picklist_order = {value: index for index, (value, active) in enumerate(values) if active}

    def deactivate_picklist_value(self, value: str) -> None:
        """Rows keep it; a restricted picklist takes it no more."""
        next(entry for entry in self.picklist if entry["value"] == value)["active"] = False
        self.picklist_order.pop(value, None)

    def depend_on(self, controller: Field, values: Mapping[str, Sequence[str]]) -> None:
        """Make it a dependent picklist: `validFor` of each value is a bitmap over the controlling field's values."""
        self.controller = controller.name
        self.depends = {control: tuple(chosen) for control, chosen in values.items()}
        self.raw.update(controllerName=controller.name, dependentPicklist=True)
        controls = controller.control_values()
        for entry in self.picklist:
            bits = [entry["value"] in self.depends.get(control, ()) for control in controls]
            entry["validFor"] = _bitmap(bits)

    def control_values(self) -> list[str]:
        """The values that a picklist can depend on: a checkbox has two."""
        return ["false", "true"] if self.type == "boolean" else [str(entry["value"]) for entry in self.picklist]

    def describe(self) -> dict[str, Any]:
        shown = {**FIELD_DEFAULTS, **self.raw, "picklistValues": self.picklist}
        shown.pop("childRelationshipName", None)
        if "soapType" not in self.raw:
            shown["soapType"] = SOAP_TYPES.get(self.type, "xsd:string")
        if "byteLength" not in self.raw:
            shown["byteLength"] = 18 if self.type in ("id", "reference") else 3 * self.length
        return shown


def _bitmap(bits: list[bool]) -> str:
    """Base64 of bits, most significant first (SOAP API developer guide, PicklistEntry.validFor)."""
    packed = bytearray((len(bits) + 7) // 8)
    for index, bit in enumerate(bits):
        if bit:
            packed[index >> 3] |= 0x80 >> (index & 7)
    return base64.b64encode(bytes(packed)).decode()


def _picklist_value(value: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(value, str):
        return {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
    shown = {"active": True, "defaultValue": False, "validFor": None, **value}
    return {key: shown[key] for key in ("active", "defaultValue", "label", "validFor", "value")}


class ChildRelationship(msgspec.Struct, array_like=True, frozen=True):
    """`[childSObject, field, relationshipName, cascadeDelete, restrictedDelete]`, as the data files write it."""

    child: str
    field: str
    name: str | None
    cascade: int
    restricted: int

    def describe(self) -> dict[str, Any]:
        return {
            "cascadeDelete": bool(self.cascade),
            "childSObject": self.child,
            "deprecatedAndHidden": False,
            "field": self.field,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": self.name,
            "restrictedDelete": bool(self.restricted),
        }


class _ObjectFile(msgspec.Struct):
    name: str
    label: str
    labelPlural: str  # noqa: N815 the data files use the describe's own names
    keyPrefix: str  # noqa: N815
    source: str
    flags: dict[str, bool]
    supportedScopes: list[tuple[str, str]]  # noqa: N815
    fields: list[dict[str, Any]]
    childRelationships: list[ChildRelationship]  # noqa: N815


class SObject:
    """One object type of an org: its fields by name and by lower-case name, its child relationships and record
    types."""

    def __init__(self, file: _ObjectFile) -> None:
        self.name = file.name
        self.label = file.label
        self.label_plural = file.labelPlural
        self.key_prefix = file.keyPrefix
        self.flags: dict[str, Any] = {**OBJECT_DEFAULTS, **file.flags}
        self.scopes = file.supportedScopes
        self.children = list(file.childRelationships)
        self.record_types: list[RecordType] = []
        self.dependents: set[str] = set()  # fields that another field limits
        self.fields: dict[str, Field] = {}
        self.by_lower: dict[str, Field] = {}
        self.by_relationship: dict[str, Field] = {}
        for raw in file.fields:
            self.add_field(Field(dict(raw)))  # its own: another org reads the same file

    def add_field(self, field: Field) -> None:
        self.fields[field.name] = field
        self.by_lower[field.name.lower()] = field
        if field.relationship:
            self.by_relationship[field.relationship.lower()] = field

    def remove_field(self, field: Field) -> None:
        del self.fields[field.name]
        del self.by_lower[field.name.lower()]
        if field.relationship:
            self.by_relationship.pop(field.relationship.lower(), None)

    def field(self, name: str) -> Field | None:
        return self.fields.get(name) or self.by_lower.get(name.lower())

    @property
    def name_field(self) -> Field | None:
        return next((field for field in self.fields.values() if field.raw.get("nameField")), None)

    def urls(self, base: str) -> dict[str, str]:
        root = f"{base}/sobjects/{self.name}"
        return {
            "compactLayouts": f"{root}/describe/compactLayouts",
            "rowTemplate": root + "/{ID}",
            "approvalLayouts": f"{root}/describe/approvalLayouts",
            "listviews": f"{root}/listviews",
            "describe": f"{root}/describe",
            "quickActions": f"{root}/quickActions",
            "layouts": f"{root}/describe/layouts",
            "sobject": root,
        }

    def describe_global(self, base: str) -> dict[str, Any]:
        """The entry of `/sobjects/`, with the keys recorded from a v52 org."""
        return {
            **{key: self.flags[key] for key in _GLOBAL_FLAGS},
            "associateEntityType": None,
            "associateParentEntity": None,
            "keyPrefix": self.key_prefix,
            "label": self.label,
            "labelPlural": self.label_plural,
            "name": self.name,
            "urls": self.urls(base),
        }

    def describe(self, base: str, instance_url: str, fields: list[Field], user_id: str) -> dict[str, Any]:
        urls = self.urls(base)
        urls["uiDetailTemplate"] = instance_url + "/{ID}"
        urls["uiEditTemplate"] = instance_url + "/{ID}/e"
        urls["uiNewRecord"] = f"{instance_url}/{self.key_prefix}/e"
        return {
            **self.flags,
            "actionOverrides": [],
            "associateEntityType": None,
            "associateParentEntity": None,
            "childRelationships": [child.describe() for child in self.children],
            "defaultImplementation": None,
            "extendedBy": None,
            "extendsInterfaces": None,
            "fields": [field.describe() for field in fields],
            "implementedBy": None,
            "implementsInterfaces": None,
            "keyPrefix": self.key_prefix,
            "label": self.label,
            "labelPlural": self.label_plural,
            "listviewable": None,
            "lookupLayoutable": None,
            "name": self.name,
            "namedLayoutInfos": [],
            "networkScopeFieldName": None,
            "recordTypeInfos": self.record_type_infos(base, user_id),
            "sobjectDescribeOption": "FULL",
            "supportedScopes": [{"label": label, "name": name} for label, name in self.scopes],
            "urls": urls,
        }

    def record_type_infos(self, base: str, user_id: str) -> list[dict[str, Any]]:
        layouts = f"{base}/sobjects/{self.name}/describe/layouts/"
        found = record_types.infos(self.record_types, user_id)
        return [{**info, "urls": {"layout": layouts + str(info["recordTypeId"])}} for info in found]

    @property
    def limits_choices(self) -> bool:
        """Whether what a picklist may hold depends on something."""
        return bool(self.record_types or self.dependents)

    def make_dependent(self, name: str, controller: str, values: Mapping[str, Sequence[str]]) -> None:
        self.fields[name].depend_on(self.fields[controller], values)
        self.dependents.add(name)


def load_objects() -> dict[str, SObject]:
    """Every object of the data files, by name, in alphabetical order."""
    return {file.name: SObject(file) for file in _object_files()}


@cache
def _object_files() -> tuple[_ObjectFile, ...]:
    decoder = msgspec.json.Decoder(_ObjectFile)
    folder = resources.files("crm_emulator.salesforce") / "data"
    entries = sorted((item for item in folder.iterdir() if item.name.endswith(".json")), key=lambda item: item.name)
    return tuple(decoder.decode(entry.read_bytes()) for entry in entries)
