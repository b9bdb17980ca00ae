"""Signing in to HubSpot: the consent page's address, codes and refresh tokens to access tokens, revocation, who it is.

Source: HubSpot's OAuth reference, 2026-03 and later (`/oauth/<version>/token`, `/introspect`, `/revoke`; every parameter in the
body). The refresh token stays the same until the app is uninstalled or it is revoked; access tokens live 30 minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote, urlencode

import msgspec

from interlock.core.model import Side
from interlock.crm.budget import HubSpotGovernor, MemoryBudgetStore
from interlock.crm.errors import (
    AnswerLost,
    AppNotAllowed,
    AppRefused,
    CodeRefused,
    CrmError,
    GrantDead,
    MissingScope,
    SignInDenied,
    SignInRefused,
)
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.requests import API_VERSION, owners_path
from interlock.crm.oauth import App, Granted, Identity, Refusal, challenge_of, post_form
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import Request, Transport, TransportError

API_URL = "https://api.hubapi.com"
PAGES_URL = "https://app.hubspot.com"
_TOKEN_PATH = f"/oauth/{API_VERSION}/token"
_LOOK_DEADLINE_S = 30.0
SANDBOX_TYPES = frozenset({"SANDBOX", "DEVELOPER_TEST"})  # account details, accountType

# HubSpot's `status` beside the OAuth error: what each says about us.
_APP_STATUSES = frozenset({"BAD_CLIENT_ID", "BAD_CLIENT_SECRET", "BAD_REDIRECT_URI"})
_CODE_STATUSES = frozenset({"BAD_AUTH_CODE", "EXPIRED_AUTH_CODE", "BAD_CODE_VERIFIER"})


class _Grant(msgspec.Struct):
    access_token: str
    refresh_token: str | None = None
    expires_in: int | None = None
    scopes: list[str] = []


class _Introspected(msgspec.Struct):
    active: bool
    hub_id: int | None = None
    user_id: int | None = None
    scopes: list[str] = []


class _Owner(msgspec.Struct):
    email: str | None = None


class HubSpotOAuth:
    """`crm.oauth.Flow`."""

    def __init__(
        self,
        app: App,
        transport: Transport,
        clock_us: Callable[[], int],
        api_url: str = API_URL,
        pages_url: str = PAGES_URL,
    ) -> None:
        self._app = app
        self._transport = transport
        self._clock_us = clock_us
        self._api_url = api_url.rstrip("/")
        self._pages_url = pages_url.rstrip("/")

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
        """HubSpot asks which account each time, so that there is nothing to say about somebody else."""
        query = {
            "client_id": self._app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "optional_scope": " ".join(optional_scopes) or None,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self._pages_url}/oauth/authorize?{urlencode(given, quote_via=quote)}"

    def read_error(self, error: str, description: str) -> CrmError:
        said = f"{description or error}".rstrip(".")
        if error == "access_denied":
            return SignInDenied(Side.HUBSPOT, f"HubSpot was not allowed to let Interlock in: {said}.", crm_code=error)
        return SignInRefused(Side.HUBSPOT, f"HubSpot's sign-in page refused: {said}.", crm_code=error)

    async def exchange(self, code: str, redirect_uri: str, verifier: str) -> Granted:
        return await self._granted(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
                "client_id": self._app.client_id,
                "client_secret": self._app.client_secret,
            }
        )

    async def refresh(self, refresh_token: str) -> Granted:
        return await self._granted(
            {
                "grant_type": "refresh_token",
                "refresh_token": refresh_token,
                "client_id": self._app.client_id,
                "client_secret": self._app.client_secret,
            }
        )

    async def revoke(self, granted: Granted) -> bool:
        if granted.refresh_token is None:
            return True  # an access token alone ends by itself within 30 minutes
        answer = await post_form(
            Side.HUBSPOT,
            self._transport,
            f"{self._api_url}{_TOKEN_PATH}/revoke",
            {
                "token": granted.refresh_token,
                "token_type_hint": "refresh_token",
                "client_id": self._app.client_id,
                "client_secret": self._app.client_secret,
            },
        )
        if isinstance(answer, Refusal) and not isinstance(refused := _refused(answer), GrantDead):
            raise refused
        return True  # a refresh token is never replaced here: one that is unknown has ended

    async def identity(self, granted: Granted) -> Identity:
        about = await self._introspect(granted.access_token)
        client = HubSpotClient(
            self._api_url,
            self._transport,
            StaticToken(Side.HUBSPOT, granted.access_token),
            HubSpotGovernor(MemoryBudgetStore(self._clock_us), self._clock_us),
            self._clock_us,
        )
        account = await client.account()
        user_id = str(about.user_id or "")
        return Identity(
            user_id=user_id,
            user_name=await self._email(granted.access_token, user_id) or f"user {user_id}",
            account_id=account.account_id,
            account_name=account.name,
            api_url=self._api_url,
            sandbox=account.account_type in SANDBOX_TYPES,
            edition=account.account_type,
        )

    async def _granted(self, form: dict[str, str | None]) -> Granted:
        answer = await post_form(Side.HUBSPOT, self._transport, self._api_url + _TOKEN_PATH, form)
        if isinstance(answer, Refusal):
            raise _refused(answer)
        try:
            found = msgspec.json.decode(answer.body, type=_Grant)
        except msgspec.MsgspecError as error:
            raise AnswerLost(Side.HUBSPOT, "HubSpot's sign-in answered something that is no token.") from error
        return Granted(found.access_token, found.refresh_token, found.expires_in, tuple(found.scopes))

    async def _introspect(self, token: str) -> _Introspected:
        answer = await post_form(
            Side.HUBSPOT,
            self._transport,
            f"{self._api_url}{_TOKEN_PATH}/introspect",
            {
                "token": token,
                "token_type_hint": "access_token",
                "client_id": self._app.client_id,
                "client_secret": self._app.client_secret,
            },
        )
        if isinstance(answer, Refusal):
            raise _refused(answer)
        try:
            return msgspec.json.decode(answer.body, type=_Introspected)
        except msgspec.MsgspecError as error:
            raise AnswerLost(Side.HUBSPOT, "HubSpot does not tell whose token it gave.") from error

    async def _email(self, token: str, user_id: str) -> str | None:
        """A nicety of the identity card: where the owner cannot be read, the id stands for it."""
        url = f"{self._api_url}{owners_path()}/{quote(user_id, safe='')}?idProperty=userId"
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        try:
            answer = await self._transport.send(Request("GET", url, headers), _LOOK_DEADLINE_S)
            return msgspec.json.decode(answer.body, type=_Owner).email if answer.status == 200 else None
        except (TransportError, msgspec.MsgspecError):
            return None


def check_scopes(granted: Sequence[str], needed: Sequence[str]) -> None:
    """Raises MissingScope, which names them."""
    lacking = tuple(sorted(set(needed) - set(granted)))
    if lacking:
        raise MissingScope(
            Side.HUBSPOT,
            f"HubSpot let Interlock in without {', '.join(lacking)}.",
            scopes=lacking,
            fix="Add these scopes to the app in HubSpot, then sign in again as a user who has them.",
        )


def _refused(refusal: Refusal) -> SignInRefused:
    side, code = Side.HUBSPOT, refusal.status or refusal.error
    if code == "BAD_REFRESH_TOKEN":
        return GrantDead(
            side,
            f"HubSpot has ended this sign-in: {refusal.words}. The app was uninstalled, or access was revoked.",
            crm_code=code,
        )
    if code in _CODE_STATUSES:
        return CodeRefused(side, f"HubSpot does not take the code of this sign-in: {refusal.words}.", crm_code=code)
    if code in _APP_STATUSES or refusal.error in ("invalid_client", "unauthorized_client"):
        return AppRefused(side, f"HubSpot does not know the app like this: {refusal.words}.", crm_code=code)
    if code == "BAD_HUB":
        return AppNotAllowed(side, f"The app may not be used in this HubSpot account: {refusal.words}.", crm_code=code)
    return SignInRefused(side, f"HubSpot refused the sign-in: {refusal.words}.", crm_code=code)
