"""What the web pages show of a HubSpot account, and the consent page of OAuth."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from crm_emulator.hubspot.account import Account
from crm_emulator.hubspot.api import Api
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.operations import Operations
from crm_emulator.hubspot.records import Record, Table
from crm_emulator.hubspot.routes_oauth import check_consent, consent_redirect
from crm_emulator.hubspot.schema import Property
from crm_emulator.hubspot.users import UserHandle
from crm_emulator.kernel.http import Request, Response, Router
from crm_emulator.kernel.pages import Field, PageError, Pages, Person, Row

_LONG = frozenset({"textarea", "html"})


class HubSpotPages:
    """The adapter (`crm_emulator.kernel.pages.PagesAdapter`)."""

    def __init__(self, api: Api, account: Account, operations: Operations) -> None:
        self._api = api
        self._account = account
        self._operations = operations
        self._portal = operations.portal

    @property
    def title(self) -> str:
        return self._portal.config.account_name

    def people(self) -> Sequence[Person]:
        people = [user for user in self._account.users if not user.archived and not user.queue]
        return [Person(user.email, user.name, user.password) for user in people]

    def objects(self) -> Sequence[tuple[str, str]]:
        return [(key, key.capitalize()) for key in self._portal.tables]

    def columns(self, object: str) -> Sequence[str]:
        table = self._portal.table(object)
        return [table.schema.properties[name].label for name in table.kind.columns]

    def rows(self, object: str, query: str, offset: int, limit: int) -> tuple[Sequence[Row], int]:
        table = self._portal.table(object)
        words = query.lower().split()
        names = (*table.kind.searched, *table.kind.columns)
        found = [
            record
            for record in table.after(-1, archived=False)
            if not words or all(any(word in self._text(record, name).lower() for name in names) for word in words)
        ]
        page = found[offset : offset + limit]
        rows = [Row(str(record.id), [self._text(record, name) for name in table.kind.columns]) for record in page]
        return rows, len(found)

    def fields(self, object: str, id: str | None, person: Person) -> Sequence[Field]:
        table = self._portal.table(object)
        record = None if id is None else self._record(table, id)
        shown = [one for one in table.schema.properties.values() if self._is_shown(table, one, record)]
        first = {name: place for place, name in enumerate(table.kind.columns)}
        shown.sort(key=lambda one: (first.get(one.name, len(first)), one.label.lower()))
        return [self._field(table, one, record) for one in shown]

    def name(self, object: str, id: str) -> str:
        table = self._portal.table(object)
        record = self._record(table, id)
        parts = [self._text(record, name) for name in table.kind.columns[: 2 if object == "contacts" else 1]]
        return " ".join(part for part in parts if part) or record.values.get("email") or f"{table.kind.singular} {id}"

    def save(self, object: str, id: str | None, values: Mapping[str, str], person: Person) -> str:
        handle = UserHandle(self._account, self._operations, self._account.user(person.email))
        try:
            if id is None:
                return handle.create(object, {name: value for name, value in values.items() if value})
            handle.update(object, id, values)
        except ApiError as refused:
            raise PageError(_sentence(refused), _fields(refused)) from refused
        return id

    def delete(self, object: str, id: str, person: Person) -> None:
        try:
            UserHandle(self._account, self._operations, self._account.user(person.email)).archive(object, id)
        except ApiError as refused:
            raise PageError(_sentence(refused)) from refused

    def _record(self, table: Table, id: str) -> Record:
        record = self._portal.lookup(table, id, None, merged=True)
        if record is None:
            raise PageError(f"There is no {table.kind.singular} {id}.")
        return record

    def _text(self, record: Record, name: str) -> str:
        return self._portal.value(record, name) or ""

    def _is_shown(self, table: Table, one: Property, record: Record | None) -> bool:
        """What has a value, and of the empty ones the plain fields a person would fill in."""
        if one.name in table.kind.columns or (record is not None and self._text(record, one.name)):
            return True
        return not one.read_only_value and not one.hidden and not one.name.startswith("hs_")

    def _field(self, table: Table, one: Property, record: Record | None) -> Field:
        options = self._options(table, one)
        kind = {"number": "number", "bool": "flag", "enumeration": "choice", "date": "date"}.get(one.type, "text")
        if one.type == "enumeration" and (one.multiple or not options):
            kind = "text"
        return Field(
            name=one.name,
            label=one.label,
            value="" if record is None else self._text(record, one.name),
            kind="long" if one.field_type in _LONG else kind,
            options=options,
            editable=not one.read_only_value,
        )

    def _options(self, table: Table, one: Property) -> list[tuple[str, str]]:
        if one.referenced_object_type == "OWNER":
            return [(str(user.owner_id), user.name) for user in self._account.users if not user.archived]
        pipelines = self._portal.pipelines.get(table.kind.key)
        if pipelines is not None and one.name in ("pipeline", "hs_pipeline"):
            return [(found.id, found.label) for found in pipelines.all.values()]
        if pipelines is not None and one.name in ("dealstage", "hs_pipeline_stage"):
            return [(stage.id, stage.label) for found in pipelines.all.values() for stage in found.stages]
        return [(str(option["value"]), str(option["label"])) for option in one.options]


class ConsentPages:
    """`/oauth/authorize`: the page on which a person lets an app in."""

    def __init__(self, api: Api, pages: Pages, router: Router) -> None:
        self._api = api
        self._pages = pages
        for template in ("/oauth/authorize", "/oauth/{portal}/authorize"):
            router.add("GET", template, self._ask, open_=True)
            router.add("POST", template, self._answer, open_=True)

    def _ask(self, request: Request) -> Response:
        person = self._pages.person(request)
        if person is None:
            return self._pages.sign_in_first(request)
        try:
            check_consent(self._api, request.query, self._api.account.user(person.email))
        except ApiError as refused:
            return self._refused(request, refused)
        scopes = " ".join(request.query.get("scope", []) + request.query.get("optional_scope", [])).split()
        app = self._api.config.app_name
        back = request.query_one("redirect_uri")
        return self._pages.render(
            "consent.html", request, leads_to=back, heading=f"Connect {app}", app=app, scopes=scopes
        )

    def _answer(self, request: Request) -> Response:
        person = self._pages.person(request)
        if person is None:
            return self._pages.sign_in_first(request)
        form = request.form()
        if not hmac.compare_digest(form.get("csrf", ""), self._pages.csrf(person)):
            return self._pages.sign_in_first(request)
        try:
            user = self._api.account.user(person.email)
            location = consent_redirect(self._api, request.query, user, granted=form.get("answer") == "yes")
        except ApiError as refused:
            return self._refused(request, refused)
        return Response(303, b"", content_type=None, headers=[("Location", location)])

    def _refused(self, request: Request, refused: ApiError) -> Response:
        """HubSpot says on its own page what is wrong; nobody is sent back."""
        return self._pages.render("consent.html", request, 400, heading="Cannot connect", error=refused.message)


def _sentence(refused: ApiError) -> str:
    details = [str(error.get("message")) for error in refused.more.get("errors", ()) if error.get("message")]
    return " · ".join(details) or refused.message


def _fields(refused: ApiError) -> set[str]:
    contexts = [error.get("context", {}) for error in refused.more.get("errors", ())]
    return {name for context in contexts for key in ("propertyName", "properties") for name in context.get(key, ())}
