"""OAuth: the consent page, the token endpoints (all four spellings), token info, introspection and revocation."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode, urlsplit

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.account import ACCESS_TOKEN_LIFETIME_S, Token, User
from crm_emulator.hubspot.api import DATED, Api, body_of
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.kernel.http import Request, Response, json_response

_TOKEN = ("/oauth/v1/token", "/oauth/v3/token", *(f"/oauth/{date}/token" for date in DATED))
_LATER = ("/oauth/v3/token", *(f"/oauth/{date}/token" for date in DATED))
CODE_LIFETIME_MS = 600_000  # ten minutes; the documentation only says that codes are short-lived and single-use


class OAuthRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._account = api.account
        api.add("POST", _TOKEN, self.token)
        api.add("GET", "/oauth/v1/access-tokens/{token}", self.access_token)
        api.add("POST", "/oauth/v2/private-apps/get/access-token-info", self.private_token)
        api.add("GET", "/oauth/v1/refresh-tokens/{token}", self.refresh_token)
        api.add("DELETE", "/oauth/v1/refresh-tokens/{token}", self.delete_refresh_token)
        api.add("POST", [f"{base}/introspect" for base in _LATER], self.introspect)
        api.add("POST", [f"{base}/revoke" for base in _LATER], self.revoke)
        api.add("DELETE", "/appinstalls/v3/external-install", self.uninstall)

    def token(self, request: Request) -> Response:
        """Form-encoded, or with its parameters in the query (v1)."""
        form = {**{name: found[-1] for name, found in request.query.items()}, **request.form()}
        self._check_client(form)
        grant = form.get("grant_type")
        now_ms = self._api.portal.now_ms()
        if grant == "authorization_code":
            code = self._account.codes.pop(form.get("code", ""), None)
            if code is None:
                raise _refused("invalid_grant", "missing or unknown auth code", "BAD_AUTH_CODE")
            if now_ms - code.issued_ms > CODE_LIFETIME_MS:
                raise _refused("invalid_grant", "the auth code has expired", "EXPIRED_AUTH_CODE")
            if code.redirect_uri != form.get("redirect_uri"):
                raise _refused("invalid_grant", "missing or invalid redirect uri", "BAD_REDIRECT_URI")
            if code.challenge is not None and _challenge_of(form.get("code_verifier", "")) != code.challenge:
                # That it is refused is RFC 7636; HubSpot's own words for it are not known.
                raise _refused("invalid_grant", "missing or invalid code verifier", "BAD_CODE_VERIFIER")
            return json_response(
                self._granted(self._account.issue_oauth_token(code.scopes, now_ms, user_id=code.user_id))
            )
        if grant == "refresh_token":
            old = self._account.by_refresh_token(form.get("refresh_token", ""))
            if old is None:
                message = "refresh token is invalid, expired or revoked"
                raise _refused("invalid_grant", message, "BAD_REFRESH_TOKEN")
            renewed = self._account.issue_oauth_token(old.scopes, now_ms, old.refresh_token, user_id=old.user_id)
            return json_response(self._granted(renewed))
        raise _refused("unsupported_grant_type", f"grant_type {grant} is not supported", "BAD_GRANT_TYPE")

    def access_token(self, request: Request) -> Response:
        token = self._account.tokens.get(request.params["token"])
        if request.params["token"].startswith("pat-"):
            # Reported with HubSpot's own client (hubspot-api-nodejs, issue 530); the status is unverified.
            raise ApiError(400, "The access token must have the correct format")
        if token is None or token.revoked:
            raise ApiError(404, "access token is invalid", None)
        return json_response(
            {
                "token": token.value,
                "user": self._account.by_id(token.user_id).email,
                "hub_domain": f"{self._api.config.account_id}.example.com",
                "scopes": sorted(token.scopes or ()),
                "hub_id": self._api.config.account_id,
                "app_id": token.app_id,
                "expires_in": self._expires_in_s(token),
                "user_id": token.user_id,
                "token_type": "access",
            }
        )

    def private_token(self, request: Request) -> Response:
        """What the other one is for OAuth: the scopes of a private app's token (private apps page)."""
        token = self._account.tokens.get(str(body_of(request, shapes.TokenKey).get("tokenKey") or ""))
        if token is None or token.revoked or token.kind != "private":
            raise ApiError(404, "access token is invalid", None)
        return json_response(
            {
                "userId": token.user_id,
                "hubId": self._api.config.account_id,
                "appId": token.app_id,
                "scopes": sorted(token.scopes or ()),
            }
        )

    def refresh_token(self, request: Request) -> Response:
        token = self._account.by_refresh_token(request.params["token"])
        if token is None:
            raise ApiError(404, "refresh token is invalid", None)
        return json_response(
            {
                "token": token.refresh_token,
                "user": self._account.by_id(token.user_id).email,
                "hub_domain": f"{self._api.config.account_id}.example.com",
                "scopes": sorted(token.scopes or ()),
                "hub_id": self._api.config.account_id,
                "client_id": self._account.client_id,
                "user_id": token.user_id,
                "token_type": "refresh",
            }
        )

    def delete_refresh_token(self, request: Request) -> Response:
        self._account.revoke_refresh_token(request.params["token"])
        return Response(204)

    def introspect(self, request: Request) -> Response:
        form = request.form()
        self._check_client(form)
        by_refresh = self._account.by_refresh_token(form.get("refresh_token") or form.get("token") or "")
        token = by_refresh or self._account.tokens.get(form.get("access_token") or form.get("token") or "")
        if token is None or token.revoked:
            return json_response({"active": False})
        return json_response(
            {
                "active": by_refresh is not None or self._expires_in_s(token) > 0,
                "token_use": "refresh_token" if by_refresh is not None else "access_token",
                "hub_id": self._api.config.account_id,
                "app_id": token.app_id,
                "user_id": token.user_id,
                "client_id": self._account.client_id,
                "scopes": sorted(token.scopes or ()),
                "is_private_distribution": True,
            }
        )

    def revoke(self, request: Request) -> Response:
        form = request.form()
        self._check_client(form)
        self._account.revoke_refresh_token(form.get("refresh_token") or form.get("token") or "")
        return Response(204)

    def uninstall(self, request: Request) -> Response:
        token: Token = request.context
        if token.refresh_token is not None:
            self._account.revoke_refresh_token(token.refresh_token)
        token.revoked = True
        return Response(204)

    def _check_client(self, form: dict[str, str]) -> None:
        if form.get("client_id") != self._account.client_id:
            raise _refused("invalid_client", "missing or unknown client id", "BAD_CLIENT_ID")
        if not hmac.compare_digest(form.get("client_secret", "").encode(), self._account.client_secret.encode()):
            raise _refused("invalid_client", "missing or invalid client secret", "BAD_CLIENT_SECRET")

    def _granted(self, token: Token) -> dict[str, Any]:
        return {
            "token_type": "bearer",
            "refresh_token": token.refresh_token,
            "access_token": token.value,
            "expires_in": ACCESS_TOKEN_LIFETIME_S,
            "hub_id": self._api.config.account_id,
            "scopes": sorted(token.scopes or ()),
            "token_use": "access_token",
        }

    def _expires_in_s(self, token: Token) -> int:
        if token.expires_ms is None:
            return ACCESS_TOKEN_LIFETIME_S
        return max(0, (token.expires_ms - self._api.portal.now_ms()) // 1_000)


def check_consent(api: Api, query: dict[str, list[str]], user: User) -> None:
    """What HubSpot refuses on its own page, without sending anybody back. Raises ApiError."""
    client_id, redirect_uri = (query.get(key, [""])[-1] for key in ("client_id", "redirect_uri"))
    if client_id != api.account.client_id:
        raise errors.invalid("missing or unknown client id")
    known = api.config.redirect_uris
    if not (redirect_uri in known if known is not None else _is_of_this_machine(redirect_uri)):
        raise errors.invalid("missing or invalid redirect uri")
    if query.get("code_challenge_method", ["S256"])[-1] != "S256":
        raise errors.invalid("the code challenge method must be S256")
    if api.config.require_pkce and not query.get("code_challenge"):
        raise errors.invalid("missing code challenge")
    if not user.super_admin:
        # Users need to be super admins, or to have App Marketplace access (OAuth guide).
        raise errors.invalid("You do not have permission to connect apps. Ask a super admin of this account.")
    unavailable = sorted(set(_scopes(query, "scope")) & set(api.config.scopes_unavailable))
    if unavailable:
        raise errors.invalid(f"This account does not have access to the scopes {', '.join(unavailable)}")


def consent_redirect(api: Api, query: dict[str, list[str]], user: User, *, granted: bool) -> str:
    """Where the consent page sends the browser: back with a code, or with an error. Raises ApiError."""
    check_consent(api, query, user)
    redirect_uri, state = query["redirect_uri"][-1], query.get("state")
    if granted:
        asked = set(_scopes(query, "scope")) | set(_scopes(query, "optional_scope")) - set(
            api.config.scopes_unavailable
        )
        challenge = query.get("code_challenge", [None])[-1]
        now_ms = api.portal.now_ms()
        answer = {
            "code": api.account.issue_code(redirect_uri, frozenset(asked) or None, now_ms, user.user_id, challenge)
        }
    else:
        answer = {"error": "access_denied", "error_description": "The user denied access"}
    if state:
        answer["state"] = state[-1]
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}"


def _scopes(query: dict[str, list[str]], name: str) -> list[str]:
    return " ".join(query.get(name, [])).split()


def _is_of_this_machine(redirect_uri: str) -> bool:
    parts = urlsplit(redirect_uri)
    return parts.scheme in ("http", "https") and parts.hostname in ("localhost", "127.0.0.1", "::1")


def _challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _refused(error: str, message: str, status: str) -> ApiError:
    return _TokenError(error, message, status)


class _TokenError(ApiError):
    """Token errors have a body of their own: OAuth's two fields beside HubSpot's."""

    def __init__(self, error: str, message: str, status: str) -> None:
        super().__init__(400, message)
        self._error = error
        self._status = status

    def body(self, correlation_id: str) -> dict[str, Any]:
        return {
            "error": self._error,
            "error_description": self.message,
            "status": self._status,
            "message": self.message,
            "correlationId": correlation_id,
        }
