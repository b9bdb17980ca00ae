"""The server around the pages, over a real connection: where it believes that a request comes from."""

from __future__ import annotations

import asyncio
import socket

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from interlock.web.server import bind, serving, travels_in_clear

pytestmark = pytest.mark.anyio


async def say_where_from(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    assert request.client is not None
    await PlainTextResponse(f"{request.client.host} {request.url.scheme}")(scope, receive, send)


async def asked(trusted: tuple[str, ...], *headers: str, host: str = "127.0.0.1") -> str:
    listening = bind(host, 0)
    port = listening.getsockname()[1]
    async with serving(say_where_from, listening, trusted):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = ("GET / HTTP/1.1", "Host: x", "Connection: close", *headers, "", "")
        writer.write("\r\n".join(lines).encode())
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
    return answer.rpartition("\r\n\r\n")[2]


FORWARDED = ("X-Forwarded-For: 198.51.100.9, 192.0.2.7", "X-Forwarded-Proto: https")


async def test_anybody_can_say_where_a_request_comes_from_and_is_not_believed() -> None:
    assert await asked((), *FORWARDED) == "127.0.0.1 http"
    assert await asked(("203.0.113.1",), *FORWARDED) == "127.0.0.1 http"


async def test_a_trusted_proxy_is_believed_for_the_one_that_it_has_seen_itself() -> None:
    assert await asked(("127.0.0.1",), *FORWARDED) == "192.0.2.7 https"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no addresses of version 6")
async def test_a_proxy_is_known_whichever_way_its_address_is_written() -> None:
    """On `::` it comes from ::ffff:127.0.0.1, and it may write so of others."""
    through_two = ("X-Forwarded-For: ::ffff:192.0.2.7, ::ffff:10.1.2.3", "X-Forwarded-Proto: https")
    assert await asked(("127.0.0.1/32",), *FORWARDED, host="::") == "192.0.2.7 https"
    for host in ("::", "127.0.0.1"):
        assert await asked(("127.0.0.0/8", "10.0.0.0/8"), *through_two, host=host) == "192.0.2.7 https"
    assert await asked(("::1/128",), *FORWARDED, host="::") == "127.0.0.1 http"
    assert await asked((), *FORWARDED, host="::") == "127.0.0.1 http"


@pytest.mark.parametrize(
    ("host", "public_url", "in_clear"),
    [
        ("127.0.0.1", None, False),
        ("localhost", "http://localhost:8090", False),
        ("::1", "http://[::1]:8090", False),
        ("127.0.0.1", "https://sync.example.com", False),
        ("0.0.0.0", "https://sync.example.com", False),
        ("127.0.0.1", "http://sync.example.com", True),
        ("0.0.0.0", None, True),
        ("192.0.2.1", None, True),
    ],
)
def test_it_is_known_when_passwords_would_travel_in_clear(host: str, public_url: str | None, in_clear: bool) -> None:
    assert travels_in_clear(host, public_url) is in_clear
