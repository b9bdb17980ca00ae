"""Page layouts of an object, and which picklist values each record type offers on them (REST API, sObject Layouts;
the keys are those of describeLayout in the SOAP API).

    GET /sobjects/X/describe/layouts                  every record type's mapping, with its picklists
    GET /sobjects/X/describe/layouts/{record type}    one layout

There is one layout per object here: every record type has it, and it shows every field.
"""

from __future__ import annotations

from typing import Any

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.api.context import Api, answer
from crm_emulator.salesforce.errors import not_found
from crm_emulator.salesforce.ids import checksum, to_18
from crm_emulator.salesforce.record_types import MASTER_ID
from crm_emulator.salesforce.schema import Field, SObject

_CHOICES = frozenset({"picklist", "multipicklist"})


class Layouts:
    def __init__(self, api: Api) -> None:
        self._api = api
        api.data("GET", "/sobjects/{object}/describe/layouts", self.all)
        api.data("GET", "/sobjects/{object}/describe/layouts/{record_type}", self.one)

    def all(self, request: Request) -> Response:
        sobject, caller = self._api.sobject(request.params["object"]), self._api.caller(request)
        fields = list(self._api.org.access.view(caller.user_id, sobject).fields.values())
        layout_id = self._layout_id(sobject)
        mappings = []
        for info in sobject.record_type_infos(caller.base, caller.user_id):
            offered = [_picklist(sobject, field, info["recordTypeId"]) for field in fields if field.type in _CHOICES]
            mappings.append({**info, "layoutId": layout_id, "picklistsForRecordType": offered})
        # "Objects that have more than one record type return null for the layouts section" (sObject Layouts).
        several = len(sobject.record_types) > 1
        shown = {
            "layouts": None if several else [_layout(layout_id, fields)],
            "recordTypeMappings": mappings,
            "recordTypeSelectorRequired": [several],
        }
        return answer(shown)

    def one(self, request: Request) -> Response:
        sobject, caller = self._api.sobject(request.params["object"]), self._api.caller(request)
        wanted = to_18(request.params["record_type"])
        if wanted != MASTER_ID and wanted not in {each.id for each in sobject.record_types}:
            raise not_found()
        fields = list(self._api.org.access.view(caller.user_id, sobject).fields.values())
        return answer(_layout(self._layout_id(sobject), fields))

    def _layout_id(self, sobject: SObject) -> str:
        id15 = f"00h{self._api.org.ids.pod}000000{sobject.key_prefix}"
        return id15 + checksum(id15)


def _picklist(sobject: SObject, field: Field, record_type_id: str) -> dict[str, Any]:
    found = next((each for each in sobject.record_types if each.id == record_type_id), None)
    values = [
        entry
        for entry in field.picklist
        if entry["active"] and (found is None or found.offers(field.name, entry["value"]))
    ]
    return {"picklistName": field.name, "picklistValues": values}


def _layout(layout_id: str, fields: list[Field]) -> dict[str, Any]:
    return {
        "buttonLayoutSection": {"detailButtons": []},
        "detailLayoutSections": [_section(fields, editable=False)],
        "editLayoutSections": [_section([field for field in fields if field.updateable], editable=True)],
        "feedView": None,
        "highlightsPanelLayoutSection": None,
        "id": layout_id,
        "multirowEditLayoutSections": [],
        "offlineLinks": [],
        "quickActionList": {"quickActionListItems": []},
        "relatedContent": None,
        "relatedLists": [],
        "saveOptions": [],
    }


def _section(fields: list[Field], *, editable: bool) -> dict[str, Any]:
    rows = [{"layoutItems": [_item(field, editable=editable)], "numItems": 1} for field in fields]
    return {"columns": 1, "heading": "Information", "layoutRows": rows, "rows": len(rows), "useHeading": False}


def _item(field: Field, *, editable: bool) -> dict[str, Any]:
    return {
        "editableForNew": editable and field.createable,
        "editableForUpdate": editable and field.updateable,
        "label": field.label,
        "layoutComponents": [{"displayLines": 1, "tabOrder": 0, "type": "Field", "value": field.name}],
        "placeholder": False,
        "required": field.required,
    }
