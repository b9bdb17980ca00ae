"""*Ask a colleague*: a link by which somebody without an account does one side's sign-in, and sees nothing else.

Good for seven days, can be taken back, taken up in one browser only. What is done by it is in the log as `link:<id>`.
"""

from __future__ import annotations

import secrets

import msgspec

from interlock.app.errors import BadInput, Missing
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.setup import state
from interlock.core.model import Side
from interlock.store import Store, colleague_links, people
from interlock.store.colleague_links import ColleagueLink
from interlock.store.setups import Setup

LASTS_US = 7 * 24 * 3600 * 1_000_000


class LinkOver(Missing):
    code = "link_void"

    def __init__(self) -> None:
        super().__init__(
            "This link works no more: it was used, taken back, or its time is over.",
            fix="Ask whoever sent it for a new one.",
        )


class LinkTaken(LinkOver):
    code = "link_taken"

    def __init__(self) -> None:
        Missing.__init__(
            self,
            "This link was taken up in another browser, or this browser keeps no cookies of Interlock.",
            fix="Go on in that browser, or ask whoever sent it for a new one.",
        )


class Opened(msgspec.Struct, frozen=True):
    """`asked_by`: who made the link, as the colleague knows them."""

    link: ColleagueLink
    setup: Setup
    asked_by: str


def address_of(public_url: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/colleague/{token}"


async def ask(store: Store, by: By, setup_id: int, side: Side) -> str:
    """The token of a new link; an older one for the side works no more. Raises Missing, BadInput."""
    async with store.write(None) as tx:
        setup = await state.load_in(tx, setup_id)
        if setup.ended_at_us is not None:
            raise BadInput("This set-up has ended.", code="setup_ended", fix="Open /setup.")
        token = await colleague_links.make(tx, setup_id, side.value, by.actor, LASTS_US)
        await record(tx, by, "colleague_asked", state.subject_of(setup_id), side=side.value)
    return token


async def take_back(store: Store, by: By, setup_id: int, side: Side) -> None:
    """One that has ended already is fine."""
    async with store.write(None) as tx:
        if await colleague_links.end(tx, setup_id, side.value):
            await record(tx, by, "colleague_link_taken_back", state.subject_of(setup_id), side=side.value)


async def waiting(store: Store, setup_id: int) -> dict[str, ColleagueLink]:
    """{side: link} of those that a colleague can still use."""
    async with store.read(None) as tx:
        return await colleague_links.good(tx, setup_id)


async def opened(store: Store, token: str, browser: str | None) -> Opened:
    """Raises LinkOver, LinkTaken. Changes nothing: mail scanners open links too."""
    async with store.read(None) as tx:
        link = await colleague_links.find(tx, token)
        if link is None:
            raise LinkOver
        if not colleague_links.is_of(link, browser):
            raise LinkTaken
        kind, _, id_ = link.made_by.partition(":")
        person = await people.get(tx, int(id_)) if kind == "person" and id_.isdecimal() else None
        return Opened(link, await state.load_in(tx, link.setup_id), person.name if person is not None else "")


async def take_up(store: Store, link: ColleagueLink, browser: str | None) -> str:
    """Bind the link to this browser; the cookie that it is known by from now on. Raises LinkTaken."""
    cookie = browser or secrets.token_urlsafe(32)
    async with store.write(None) as tx:
        if not await colleague_links.take_up(tx, link.id, cookie):
            raise LinkTaken
    return cookie


async def done(store: Store, by: By, link: ColleagueLink) -> None:
    """The colleague's part is done: the link works no more."""
    async with store.write(None) as tx:
        if await colleague_links.end(tx, link.setup_id, link.side):
            await record(tx, by, "colleague_done", state.subject_of(link.setup_id), side=link.side)
