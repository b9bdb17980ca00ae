"""The part of the User Interface API that tells which picklist values a record type has.

    GET /ui-api/object-info/{object}                                          record types, dependent fields
    GET /ui-api/object-info/{object}/picklist-values/{record type}            every picklist
    GET /ui-api/object-info/{object}/picklist-values/{record type}/{field}    one

Bodies have the keys of the guide's samples (Picklist Values, Object Info), its misspelt picklistAtrributesValueType
included. An object's defaultRecordTypeId is Master's, 012000000000000AAA, where it has no other.
"""

from __future__ import annotations

import hashlib
from typing import Any

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.access import View
from crm_emulator.salesforce.api.context import Api, answer
from crm_emulator.salesforce.errors import RequestError, not_found
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.record_types import MASTER_ID, RecordType, default_of
from crm_emulator.salesforce.schema import Field, SObject
from crm_emulator.salesforce.store import Record

_INFO = "/ui-api/object-info/{object}"
_VALUES = _INFO + "/picklist-values/{record_type}"
_DATA_TYPES = {"picklist": "Picklist", "multipicklist": "MultiPicklist", "datetime": "DateTime", "id": "String"}
_CHOICES = frozenset({"picklist", "multipicklist"})
# What the values of these mean: object and field -> (object of the meanings, {key: field of it}).
_MEANINGS = {
    ("Opportunity", "StageName"): (
        "OpportunityStage",
        {
            "closed": "IsClosed",
            "defaultProbability": "DefaultProbability",
            "forecastCategoryName": "ForecastCategoryName",
            "won": "IsWon",
        },
    ),
    ("Lead", "Status"): ("LeadStatus", {"converted": "IsConverted"}),
}


class UiApi:
    def __init__(self, api: Api) -> None:
        self._api = api
        api.data("GET", _INFO, self.info)
        api.data("GET", _VALUES, self.all_values)
        api.data("GET", _VALUES + "/{field}", self.values)

    def info(self, request: Request) -> Response:
        caller = self._api.caller(request)
        sobject, view = self._seen(request)
        default = default_of(sobject.record_types, caller.user_id)
        infos = sobject.record_type_infos(caller.base, caller.user_id)
        shown = {
            "apiName": sobject.name,
            "createable": sobject.flags["createable"],
            "custom": sobject.flags["custom"],
            "defaultRecordTypeId": default.id if default is not None else MASTER_ID,
            "deletable": sobject.flags["deletable"],
            "dependentFields": _dependents(view, None),
            "fields": {name: _field(field, view) for name, field in view.fields.items()},
            "keyPrefix": sobject.key_prefix,
            "label": sobject.label,
            "labelPlural": sobject.label_plural,
            "queryable": sobject.flags["queryable"],
            "recordTypeInfos": {info["recordTypeId"]: _info(info) for info in infos},
            "updateable": sobject.flags["updateable"],
        }
        return answer(_tagged(shown))

    def all_values(self, request: Request) -> Response:
        sobject, view = self._seen(request)
        record_type = self._record_type(request, sobject)
        fields = [field for field in view.fields.values() if field.type in _CHOICES]
        found = {field.name: self._picklist(request, sobject, field, record_type) for field in fields}
        return answer(_tagged({"picklistFieldValues": found}))

    def values(self, request: Request) -> Response:
        sobject, view = self._seen(request)
        record_type = self._record_type(request, sobject)
        field = view.field(request.params["field"])
        if field is None or field.type not in _CHOICES:
            raise RequestError("INVALID_FIELD", f"No such picklist on {sobject.name}: {request.params['field']}")
        return answer(_tagged(self._picklist(request, sobject, field, record_type)))

    def _seen(self, request: Request) -> tuple[SObject, View]:
        sobject, caller = self._api.sobject(request.params["object"]), self._api.caller(request)
        if not self._api.org.access.rights(caller.user_id, sobject.name).read:
            raise not_found()
        return sobject, self._api.org.access.view(caller.user_id, sobject)

    def _record_type(self, request: Request, sobject: SObject) -> RecordType | None:
        wanted = to_18(request.params["record_type"])
        if wanted == MASTER_ID:
            return None
        found = next((each for each in sobject.record_types if each.id == wanted), None)
        if found is None:
            raise not_found()
        return found

    def _picklist(
        self, request: Request, sobject: SObject, field: Field, record_type: RecordType | None
    ) -> dict[str, Any]:
        controls = sobject.fields[field.controller].control_values() if field.controller is not None else []
        values = [
            self._value(sobject, field, entry, controls)
            for entry in field.picklist
            if entry["active"] and (record_type is None or record_type.offers(field.name, entry["value"]))
        ]
        base = f"{self._api.caller(request).base}/ui-api/object-info/{sobject.name}/picklist-values"
        return {
            "controllerValues": {control: index for index, control in enumerate(controls)},
            "defaultValue": next((value for value in values if value["value"] == field.default), None),
            "url": f"{base}/{record_type.id if record_type is not None else MASTER_ID}/{field.name}",
            "values": values,
        }

    def _value(self, sobject: SObject, field: Field, entry: dict[str, Any], controls: list[str]) -> dict[str, Any]:
        valid_for = [
            index for index, control in enumerate(controls) if entry["value"] in field.depends.get(control, ())
        ]
        attributes = self._meaning(sobject, field, entry["value"])
        return {"attributes": attributes, "label": entry["label"], "validFor": valid_for, "value": entry["value"]}

    def _meaning(self, sobject: SObject, field: Field, value: str) -> dict[str, Any] | None:
        source = _MEANINGS.get((sobject.name, field.name))
        if source is None:
            return None
        table, names = self._api.org.tables[source[0]], source[1]
        row = next((row for row in table.rows.values() if row.values.get("ApiName") == value), None)
        if row is None:
            return None
        shown = {key: _meant(row, name) for key, name in names.items()}
        return {**shown, "picklistAtrributesValueType": source[0]}


def _meant(row: Record, name: str) -> Any:
    return row.values.get(name, 0.0 if name == "DefaultProbability" else False)


def _info(info: dict[str, Any]) -> dict[str, Any]:
    return {key: info[key] for key in ("available", "defaultRecordTypeMapping", "master", "name", "recordTypeId")}


def _dependents(view: View, controller: str | None) -> dict[str, Any]:
    """A tree: controlling field -> the fields that it controls -> those that they control."""
    if controller is None:
        roots = {field.controller for field in view.fields.values() if field.controller}
        found = [name for name in view.fields if name in roots and view.fields[name].controller is None]
    else:
        found = [field.name for field in view.fields.values() if field.controller == controller]
    return {name: _dependents(view, name) for name in found}


def _field(field: Field, view: View) -> dict[str, Any]:
    controlling: list[str] = []
    name = field.controller
    while name is not None:
        controlling.append(name)
        above = view.fields.get(name)
        name = above.controller if above is not None else None
    return {
        "apiName": field.name,
        "calculated": bool(field.raw.get("calculated")),
        "controllerName": field.controller,
        "controllingFields": controlling,
        "createable": field.name in view.createable,
        "custom": field.custom,
        "dataType": _DATA_TYPES.get(field.type, field.type.capitalize()),
        "label": field.label,
        "length": field.length,
        "precision": field.precision,
        "reference": field.type == "reference",
        "required": field.required,
        "scale": field.scale,
        "updateable": field.name in view.updateable,
    }


def _tagged(shown: dict[str, Any]) -> dict[str, Any]:
    return {"eTag": hashlib.md5(repr(shown).encode(), usedforsecurity=False).hexdigest(), **shown}
