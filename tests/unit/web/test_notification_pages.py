"""The tab Notifications and the bell, as somebody with a browser and no scripts uses them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.asgi_browser import Browser
from tests.contract.conftest import a_connection
from tests.office import PASSWORD, Office, an_office
from tests.receivers import MailReceiver, WebReceiver, a_mail_receiver, a_web_receiver

from interlock.app.notify import events, watch
from interlock.app.people.roles import Role
from interlock.config import Home, ProcessSettings, SmtpSettings
from interlock.store import Store, channels, connections, keyring
from interlock.web.app import make_app
from interlock.web.pages.notifications import event_texts

pytestmark = pytest.mark.anyio

PAGE = "/notifications"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Site:
    def __init__(self, office: Office, web: WebReceiver, mail: MailReceiver) -> None:
        self.office, self.web, self.mail = office, web, mail
        self.store = office.store
        self.app = make_app(office.interlock, "https://sync.example.com", office.passwords)

    async def browser(self, name: str = "ada") -> Browser:
        browser = Browser(self.app, host="sync.example.com", scheme="https")
        await browser.sign_in(f"{name}@example.com", PASSWORD)
        return browser

    async def channels(self) -> list[tuple[str, str, list[str]]]:
        async with self.store.read(None) as tx:
            return [(each.kind, each.target, each.events) for each in await channels.list_(tx)]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with an_office(tmp_path) as office, a_web_receiver() as web, a_mail_receiver() as mail:
        await office.store.close()
        office.interlock.store = await Store.open(
            str(tmp_path / "interlock.db"), clock_us=office.clock_us, keyring=keyring.generate()
        )
        smtp = SmtpSettings(host="127.0.0.1", port=mail.port, security="none", sender="interlock@example.com")
        settings = ProcessSettings(smtp=smtp, webhooks_to_private_addresses=True)
        office.interlock.home = Home(path=tmp_path, settings=settings)
        for name, role in (("Ada", Role.ADMIN), ("Vera", Role.VIEWER)):
            await office.add(name, role)
        async with office.store.write(None) as tx:
            await connections.create(tx, a_connection())
        yield Site(office, web, mail)


def test_every_event_has_its_words() -> None:
    assert set(event_texts()) == set(events.EVENTS)


async def test_everybody_chooses_what_the_own_e_mail_is_told_and_tries_it_out(site: Site) -> None:
    vera = await site.browser("vera")
    csrf = (await vera.get(PAGE)).page.form(f"{PAGE}/mine")["csrf"]
    await vera.post(f"{PAGE}/mine", {"csrf": csrf, "event-suspended": "on", "event-daily_summary": "on"})
    assert await site.channels() == [("email", "vera@example.com", ["suspended", "daily_summary"])]
    page = (await vera.get(PAGE)).page
    assert {str(each["id"]) for each in page.all("input", type="checkbox") if "checked" in each} == {
        "mine-suspended",
        "mine-daily_summary",
    }
    assert (await vera.submit(PAGE, f"{PAGE}/mine/test")).to == f"{PAGE}?done=tested"
    assert [mail["To"] for mail in site.mail.mails] == ["vera@example.com"]
    await vera.post(f"{PAGE}/mine", {"csrf": csrf})
    assert await site.channels() == []


async def test_a_viewer_does_not_see_who_else_is_told(site: Site) -> None:
    ada = await site.browser()
    csrf = (await ada.get(PAGE)).page.form(PAGE)["csrf"]
    await ada.post(PAGE, {"csrf": csrf, "kind": "webhook", "target": site.web.url, "event-suspended": "on"})
    assert site.web.url not in (await (await site.browser("vera")).get(PAGE)).body
    assert site.web.url in (await ada.get(PAGE)).body


async def test_an_admin_adds_a_webhook_whose_secret_is_shown_once_tries_it_and_removes_it(site: Site) -> None:
    ada = await site.browser()
    csrf = (await ada.get(PAGE)).page.form(PAGE)["csrf"]
    made = await ada.post(PAGE, {"csrf": csrf, "kind": "webhook", "target": site.web.url, "event-suspended": "on"})
    (secret,) = made.page.all("input", id="secret")
    assert str(secret["value"]).startswith("whsec_")
    assert str(secret["value"]) not in (await ada.get(PAGE)).body
    assert (await ada.submit(PAGE, f"{PAGE}/1/test")).to == f"{PAGE}?done=tested"
    assert len(site.web.posted) == 1
    site.web.answers = [500]
    refused = await ada.submit(PAGE, f"{PAGE}/1/test")
    assert "The test did not arrive" in refused.page.text
    assert "status 500" in refused.page.text
    await ada.post(f"{PAGE}/1/events", {"csrf": csrf, "event-issues": "on"})
    assert await site.channels() == [("webhook", site.web.url, ["issues"])]
    assert (await ada.submit(PAGE, f"{PAGE}/1/remove")).to == f"{PAGE}?done=removed"
    assert await site.channels() == []
    assert [action for _, action, _ in await site.office.deeds() if action.startswith("notification")] == [
        "notification_added",
        "notification_changed",
        "notification_removed",
    ]


async def test_an_address_that_is_refused_is_said_at_its_field(site: Site) -> None:
    ada = await site.browser()
    csrf = (await ada.get(PAGE)).page.form(PAGE)["csrf"]
    for kind, target in (("webhook", "ftp://x"), ("email", "nobody"), ("webhook", "")):
        answer = await ada.post(PAGE, {"csrf": csrf, "kind": kind, "target": target, "event-suspended": "on"})
        assert answer.status == 422
        (field,) = answer.page.all("input", id="target")
        assert (field["value"], field["aria-invalid"]) == (target, "true")
    none = await ada.post(PAGE, {"csrf": csrf, "kind": "webhook", "target": site.web.url})
    assert "Nothing to be told of is chosen." in none.page.text
    assert await site.channels() == []


async def test_the_bell_says_how_much_is_new_until_it_is_marked_as_read(site: Site) -> None:
    async with site.store.write(None) as tx:
        await connections.update(tx, 1, state="suspended", state_reason="API access is off.", state_fix="Switch it on.")
    await watch.look(site.store, site.office.now_us)
    vera = await site.browser("vera")
    assert "Notices (1)" in (await vera.get("/")).page.text
    page = (await vera.get("/notices")).page
    assert "main is suspended" in page.text
    assert "API access is off." in page.text
    await vera.submit("/notices", "/notices/read")
    assert "Notices (1)" not in (await vera.get("/")).page.text
    assert "Notices (1)" in (await (await site.browser()).get("/")).page.text


async def test_the_number_of_issues_is_saved_for_a_connection_and_nonsense_refused(site: Site) -> None:
    ada = await site.browser()
    assert (await ada.submit(PAGE, f"{PAGE}/threshold/1", threshold="7")).to == f"{PAGE}?done=threshold"
    async with site.store.read(None) as tx:
        found = await connections.get(tx, 1)
    assert found is not None
    assert found.settings["notify_issues_from"] == 7
    refused = await ada.submit(PAGE, f"{PAGE}/threshold/1", threshold="0")
    assert refused.status == 422
    (field,) = refused.page.all("input", name="threshold")
    assert (field["id"], field["value"], field["aria-invalid"]) == ("threshold-1", "0", "true")
    assert refused.page.all("a", href="#threshold-1")
    assert refused.page.all("span", id=field["aria-describedby"])
