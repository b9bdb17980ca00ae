"""The world in which settings are pressed: the demo, set up by the wizard, with people about whom both CRMs disagree, values that
are refused, and receivers of notifications on this machine.

It takes seconds to make, so that one serves all tests of a process that leave it as it was. A test that ends it says so (`spent`),
and whoever comes next has a new one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, Page, expect
from tests.browser.commits import Commits
from tests.browser.demo_world import Demo, a_demo, connect
from tests.receivers import MailReceiver, WebReceiver, a_mail_receiver, a_web_receiver

from interlock.app import connections
from interlock.app.sync_now import sync_now
from interlock.demo.world import World
from interlock.store import Store

HERE = "/connections/1"
# People whom both CRMs know, with whom they disagree on the title once they are linked.
DISAGREED = ("one@example.com", "two@example.com", "three@example.com")
# Known to HubSpot alone, with a title that Salesforce refuses.
TOO_LONG = ("first@example.com", "second@example.com")
# Known to both, for one test alone: what is carried over is taken back.
UNDONE = "undone@example.com"
# Known to HubSpot alone: made in Salesforce by the first sync.
MADE = "made@example.com"
NOT_SYNCED = "Noaddress"

PERMISSION_SET = "Interlock_Integration"


def furnish(world: World) -> None:
    hugo, sally = world.hubspot.user(), world.salesforce.user()
    for email in (*DISAGREED, UNDONE):
        name = email.partition("@")[0].capitalize()
        hugo.create("contacts", {"email": email, "lastname": name, "jobtitle": "Pilot"})
        sally.create("Contact", {"Email": email, "LastName": name, "Title": "Pilot"})
    for email in TOO_LONG:
        hugo.create("contacts", {"email": email, "lastname": "Long", "jobtitle": "x" * 200})
    hugo.create("contacts", {"email": MADE, "lastname": "Made"})
    # Without an address nobody is carried over from HubSpot: the record could not be found again.
    hugo.create("contacts", {"lastname": NOT_SYNCED})


@dataclass
class Settled:
    demo: Demo
    window: Page
    mail: MailReceiver
    hook: WebReceiver
    commits: Commits
    # What its dispatcher may ask until the world has ended.
    beside: AsyncExitStack
    spent: bool = False

    @property
    def world(self) -> World:
        return self.demo.stage.world

    @property
    def store(self) -> Store:
        return self.demo.stage.interlock.store

    def people(self) -> list[str]:
        """All contacts' ids in HubSpot."""
        return self.world.hubspot.user().ids("contacts")

    def permitted(self) -> set[str]:
        """The fields of Salesforce that Interlock's permission set lets the sync user see."""
        tables = self.world.salesforce.org.tables
        sets = [
            row.id
            for row in tables["PermissionSet"].rows.values()
            if row.values.get("Name") == PERMISSION_SET and not row.deleted
        ]
        rows = tables["FieldPermissions"].rows.values()
        return {str(row.values["Field"]) for row in rows if row.values["ParentId"] in sets and not row.deleted}

    def newest_sign_ins_are_ended(self) -> bool:
        """Those of the browser, at both CRMs."""
        hubspot = [each for each in self.world.hubspot.account.tokens.values() if each.refresh_token]
        salesforce = list(self.world.salesforce.sessions.refresh.values())
        return hubspot[-1].revoked and salesforce[-1].revoked

    def person(self, email: str) -> str:
        """Their id in HubSpot."""
        hugo = self.world.hubspot.user()
        (found,) = [id_ for id_ in hugo.ids("contacts") if hugo.get("contacts", id_).get("email") == email]
        return found

    def in_hubspot(self, email: str, property_: str) -> str | None:
        return self.world.hubspot.user().get("contacts", self.person(email)).get(property_)

    def is_linked(self, email: str) -> bool:
        return self.in_hubspot(email, "interlock_salesforce_id") is not None

    def counterpart(self, email: str) -> str:
        """The id of their contact in Salesforce."""
        found = self.in_hubspot(email, "interlock_salesforce_id")
        assert found is not None
        return found

    def in_salesforce(self, email: str, field: str) -> object:
        return self.world.salesforce.user().get("Contact", self.counterpart(email))[field]

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the store holds now."""
        async with self.store.read(None) as tx:
            return [tuple(row) for row in await tx.rows(sql)]

    async def value(self, sql: str) -> Any:
        ((found,),) = await self.rows(sql)
        return found

    async def sync(self) -> None:
        """As somebody asks for it in another terminal. By itself the dispatcher polls at a pace that both CRMs' limits bear: what
        was changed in one of them may wait longer than a test."""
        interlock = self.demo.stage.interlock
        (connection,) = await connections.all_(interlock.store, None)
        await sync_now(interlock.store, connection, interlock.clock_us)

    async def until(self, address: str, shown: Callable[[Page], Locator]) -> None:
        """What the dispatcher does meanwhile is on a page once it is loaded again."""

        async def is_shown() -> bool:
            await self.window.goto(address)
            return await shown(self.window).count() > 0

        await self.commits.until(is_shown)

    async def until_true(self, held: Callable[[], bool]) -> None:
        """What the dispatcher does meanwhile in the CRMs: it commits what has come of each write."""

        async def is_true() -> bool:
            return held()

        await self.commits.until(is_true)

    def disagree(self) -> None:
        """Edited on both sides before either could see the other's edit."""
        for email in DISAGREED:
            self.world.hubspot.user().update("contacts", self.person(email), {"jobtitle": "First pilot"})
            self.world.salesforce.user().update("Contact", self.counterpart(email), {"Title": "Flight captain"})


async def said(page: Page, text: str) -> None:
    await expect(page.get_by_role("status").filter(has_text=text).first).to_be_visible()


@asynccontextmanager
async def a_settled_world(folder: Path, browser: Browser) -> AsyncIterator[Settled]:
    async with AsyncExitStack() as beside, a_mail_receiver() as mail, a_web_receiver() as hook:
        lines = (
            f"smtp: {{host: 127.0.0.1, port: {mail.port}, security: none, sender: interlock@example.com}}",
            "webhooks_to_private_addresses: true",
        )
        async with a_demo(folder, browser, furnish, "\n".join(lines)) as demo:
            # Whoever went through the wizard goes on to the settings.
            commits = Commits(demo.stage.interlock.store)
            made = Settled(demo, await connect(demo), mail, hook, commits, beside)
            await made.until_true(lambda: all(map(made.is_linked, (*DISAGREED, UNDONE, MADE))))
            made.disagree()
            yield made


class Worlds:
    """At most one at a time."""

    def __init__(self, browser: Browser, folder: Callable[[], Path]) -> None:
        self._browser, self._folder = browser, folder
        self._now: Settled | None = None
        self._open = AsyncExitStack()

    async def get(self) -> Settled:
        if self._now is None or self._now.spent:
            await self.close()
            self._now = await self._open.enter_async_context(a_settled_world(self._folder(), self._browser))
        return self._now

    async def close(self) -> None:
        self._now = None
        await self._open.aclose()
