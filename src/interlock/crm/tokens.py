"""Where a client gets its access token: a fixed one, or Salesforce's client-credentials and JWT bearer grants.

A token source knows how to replace a token that the CRM called stale, once for all callers that hold it. It does not
decide when: the client asks after a 401 (Salesforce names no lifetime, there is no expires_in). Nothing is stored here.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from interlock.core.model import Side
from interlock.crm.errors import NAMES, SignInRefused, Unreachable
from interlock.crm.transport import Request, Transport, TransportError

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105  (an address)
TOKEN_DEADLINE_S = 30.0
JWT_LIFETIME_S = 180  # "exp within minutes" (Salesforce OAuth 2.0 JWT bearer flow)


class TokenSource(Protocol):
    async def token(self) -> str:
        """Raises SignInRefused, Unreachable."""
        ...

    async def refresh(self, stale: str) -> str:
        """A token other than `stale`. Raises SignInRefused when there is none to be had, Unreachable."""
        ...


class NoOtherToken(SignInRefused):
    """There is no way to another token by itself. What the CRM said of the old one is the better story."""


class StaticToken:
    """A private app token, a service key, or a token that somebody pasted."""

    def __init__(self, side: Side, token: str) -> None:
        self._side = side
        self._token = token

    async def token(self) -> str:
        return self._token

    async def refresh(self, stale: str) -> str:
        raise NoOtherToken(self._side, "The access token was refused: it is wrong, expired or revoked.")


class NotSignedIn:
    """For a side that nobody has signed in to yet."""

    def __init__(self, side: Side) -> None:
        self._side = side

    async def token(self) -> str:
        raise SignInRefused(self._side, f"Nobody has signed in to {NAMES[self._side]} yet.")

    async def refresh(self, stale: str) -> str:
        return await self.token()


class _Grant(msgspec.Struct):
    access_token: str
    instance_url: str | None = None

    def __repr__(self) -> str:
        return "_Grant(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("instance_url", self.instance_url)]


class _GrantError(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class _SalesforceGrant:
    """One token for many callers: whoever comes first fetches it, the others wait for that answer."""

    def __init__(self, login_url: str, transport: Transport) -> None:
        self._login_url = login_url.rstrip("/")
        self._transport = transport
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self.instance_url: str | None = None  # known after the first token

    async def token(self) -> str:
        return self._token if self._token is not None else await self._replace(None)

    async def refresh(self, stale: str) -> str:
        return await self._replace(stale)

    async def _replace(self, stale: str | None) -> str:
        async with self._lock:
            if self._token is None or self._token == stale:
                grant = await self._fetch()
                self._token, self.instance_url = grant.access_token, grant.instance_url
            return self._token

    def _form(self) -> dict[str, str]:
        raise NotImplementedError

    async def _fetch(self) -> _Grant:
        request = Request(
            "POST",
            self._login_url + TOKEN_PATH,
            {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            urlencode(self._form()).encode("ascii"),
        )
        try:
            answer = await self._transport.send(request, TOKEN_DEADLINE_S)
        except TransportError as error:
            raise Unreachable(
                Side.SALESFORCE, f"Salesforce's sign-in at {self._login_url} did not answer: {error.why}."
            ) from error
        try:
            if answer.status == 200:
                return msgspec.json.decode(answer.body, type=_Grant)
            refusal = msgspec.json.decode(answer.body, type=_GrantError)
        except msgspec.MsgspecError as error:
            raise Unreachable(
                Side.SALESFORCE, f"Salesforce's sign-in answered HTTP {answer.status} without a readable reason."
            ) from error
        if answer.status >= 500:
            raise Unreachable(Side.SALESFORCE, f"Salesforce's sign-in answered HTTP {answer.status}.")
        raise SignInRefused(
            Side.SALESFORCE,
            f"Salesforce refused the sign-in: {refusal.error_description or refusal.error}.",
            crm_code=refusal.error,
        )


class ClientCredentials(_SalesforceGrant):
    """Runs as the user configured in the external client app. `login_url` must be the org's My Domain host."""

    def __init__(self, login_url: str, client_id: str, client_secret: str, transport: Transport) -> None:
        super().__init__(login_url, transport)
        self._client_id = client_id
        self._client_secret = client_secret

    def _form(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }


class JwtBearer(_SalesforceGrant):
    """Signs in with a private key whose certificate the app holds. `audience` is the login or the test host."""

    def __init__(
        self,
        login_url: str,
        client_id: str,
        username: str,
        private_key_pem: bytes,
        transport: Transport,
        clock_us: Callable[[], int],
        audience: str = "https://login.salesforce.com",
    ) -> None:
        super().__init__(login_url, transport)
        self._claims = {"iss": client_id, "sub": username, "aud": audience}
        self._clock_us = clock_us
        key = serialization.load_pem_private_key(private_key_pem, password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the JWT bearer flow needs an RSA private key")
        self._key = key

    def _form(self) -> dict[str, str]:
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._assertion()}

    def _assertion(self) -> str:
        expires_s = self._clock_us() // 1_000_000 + JWT_LIFETIME_S
        claims = msgspec.json.encode({**self._claims, "exp": expires_s})
        signed = _base64url(b'{"alg":"RS256","typ":"JWT"}') + b"." + _base64url(claims)
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return (signed + b"." + _base64url(signature)).decode("ascii")


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
