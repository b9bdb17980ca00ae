"""Access tokens of an org and what they may do: who holds which, until when, and refresh tokens and codes behind them.

Tokens are `<15-character org id>!<opaque>`, as clients that split on the `!` expect. They come from a seeded
generator: a
local org guards nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from dataclasses import dataclass

from crm_emulator.salesforce.org import Org

_OPAQUE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._"
CODE_LIFE_S = 15 * 60  # an authorisation code lives 15 minutes and works once


@dataclass(slots=True)
class Session:
    user_id: str
    client_id: str
    scope: str
    issued_s: int
    expires_s: int | None
    revoked: bool = False
    refresh_token: str | None = None  # the one that this access token was made with

    def alive(self, now_s: int) -> bool:
        return not self.revoked and (self.expires_s is None or now_s < self.expires_s)


@dataclass(slots=True)
class Code:
    user_id: str
    client_id: str
    redirect_uri: str
    challenge: str | None
    scope: str
    expires_s: int


class Sessions:
    def __init__(self, org: Org, seed: int) -> None:
        self._org = org
        self._random = random.Random(f"salesforce-sessions:{seed}")
        self.client_id = "3MVG9" + self._opaque(80)
        self.client_secret = self._opaque(64)
        self.access: dict[str, Session] = {}
        self.refresh: dict[str, Session] = {}
        self.codes: dict[str, Code] = {}

    def _opaque(self, length: int) -> str:
        return "".join(self._random.choice(_OPAQUE) for _ in range(length))

    def issue(
        self,
        user_id: str,
        client_id: str = "",
        scope: str = "api",
        *,
        expires: bool = True,
        refresh_token: str | None = None,
    ) -> str:
        token = f"{self._org.org_id[:15]}!AQ{self._opaque(90)}"
        now_s, life_s = self._org.now_s(), self._org.config.session_s
        expires_s = now_s + life_s if expires and life_s is not None else None
        self.access[token] = Session(user_id, client_id, scope, now_s, expires_s, refresh_token=refresh_token)
        return token

    def issue_refresh(self, user_id: str, client_id: str, scope: str) -> str:
        token = "5Aep861" + self._opaque(80)
        self.refresh[token] = Session(user_id, client_id, scope, self._org.now_s(), None)
        return token

    def issue_code(self, user_id: str, client_id: str, redirect_uri: str, challenge: str | None, scope: str) -> str:
        code = "aPrx" + self._opaque(60)
        expires_s = self._org.now_s() + CODE_LIFE_S
        self.codes[code] = Code(user_id, client_id, redirect_uri, challenge, scope, expires_s)
        return code

    def find(self, token: str) -> Session | None:
        session = self.access.get(token)
        return session if session is not None and session.alive(self._org.now_s()) else None

    def revoke(self, token: str) -> bool:
        """A refresh token takes the access tokens made with it along (Revoke OAuth Tokens). One that has ended is unknown."""
        session = self.access.get(token) or self.refresh.get(token)
        if session is None or session.revoked:
            return False
        session.revoked = True
        for access in self.access.values():
            access.revoked = access.revoked or access.refresh_token == token
        return True

    def signature(self, identity: str, issued_at: str) -> str:
        digest = hmac.new(self.client_secret.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
