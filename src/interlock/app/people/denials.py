"""What was refused at the door is in the log of deeds: what a role does not allow, tokens that do not work, forms that no page of
ours sent, callbacks that this browser did not begin, and addresses that are not allowed.

Each once an hour for whoever sends it, since whoever sends it again and again must not be able to fill the log. Strangers have
any number of addresses, so of theirs all together only so many an hour are written, and the last one says so. Who asks from where
nobody is to ask is counted apart, and so are programs that may not ask from where people may: neither hides what else is tried.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from interlock.app.people.log import record
from interlock.app.people.roles import Action
from interlock.app.people.visitor import By, subject_of_token
from interlock.store import Store, api_tokens
from interlock.store.deeds import NOBODY

AGAIN_US = 3_600_000_000
STRANGERS_AN_HOUR = 50
_KNOWN_MOST = 1_000


class Denials:
    """In this process only."""

    def __init__(self, store: Store, clock_us: Callable[[], int]) -> None:
        self._store = store
        self._clock_us = clock_us
        self._noted: OrderedDict[tuple[str, str], int] = OrderedDict()
        # When, within the last hour: of those who may ask, of those from elsewhere, of programs from where only people may ask.
        self._inside: list[int] = []
        self._outside: list[int] = []
        self._programs: list[int] = []

    async def note(self, by: By, actor: str, need: Action, path: str) -> None:
        """`path`: as it stands in the table of addresses, never as it was sent."""
        if not self._is_news(actor, path):
            return
        async with self._store.write(None) as tx:
            await record(tx, by, "denied", path, needs=need)

    async def token(self, token: str, address: str) -> None:
        """One that does not work, or not any more."""
        more = self._strangers(NOBODY, "token", address, self._inside)
        if more is None:
            return
        async with self._store.write(None) as tx:
            id_ = await api_tokens.ever(tx, token)
            subject = "unknown" if id_ is None else subject_of_token(id_)
            await record(tx, By(NOBODY, address), "token_refused", subject, **more)

    async def form(self, actor: str, path: str, address: str) -> None:
        """`path`: as it stands in the table of addresses."""
        more = self._strangers(actor, "form", address, self._inside)
        if more is None:
            return
        async with self._store.write(None) as tx:
            await record(tx, By(actor, address), "form_refused", path, **more)

    async def address(self, path: str, address: str, *, by_api: bool = False) -> None:
        """Somebody asked from where nobody is to ask; `by_api`: no program, while people may. `path`: as it stands in the table of
        addresses."""
        more = self._strangers(NOBODY, "address", address, self._programs if by_api else self._outside)
        if more is None:
            return
        async with self._store.write(None) as tx:
            await record(tx, By(NOBODY, address), "address_refused", path, **more)

    async def callback(self, side: str, address: str) -> None:
        """Somebody came back from a CRM's sign-in that this browser did not begin."""
        more = self._strangers(NOBODY, "callback", address, self._inside)
        if more is None:
            return
        async with self._store.write(None) as tx:
            await record(tx, By(NOBODY, address), "crm_sign_in_refused", side, **more)

    def _is_news(self, who: str, what: str) -> bool:
        now_us, key = self._clock_us(), (who, what)
        before_us = self._noted.get(key)
        if before_us is not None and now_us - before_us < AGAIN_US:
            return False
        self._noted[key] = now_us
        self._noted.move_to_end(key)
        while len(self._noted) > _KNOWN_MOST:
            self._noted.popitem(last=False)
        return True

    def _strangers(self, actor: str, what: str, address: str, written: list[int]) -> dict[str, str] | None:
        """What to add to the row; None: it is not written. `written`: when one was, of those that this one is counted with."""
        now_us = self._clock_us()
        written[:] = [at_us for at_us in written if now_us - at_us < AGAIN_US]
        if len(written) >= STRANGERS_AN_HOUR or not self._is_news(f"{actor} {_network(address)}", what):
            return None
        written.append(now_us)
        full = len(written) == STRANGERS_AN_HOUR
        return {"more": "what else was refused is not written for up to an hour"} if full else {}


def _network(address: str) -> str:
    """Who has one address of version 6 has a network of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address
