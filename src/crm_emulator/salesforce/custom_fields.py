"""Custom fields: from the metadata that the Tooling API takes (or a test gives) to a Field with a describe."""

from __future__ import annotations

from typing import Any

from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.schema import Field

# Metadata type -> describe type, and what the describe adds.
_TYPES: dict[str, tuple[str, dict[str, Any]]] = {
    "Text": ("string", {}),
    "EncryptedText": ("encryptedstring", {"filterable": False, "groupable": False, "sortable": False}),
    "TextArea": ("textarea", {"length": 255}),
    "LongTextArea": ("textarea", {"filterable": False, "groupable": False, "sortable": False}),
    "Html": ("textarea", {"filterable": False, "groupable": False, "sortable": False, "htmlFormatted": True}),
    "Email": ("email", {"length": 80}),
    "Phone": ("phone", {"length": 40}),
    "Url": ("url", {"length": 255}),
    "Number": ("double", {"groupable": False}),
    "Currency": ("currency", {"groupable": False}),
    "Percent": ("percent", {"groupable": False}),
    "Checkbox": ("boolean", {"nillable": False, "defaultedOnCreate": True, "defaultValue": False}),
    "Date": ("date", {}),
    "DateTime": ("datetime", {"groupable": False}),
    "Picklist": ("picklist", {"length": 255}),
    "MultiselectPicklist": ("multipicklist", {"length": 4_099, "groupable": False}),
    "Lookup": ("reference", {"length": 18}),
}
_NUMBERS = frozenset({"Number", "Currency", "Percent"})
_LONGEST = {"Text": 255, "EncryptedText": 175}


def field_from_metadata(name: str, metadata: dict[str, Any], *, open_to_all: bool) -> Field:
    kind = metadata.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise RequestError("INVALID_TYPE", f"Cannot read the type of the field: {kind}")
    if not name.endswith("__c"):
        raise RequestError("FIELD_INTEGRITY_EXCEPTION", f"The name of a custom field must end with __c: {name}")
    describe_type, extra = _TYPES[kind]
    label = metadata.get("label")
    if not label:
        raise RequestError("FIELD_INTEGRITY_EXCEPTION", "Label: A label is required", ["Label"])
    raw: dict[str, Any] = {"name": name, "label": label, "type": describe_type, "custom": True, **extra}
    if kind in ("Text", "EncryptedText", "LongTextArea", "Html"):
        raw["length"] = _length(kind, metadata)
    if kind in _NUMBERS:
        raw["precision"] = int(metadata.get("precision", 18))
        raw["scale"] = int(metadata.get("scale", 0))
    if kind in ("Picklist", "MultiselectPicklist"):
        raw["picklistValues"], raw["restrictedPicklist"] = _picklist(metadata)
    if kind == "Lookup":
        _add_reference(raw, name, metadata)
    if kind == "Checkbox":
        raw["defaultValue"] = str(metadata.get("defaultValue", "false")).lower() == "true"
    unique, external = bool(metadata.get("unique")), bool(metadata.get("externalId"))
    if unique or external:
        raw["unique"], raw["externalId"], raw["idLookup"] = unique, external, external
        raw["caseSensitive"] = bool(metadata.get("caseSensitive"))
    if metadata.get("required"):
        raw["nillable"] = False
        raw["permissionable"] = False  # a required field is always visible; permissions may not name it
    if metadata.get("inlineHelpText"):
        raw["inlineHelpText"] = metadata["inlineHelpText"]
    return Field(raw, open_to_all=open_to_all)


def _length(kind: str, metadata: dict[str, Any]) -> int:
    length = int(metadata.get("length") or 0)
    longest = _LONGEST.get(kind, 131_072)
    if not 1 <= length <= longest:
        raise RequestError("FIELD_INTEGRITY_EXCEPTION", f"Length: must be between 1 and {longest}", ["Length"])
    return length


def _picklist(metadata: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    value_set = metadata.get("valueSet") or {}
    definition = value_set.get("valueSetDefinition") or {}
    values = []
    for entry in definition.get("value") or []:
        # The Tooling API calls it valueName, the Metadata API fullName.
        value = entry.get("valueName") or entry.get("fullName") or entry.get("label")
        values.append(
            {
                "value": value,
                "label": entry.get("label") or value,
                "defaultValue": bool(entry.get("default")),
                "active": entry.get("isActive") is not False,
            }
        )
    return values, bool(value_set.get("restricted"))


def _add_reference(raw: dict[str, Any], name: str, metadata: dict[str, Any]) -> None:
    target = metadata.get("referenceTo")
    if not target:
        raise RequestError("FIELD_INTEGRITY_EXCEPTION", "Reference To: a lookup needs an object", ["ReferenceTo"])
    raw["referenceTo"] = [target]
    raw["relationshipName"] = f"{name.removesuffix('__c')}__r"
    raw["childRelationshipName"] = metadata.get("relationshipName")


def picklist_metadata(values: tuple[str, ...], restricted: bool) -> dict[str, Any]:
    return {
        "restricted": restricted,
        "valueSetDefinition": {"value": [{"valueName": value, "label": value} for value in values]},
    }
