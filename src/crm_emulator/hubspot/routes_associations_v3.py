"""Associations v3: batches that name types by `contact_to_company` and the like, and answer in both directions."""

from __future__ import annotations

from typing import Any

from crm_emulator.hubspot import shapes
from crm_emulator.hubspot.api import Api, body_of, inputs_of
from crm_emulator.hubspot.association_types import AssociationType
from crm_emulator.hubspot.associations import target
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.hubspot.routes_associations import no_associations
from crm_emulator.kernel.http import Request, Response, json_response

_BASE = "/crm/v3/associations/{from_type}/{to_type}"


class AssociationV3Routes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._portal = api.portal
        api.add("GET", f"{_BASE}/types", self.types)
        api.add("POST", f"{_BASE}/batch/read", self.batch_read)
        api.add("POST", f"{_BASE}/batch/create", self.batch_create)
        api.add("POST", f"{_BASE}/batch/archive", self.batch_archive)
        api.add("GET", "/crm/v3/objects/{from_type}/{from_id}/associations/{to_type}", self.list_all)
        one = "/crm/v3/objects/{from_type}/{from_id}/associations/{to_type}/{to_id}/{association}"
        api.add("PUT", one, self.put)
        api.add("DELETE", one, self.delete)

    def types(self, request: Request) -> Response:
        from_table, to = self._tables(request)
        found = self._api.associations.types.of(from_table.kind.key, to.kind.key)
        return json_response({"results": [{"id": str(one.id), "name": one.name} for one in found.values()]})

    def list_all(self, request: Request) -> Response:
        from_table, to = self._tables(request)
        record = self._portal.resolve(from_table, request.params["from_id"], None)
        return json_response(named_page(self._api, record, to, request.query_one("after")))

    def batch_read(self, request: Request) -> Response:
        from_table, to = self._tables(request)
        started_ms = self._portal.now_ms()
        results: list[Any] = []
        lonely: list[str] = []
        for one in inputs_of(body_of(request, shapes.Ends), self._api.config.association_read_batch_max):
            id = str(one.get("id", ""))
            record = self._portal.lookup(from_table, id, None, merged=True)
            page = {} if record is None else named_page(self._api, record, to, one.get("after"))
            if not page.get("results"):
                lonely.append(id)
                continue
            result = {"from": {"id": id}, "to": page.pop("results")}
            results.append({**result, **page})
        return self._api.batch(results, no_associations(from_table, to, lonely), started_ms)

    def batch_create(self, request: Request) -> Response:
        from_table, to = self._tables(request)
        actor = self._api.actor(request)
        started_ms = self._portal.now_ms()
        results: list[Any] = []
        failures: list[dict[str, Any]] = []
        for given in inputs_of(body_of(request, shapes.Links), self._api.config.association_write_batch_max):
            try:
                one = target(self._portal, from_table, (given.get("from") or {}).get("id"))
                other = target(self._portal, to, (given.get("to") or {}).get("id"))
                found = self._type(from_table, to, given)
                self._api.associations.add(one, other, [found.id], actor)
            except ApiError as fault:
                failures.append(fault.batch_entry({"type": [str(given.get("type"))]}))
                continue
            back = self._api.associations.types.get(to.kind.key, from_table.kind.key, found.inverse_id)
            results.append({"from": {"id": str(one.id)}, "to": {"id": str(other.id)}, "type": found.name})
            results.append({"from": {"id": str(other.id)}, "to": {"id": str(one.id)}, "type": back.name})
        return self._api.batch(results, failures, started_ms, ok=201)

    def batch_archive(self, request: Request) -> Response:
        from_table, to = self._tables(request)
        for given in inputs_of(body_of(request, shapes.Links), self._api.config.association_write_batch_max):
            one = self._portal.lookup(from_table, str((given.get("from") or {}).get("id")), None, merged=True)
            other = self._portal.lookup(to, str((given.get("to") or {}).get("id")), None, merged=True)
            if one is not None and other is not None:
                self._api.associations.remove(one, other, self._api.actor(request))
        return Response(204)

    def put(self, request: Request) -> Response:
        """Answers with the record, as the v3 objects API did."""
        from_table, to = self._tables(request)
        one = self._portal.resolve(from_table, request.params["from_id"], None)
        other = self._portal.resolve(to, request.params["to_id"], None)
        found = self._type(from_table, to, {"type": request.params["association"]})
        self._api.associations.add(one, other, [found.id], self._api.actor(request))
        return json_response(self._api.views.get(from_table, ()).render(one))

    def delete(self, request: Request) -> Response:
        from_table, to = self._tables(request)
        one = self._portal.lookup(from_table, request.params["from_id"], None, merged=True)
        other = self._portal.lookup(to, request.params["to_id"], None, merged=True)
        if one is not None and other is not None:
            found = self._type(from_table, to, {"type": request.params["association"]})
            self._api.associations.remove_types(one, other, [found.id], self._api.actor(request))
        return Response(204)

    def _type(self, from_table: Table, to: Table, given: Any) -> AssociationType:
        types = self._api.associations.types
        return types.by_name(from_table.kind.key, to.kind.key, str(given.get("type") or ""))

    def _tables(self, request: Request) -> tuple[Table, Table]:
        return self._api.table(request, "from_type"), self._api.table(request, "to_type")


def named_page(api: Api, record: Record, to: Table, after: str | None = None) -> dict[str, Any]:
    """`{"results": [{"id", "type"}], "paging"}`: one row per type, from the associated id `after` on."""
    types = api.associations.types.of(record.kind.key, to.kind.key)
    start = int(after) if after and after.isdecimal() else 0
    rows: list[Any] = []
    records = 0
    for id, type_ids in api.associations.of(record, to.kind.key):
        if id < start:
            continue
        if records == api.config.association_v3_page_max:
            link = f"https://api.hubapi.com/crm/v3/objects/{record.kind.key}/{record.id}/associations/{to.kind.key}"
            return {"results": rows, "paging": {"next": {"after": str(id), "link": f"{link}?after={id}"}}}
        records += 1
        rows.extend({"id": str(id), "type": types[type_id].name} for type_id in type_ids if type_id in types)
    return {"results": rows}
