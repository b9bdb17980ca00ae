"""Plain web pages of a local CRM: sign in, list, search, open and edit a record, as a person of the account.

An edit here is an edit by that person: the CRM validates it, journals it and moves the stamps as its own user interface
would. Server-rendered, no script, one style sheet; each CRM supplies an adapter.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.resources import files
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec
from jinja2 import Environment, PackageLoader, select_autoescape

from crm_emulator.kernel.http import Handler, Request, Response, Router

ROWS_PER_PAGE = 25
MAIN_FIELDS = 8  # always shown; of the others those that hold a value
# With the accent behind it: two CRMs on one machine share its cookies, whatever their ports.
COOKIE = "crm_session"
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)

_HOST = re.compile(r"[\w.-]+(?::\d+)?|\[[\da-fA-F:]+\](?::\d+)?", re.ASCII)


class PageError(Exception):
    """What a person did cannot be done; the message is shown to them, and leads to the fields it is about."""

    def __init__(self, message: str, fields: Collection[str] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class Person(msgspec.Struct, frozen=True):
    email: str
    name: str
    password: str


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a record page. `kind`: text, long, number, date, flag, choice."""

    name: str
    label: str
    value: str = ""
    kind: str = "text"
    options: Sequence[tuple[str, str]] = ()
    editable: bool = True


class Row(msgspec.Struct, frozen=True):
    id: str
    cells: Sequence[str]


class PagesAdapter(Protocol):
    """What a CRM supplies. `object` is one of the keys of `objects()`."""

    @property
    def title(self) -> str: ...
    def people(self) -> Sequence[Person]: ...
    def objects(self) -> Sequence[tuple[str, str]]: ...
    def columns(self, object: str) -> Sequence[str]: ...
    def rows(self, object: str, query: str, offset: int, limit: int) -> tuple[Sequence[Row], int]: ...
    def fields(self, object: str, id: str | None, person: Person) -> Sequence[Field]: ...
    def name(self, object: str, id: str) -> str: ...
    def save(self, object: str, id: str | None, values: Mapping[str, str], person: Person) -> str: ...
    def delete(self, object: str, id: str, person: Person) -> None: ...


