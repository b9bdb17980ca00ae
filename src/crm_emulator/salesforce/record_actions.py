"""The pages on which a person converts a lead, merges records and restores deleted ones.

They do what `people.UserHandle` does, as the person who is signed in; refusals are shown in the words of the API.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from crm_emulator.kernel.http import Request, Response, Router
from crm_emulator.kernel.pages import Pages, Person
from crm_emulator.salesforce.api.context import Api
from crm_emulator.salesforce.convert import journal_text
from crm_emulator.salesforce.errors import ApiError, RecordError
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.pages_adapter import LISTS
from crm_emulator.salesforce.people import UserHandle
from crm_emulator.salesforce.removal import MERGEABLE
from crm_emulator.salesforce.setup import OrgUser
from crm_emulator.salesforce.store import Record
from crm_emulator.salesforce.times import render_seconds

BIN = ("/recycle-bin", "Recycle Bin")
_ROWS = 100
_CONVERT = "/records/Lead/{id}/convert"
_MERGE = "/records/{object}/{id}/merge"


class _Deleted(NamedTuple):
    id: str
    name: str
    object: str
    deleted: str
    merged: str | None


class RecordActions:
    def __init__(self, api: Api, users: list[OrgUser]) -> None:
        self._api = api
        self._org = api.org
        self._users = users

    def add_to(self, pages: Pages, router: Router) -> None:
        self._pages = pages
        router.add("GET", _CONVERT, self._ask_convert, open_=True)
        router.add("POST", _CONVERT, self._convert, open_=True)
        router.add("GET", _MERGE, self._ask_merge, open_=True)
        router.add("POST", _MERGE, self._merge, open_=True)
        router.add("GET", BIN[0], self._bin, open_=True)
        router.add("POST", BIN[0], self._restore, open_=True)

    def of(self, object: str, id: str) -> Sequence[tuple[str, str]]:
        """What can be done with a record: (path, name)."""
        record = self._org.tables[object].rows.get(to_18(id) or "")
        found = []
        if object == "Lead" and record is not None and not record.values.get("IsConverted"):
            found.append((f"/records/Lead/{id}/convert", "Convert"))
        if object in MERGEABLE:
            found.append((f"/records/{object}/{id}/merge", "Merge"))
        return found

    # Conversion

    def _ask_convert(self, request: Request) -> Response:
        if self._pages.person(request) is None:
            return self._pages.sign_in_first(request)
        return self._convert_form(request, {})

    def _convert(self, request: Request) -> Response:
        person = self._pages.posted_by(request)
        if person is None:
            return self._pages.sign_in_first(request)
        form = request.form()
        given = {name: value or None for name, value in form.items()}
        try:
            done = self._handle(person).convert_lead(
                request.params["id"],
                account=given.get("account"),
                contact=given.get("contact"),
                opportunity=given.get("opportunity"),
                status=given.get("status"),
                owner=given.get("owner"),
            )
        except ApiError as refused:
            return self._convert_form(request, form, refused.message)
        return _redirect(f"/records/Contact/{done.contact_id}?saved=1")

    def _convert_form(self, request: Request, given: dict[str, str], error: str | None = None) -> Response:
        lead = self._live("Lead", request.params["id"])
        if lead is None:
            return self._pages.render("missing.html", request, 404)
        rows = self._org.tables["LeadStatus"].rows.values()
        return self._pages.render(
            "convert.html",
            request,
            400 if error else 200,
            object="Lead",
            id=lead.id,
            heading=f"Convert {self._name(lead)}",
            statuses=[str(row.values["MasterLabel"]) for row in rows if row.values.get("IsConverted")],
            owners=[(user.id, user.name) for user in self._users],
            given={"opportunity": lead.values.get("Company", "") if not given else "", **given},
            error=error,
        )

    # Merges

    def _ask_merge(self, request: Request) -> Response:
        if self._pages.person(request) is None:
            return self._pages.sign_in_first(request)
        given = [request.query_one(name, "") or "" for name in ("with", "also")]
        return self._merge_form(request, [id for id in given if id])

    def _merge(self, request: Request) -> Response:
        person = self._pages.posted_by(request)
        if person is None:
            return self._pages.sign_in_first(request)
        form, object, id = request.form(), request.params["object"], request.params["id"]
        losers = [form[name] for name in ("with", "also") if form.get(name)]
        try:
            self._handle(person).merge(object, id, *losers, fields=self._chosen(object, id, losers, form))
        except ApiError as refused:
            return self._merge_form(request, losers, refused.message)
        return _redirect(f"/records/{object}/{id}?saved=1")

    def _chosen(self, object: str, id: str, losers: list[str], form: dict[str, str]) -> dict[str, Any]:
        """The values that are taken over: each field's select names the record that it comes from."""
        rows = {
            record.id: record for record in (self._live(object, each) for each in (id, *losers)) if record is not None
        }
        own = to_18(id)
        fields = self._org.objects[object].fields
        taken: dict[str, Any] = {}
        for key, source in form.items():
            name = key.removeprefix("f-")
            if key != name and name in fields and source in rows and source != own:
                taken[name] = self._value(rows[source], name)
        return taken

    def _merge_form(self, request: Request, losers: list[str], error: str | None = None) -> Response:
        object = request.params["object"]
        winner = self._live(object, request.params["id"]) if object in MERGEABLE else None
        if winner is None:
            return self._pages.render("missing.html", request, 404)
        others = [self._live(object, each) for each in losers]
        found = [record for record in others if record is not None and record is not winner]
        if len(found) < len(losers):
            error = error or "There is no such other record."
        return self._pages.render(
            "merge.html",
            request,
            400 if error else 200,
            object=object,
            id=winner.id,
            heading=f"Merge into {self._name(winner)}",
            chosen=[record.id for record in found] if len(found) == len(losers) else [],
            differences=self._differences(request, winner, found),
            error=error,
        )

    def _differences(self, request: Request, winner: Record, others: list[Record]) -> list[tuple[str, str, Any]]:
        person = self._pages.person(request)
        assert person is not None  # the caller has asked
        view = self._org.access.view(self._handle(person).id, winner.table.sobject)
        found = []
        for field in view.updateable.values():
            texts = {record.id: journal_text(self._value(record, field.name)) or "" for record in (winner, *others)}
            values: dict[str, str] = {}
            for record_id, text in texts.items():
                if text not in values.values():
                    values[record_id] = text
            if len(values) > 1:
                found.append((field.name, field.label, list(values.items())))
        return found

    # The recycle bin

    def _bin(self, request: Request, error: str | None = None) -> Response:
        if self._pages.person(request) is None:
            return self._pages.sign_in_first(request)
        self._api.remover.expire()
        found = [
            record
            for name in LISTS
            for record in self._org.tables[name].bin.values()
            if self._org.in_bin(record) and record.cascade_of is None
        ]
        found.sort(key=lambda record: (-(record.deleted_s or 0), record.id))
        rows = [self._deleted(record) for record in found[:_ROWS]]
        return self._pages.render("bin.html", request, 400 if error else 200, rows=rows, total=len(found), error=error)

    def _restore(self, request: Request) -> Response:
        person = self._pages.posted_by(request)
        if person is None:
            return self._pages.sign_in_first(request)
        record = self._org.record(to_18(request.form().get("id", "")) or "")
        try:
            if record is None:
                raise RecordError("UNDELETE_FAILED", "Entity is not in the recycle bin", [])
            self._handle(person).undelete(record.table.sobject.name, record.id)
        except ApiError as refused:
            return self._bin(request, refused.message)
        return _redirect(f"/records/{record.table.sobject.name}/{record.id}?saved=1")

    def _deleted(self, record: Record) -> _Deleted:
        object = record.table.sobject
        return _Deleted(
            record.id, self._name(record), object.label, render_seconds(record.deleted_s or 0), record.master_id
        )

    # Inside

    def _live(self, object: str, id: str) -> Record | None:
        record = self._org.tables[object].rows.get(to_18(id) or "")
        return record if record is not None and record.deleted_s is None else None

    def _value(self, record: Record, name: str) -> Any:
        sobject = record.table.sobject
        return self._org.getters.getter(sobject.name, sobject.fields[name])(record)

    def _name(self, record: Record) -> str:
        field = record.table.sobject.name_field
        return journal_text(self._value(record, field.name)) or record.id if field is not None else record.id

    def _handle(self, person: Person) -> UserHandle:
        user = next(user for user in self._users if user.email == person.email)
        return UserHandle(self._org, self._api.saver, self._api.remover, user)


def _redirect(path: str) -> Response:
    return Response(303, b"", content_type=None, headers=[("Location", path), ("Cache-Control", "no-store")])
