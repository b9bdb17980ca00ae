"""The part of the Tooling API that an installer needs: custom fields made, looked up, changed and deleted, and
queries over
CustomField, EntityDefinition, FieldDefinition, RemoteProxy, CspTrustedSite and DeployRequest.

A field made here can be seen by nobody until field-level security grants it (access.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.api.context import Api, answer, no_content, object_of
from crm_emulator.salesforce.config import LATEST_VERSION
from crm_emulator.salesforce.custom_fields import field_from_metadata
from crm_emulator.salesforce.errors import RequestError, not_found
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.metadata.results import tooling_row
from crm_emulator.salesforce.schema import Field, SObject
from crm_emulator.salesforce.sites import Site
from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.parser import parse

_FIELDS = "/tooling/sobjects/CustomField"
# Object of the Tooling API -> metadata type.
_SITES = {"RemoteProxy": "RemoteSiteSetting", "CspTrustedSite": "CspTrustedSite"}
# Custom fields of these are defined on Activity, which is no object of the REST API.
_ACTIVITIES = ("Task", "Event")


class Tooling:
    def __init__(self, api: Api) -> None:
        self._api = api
        api.data("POST", _FIELDS, self.create)
        api.data("GET", _FIELDS + "/{id}", self.get)
        api.data("PATCH", _FIELDS + "/{id}", self.update)
        api.data("DELETE", _FIELDS + "/{id}", self.delete)
        api.data("GET", "/tooling/query", self.query)

    def create(self, request: Request) -> Response:
        body = object_of(request)
        full_name = str(body.get("FullName", ""))
        metadata = body.get("Metadata")
        owner, dot, name = full_name.partition(".")
        if not dot or not isinstance(metadata, dict):
            raise RequestError("INVALID_FIELD", "FullName (Object.Field__c) and Metadata are required")
        targets = self._targets(owner)
        visible = self._api.org.config.custom_fields_visible
        field_id = ""
        for sobject in targets:
            field_id = self._api.org.add_field(sobject, field_from_metadata(name, metadata, open_to_all=visible))
        location = f"{self._api.caller(request).base}{_FIELDS}/{field_id}"
        body = {"id": field_id, "success": True, "errors": [], "warnings": [], "infos": []}
        return answer(body, 201, [("Location", location)])

    def _targets(self, owner: str) -> list[SObject]:
        if owner == "Activity":
            return [self._api.org.objects[name] for name in _ACTIVITIES]
        sobject = self._api.org.sobject(owner)
        if sobject is None or sobject.name in _ACTIVITIES:
            raise RequestError(
                "FIELD_INTEGRITY_EXCEPTION",
                f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}",
            )
        return [sobject]

    def _find(self, request: Request) -> tuple[str, SObject, Field]:
        field_id = to_18(request.params["id"]) or ""
        found = self._api.org.field_ids.get(field_id)
        if found is None:
            raise not_found()
        sobject = self._api.org.objects[found[0]]
        return field_id, sobject, sobject.fields[found[1]]

    def get(self, request: Request) -> Response:
        field_id, sobject, field = self._find(request)
        return answer(_row(field_id, sobject, field))

    def update(self, request: Request) -> Response:
        _, sobject, field = self._find(request)
        metadata = object_of(request).get("Metadata") or {}
        changed = field_from_metadata(field.name, metadata, open_to_all=field.open_to_all)
        self._api.org.replace_field(sobject, changed)
        return no_content()

    def delete(self, request: Request) -> Response:
        _, sobject, field = self._find(request)
        self._api.org.remove_field(sobject, field)
        return no_content()

    def query(self, request: Request) -> Response:
        """`SELECT ... FROM CustomField|EntityDefinition|FieldDefinition WHERE a = 'x' AND ...`."""
        query = parse(request.query_one("q") or "")
        rows = self._rows(query.source)
        if rows is None:
            raise RequestError("INVALID_TYPE", f"sObject type '{query.source}' is not supported.")
        wanted = [row for row in rows if query.where is None or _matches(query.where, row)]
        for order in reversed(query.order_by):
            if isinstance(order.expression, ast.FieldRef):
                wanted.sort(key=_order_of(order.expression.text), reverse=order.descending)
        if query.limit is not None:
            wanted = wanted[: query.limit]
        names = [
            item.expression.text
            for item in query.select
            if isinstance(item, ast.SelectField) and isinstance(item.expression, ast.FieldRef)
        ]
        records = [{"attributes": {"type": query.source}, **_shown(row, names)} for row in wanted]
        return answer(
            {
                "size": len(records),
                "totalSize": len(records),
                "done": True,
                "queryLocator": None,
                "entityTypeName": query.source,
                "records": records,
            }
        )

    def _rows(self, source: str) -> list[dict[str, Any]] | None:
        org = self._api.org
        if source == "CustomField":
            return [
                _row(field_id, org.objects[name], org.objects[name].fields[field])
                for field_id, (name, field) in org.field_ids.items()
            ]
        if source == "EntityDefinition":
            return [
                {"Id": "000000000000000AAA", "DurableId": name, "QualifiedApiName": name, "Label": sobject.label}
                for name, sobject in org.objects.items()
            ]
        if source == "FieldDefinition":
            return [
                {
                    "DurableId": f"{name}.{field.name}",
                    "QualifiedApiName": field.name,
                    "Label": field.label,
                    "DataType": field.type,
                    "SecurityClassification": org.classified.get(f"{name}.{field.name}"),
                    "EntityDefinitionId": name,
                    "EntityDefinition.QualifiedApiName": name,
                }
                for name, sobject in org.objects.items()
                for field in sobject.fields.values()
                if not _of_an_address(sobject, field)
            ]
        if source == "DeployRequest":
            deployments = self._api.deployments
            return [tooling_row(deployments, deployment, LATEST_VERSION) for deployment in deployments.all()]
        if source in _SITES:
            return [_site(site) for site in org.sites.values() if site.type == _SITES[source]]
        return [] if source == "SandboxProcess" else None


def _of_an_address(sobject: SObject, field: Field) -> bool:
    """FieldDefinition has parity with the Metadata API, which knows an address as one field; EntityParticle, with
    describe, has the parts (Tooling API reference, EntityParticle)."""
    whole = sobject.fields.get(field.raw.get("compoundFieldName") or "")
    return whole is not None and whole.type == "address"


def _row(field_id: str, sobject: SObject, field: Field) -> dict[str, Any]:
    owner = "Activity" if sobject.name in _ACTIVITIES else sobject.name
    return {
        "Id": field_id,
        "DeveloperName": field.name.removesuffix("__c"),
        "FullName": f"{owner}.{field.name}",
        "TableEnumOrId": owner,
        "EntityDefinition.QualifiedApiName": owner,
        "EntityDefinitionId": owner,
        "NamespacePrefix": None,
    }


def _shown(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The columns that were asked for; `CreatedBy.Name` inside its parent."""
    shown: dict[str, Any] = {}
    for name in names:
        parent, dot, column = name.rpartition(".")
        if dot:
            shown.setdefault(parent, {})[column] = row.get(name)
        else:
            shown[name] = row.get(name)
    return shown


