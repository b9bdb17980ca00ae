"""Serving the pages and running the local dispatcher in one process, until told to stop. Knows no page and no use case."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from ipaddress import IPv4Network, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from interlock.app.errors import BadInput
from interlock.web.patience import PatientProtocol

# Open connections get this long when the server stops.
_GRACE_S = 2
_THIS_MACHINE = {"127.0.0.1", "::1", "localhost"}


def bind(host: str, port: int) -> socket.socket:
    """A listening address that is ours before anything else happens. Raises BadInput when it cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise BadInput(
            f"--host {host} is no address of this machine: {error.strerror}.",
            code="host_unusable",
            field="--host",
            fix="Use 127.0.0.1 for this machine alone, 0.0.0.0 for all its addresses.",
        ) from error
    # Named, because asyncio switches Nagle's algorithm off only for sockets that say they are TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        taken = error.errno == errno.EADDRINUSE
        raise BadInput(
            f"Port {port} of {host} "
            + ("is taken by another program." if taken else f"cannot be used: {error.strerror}."),
            code="port_taken" if taken else "port_unusable",
            field="--port",
            fix="Choose another with --port N, or any free one with --port 0.",
        ) from error
    return listening


def url_of(listening: socket.socket, host: str) -> str:
    port = listening.getsockname()[1]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  (a comparison)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def travels_in_clear(host: str, public_url: str | None) -> bool:
    """Whether passwords can come from other machines without https. A proxy on this machine is taken to have it only if
    `public_url` says so."""
    if public_url is not None:
        return not public_url.lower().startswith("https://") and urlsplit(public_url).hostname not in _THIS_MACHINE
    return host not in _THIS_MACHINE


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp,
    listening: socket.socket,
    trusted_proxies: Sequence[str] = (),
    before_end: Callable[[], None] = lambda: None,
) -> AsyncIterator[None]:
    """Serve within the block. Returns from the start when connections are accepted. `before_end` ends what would not end by
    itself: streams.

    What a request says of where it comes from (X-Forwarded-For) is believed of `trusted_proxies` only: anybody can say it,
    and the limits of signing in go by it.
    """
    config = uvicorn.Config(
        _Unmapped(app),
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=[written for each in trusted_proxies for written in _both_ways(each)],
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        ready.cancel()
        await task
    try:
        yield
    finally:
        before_end()
        server.should_exit = True
        await task


class _Unmapped:
    """ASGI middleware, behind the one that believes proxies. Who asks by version 4 where it listens on `::` comes from an address
    of version 6 with theirs in it, and is known here by theirs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client is not None:
            scope["client"] = (_unmapped(client[0]), client[1])
        await self._app(scope, receive, send)


def _unmapped(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return address if mapped is None else str(mapped)


def _both_ways(network: str) -> tuple[str, ...]:
    """A network of version 4 also as one of version 6: so a proxy's address is seen where it listens on `::`, and so one proxy may
    write another's."""
    found = ip_network(network)
    if not isinstance(found, IPv4Network):
        return (network,)
    return network, f"::ffff:{found.network_address}/{96 + found.prefixlen}"


class _Server(uvicorn.Server):
    """Leaves signals to the command, and tells when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()
