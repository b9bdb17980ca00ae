"""A connection's access token out of the store, and its refresh: once for all tasks, and once for all processes.

`crm.tokens.TokenSource` over `store.grants`, which holds the rule of turns. What is kept in memory is a copy: the store decides
which token is the current one, and nothing is used that it does not hold yet. See docs/adr/0015.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from interlock.app.connections import HALTED
from interlock.app.crms import Crms, app_of
from interlock.app.times import rfc3339
from interlock.core.model import Side
from interlock.crm.errors import NAMES, AnswerLost, CrmError, GrantDead, RateLimited, SignInRefused, Unreachable
from interlock.crm.oauth import TOKEN_DEADLINE_S, App, Granted
from interlock.crm.tokens import NoOtherToken
from interlock.store import Store, connections, grants
from interlock.store.grants import Grant, Tokens
from interlock.store.tx import Tx, WriteTx

# Longer than a refresh can take: who is overtaken has certainly stopped waiting for an answer.
TURN_S = TOKEN_DEADLINE_S + 15
LOOK_AGAIN_S = 0.25
# A call may be on its way for a while; a token that ends meanwhile costs a refusal and a second call.
MARGIN_US = 60_000_000


class _Unkept(msgspec.Struct):
    """What a refresh brought and the store does not hold yet: with rotation the only key there is."""

    grant: Grant
    granted: Granted


class StoredTokens:
    """Of a connection, in a role; or, before there is a connection, of one grant."""

    def __init__(
        self,
        store: Store,
        crms: Crms,
        side: Side,
        *,
        connection_id: int | None = None,
        role: str = grants.SYNC,
        grant_id: int | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        assert (connection_id is None) != (grant_id is None)
        self._store = store
        self._crms = crms
        self._side = side
        self._connection_id = connection_id
        self._role = role
        self._grant_id = grant_id
        self._pause = pause
        self._owner = secrets.token_hex(8)
        self._lock = asyncio.Lock()
        self._current: Grant | None = None
        self._unkept: _Unkept | None = None

    async def token(self) -> str:
        """Raises SignInRefused, Unreachable, StoreError."""
        grant = self._current
        if grant is not None and grant.tokens is not None and self._serves(grant, None):
            return grant.tokens.access
        try:
            return await self._replace(None)
        except (Unreachable, RateLimited):
            # It was to be replaced ahead of its end; until then it is as good as before.
            grant = self._current
            if grant is None or grant.tokens is None or grant.state != grants.GOOD or grant.expires_at_us is None:
                raise
            if self._crms.clock_us() >= grant.expires_at_us:
                raise
            return grant.tokens.access

    async def refresh(self, stale: str) -> str:
        """Raises GrantDead when the CRM has ended it, SignInRefused, Unreachable, StoreError."""
        return await self._replace(stale)

    def _serves(self, grant: Grant, stale: str | None) -> bool:
        if grant.state != grants.GOOD or grant.tokens is None or grant.tokens.access == stale:
            return False
        return grant.expires_at_us is None or self._crms.clock_us() < grant.expires_at_us - MARGIN_US

    async def _replace(self, stale: str | None) -> str:
        async with self._lock:
            while True:
                if self._unkept is not None:
                    await self._keep(self._unkept)
                async with self._store.read(self._connection_id) as tx:
                    grant = self._current = await self._read(tx)
                if self._serves(grant, stale):
                    assert grant.tokens is not None
                    return grant.tokens.access
                self._must_live(grant)
                app = await app_of(self._store, grant.app_id)
                if await self._take_turn(grant):
                    await self._fetch(grant, app)
                else:
                    # Another process refreshes, or has just done so. It ends: its turn does, at the latest.
                    await self._pause(LOOK_AGAIN_S)

    async def _take_turn(self, grant: Grant) -> bool:
        # Who waits looks, and keeps out of the way of those who write.
        if grant.turn_until_us is not None and grant.turn_until_us > self._crms.clock_us():
            return False
        async with self._store.write(self._connection_id) as tx:
            return await grants.take_turn(tx, grant, self._owner, tx.now_us + round(TURN_S * 1_000_000))

    async def _read(self, tx: Tx) -> Grant:
        if self._grant_id is not None:
            found = await grants.get(tx, self._grant_id)
        else:
            # By its role, not by its id: somebody may have signed in anew meanwhile.
            found = (await grants.in_use(tx, self._role)).get(self._side.value)
        if found is None:
            raise SignInRefused(self._side, f"There is no sign-in to {NAMES[self._side]} any more.")
        return found

    def _must_live(self, grant: Grant) -> None:
        if grant.state != grants.GOOD:
            raise GrantDead(self._side, grant.reason or "The sign-in has ended.")
        if grant.tokens is None or grant.tokens.refresh is None:
            raise NoOtherToken(self._side, f"{NAMES[self._side]} gave no refresh token at the sign-in.")

    async def _fetch(self, grant: Grant, app: App) -> None:
        """Ours is the turn. A process that dies in here leaves `sent_us` behind, and the turn runs out."""
        assert grant.tokens is not None
        assert grant.tokens.refresh is not None
        try:
            granted = await self._crms.flow(self._side, app, grant.login_url).refresh(grant.tokens.refresh)
        except GrantDead as error:
            await self._end(grant, error)
        except AnswerLost as error:
            await self._give_back(grant, sent=True)
            raise AnswerLost(
                self._side,
                f"{error.message} Whether it has replaced the refresh token is not known.",
                fix="Nothing to do yet: it is tried again with the old one. Only if that is refused somebody must sign in again.",
            ) from error
        except CrmError:
            await self._give_back(grant, sent=False)
            raise
        else:
            self._unkept = _Unkept(grant, granted)
            await self._keep(self._unkept)

    async def _keep(self, unkept: _Unkept) -> None:
        """Into the store before anything else: with rotation the old refresh token is dead by now. Where the store fails this is
        tried again by the next caller, and nobody gets the access token before."""
        before, granted = unkept.grant, unkept.granted
        assert before.tokens is not None
        tokens = Tokens(granted.access_token, granted.refresh_token or before.tokens.refresh)
        expires_at_us = None
        if granted.expires_in_s is not None:
            expires_at_us = self._crms.clock_us() + granted.expires_in_s * 1_000_000
        async with self._store.write(self._connection_id) as tx:
            kept = await grants.keep(tx, before, tokens, expires_at_us, list(granted.scopes) or before.scopes)
            if kept:
                await self._follow(tx, granted)
        self._unkept = None

    async def _follow(self, tx: WriteTx, granted: Granted) -> None:
        """The org may have moved to another address (My Domain renamed)."""
        if self._connection_id is None or granted.instance_url is None:
            return
        now = await connections.get(tx, self._connection_id)
        if now is not None and now.salesforce_url != granted.instance_url:
            await connections.update(tx, self._connection_id, salesforce_url=granted.instance_url)

    async def _give_back(self, grant: Grant, *, sent: bool) -> None:
        async with self._store.write(self._connection_id) as tx:
            await grants.give_back(tx, grant, self._owner, sent=sent)

    async def _end(self, grant: Grant, error: GrantDead) -> None:
        """The CRM has proven it dead. Returns where another refresh was kept meanwhile: then it was the old token only."""
        reason = error.message
        if grant.sent_us is not None:
            reason = (
                f"{reason} An earlier refresh, at {rfc3339(grant.sent_us)}, got no answer: it seems to have replaced the"
                " refresh token, and the new one never arrived."
            )
        async with self._store.write(self._connection_id) as tx:
            if not await grants.end(tx, grant, grants.DEAD, reason):
                return
            if self._connection_id is not None and self._role == grants.SYNC:
                await _sign_out(tx, self._connection_id, reason, error.fix)
        raise GrantDead(self._side, reason, fix=error.fix, crm_code=error.crm_code) from error


async def _sign_out(tx: WriteTx, connection_id: int, reason: str, fix: str) -> None:
    now = await connections.get(tx, connection_id)
    if now is not None and now.state not in HALTED:
        await connections.update(tx, connection_id, state="signed_out", state_reason=reason, state_fix=fix)
