"""Associations: v4 single verbs and batches, labels, their dated forms, and the v3 batches with type names.

`toObjectId` is a number although the documentation says string (seen in live answers). Reads list every type of a pair,
in no particular order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm_emulator.hubspot import shapes
from crm_emulator.hubspot.account import Actor
from crm_emulator.hubspot.api import DATED, Api, body_of, inputs_of, number_of
from crm_emulator.hubspot.association_types import AssociationType
from crm_emulator.hubspot.associations import target
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.kernel.http import Request, Response, json_response

_OBJECTS = ("/crm/v4/objects", *(f"/crm/objects/{date}" for date in DATED))
_BATCHES = ("/crm/v4/associations", "/crm/associations/v4", *(f"/crm/associations/{date}" for date in DATED))
_PAIR = "{from_type}/{to_type}"


class AssociationRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._portal = api.portal
        self._types = api.associations.types
        for base in _OBJECTS:
            one = f"{base}/{{from_type}}/{{from_id}}/associations"
            api.add("GET", f"{one}/{{to_type}}", self.list_all)
            api.add("PUT", f"{one}/{{to_type}}/{{to_id}}", self.put)
            api.add("DELETE", f"{one}/{{to_type}}/{{to_id}}", self.delete)
            api.add("PUT", f"{one}/default/{{to_type}}/{{to_id}}", self.put_default)
        for base in _BATCHES:
            pair = f"{base}/{_PAIR}"
            api.add("POST", f"{pair}/batch/read", self.batch_read)
            api.add("POST", f"{pair}/batch/create", self.batch_create)
            api.add("POST", f"{pair}/batch/archive", self.batch_archive)
            api.add("POST", f"{pair}/batch/labels/archive", self.batch_archive_labels)
            api.add("POST", f"{pair}/batch/associate/default", self.batch_default)
            api.add("GET", f"{pair}/labels", self.labels)
            api.add("POST", f"{pair}/labels", self.create_label)
            api.add("PUT", f"{pair}/labels", self.rename_label)
            api.add("DELETE", f"{pair}/labels/{{id}}", self.delete_label)

    # Single

    def list_all(self, request: Request) -> Response:
        record, to = self._record(request), self._to(request)
        limit = min(number_of(request, "limit", 500), self._api.config.association_page_max)
        rows, next_after = self._page(record, to, request.query_one("after"), limit)
        body: dict[str, Any] = {"results": rows}
        if next_after is not None:
            link = f"https://api.hubapi.com{request.path}?limit={limit}&after={next_after}"
            body["paging"] = {"next": {"after": next_after, "link": link}}
        return json_response(body)

    def put(self, request: Request) -> Response:
        one, other = self._both(request)
        specs = self._types.named(one.kind.key, other.kind.key, request.json() if request.body else [])
        self._api.associations.add(one, other, specs, self._api.actor(request))
        return json_response(_labelled(one, other, self._named(one, other, specs)), 201)

    def put_default(self, request: Request) -> Response:
        one, other = self._both(request)
        started_ms = self._portal.now_ms()
        self._api.associations.add(one, other, None, self._api.actor(request))
        return self._api.batch(self._defaults(one, other), [], started_ms)

    def delete(self, request: Request) -> Response:
        from_table, to_table = self._api.table(request, "from_type"), self._to(request)
        one = self._portal.lookup(from_table, request.params["from_id"], None, merged=True)
        other = self._portal.lookup(to_table, request.params["to_id"], None, merged=True)
        if one is not None and other is not None:
            self._api.associations.remove(one, other, self._api.actor(request))
        return Response(204)

    # Batches

    def batch_read(self, request: Request) -> Response:
        from_table, to = self._api.table(request, "from_type"), self._to(request)
        started_ms = self._portal.now_ms()
        results: list[Any] = []
        lonely: list[str] = []
        for one in inputs_of(body_of(request, shapes.Ends), self._api.config.association_read_batch_max):
            id = str(one.get("id", ""))
            record = self._portal.lookup(from_table, id, None, merged=True)
            rows, next_after = (
                ([], None)
                if record is None
                else self._page(record, to, one.get("after"), self._api.config.association_page_max)
            )
            if not rows:
                lonely.append(id)
                continue
            result: dict[str, Any] = {"from": {"id": id}, "to": rows}
            if next_after is not None:
                result["paging"] = {"next": {"after": next_after}}
            results.append(result)
        return self._api.batch(results, no_associations(from_table, to, lonely), started_ms)

    def batch_create(self, request: Request) -> Response:
        def write(one: Record, other: Record, given: Any, actor: Actor) -> list[Any]:
            specs = self._types.named(one.kind.key, other.kind.key, given.get("types") or [])
            self._api.associations.add(one, other, specs, actor)
            return [_labelled(one, other, self._named(one, other, specs))]

        return self._batch(request, write, ok=201)

    def batch_default(self, request: Request) -> Response:
        def write(one: Record, other: Record, given: Any, actor: Actor) -> list[Any]:
            self._api.associations.add(one, other, None, actor)
            return self._defaults(one, other)

        return self._batch(request, write, ok=200)

    def batch_archive(self, request: Request) -> Response:
        for one, other, _ in self._archived_pairs(request):
            self._api.associations.remove(one, other, self._api.actor(request))
        return Response(204)

    def batch_archive_labels(self, request: Request) -> Response:
        for one, other, given in self._archived_pairs(request):
            specs = self._types.named(one.kind.key, other.kind.key, given.get("types") or [])
            self._api.associations.remove_types(one, other, specs, self._api.actor(request))
        return Response(204)

    # Labels

    def labels(self, request: Request) -> Response:
        from_table, to = self._api.table(request, "from_type"), self._to(request)
        found = self._types.of(from_table.kind.key, to.kind.key)
        return json_response({"results": [_label(one) for one in found.values()]})

    def create_label(self, request: Request) -> Response:
        from_table, to = self._api.table(request, "from_type"), self._to(request)
        made = self._types.add_label(from_table.kind.key, to.kind.key, body_of(request, shapes.Label))
        return json_response({"results": [_label(one) for one in made]})

    def rename_label(self, request: Request) -> Response:
        from_table, to = self._api.table(request, "from_type"), self._to(request)
        self._types.rename_label(from_table.kind.key, to.kind.key, body_of(request, shapes.Label))
        return Response(204)

    def delete_label(self, request: Request) -> Response:
        from_table, to = self._api.table(request, "from_type"), self._to(request)
        id = int(request.params["id"]) if request.params["id"].isdecimal() else 0
        self._api.associations.remove_label(from_table.kind.key, to.kind.key, id)
        return Response(204)

    # Inside

    def _batch(
        self, request: Request, write: Callable[[Record, Record, Any, Actor], list[Any]], *, ok: int
    ) -> Response:
        from_table, to = self._api.table(request, "from_type"), self._to(request)
        actor = self._api.actor(request)
        started_ms = self._portal.now_ms()
        results: list[Any] = []
        failures: list[dict[str, Any]] = []
        for given in inputs_of(body_of(request, shapes.Links), self._api.config.association_write_batch_max):
            try:
                one, other = (
                    target(self._portal, table, (given.get(key) or {}).get("id"))
                    for table, key in ((from_table, "from"), (to, "to"))
                )
                results.extend(write(one, other, given, actor))
            except ApiError as fault:
                ids = [str((given.get(key) or {}).get("id")) for key in ("from", "to")]
                failures.append(fault.batch_entry({"ids": ids}))
        return self._api.batch(results, failures, started_ms, ok)

    def _archived_pairs(self, request: Request) -> list[tuple[Record, Record, Any]]:
        """`to` is one id or a list of them. Records that are gone are passed over."""
        from_table, to = self._api.table(request, "from_type"), self._to(request)
        found: list[tuple[Record, Record, Any]] = []
        for given in inputs_of(body_of(request, shapes.Unlinks), self._api.config.association_write_batch_max):
            targets = given.get("to") or []
            one = self._portal.lookup(from_table, str((given.get("from") or {}).get("id")), None, merged=True)
            for item in targets if isinstance(targets, list) else [targets]:
                other = self._portal.lookup(to, str(item.get("id")), None, merged=True)
                if one is not None and other is not None:
                    found.append((one, other, given))
        return found

    def _page(self, record: Record, to: Table, after: str | None, limit: int) -> tuple[list[Any], str | None]:
        """Rows from the id `after` on, and the id the next page starts with."""
        start = int(after) if after and after.isdecimal() else 0
        types = self._types.of(record.kind.key, to.kind.key)
        rows: list[Any] = []
        for id, type_ids in self._api.associations.of(record, to.kind.key):
            if id < start:
                continue
            if len(rows) == limit:
                return rows, str(id)
            shown = sorted(type_ids, key=lambda type_id: (type_id * id) % 7919)  # in no particular order
            rows.append(
                {
                    "toObjectId": id,
                    "associationTypes": [_label(types[type_id]) for type_id in shown if type_id in types],
                }
            )
        return rows, None

    def _defaults(self, one: Record, other: Record) -> list[Any]:
        there = self._types.default(one.kind.key, other.kind.key)
        rows = [(one, other, there.id), (other, one, there.inverse_id)]
        return [
            {
                "from": {"id": str(here.id)},
                "to": {"id": str(far.id)},
                "associationSpec": {"associationCategory": there.category, "associationTypeId": id},
            }
            for here, far, id in rows
        ]

    def _named(self, one: Record, other: Record, ids: list[int]) -> list[str]:
        types = self._types.of(one.kind.key, other.kind.key)
        return [label for id in ids if (label := types[id].label) is not None]

    def _record(self, request: Request) -> Record:
        return self._portal.resolve(self._api.table(request, "from_type"), request.params["from_id"], None)

    def _to(self, request: Request) -> Table:
        return self._api.table(request, "to_type")

    def _both(self, request: Request) -> tuple[Record, Record]:
        return self._record(request), self._portal.resolve(self._to(request), request.params["to_id"], None)


def no_associations(from_table: Table, to: Table, ids: list[str]) -> list[dict[str, Any]]:
    """As 207 entries (the shape is from third-party reports, unverified)."""
    found: list[dict[str, Any]] = []
    for id in ids:
        message = f"No {to.kind.singular} is associated with {from_table.kind.singular} {id}."
        fault = ApiError(404, message, "OBJECT_NOT_FOUND", subCategory="crm.associations.NO_ASSOCIATIONS_FOUND")
        context = {
            "fromObjectId": [id],
            "fromObjectType": [from_table.kind.singular],
            "toObjectType": [to.kind.singular],
        }
        found.append(fault.batch_entry(context))
    return found


def _label(found: AssociationType) -> dict[str, Any]:
    return {"category": found.category, "typeId": found.id, "label": found.label}


def _labelled(one: Record, other: Record, labels: list[str]) -> dict[str, Any]:
    return {
        "fromObjectTypeId": one.kind.type_id,
        "fromObjectId": one.id,
        "toObjectTypeId": other.kind.type_id,
        "toObjectId": other.id,
        "labels": labels,
    }
