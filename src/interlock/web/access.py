"""The door before every page: who asks, may they, and does the form come from a page of ours. Knows no page.

Pages take the session cookie, and every form of theirs a token bound to it. The JSON API has a door of its own (api/door.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import HTTP
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from interlock.app.notify import manage as notify
from interlock.app.people import signing_in
from interlock.app.people.roles import Action
from interlock.app.people.visitor import By, Visitor
from interlock.store.deeds import NOBODY
from interlock.web import cookies
from interlock.web.body import read_body
from interlock.web.site import Site
from interlock.web.texts import _

# As many fields as a table of a thousand rows has boxes to tick.
FORM_BYTES, FORM_FIELDS = 128 * 1024, 2_000
# A form with a file: several thousand mappings as YAML.
UPLOAD_BYTES, UPLOAD_FIELDS = 1024 * 1024, 20
# Of one part of it, which names the field and the file.
_HEAD_BYTES = 2 * 1024
CSRF_FIELD = "csrf"


class Asked(msgspec.Struct):
    """One request that has passed the door. `csrf` goes into the page's forms."""

    site: Site
    request: Request
    visitor: Visitor | None
    form: dict[str, str]
    csrf: str
    session: str | None  # the session's token, where there is one
    bell: int = 0  # what the bell says: notices that the visitor has not marked as read

    def __repr__(self) -> str:
        # The form may hold a password, and the session is one: neither may get into a log.
        return f"Asked({self.request.method} {self.request.url.path})"

    @property
    def address(self) -> str:
        return _address(self.request)

    @property
    def who(self) -> Visitor:
        """For pages that need somebody: the door has seen to it."""
        assert self.visitor is not None
        return self.visitor

    @property
    def by(self) -> By:
        """For what is done by a page: the log of deeds wants to know."""
        return By(self.who.actor, self.address, self.who.person_id, self.who.behind)

    def field(self, name: str) -> str:
        return self.form.get(name, "")

    def page(self, template: str, status_code: int = 200, **values: object) -> Response:
        signed_in = self.visitor is not None
        return self.site.render(
            template,
            status_code,
            visitor=self.visitor,
            sign_out_csrf=self.csrf if signed_in else "",
            csrf=self.csrf,
            path=self.request.url.path,
            bell=self.bell,
            **values,
        )

    async def signed_in(self, token: str, to: str = "/") -> Response:
        """On with a new session. What the browser had before it counts no more."""
        response = RedirectResponse(to, 303)
        cookies.write(response, cookies.SESSION, token)
        cookies.clear(response, cookies.VISIT)
        known = await signing_in.known_from_now_on(self.site.store, token)
        if known is not None:
            cookies.keep(response, cookies.KNOWN, known)
        return response


