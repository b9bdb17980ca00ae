"""What the tests in a browser stand on: one Chromium, Interlock's pages and both local CRMs on free ports, all on one event loop.

`settled` is a connection that a person set up by the wizard, shared by all who leave it as it was, and `page` a window of an admin
in it: a test marked `presses` must have sent what it names, and got it done. `desk` is an installation with Ada (admin), Otto
(operator) and Vera (viewer), whose pages are served, and with both CRMs running beside it. `signed_in` is a page of Ada's, `narrow`
one at 320 px. `axe(page)` finds nothing serious. Whatever a browser complains
of on the way (a file that is refused, a script that fails, the content security policy) fails the test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect
from starlette.applications import Starlette
from tests.browser import chromium
from tests.browser.controls import pressed
from tests.browser.settled import Settled, Worlds
from tests.office import Office, an_office

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock as CrmClock
from crm_emulator.kernel.server import LocalServer
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app import sign_in
from interlock.app.crms import Addresses
from interlock.app.people.roles import Role
from interlock.core.model import Side
from interlock.web.app import make_app
from interlock.web.front_end import refuse_without_front_end
from interlock.web.server import bind, serving, url_of

LOOPBACK = "127.0.0.1"

expect.set_options(timeout=chromium.PATIENCE_MS)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "presses(*addresses): the controls that a test of the settings uses (controls.py)"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if chromium.executable() is None:
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=chromium.LEFT_OUT))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    """One for all tests of a process. As root, which CI is, Chromium starts without its sandbox only; it sees these pages alone."""
    refuse_without_front_end()
    assert chromium.AXE.is_file(), f"{chromium.AXE} is missing: `python frontend/build.py` brings it."
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium.executable(), args=["--no-sandbox"])
        yield opened
        await opened.close()


@dataclass
class Desk:
    """`browser`: to open windows in, by `page()` or `sign_in()`."""

    office: Office
    app: Starlette
    url: str
    hubspot: HubSpotEmulator
    salesforce: SalesforceEmulator
    hubspot_url: str
    salesforce_url: str
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def page(self, **options: Any) -> Page:
        page = await chromium.new_page(self.browser, base_url=self.url, **options)
        self.contexts.append(page.context)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    async def sign_in(self, name: str = "Ada", **options: Any) -> Page:
        """On the first page; test_by_keyboard.py comes in by the page *Sign in*."""
        page = await self.page(**options)
        token = await self.office.sign_in(name)
        await page.context.add_cookies([{"name": "interlock_session", "value": token, "url": self.url}])
        await page.goto("/")
        return page

    def has_heard_no_complaint(self) -> None:
        complaints, self.complaints = self.complaints, []
        assert not complaints, "\n".join(complaints)

    def _heard(self, message: ConsoleMessage) -> None:
        # A page that was asked for and refused (422, 404) is said there too, and is what some tests are about.
        refused_page = message.text.startswith("Failed to load resource") and "/static/" not in message.location["url"]
        if message.type in ("error", "warning") and not refused_page:
            self.complaints.append(f"{message.text} ({message.location['url']})")


@asynccontextmanager
async def a_desk(folder: Path, browser: Browser) -> AsyncIterator[Desk]:
    async with an_office(folder) as office, AsyncExitStack() as stack:
        await office.add("Ada", Role.ADMIN)
        await office.add("Otto", Role.OPERATOR)
        await office.add("Vera", Role.VIEWER)
        listening = bind(LOOPBACK, 0)
        url = url_of(listening, LOOPBACK)
        clock = CrmClock(office.clock_us)
        back = {side: (sign_in.redirect_uri(url, side),) for side in Side}
        hubspot = HubSpotEmulator(clock, redirect_uris=back[Side.HUBSPOT])
        hubspot_server = await _started(stack, hubspot.app)
        salesforce = SalesforceEmulator(clock, seed=1, callback_urls=back[Side.SALESFORCE])
        salesforce_server = await _started(stack, salesforce.app)
        office.interlock.addresses = Addresses.of_local_crms(hubspot_server.url, salesforce_server.url)
        app = make_app(office.interlock, url, office.passwords)
        await stack.enter_async_context(serving(app, listening))
        made = Desk(office, app, url, hubspot, salesforce, hubspot_server.url, salesforce_server.url, browser)
        try:
            yield made
        finally:
            for context in made.contexts:
                await context.close()
        made.has_heard_no_complaint()


@pytest.fixture
async def desk(tmp_path: Path, browser: Browser) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path, browser) as made:
        yield made


async def _started(stack: AsyncExitStack, app: Any) -> LocalServer:
    server = LocalServer(app)
    await server.start()
    stack.push_async_callback(server.stop)
    return server


@pytest.fixture(scope="session")
async def worlds(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[Worlds]:
    made = Worlds(browser, lambda: tmp_path_factory.mktemp("settled"))
    yield made
    await made.close()


@pytest.fixture
async def settled(worlds: Worlds) -> Settled:
    return await worlds.get()


@pytest.fixture
async def page(settled: Settled, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    demo = settled.demo
    demo.asked.clear()
    yield settled.window
    await chromium.axe(settled.window)
    demo.has_heard_no_complaint()
    pressed(request.node, demo.asked)


@pytest.fixture
async def signed_in(desk: Desk) -> Page:
    return await desk.sign_in()


@pytest.fixture
async def narrow(desk: Desk) -> Page:
    return await desk.sign_in(width=chromium.NARROW, height=640)


@pytest.fixture
def axe() -> Callable[[Page], Awaitable[None]]:
    return chromium.axe
