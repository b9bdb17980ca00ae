"""Lists (segments): search, read, make and edit them, their members, and the lists of a record (lists API v3 and dated).

Cursors of members are opaque; here they name the last row, so a member that leaves never makes a reader skip one.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.account import Token
from crm_emulator.hubspot.api import LISTS, Api, body_of, flag_of, names_of, number_of
from crm_emulator.hubspot.lists import Changed, Membership, RecordList, no_such_list
from crm_emulator.hubspot.records import Table
from crm_emulator.hubspot.stamps import iso_ms
from crm_emulator.kernel.http import Request, Response, json_response

SEARCH_COUNT_DEFAULT = 20
MEMBER_PAGE = 100
ADD_MOST = 100_000

Row = tuple[int, Membership]


class ListRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._portal = api.portal
        self._lists = api.portal.lists
        for base in LISTS:
            api.add("GET", base, self.read_many)
            api.add("POST", base, self.create)
            api.add("POST", f"{base}/search", self.search)
            api.add("GET", f"{base}/{{list}}", self.read)
            api.add("DELETE", f"{base}/{{list}}", self.delete)
            api.add("GET", f"{base}/object-type-id/{{type}}/name/{{name}}", self.by_name)
            api.add("PUT", f"{base}/{{list}}/update-list-name", self.rename)
            api.add("PUT", f"{base}/{{list}}/update-list-filters", self.refilter)
            api.add("PUT", f"{base}/{{list}}/restore", self.restore)
            api.add("GET", f"{base}/{{list}}/memberships", self.members_by_id)
            api.add("GET", f"{base}/{{list}}/memberships/join-order", self.members_by_joining)
            api.add("DELETE", f"{base}/{{list}}/memberships", self.remove_all)
            api.add("PUT", f"{base}/{{list}}/memberships/add", self.add)
            api.add("PUT", f"{base}/{{list}}/memberships/remove", self.remove)
            api.add("PUT", f"{base}/{{list}}/memberships/add-and-remove", self.add_and_remove)
            api.add("PUT", f"{base}/{{list}}/memberships/add-from/{{source}}", self.add_from)
            api.add("GET", f"{base}/records/{{type}}/{{id}}/memberships", self.lists_of)
            api.add("POST", f"{base}/records/memberships/batch/read", self.lists_of_many)

    # Lists

    def create(self, request: Request) -> Response:
        body = body_of(request, shapes.NewList)
        table = self._portal.table(str(body.get("objectTypeId") or ""))
        token: Token = request.context
        made = self._lists.create(
            table,
            str(body.get("name") or ""),
            str(body.get("processingType") or ""),
            body.get("filterBranch"),
            self._api.account.api_actor(token, "").source.user_id,
        )
        return json_response({"list": self._shown(made, filters=True)})

    def read(self, request: Request) -> Response:
        return json_response({"list": self._shown(self._named(request), flag_of(request, "includeFilters"))})

    def by_name(self, request: Request) -> Response:
        table, name = self._api.table(request), request.params["name"]
        found = next((each for each in self._lists.all() if each.table is table and each.name == name), None)
        if found is None:
            raise no_such_list(name)
        return json_response({"list": self._shown(found, flag_of(request, "includeFilters"))})

    def read_many(self, request: Request) -> Response:
        wanted, filters = names_of(request, "listIds"), flag_of(request, "includeFilters")
        return json_response({"lists": [self._shown(each, filters) for each in self._lists.all() if each.id in wanted]})

    def search(self, request: Request) -> Response:
        """By a part of the name; documented: the properties of a list are texts, its size among them."""
        body = body_of(request, shapes.ListSearch)
        count, offset = body.get("count", SEARCH_COUNT_DEFAULT), body.get("offset", 0)
        if not 0 < count <= self._api.config.list_search_page_max or offset < 0:
            raise errors.invalid(
                f"count must be 1 to {self._api.config.list_search_page_max}, and offset not negative."
            )
        wanted = str(body.get("query") or "").lower()
        kinds, ids = body.get("processingTypes") or (), [str(each) for each in body.get("listIds") or ()]
        object_type = body.get("objectTypeId")
        table = self._portal.table(object_type) if object_type else None
        found = [
            each
            for each in self._lists.all()
            if wanted in each.name.lower()
            and (not kinds or each.processing_type in kinds)
            and (not ids or each.id in ids)
            and (table is None or each.table is table)
        ]
        page = found[offset : offset + count]
        return json_response(
            {
                "offset": offset + len(page),
                "hasMore": offset + len(page) < len(found),
                "lists": [{**self._shown(each, filters=False, size=False), **self._properties(each)} for each in page],
                "total": len(found),
            }
        )

    def rename(self, request: Request) -> Response:
        found = self._named(request)
        # Documented: the new name is in the query, as `listName`.
        self._lists.rename(found, request.query_one("listName") or "")
        return json_response({"updatedList": self._shown(found, flag_of(request, "includeFilters"))})

    def refilter(self, request: Request) -> Response:
        found = self._named(request)
        self._lists.refilter(found, body_of(request, shapes.ListFilters).get("filterBranch"))
        return json_response({"updatedList": self._shown(found, filters=True)})

    def delete(self, request: Request) -> Response:
        self._lists.delete(self._named(request))
        return Response(204)

    def restore(self, request: Request) -> Response:
        self._lists.restore(request.params["list"])
        return Response(204)

    # Members

    def members_by_id(self, request: Request) -> Response:
        rows = sorted(self._lists.members(self._named(request)).items())
        return self._member_page(request, rows, lambda row: (0, row[0]))

    def members_by_joining(self, request: Request) -> Response:
        rows = sorted(self._lists.members(self._named(request)).items(), key=_joined)
        return self._member_page(request, rows, _joined)

    def add(self, request: Request) -> Response:
        return _changed(self._lists.change(self._named(request), _ids(request), ()))

    def remove(self, request: Request) -> Response:
        return _changed(self._lists.change(self._named(request), (), _ids(request)))

    def add_and_remove(self, request: Request) -> Response:
        body = body_of(request, shapes.AddAndRemove)
        add, remove = (_texts(body.get(key) or ()) for key in ("recordIdsToAdd", "recordIdsToRemove"))
        return _changed(self._lists.change(self._named(request), add, remove))

    def add_from(self, request: Request) -> Response:
        """Documented: up to 100,000 records, and no answer beyond 204."""
        found, source = self._named(request), self._lists.find(request.params["source"])
        if source.table is not found.table:
            raise errors.invalid(f"List {source.id} is of another object type than list {found.id}.")
        self._lists.change(found, _texts([str(id_) for id_ in self._lists.members(source)]), ())
        return Response(204)

    def remove_all(self, request: Request) -> Response:
        found = self._named(request)
        self._lists.change(found, (), [str(id_) for id_ in self._lists.members(found)])
        return Response(204)

    def lists_of(self, request: Request) -> Response:
        table = self._api.table(request)
        results = self._memberships(table, request.params["id"])
        return json_response({"results": results, "total": len(results)})

    def lists_of_many(self, request: Request) -> Response:
        """A record that does not exist is in no list (unverified: it may be among `errors`)."""
        inputs: list[dict[str, Any]] = body_of(request, shapes.RecordIds)["inputs"]
        if len(inputs) > self._api.config.batch_max:
            raise errors.batch_too_big(self._api.config.batch_max)
        started_ms = self._portal.now_ms()
        results = []
        for each in inputs:
            table, id_ = self._portal.table(str(each.get("objectTypeId") or "")), str(each.get("recordId") or "")
            memberships = self._memberships(table, id_)
            results.append({"objectTypeId": table.kind.type_id, "recordId": id_, "recordListMemberships": memberships})
        return self._api.batch(results, [], started_ms)

    # Inside

    def _named(self, request: Request) -> RecordList:
        return self._lists.find(request.params["list"])

    def _memberships(self, table: Table, id_: str) -> list[dict[str, Any]]:
        record = self._portal.lookup(table, id_, None, merged=True)
        found = [] if record is None else self._lists.of(record)
        return [
            {
                "listId": each.id,
                "listVersion": each.version,
                "firstAddedTimestamp": iso_ms(membership.first_ms),
                "lastAddedTimestamp": iso_ms(membership.last_ms),
                "isPublicList": True,
            }
            for each, membership in found
        ]

    def _shown(self, found: RecordList, filters: bool, size: bool = True) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "listId": found.id,
            "listVersion": found.version,
            "name": found.name,
            "objectTypeId": found.table.kind.type_id,
            "processingType": found.processing_type,
            "processingStatus": "PROCESSING" if self._lists.processing(found) else "COMPLETE",
            "createdAt": iso_ms(found.created_ms),
            "updatedAt": iso_ms(found.updated_ms),
        }
        if found.user_id is not None:
            shown["createdById"] = shown["updatedById"] = str(found.user_id)
        if found.filters_ms is not None:
            shown["filtersUpdatedAt"] = iso_ms(found.filters_ms)
        if filters and found.filter_branch is not None:
            shown["filterBranch"] = found.filter_branch
        if size:
            shown["size"] = len(self._lists.members(found))
        return shown

    def _properties(self, found: RecordList) -> dict[str, Any]:
        members = self._lists.members(found)
        shown = {
            "hs_list_size": str(len(members)),
            "hs_list_reference_count": str(sum(found.id in each.names for each in self._lists.all())),
        }
        if members:
            shown["hs_last_record_added_at"] = str(max(each.last_ms for each in members.values()))
        if found.removed_ms is not None:
            shown["hs_last_record_removed_at"] = str(found.removed_ms)
        return {"additionalProperties": shown}

    def _member_page(self, request: Request, rows: list[Row], place_of: Any) -> Response:
        """Ascending from the start or behind `after`; with `before` alone descending (documented)."""
        limit = number_of(request, "limit", MEMBER_PAGE)
        if not 0 < limit <= MEMBER_PAGE:
            raise errors.invalid(f"Page size {limit} exceeds the maximum of {MEMBER_PAGE}.")
        after, before = request.query_one("after"), request.query_one("before")
        descending = bool(before) and not after
        token = before if descending else after
        if descending:
            rows = rows[::-1]
        if token:
            place = _place(token)
            rows = [row for row in rows if (place_of(row) < place if descending else place_of(row) > place)]
        page = rows[:limit]
        body: dict[str, Any] = {
            "results": [
                {"recordId": str(id_), "membershipTimestamp": iso_ms(membership.last_ms)} for id_, membership in page
            ],
            "total": len(self._lists.members(self._named(request))),
        }
        if page and len(rows) > limit:
            key, next_ = ("before", "prev") if descending else ("after", "next")
            text = _token(place_of(page[-1]))
            link = f"https://api.hubapi.com{request.path}?limit={limit}&{key}={text}"
            body["paging"] = {next_: {key: text, "link": link}}
        return json_response(body)


def _joined(row: Row) -> tuple[int, int]:
    return row[1].last_ms, row[0]


def _token(place: tuple[int, int]) -> str:
    return base64.urlsafe_b64encode(f"{place[0]}:{place[1]}".encode()).decode()


def _place(token: str) -> tuple[int, int]:
    try:
        first, _, second = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        return int(first), int(second)
    except (binascii.Error, UnicodeError, ValueError):
        raise errors.invalid(f"Invalid paging token: {token}") from None


def _changed(changed: Changed) -> Response:
    """The key really is `recordsIdsAdded` (OpenAPI description)."""
    return json_response(
        {
            "recordsIdsAdded": changed.added,
            "recordIdsRemoved": changed.removed,
            "recordIdsMissing": changed.missing,
        }
    )


def _ids(request: Request) -> list[str]:
    """The body is an array of ids itself."""
    try:
        found = msgspec.convert(request.json(), list[str | int])
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise errors.malformed_body(str(broken)) from None
    return _texts(found)


def _texts(given: Any) -> list[str]:
    if len(given) > ADD_MOST:
        raise errors.invalid(f"At most {ADD_MOST} records can be added or removed at a time.")
    return [str(each) for each in given]