Handler = Callable[[Asked], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def open_page(site: Site, handler: Handler, path: str) -> Endpoint:
    """For everybody, signed in or not. `path`: as the table has it."""

    async def endpoint(request: Request) -> Response:
        visit = cookies.read(request, cookies.VISIT)
        form = await _form_or_denied(site, request, visit, NOBODY, path)
        kept = visit or cookies.new_visit()
        session = cookies.read(request, cookies.SESSION)
        response = await handler(Asked(site, request, None, form, cookies.form_token(kept), session))
        # Only for a page, whose forms it stands behind: not for the health check, and not for one that has just signed in.
        if visit is None and isinstance(response, HTMLResponse):
            cookies.write(response, cookies.VISIT, kept)
        return response

    return endpoint


def page(site: Site, handler: Handler, need: Action, path: str) -> Endpoint:
    """For whoever is signed in and may do it. `path`: as the table has it."""

    async def endpoint(request: Request) -> Response:
        session = cookies.read(request, cookies.SESSION)
        visitor = None if session is None else await signing_in.whose(site.store, session)
        if session is None or visitor is None:
            return _to_sign_in(request)
        form = await _form_or_denied(site, request, session, visitor.actor, path)
        bell = 0 if visitor.person_id is None else await notify.unread(site.store, visitor.person_id)
        asked = Asked(site, request, visitor, form, cookies.form_token(session), session, bell)
        if not visitor.may(need):
            await site.denials.note(asked.by, visitor.actor, need, path)
            text = _("Your role does not allow it. An admin can change your role.")
            return asked.page("message.html", 403, title=_("Not allowed"), text=text)
        return await handler(asked)

    return endpoint


def _to_sign_in(request: Request) -> Response:
    """To be led back after signing in, where that means only looking."""
    path, looking = request.url.path, request.method == "GET"
    part = "hx-request" in request.headers
    if part:
        # A part of a page that is open: back to that page, whose address htmx tells. The sign-in decides where it may lead.
        path, looking = urlsplit(request.headers.get("hx-current-url", "")).path, True
    back = f"?{urlencode({'next': path})}" if looking and path not in ("", "/") else ""
    if part:
        # A redirect would put the sign-in page into the place of the part.
        return Response(status_code=401, headers={"HX-Redirect": f"/sign-in{back}"})
    return RedirectResponse(f"/sign-in{back}", 303)


async def _form_or_denied(site: Site, request: Request, cookie: str | None, actor: str, path: str) -> dict[str, str]:
    try:
        return await _form(request, cookie)
    except Foreign:
        await site.denials.form(actor, path, _address(request))
        raise


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"


async def _form(request: Request, cookie: str | None) -> dict[str, str]:
    """The fields of a form that a page of ours, shown to this browser, has sent; nothing for a request that only looks."""
    _check_text(request.scope["path"], *request.query_params.values())
    if request.method in ("GET", "HEAD"):
        return {}
    # What the browser itself says of where it comes from, where it says it (Fetch Metadata), is believed first.
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _foreign()
    fields = await _fields(request)
    if cookie is None or not cookies.is_form_token(fields.get(CSRF_FIELD, ""), cookie):
        raise _foreign()
    return fields


class Foreign(HTTPException):
    """No page of ours, shown to this browser, has sent the form."""


def _foreign() -> Foreign:
    return Foreign(
        403, _("This form was not sent from a page of this Interlock, or the page is old. Load the page again.")
    )


async def _fields(request: Request) -> dict[str, str]:
    sent = request.headers.get("content-type", "")
    kind = sent.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _parts(sent, await read_body(request, UPLOAD_BYTES, _("The file is too long.")))
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, _("Only forms are taken here."))
    body = await read_body(request, FORM_BYTES, _("The form is too long."))
    try:
        pairs = parse_qsl(
            body.decode("ascii", "replace"), keep_blank_values=True, errors="replace", max_num_fields=FORM_FIELDS
        )
    except ValueError as error:
        raise HTTPException(413, _("The form is too long.")) from error
    _check_text(*(text for pair in pairs for text in pair))
    return dict(pairs)


def _check_text(*texts: str) -> None:
    """No text of a person or of a CRM holds a NUL, and PostgreSQL takes none. Raises HTTPException."""
    if any("\0" in text for text in texts):
        raise HTTPException(400, _("A text holds a NUL character. Take it out."))


def _parts(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form with a file, the file as text like any other (RFC 7578, as browsers send it)."""
    boundary = _head(b"content-type: " + content_type.encode("latin-1", "replace")).get_boundary("")
    line = b"\r\n--" + boundary.encode("ascii", "replace")
    # The first line is one as well. What comes before it, and what follows the last, is no part.
    body = b"\r\n" + body
    # Counted before anything is made of them: this door is open to everybody, and a part of nothing is a few bytes long.
    if not boundary or body.count(line) > UPLOAD_FIELDS + 1:
        raise HTTPException(413, _("The form is too long."))
    fields: dict[str, str] = {}
    for part in body.split(line)[1:]:
        if part.startswith(b"--"):
            break
        head, _blank, content = part.partition(b"\r\n\r\n")
        said = _head(head[:_HEAD_BYTES].lstrip())
        name = said.get_param("name", header="content-disposition")
        if isinstance(name, str):
            fields[name] = content.decode("utf-8", "replace")
            # Of a file whoever reads it says what is wrong with it: one of UTF-16 is full of them.
            _check_text(name, fields[name] if said.get_filename() is None else "")
    return fields


def _head(head: bytes) -> EmailMessage:
    message = BytesHeaderParser(policy=HTTP).parsebytes(head)
    assert isinstance(message, EmailMessage)
    return message
