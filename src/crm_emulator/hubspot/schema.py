"""Property definitions and groups of one object type, as an account holds them, and their JSON on the wire.

It knows what a definition is and which changes of it HubSpot refuses; what a value must look like is `values.py`, and
where definitions come from at first is `data/`.
"""

from __future__ import annotations

import re
from typing import Any

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.stamps import iso_ms

TYPES = ("bool", "date", "datetime", "enumeration", "number", "string", "phone_number")
FIELD_TYPES = (
    "booleancheckbox",
    "calculation_equation",
    "checkbox",
    "date",
    "file",
    "html",
    "number",
    "phonenumber",
    "radio",
    "select",
    "text",
    "textarea",
)
# Properties guide, "Property type and fieldType values".
_FIELD_TYPES_OF = {
    "bool": frozenset({"booleancheckbox", "calculation_equation"}),
    "enumeration": frozenset({"booleancheckbox", "checkbox", "radio", "select", "calculation_equation"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
    "string": frozenset({"file", "text", "textarea", "calculation_equation", "html", "phonenumber"}),
    "number": frozenset({"number", "calculation_equation"}),
    "phone_number": frozenset({"phonenumber", "text"}),
}
UNIQUE_PROPERTIES_MAX = 10  # per object type (CRM properties API)
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


class Property:
    """One property definition. Built-in ones have `hubspot_defined`."""

    __slots__ = (
        "archivable",
        "archived_ms",
        "calculated",
        "calculation_formula",
        "created_ms",
        "created_user_id",
        "description",
        "display_order",
        "external_options",
        "field_type",
        "form_field",
        "group",
        "hidden",
        "hubspot_defined",
        "label",
        "name",
        "option_values",
        "options",
        "read_only_definition",
        "read_only_options",
        "read_only_value",
        "referenced_object_type",
        "type",
        "unique",
        "updated_ms",
    )

    def __init__(self, name: str, label: str, type: str, field_type: str, group: str) -> None:
        self.name = name
        self.label = label
        self.type = type
        self.field_type = field_type
        self.group = group
        self.description = ""
        self.options: list[dict[str, Any]] = []
        self.option_values: frozenset[str] = frozenset()
        self.display_order = -1
        self.calculated = False
        self.calculation_formula: str | None = None
        self.external_options = False
        self.referenced_object_type: str | None = None
        self.unique = False
        self.hidden = False
        self.hubspot_defined = False
        self.form_field = False
        self.archivable = True
        self.read_only_definition = False
        self.read_only_options = False
        self.read_only_value = False
        self.created_ms = 0
        self.updated_ms = 0
        self.archived_ms: int | None = None
        self.created_user_id: str | None = None

    @property
    def multiple(self) -> bool:
        return self.type == "enumeration" and self.field_type == "checkbox"

    def set_options(self, options: list[dict[str, Any]]) -> None:
        self.options = options
        self.option_values = frozenset(str(option["value"]) for option in options)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "updatedAt": iso_ms(self.updated_ms),
            "createdAt": iso_ms(self.created_ms),
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": self.options,
            "displayOrder": self.display_order,
            "calculated": self.calculated,
            "externalOptions": self.external_options,
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "hubspotDefined": self.hubspot_defined,
            "modificationMetadata": {
                "archivable": self.archivable,
                "readOnlyDefinition": self.read_only_definition,
                "readOnlyValue": self.read_only_value,
            },
            "formField": self.form_field,
            "dataSensitivity": "non_sensitive",
        }
        if self.read_only_options or self.type == "enumeration":
            found["modificationMetadata"]["readOnlyOptions"] = self.read_only_options
        if self.referenced_object_type is not None:
            found["referencedObjectType"] = self.referenced_object_type
        if self.calculation_formula is not None:
            found["calculationFormula"] = self.calculation_formula
        if not self.hubspot_defined:
            found["showCurrencySymbol"] = False
        if self.created_user_id is not None:
            found["createdUserId"] = found["updatedUserId"] = self.created_user_id
        if self.archived_ms is not None:
            found["archived"] = True
            found["archivedAt"] = iso_ms(self.archived_ms)
        else:
            found["archived"] = False
        return found


class Schema:
    """The live and archived properties of one object type. `version` moves with every change, for caches."""

    def __init__(self, properties: list[Property]) -> None:
        self.properties: dict[str, Property] = {}
        self.archived: dict[str, Property] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.version = 0
        self.unique_names: tuple[str, ...] = ()
        for found in properties:
            self.properties[found.name] = found
            self.groups.setdefault(found.group, _group(found.group, found.group.replace("_", " ").capitalize()))
        self._find_unique()

    def get(self, name: str) -> Property:
        found = self.properties.get(name)
        if found is None:
            raise errors.ApiError(404, f"Property {name} does not exist", "OBJECT_NOT_FOUND")
        return found

    def known(self, name: str) -> Property:
        """Live or archived: a record keeps what it holds of an archived property. Raises KeyError."""
        return self.properties[name] if name in self.properties else self.archived[name]

    @property
    def own(self) -> int:
        """How many properties the account made itself."""
        return sum(not found.hubspot_defined for found in self.properties.values())

    def create(self, body: dict[str, Any], now_ms: int, user_id: str | None) -> Property:
        name = _required_texts(body)
        if name in self.properties:
            message = f"A property named '{name}' already exists."
            raise errors.ApiError(409, message, "OBJECT_ALREADY_EXISTS", subCategory="Properties.PROPERTY_EXISTS")
        if not _NAME.match(name):
            raise errors.invalid(f"Property name '{name}' is invalid: lower-case letters, digits and _ only.")
        _check_types(body)
        if body["groupName"] not in self.groups:
            message = f"Property group {body['groupName']} does not exist"
            raise errors.ApiError(404, message, "OBJECT_NOT_FOUND", subCategory="Properties.GROUP_NOT_FOUND")
        unique = bool(body.get("hasUniqueValue"))
        if unique and sum(found.unique and not found.hubspot_defined for found in self.properties.values()) >= (
            UNIQUE_PROPERTIES_MAX
        ):
            raise errors.invalid(f"At most {UNIQUE_PROPERTIES_MAX} unique properties per object type are allowed.")
        made = Property(name, body["label"], body["type"], body["fieldType"], body["groupName"])
        made.unique = unique
        made.created_ms = now_ms
        made.created_user_id = user_id
        made.external_options = bool(body.get("externalOptions"))
        made.referenced_object_type = body.get("referencedObjectType")
        made.calculation_formula = body.get("calculationFormula")
        made.calculated = made.calculation_formula is not None or made.field_type == "calculation_equation"
        made.read_only_value = made.calculated
        self._apply(made, body, now_ms)
        if made.type == "enumeration" and not made.options and not made.external_options:
            raise errors.invalid(f"Property '{name}' of type enumeration needs options.")
        self.archived.pop(name, None)
        self.properties[name] = made
        self.version += 1
        self._find_unique()
        return made

    def add_opt_out(self, name: str, label: str, now_ms: int) -> None:
        """What HubSpot adds with a subscription type (recorded: hs_email_optout_23783731)."""
        if name in self.properties:
            return
        made = Property(name, label, "enumeration", "booleancheckbox", "emailinformation")
        made.description = "Indicates that the current email address has opted out of this email type."
        made.hubspot_defined = made.read_only_definition = made.read_only_value = True
        made.created_ms = made.updated_ms = now_ms
        made.set_options([_option("No", "false", 0), _option("Yes", "true", 1)])
        self.properties[name] = made
        self.version += 1

    def offer_currencies(self, codes: list[str], now_ms: int) -> None:
        """What several currencies bring to deals: their choice, and the rate a deal goes by."""
        chosen = self.properties["deal_currency_code"]
        chosen.set_options([_option(code, code, order) for order, code in enumerate(codes)])
        if "hs_exchange_rate" not in self.properties:
            made = Property("hs_exchange_rate", "Exchange rate", "number", "number", chosen.group)
            made.hubspot_defined = made.read_only_definition = made.read_only_value = made.calculated = True
            made.created_ms = made.updated_ms = now_ms
            self.properties[made.name] = made
        self.version += 1

    def update(self, name: str, body: dict[str, Any], now_ms: int) -> Property:
        found = self.get(name)
        if found.read_only_definition and set(body) - {"options", "displayOrder", "formField", "groupName"}:
            raise errors.invalid(f"The definition of property '{name}' is read-only.")
        if "options" in body and found.read_only_options:
            raise errors.invalid(f"The options of property '{name}' are read-only.")
        _check_types(body, found)
        before = found.type, found.field_type
        found.type = body.get("type", found.type)
        found.field_type = body.get("fieldType", found.field_type)
        if "label" in body:
            found.label = body["label"]
        if body.get("groupName") in self.groups:
            found.group = body["groupName"]
        self._apply(found, body, now_ms)
        if found.type == "enumeration" and not found.options and not found.external_options and "type" in body:
            found.type, found.field_type = before
            raise errors.invalid(f"Property '{name}' of type enumeration needs options.")
        self.version += 1
        return found

    def archive(self, name: str, now_ms: int) -> None:
        found = self.get(name)
        if found.hubspot_defined or not found.archivable:
            raise errors.invalid(f"Property '{name}' is defined by HubSpot and cannot be archived.")
        found.archived_ms = now_ms
        self.archived[name] = self.properties.pop(name)
        self.version += 1
        self._find_unique()

    def restore(self, name: str, now_ms: int) -> Property:
        """Only a person can: the API has no call for it."""
        if name not in self.archived:
            raise errors.ApiError(404, f"Property {name} is not archived", "OBJECT_NOT_FOUND")
        found = self.properties[name] = self.archived.pop(name)
        found.archived_ms, found.updated_ms = None, now_ms
        self.version += 1
        self._find_unique()
        return found

    def create_group(self, body: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(body.get("name"), str) or not isinstance(body.get("label"), str):
            raise errors.invalid("Invalid input JSON: a property group needs name and label")
        if body["name"] in self.groups:
            message = f"A property group named '{body['name']}' already exists."
            raise errors.ApiError(409, message, "OBJECT_ALREADY_EXISTS", subCategory="Properties.GROUP_EXISTS")
        made = _group(body["name"], body["label"], body.get("displayOrder", -1))
        self.groups[body["name"]] = made
        return made

    def get_group(self, name: str) -> dict[str, Any]:
        if name not in self.groups:
            raise errors.ApiError(404, f"Property group {name} does not exist", "OBJECT_NOT_FOUND")
        return self.groups[name]

    def archive_group(self, name: str) -> None:
        self.get_group(name)
        if any(found.group == name for found in self.properties.values()):
            raise errors.invalid(f"Property group '{name}' still holds properties.")
        del self.groups[name]

    def _find_unique(self) -> None:
        self.unique_names = tuple(found.name for found in self.properties.values() if found.unique)

    def _apply(self, found: Property, body: dict[str, Any], now_ms: int) -> None:
        found.description = body.get("description", found.description)
        found.display_order = body.get("displayOrder", found.display_order)
        found.hidden = bool(body.get("hidden", found.hidden))
        found.form_field = bool(body.get("formField", found.form_field))
        found.updated_ms = now_ms
        if found.type == "bool" and not body.get("options") and not found.options:
            found.set_options([_option("True", "true", 0), _option("False", "false", 1)])
        elif body.get("options") is not None:
            found.set_options(_options(body["options"]))


def _required_texts(body: dict[str, Any]) -> str:
    for key in ("name", "label", "type", "fieldType", "groupName"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise errors.invalid(
                f"Invalid input JSON: some required fields were not set: [{key}]", context={"missingFields": [key]}
            )
    return str(body["name"])


def _check_types(body: dict[str, Any], held: Property | None = None) -> None:
    """The pairs of the properties guide. What a definition has already may stay: HubSpot's own have pairs beyond the table."""
    if "type" in body and body["type"] not in TYPES:
        raise errors.invalid(f"Invalid input JSON: '{body['type']}' is not a valid property type")
    if "fieldType" in body and body["fieldType"] not in FIELD_TYPES:
        raise errors.invalid(f"Invalid input JSON: '{body['fieldType']}' is not a valid field type")
    before = None if held is None else (held.type, held.field_type)
    after = (body.get("type", before and before[0]), body.get("fieldType", before and before[1]))
    if after != before and after[1] not in _FIELD_TYPES_OF.get(str(after[0]), ()):
        raise errors.invalid(
            f"Field type '{after[1]}' does not fit the property type '{after[0]}'"
        )  # unverified wording


def _options(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for index, option in enumerate(given):
        found.append(
            _option(
                str(option["label"]),
                str(option["value"]),
                index if option.get("displayOrder") is None else option["displayOrder"],
                hidden=bool(option.get("hidden")),
                description=option.get("description"),
            )
        )
    for key in ("value", "label"):
        seen = [option[key] for option in found]
        if len(set(seen)) != len(seen):
            raise errors.invalid(f"Property option {key}s must be unique")
    return found


def _option(
    label: str, value: str, order: int, *, hidden: bool = False, description: str | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = {"label": label, "value": value, "displayOrder": order, "hidden": hidden}
    if description is not None:
        found["description"] = description
    return found


def _group(name: str, label: str, order: int = -1) -> dict[str, Any]:
    return {"archived": False, "name": name, "label": label, "displayOrder": order}


def property_from_data(entry: dict[str, Any]) -> Property:
    """One entry of a file in `data/`."""
    flags = set(entry.get("flags", "").split())
    made = Property(entry["name"], entry["label"], entry["type"], entry["fieldType"], entry["groupName"])
    made.description = entry.get("description", "")
    made.display_order = entry.get("displayOrder", -1)
    made.referenced_object_type = entry.get("referencedObjectType")
    made.calculated = "calculated" in flags
    made.external_options = "externalOptions" in flags
    made.unique = "hasUniqueValue" in flags
    made.hidden = "hidden" in flags
    made.form_field = "formField" in flags
    made.hubspot_defined = True
    made.archivable = "archivable" in flags
    made.read_only_definition = "readOnlyDefinition" in flags
    made.read_only_options = "readOnlyOptions" in flags
    made.read_only_value = "readOnlyValue" in flags
    made.set_options(
        [
            _option(option[0], option[1], order, hidden=len(option) > 2)
            for order, option in enumerate(entry.get("options", ()))
        ]
    )
    return made
