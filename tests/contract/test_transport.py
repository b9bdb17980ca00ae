"""One suite over both transports: real HTTP to a small uvicorn server, and the in-process twin into the same app.

What HTTP alone can do (break a kept-alive connection) is tested below against a raw socket server.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from interlock.crm.seam import NetworkInTransaction, forbid_network
from interlock.crm.transport import (
    AsgiTransport,
    HttpTransport,
    NotSent,
    OutcomeUnknown,
    Request,
    Transport,
)

DEADLINE_S = 5.0


class App:
    """Remembers what it was sent; the path says how it behaves."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.calls.append({"scope": scope, "headers": headers, "body": body})
        await self.answer(scope["path"], send)

    async def answer(self, path: str, send: Any) -> None:
        if path == "/never":
            await asyncio.Event().wait()
        if path == "/cut":
            await start(send, 200, [(b"content-length", b"1000")])
            await send({"type": "http.response.body", "body": b"x" * 400, "more_body": True})
            return
        if path == "/moved":
            await start(send, 302, [(b"location", b"/elsewhere")])
        elif path == "/cookie":
            await start(send, 200, [(b"set-cookie", b"BrowserId=1; Path=/"), (b"X-Mixed-Case", b"Yes")])
        elif path == "/none":
            await start(send, 204, [])
        elif path == "/broken":
            await start(send, 503, [])
        else:
            await start(send, 200, [])
        await send({"type": "http.response.body", "body": b"" if path == "/none" else b"whole"})


