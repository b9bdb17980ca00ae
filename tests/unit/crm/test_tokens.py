"""Tokens: fetched once for many callers, replaced once when stale, refused in plain words."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from rich.pretty import pretty_repr

from interlock.app.credentials import Credentials
from interlock.core.model import Side
from interlock.crm.errors import SignInRefused, Unreachable
from interlock.crm.tokens import ClientCredentials, JwtBearer, StaticToken, _Grant
from interlock.crm.transport import NotSent, Request, Response


class Login:
    """A sign-in service that numbers its tokens."""

    def __init__(self, status: int = 200, body: dict[str, Any] | None = None) -> None:
        self.status = status
        self.body = body
        self.forms: list[dict[str, list[str]]] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        assert request.url == "https://acme.my.salesforce.com/services/oauth2/token"
        await asyncio.sleep(0)
        self.forms.append(parse_qs((request.body or b"").decode()))
        number = len(self.forms)
        body = self.body or {"access_token": f"00D!{number}", "instance_url": "https://acme.my.salesforce.com"}
        return Response(self.status, {}, json.dumps(body).encode())


def source(login: Any) -> ClientCredentials:
    return ClientCredentials("https://acme.my.salesforce.com/", "app", "secret", login)


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_many_callers_share_one_sign_in() -> None:
    async def story() -> None:
        login = Login()
        tokens = source(login)
        assert set(await asyncio.gather(*(tokens.token() for _ in range(20)))) == {"00D!1"}
        assert len(login.forms) == 1
        assert login.forms[0]["grant_type"] == ["client_credentials"]
        assert tokens.instance_url == "https://acme.my.salesforce.com"

    run(story())


def test_a_stale_token_is_replaced_once_for_all_who_hold_it() -> None:
    async def story() -> None:
        login = Login()
        tokens = source(login)
        stale = await tokens.token()
        assert set(await asyncio.gather(*(tokens.refresh(stale) for _ in range(20)))) == {"00D!2"}
        assert len(login.forms) == 2
        assert await tokens.refresh(stale) == "00D!2"  # a latecomer with the old one

    run(story())


def test_a_refused_sign_in_says_why() -> None:
    async def story() -> None:
        login = Login(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
        with pytest.raises(SignInRefused, match="invalid client credentials") as told:
            await source(login).token()
        assert told.value.exit_code == 3

    run(story())


def test_a_sign_in_that_does_not_answer_is_unreachable() -> None:
    class Dead:
        async def send(self, request: Request, deadline_s: float) -> Response:
            raise NotSent("connection refused")

    async def story() -> None:
        with pytest.raises(Unreachable, match="connection refused"):
            await source(Dead()).token()
        with pytest.raises(Unreachable):
            await source(Login(503)).token()

    run(story())


def test_a_pasted_token_has_no_successor() -> None:
    async def story() -> None:
        tokens = StaticToken(Side.HUBSPOT, "pat-na1-x")
        assert await tokens.token() == "pat-na1-x"
        with pytest.raises(SignInRefused):
            await tokens.refresh("pat-na1-x")

    run(story())


def test_the_jwt_is_signed_with_our_key_and_lives_for_minutes() -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    async def story() -> None:
        login = Login()
        tokens = JwtBearer(
            "https://acme.my.salesforce.com", "app", "ada@example.com", pem, login, lambda: 1_780_000_000_000_000
        )
        await tokens.token()
        head, claims, signature = login.forms[0]["assertion"][0].split(".")
        key.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        assert json.loads(decoded(claims)) == {
            "iss": "app",
            "sub": "ada@example.com",
            "aud": "https://login.salesforce.com",
            "exp": 1_780_000_180,
        }

    run(story())


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_no_secret_shows_in_what_a_printer_makes_of_our_objects() -> None:
    secret = "pat-na1-very-secret"
    request = Request("POST", "https://acme/x", {"Authorization": f"Bearer {secret}"}, f"token={secret}".encode())
    answer = Response(200, {"set-cookie": secret}, f'{{"access_token":"{secret}"}}'.encode())
    credentials = Credentials(hubspot_token=secret, salesforce_client_id="app", salesforce_client_secret=secret)
    tokens = [StaticToken(Side.HUBSPOT, secret), ClientCredentials("https://acme", "app", secret, Login())]
    grant = msgspec.json.decode(answer.body, type=_Grant)
    for shown in (request, answer, credentials, grant, *tokens):
        assert secret not in repr(shown)
        assert secret not in str(shown)
        assert secret not in pretty_repr(shown)
