"""Which addresses are posted to, and how a message is signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
from typing import Any

import pytest
from tests.receivers import a_web_receiver

from interlock.app.errors import BadInput
from interlock.app.notify import webhook
from interlock.app.notify.sending import NotDelivered
from interlock.app.notify.webhook import Webhooks, checked_url, is_public

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


SECRET = webhook.new_secret()

REFUSED = [
    "http://hooks.example.com/x",
    "ftp://hooks.example.com/x",
    "https://",
    "hooks.example.com/x",
    "https://user:secret@hooks.example.com/x",
    "https://127.0.0.1/x",
    "https://10.0.0.8/x",
    "https://172.16.0.1/x",
    "https://192.168.1.1/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/x",
    "https://0.0.0.0/x",
    "https://[::1]/x",
    "https://[fe80::1]/x",
    "https://[fd00::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://[2002:7f00:1::]/x",
    "https://[::7f00:1]/x",
    "https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/x",  # 127.0.0.1 in circled digits
    "https://\uff11\uff16\uff19.254.169.254/latest/meta-data/",  # 169 in wide digits
    "https://10\u30020\u30020\u30028/x",  # ideographic full stops
    "https://224.0.0.1/x",
    "https://evil.example\\@127.0.0.1/x",
    "https://hooks.example.com/a b",
    "https://hooks.example.com/\nHost: x",
    "https://[bad/x",
    "https://hooks.example.com:99999/x",
    "https://hooks.example.com/" + "x" * 2_000,
]


@pytest.mark.parametrize("url", REFUSED, ids=lambda url: url[:40])
def test_an_address_that_is_not_a_public_https_one_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        checked_url(url, allow_private=False)


def test_a_public_address_is_taken_and_a_private_one_where_the_settings_say_so() -> None:
    assert checked_url(" https://hooks.example.com:8443/x?y=1 ", False) == "https://hooks.example.com:8443/x?y=1"
    assert checked_url("https://8.8.8.8/x", False) == "https://8.8.8.8/x"
    assert checked_url("http://10.0.0.8/x", True) == "http://10.0.0.8/x"


@pytest.mark.parametrize("host", ["localhost", "2130706433", "127.1", "0x7f.1", "017700000001"])
async def test_a_name_that_stands_for_a_private_address_is_refused_when_it_is_connected_to(host: str) -> None:
    async with a_web_receiver() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        with pytest.raises(NotDelivered, match="inside a network" if host == "localhost" else "could not be reached"):
            await Webhooks().send(f"https://{host}:{port}/hook", SECRET, "1", 1, b"{}")
        assert receiver.posted == []


async def test_a_name_with_one_private_address_among_its_addresses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*_args: Any, **_kinds: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("93.184.215.14", "10.0.0.8")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(NotDelivered, match=r"10\.0\.0\.8, which is an address inside a network"):
        await Webhooks().send("https://hooks.example.com/x", SECRET, "1", 1, b"{}")


async def test_a_message_is_signed_so_that_the_receiver_can_check_it() -> None:
    async with a_web_receiver() as receiver:
        await Webhooks(allow_private=True).send(receiver.url, SECRET, "notice-1", 1_767_603_600, b'{"a": 1}')
        (posted,) = receiver.posted
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    content = b'notice-1.1767603600.{"a": 1}'
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert posted.headers["webhook-id"] == "notice-1"
    assert posted.headers["webhook-timestamp"] == "1767603600"
    assert posted.headers["webhook-signature"] == f"v1,{expected}"
    assert posted.body == b'{"a": 1}'
    assert "cookie" not in posted.headers


async def test_a_redirect_is_not_followed() -> None:
    async with a_web_receiver() as receiver, a_web_receiver() as inside:
        receiver.answers, receiver.location = [307], inside.url
        with pytest.raises(NotDelivered, match="status 307"):
            await Webhooks(allow_private=True).send(receiver.url, SECRET, "1", 1, b"{}")
        assert inside.posted == []


@pytest.mark.parametrize(("status", "again"), [(500, True), (429, True), (404, True), (410, False)])
async def test_what_is_not_taken_is_tried_again_but_for_a_place_that_is_gone(status: int, again: bool) -> None:
    async with a_web_receiver() as receiver:
        receiver.answers = [status]
        with pytest.raises(NotDelivered) as refused:
            await Webhooks(allow_private=True).send(receiver.url, SECRET, "1", 1, b"{}")
    assert refused.value.again is again


def test_an_address_that_is_no_ip_address_is_not_public() -> None:
    assert not is_public("hooks.example.com")
    assert is_public("2606:4700::1111")
