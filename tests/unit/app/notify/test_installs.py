"""A long install of the package has ended: whoever was told that the page may be left hears of it, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.asgi_browser import Browser
from tests.office import PASSWORD, Office, an_office
from tests.receivers import MailReceiver, a_mail_receiver

from interlock.app.notify.courier import Courier
from interlock.app.notify.mail import Mail, Smtp
from interlock.app.notify.post import Post
from interlock.app.notify.webhook import Webhooks
from interlock.app.package.failures import Trouble
from interlock.app.people.roles import Role
from interlock.app.setup import opened, package, state
from interlock.app.setup.package import LONG_US, Run
from interlock.web.app import make_app

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class World:
    def __init__(self, office: Office, mail: MailReceiver, setup_id: int) -> None:
        self.office, self.mail, self.setup_id = office, mail, setup_id
        self.smtp: Mail | None = Mail(Smtp("127.0.0.1", mail.port, "none", "interlock@example.com"))

    async def ended(self, how: str = "done", after_us: int = LONG_US, by: str = "person:1") -> None:
        began, end = self.office.now_us - after_us, self.office.now_us
        troubles = [] if how == "done" else [Trouble("Lead.Key__c", "CustomField", "Lead is full.", "Free a field.")]
        run = Run(how, "all", (), None, by, began, None if how == "running" else end, troubles=troubles)  # type: ignore[arg-type]
        await opened.keep(self.office.store, self.setup_id, package.WORK, run)

    async def round(self, after_s: float = 0.0) -> None:
        """Of a process that serves; another each time."""
        self.office.advance(after_s)
        post = Post(Webhooks(False), self.smtp, "https://sync.example.com", "")
        said: list[str] = []
        await Courier(self.office.store, post, self.office.clock_us, said.append).round()
        assert said == []

    async def bell(self, name: str = "ada") -> Browser:
        browser = Browser(
            make_app(self.office.interlock, "https://sync.example.com"), "sync.example.com", scheme="https"
        )
        await browser.sign_in(f"{name}@example.com", PASSWORD)
        return browser


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with an_office(tmp_path) as office, a_mail_receiver() as mail:
        await office.add("Ada", Role.ADMIN)
        await office.add("Vera", Role.VIEWER)
        setup = await state.begin(office.store, await office.by("Ada"))
        yield World(office, mail, setup.id)


async def test_whoever_began_it_gets_one_e_mail_when_it_is_done(world: World) -> None:
    await world.ended()
    await world.round()
    await world.round(3600)
    [mail] = world.mail.mails
    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "Interlock: The Salesforce package is installed in Salesforce"
    assert "https://sync.example.com/setup" in mail.get_content()


async def test_what_stopped_it_and_what_to_do_is_in_the_e_mail(world: World) -> None:
    await world.ended("failed")
    await world.round()
    [mail] = world.mail.mails
    assert "was not installed" in mail["Subject"]
    assert "Lead.Key__c: Lead is full." in mail.get_content()
    assert "What to do: Free a field." in mail.get_content()


async def test_another_long_install_of_the_set_up_is_told_too(world: World) -> None:
    await world.ended("failed")
    await world.round()
    world.office.advance(600)
    await world.ended()
    await world.round()
    assert len(world.mail.mails) == 2


@pytest.mark.parametrize("run", [{"after_us": LONG_US - 1}, {"how": "running"}])
async def test_nothing_is_told_of_one_that_somebody_has_seen_to_its_end_or_that_still_runs(
    world: World, run: dict[str, str]
) -> None:
    await world.ended(**run)  # type: ignore[arg-type]
    await world.round()
    assert world.mail.mails == []
    assert "There was nothing to tell yet." in (await (await world.bell()).get("/notices")).page.text


async def test_an_e_mail_that_does_not_arrive_is_tried_again(world: World) -> None:
    world.mail.refuses = "451 later"
    await world.ended()
    await world.round()
    world.mail.refuses = None
    await world.round()
    assert world.mail.mails == []
    await world.round(5)
    await world.round(3600)
    assert len(world.mail.mails) == 1


async def test_without_a_mail_server_the_bell_tells_and_leads_back_to_the_set_up(world: World) -> None:
    world.smtp = None
    await world.ended()
    await world.round()
    await world.round(15)
    ada = await world.bell()
    page = await ada.get("/notices")
    assert "Notices (1)" in page.page.text
    [link] = [a for a in page.page.all("a") if a["href"] == "/setup"][-1:]
    assert "The Salesforce package is installed in Salesforce" in page.page.text
    assert link["href"] == "/setup"
    await ada.submit("/notices", "/notices/read")
    assert "Notices (1)" not in (await ada.get("/notices")).page.text


async def test_a_colleague_by_a_link_has_no_address_and_the_bell_tells_those_who_have_an_account(world: World) -> None:
    await world.ended(by="link:1")
    await world.round()
    assert world.mail.mails == []
    vera = await (await world.bell("vera")).get("/notices")
    assert "The Salesforce package is installed" in vera.page.text
    assert "/setup" not in [a["href"] for a in vera.page.all("a")]
