"""The demo as `interlock demo --wizard` opens it, with fewer records: both local CRMs, Interlock's pages, and its dispatcher.

`connect(demo)` goes through the wizard, so that what stands behind it is tested in a world that a person set up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect
from tests import databases
from tests.browser import chromium
from tests.browser.sign_ins import HUBSPOT, SALESFORCE, in_a_window

from interlock.app import connections
from interlock.app.people import links
from interlock.config import CONFIG_NAME
from interlock.demo import compare, excerpt, serving
from interlock.demo import stage as demo_stage
from interlock.demo.stage import Stage
from interlock.demo.world import World

# Of the packaged excerpt: enough that every kind of difference between the two CRMs is there.
ACCOUNTS, PROSPECTS = 12, 14
FINISH = "Finish setup and begin syncing"


def small() -> excerpt.Excerpt:
    """The first accounts of the excerpt with their people and deals, and the first and last prospects."""
    found = excerpt.packaged()
    whole = found.organisation
    accounts = whole.accounts[:ACCOUNTS]
    kept = {account.ref for account in accounts}
    contacts = [each for each in whole.contacts if each.account in kept]
    deals = [each for each in whole.opportunities if each.account in kept]
    people, sold = {each.ref for each in contacts}, {each.ref for each in deals}
    roles = [each for each in whole.contact_roles if each.contact in people and each.opportunity in sold]
    prospects = found.prospects.prospects
    return excerpt.Excerpt(
        msgspec.structs.replace(whole, accounts=accounts, contacts=contacts, opportunities=deals, contact_roles=roles),
        msgspec.structs.replace(found.prospects, prospects=[*prospects[:PROSPECTS], *prospects[-excerpt.ARRIVALS :]]),
    )


@dataclass
class Demo:
    stage: Stage
    url: str
    link: str
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    # What browsers asked Interlock for: method, path, status of the answer.
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    # What the dispatcher said on the way: nothing, where nothing was broken on purpose.
    said: list[str] = field(default_factory=list)

    async def page(self, **options: Any) -> Page:
        """A browser of its own, in which nobody is signed in."""
        page = await chromium.new_page(self.browser, base_url=self.url, **options)
        self.contexts.append(page.context)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", self.answered)
        page.on("download", lambda got: self.asked.append(("GET", urlsplit(got.url).path, 200)))
        return page

    async def admin(self, **options: Any) -> Page:
        """A browser of its own, signed in by a one-time link: at the wizard where nothing is connected."""
        token = await links.demo_link(self.stage.interlock.store, "Demo", "demo@example.com")
        page = await self.page(**options)
        await page.goto(links.address_of(self.url, token))
        await page.get_by_role("button").first.click()
        await page.wait_for_url(lambda url: "/welcome/" not in url)
        return page

    async def signed_in(self, token: str) -> Page:
        """A browser of its own, with the session of somebody."""
        page = await self.page()
        await page.context.add_cookies([{"name": "interlock_session", "value": token, "url": self.url}])
        return page

    async def compared(self) -> compare.Comparison:
        """Both CRMs as their APIs tell them now: what is mapped and should agree, and what does not."""
        (self.stage.connection,) = await connections.all_(self.stage.interlock.store, None)
        pairs = await self.stage.field_pairs()
        return compare.compare(await self.stage.read_both(pairs), pairs)

    def has_heard_no_complaint(self) -> None:
        complaints, self.complaints = self.complaints, []
        assert not complaints, "\n".join(complaints)

    def answered(self, response: Response) -> None:
        if response.url.startswith(self.url):
            path = urlsplit(response.url).path
            self.asked.append((response.request.method, path, response.status))

    def _heard(self, message: ConsoleMessage) -> None:
        refused_page = message.text.startswith("Failed to load resource") and "/static/" not in message.location["url"]
        if message.type in ("error", "warning") and not refused_page and self.url in message.location["url"]:
            self.complaints.append(f"{message.text} ({message.location['url']})")


@asynccontextmanager
async def a_demo(
    folder: Path, browser: Browser, furnish: Callable[[World], None] = lambda world: None, settings: str = ""
) -> AsyncIterator[Demo]:
    """`furnish(world)`: what both CRMs hold beside the sample. `settings`: the text of interlock.yaml."""
    (folder / CONFIG_NAME).write_text(settings, encoding="utf-8")
    databases.at(folder / "interlock.db")
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(demo_stage.opened(small(), folder, (0, 0)))
        furnish(stage.world)
        stage.world.wall.catch_up()
        link = await stack.enter_async_context(serving.wizard_of(stage, 0))
        stop = asyncio.Event()
        made = Demo(stage, link.partition("/welcome/")[0], link, browser)
        syncing = asyncio.create_task(serving.keep_in_sync(stage, link, stop, made.said.append))
        try:
            yield made
        finally:
            for context in made.contexts:
                await context.close()
            stop.set()
            await syncing
        made.has_heard_no_complaint()
        assert not made.said, made.said


# The wizard as a person goes through it. `look(page)`: at each step, once all of it is there.

Look = Callable[[Page], Awaitable[None]]


async def no_look(page: Page) -> None:
    """For a way through that another test has looked at."""


async def to_connect(page: Page, look: Look = no_look) -> None:
    await page.goto("/setup")
    await look(page)
    await page.get_by_role("button", name="Next").click()
    await page.wait_for_url("**/setup/connect")
    await look(page)


async def sign_in_to_both(page: Page) -> None:
    for button, side in ((HUBSPOT, "HubSpot"), (SALESFORCE, "Salesforce")):
        await in_a_window(page, button)
        await expect(page.get_by_role("button", name=f"Not you? Sign in as someone else ({side})")).to_be_visible()


async def install_the_package(page: Page, look: Look = no_look) -> None:
    """From *Next* on Connect to Configuration."""
    await page.get_by_role("button", name="Next").click()
    begin = page.get_by_role("link", name="Begin Salesforce package install")
    await expect(begin).to_be_visible()
    await look(page)
    await begin.click()
    await expect(page.get_by_label("Install for All Users")).to_be_checked()
    await expect(page.get_by_role("group", name="Profiles")).to_be_hidden()
    await look(page)
    await page.get_by_role("button", name="Install", exact=True).click()
    await expect(page.get_by_role("heading", name="Approve third-party access")).to_be_visible()
    await look(page)
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_text("Done. The package is installed.")).to_be_visible()
    await look(page)
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_role("heading", name="Recommended")).to_be_visible()
    await look(page)


async def counted(page: Page) -> None:
    """On the review: the counts of the preview are complete."""
    await page.wait_for_url("**/setup/review")
    await expect(page.get_by_text("complete", exact=True)).to_be_visible()


async def finish(page: Page, existing: str, look: Look = no_look) -> None:
    """From the review to both CRMs in agreement, as the page tells it by itself."""
    await page.get_by_label(existing).check()
    await page.get_by_role("button", name=FINISH).click()
    await page.wait_for_url("**/settings/progress*")
    await expect(page.get_by_role("region", name="Progress")).to_be_visible()
    await look(page)
    await in_agreement(page)
    await look(page)


async def in_agreement(page: Page) -> None:
    await expect(page.get_by_text("In agreement: nothing is due, nothing needs you.")).to_be_visible()


async def connect(demo: Demo) -> Page:
    """Through the wizard by the Recommended way; the page of whoever did it. To make seventy properties would mean to wait for
    the account's burst limit."""
    page = await demo.admin()
    await to_connect(page)
    await sign_in_to_both(page)
    await install_the_package(page)
    await page.get_by_label("Leave them out").check()
    await page.get_by_role("button", name="Review settings").click()
    await counted(page)
    await page.get_by_label("Link and create missing").check()
    await page.get_by_role("button", name=FINISH).click()
    await page.wait_for_url("**/settings/progress*")
    # Whatever the verdict is: records that need a person may be among them.
    await expect(page.locator("#progress .notice")).not_to_have_text("The first sync is running.")
    return page
