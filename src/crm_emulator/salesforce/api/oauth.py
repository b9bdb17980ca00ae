"""OAuth 2 and identity: tokens by authorisation code (with PKCE), refresh token, JWT bearer, client credentials and
password, and who a token belongs to.

There is no expires_in: a client learns of the end from a 401 or from introspect. The consent page is `pages_adapter.py`'s.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any
from urllib.parse import urlencode, urlsplit

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.api import jwt
from crm_emulator.salesforce.api.context import Api, answer
from crm_emulator.salesforce.api.sessions import Code, challenge_of
from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.setup import OrgUser
from crm_emulator.salesforce.store import Record
from crm_emulator.salesforce.times import render_seconds

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# By whether the org is a sandbox.
_AUDIENCES = {False: ("https://login.salesforce.com",), True: ("https://test.salesforce.com",)}
_SCOPE = "refresh_token api id openid"


class OAuthError(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class OAuth:
    def __init__(self, api: Api, users: list[OrgUser]) -> None:
        self._api = api
        self._users = users
        api.router.add("POST", "/services/oauth2/token", self._answered(self._token))
        api.router.add("POST", "/services/oauth2/revoke", self._answered(self._revoke))
        api.router.add("POST", "/services/oauth2/introspect", self._answered(self._introspect))
        for method in ("GET", "POST"):
            api.add(method, "/services/oauth2/userinfo", self.userinfo)
            api.add(method, "/id/{org}/{user}", self.identity)

    def _answered(self, handler: Any) -> Any:
        def run(request: Request) -> Response:
            try:
                return answer(handler(request.form(), request))
            except OAuthError as refused:
                return answer({"error": refused.error, "error_description": refused.description}, 400)

        return run

    # Tokens

    def _token(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        grant = form.get("grant_type")
        if grant == "authorization_code":
            return self._by_code(form, request)
        if grant == "refresh_token":
            return self._by_refresh(form, request)
        if grant == "client_credentials":
            self._check_client(form, request, secret_needed=True)
            return self._granted(self._users[0].id, form, "api")
        if grant == _JWT_BEARER:
            return self._by_assertion(form)
        if grant == "password":
            self._check_client(form, request, secret_needed=True)
            user = next((user for user in self._users if user.username == form.get("username")), None)
            if user is None or not hmac.compare_digest(user.password.encode(), form.get("password", "").encode()):
                raise OAuthError("invalid_grant", "authentication failure")
            return self._granted(user.id, form, "api")
        raise OAuthError("unsupported_grant_type", "grant type not supported")

    def _check_client(self, form: dict[str, str], request: Request, *, secret_needed: bool) -> str:
        client_id, secret = form.get("client_id"), form.get("client_secret")
        basic = request.headers.get("authorization", "")
        if basic.lower().startswith("basic "):
            try:
                decoded = base64.b64decode(basic[6:]).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise OAuthError("invalid_client", "invalid client credentials") from None
            client_id, _, secret = decoded.partition(":")
        sessions = self._api.sessions
        if client_id != sessions.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if (secret is None and secret_needed) or (secret is not None and secret != sessions.client_secret):
            raise OAuthError("invalid_client", "invalid client credentials")
        return client_id

    def _by_code(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        code: Code | None = self._api.sessions.codes.pop(form.get("code", ""), None)
        if code is None:
            raise OAuthError("invalid_grant", "invalid authorization code")
        if self._api.org.now_s() >= code.expires_s:
            raise OAuthError("invalid_grant", "expired authorization code")
        self._check_client(form, request, secret_needed=code.challenge is None)
        if form.get("redirect_uri") != code.redirect_uri:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        verifier = form.get("code_verifier")
        if code.challenge is not None and not verifier:
            raise OAuthError("invalid_grant", "missing required code verifier")
        if code.challenge is not None and challenge_of(verifier or "") != code.challenge:
            raise OAuthError("invalid_request", "invalid code verifier")
        refresh_token = None
        if "refresh_token" in code.scope or "offline_access" in code.scope:
            refresh_token = self._api.sessions.issue_refresh(code.user_id, code.client_id, code.scope)
        granted = self._granted(code.user_id, form, code.scope, refresh_token)
        if refresh_token is not None:
            granted["refresh_token"] = refresh_token
        return granted

    def _by_refresh(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        self._check_client(form, request, secret_needed=False)
        refresh_token = form.get("refresh_token", "")
        session = self._api.sessions.refresh.get(refresh_token)
        if session is None or session.revoked:
            raise OAuthError("invalid_grant", "expired access/refresh token")
        user = self._api.org.tables["User"].rows.get(session.user_id)
        if user is None or not user.values.get("IsActive"):
            raise OAuthError("invalid_grant", "inactive user")
        rotates = self._api.org.config.rotate_refresh_tokens
        if rotates:
            session.revoked = True
            refresh_token = self._api.sessions.issue_refresh(session.user_id, session.client_id, session.scope)
        granted = self._granted(session.user_id, form, session.scope, refresh_token)
        if rotates:
            granted["refresh_token"] = refresh_token
        return granted

    def _by_assertion(self, form: dict[str, str]) -> dict[str, Any]:
        """JWT bearer: the app's certificate vouches for it, and an administrator has approved its users beforehand."""
        org, sessions = self._api.org, self._api.sessions
        claims = jwt.verified(form.get("assertion", ""), org.config.app_certificate)
        if claims is None:
            raise OAuthError("invalid_grant", "invalid assertion")
        if claims.get("iss") != sessions.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if claims.get("aud") not in _AUDIENCES[org.config.sandbox]:
            raise OAuthError("invalid_grant", "audience is invalid")
        expires_s = claims.get("exp")
        if not isinstance(expires_s, int) or org.now_s() >= expires_s:
            raise OAuthError("invalid_grant", "expired authorization code")
        user = next((user for user in self._users if user.username == claims.get("sub")), None)
        if user is None or org.config.app_policy in ("not_installed", "blocked"):
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        return self._granted(user.id, {"client_id": sessions.client_id}, "api")

    def _granted(
        self, user_id: str, form: dict[str, str], scope: str, refresh_token: str | None = None
    ) -> dict[str, Any]:
        org, sessions = self._api.org, self._api.sessions
        identity = f"{org.config.instance_url}/id/{org.org_id}/{user_id}"
        issued_at = str(org.clock.now_ms())
        return {
            "access_token": sessions.issue(user_id, form.get("client_id", ""), scope, refresh_token=refresh_token),
            "signature": sessions.signature(identity, issued_at),
            "scope": scope,
            "instance_url": org.config.instance_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }

    def _revoke(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        if not self._api.sessions.revoke(form.get("token") or request.query_one("token") or ""):
            raise OAuthError("invalid_token", "the token is invalid")
        return {}

    def _introspect(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        self._check_client(form, request, secret_needed=True)
        session = self._api.sessions.find(form.get("token", ""))
        if session is None:
            return {"active": False}
        user = self._api.org.tables["User"].rows[session.user_id]
        return {
            "active": True,
            "scope": session.scope,
            "client_id": session.client_id,
            "username": user.values.get("Username"),
            "sub": f"{self._api.org.config.instance_url}/id/{self._api.org.org_id}/{session.user_id}",
            "token_type": "access_token",
            "exp": session.expires_s or session.issued_s + 7_200,
            "iat": session.issued_s,
            "nbf": session.issued_s,
        }

    # Identity

    def userinfo(self, request: Request) -> Response:
        user = self._api.org.tables["User"].rows[self._api.caller(request).user_id]
        values = user.values
        return answer(
            {
                **self._common(user),
                "sub": f"{self._api.org.config.instance_url}/id/{self._api.org.org_id}/{user.id}",
                "preferred_username": values.get("Username"),
                "nickname": values.get("CommunityNickname"),
                "name": f"{values.get('FirstName', '')} {values.get('LastName', '')}".strip(),
                "given_name": values.get("FirstName"),
                "family_name": values.get("LastName"),
                "zoneinfo": values.get("TimeZoneSidKey"),
                "updated_at": render_seconds(user.modified_s).replace(".000+0000", "Z"),
            }
        )

    def identity(self, request: Request) -> Response:
        user = self._api.org.tables["User"].rows.get(to_18(request.params["user"]) or "")
        if user is None or to_18(request.params["org"]) != self._api.org.org_id:
            raise RequestError("NOT_FOUND", "Bad_Id", status=404)
        values = user.values
        return answer(
            {
                **self._common(user),
                "id": f"{self._api.org.config.instance_url}/id/{self._api.org.org_id}/{user.id}",
                "asserted_user": True,
                "username": values.get("Username"),
                "nick_name": values.get("CommunityNickname"),
                "display_name": f"{values.get('FirstName', '')} {values.get('LastName', '')}".strip(),
                "first_name": values.get("FirstName"),
                "last_name": values.get("LastName"),
                "timezone": values.get("TimeZoneSidKey"),
                "last_modified_date": render_seconds(user.modified_s),
                "is_app_installed": True,
            }
        )

    def _common(self, user: Record) -> dict[str, Any]:
        url = self._api.org.config.instance_url
        data = f"{url}/services/data/v{{version}}/"
        values = user.values
        return {
            "user_id": user.id,
            "organization_id": self._api.org.org_id,
            "email": values.get("Email"),
            "email_verified": True,
            "active": bool(values.get("IsActive")),
            "user_type": "STANDARD",
            "language": values.get("LanguageLocaleKey"),
            "locale": values.get("LocaleSidKey"),
            "utcOffset": 0,
            "urls": {
                "enterprise": f"{url}/services/Soap/c/{{version}}/{self._api.org.org_id[:15]}",
                "metadata": f"{url}/services/Soap/m/{{version}}/{self._api.org.org_id[:15]}",
                "partner": f"{url}/services/Soap/u/{{version}}/{self._api.org.org_id[:15]}",
                "rest": data,
                "sobjects": f"{data}sobjects/",
                "search": f"{data}search/",
                "query": f"{data}query/",
                "recent": f"{data}recent/",
                "tooling_rest": f"{data}tooling/",
                "profile": f"{url}/{user.id}",
            },
        }


def check_consent(api: Api, request: Request) -> None:
    """What Salesforce says on its own page, sending nobody back: it does not know where to. Raises OAuthError."""
    query = {name: values[-1] for name, values in request.query.items()}
    if query.get("client_id") != api.sessions.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    target, known = query.get("redirect_uri", ""), api.org.config.callback_urls
    if not (target in known if known is not None else _is_of_this_machine(target)):
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    if query.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response type not supported")
    own = "test.salesforce.com" if api.org.config.sandbox else "login.salesforce.com"
    host = request.headers.get("host", own)
    if host in ("login.salesforce.com", "test.salesforce.com") and host != own:
        raise OAuthError("invalid_grant", "Please check your username and password: no such user signs in here.")


def refusal_redirect(api: Api, request: Request, user_id: str) -> str | None:
    """Where the browser goes at once, without being asked, because the app may not come in like this."""
    query = {name: values[-1] for name, values in request.query.items()}
    config = api.org.config
    scopes = query.get("scope", _SCOPE).replace("+", " ").split()
    refusal: tuple[str, str] | None = None
    if config.require_pkce and not query.get("code_challenge"):
        refusal = ("invalid_request", "missing required code challenge")
    elif not set(scopes) <= set(config.app_scopes):
        refusal = ("invalid_scope", "the requested scope is not allowed")
    elif config.app_policy == "not_installed":
        # The code was seen with external client apps; its description is not known.
        refusal = ("OAUTH_EC_APP_NOT_FOUND", "External client app is not installed in this org")
    elif config.app_policy == "blocked":
        refusal = ("OAUTH_APP_BLOCKED", "this app is blocked by admin")
    elif config.app_policy == "admin_approved" and not api.org.access.permits(user_id, "ModifyAllData"):
        refusal = ("OAUTH_APP_ACCESS_DENIED", "user is not admin approved to access this app")
    return None if refusal is None else _back(query, {"error": refusal[0], "error_description": refusal[1]})


def consent_redirect(api: Api, request: Request, user_id: str, *, allowed: bool) -> str:
    """Where the browser goes once a person has answered: with a code, or with access_denied. Raises OAuthError."""
    check_consent(api, request)
    query = {name: values[-1] for name, values in request.query.items()}
    if refused := refusal_redirect(api, request, user_id):
        return refused
    if not allowed:
        return _back(query, {"error": "access_denied", "error_description": "end-user denied authorization"})
    scope, challenge = query.get("scope", _SCOPE).replace("+", " "), query.get("code_challenge")
    code = api.sessions.issue_code(user_id, query["client_id"], query["redirect_uri"], challenge, scope)
    return _back(query, {"code": code})


def _back(query: dict[str, str], outcome: dict[str, str]) -> str:
    target = query["redirect_uri"]
    answer_query = {**outcome, **({"state": query["state"]} if "state" in query else {})}
    return f"{target}{'&' if '?' in target else '?'}{urlencode(answer_query)}"


def _is_of_this_machine(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and parts.hostname in ("localhost", "127.0.0.1", "::1")
