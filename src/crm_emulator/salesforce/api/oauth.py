"""OAuth 2 and identity: tokens by authorisation code (with PKCE), refresh token, client credentials and password, and
who a
token belongs to.

There is no expires_in: a client learns of the end from a 401 or from introspect. The consent page is
`pages_adapter.py`'s.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any
from urllib.parse import urlencode

from crm_emulator.kernel.http import Request, Response
from crm_emulator.salesforce.api.context import Api, answer
from crm_emulator.salesforce.api.sessions import Code, challenge_of
from crm_emulator.salesforce.errors import RequestError
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.setup import OrgUser
from crm_emulator.salesforce.store import Record
from crm_emulator.salesforce.times import render_seconds

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
        granted = self._granted(code.user_id, form, code.scope)
        if "refresh_token" in code.scope or "offline_access" in code.scope:
            granted["refresh_token"] = self._api.sessions.issue_refresh(code.user_id, code.client_id, code.scope)
        return granted

    def _by_refresh(self, form: dict[str, str], request: Request) -> dict[str, Any]:
        self._check_client(form, request, secret_needed=False)
        session = self._api.sessions.refresh.get(form.get("refresh_token", ""))
        if session is None or session.revoked:
            raise OAuthError("invalid_grant", "expired access/refresh token")
        granted = self._granted(session.user_id, form, session.scope)
        if self._api.org.config.rotate_refresh_tokens:
            session.revoked = True
            granted["refresh_token"] = self._api.sessions.issue_refresh(
                session.user_id, session.client_id, session.scope
            )
        return granted

    def _granted(self, user_id: str, form: dict[str, str], scope: str) -> dict[str, Any]:
        org, sessions = self._api.org, self._api.sessions
        identity = f"{org.config.instance_url}/id/{org.org_id}/{user_id}"
        issued_at = str(org.clock.now_ms())
        return {
            "access_token": sessions.issue(user_id, form.get("client_id", ""), scope),
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


def consent_redirect(api: Api, request: Request, user_id: str, *, allowed: bool) -> str:
    """Where the browser goes once a person has answered: with a code, or with access_denied. Raises OAuthError."""
    query = {name: values[-1] for name, values in request.query.items()}
    if query.get("client_id") != api.sessions.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    target = query.get("redirect_uri", "")
    if query.get("response_type") != "code" or not target:
        raise OAuthError("invalid_request", "response_type=code and redirect_uri are required")
    scope = query.get("scope", _SCOPE).replace("+", " ")
    if allowed:
        challenge = query.get("code_challenge")
        outcome = {"code": api.sessions.issue_code(user_id, query["client_id"], target, challenge, scope)}
    else:
        outcome = {"error": "access_denied", "error_description": "end-user denied authorization"}
    answer_query = {**outcome, **({"state": query["state"]} if "state" in query else {})}
    return f"{target}{'&' if '?' in target else '?'}{urlencode(answer_query)}"
