"""What both CRMs' OAuth has in common: the app, PKCE, what is granted and to whom, and one call to a token endpoint.

Pure but for `post_form`, which goes through the Transport seam. It knows neither CRM's paths nor errors (their `oauth.py` do),
stores nothing and makes no retry: a code works once, and a refresh token may work once.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec

from interlock.core.model import Side
from interlock.crm.errors import NAMES, AnswerLost, RateLimited, Unreachable
from interlock.crm.transport import NotSent, Request, Response, Transport, TransportError

TOKEN_DEADLINE_S = 30.0
VERIFIER_BYTES = 48  # 64 characters; RFC 7636 asks for 43 to 128


class App(msgspec.Struct, frozen=True):
    """An app as its CRM knows it. Without a secret it is a public client, which PKCE alone protects (Salesforce)."""

    client_id: str
    client_secret: str | None = None

    def __repr__(self) -> str:
        return f"App({self.client_id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("client_id", self.client_id)]


class Granted(msgspec.Struct, frozen=True):
    """What a token endpoint gave. `refresh_token` None: the one we have stays. `expires_in_s` None: the CRM names no end."""

    access_token: str
    refresh_token: str | None = None
    expires_in_s: int | None = None
    scopes: tuple[str, ...] = ()
    instance_url: str | None = None  # Salesforce: where the org's API is
    identity_url: str | None = None  # Salesforce: https://host/id/<org>/<user>

    def __repr__(self) -> str:
        return "Granted(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("scopes", self.scopes)]


class Identity(msgspec.Struct, frozen=True):
    """Who signed in, and into what. What the identity card shows."""

    user_id: str
    user_name: str  # Salesforce: the user name; HubSpot: the e-mail, or the id where the token may not read it
    account_id: str  # HubSpot account id, or Salesforce org id (18 characters)
    account_name: str
    api_url: str
    sandbox: bool
    edition: str | None = None  # Salesforce: OrganizationType; HubSpot: the account type
    may_install: bool | None = None  # may deploy metadata; None where it is not asked or cannot be told


class Flow(Protocol):
    """The authorisation code flow with one CRM, for one app. Made new for each sign-in, refresh or revocation."""

    def address(
        self,
        redirect_uri: str,
        state: str,
        verifier: str,
        scopes: Sequence[str],
        optional_scopes: Sequence[str] = (),
        *,
        as_somebody_else: bool = False,
    ) -> str:
        """Where to send the browser."""
        ...

    def read_error(self, error: str, description: str) -> Exception:
        """What the browser came back with instead of a code."""
        ...

    async def exchange(self, code: str, redirect_uri: str, verifier: str) -> Granted:
        """Raises CodeRefused, AppRefused, AppNotAllowed, SignInRefused, AddressRefused, Unreachable, AnswerLost."""
        ...

    async def refresh(self, refresh_token: str) -> Granted:
        """Raises GrantDead, AppRefused, AppNotAllowed, SignInRefused, AddressRefused, Unreachable, AnswerLost."""
        ...

    async def revoke(self, granted: Granted) -> bool:
        """Ends all tokens of this grant. One that has ended already is fine. False: the CRM does not know it, and what took its
        place, if anything did, lives on. Raises SignInRefused, Unreachable."""
        ...

    async def identity(self, granted: Granted) -> Identity:
        """Raises RightsMissing, AppNotAllowed, and what the CRM's client raises."""
        ...


class Refusal(msgspec.Struct):
    """A token endpoint's error (RFC 6749, 5.2), with HubSpot's `status` beside it."""

    error: str = ""
    error_description: str = ""
    status: str = ""
    message: str = ""

    @property
    def words(self) -> str:
        return (self.error_description or self.message or self.error or "no reason given").rstrip(".")


def new_verifier() -> str:
    return secrets.token_urlsafe(VERIFIER_BYTES)


def challenge_of(verifier: str) -> str:
    """S256 (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


async def post_form(side: Side, transport: Transport, url: str, form: Mapping[str, str | None]) -> Response | Refusal:
    """A 2xx answer, or the refusal of a 4xx one. Raises Unreachable when nothing was done, AnswerLost when that is open."""
    body = urlencode({name: value for name, value in form.items() if value is not None}).encode("ascii")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    name = NAMES[side]
    try:
        answer = await transport.send(Request("POST", url, headers, body), TOKEN_DEADLINE_S)
    except NotSent as error:
        raise Unreachable(side, f"{name}'s sign-in at {_host(url)} could not be reached: {error.why}.") from error
    except TransportError as error:
        raise AnswerLost(side, f"{name}'s sign-in at {_host(url)} did not answer: {error.why}.") from error
    if 200 <= answer.status < 300:
        return answer
    if answer.status == 429:
        raise RateLimited(side, f"{name}'s sign-in refuses calls for the moment: too many.")
    if answer.status >= 500 or answer.status == 408:
        raise AnswerLost(side, f"{name}'s sign-in broke down: HTTP {answer.status}.")
    try:
        return msgspec.json.decode(answer.body, type=Refusal)
    except msgspec.MsgspecError as error:
        raise Unreachable(side, f"{name}'s sign-in answered HTTP {answer.status} without a readable reason.") from error


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]
