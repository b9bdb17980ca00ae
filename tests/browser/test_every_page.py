"""Every page that anybody can open: axe-core finds nothing serious, it reads at 320 px and at 200 % text, and by keyboard alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page
from tests.browser import chromium
from tests.browser.conftest import Desk, a_desk
from tests.contract.conftest import a_connection

from interlock.app.people import links, manage, programs
from interlock.app.people.roles import Role
from interlock.core.model import Issue, IssueCategory
from interlock.store import connections, issues
from interlock.web.routes import ADDRESSES, API

pytestmark = pytest.mark.anyio

SHOWN = {address.path for address in ADDRESSES if address.method == "GET" and not address.path.startswith(API)}
# Only a world knows what to fill in; each has a test of its own, below or beside its page.
WITH_A_BLANK = {"/welcome/{token}", "/colleague/{token}"}
# For programs.
NO_PAGE = {"/health"}
PAGES = sorted(SHOWN - WITH_A_BLANK - NO_PAGE)
every_page = pytest.mark.parametrize("path", [*PAGES, "/nowhere"])


def test_no_page_is_left_out_for_the_blank_in_its_address() -> None:
    assert {path for path in SHOWN if "{" in path} == WITH_A_BLANK


class Rooms:
    """An installation with something on every page, which nobody changes, and two of Ada's windows on it."""

    def __init__(self, desk: Desk, wide: Page, narrow: Page) -> None:
        self.desk, self.wide, self.narrow = desk, wide, narrow


@pytest.fixture(scope="module")
async def rooms(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[Rooms]:
    async with a_desk(tmp_path_factory.mktemp("rooms"), browser) as desk:
        store, ada = desk.office.store, await desk.office.by("Ada")
        async with store.write(None) as tx:
            id_ = await connections.create(tx, a_connection(begun_at_us=1, state="paused", state_fix="Resume it."))
            await connections.create(tx, a_connection(name="second", hubspot_account_id="222", begun_at_us=1))
        async with store.write(id_) as tx:
            await issues.raise_(
                tx, [Issue(IssueCategory.LIMITS, "x", "error", "contacts", "1", None, None, "Cause.", "Fix.")]
            )
        await programs.make(store, ada, "reports", Role.VIEWER)
        await manage.disable(store, ada, 3)
        yield Rooms(desk, await desk.sign_in(), await desk.sign_in(width=chromium.NARROW, height=640))


@every_page
async def test_a_page_has_nothing_that_axe_finds_serious_and_the_browser_nothing_to_complain_of(
    rooms: Rooms, path: str
) -> None:
    await rooms.wide.goto(path)
    await chromium.axe(rooms.wide)
    assert await rooms.wide.locator("h1").count() == 1
    rooms.desk.has_heard_no_complaint()


@every_page
async def test_a_page_reads_at_320_px_and_with_text_twice_as_large(rooms: Rooms, path: str) -> None:
    page = rooms.narrow
    await page.set_viewport_size({"width": chromium.NARROW, "height": 640})
    await page.goto(path)
    await chromium.axe(page)
    await chromium.fits(page)
    # Text at 200 % by the browser's own setting: every length of the style sheet goes by it.
    await page.set_viewport_size({"width": 2 * chromium.NARROW, "height": 900})
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    await chromium.fits(page)


@every_page
async def test_a_page_is_gone_through_by_keyboard_and_the_focus_is_always_seen(rooms: Rooms, path: str) -> None:
    page = rooms.wide
    await page.goto(path)
    controls = await page.locator(
        "a[href]:visible, button:visible, select:visible, input:not([type=hidden]):visible"
    ).count()
    stops = await chromium.tab_through(page)
    # Regions that scroll are stops too; nothing that can be used is left out.
    assert len([stop for stop in stops if stop in ("a", "button", "select", "input")]) == controls


@pytest.mark.parametrize("purpose", ["first", "password", "void"])
async def test_what_a_one_time_link_opens_is_as_good(desk: Desk, purpose: str) -> None:
    store = desk.office.store
    if purpose == "password":
        _, token = await manage.add(store, await desk.office.by("Ada"), "nina@example.com", "Nina", Role.VIEWER)
    else:
        token = await links.demo_link(store, "Demo", "demo@example.com") if purpose == "first" else "void"
    for width in (chromium.NARROW, 1100):
        page = await desk.page(width=width)
        await page.goto(f"/welcome/{token}")
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
