"""Serves local CRMs over HTTP or HTTPS on loopback: for the command line, and in a thread for tests.

uvicorn does the HTTP; this adds a port that is known before the first request, an end with exit code 0 on SIGTERM, a
throw-away certificate authority, and connections that really end when a planted fault drops an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import trustme
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from crm_emulator.kernel.faults import Dropped
from crm_emulator.kernel.http import Receive, Scope, Send

LOOPBACK = "127.0.0.1"
_TRANSPORT = "crm_emulator.transport"
_GRACE_S = 2

Asgi = Callable[[Scope, Receive, Send], Any]


class ThrowAwayCa:
    """A certificate authority that lives as long as this object. `path` is where clients find its certificate."""

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self._folder = tempfile.TemporaryDirectory(prefix="crm-emulator-ca-")
        self.path = Path(self._folder.name) / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.path))

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("localhost", LOOPBACK).configure_cert(context)
        return context


class LocalServer:
    """One ASGI application on a loopback port; 0 means any free one, known as soon as this object exists."""

    def __init__(self, app: Asgi, *, port: int = 0, ca: ThrowAwayCa | None = None) -> None:
        # asyncio turns Nagle's algorithm off only where the protocol is named; with it an answer can wait 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, port))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if ca else 'http'}://{LOOPBACK}:{self.port}"
        config = uvicorn.Config(
            _closing_dropped(app),
            http=_Protocol,
            lifespan="off",
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        config.load()
        if ca is not None:
            config.ssl = ca.server_context()
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when connections are accepted."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            await self._task

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()


async def serve_until_signalled(servers: Sequence[LocalServer], on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then end in order: the process may exit with 0."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(_running(server))
        on_ready()
        await stop.wait()


def serve(app: Asgi, *, port: int = 0, tls: bool = False, on_ready: Callable[[LocalServer, Path | None], None]) -> None:
    """Serve one application until signalled. `on_ready` is told the server and where the CA certificate is."""
    ca = ThrowAwayCa() if tls else None
    server = LocalServer(app, port=port, ca=ca)
    asyncio.run(serve_until_signalled([server], lambda: on_ready(server, ca.path if ca else None)))


@contextlib.contextmanager
def served_in_thread(app: Asgi, *, ca: ThrowAwayCa | None = None) -> Iterator[str]:
    """For tests with clients that block: serves in a thread of its own, yields the base URL."""
    server = LocalServer(app, ca=ca)
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with _running(server):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield server.url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@contextlib.asynccontextmanager
async def _running(server: LocalServer) -> AsyncIterator[None]:
    await server.start()
    try:
        yield
    finally:
        await server.stop()


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it, and tells when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()


class _Protocol(H11Protocol):
    """Hands its transport to the application, so that a dropped answer can end the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


def _closing_dropped(app: Asgi) -> Asgi:
    async def closing(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Dropped:
            transport = cast("asyncio.Transport", scope["state"][_TRANSPORT])
            transport.close()
            while (await receive())["type"] != "http.disconnect":
                pass

    return closing
