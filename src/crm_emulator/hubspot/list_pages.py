"""The pages on which a person makes and edits lists: their name, their members, and what puts a record into them.

A person sees filters as rows of property, condition and value, all of which must hold. Filters that an app made in a
way that rows cannot show are shown as they are, and left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from crm_emulator.hubspot.account import Account
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.lists import DYNAMIC, MANUAL, RecordList
from crm_emulator.hubspot.portal import Portal
from crm_emulator.hubspot.records import Table
from crm_emulator.kernel.http import Request, Response, Router
from crm_emulator.kernel.pages import Pages, Person

LISTED = ("contacts", "companies", "deals", "tickets")
ROWS = 3
MEMBERS_SHOWN = 100

# What a row may say -> the operator for text, choices and numbers.
CONDITIONS = {
    "is": ("IS_EQUAL_TO", "IS_ANY_OF", "IS_EQUAL_TO"),
    "is not": ("IS_NOT_EQUAL_TO", "IS_NONE_OF", "IS_NOT_EQUAL_TO"),
    "contains": ("CONTAINS", "", ""),
    "starts with": ("STARTS_WITH", "", ""),
    "is more than": ("", "", "IS_GREATER_THAN"),
    "is less than": ("", "", "IS_LESS_THAN"),
    "is known": ("IS_KNOWN", "IS_KNOWN", "IS_KNOWN"),
    "is unknown": ("IS_UNKNOWN", "IS_UNKNOWN", "IS_UNKNOWN"),
}
_UNARY = ("IS_KNOWN", "IS_UNKNOWN")


class FilterRow(msgspec.Struct, frozen=True):
    property: str = ""
    condition: str = "is"
    value: str = ""


class ListPages:
    def __init__(self, portal: Portal, account: Account, pages: Pages, router: Router) -> None:
        self._portal = portal
        self._account = account
        self._lists = portal.lists
        self._pages = pages
        for method, path, handler in (
            ("GET", "/lists", self._all),
            ("GET", "/lists/new", self._new),
            ("POST", "/lists/new", self._create),
            ("GET", "/lists/{list}", self._one),
            ("POST", "/lists/{list}", self._save),
            ("POST", "/lists/{list}/add", self._add),
            ("POST", "/lists/{list}/remove", self._remove),
            ("POST", "/lists/{list}/delete", self._delete),
        ):
            router.add(method, path, self._signed_in(handler), open_=True)

    def _signed_in(self, handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def guarded(request: Request) -> Response:
            if self._pages.person(request) is None:
                return self._pages.sign_in_first(request)
            if request.method == "POST" and self._pages.posted_by(request) is None:
                return self._pages.render("missing.html", request, 403)
            try:
                return handler(request)
            except ApiError as refused:
                if refused.status == 404:
                    return self._pages.render("missing.html", request, 404)
                raise

        return guarded

    def _all(self, request: Request) -> Response:
        rows = [(each, len(self._lists.members(each))) for each in self._lists.all()]
        return self._pages.render("segments.html", request, heading="Lists", rows=rows)

    def _new(self, request: Request) -> Response:
        object_ = request.query_one("object") or LISTED[0]
        if object_ not in LISTED:
            return self._pages.render("missing.html", request, 404)
        return self._form(request, self._portal.table(object_), None)

    def _create(self, request: Request) -> Response:
        form = request.form()
        object_ = form.get("object", "")
        if object_ not in LISTED:
            return self._pages.render("missing.html", request, 404)
        table = self._portal.table(object_)
        try:
            dynamic = form.get("kind") == DYNAMIC
            branch = branch_of(table, rows_of(form)) if dynamic else None
            kind = DYNAMIC if dynamic else MANUAL
            made = self._lists.create(table, form.get("name", ""), kind, branch, self._user_id(request))
        except ApiError as refused:
            return self._form(request, table, None, refused.message)
        return _redirect(f"/lists/{made.id}?saved=1")

    def _one(self, request: Request) -> Response:
        found = self._lists.find(request.params["list"])
        return self._form(request, found.table, found, saved=request.query_one("saved") is not None)

    def _save(self, request: Request) -> Response:
        found, form = self._lists.find(request.params["list"]), request.form()
        try:
            if form.get("name", "") != found.name:
                self._lists.rename(found, form.get("name", ""))
            if found.dynamic and "property-0" in form:
                branch = branch_of(found.table, rows_of(form))
                if branch != found.filter_branch:
                    self._lists.refilter(found, branch)
        except ApiError as refused:
            return self._form(request, found.table, found, refused.message)
        return _redirect(f"/lists/{found.id}?saved=1")

    def _add(self, request: Request) -> Response:
        found, given = self._lists.find(request.params["list"]), request.form().get("record", "").strip()
        by_email = "email" if "@" in given else None
        record = self._portal.lookup(found.table, given, by_email, merged=True) if given else None
        if record is None:
            return self._form(request, found.table, found, f"There is no {found.table.kind.singular} {given!r}.")
        return self._change(request, found, add=[str(record.id)])

    def _remove(self, request: Request) -> Response:
        found = self._lists.find(request.params["list"])
        return self._change(request, found, remove=[request.form().get("record", "")])

    def _change(
        self, request: Request, found: RecordList, add: list[str] | None = None, remove: list[str] | None = None
    ) -> Response:
        try:
            self._lists.change(found, add or [], remove or [])
        except ApiError as refused:
            return self._form(request, found.table, found, refused.message)
        return _redirect(f"/lists/{found.id}?saved=1")

    def _delete(self, request: Request) -> Response:
        self._lists.delete(self._lists.find(request.params["list"]))
        return _redirect("/lists")

    # Inside

    def _form(
        self,
        request: Request,
        table: Table,
        found: RecordList | None,
        error: str | None = None,
        saved: bool = False,
    ) -> Response:
        form = request.form() if request.method == "POST" else {}
        members = [] if found is None else sorted(self._lists.members(found))
        rows = rows_of(form) if "property-0" in form else rows_shown(found)
        return self._pages.render(
            "segment.html",
            request,
            400 if error else 200,
            heading="New list" if found is None else found.name,
            segment=found,
            table=table,
            listed=[(name, name.capitalize()) for name in LISTED],
            name=form.get("name", found.name if found else ""),
            kind=form.get("kind", found.processing_type if found else MANUAL),
            filters=None if rows is None else [*rows, *[FilterRow()] * (ROWS - len(rows))],
            written=json.dumps(found.filter_branch, indent=1) if found and rows is None else "",
            properties=sorted((each.label, each.name) for each in table.schema.properties.values() if not each.hidden),
            conditions=list(CONDITIONS),
            members=[(id_, self._name(table, id_)) for id_ in members[:MEMBERS_SHOWN]],
            size=len(members),
            processing=found is not None and self._lists.processing(found),
            error=error,
            saved=saved,
        )

    def _name(self, table: Table, id_: int) -> str:
        record = table.records[id_]
        texts = [self._portal.value(record, name) or "" for name in table.kind.columns[:3]]
        return " ".join(text for text in texts if text) or str(id_)

    def _user_id(self, request: Request) -> int:
        person = self._pages.person(request)
        assert isinstance(person, Person), "only pages of who is signed in get here"
        return self._account.user(person.email).user_id


def rows_of(form: Mapping[str, str]) -> list[FilterRow]:
    """The rows that were filled in."""
    rows = [
        FilterRow(form.get(f"property-{n}", ""), form.get(f"condition-{n}", "is"), form.get(f"value-{n}", "").strip())
        for n in range(ROWS)
    ]
    return [row for row in rows if row.property]


def branch_of(table: Table, rows: list[FilterRow]) -> dict[str, Any]:
    """The filterBranch that rows stand for; what does not fit is for the list to refuse."""
    filters = []
    for row in rows:
        definition = table.schema.properties.get(row.property)
        type_ = definition.type if definition is not None else "string"
        filters.append({"filterType": "PROPERTY", "property": row.property, "operation": _operation(type_, row)})
    group = {"filterBranchType": "AND", "filterBranches": [], "filters": filters}
    return {"filterBranchType": "OR", "filterBranches": [group], "filters": []}


def _operation(type_: str, row: FilterRow) -> dict[str, Any]:
    text, choice, number = CONDITIONS.get(row.condition, ("", "", ""))
    if text in _UNARY:
        return {"operationType": "ALL_PROPERTY", "operator": text, "includeObjectsWithNoValueSet": False}
    if type_ == "bool":
        truth = row.value.lower() in ("true", "yes")
        named: dict[str, Any] = {"operationType": "BOOL", "operator": text, "value": truth}
    elif type_ == "number":
        named = {"operationType": "NUMBER", "operator": number, "value": row.value}
    elif type_ == "enumeration":
        named = {"operationType": "ENUMERATION", "operator": choice, "values": _several(row.value)}
    else:
        named = {"operationType": "MULTISTRING", "operator": text, "values": _several(row.value)}
    return {**named, "includeObjectsWithNoValueSet": False}


def _several(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def rows_shown(found: RecordList | None) -> list[FilterRow] | None:
    """None: what an app made is more than rows can show."""
    if found is None or found.filter_branch is None:
        return []
    groups = found.filter_branch["filterBranches"]
    filters = groups[0].get("filters") or ()
    rows = [_row(each) for each in filters]
    shown = [row for row in rows if row is not None]
    if len(groups) > 1 or groups[0].get("filterBranches") or len(shown) < len(rows) or len(rows) > ROWS:
        return None
    return shown


def _row(each: Mapping[str, Any]) -> FilterRow | None:
    operation = each.get("operation") or {}
    names = [name for name, operators in CONDITIONS.items() if operation.get("operator") in operators]
    if each.get("filterType") != "PROPERTY" or not names or operation.get("includeObjectsWithNoValueSet"):
        return None
    value = ";".join(operation["values"]) if "values" in operation else str(operation.get("value", "")).lower()
    return FilterRow(each["property"], names[0], value)


def _redirect(path: str) -> Response:
    return Response(
        303, b"", content_type=None, headers=[("Location", quote(path, safe="/?=")), ("Cache-Control", "no-store")]
    )
