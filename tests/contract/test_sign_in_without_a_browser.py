"""The ways into Salesforce that need no person: a signed assertion and client credentials, as an org takes and refuses them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator
from interlock.crm.errors import SignInRefused
from interlock.crm.tokens import ClientCredentials, JwtBearer, TokenSource
from interlock.crm.transport import AsgiTransport

URL = "https://acme.my.salesforce.com"
NOW_US = 1_780_000_000_000_000
KEY = rsa.generate_private_key(65537, 2048)


def private(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def an_org(**config: Any) -> SalesforceEmulator:
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return SalesforceEmulator(Clock(lambda: NOW_US), app_certificate=public.decode(), instance_url=URL, **config)


def jwt(org: SalesforceEmulator, **changes: Any) -> TokenSource:
    values: dict[str, Any] = {
        "client_id": org.client_id,
        "username": org.users[0].username,
        "private_key_pem": private(KEY),
        "clock_us": lambda: NOW_US,
        **changes,
    }
    return JwtBearer(URL, transport=AsgiTransport({"acme.my.salesforce.com": org.app}), **values)


def client_credentials(org: SalesforceEmulator, secret: str | None = None) -> TokenSource:
    line = AsgiTransport({"acme.my.salesforce.com": org.app})
    return ClientCredentials(URL, org.client_id, secret or org.client_secret, line)


@pytest.mark.parametrize("way", [jwt, client_credentials])
def test_an_app_signs_in_as_its_user_and_again_when_the_session_ends(
    way: Callable[[SalesforceEmulator], TokenSource],
) -> None:
    org = an_org()

    async def story() -> None:
        tokens = way(org)
        first = await tokens.token()
        assert org.sessions.access[first].user_id == org.users[0].id
        org.revoke_token(first)
        second = await tokens.refresh(first)
        assert org.sessions.find(second) is not None

    asyncio.run(story())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"private_key_pem": private(rsa.generate_private_key(65537, 2048))}, "invalid assertion"),
        ({"client_id": "another"}, "client identifier invalid"),
        ({"username": "nobody@example.com"}, "user hasn't approved this consumer"),
        ({"audience": "https://test.salesforce.com"}, "audience is invalid"),
        ({"clock_us": lambda: NOW_US - 180_000_000}, "expired authorization code"),
    ],
)
def test_an_assertion_that_is_not_right_is_refused_in_salesforces_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SignInRefused, match=words):
        asyncio.run(jwt(an_org(), **changes).token())


def test_a_sandbox_takes_the_audience_of_sandboxes_only() -> None:
    org = an_org(sandbox=True)
    assert asyncio.run(jwt(org, audience="https://test.salesforce.com").token())
    with pytest.raises(SignInRefused, match="audience"):
        asyncio.run(jwt(org).token())


def test_an_org_that_does_not_know_the_app_refuses_the_assertion() -> None:
    with pytest.raises(SignInRefused, match="hasn't approved"):
        asyncio.run(jwt(an_org(app_policy="not_installed")).token())


def test_a_wrong_secret_is_refused() -> None:
    with pytest.raises(SignInRefused, match="invalid client credentials"):
        asyncio.run(client_credentials(an_org(), "mistyped").token())