async def start(send: Any, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


class World:
    def __init__(self, transport: Transport, url: str, app: App, dead_url: str) -> None:
        self.transport = transport
        self.url = url
        self.app = app
        self.dead_url = dead_url

    async def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        return await self.transport.send(Request(method, self.url + path, headers, body), DEADLINE_S)


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@asynccontextmanager
async def over_http() -> AsyncIterator[World]:
    app = App()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", http="h11", timeout_graceful_shutdown=1)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    transport = HttpTransport()
    try:
        port = listening.getsockname()[1]
        yield World(transport, f"http://127.0.0.1:{port}", app, f"http://127.0.0.1:{closed_port()}")
    finally:
        await transport.close()
        server.force_exit = True
        await server.shutdown(sockets=[listening])


@asynccontextmanager
async def in_process() -> AsyncIterator[World]:
    app = App()
    yield World(AsgiTransport({"crm.example": app}), "https://crm.example", app, "https://other.example")


Story = Callable[[World], Awaitable[None]]


@pytest.fixture(params=[over_http, in_process], ids=["http", "asgi"])
def tell(request: pytest.FixtureRequest) -> Callable[[Story], None]:
    def run(story: Story) -> None:
        async def whole() -> None:
            async with request.param() as world:
                await story(world)

        asyncio.run(whole())

    return run


def test_a_whole_answer_comes_back_with_lower_case_header_names(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        answer = await world.send("GET", "/cookie")
        assert (answer.status, answer.body) == (200, b"whole")
        assert answer.headers["x-mixed-case"] == "Yes"

    tell(story)


def test_method_path_query_headers_and_body_arrive_as_they_were_built(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        await world.send("PATCH", "/a%40b.co/x?q=Id%20IN%20('1','2')&z=%2B", b'{"a":1}', Authorization="Bearer t")
        [call] = world.app.calls
        assert call["scope"]["method"] == "PATCH"
        assert call["scope"]["path"] == "/a@b.co/x"
        assert call["scope"]["query_string"] == b"q=Id%20IN%20('1','2')&z=%2B"
        assert call["headers"]["authorization"] == "Bearer t"
        assert call["body"] == b'{"a":1}'

    tell(story)


def test_a_refusal_is_an_answer_like_any_other(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        assert (await world.send("POST", "/broken", b"{}")).status == 503

    tell(story)


def test_an_empty_answer_is_whole(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        answer = await world.send("DELETE", "/none")
        assert (answer.status, answer.body) == (204, b"")

    tell(story)


def test_a_connection_refused_is_not_sent(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        with pytest.raises(NotSent):
            await world.transport.send(Request("POST", world.dead_url + "/x", {}, b"{}"), DEADLINE_S)
        assert world.app.calls == []

    tell(story)


def test_a_cut_body_leaves_the_outcome_unknown(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        with pytest.raises(OutcomeUnknown):
            await world.send("POST", "/cut", b"{}")
        assert len(world.app.calls) == 1

    tell(story)


def test_an_answer_that_never_comes_leaves_the_outcome_unknown(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        await world.send("GET", "/warm")  # so that the deadline is not spent on connecting
        with pytest.raises(OutcomeUnknown):
            await world.transport.send(Request("PUT", world.url + "/never", {}, b"{}"), 0.05)
        assert len(world.app.calls) == 2

    tell(story)


def test_a_redirect_is_handed_back_and_not_followed(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        answer = await world.send("GET", "/moved")
        assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
        assert len(world.app.calls) == 1

    tell(story)


def test_cookies_are_not_kept(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        await world.send("GET", "/cookie")
        await world.send("GET", "/again")
        assert "cookie" not in world.app.calls[1]["headers"]

    tell(story)


def test_nothing_is_sent_inside_a_transaction(tell: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        token = forbid_network.set(True)
        try:
            with pytest.raises(NetworkInTransaction):
                await world.send("GET", "/x")
        finally:
            forbid_network.reset(token)
        assert world.app.calls == []

    tell(story)


def test_a_request_never_shows_its_token() -> None:
    assert "secret" not in repr(Request("GET", "https://crm.example/x", {"Authorization": "Bearer secret"}))


def test_an_app_that_breaks_leaves_the_outcome_unknown() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ConnectionError("dropped")

    async def story() -> None:
        transport = AsgiTransport({"crm.example": broken})
        with pytest.raises(OutcomeUnknown):
            await transport.send(Request("GET", "https://crm.example/x", {}), DEADLINE_S)

    asyncio.run(story())


# --- HTTP alone -----------------------------------------------------------------------------------------------------


class RawServer:
    """Answers the first request of a connection and keeps it alive, then closes it on the second without an answer."""

    def __init__(self, first_answer: bytes) -> None:
        self.first_answer = first_answer
        self.requests: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered = False
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.requests.append(head.split(" ", 1)[0])
                if answered or "/drop" in head:
                    return
                answered = True
                writer.write(self.first_answer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH"])
def test_a_request_on_a_kept_alive_connection_that_breaks_is_sent_once_only(method: str) -> None:
    async def story() -> None:
        raw = RawServer(PLAIN)
        async with raw.running() as url, HttpTransport() as transport:
            await transport.send(Request("GET", url + "/first", {}), DEADLINE_S)
            with pytest.raises(OutcomeUnknown):
                await transport.send(Request(method, url + "/second", {}), DEADLINE_S)
        assert raw.requests == ["GET", method]

    asyncio.run(story())


def test_a_compressed_answer_is_unpacked() -> None:
    async def story() -> None:
        packed = gzip.compress(b'{"a": 1}')
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
        raw = RawServer(head + packed)
        async with raw.running() as url, HttpTransport() as transport:
            answer = await transport.send(Request("GET", url + "/", {}), DEADLINE_S)
        assert answer.body == b'{"a": 1}'

    asyncio.run(story())


def test_an_address_that_is_none_is_not_sent() -> None:
    async def story() -> None:
        async with HttpTransport() as transport:
            for url in ("http:///x", "ftp://crm.example/x", "nonsense"):
                with pytest.raises(NotSent):
                    await transport.send(Request("GET", url, {}), DEADLINE_S)

    asyncio.run(story())


def test_a_server_whose_certificate_is_not_trusted_is_not_sent_anything(tmp_path: Any) -> None:
    import ssl

    import trustme

    async def story() -> None:
        ca = trustme.CA()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        ca.issue_cert("localhost").configure_cert(tls)
        ca_file = tmp_path / "ca.pem"
        ca.cert_pem.write_to_path(ca_file)
        raw = RawServer(PLAIN)
        server = await asyncio.start_server(raw.serve, "127.0.0.1", 0, ssl=tls)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        try:
            async with HttpTransport() as trusting_nobody:
                with pytest.raises(NotSent):
                    await trusting_nobody.send(Request("GET", url, {}), DEADLINE_S)
            assert raw.requests == []
            async with HttpTransport(ca_file=str(ca_file)) as trusting:
                assert (await trusting.send(Request("GET", url, {}), DEADLINE_S)).status == 200
        finally:
            server.close()

    asyncio.run(story())
