"""Every page that anybody can open: axe-core finds nothing serious, it reads at 320 px and at 200 % text, and by keyboard alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect
from tests.browser import chromium
from tests.browser.conftest import Desk, a_desk
from tests.contract.conftest import a_connection

from interlock.app.people import links, manage, programs
from interlock.app.people.roles import Role
from interlock.core.model import Issue, IssueCategory
from interlock.store import connections, issues, mappings
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow
from interlock.web.routes import ADDRESSES, API

pytestmark = pytest.mark.anyio

# What is in the rooms: connection 1 with one mapping, which cannot reach a CRM and says so.
FILLED = {"{id:int}": "1", "{pair}": "email:Email", "{property}": "email"}


def filled(path: str) -> str:
    for blank, value in FILLED.items():
        path = path.replace(blank, value)
    return path


SHOWN = {filled(address.path) for address in ADDRESSES if address.method == "GET" and not address.path.startswith(API)}
# Only a world knows what to fill in; each has a test of its own, below or beside its page.
WITH_A_BLANK = {path for path in SHOWN if "{" in path}
# For programs, and files.
NO_PAGE = {
    *("/health", "/healthz", "/metrics", "/hubspot/card", "/connections/1/mappings.yaml", "/connections/1/links.csv"),
    "/connections/1/issues/export",
    *("/connections/1/not-synced/export", "/connections/1/live", "/settings/progress/events"),
}
# They need somebody who is that far in it: test_every_page_of_the_wizard.py.
OF_THE_WIZARD = {path for path in SHOWN if path.startswith("/setup")}
PAGES = sorted(SHOWN - WITH_A_BLANK - NO_PAGE - OF_THE_WIZARD)
# Without it the page has nothing to show, and leads on.
ASKED_FOR = {"/connections/1/not-synced": "?object=deals&why=no_name"}
WIDE: ViewportSize = {"width": 1100, "height": 900}
every_page = pytest.mark.parametrize("path", [*PAGES, "/nowhere"])


def test_no_page_is_left_out_for_the_blank_in_its_address_but_these() -> None:
    known = ("/welcome/", "/colleague/", "/setup/", "/connections/1/records/")
    # What came of one undo or of one parting: read without a browser so far (tests/contract).
    jobs = ("/connections/1/undo/", "/connections/1/disconnect/")
    # What a change of rules would do is counted once somebody has made one: tests/browser/test_settings_of_objects.py.
    jobs += tuple(f"/connections/1/{slug}/change/" for slug in ("contacts", "companies", "deals"))
    assert all(path.startswith((*known, *jobs)) for path in WITH_A_BLANK)


class Rooms:
    """An installation with something on every page, which nobody changes, and Ada's window on it."""

    def __init__(self, desk: Desk, window: Page) -> None:
        self.desk, self.window = desk, window


@pytest.fixture(scope="module")
async def rooms(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[Rooms]:
    async with a_desk(tmp_path_factory.mktemp("rooms"), browser) as desk:
        store, ada = desk.office.store, await desk.office.by("Ada")
        async with store.write(None) as tx:
            id_ = await connections.create(tx, a_connection(begun_at_us=1, state="paused", state_fix="Resume it."))
            await connections.create(tx, a_connection(name="second", hubspot_account_id="222", begun_at_us=1))
        async with store.write(id_) as tx:
            of = await mappings.save_object_mapping(tx, ObjectMappingRow("contacts", "Contact"))
            for names in (("email", "Email"), ("jobtitle", "Title")):
                await mappings.save_field_mapping(tx, FieldMappingRow(of, *names, "two_way"))
            await issues.raise_(
                tx, [Issue(IssueCategory.LIMITS, "x", "error", "contacts", "1", None, None, "Cause.", "Fix.")]
            )
        await programs.make(store, ada, "reports", Role.VIEWER)
        await manage.disable(store, ada, 3)
        yield Rooms(desk, await desk.sign_in())


@every_page
async def test_a_page_is_gone_through_by_keyboard_has_nothing_that_axe_finds_serious_and_reads_when_narrow_or_large(
    rooms: Rooms, path: str
) -> None:
    page = rooms.window
    await page.set_viewport_size(WIDE)
    await page.goto(path + ASKED_FOR.get(path, ""))
    assert urlsplit(page.url).path == path
    await chromium.is_good(page)
    rooms.desk.has_heard_no_complaint()


@pytest.mark.parametrize("path", ["health", "connection", "issues", "undo"])
async def test_a_page_reads_when_narrow_in_a_language_of_longer_words_too(rooms: Rooms, path: str) -> None:
    page = await rooms.desk.sign_in(width=chromium.NARROW, locale="pl-PL")
    await page.goto(f"/connections/1/{path}")
    await expect(page.locator("html")).to_have_attribute("lang", "pl")
    await chromium.axe(page)
    await chromium.fits(page)
    rooms.desk.has_heard_no_complaint()


@pytest.mark.parametrize("purpose", ["first", "password", "void"])
async def test_what_a_one_time_link_opens_is_as_good(desk: Desk, purpose: str) -> None:
    store = desk.office.store
    if purpose == "password":
        _, token = await manage.add(store, await desk.office.by("Ada"), "nina@example.com", "Nina", Role.VIEWER)
    else:
        token = await links.demo_link(store, "Demo", "demo@example.com") if purpose == "first" else "void"
    page = await desk.page()
    await page.goto(f"/welcome/{token}")
    for width in (chromium.NARROW, 1100):
        await page.set_viewport_size({"width": width, "height": 900})
        await chromium.axe(page)
        await chromium.fits(page)


async def test_what_is_refused_is_said_where_a_person_gets_to_it(desk: Desk) -> None:
    page = await desk.sign_in()
    await page.goto("/people")
    await page.get_by_label("E-mail").last.fill("nobody")
    await page.get_by_role("button", name="Add", exact=True).click()
    summary = page.get_by_role("alert")
    await summary.get_by_role("link").first.click()
    refused = page.locator("[aria-invalid=true]").first
    assert await refused.evaluate("each => each === document.activeElement")
    assert await refused.evaluate(
        "each => each.getAttribute('aria-describedby').split(' ').every(id => document.getElementById(id).textContent.trim())"
    )
    await chromium.axe(page)
