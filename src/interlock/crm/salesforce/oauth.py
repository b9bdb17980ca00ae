"""Signing in to Salesforce: the log-in page's address, codes and refresh tokens to access tokens, revocation, who it is.

Source: Salesforce Help, OAuth 2.0 Web Server Flow, Refresh Token Flow, Revoke OAuth Tokens, OAuth 2.0 Authorization Errors. There
is no `expires_in`. With refresh token rotation (a setting of the app) every refresh brings a new refresh token, and the old one
dies at once. PKCE is always sent: external client apps require it since 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote, urlencode

import msgspec

from interlock.core.model import Side
from interlock.crm import hosts
from interlock.crm.budget import MemoryBudgetStore, SalesforceGovernor
from interlock.crm.errors import (
    AddressRefused,
    AnswerLost,
    AppNotAllowed,
    AppRefused,
    CallRefused,
    CodeRefused,
    CrmError,
    Forbidden,
    GrantDead,
    RightsMissing,
    SignInDenied,
    SignInRefused,
)
from interlock.crm.oauth import App, Granted, Identity, Refusal, challenge_of, post_form
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.tokens import TOKEN_PATH, StaticToken
from interlock.crm.transport import Transport

PRODUCTION_URL = "https://login.salesforce.com"
SANDBOX_URL = "https://test.salesforce.com"
AUTHORIZE_PATH = "/services/oauth2/authorize"
REVOKE_PATH = "/services/oauth2/revoke"
# `refresh_token` to go on after the browser has gone. `openid` for userinfo, as OpenID Connect has it; Salesforce's page on that
# endpoint (Query for User Information) names no scope, so `api` alone may do. docs/connect.md asks for it with keys as well.
SCOPES = ("api", "refresh_token", "openid")

# What the log-in page sends back instead of a code, seen with external client apps and connected apps: the app is not installed in
# the org, blocked, or not for this user (forum and issue threads; Salesforce Help names only access_denied).
_NOT_ALLOWED = frozenset(
    {"OAUTH_EC_APP_NOT_FOUND", "OAUTH_APP_BLOCKED", "OAUTH_APP_ACCESS_DENIED", "OAUTH_APPROVAL_ERROR_GENERIC"}
)
_NOT_ALLOWED_WORDS = ("must be installed", "not admin approved", "hasn't approved this consumer", "blocked by admin")
_CODE_WORDS = ("authorization code", "code verifier", "code challenge")
_APP_ERRORS = frozenset(
    {"invalid_client_id", "invalid_client", "redirect_uri_mismatch", "unauthorized_client", "unsupported_grant_type"}
)
_INSTALL_FIX = (
    "An administrator of the org installs the app (Setup, External Client App Manager, or Connected Apps OAuth Usage, Install) and"
    " lets this user use it, then sign in again."
)


class _Grant(msgspec.Struct):
    access_token: str
    instance_url: str
    id: str = ""
    refresh_token: str | None = None
    scope: str = ""


class SalesforceOAuth:
    """`crm.oauth.Flow`. `login_url`: production, sandbox or the org's My Domain, checked before."""

    def __init__(
        self, app: App, transport: Transport, clock_us: Callable[[], int], login_url: str, *, local: bool = False
    ) -> None:
        self._app = app
        self._transport = transport
        self._clock_us = clock_us
        self._login_url = login_url.rstrip("/")
        self._local = local

    def address(
        self,
        redirect_uri: str,
        state: str,
        verifier: str,
        scopes: Sequence[str] = SCOPES,
        optional_scopes: Sequence[str] = (),
        *,
        as_somebody_else: bool = False,
    ) -> str:
        query = {
            "response_type": "code",
            "client_id": self._app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join((*scopes, *optional_scopes)),
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            # Without it Salesforce takes whoever is signed in to the org in this browser.
            "prompt": "login" if as_somebody_else else None,
        }
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self._login_url}{AUTHORIZE_PATH}?{urlencode(given, quote_via=quote)}"

    def read_error(self, error: str, description: str) -> CrmError:
        said = f"{description or error}".rstrip(".")
        if error in _NOT_ALLOWED or any(words in said for words in _NOT_ALLOWED_WORDS):
            return _not_allowed(error, said)
        # Salesforce Help writes it both ways.
        if error in ("access_denied", "access-denied"):
            return SignInDenied(Side.SALESFORCE, f"Interlock was not let in to Salesforce: {said}.", crm_code=error)
        if error in _APP_ERRORS or error in ("invalid_request", "invalid_scope"):
            return AppRefused(Side.SALESFORCE, f"Salesforce does not know the app like this: {said}.", crm_code=error)
        return SignInRefused(Side.SALESFORCE, f"Salesforce's sign-in page refused: {said}.", crm_code=error)

    async def exchange(self, code: str, redirect_uri: str, verifier: str) -> Granted:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": self._app.client_id,
            "client_secret": self._app.client_secret,
        }
        return self._with_checked_instance(await self._granted(form))

    async def refresh(self, refresh_token: str) -> Granted:
        """An instance that is none of Salesforce's is left out, not an error: the refresh token may have been replaced by this very
        answer, and the address that is known stays in use."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self._app.client_id,
            "client_secret": self._app.client_secret,
        }
        granted = await self._granted(form)
        try:
            return self._with_checked_instance(granted)
        except AddressRefused:
            return msgspec.structs.replace(granted, instance_url=None)

    async def revoke(self, granted: Granted) -> bool:
        """The refresh token takes the access tokens made with it along (Salesforce Help, Revoke OAuth Tokens)."""
        token = granted.refresh_token or granted.access_token
        answer = await post_form(Side.SALESFORCE, self._transport, self._login_url + REVOKE_PATH, {"token": token})
        if not isinstance(answer, Refusal):
            return True
        # A token that is unknown has ended already, which is what was wanted; with rotation also one that was used since.
        if answer.error not in ("invalid_token", "unsupported_token_type"):
            raise _refused(answer)
        return False

    async def identity(self, granted: Granted) -> Identity:
        assert granted.instance_url is not None
        client = SalesforceClient(
            granted.instance_url,
            self._transport,
            StaticToken(Side.SALESFORCE, granted.access_token),
            SalesforceGovernor(MemoryBudgetStore(self._clock_us), self._clock_us),
            self._clock_us,
        )
        return await identity_of(client, granted.instance_url)

    async def _granted(self, form: dict[str, str | None]) -> Granted:
        answer = await post_form(Side.SALESFORCE, self._transport, self._login_url + TOKEN_PATH, form)
        if isinstance(answer, Refusal):
            raise _refused(answer)
        try:
            found = msgspec.json.decode(answer.body, type=_Grant)
        except msgspec.MsgspecError as error:
            raise AnswerLost(Side.SALESFORCE, "Salesforce's sign-in answered something that is no token.") from error
        scopes = tuple(found.scope.split())
        return Granted(found.access_token, found.refresh_token, None, scopes, found.instance_url, found.id or None)

    def _with_checked_instance(self, granted: Granted) -> Granted:
        """Every later call carries the token there."""
        instance_url = hosts.checked(Side.SALESFORCE, granted.instance_url or "", local=self._local)
        return msgspec.structs.replace(granted, instance_url=instance_url)


async def identity_of(client: SalesforceClient, api_url: str) -> Identity:
    """Who a client is signed in as, whichever way. Raises RightsMissing, and what the client raises."""
    user = await client.identity()
    try:
        org = await client.organization()
    except Forbidden as error:
        raise _forbidden(error, user.username) from error
    return Identity(
        user_id=user.user_id,
        user_name=user.username,
        account_id=org.id,
        account_name=org.name,
        api_url=api_url,
        sandbox=org.is_sandbox,
        edition=org.type,
        may_install=await _may_install(client, user.user_id),
    )


async def _may_install(client: SalesforceClient, user_id: str) -> bool | None:
    """Whether the user may deploy metadata, by profile or by permission set: "either the Modify Metadata Through Metadata API
    Functions or Modify All Data permission" (Metadata API guide, Metadata API Edit Access)."""
    user = soql.quote(user_id)
    rights = ("PermissionsModifyMetadata", "PermissionsModifyAllData")
    by_profile, by_set = (
        " OR ".join(f"{of}.{right} = true" for right in rights) for of in ("Profile", "PermissionSet")
    )
    queries = [
        f"SELECT Id FROM User WHERE Id = {user} AND ({by_profile})",
        f"SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = {user} AND ({by_set})",
    ]
    try:
        return any(found.records for found in await client.query_many(queries, purpose="setup"))
    except CallRefused:
        return None  # who may not look at permissions cannot be told about


