"""What the elements of a CustomField may be, by its type, and how a custom field may be named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crm_emulator.salesforce.metadata.problems import (
    NOT_AVAILABLE,
    Problem,
    bad_developer_name,
    cannot_specify,
    foreign_namespace,
    missing,
    must_specify,
    too_long,
)
from crm_emulator.salesforce.metadata.xml import Enum, Node, Spec, read
from crm_emulator.salesforce.schema import SObject

# "Custom field names: 40 characters, without __c"; labels too (Salesforce help, custom field attributes).
_LONGEST_NAME = _LONGEST_LABEL = 40
_LONGEST_TEXT = 255
_LONG_TEXT = (256, 131_072)
_MOST_DIGITS = 18
# Names that every object has without __c, and that a custom field may not take (supposed: the help page "reserved
# names" lists them for developer names; the sentence is the setup page's).
_RESERVED = frozenset(
    {"id", "isdeleted", "createddate", "createdby", "lastmodifieddate", "lastmodifiedby", "systemmodstamp"}
)
_DEVELOPER_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*\Z")
_TYPE_NAMES = (
    "AutoNumber Checkbox Currency Date DateTime Email EncryptedText Hierarchy Html Location Lookup LongTextArea MasterDetail "
    "MultiselectPicklist Number Percent Phone Picklist Summary Text TextArea Time Url"
)
_TYPES = frozenset(_TYPE_NAMES.split())
# What this org can hold (custom_fields.py).
_SUPPORTED_NAMES = (
    "Checkbox Currency Date DateTime Email Html Lookup LongTextArea MultiselectPicklist Number Percent Phone Picklist Text "
    "TextArea Url"
)
_SUPPORTED = frozenset(_SUPPORTED_NAMES.split())
_SPEC: Spec = {
    "fullName": str,
    "type": Enum("FieldType", _TYPES),
    "label": str,
    "description": str,
    "inlineHelpText": str,
    "businessOwnerUser": str,
    "businessStatus": str,
    "complianceGroup": str,
    "securityClassification": str,
    "caseSensitive": bool,
    "defaultValue": str,
    "deleteConstraint": Enum("DeleteConstraint", frozenset({"Cascade", "Restrict", "SetNull"})),
    "externalId": bool,
    "length": int,
    "precision": int,
    "referenceTo": str,
    "relationshipLabel": str,
    "relationshipName": str,
    "required": bool,
    "scale": int,
    "trackFeedHistory": bool,
    "trackHistory": bool,
    "trackTrending": bool,
    "unique": bool,
    "valueSet": None,
    "visibleLines": int,
}
# Element -> the types that have it. What holds for a type is in the element tables of the Metadata API developer guide,
# CustomField. A false `externalId`, `unique` or `caseSensitive` may stand anywhere: retrieved files carry them.
_ONLY_FOR = {
    "caseSensitive": {"Text"},
    "externalId": {"Text", "Number", "Email"},
    "unique": {"Text", "Number", "Email"},
    "length": {"Text", "LongTextArea", "Html"},
    "precision": {"Number", "Currency", "Percent"},
    "scale": {"Number", "Currency", "Percent"},
    "visibleLines": {"LongTextArea", "Html", "MultiselectPicklist"},
    "referenceTo": {"Lookup"},
    "relationshipName": {"Lookup"},
    "relationshipLabel": {"Lookup"},
    "deleteConstraint": {"Lookup"},
    "valueSet": {"Picklist", "MultiselectPicklist"},
    "required": _SUPPORTED - {"Checkbox", "LongTextArea", "Html"},
}
_NEEDED = {
    "Text": ("length",),
    "LongTextArea": ("length", "visibleLines"),
    "Html": ("length", "visibleLines"),
    "Number": ("precision", "scale"),
    "Currency": ("precision", "scale"),
    "Percent": ("precision", "scale"),
    "Checkbox": ("defaultValue",),
    "Lookup": ("referenceTo", "relationshipName"),
    "Picklist": ("valueSet",),
    "MultiselectPicklist": ("valueSet", "visibleLines"),
}


def check_name(name: str, sobject: SObject) -> None:
    """Raises Problem where a field may not be called `name` (with its __c)."""
    if "__" not in name:
        if sobject.field(name) is None:
            raise Problem("Could not resolve standard field's name.")  # seen
        raise Problem(NOT_AVAILABLE)  # attributes of standard fields
    bare = name.removesuffix("__c")
    if bare == name:
        # Seen, with exactly this list.
        raise Problem("fullName must end with: __c or __kav or __x or __b or __e or __p or __mdt or __dll or __dlm")
    namespace, parted, own = bare.partition("__")
    if parted and own and _DEVELOPER_NAME.match(namespace) and len(namespace) <= 15:
        raise foreign_namespace(namespace)
    if not _DEVELOPER_NAME.match(bare):
        raise bad_developer_name("Field Name")
    if len(bare) > _LONGEST_NAME:
        raise too_long("Field Name", bare, _LONGEST_NAME)
    if bare.lower() in _RESERVED:
        raise Problem(f"Field Name: {bare} is a reserved name")


def parse_field(node: Node) -> dict[str, Any]:
    """The elements as they stand. Raises BadFile."""
    values = read(node, "CustomField", _SPEC)
    if "valueSet" in values:
        values["valueSet"] = _value_set(values["valueSet"][-1])
    return values


def read_field(node: Node, objects: Mapping[str, SObject]) -> dict[str, Any]:
    """The metadata as `field_from_metadata` takes it. Raises Problem."""
    values = parse_field(node)
    kind = values.get("type")
    if kind is None:
        raise Problem("Must specify a 'type' for the CustomField")  # supposed
    if not values.get("label"):
        raise Problem("Must specify a non-empty label for the CustomField")  # seen, of CustomObject
    if len(values["label"]) > _LONGEST_LABEL:
        raise too_long("Field Label", values["label"], _LONGEST_LABEL)
    if kind not in _SUPPORTED:
        raise Problem(NOT_AVAILABLE)
    for element, kinds in _ONLY_FOR.items():
        if values.get(element) not in (None, False) and kind not in kinds:
            raise cannot_specify(element, kind)
    for element in _NEEDED.get(kind, ()):
        if values.get(element) in (None, ""):
            raise must_specify(element, kind)
    if kind != "Checkbox" and "defaultValue" in values:
        raise Problem(NOT_AVAILABLE)  # a formula, which this org does not work out
    _check_sizes(kind, values)
    if kind == "Lookup" and values["referenceTo"] not in objects:
        raise Problem(
            f"referenceTo value of '{values['referenceTo']}' does not resolve to a valid sObject type"
        )  # seen
    if kind in ("Picklist", "MultiselectPicklist"):
        _check_values(values["valueSet"])
    return values


def _check_sizes(kind: str, values: dict[str, Any]) -> None:
    """Limits: Salesforce help, custom field types. The sentences are supposed."""
    length: int = values.get("length", 0)
    if kind == "Text" and not 1 <= length <= _LONGEST_TEXT:
        raise Problem(f"Length: must be between 1 and {_LONGEST_TEXT}")
    if kind in ("LongTextArea", "Html") and not _LONG_TEXT[0] <= length <= _LONG_TEXT[1]:
        raise Problem(f"Length: must be between {_LONG_TEXT[0]} and {_LONG_TEXT[1]}")
    if "precision" in values:
        precision, scale = values["precision"], values["scale"]
        if not 1 <= precision <= _MOST_DIGITS or not 0 <= scale <= precision:
            raise Problem(f"Precision: must be between 1 and {_MOST_DIGITS}, and at least the scale")


def _check_values(value_set: dict[str, Any]) -> None:
    if not value_set:
        raise Problem(NOT_AVAILABLE)  # a global value set
    names = [value.get("fullName") for value in value_set["valueSetDefinition"]["value"]]
    if not all(names):
        raise missing("fullName")
    if len({str(name).casefold() for name in names}) != len(names):
        raise Problem("Duplicate picklist values found in the value set")  # supposed


def _value_set(node: Node) -> dict[str, Any]:
    """Empty for a global value set, which this org does not have."""
    held = read(node, "ValueSet", {"restricted": bool, "valueSetDefinition": None, "valueSetName": str})
    if "valueSetDefinition" not in held:
        return {}
    definition = read(held["valueSetDefinition"][-1], "ValueSetValuesDefinition", {"sorted": bool, "value": None})
    spec: Spec = {"fullName": str, "default": bool, "label": str, "isActive": bool, "color": str, "description": str}
    values = [read(value, "CustomValue", spec) for value in definition.get("value", ())]
    return {"restricted": held.get("restricted", False), "valueSetDefinition": {"value": values}}
