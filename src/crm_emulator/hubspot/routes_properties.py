"""Property definitions and groups (`/crm/v3/properties/{type}` and its dated forms), and object type schemas."""

from __future__ import annotations

from typing import Any

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.api import DATED, PROPERTIES, Api, body_of, flag_of, inputs_of
from crm_emulator.hubspot.association_types import AssociationType
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.kinds import Kind
from crm_emulator.hubspot.records import Table
from crm_emulator.hubspot.stamps import iso_ms
from crm_emulator.kernel.http import Request, Response, json_response

_SCHEMAS = ("/crm/v3/schemas", "/crm-object-schemas/v3/schemas", *(f"/crm-object-schemas/{d}/schemas" for d in DATED))


class PropertyRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        for base in PROPERTIES:
            one = f"{base}/{{type}}"
            api.add("GET", one, self.list_all)
            api.add("POST", one, self.create)
            api.add("POST", f"{one}/batch/read", self.batch_read)
            api.add("POST", f"{one}/batch/create", self.batch_create)
            api.add("POST", f"{one}/batch/archive", self.batch_archive)
            api.add("GET", f"{one}/groups", self.groups)
            api.add("POST", f"{one}/groups", self.create_group)
            api.add("GET", f"{one}/groups/{{name}}", self.group)
            api.add("PATCH", f"{one}/groups/{{name}}", self.update_group)
            api.add("DELETE", f"{one}/groups/{{name}}", self.archive_group)
            api.add("GET", f"{one}/{{name}}", self.read)
            api.add("PATCH", f"{one}/{{name}}", self.update)
            api.add("DELETE", f"{one}/{{name}}", self.archive)
        api.add("GET", _SCHEMAS, self.custom_schemas)
        api.add("GET", [f"{base}/{{type}}" for base in _SCHEMAS], self.schema)

    def list_all(self, request: Request) -> Response:
        schema = self._api.table(request).schema
        found = schema.archived if flag_of(request, "archived") else schema.properties
        return json_response({"results": [one.to_json() for one in found.values()]})

    def read(self, request: Request) -> Response:
        schema = self._api.table(request).schema
        if flag_of(request, "archived") and request.params["name"] in schema.archived:
            return json_response(schema.archived[request.params["name"]].to_json())
        return json_response(schema.get(request.params["name"]).to_json())

    def create(self, request: Request) -> Response:
        made = self._create(self._api.table(request), body_of(request, shapes.Definition), request)
        return json_response(made, 201)

    def update(self, request: Request) -> Response:
        table, name = self._api.table(request), request.params["name"]
        body = body_of(request, shapes.Definition)
        text = body.pop("calculationFormula", None)
        if text is not None and table.schema.get(name).calculation_formula is None:
            raise errors.invalid(f"Property '{name}' is no calculation property")
        formula = None if text is None else self._api.portal.formula(table, name, text)
        found = table.schema.update(name, body, self._now_ms())
        if formula is not None:
            found.calculation_formula = text
            self._api.portal.calculate(table, name, formula)
        return json_response(found.to_json())

    def archive(self, request: Request) -> Response:
        self._archive(self._api.table(request), request.params["name"])
        return Response(204)

    def batch_read(self, request: Request) -> Response:
        schema = self._api.table(request).schema
        started_ms = self._now_ms()
        results: list[Any] = []
        missing: list[str] = []
        for one in inputs_of(body_of(request, shapes.Definitions), self._api.config.batch_max):
            found = schema.properties.get(str(one.get("name")))
            if found is None:
                missing.append(str(one.get("name")))
            else:
                results.append(found.to_json())
        failure = ApiError(404, "Some properties do not exist", "OBJECT_NOT_FOUND").batch_entry({"name": missing})
        return self._api.batch(results, [failure] if missing else [], started_ms)

    def batch_create(self, request: Request) -> Response:
        table = self._api.table(request)
        started_ms = self._now_ms()
        results: list[Any] = []
        failures: list[dict[str, Any]] = []
        for one in inputs_of(body_of(request, shapes.Definitions), self._api.config.batch_max):
            try:
                results.append(self._create(table, one, request))
            except ApiError as fault:
                failures.append(fault.batch_entry({"name": [str(one.get("name"))]}))
        return self._api.batch(results, failures, started_ms, ok=201)

    def batch_archive(self, request: Request) -> Response:
        table = self._api.table(request)
        for one in inputs_of(body_of(request, shapes.Definitions), self._api.config.batch_max):
            if one.get("name") in table.schema.properties:
                self._archive(table, one["name"])
        return Response(204)

    def groups(self, request: Request) -> Response:
        return json_response({"results": list(self._api.table(request).schema.groups.values())})

    def group(self, request: Request) -> Response:
        return json_response(self._api.table(request).schema.get_group(request.params["name"]))

    def create_group(self, request: Request) -> Response:
        return json_response(self._api.table(request).schema.create_group(body_of(request, shapes.Definition)), 201)

    def update_group(self, request: Request) -> Response:
        found = self._api.table(request).schema.get_group(request.params["name"])
        body = body_of(request, shapes.Definition)
        found.update({key: body[key] for key in ("label", "displayOrder") if key in body})
        return json_response(found)

    def archive_group(self, request: Request) -> Response:
        self._api.table(request).schema.archive_group(request.params["name"])
        return Response(204)

    def custom_schemas(self, request: Request) -> Response:
        """Recorded: the list holds the account's own object types only."""
        tables = self._api.portal.tables.values()
        return json_response({"results": [self._schema(table) for table in tables if _is_custom(table)]})

    def schema(self, request: Request) -> Response:
        return json_response(self._schema(self._api.table(request)))

    def _create(self, table: Table, body: dict[str, Any], request: Request) -> dict[str, Any]:
        most = self._api.config.custom_properties_max
        if table.schema.own >= most:  # that there is a limit is documented (limits tracking); the wording is unverified
            raise errors.invalid(
                f"This account has {most} custom properties of {table.kind.key}, which is as many as it may have"
            )
        text = body.get("calculationFormula")
        formula = None if text is None else self._api.portal.formula(table, str(body.get("name")), text)
        made = table.schema.create(body, self._now_ms(), str(request.context.user_id))
        if formula is not None:
            self._api.portal.calculate(table, made.name, formula)
        if made.unique:
            self._api.portal.index_unique(table, made.name)
        return made.to_json()

    def _archive(self, table: Table, name: str) -> None:
        self._api.portal.archive_property(table, name)

    def _schema(self, table: Table) -> dict[str, Any]:
        kind = table.kind
        return {
            "labels": {"singular": kind.singular.capitalize(), "plural": kind.key.capitalize()},
            "requiredProperties": list(kind.required),
            "searchableProperties": list(kind.searched),
            "primaryDisplayProperty": kind.columns[0] if kind.columns else "hs_object_id",
            "secondaryDisplayProperties": list(kind.columns[1:]),
            "archived": False,
            "restorable": True,
            "metaType": "PORTAL_SPECIFIC" if _is_custom(table) else "HUBSPOT",
            "id": kind.type_id.partition("-")[2],
            "fullyQualifiedName": kind.full_name or kind.upper,
            "createdAt": iso_ms(0),
            "updatedAt": iso_ms(0),
            "objectTypeId": kind.type_id,
            "properties": [one.to_json() for one in table.schema.properties.values()],
            "associations": self._associations(kind),
            "name": kind.key if _is_custom(table) else kind.upper,
        }

    def _associations(self, kind: Kind) -> list[dict[str, Any]]:
        """Recorded: both directions of every type that HubSpot defines for the object type, named in upper case."""
        found: list[dict[str, Any]] = []
        for other in self._api.portal.kinds.all.values():
            for one in self._api.associations.types.of(kind.key, other.key).values():
                for type in (one, self._api.associations.types.get(other.key, kind.key, one.inverse_id)):
                    ends = (self._api.portal.kinds.all[key].type_id for key in (type.from_key, type.to_key))
                    found.append(_association(type, *ends))
        return found

    def _now_ms(self) -> int:
        return self._api.portal.now_ms()


def _association(type: AssociationType, from_type: str, to_type: str) -> dict[str, Any]:
    return {
        "fromObjectTypeId": from_type,
        "toObjectTypeId": to_type,
        "name": type.name.upper(),
        "cardinality": "ONE_TO_ONE" if type.primary else "ONE_TO_MANY",
        "inverseCardinality": "ONE_TO_MANY",
        "id": str(type.id),
        "createdAt": None,
        "updatedAt": None,
    }


def _is_custom(table: Table) -> bool:
    return table.kind.type_id.startswith("2-")