def _order_of(name: str) -> Callable[[dict[str, Any]], tuple[bool, str]]:
    return lambda row: (row.get(name) is not None, str(row.get(name)))


def _site(site: Site) -> dict[str, Any]:
    """Element names of the metadata file with a capital, as the columns of both objects are (Tooling API reference);
    RemoteProxy has names of its own."""
    values = {name[0].upper() + name[1:]: value for name, value in site.values.items()}
    if site.type == "RemoteSiteSetting":
        named = {"SiteName": site.name, "EndpointUrl": values.pop("Url")}
        named["ProtocolMismatch"] = values.pop("DisableProtocolSecurity")
    else:
        named = {"DeveloperName": site.name, "MasterLabel": site.name}
    return {"Id": site.id, **named, **values, "NamespacePrefix": None}


def _matches(condition: ast.Condition, row: dict[str, Any]) -> bool:
    if isinstance(condition, ast.And):
        return all(_matches(part, row) for part in condition.parts)
    if isinstance(condition, ast.Or):
        return any(_matches(part, row) for part in condition.parts)
    if isinstance(condition, ast.Not):
        return not _matches(condition.part, row)
    if isinstance(condition, (ast.Compare, ast.InList)) and isinstance(condition.left, ast.FieldRef):
        value = str(row.get(condition.left.text) or "").casefold()
        if isinstance(condition, ast.InList):
            return (value in {str(item.value).casefold() for item in condition.values}) is not condition.negated
        if condition.op in ("=", "!="):
            return (value == str(condition.right.value or "").casefold()) is (condition.op == "=")
    raise RequestError("MALFORMED_QUERY", "this condition is not supported by the local Tooling API")
