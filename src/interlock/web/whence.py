"""From which addresses Interlock is reached at all: those of `allowed_addresses`, and of programs by the JSON API those of
`api_addresses` as well. A token or a password that was stolen is then worth nothing elsewhere.

The address is the one that the limits of signing in go by: behind a reverse proxy that of whoever asks, as long as the proxy is one
of `trusted_proxies`. Without these nothing is served by a list where https is in front (config.py): everybody would be the proxy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from interlock.web.texts import _

# For whoever watches whether the process lives; it tells nothing.
_ALWAYS = ("/health", "/healthz")


class Whence:
    """No list: from everywhere."""

    def __init__(self, allowed: Sequence[str], api: Sequence[str]) -> None:
        self._allowed, self._api = _networks(allowed), _networks(api)

    def allows(self, address: str, *, by_api: bool) -> bool:
        lists = (self._allowed, self._api) if by_api else (self._allowed,)
        return all(not networks or _is_in(address, networks) for networks in lists)


class OnlyFrom:
    """ASGI middleware, before the table of addresses: who is not to be here is not told either what is there. What `api_addresses`
    asks beyond it is checked behind the table, which knows what is for programs."""

    def __init__(self, app: ASGIApp, whence: Whence, refuse: Callable[[Request], Awaitable[Response]]) -> None:
        self._app, self._whence, self._refuse = app, whence, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._passes(scope):
            await self._app(scope, receive, send)
        else:
            refused = await self._refuse(Request(scope, receive))
            await refused(scope, receive, send)

    def _passes(self, scope: Scope) -> bool:
        is_health_check = scope["path"] in _ALWAYS and scope["method"] in ("GET", "HEAD")
        return is_health_check or self._whence.allows(whence(HTTPConnection(scope)), by_api=False)


def whence(asked: HTTPConnection) -> str:
    return asked.client.host if asked.client is not None else "unknown"


def refusal(request: Request) -> HTTPException:
    """Nobody's list is told, and no address but the caller's own."""
    return HTTPException(
        403,
        _(
            "This Interlock is not reached from the address %(address)s. Whoever runs it can allow it by allowed_addresses, for"
            " programs also by api_addresses, in interlock.yaml."
        )
        % {"address": whence(request)},
    )


def _networks(listed: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(each, strict=False) for each in listed]


def _is_in(address: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        # A socket of the machine has none.
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)
