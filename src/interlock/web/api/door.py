"""The door before every address of the JSON API: whose token, how often, may they, and is what was sent what the table says.

It takes a bearer token and no cookie, so that no other site can make a browser use it. What is refused is a document
`interlock.error/1` (failures.py), here and behind the door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from interlock.app.errors import BadInput
from interlock.app.people import programs
from interlock.app.people.visitor import Visitor
from interlock.web.address import Operation
from interlock.web.api.called import Called
from interlock.web.body import read_body
from interlock.web.site import Site

BODY_BYTES = 1024 * 1024
QUERY_CHARS = 8 * 1024


def door(site: Site, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if "\0" in request.url.path:
            raise HTTPException(404)
        called = Called(site, request, None, {}, "", None)
        called.visitor = await _visitor(called)
        if operation.need is not None and not called.who.may(operation.need):
            await site.denials.note(called.by, called.who.actor, operation.need, operation.shown)
            raise HTTPException(403, f"The token's role is {called.who.role}, which does not allow it.")
        if operation.guarded and not request.headers.get("if-match"):
            raise HTTPException(
                428, "Send the ETag of what you have changed as If-Match, or * to overwrite whatever is there."
            )
        called.sent_query = _query(request, operation.query)
        called.sent_body = None if operation.body is None else await _body(request, operation.body)
        response: Response = await operation.handler(called)
        return response

    return endpoint


async def _visitor(called: Called) -> Visitor:
    """Raises HTTPException: 401 without a token that works, 429 for who asks too often."""
    site = called.site
    scheme, _space, token = called.request.headers.get("authorization", "").partition(" ")
    visitor = await programs.whose(site.store, token.strip()) if scheme.lower() == "bearer" else None
    if visitor is None:
        if token.strip():
            await site.denials.token(token.strip(), called.address)
        _in_measure(site.strangers.wait_s(called.address))
        raise HTTPException(401, "Send a token of Interlock as Authorization: Bearer.", {"WWW-Authenticate": "Bearer"})
    _in_measure(site.tokens.wait_s(visitor.actor))
    return visitor


def _in_measure(wait_s: int) -> None:
    if wait_s:
        raise HTTPException(429, f"Too many requests. Wait {wait_s} s.", {"Retry-After": str(wait_s)})


def _query(request: Request, type_: type[msgspec.Struct] | None) -> msgspec.Struct | None:
    """Raises BadInput."""
    sent = request.query_params
    if len(request.url.query) > QUERY_CHARS:
        raise BadInput("The query is too long.", code="query_too_long", fix=f"Take at most {QUERY_CHARS} characters.")
    if type_ is None:
        if sent:
            raise BadInput(f"This address takes no query, and not {next(iter(sent))!r}.", code="unknown_key")
        return None
    known = {field.name for field in msgspec.structs.fields(type_)}
    for name in sent:
        if name not in known:
            fix = f"There are: {', '.join(sorted(known))}."
            raise BadInput(f"There is no parameter {name!r}.", code="unknown_key", field=name, fix=fix)
        if len(sent.getlist(name)) > 1:
            raise BadInput(f"{name} is given twice.", code="given_twice", field=name, fix="Give it once.")
    has_nul = any("\0" in value for value in sent.values())
    return _checked(lambda: msgspec.convert(dict(sent), type_, strict=False), has_nul)


async def _body(request: Request, type_: type[msgspec.Struct]) -> msgspec.Struct:
    """Raises HTTPException, BadInput."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send JSON, as Content-Type: application/json.")
    body = await read_body(request, BODY_BYTES, f"The body is too long: at most {BODY_BYTES} bytes are taken.")
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(400, "The body is not JSON.") from error
    return _checked(lambda: msgspec.json.decode(body, type=type_), b"\\u0000" in body)


def _checked(convert: Callable[[], msgspec.Struct], has_nul: bool) -> msgspec.Struct:
    """Raises BadInput, naming the place."""
    # No text of a CRM holds one, and PostgreSQL takes none.
    if has_nul:
        raise BadInput("A text holds a NUL character.", code="bad_request", fix="Take it out.")
    try:
        return convert()
    except msgspec.ValidationError as error:
        what, _at, where = str(error).partition(" - at `$.")
        field = where.rstrip("`") or None
        said = f"{field}: {what}." if field else f"{what}."
        raise BadInput(said, code="bad_request", field=field, fix="See docs/api.md for what it takes.") from error
