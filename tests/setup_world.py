"""The wizard with everything behind it: pages, people, both CRMs behind their real host names, and a browser for each person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from interlock.app.people.roles import Role
from interlock.app.setup import state
from interlock.crm.transport import Transport
from interlock.store.setups import Setup
from interlock.web.app import make_app
from tests.asgi_browser import Answer, Browser
from tests.contract.sign_in_world import ADMIN, PUBLIC_URL, SALES, SignInWorld
from tests.contract.sign_in_world import Browser as CrmBrowser
from tests.office import PASSWORD, Office, an_office

__all__ = ["ADMIN", "PUBLIC_URL", "SALES", "SetupWorld", "a_setup_world"]

EXPECTATIONS, APPS, CONNECT = "/setup/expectations", "/setup/apps", "/setup/connect"
SIGN_IN = f"{CONNECT}/sign-in"


class SetupWorld(SignInWorld):
    """Ada and Bo are admins; Vera is a viewer."""

    def __init__(self, office: Office, hubspot: dict[str, Any], salesforce: dict[str, Any]) -> None:
        super().__init__(office.store, office.clock_us, hubspot, salesforce)  # type: ignore[arg-type]
        self.office = office
        office.interlock.opens_transport = self._opens
        self.app = make_app(office.interlock, PUBLIC_URL, office.passwords)

    @asynccontextmanager
    async def _opens(self) -> AsyncIterator[Transport]:
        yield self.line

    def visitor(self) -> Browser:
        """Somebody's browser, not signed in."""
        return Browser(self.app, host=urlsplit(PUBLIC_URL).netloc, scheme="https")

    async def person(self, name: str = "ada") -> Browser:
        browser = self.visitor()
        answer = await browser.sign_in(f"{name}@example.com", PASSWORD)
        assert answer.status == 303, answer.body
        return browser

    async def setup(self) -> Setup:
        """The only one under way."""
        (found,) = await state.under_way(self.store)
        return found

    async def to_connect(self, browser: Browser, **apps: str) -> None:
        """The steps before Connect, with the apps of both CRMs."""
        await browser.submit(EXPECTATIONS, EXPECTATIONS, go="next")
        entered = {
            "public_url": PUBLIC_URL,
            "hubspot_way": "have",
            "hubspot_client_id": self.hubspot.client_id,
            "hubspot_client_secret": self.hubspot.client_secret,
            "salesforce_way": "have",
            "salesforce_client_id": self.production.client_id,
            "salesforce_client_secret": self.production.client_secret,
            **apps,
        }
        answer = await browser.submit(APPS, APPS, go="next", **entered)
        assert answer.to == CONNECT, answer.body

    async def press(
        self, browser: Browser, part: str, page: str = CONNECT, action: str = SIGN_IN, **chosen: str
    ) -> str:
        """A sign-in's button; the address of the CRM that it leads to."""
        form = (await browser.get(page)).page.form(action)
        left = await browser.post(action, {**form, "part": part, **chosen})
        assert left.status == 200, left.body
        (link,) = [a["href"] for a in left.page.all("a") if str(a.get("href", "")).startswith("https://")]
        assert left.headers["refresh"] == f"0; url={link}"
        return str(link)

    async def come_back(self, browser: Browser, crm: CrmBrowser) -> Answer:
        """With what the CRM gave, to the callback."""
        assert crm.is_back, crm.page
        return await browser.get(crm.at.removeprefix(PUBLIC_URL))

    async def sign_in_to(
        self, browser: Browser, part: str, crm: CrmBrowser | None = None, word: str = "yes", **chosen: str
    ) -> Answer:
        """From the button to the page that it ends on."""
        crm = crm or self.browser()
        await crm.go_through(await self.press(browser, part, **chosen), word)
        answer = await self.come_back(browser, crm)
        return await browser.get(answer.to) if answer.to is not None else answer


@asynccontextmanager
async def a_setup_world(
    folder: Path, database: str | None = None, hubspot: dict[str, Any] | None = None, **salesforce: Any
) -> AsyncIterator[SetupWorld]:
    async with an_office(folder, database) as office:
        await office.add("Ada", Role.ADMIN)
        await office.add("Bo", Role.ADMIN)
        await office.add("Vera", Role.VIEWER)
        yield SetupWorld(office, hubspot or {}, salesforce)
