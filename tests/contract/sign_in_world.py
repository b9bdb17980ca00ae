"""Both CRMs behind their real host names, browsers that know nothing but addresses, cookies and forms, and the use cases between.

The production org is at login.salesforce.com and acme.my.salesforce.com, a sandbox at test.salesforce.com and
acme--dev.sandbox.my.salesforce.com, HubSpot at app.hubspot.com and api.hubapi.com. Nobody answers for any other host.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock as CrmClock
from crm_emulator.salesforce import SalesforceEmulator
from interlock.app import sign_in
from interlock.app.crms import Crms
from interlock.core.model import Side
from interlock.crm.transport import AsgiTransport, OutcomeUnknown, Request, Response, Transport
from interlock.store import Store, crm_apps

if TYPE_CHECKING:  # whose fixtures stand on this module
    from tests.contract.conftest import Clock

PUBLIC_URL = "https://interlock.example"
PRODUCTION, SANDBOX = "acme.my.salesforce.com", "acme--dev.sandbox.my.salesforce.com"
ADMIN, SALES = "admin@example.com", "sales@example.com"


async def save_app(store: Store, side: Side, client_id: str, client_secret: str | None) -> int:
    """As it is entered under Apps; its id."""
    async with store.write(None) as tx:
        return await crm_apps.put(tx, side.value, client_id, client_secret)


class Line(AsgiTransport):
    """Remembers what left, by host and path; an answer can be lost on its way back."""

    def __init__(self, apps: dict[str, Any]) -> None:
        super().__init__(apps)
        self._apps = apps
        self.sent: list[str] = []
        self.lose_next: str | None = None

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.sent.append(request.url)
        answer = await super().send(request, deadline_s)
        if self.lose_next is not None and self.lose_next in request.url:
            self.lose_next = None
            raise OutcomeUnknown("no answer within 30 s")
        return answer

    def serve(self, host: str, app: Any) -> None:
        """From now on somebody answers there."""
        super().__init__(self._apps | {host: app})

    def count(self, path: str) -> int:
        return sum(urlsplit(url).path == path for url in self.sent)


@dataclass
class Browser:
    """One person's. Follows redirects, fills in the forms of the CRMs' pages, stops at what is Interlock's."""

    line: Transport
    email: str = ADMIN
    password: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    interlock_cookie: str | None = None
    interlock_url: str = PUBLIC_URL
    page: str = ""
    at: str = ""

    async def open(self, url: str, form: dict[str, str] | None = None) -> None:
        """Go there and wherever that leads. `at` is then Interlock's callback or a page of a CRM, which is in `page`."""
        for _ in range(10):
            host = urlsplit(url).netloc
            if url.startswith(self.interlock_url):
                self.at, self.page = url, ""
                return
            headers = {"cookie": self.cookies[host]} if host in self.cookies else {}
            body = None
            if form is not None:
                headers["content-type"], body = "application/x-www-form-urlencoded", urlencode(form).encode()
            answer = await self.line.send(Request("POST" if body is not None else "GET", url, headers, body), 10)
            if "set-cookie" in answer.headers:
                self.cookies[host] = answer.headers["set-cookie"].partition(";")[0]
            if "location" not in answer.headers:
                self.at, self.page = url, html.unescape(answer.body.decode())
                return
            url, form = urljoin(url, answer.headers["location"]), None
        raise AssertionError("it redirects for ever")

    async def log_in(self) -> None:
        assert "/sign-in" in self.at, self.at
        back = re.search(r'name="next" value="([^"]*)"', self.page)
        assert back is not None
        shown = re.search(r"password of every person is <code>([^<]*)", self.page)
        assert shown is not None
        form = {"email": self.email, "password": self.password or shown[1], "next": back[1]}
        await self.open(urljoin(self.at, "/sign-in"), form)

    async def answer(self, word: str) -> None:
        """*Connect app* ("yes") or *Cancel* ("no")."""
        csrf = re.search(r'name="csrf" value="([^"]*)"', self.page)
        assert csrf is not None, self.page
        await self.open(self.at, {"csrf": csrf[1], "answer": word})

    async def go_through(self, url: str, word: str = "yes") -> None:
        await self.open(url)
        if "/sign-in" in self.at:
            await self.log_in()
        if not self.is_back:
            await self.answer(word)

    @property
    def is_back(self) -> bool:
        return self.at.startswith(self.interlock_url)

    @property
    def brought(self) -> dict[str, str]:
        """The query of the callback."""
        assert self.is_back, self.page
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.at).query).items()}


class SignInWorld:
    def __init__(self, store: Store, clock: Clock, hubspot: dict[str, Any], salesforce: dict[str, Any]) -> None:
        self.store = store
        self.clock = clock
        crm_clock = CrmClock(clock)
        callbacks = {side: (sign_in.redirect_uri(PUBLIC_URL, side),) for side in Side}
        self.hubspot = HubSpotEmulator(crm_clock, redirect_uris=callbacks[Side.HUBSPOT], **hubspot)
        org = {"callback_urls": callbacks[Side.SALESFORCE], **salesforce}
        self.production = SalesforceEmulator(crm_clock, seed=1, instance_url=f"https://{PRODUCTION}", **org)
        self.sandbox = SalesforceEmulator(
            crm_clock, seed=1, instance_url=f"https://{SANDBOX}", sandbox=True, org_name="Acme dev", **org
        )
        # A sandbox is a copy: the app's client id is the same, the org id is not.
        self.sandbox.org.org_id = self.sandbox.org.ids.make("00D")
        self.sandbox.reset()
        self.line = Line(
            {
                "app.hubspot.com": self.hubspot.app,
                "api.hubapi.com": self.hubspot.app,
                "login.salesforce.com": self.production.app,
                PRODUCTION: self.production.app,
                "test.salesforce.com": self.sandbox.app,
                SANDBOX: self.sandbox.app,
            }
        )
        self.crms = Crms(self.line, clock)
        self.apps: dict[Side, int] = {}

    async def enter_apps(self) -> None:
        for side, crm in ((Side.HUBSPOT, self.hubspot), (Side.SALESFORCE, self.production)):
            self.apps[side] = await save_app(self.store, side, crm.client_id, crm.client_secret)

    def browser(self, email: str = ADMIN) -> Browser:
        return Browser(self.line, email)

    def request(self, side: Side, **choices: Any) -> sign_in.SignInRequest:
        return sign_in.SignInRequest(side, self.apps[side], PUBLIC_URL, **choices)

    async def begin(self, browser: Browser, side: Side, **choices: Any) -> sign_in.Begun:
        begun = await sign_in.begin(
            self.store, self.crms, self.request(side, browser=browser.interlock_cookie, **choices)
        )
        browser.interlock_cookie = begun.browser
        return begun

    async def finish(self, browser: Browser, side: Side) -> sign_in.Finished:
        path = urlsplit(browser.at).path
        assert path == sign_in.CALLBACKS[side]
        return await sign_in.finish(self.store, self.crms, side, browser.brought, browser.interlock_cookie)

    async def sign_in(self, side: Side, browser: Browser | None = None, word: str = "yes", **choices: Any) -> Any:
        """From the button to the identity card."""
        browser = browser or self.browser()
        begun = await self.begin(browser, side, **choices)
        await browser.go_through(begun.address, word)
        return await self.finish(browser, side)
