"""A thin, fast ASGI layer: requests, responses, a path router, and the app that plays planted faults.

It is not a web framework: handlers are plain functions that run to their end without awaiting (so a write is atomic and
a schedule is deterministic), and bodies are bytes. What an API refuses (authentication, limits) is the CRM's `gate`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from crm_emulator.kernel.faults import Dropped, Fault, Faults
from crm_emulator.kernel.stats import Stats

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON_TYPE = "application/json;charset=utf-8"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Request:
    """One call. `params` are the router's path parameters, `route` the template it matched."""

    __slots__ = (
        "_query",
        "body",
        "client_host",
        "context",
        "fault",
        "headers",
        "method",
        "params",
        "path",
        "query_string",
        "route",
        "scheme",
    )

    def __init__(
        self,
        method: str,
        path: str,
        *,
        query_string: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        client_host: str | None = None,
        scheme: str = "http",
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query_string
        self.headers = headers if headers is not None else {}
        self.body = body
        self.client_host = client_host
        self.scheme = scheme
        self.params: dict[str, str] = {}
        self.route = ""
        self.fault: Fault | None = None
        self.context: Any = None  # the CRM's own: who calls
        self._query: dict[str, list[str]] | None = None

    @property
    def query(self) -> dict[str, list[str]]:
        """Every value of every query key, in order."""
        if self._query is None:
            self._query = {}
            for name, value in parse_qsl(self.query_string, keep_blank_values=True):
                self._query.setdefault(name, []).append(value)
        return self._query

    def query_one(self, name: str, default: str | None = None) -> str | None:
        values = self.query.get(name)
        return values[-1] if values else default

    def json(self) -> Any:
        """The decoded body. Raises msgspec.DecodeError."""
        return _decode(self.body)

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


class Response:
    """One answer. `headers` are (name, value) pairs; Content-Type and Content-Length are added when sent."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        *,
        content_type: str | None = JSON_TYPE,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers: list[tuple[str, str]] = headers if headers is not None else []

    def header(self, name: str) -> str | None:
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


def json_response(value: Any, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    try:
        body = _encode(value)
    except UnicodeEncodeError:
        # A text that was cut inside an emoji: half a character has no UTF-8, and is escaped.
        body = json.dumps(value).encode()
    return Response(status, body, headers=headers)


Handler = Callable[[Request], Response]


class Route:
    __slots__ = ("endpoint", "handler", "method", "names", "open", "template")

    def __init__(self, method: str, template: str, handler: Handler, names: tuple[str, ...], open_: bool) -> None:
        self.method = method
        self.template = template
        self.handler = handler
        self.names = names
        self.open = open_
        self.endpoint = f"{method} {template}"


class _Node:
    __slots__ = ("fixed", "methods", "param", "rest")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.param: _Node | None = None
        self.rest: dict[str, Route] | None = None
        self.methods: dict[str, Route] = {}


class Router:
    """Templates of fixed segments, `{name}` (one segment) and a final `{name...}` (the rest). Fixed wins over `{name}`.

    A route added with `open_` belongs to the pages or the control API: no gate, no faults, not counted.
    """

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, method: str, template: str, handler: Handler, *, open_: bool = False) -> None:
        node = self._root
        names: list[str] = []
        for segment in template.strip("/").split("/"):
            if segment.startswith("{") and segment.endswith("...}"):
                names.append(segment[1:-4])
                node.rest = node.rest if node.rest is not None else {}
                node.rest[method] = Route(method, template, handler, tuple(names), open_)
                return
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.param = node.param or _Node()
                node = node.param
            else:
                node = node.fixed.setdefault(segment, _Node())
        node.methods[method] = Route(method, template, handler, tuple(names), open_)

    def find(self, method: str, path: str) -> tuple[Route, list[str]] | tuple[None, list[str]]:
        """The route and its parameter values; without a route, the methods that the path would take."""
        segments = path.strip("/").split("/")
        allowed: list[str] = []
        found = self._walk(self._root, segments, 0, [], method, allowed)
        return found if found is not None else (None, allowed)

    def _walk(
        self, node: _Node, segments: list[str], at: int, values: list[str], method: str, allowed: list[str]
    ) -> tuple[Route, list[str]] | None:
        if at == len(segments):
            route = node.methods.get(method)
            if route is None:
                allowed.extend(node.methods)
                return None
            return route, values
        segment = segments[at]
        fixed = node.fixed.get(segment)
        if fixed is not None:
            found = self._walk(fixed, segments, at + 1, values, method, allowed)
            if found is not None:
                return found
        if node.param is not None and segment:
            value = unquote(segment) if "%" in segment else segment
            found = self._walk(node.param, segments, at + 1, [*values, value], method, allowed)
            if found is not None:
                return found
        if node.rest is not None and method in node.rest:
            return node.rest[method], [*values, unquote("/".join(segments[at:]))]
        return None


class App:
    """The ASGI callable of one local CRM.

    `gate` may refuse an API call before its handler runs; `finish` may add headers to any API answer; `not_found` and
    `fault_body` speak the CRM's own error language.
    """

    def __init__(
        self,
        router: Router,
        *,
        faults: Faults,
        stats: Stats,
        client_of: Callable[[Request], str],
        gate: Callable[[Request, Route], Response | None],
        finish: Callable[[Request, Response], None],
        not_found: Callable[[Request, list[str]], Response],
        fault_body: Callable[[Request, int], Response],
    ) -> None:
        self.router = router
        self.faults = faults
        self.stats = stats
        self._client_of = client_of
        self._gate = gate
        self._finish = finish
        self._not_found = not_found
        self._fault_body = fault_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError(f"only HTTP is served, not {scope['type']}")
        request = await _read(scope, receive)
        response = await self.respond(request)
        body = response.body
        cut = request.fault is not None and request.fault.rule.kind == "cut_body" and len(body) > 1
        await send(
            {"type": "http.response.start", "status": response.status, "headers": _raw_headers(response, len(body))}
        )
        if cut:
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise Dropped("the answer was cut in the middle")
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})

    async def respond(self, request: Request) -> Response:
        """The answer to one call, faults included. Raises Dropped where the connection ends without one."""
        method = "GET" if request.method == "HEAD" else request.method
        route, values = self.router.find(method, request.path)
        if route is None:
            return self._unrouted(request, values)
        request.params = dict(zip(route.names, values, strict=True))
        request.route = route.template
        if route.open:
            return route.handler(request)
        self.stats.count(route.endpoint, self._client_of(request))
        fault = request.fault = self.faults.pick(request.method, request.path)
        if fault is None:
            return self._carry_out(request, route)
        if fault.rule.kind == "timeout_after":
            self._carry_out(request, route)
            await _delay(fault)
            raise Dropped("dropped after the call was carried out")
        await _delay(fault)
        if fault.rule.kind == "timeout_before":
            raise Dropped("dropped before the call was carried out")
        if fault.rule.kind == "status" and fault.rule.status is not None:
            response = self._fault_body(request, fault.rule.status)
            if response.status == 429:
                self.stats.refused_429 += 1
            return response
        return self._carry_out(request, route)

    def _carry_out(self, request: Request, route: Route) -> Response:
        response = self._gate(request, route)
        if response is None:
            response = route.handler(request)
        if response.status == 429:
            self.stats.refused_429 += 1
        self._finish(request, response)
        return response

    def _unrouted(self, request: Request, allowed: list[str]) -> Response:
        self.stats.count(f"{request.method} (no such path)", self._client_of(request))
        response = self._not_found(request, allowed)
        self._finish(request, response)
        return response


async def _delay(fault: Fault) -> None:
    """A slow call is carried out late, so that it can land after its caller has given up."""
    if fault.rule.delay_ms:
        await asyncio.sleep(fault.rule.delay_ms / 1_000)


def user_agent_client(request: Request) -> str:
    """`interlock` of `interlock/0.1 (+https://...)`: the product token of the User-Agent."""
    agent = request.headers.get("user-agent", "")
    return agent.split("/", 1)[0].split(" ", 1)[0] or "unknown"


def _raw_headers(response: Response, length: int) -> list[tuple[bytes, bytes]]:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.status != 204:
        if response.content_type is not None:
            raw.append((b"content-type", response.content_type.encode("latin-1")))
        raw.append((b"content-length", str(length).encode("ascii")))
    return raw


async def _read(scope: Scope, receive: Receive) -> Request:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Dropped("the caller left before its request was complete")
        chunk = message.get("body", b"")
        body = chunk if not body else body + chunk
        if not message.get("more_body"):
            break
    raw_path = scope.get("raw_path")
    path = raw_path.decode("latin-1").split("?", 1)[0] if raw_path else quote(scope["path"])
    client = scope.get("client")
    return Request(
        scope["method"],
        path,
        query_string=scope.get("query_string", b"").decode("latin-1"),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
        client_host=client[0] if client else None,
        scheme=scope.get("scheme", "http"),
    )


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
