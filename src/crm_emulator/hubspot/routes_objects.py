"""Single records, lists, search, merge and erase: `/crm/v3/objects/{type}` and its dated forms."""

from __future__ import annotations

from typing import Any

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.api import OBJECTS, Api, body_of, flag_of, names_of, number_of
from crm_emulator.hubspot.kinds import CONTACTS
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.hubspot.routes_associations_v3 import named_page
from crm_emulator.kernel.http import Request, Response, json_response

LIST_PAGE_DEFAULT = 10


class ObjectRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._portal = api.portal
        for base in OBJECTS:
            api.add("GET", f"{base}/{{type}}", self.list_all)
            api.add("POST", f"{base}/{{type}}", self.create)
            api.add("POST", f"{base}/{{type}}/search", self.search)
            api.add("POST", f"{base}/{{type}}/merge", self.merge)
            api.add("POST", f"{base}/{{type}}/gdpr-delete", self.erase)
            api.add("GET", f"{base}/{{type}}/{{id}}", self.read)
            api.add("PATCH", f"{base}/{{type}}/{{id}}", self.update)
            api.add("DELETE", f"{base}/{{type}}/{{id}}", self.archive)

    def list_all(self, request: Request) -> Response:
        table = self._api.table(request)
        names, history = names_of(request, "properties"), names_of(request, "propertiesWithHistory")
        config = self._api.config
        limit = number_of(request, "limit", LIST_PAGE_DEFAULT)
        most = config.history_page_max if history else config.list_page_max
        if limit > most:
            raise errors.invalid(f"Page size {limit} exceeds the maximum of {most}.")
        view = self._api.views.get(table, names, history)
        linked = names_of(request, "associations")
        results: list[dict[str, Any]] = []
        next_id: int | None = None
        # `after` is the id that the next page starts with (recorded in paging.next.link).
        for record in table.after(number_of(request, "after", 0) - 1, archived=flag_of(request, "archived")):
            if len(results) == limit:
                next_id = record.id
                break
            results.append(self._with_links(record, view.render(record), linked))
        body: dict[str, Any] = {"results": results}
        if next_id is not None:
            link = f"https://api.hubapi.com{request.path}?limit={limit}&after={next_id}"
            body["paging"] = {"next": {"after": str(next_id), "link": link}}
        return json_response(body)

    def create(self, request: Request) -> Response:
        table = self._api.table(request)
        body, actor = body_of(request, shapes.Record), self._api.actor(request)
        operations = self._api.operations
        draft = operations.draft_create(table, body.get("properties") or {}, actor, body.get("associations"))
        record = operations.carry_out(table, draft, actor)
        written = self._api.views.after_write(table, draft.values).written(record, draft.values)
        return json_response(written, 201)

    def read(self, request: Request) -> Response:
        table = self._api.table(request)
        record = self._named(request, table, archived=flag_of(request, "archived"))
        names, history = names_of(request, "properties"), names_of(request, "propertiesWithHistory")
        rendered = self._api.views.get(table, names, history).render(record)
        return json_response(self._with_links(record, rendered, names_of(request, "associations")))

    def update(self, request: Request) -> Response:
        table = self._api.table(request)
        body, actor = body_of(request, shapes.Record), self._api.actor(request)
        record = self._named(request, table)
        operations = self._api.operations
        draft = operations.draft_update(table, record, body.get("properties") or {}, actor)
        operations.carry_out(table, draft, actor)
        return json_response(self._api.views.after_write(table, draft.values).written(record, draft.values))

    def archive(self, request: Request) -> Response:
        """204 also when it is archived already or never was (unverified: repeated delete)."""
        table = self._api.table(request)
        record = self._portal.lookup(table, request.params["id"], request.query_one("idProperty"), merged=True)
        if record is not None:
            self._api.operations.archive(table, record, self._api.actor(request))
        return Response(204)

    def search(self, request: Request) -> Response:
        table = self._api.table(request)
        body = body_of(request, shapes.Search)
        found = self._api.search.run(table, body, request.body)
        names = tuple(str(name) for name in body.get("properties") or ())
        view = self._api.views.get(table, names)
        answer: dict[str, Any] = {"total": found.total, "results": [view.render(record) for record in found.page]}
        if found.next_after is not None:
            answer["paging"] = {"next": {"after": str(found.next_after)}}
        return json_response(answer)

    def merge(self, request: Request) -> Response:
        table = self._api.table(request)
        body = body_of(request, shapes.Merge)
        primary, other = (
            self._portal.resolve(table, str(body.get(key) or ""), None)
            for key in ("primaryObjectId", "objectIdToMerge")
        )
        survivor = self._api.operations.merge(table, primary, other, self._api.actor(request))
        return json_response(self._api.views.after_write(table, survivor.values).render(survivor))

    def erase(self, request: Request) -> Response:
        table = self._api.table(request)
        if table.kind is not CONTACTS:
            raise errors.not_found()
        body = body_of(request, shapes.Erase)
        record = self._portal.lookup(table, str(body.get("objectId") or ""), body.get("idProperty"), merged=True)
        if record is not None:
            self._api.operations.erase(table, record, self._api.actor(request))
        return Response(204)

    def _named(self, request: Request, table: Table, *, archived: bool = False) -> Record:
        given, id_property = request.params["id"], request.query_one("idProperty")
        if archived:
            record = table.records.get(int(given)) if given.isdecimal() else None
            if record is None or record.archived_ms is None:
                raise errors.not_found()
            return record
        return self._portal.resolve(table, given, id_property)

    def _with_links(self, record: Record, rendered: dict[str, Any], linked: tuple[str, ...]) -> dict[str, Any]:
        """`associations` of a read: v3 names of every type, per object type asked for."""
        if not linked:
            return rendered
        found: dict[str, Any] = {}
        for type_name in linked:
            to = self._portal.table(type_name)
            page = named_page(self._api, record, to)
            if page["results"]:
                found[to.kind.full_name or to.kind.key] = page
        if found:
            rendered["associations"] = found
        return rendered