class Pages:
    """Adds the routes to a router. One secret per instance: a restart signs everyone out. `accent` names the colours, so
    that two CRMs side by side are told apart at a glance (by their titles in any case)."""

    def __init__(
        self,
        adapter: PagesAdapter,
        router: Router,
        accent: str = "",
        places: Sequence[tuple[str, str]] = (),
        actions: Callable[[str, str], Sequence[tuple[str, str]]] = lambda object, id: (),
    ) -> None:
        """`places`: (path, name) of pages that the CRM adds itself, for the navigation; `actions`: those of a record, by
        its object and id."""
        self._adapter = adapter
        self._actions = actions
        self._places = places
        self._accent = accent
        self._cookie_name = f"{COOKIE}_{accent}" if accent else COOKIE
        self._secret = secrets.token_bytes(32)
        self._templates = Environment(
            loader=PackageLoader("crm_emulator.kernel"), autoescape=select_autoescape(default=True)
        )
        router.add("GET", "/", self._home, open_=True)
        router.add("GET", "/static/style.css", _static("style.css", "text/css; charset=utf-8"), open_=True)
        for path in ("/static/icon.svg", "/favicon.ico"):
            router.add("GET", path, _static("icon.svg", "image/svg+xml"), open_=True)
        router.add("GET", "/sign-in", self._sign_in_form, open_=True)
        router.add("POST", "/sign-in", self._sign_in, open_=True)
        router.add("POST", "/sign-out", self._sign_out, open_=True)
        router.add("GET", "/records/{object}", self._list, open_=True)
        router.add("GET", "/records/{object}/{id}", self._record, open_=True)
        router.add("POST", "/records/{object}/{id}", self._save, open_=True)
        router.add("POST", "/records/{object}/{id}/delete", self._delete, open_=True)

    def person(self, request: Request) -> Person | None:
        """Who is signed in. Other pages of a CRM (consent) ask too."""
        email, _, mark = _cookie(request, self._cookie_name).rpartition(".")
        if not email or not hmac.compare_digest(mark, self._sign(f"session:{email}")):
            return None
        return next((person for person in self._adapter.people() if person.email == email), None)

    def csrf(self, person: Person) -> str:
        return self._sign(f"form:{person.email}")

    def posted_by(self, request: Request) -> Person | None:
        """Who is signed in, if the form that was sent is theirs."""
        person = self.person(request)
        if person is None or not hmac.compare_digest(request.form().get("csrf", ""), self.csrf(person)):
            return None
        return person

    def render(
        self, template: str, request: Request, status: int = 200, *, leads_to: str | None = None, **values: Any
    ) -> Response:
        """`leads_to`: where the answer to the page's form redirects, which a browser holds against `form-action` too."""
        person = self.person(request)
        text = self._templates.get_template(template).render(
            title=self._adapter.title,
            accent=self._accent,
            objects=self._adapter.objects(),
            places=self._places,
            path=request.path,
            person=person,
            csrf=self.csrf(person) if person is not None else "",
            **values,
        )
        headers = [
            ("Content-Security-Policy", f"{_CSP} {_origin(leads_to)}".rstrip()),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ]
        return Response(status, text.encode(), content_type="text/html; charset=utf-8", headers=headers)

    def sign_in_first(self, request: Request) -> Response:
        back = request.path + (f"?{request.query_string}" if request.query_string else "")
        return _redirect(f"/sign-in?{urlencode({'next': back})}")

    # Routes

    def _home(self, request: Request) -> Response:
        if self.person(request) is None:
            return _redirect("/sign-in")
        return _redirect(f"/records/{self._adapter.objects()[0][0]}")

    def _sign_in_form(self, request: Request) -> Response:
        return self.render("sign_in.html", request, people=self._adapter.people(), next=request.query_one("next", "/"))

    def _sign_in(self, request: Request) -> Response:
        form = request.form()
        email, password = form.get("email", ""), form.get("password", "")
        for person in self._adapter.people():
            if person.email == email and hmac.compare_digest(person.password.encode(), password.encode()):
                response = _redirect(_own_path(form.get("next", "/")))
                value = quote(f"{email}.{self._sign(f'session:{email}')}")
                secure = "; Secure" if request.scheme == "https" else ""
                response.headers.append(
                    ("Set-Cookie", f"{self._cookie_name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
                )
                return response
        return self.render(
            "sign_in.html",
            request,
            400,
            people=self._adapter.people(),
            next=form.get("next", "/"),
            error="That e-mail and password do not belong together.",
        )

    def _sign_out(self, request: Request) -> Response:
        response = _redirect("/sign-in")
        response.headers.append(("Set-Cookie", f"{self._cookie_name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"))
        return response

    def _list(self, request: Request) -> Response:
        if self.person(request) is None:
            return self.sign_in_first(request)
        object = request.params["object"]
        if not self._knows(request):
            return self._missing(request)
        query = request.query_one("q", "") or ""
        page = max(1, int(text) if (text := request.query_one("page", "1") or "1").isdecimal() else 1)
        rows, total = self._adapter.rows(object, query, (page - 1) * ROWS_PER_PAGE, ROWS_PER_PAGE)
        return self.render(
            "list.html",
            request,
            object=object,
            label=dict(self._adapter.objects())[object],
            columns=self._adapter.columns(object),
            rows=rows,
            total=total,
            query=query,
            page=page,
            pages=max(1, -(-total // ROWS_PER_PAGE)),
        )

    def _record(self, request: Request) -> Response:
        if self.person(request) is None:
            return self.sign_in_first(request)
        if not self._knows(request):
            return self._missing(request)
        return self._show(request, saved=request.query_one("saved") is not None)

    def _save(self, request: Request) -> Response:
        person = self.person(request)
        if person is None:
            return self.sign_in_first(request)
        if not self._knows(request):
            return self._missing(request)
        form = request.form()
        if not hmac.compare_digest(form.pop("csrf", ""), self.csrf(person)):
            return self._show(request, status=403, error="The form has expired. Please save again.")
        object, id = request.params["object"], _id(request)
        try:
            editable = {field.name: field.value for field in self._adapter.fields(object, id, person) if field.editable}
            values = {name: value.replace("\r\n", "\n") for name, value in form.items() if name in editable}
            changed = {name: value for name, value in values.items() if value != editable[name]}
            saved = self._adapter.save(object, id, changed, person)
        except PageError as refused:
            return self._show(request, status=400, error=str(refused), wrong=refused.fields, given=form)
        return _redirect(f"/records/{object}/{quote(saved)}?saved=1")

    def _delete(self, request: Request) -> Response:
        person = self.person(request)
        if person is None:
            return self.sign_in_first(request)
        object = request.params["object"]
        if not self._knows(request):
            return self._missing(request)
        if not hmac.compare_digest(request.form().get("csrf", ""), self.csrf(person)):
            return self._show(request, status=403, error="The form has expired. Please try again.")
        try:
            self._adapter.delete(object, request.params["id"], person)
        except PageError as refused:
            return self._show(request, status=400, error=str(refused))
        return _redirect(f"/records/{object}")

    # Inside

    def _show(
        self,
        request: Request,
        *,
        status: int = 200,
        error: str | None = None,
        wrong: Collection[str] = (),
        saved: bool = False,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        object, id = request.params["object"], _id(request)
        person = self.person(request)
        if person is None:
            return self.sign_in_first(request)
        try:
            fields = self._adapter.fields(object, id, person)
            heading = "New record" if id is None else self._adapter.name(object, id)
        except PageError:
            return self._missing(request)
        if given is not None:
            fields = [msgspec.structs.replace(field, value=given.get(field.name, field.value)) for field in fields]
        editable = [field for field in fields if field.editable]
        return self.render(
            "record.html",
            request,
            status,
            object=object,
            id=id,
            heading=heading,
            label=dict(self._adapter.objects())[object],
            fields=fields,
            actions=self._actions(object, id) if id is not None else (),
            main_fields=[field for place, field in enumerate(editable) if place < MAIN_FIELDS or field.value],
            more_fields=[field for field in editable[MAIN_FIELDS:] if not field.value],
            error=error,
            wrong_fields=wrong,
            saved=saved,
        )

    def _knows(self, request: Request) -> bool:
        return request.params["object"] in dict(self._adapter.objects())

    def _missing(self, request: Request) -> Response:
        return self.render("missing.html", request, 404)

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), "sha256").hexdigest()


def _origin(url: str | None) -> str:
    parts = urlsplit(url or "")
    return (
        f"{parts.scheme}://{parts.netloc}"
        if parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc)
        else ""
    )


def _static(name: str, content_type: str) -> Handler:
    content = files("crm_emulator.kernel").joinpath("static", name).read_bytes()
    return lambda request: Response(200, content, content_type=content_type)


def _id(request: Request) -> str | None:
    return None if request.params["id"] == "new" else request.params["id"]


def _cookie(request: Request, wanted: str) -> str:
    for part in request.headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            return unquote(value)
    return ""


def _own_path(text: str) -> str:
    """Where to go after signing in: a path of this site, nothing else."""
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) else "/"


def _redirect(path: str) -> Response:
    return Response(303, b"", content_type=None, headers=[("Location", path), ("Cache-Control", "no-store")])