def _refused(refusal: Refusal) -> SignInRefused:
    side, code, said = Side.SALESFORCE, refusal.error, refusal.words
    if any(words in said for words in _NOT_ALLOWED_WORDS) or code in _NOT_ALLOWED:
        return _not_allowed(code, said)
    if code in _APP_ERRORS:
        return AppRefused(side, f"Salesforce does not know the app like this: {said}.", crm_code=code)
    if any(words in said for words in _CODE_WORDS):
        return CodeRefused(side, f"Salesforce does not take the code of this sign-in: {said}.", crm_code=code)
    if code == "invalid_grant" and "token" in said:
        return GrantDead(
            side,
            f"Salesforce has ended this sign-in: {said}. Access was revoked, the app's policy ended it, or it was replaced.",
            crm_code=code,
        )
    return SignInRefused(side, f"Salesforce refused the sign-in: {said}.", crm_code=code)


def _not_allowed(code: str, said: str) -> AppNotAllowed:
    return AppNotAllowed(
        Side.SALESFORCE, f"The Salesforce org does not let this app in: {said}.", fix=_INSTALL_FIX, crm_code=code
    )


def _forbidden(error: Forbidden, username: str) -> RightsMissing:
    what = "may not use the API" if error.crm_code == "API_DISABLED_FOR_ORG" else "may not read the organisation"
    return RightsMissing(
        Side.SALESFORCE,
        f"{username} {what}: {error.message}",
        fix="Give the user the permission API Enabled (profile or permission set; the edition must include API access).",
        crm_code=error.crm_code,
    )
