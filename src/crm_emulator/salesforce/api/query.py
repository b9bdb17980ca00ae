"""Queries over HTTP: /query, /queryAll, their pages, and the Tooling API's queries.

A cursor remembers rows, not JSON: later pages show the values of their own moment. Cursors are few per user and
short-lived.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.api.context import Api, answer, options
from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.schema import SOAP_TYPES
from crm_emulator.salesforce.soql import ast
from crm_emulator.salesforce.soql.parser import parse
from crm_emulator.salesforce.soql.resolve import Names
from crm_emulator.salesforce.soql.run import Answer, run

_SMALLEST_PAGE_ROWS, _LARGEST_PAGE_ROWS = 200, 2_000  # Sforce-Query-Options: batchSize
_LOCATOR = re.compile(r"(01g[A-Za-z0-9]{15})-(\d+)\Z")


@dataclass(slots=True)
class _Cursor:
    user_id: str
    answer: Answer
    page_rows: int
    made_s: int
    path: str


class Queries:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._cursors: dict[str, _Cursor] = {}
        api.data("GET", "/query", lambda request: self.first(request, deleted=False))
        api.data("GET", "/queryAll", lambda request: self.first(request, deleted=True))
        api.data("GET", "/query/{locator}", self.following)
        api.data("GET", "/queryAll/{locator}", self.following)

    def first(self, request: Request, *, deleted: bool) -> Response:
        soql = request.query_one("q")
        if not soql:
            raise RequestError("MALFORMED_QUERY", "A query is required: q")
        caller = self._api.caller(request)
        if (request.query_one("columns") or "").lower() == "true":
            return answer(self._column_metadata(caller.user_id, soql))
        found = run(self._api.org, caller.user_id, soql, caller.base, include_deleted=deleted)
        page_rows = self._page_rows(request)
        locator = None
        if found.total > page_rows and (found.ready is None or found.ready):
            path = f"{caller.base}/{'queryAll' if deleted else 'query'}"
            locator = self._keep(_Cursor(caller.user_id, found, page_rows, self._api.org.now_s(), path))
        return answer(self._page(found, 0, page_rows, locator))

    def following(self, request: Request) -> Response:
        match = _LOCATOR.match(request.params["locator"])
        cursor = self._cursors.get(match.group(1)) if match is not None else None
        caller = self._api.caller(request)
        life_s = self._api.org.config.cursor_life_s
        if match is None or cursor is None or cursor.user_id != caller.user_id:
            raise RequestError("INVALID_QUERY_LOCATOR", "invalid query locator")
        if self._api.org.now_s() - cursor.made_s > life_s:
            raise RequestError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return answer(self._page(cursor.answer, int(match.group(2)), cursor.page_rows, match.group(1)))

    def _keep(self, cursor: _Cursor) -> str:
        locator = self._api.org.ids.make("01g")
        self._cursors[locator] = cursor
        mine = [key for key, held in self._cursors.items() if held.user_id == cursor.user_id]
        for key in mine[: max(0, len(mine) - self._api.org.config.max_cursors)]:
            del self._cursors[key]
        return locator

    def _page(self, found: Answer, start: int, page_rows: int, locator: str | None) -> dict[str, Any]:
        records = found.page(start, page_rows)
        end = start + len(records)
        done = locator is None or end >= found.total
        shown: dict[str, Any] = {"totalSize": found.total, "done": done}
        if not done and locator is not None:
            shown["nextRecordsUrl"] = f"{self._cursors[locator].path}/{locator}-{end}"
        shown["records"] = records
        return shown

    def _page_rows(self, request: Request) -> int:
        default = self._api.org.config.page_size_rows
        wanted = options(request.headers.get("sforce-query-options", "")).get("batchsize")
        if wanted is None or not wanted.isdecimal():
            return default
        return min(default, max(_SMALLEST_PAGE_ROWS, min(_LARGEST_PAGE_ROWS, int(wanted))))

    def _column_metadata(self, user_id: str, soql: str) -> dict[str, Any]:
        """What `&columns=true` asks for: the shape of the answer instead of rows."""
        query = parse(soql)
        names = Names(self._api.org, user_id, soql)
        table = names.table(query.source, query.at)
        columns = []
        for item in query.select:
            if not isinstance(item, ast.SelectField) or not isinstance(item.expression, ast.FieldRef):
                continue
            field = names.column(table, item.expression, query.alias).field
            kind = SOAP_TYPES.get(field.type, "xsd:string").partition(":")[2]
            columns.append(
                {
                    "aggregate": False,
                    "apexType": kind[:1].upper() + kind[1:],
                    "booleanType": field.type == "boolean",
                    "columnName": field.name,
                    "custom": field.custom,
                    "displayName": field.name,
                    "foreignKeyName": None,
                    "insertable": field.createable,
                    "joinColumns": [],
                    "numberType": kind in ("int", "double"),
                    "textType": kind in ("string", "ID"),
                    "updatable": field.updateable,
                }
            )
        return {
            "columnMetadata": columns,
            "entityName": table.sobject.name,
            "groupBy": bool(query.group_by),
            "idSelected": any(column["columnName"] == "Id" for column in columns),
            "keyPrefix": table.sobject.key_prefix,
        }
