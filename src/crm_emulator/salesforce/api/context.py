"""What every resource of the API shares: the org, its pipeline, the caller of a request, and answers in the API's form.

`guarded` turns errors into answers; `gate` refuses calls without a live token, over the daily limit, or too long;
`finish`
adds the headers recorded from real orgs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from crm_emulator.kernel.http import Request, Response, Route, Router
from crm_emulator.salesforce.api import envelope
from crm_emulator.salesforce.api.sessions import Session, Sessions
from crm_emulator.salesforce.api.usage import ApiUsage
from crm_emulator.salesforce.config import EARLIEST_VERSION, LATEST_VERSION
from crm_emulator.salesforce.errors import ApiError, RequestError, json_parser_error, not_found
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.metadata.deployments import Deployments
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.removal import Remover
from crm_emulator.salesforce.save import Saver
from crm_emulator.salesforce.schema import SObject
from crm_emulator.salesforce.store import Table
from crm_emulator.salesforce.transaction import Caller, Transaction

DATA = "/services/data/{version}"
_VERSION = re.compile(r"v(\d{2})\.0\Z")
_NO_SESSION = frozenset(
    {
        "/services/data",
        "/services/oauth2/token",
        "/services/oauth2/revoke",
        "/services/oauth2/introspect",
        # The session is in the envelope.
        "/services/Soap/{kind}/{version}",
        "/services/Soap/{kind}/{version}/{org}",
    }
)
_HEADERS = [
    ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Robots-Tag", "none"),
    ("Cache-Control", "no-cache,must-revalidate,max-age=0,no-store,private"),
    ("Vary", "Accept-Encoding"),
]
JSON_TYPE = "application/json;charset=UTF-8"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class CallContext:
    """Of one request: who calls, and the transaction it is part of (a composite call's, where it is all-or-none)."""

    session: Session | None
    caller: Caller | None
    transaction: Transaction | None = None


class Api:
    def __init__(self, org: Org, saver: Saver, remover: Remover, sessions: Sessions, router: Router) -> None:
        self.org = org
        self.saver = saver
        self.remover = remover
        self.sessions = sessions
        self.router = router
        self.usage = ApiUsage()
        self.deployments = Deployments(org, saver, remover)

    def add(self, method: str, template: str, handler: Callable[[Request], Response]) -> None:
        self.router.add(method, template, guarded(handler))

    def data(self, method: str, path: str, handler: Callable[[Request], Response]) -> None:
        """A resource under /services/data/vXX.0."""
        self.add(method, DATA + path, handler)

    # Around every call

    def gate(self, request: Request, route: Route) -> Response | None:
        try:
            self._check_size(request)
            request.context = CallContext(None, None)
            if route.template in _NO_SESSION:
                return None
            session = self._session(request)
            if "version" in request.params and not self.knows_version(request.params["version"]):
                raise not_found()
            if "version" in request.params:
                self._check_api_enabled(session.user_id)
            self._count()
            request.context = CallContext(session, self._caller(request, session))
        except ApiError as refused:
            return error_response(refused)
        return None

    def admit(self, session: Session | None) -> str:
        """For a call that brought its session along elsewhere than in the header: count it and return whose it is."""
        session = self._live(session)
        self._check_api_enabled(session.user_id)
        self._count()
        return session.user_id

    def _check_api_enabled(self, user_id: str) -> None:
        if not self.org.access.permits(user_id, "ApiEnabled"):
            # Seen by users without API Enabled in an org that has it (forum and issue threads).
            raise RequestError("API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", status=403)

    def _count(self) -> None:
        now_s = self.org.now_s()
        self.remover.expire()
        self.org.settle()
        self.usage.forget(now_s)
        if self.org.config.enforce_daily_limit and self.usage.used >= self.org.config.daily_limit:
            raise RequestError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        self.usage.add(now_s)

    def _check_size(self, request: Request) -> None:
        limit = self.org.config.uri_bytes
        uri = len(request.path) + len(request.query_string) + 1
        if uri > limit:
            raise RequestError("URI_TOO_LONG", f"URI length of {uri} exceeds {limit} bytes", status=414)
        if uri + sum(len(name) + len(value) for name, value in request.headers.items()) > limit:
            raise RequestError("REQUEST_HEADERS_TOO_LARGE", "URI and headers are too large", status=431)

    def _session(self, request: Request) -> Session:
        given = request.headers.get("authorization", "")
        scheme, _, token = given.partition(" ")
        if given and scheme.lower() not in ("bearer", "oauth"):
            raise RequestError("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", status=401)
        return self._live(self.sessions.find(token.strip()))

    def _live(self, session: Session | None) -> Session:
        if session is None:
            raise RequestError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        user = self.org.tables["User"].rows.get(session.user_id)
        if user is None or not user.values.get("IsActive"):
            raise RequestError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        return session

    def _caller(self, request: Request, session: Session) -> Caller:
        headers = request.headers
        assign = headers.get("sforce-auto-assign", "TRUE").strip()
        duplicates = options(headers.get("sforce-duplicate-rule-header", ""))
        return Caller(
            session.user_id,
            client_of(request),
            assign=assign.upper() != "FALSE",
            assignment_rule=to_18(assign),
            allow_duplicates=duplicates.get("allowsave", "").lower() == "true",
            base=f"/services/data/{request.params.get('version', f'v{LATEST_VERSION}.0')}",
        )

    def knows_version(self, text: str) -> bool:
        match = _VERSION.match(text)
        return match is not None and EARLIEST_VERSION <= int(match.group(1)) <= LATEST_VERSION

    def finish(self, request: Request, response: Response) -> None:
        if response.content_type and response.content_type.startswith("application/json"):
            response.content_type = JSON_TYPE
        headers = response.headers
        headers.extend(_HEADERS)
        if isinstance(request.context, CallContext) and request.context.session is not None:
            headers.append(("Sforce-Limit-Info", f"api-usage={self.usage.used}/{self.org.config.daily_limit}"))

    def unrouted(self, request: Request, allowed: list[str]) -> Response:
        if allowed:
            return error_response(
                RequestError(
                    "METHOD_NOT_ALLOWED",
                    f"HTTP Method '{request.method}' not allowed. Allowed are {','.join(allowed)}",
                    status=405,
                )
            )
        return error_response(not_found())

    def planted(self, request: Request, status: int) -> Response:
        code, message = _PLANTED.get(status, ("UNKNOWN_EXCEPTION", "An unexpected error occurred."))
        if status in (502, 504):
            page = b"<html><head><title>Salesforce Edge</title></head><body>Bad Gateway</body></html>"
            return Response(status, page, content_type="text/html; charset=utf-8")
        if request.path.startswith("/services/Soap/"):
            # A SOAP client reads faults; every one comes with status 500 (SOAP 1.1).
            body = envelope.fault(code, message, "urn:fault.partner.soap.sforce.com")
            return Response(500, body, content_type="text/xml;charset=UTF-8")
        return error_response(RequestError(code, message, status=status))

    # For resources

    def caller(self, request: Request) -> Caller:
        caller: Caller | None = request.context.caller
        assert caller is not None
        return caller

    def table(self, name: str) -> Table:
        found = self.org.sobject(name)
        if found is None:
            raise not_found()
        return self.org.tables[found.name]

    def sobject(self, name: str) -> SObject:
        return self.table(name).sobject

    def transact(self, request: Request, work: Callable[[Transaction], None], *, atomic: bool = True) -> None:
        """Run `work` in the call's transaction, or in one of its own that is committed at the end. An error of an
        atomic
        one takes back all of it."""
        outer = request.context.transaction
        if outer is not None:
            work(outer)
            return
        tx = self.org.begin(self.caller(request), can_roll_back=atomic)
        try:
            work(tx)
        except ApiError:
            tx.roll_back()
            self.org.access.changed()
            raise
        tx.commit()


_PLANTED = {
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    404: ("NOT_FOUND", "The requested resource does not exist"),
    429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
    503: ("SERVER_UNAVAILABLE", "Server Unavailable"),
}


def guarded(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def run(request: Request) -> Response:
        try:
            return handler(request)
        except ApiError as refused:
            return error_response(refused)

    return run


def error_response(error: ApiError) -> Response:
    return Response(error.status, _encode(error.as_single()), content_type=JSON_TYPE)


def answer(value: Any, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    return Response(status, _encode(value), content_type=JSON_TYPE, headers=headers)


def no_content() -> Response:
    return Response(204, b"", content_type=None)


def body_of(request: Request) -> Any:
    media = request.headers.get("content-type", "application/json")
    if "json" not in media.lower():
        raise RequestError("UNSUPPORTED_MEDIA_TYPE", f"Content-Type {media} is not supported here", status=415)
    if not request.body:
        raise json_parser_error("The HTTP entity body is required, but this request has no entity body.")
    try:
        return _decode(request.body)
    except msgspec.DecodeError as broken:
        raise json_parser_error(f"{broken} at [line:1, column:1]") from broken


def object_of(request: Request) -> dict[str, Any]:
    found = body_of(request)
    if not isinstance(found, dict):
        raise json_parser_error("Unexpected token at [line:1, column:1]")
    return found


def options(header: str) -> dict[str, str]:
    """`client=X; defaultNamespace=Y` as a dict; names in lower case."""
    found: dict[str, str] = {}
    for part in re.split(r"[;,]", header):
        name, _, value = part.partition("=")
        if name.strip():
            found[name.strip().lower()] = value.strip()
    return found


def client_of(request: Request) -> str:
    """Who calls, by Sforce-Call-Options (what a change event would name), else by the User-Agent's product."""
    named = options(request.headers.get("sforce-call-options", "")).get("client")
    if named:
        return named
    agent = request.headers.get("user-agent", "")
    return agent.split("/", 1)[0].split(" ", 1)[0] or "unknown"
