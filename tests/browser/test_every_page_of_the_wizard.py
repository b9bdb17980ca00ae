"""Every page of the wizard, as it is for somebody who is that far: looked at and gone through like all others (test_every_page.py).

Two set-ups are under way. Of `tried` every step is done, the long way, and ten records were tried; the install of `failed` failed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect
from tests.browser import chromium
from tests.browser.conftest import Desk, a_desk
from tests.browser.test_every_page import OF_THE_WIZARD, WIDE
from tests.contract.conftest import Clock
from tests.wizard import Wizard

from crm_emulator.salesforce.metadata.deployments import PlannedFailure
from interlock.app.setup import expectations, migrate

pytestmark = pytest.mark.anyio

FILES = {"/setup/package/interlock-package.zip", "/setup/review/interlock-preview.csv"}
LIST = "Customers of the north"
MAPPINGS = "HubSpot Field Name,Salesforce Field Name,Sync Rule\njobtitle,Title,Two-way\ngone,Fax,Two-way\n"
# What only this page says, and only of a set-up that is so far.
SAYS = {
    "/setup": "Set-ups under way",
    "/setup/give-up": "links to colleagues work no more",
    "/setup/expectations": "What is written, and when",
    "/setup/apps": "One is kept. It is never shown",
    "/setup/connect": "Not you? Sign in as someone else",
    "/setup/package": "Done. The package is installed.",
    "/setup/migrate": "1 mapping is taken.",
    "/setup/configuration": "Companies and deals sync.",
    "/setup/contacts": LIST,
    "/setup/properties": "Set rule for selected",
    "/setup/pipelines": "Stages of Sales Pipeline for those of Salesforce",
    "/setup/choices": "Nothing here has to be chosen.",
    "/setup/owners": "Nobody has to be paired.",
    "/setup/values": "neither list is changed.",
    "/setup/review": "What a first sync would do",
    "/setup/review/undo": "record that a sync created could be deleted again",
    "/settings/progress": "These records are synced.",
}
# Not hundreds of rows, each a stop of the Tab key.
FEWER = {"/setup/properties": "&search=name"}
FAILED = {"/setup/package": "Lead is full", "/setup/give-up": "Give up this set-up?"}


def test_no_page_of_the_wizard_is_left_out() -> None:
    assert set(SAYS) >= OF_THE_WIZARD - FILES


@dataclass
class Rooms:
    """Nobody changes anything in them. `window`: Ada's."""

    desk: Desk
    window: Page
    tried: int
    failed: int


@pytest.fixture(scope="module")
async def rooms(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[Rooms]:
    folder = tmp_path_factory.mktemp("rooms")
    async with a_desk(folder, browser) as desk:
        wizard = Wizard(desk.office.store, Clock(desk.office.now_us), folder)
        desk.office.interlock.opens_transport = wizard.interlock.opens_transport
        desk.office.interlock.addresses = None
        wizard.interlock = desk.office.interlock
        failed = await failed_install(wizard)
        tried = await tried_with_ten(wizard)
        yield Rooms(desk, await desk.sign_in(), tried, failed)


async def failed_install(wizard: Wizard) -> int:
    full = PlannedFailure("CustomField", "Lead.Interlock_HubSpot_Id__c", "Lead is full", 1)
    wizard.production.deployments.failures.append(full)
    await wizard.signed_in()
    assert (await wizard.install()).state == "failed"
    return wizard.setup_id


async def tried_with_ten(wizard: Wizard) -> int:
    hugo = wizard.hubspot.user()
    person = hugo.create("contacts", {"email": "ada@example.com", "lastname": "Lovelace", "jobtitle": "Countess"})
    chosen = hugo.create_list("contacts", LIST, [person])
    await wizard.signed_in()
    await wizard.keep(expectations.slug, expectations.Values(read=True, migrate="yes"))
    assert (await wizard.install()).state == "done"
    await wizard.keep(migrate.slug, migrate.with_list(migrate.Values(saved=True), "contacts", MAPPINGS))
    await wizard.advanced(list_id=chosen, list_name=LIST)
    await wizard.choose()
    await wizard.preview()
    assert (await wizard.end("try")).state == "tried"
    return wizard.setup_id


@pytest.mark.parametrize(
    ("path", "set_up"), [*((path, "tried") for path in sorted(SAYS)), *((path, "failed") for path in sorted(FAILED))]
)
async def test_a_page_of_the_wizard_is_as_good_as_any_other(rooms: Rooms, path: str, set_up: str) -> None:
    page = rooms.window
    await page.set_viewport_size(WIDE)
    await page.goto(f"{path}?setup={getattr(rooms, set_up)}{FEWER.get(path, '')}")
    assert urlsplit(page.url).path == path
    await expect(page.get_by_role("main")).to_contain_text((FAILED if set_up == "failed" else SAYS)[path])
    await chromium.is_good(page)
    rooms.desk.has_heard_no_complaint()


@pytest.mark.parametrize(
    "path",
    [
        "/setup/apps",
        "/setup/connect",
        "/setup/properties",
        "/setup/pipelines",
        "/setup/choices",
        "/setup/owners",
        "/setup/values",
        "/setup/review",
    ],
)
async def test_a_page_of_the_wizard_reads_when_narrow_in_a_language_of_longer_words_too(
    rooms: Rooms, path: str
) -> None:
    page = await rooms.desk.sign_in(width=chromium.NARROW, locale="pl-PL")
    await page.goto(f"{path}?setup={rooms.tried}{FEWER.get(path, '')}")
    assert urlsplit(page.url).path == path
    await expect(page.locator("html")).to_have_attribute("lang", "pl")
    await chromium.axe(page)
    await chromium.fits(page)
    rooms.desk.has_heard_no_complaint()


async def test_the_first_stage_stands_below_what_all_of_them_are(rooms: Rooms) -> None:
    page = rooms.window
    await page.set_viewport_size(WIDE)
    await page.goto(f"/setup/pipelines?setup={rooms.tried}")
    legend = await page.locator("fieldset > legend").bounding_box()
    first = await page.locator("label", has_text="Prospecting (10 %)").bounding_box()
    assert legend is not None
    assert first is not None
    assert first["y"] >= legend["y"] + legend["height"]
