"""The one seam to the network: send(Request, deadline_s) -> Response, over HTTP or into an ASGI app in this process.

It knows nothing of the CRMs, tokens, limits or retries. Its one promise is the pair of exceptions: NotSent means that
no byte of the request left and it is safe to repeat; OutcomeUnknown means that the request may have been carried out.
tests/contract/test_transport.py runs the same suite over both transports.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec
from yarl import URL

from interlock.crm.seam import NetworkInTransaction, forbid_network

CONNECT_TIMEOUT_S = 10.0
# Below the keep-alive time of common load balancers: a connection closed while we send costs an unknown outcome.
KEEP_ALIVE_S = 10.0
CONNECTION_LIMIT = 16


class TransportError(Exception):
    """No usable answer. `why` is a sentence part for a person."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NotSent(TransportError):
    """No byte of the request left: safe to repeat."""


class OutcomeUnknown(TransportError):
    """A byte may have left: the request may have been carried out, and may still be."""


class Request(msgspec.Struct):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:  # headers carry the token, bodies may: they never reach a log or a traceback
        return f"Request({self.method} {self.url}, {len(self.body or b'')} bytes)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # what a pretty printer shows instead
        return [("method", self.method), ("url", self.url)]


class Response(msgspec.Struct):
    """`headers` have lower-case names; `body` is whole and decompressed."""

    status: int
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:  # the answer to a sign-in is a token
        return f"Response({self.status}, {len(self.body)} bytes)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("status", self.status)]


class Transport(Protocol):
    async def send(self, request: Request, deadline_s: float) -> Response:
        """Raises NotSent or OutcomeUnknown, and nothing else but NetworkInTransaction."""
        ...


def _assert_outside_transaction(request: Request) -> None:
    if forbid_network.get():
        raise NetworkInTransaction(f"{request.method} {request.url} was tried inside a database transaction")


# --- HTTP ----------------------------------------------------------------------------------------------------------


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Tell the two failures apart at the only place that can, and by that switch aiohttp's own resend off.

    aiohttp repeats GET, HEAD, OPTIONS, TRACE, PUT and DELETE once when a kept-alive connection breaks under the request
    (aiohttp 3.14 client.py, IDEMPOTENT_METHODS; it catches ClientOSError and ServerDisconnectedError around the
    middlewares). What this middleware raises is neither, so nothing is sent twice.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise NotSent(_why(error)) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise OutcomeUnknown(_why(error)) from error


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__


class HttpTransport:
    """aiohttp with its resend, redirects, cookies and environment proxies off. Opened on first use."""

    def __init__(self, *, connection_limit: int = CONNECTION_LIMIT, ca_file: str | None = None) -> None:
        self._connection_limit = connection_limit
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpTransport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            tls: Any = True
            if self._ca_file is not None:
                # Beside the system's authorities, not instead of them.
                tls = ssl.create_default_context()
                tls.load_verify_locations(cafile=self._ca_file)
            connector = aiohttp.TCPConnector(
                limit=self._connection_limit, limit_per_host=0, keepalive_timeout=KEEP_ALIVE_S, ssl=tls
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "gzip"},
                middlewares=(_send_once,),
                auto_decompress=True,
                trust_env=False,
            )
        return self._session

    async def send(self, request: Request, deadline_s: float) -> Response:
        _assert_outside_transaction(request)
        timeout = aiohttp.ClientTimeout(total=deadline_s, connect=min(CONNECT_TIMEOUT_S, deadline_s))
        try:
            # encoded=True: the URL was built and quoted by us, a second opinion would change SOQL and e-mail paths.
            url = URL(request.url, encoded=True)
        except ValueError as error:
            raise NotSent(f"the address {request.url} cannot be used: {_why(error)}") from error
        if url.scheme not in ("http", "https") or not url.raw_host:
            raise NotSent(f"the address {request.url} cannot be used: it is not a web address")
        try:
            async with self._open().request(
                request.method,
                url,
                headers=request.headers,
                data=request.body,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(answer.status, headers, body)
        except TransportError:
            raise
        except aiohttp.InvalidURL as error:
            raise NotSent(f"the address {request.url} cannot be used: {_why(error)}") from error
        except TimeoutError as error:
            raise OutcomeUnknown(f"no answer within {deadline_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise OutcomeUnknown(_why(error)) from error


# --- ASGI, in this process -------------------------------------------------------------------------------------------

AsgiApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]


class AsgiTransport:
    """The twin for tests, the demo and the simulator: no sockets, no threads, no tasks; works under any event loop.

    An app that raises is a connection that ended without an answer. A host that nobody serves refuses the connection.
    """

    def __init__(self, app_by_host: Mapping[str, AsgiApp]) -> None:
        self._app_by_host = dict(app_by_host)

    async def send(self, request: Request, deadline_s: float) -> Response:
        _assert_outside_transaction(request)
        parts = urlsplit(request.url)
        app = self._app_by_host.get(parts.netloc)
        if app is None:
            raise NotSent(f"nothing listens at {parts.netloc}")
        exchange = _Exchange(request.body or b"")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": parts.scheme,
            "path": unquote(parts.path),
            "raw_path": parts.path.encode("ascii"),
            "query_string": parts.query.encode("ascii"),
            "root_path": "",
            "headers": [(b"host", parts.netloc.encode("ascii")), *_wire_headers(request)],
            "client": ("127.0.0.1", 0),
            "server": (parts.hostname, parts.port or 443),
        }
        try:
            async with asyncio.timeout(deadline_s):
                await app(scope, exchange.receive, exchange.send)
        except TimeoutError as error:
            raise OutcomeUnknown(f"no answer within {deadline_s:g} s") from error
        except Exception as error:
            raise OutcomeUnknown(f"the connection ended without an answer: {_why(error)}") from error
        return exchange.response()


def _wire_headers(request: Request) -> list[tuple[bytes, bytes]]:
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in request.headers.items()]
    if request.body is not None:
        headers.append((b"content-length", str(len(request.body)).encode("ascii")))
    return headers


class _Exchange:
    """One request body in, one response out."""

    __slots__ = ("_body", "_chunks", "_done", "_headers", "_status")

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._done = False

    async def receive(self) -> dict[str, Any]:
        if self._body is None:
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message.get("headers", ())
            }
        elif message["type"] == "http.response.body":
            self._chunks.append(message.get("body", b""))
            self._done = not message.get("more_body", False)

    def response(self) -> Response:
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        if self._status is None or not self._done:
            raise OutcomeUnknown("the connection ended before the answer was whole")
        announced = self._headers.get("content-length")
        if announced is not None and int(announced) != len(body) and self._status not in (204, 304):
            raise OutcomeUnknown(f"the answer was cut: {len(body)} of {announced} bytes")
        return Response(self._status, self._headers, body)
