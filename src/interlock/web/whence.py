"""From which addresses Interlock is reached at all: those of `allowed_addresses`, and of programs by the JSON API those of
`api_addresses` as well. A token or a password that was stolen is then worth nothing elsewhere.

The address is the one that the limits of signing in go by: behind a reverse proxy that of whoever asks, as long as the proxy is one
of `trusted_proxies`. Where that is not set, everybody comes from the proxy, and is refused unless the proxy's own is listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.exceptions import HTTPException
from starlette.requests import Request

from interlock.web.texts import _

# For whoever watches whether the process lives; it tells nothing.
ALWAYS = ("/health", "/healthz")


class Whence:
    """No list: from everywhere."""

    def __init__(self, allowed: Sequence[str], api: Sequence[str]) -> None:
        self._allowed, self._api = _networks(allowed), _networks(api)

    def allows(self, address: str, *, by_api: bool) -> bool:
        lists = (self._allowed, self._api) if by_api else (self._allowed,)
        return all(not networks or _is_in(address, networks) for networks in lists)


def refusal(request: Request) -> HTTPException:
    """Nobody's list is told, and no address but the caller's own."""
    address = request.client.host if request.client is not None else "unknown"
    return HTTPException(
        403,
        _(
            "This Interlock is not reached from the address %(address)s. Whoever runs it can allow it by allowed_addresses, for"
            " programs also by api_addresses, in interlock.yaml."
        )
        % {"address": address},
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
