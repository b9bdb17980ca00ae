"""Posting a message to a web address that an admin gave, signed, and never to a place inside the own network.

Signed as the Standard Webhooks specification says (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,...`), so that
libraries check it. The address is checked as written, and every IP address that its name stands for is checked again at the
moment of connecting, so that a name cannot change in between; redirects are not followed. A server that could be made to ask
inside its own network would be a door into it (OWASP: server-side request forgery).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from interlock.app.errors import BadInput
from interlock.app.notify.sending import NotDelivered

PREFIX = "whsec_"
TIMEOUT_S = 15.0
_URL_CHARACTERS = 2_000
# IPv6 addresses that are an IPv4 address to whoever passes them on (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
# Likewise, of old (RFC 4291, 2.5.5.1); `::` and `::1` among them are no more public as IPv4.
_COMPATIBLE = IPv6Network("::/96")


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, id_: str, at_s: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = f"{id_}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet. What stands for an IPv4 address counts as that."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(ip)
    return inner.is_global and not inner.is_multicast


def _inside(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64 or ip in _COMPATIBLE:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def checked_url(text: str, allow_private: bool) -> str:
    """Raises BadInput."""
    url = text.strip()

    def no(why: str, fix: str) -> BadInput:
        return BadInput(why, code="webhook_invalid", field="target", fix=fix)

    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if not host or len(url) > _URL_CHARACTERS or not url.isprintable() or " " in url or "\\" in url:
        raise no(f"{url[:80]!r} is no web address.", "Write one like https://hooks.example.com/interlock.")
    if parts.username is not None or parts.password is not None:
        raise no("The address holds a user name or a password.", "Messages are signed instead: check the signature.")
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise no("Messages are only sent over https.", "Use an address that begins with https://.")
    dialled = _as_dialled(url)
    if dialled is None:
        raise no(f"{url[:80]!r} is no web address.", "Write one like https://hooks.example.com/interlock.")
    if not allow_private and _is_literal(dialled) and not is_public(dialled):
        raise no(f"{host} is an address inside a network.", _PRIVATE_FIX)
    return url


_PRIVATE_FIX = (
    "Use a public one. If it is meant, set webhooks_to_private_addresses: true in interlock.yaml, and restart."
)


def _as_dialled(url: str) -> str | None:
    """The host that the client will connect to: it folds wide digits and full stops of other scripts into plain ones (IDNA), and
    what is an IP address then is asked of no resolver. None: it takes no such host."""
    try:
        return URL(url).host
    except ValueError:
        return None


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _PrivateAddress(OSError):
    """A name stands for an address inside a network."""


class _PublicOnly(AbstractResolver):
    """The system's resolver, refusing a name as a whole if one of its addresses is not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results = []
        for each_family, _type, proto, _name, address in found:
            ip = str(address[0])
            if not is_public(ip):
                raise _PrivateAddress(f"{host} stands for {ip}, which is an address inside a network")
            results.append(
                ResolveResult(
                    hostname=host,
                    host=ip,
                    port=int(address[1]),
                    family=each_family,
                    proto=proto,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is kept open."""


class Webhooks:
    """Opened for each message: they are few, and a connection that is kept would outlive the check of its address."""

    def __init__(self, allow_private: bool = False) -> None:
        self.allow_private = allow_private

    async def send(self, url: str, secret: str, id_: str, at_s: int, body: bytes) -> None:
        """Raises NotDelivered."""
        try:
            url = checked_url(url, self.allow_private)
        except BadInput as error:
            raise NotDelivered(str(error), again=False) from error
        headers = {
            "content-type": "application/json",
            "user-agent": "Interlock",
            "webhook-id": id_,
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature(secret, id_, at_s, body),
        }
        connector = aiohttp.TCPConnector(resolver=None if self.allow_private else _PublicOnly(), force_close=True)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            private = _private(error)
            why = str(private or error) or type(error).__name__
            raise NotDelivered(f"It could not be reached: {why}.", again=private is None) from error
        if not 200 <= status < 300:
            # 410: whoever is there wants no more (Standard Webhooks).
            raise NotDelivered(f"It answered with status {status}.", again=status != 410)


def _private(error: BaseException | None) -> _PrivateAddress | None:
    while error is not None:
        if isinstance(error, _PrivateAddress):
            return error
        error = error.__cause__ or error.__context__
    return None
