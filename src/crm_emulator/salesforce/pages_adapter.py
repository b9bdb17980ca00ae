"""What the web pages show of an org, and the consent page of OAuth."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from crm_emulator.kernel.http import Request, Response, Router
from crm_emulator.kernel.pages import Field as PageField
from crm_emulator.kernel.pages import PageError, Pages, Person, Row
from crm_emulator.salesforce.api.context import Api
from crm_emulator.salesforce.api.oauth import OAuthError, check_consent, consent_redirect, refusal_redirect
from crm_emulator.salesforce.convert import journal_text
from crm_emulator.salesforce.errors import ApiError
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.people import UserHandle
from crm_emulator.salesforce.schema import NUMBER_TYPES, Field
from crm_emulator.salesforce.setup import OrgUser
from crm_emulator.salesforce.store import Record, Table

# Object -> columns of its list.
LISTS = {
    "Contact": ("Name", "Email", "Phone", "Title"),
    "Account": ("Name", "Website", "Phone", "Industry"),
    "Lead": ("Name", "Company", "Email", "Status"),
    "Opportunity": ("Name", "StageName", "Amount", "CloseDate"),
    "OpportunityContactRole": ("OpportunityId", "ContactId", "Role", "IsPrimary"),
    "Task": ("Subject", "Status", "ActivityDate", "Priority"),
    "Event": ("Subject", "StartDateTime", "EndDateTime", "Location"),
    "Campaign": ("Name", "Type", "Status", "StartDate"),
    "Case": ("CaseNumber", "Subject", "Status", "Priority"),
}
_HIDDEN_TYPES = frozenset({"address", "id"})


class SalesforcePages:
    """The adapter (`crm_emulator.kernel.pages.PagesAdapter`)."""

    def __init__(self, api: Api, users: list[OrgUser]) -> None:
        self._api = api
        self._org = api.org
        self._users = users

    @property
    def title(self) -> str:
        return self._org.config.org_name

    def people(self) -> Sequence[Person]:
        return [Person(user.email, user.name, user.password) for user in self._users]

    def objects(self) -> Sequence[tuple[str, str]]:
        return [(name, self._org.objects[name].label_plural) for name in LISTS]

    def columns(self, object: str) -> Sequence[str]:
        fields = self._org.objects[object].fields
        return [fields[name].label for name in LISTS[object]]

    def rows(self, object: str, query: str, offset: int, limit: int) -> tuple[Sequence[Row], int]:
        table = self._org.tables[object]
        words = query.lower().split()
        names = LISTS[object]
        found = [
            record
            for record in table.from_id("")
            if record.deleted_s is None
            and (not words or all(any(word in self._text(record, name).lower() for name in names) for word in words))
        ]
        page = found[offset : offset + limit]
        return [Row(record.id, [self._text(record, name) for name in names]) for record in page], len(found)

    def fields(self, object: str, id: str | None, person: Person) -> Sequence[PageField]:
        """Those that the person may see; those they may not edit are shown as text."""
        table = self._table(object)
        view = self._org.access.view(self._handle(person).id, table.sobject)
        may_write = view.createable if id is None else view.updateable
        record = None if id is None else self._record(table, id)
        first = {name: place for place, name in enumerate(LISTS[object])}
        shown = [field for field in view.fields.values() if self._is_shown(field, record)]
        shown.sort(key=lambda field: (first.get(field.name, len(first)), field.label.lower()))
        return [self._field(field, record, editable=field.name in may_write) for field in shown]

    def name(self, object: str, id: str) -> str:
        record = self._record(self._table(object), id)
        return self._text(record, LISTS[object][0]) or record.id

    def save(self, object: str, id: str | None, values: Mapping[str, str], person: Person) -> str:
        fields = self._org.objects[object].fields
        typed: dict[str, Any] = {}
        for name, value in values.items():
            typed[name] = value == "true" if fields[name].type == "boolean" else (value or None)
        handle = self._handle(person)
        try:
            if id is None:
                return handle.create(object, {name: value for name, value in typed.items() if value is not None})
            handle.update(object, id, typed)
        except ApiError as refused:
            raise PageError(refused.message) from refused
        return id

    def delete(self, object: str, id: str, person: Person) -> None:
        try:
            self._handle(person).delete(object, id)
        except ApiError as refused:
            raise PageError(refused.message) from refused

    def _handle(self, person: Person) -> UserHandle:
        user = next(user for user in self._users if user.email == person.email)
        return UserHandle(self._org, self._api.saver, self._api.remover, user)

    def _table(self, object: str) -> Table:
        if object not in LISTS:
            raise PageError(f"There is no page for {object}.")
        self._org.settle()
        return self._org.tables[object]

    def _record(self, table: Table, id: str) -> Record:
        record = table.rows.get(to_18(id) or "")
        if record is None or record.deleted_s is not None:
            raise PageError(f"There is no {table.sobject.label} {id}.")
        return record

    def _text(self, record: Record, name: str) -> str:
        sobject = record.table.sobject
        value = self._org.getters.getter(sobject.name, sobject.fields[name])(record)
        return journal_text(value) or ""

    def _is_shown(self, field: Field, record: Record | None) -> bool:
        """What can be edited, and of the rest what has a value."""
        if field.type in _HIDDEN_TYPES or field.name in ("IsDeleted", "MasterRecordId"):
            return False
        if field.updateable or (record is None and field.createable):
            return True
        return record is not None and bool(self._text(record, field.name))

    def _field(self, field: Field, record: Record | None, *, editable: bool) -> PageField:
        kinds = {"boolean": "flag", "date": "date", "textarea": "long"}
        kind = kinds.get(field.type, "number" if field.type in NUMBER_TYPES else "text")
        options: Sequence[tuple[str, str]] = ()
        if field.type == "picklist" and field.picklist_order:
            kind = "choice"
            options = [(value["value"], value["label"]) for value in field.picklist if value["active"]]
        elif field.name == "OwnerId":
            kind, options = "choice", [(user.id, user.name) for user in self._users]
        return PageField(
            name=field.name,
            label=field.label,
            value=self._text(record, field.name) if record is not None else "",
            kind=kind,
            options=options,
            editable=editable,
        )


class ConsentPages:
    """`/services/oauth2/authorize`: the page on which a person lets an app in."""

    def __init__(self, api: Api, pages: Pages, users: list[OrgUser], router: Router) -> None:
        self._api = api
        self._pages = pages
        self._users = users
        router.add("GET", "/services/oauth2/authorize", self._ask, open_=True)
        router.add("POST", "/services/oauth2/authorize", self._answer, open_=True)

    def _ask(self, request: Request) -> Response:
        try:
            check_consent(self._api, request)
        except OAuthError as refused:
            return self._refused(request, refused)
        person = self._pages.person(request)
        if "login" in (request.query_one("prompt") or "").split():
            return self._sign_in_anew(request)
        if person is None:
            return self._pages.sign_in_first(request)
        if back := refusal_redirect(self._api, request, self._user(person).id):
            return Response(303, b"", content_type=None, headers=[("Location", back)])
        scopes = (request.query_one("scope") or "").split()
        target = request.query_one("redirect_uri")
        return self._pages.render(
            "consent.html", request, leads_to=target, heading="Allow access?", app="Interlock", scopes=scopes
        )

    def _answer(self, request: Request) -> Response:
        person = self._pages.person(request)
        if person is None:
            return self._pages.sign_in_first(request)
        form = request.form()
        if not hmac.compare_digest(form.get("csrf", ""), self._pages.csrf(person)):
            return self._pages.sign_in_first(request)
        try:
            allowed = form.get("answer") == "yes"
            location = consent_redirect(self._api, request, self._user(person).id, allowed=allowed)
        except OAuthError as refused:
            return self._refused(request, refused)
        return Response(303, b"", content_type=None, headers=[("Location", location)])

    def _sign_in_anew(self, request: Request) -> Response:
        """`prompt=login`: whoever is signed in is asked who they are again, once."""
        query = {name: values[-1] for name, values in request.query.items() if name != "prompt"}
        back = urlencode({"next": f"{request.path}?{urlencode(query)}"})
        return Response(303, b"", content_type=None, headers=[("Location", f"/sign-in?{back}")])

    def _user(self, person: Person) -> OrgUser:
        return next(user for user in self._users if user.email == person.email)

    def _refused(self, request: Request, refused: OAuthError) -> Response:
        problem = f"error={refused.error}&error_description={refused.description}"
        return self._pages.render("consent.html", request, 400, heading="Cannot connect", error=problem)
