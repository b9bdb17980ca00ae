"""What a page and its live parts are like when all is not well: empty, loading, partial, failed, offline, stale, forbidden.

Healthy, and a review that is still being counted, are on the way of test_wizard.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, Route, expect
from tests.browser import chromium
from tests.browser.settled import HERE, Settled

from interlock.app.people import manage, signing_in
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.store import connections

pytestmark = pytest.mark.anyio


@pytest.fixture
async def own(settled: Settled) -> AsyncIterator[Page]:
    """A browser of its own, for what no other test should find."""
    opened = await settled.demo.admin()
    yield opened
    await chromium.axe(opened)
    await opened.context.close()


@asynccontextmanager
async def down(settled: Settled, status: int = 503) -> AsyncIterator[None]:
    """Salesforce answers nobody but the CRM's own pages."""
    faults = settled.world.salesforce.faults
    faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": status})
    try:
        yield
    finally:
        faults.clear()
        # As it should, the dispatcher has said so too.
        settled.demo.said.clear()


@asynccontextmanager
async def slow(settled: Settled) -> AsyncIterator[None]:
    """HubSpot takes its time with every record."""
    faults = settled.world.hubspot.faults
    faults.add({"match": {"path_prefix": "/crm/objects"}, "kind": "slow", "delay_ms": 1_500})
    try:
        yield
    finally:
        faults.clear()


@asynccontextmanager
async def no_line(page: Page, address: str) -> AsyncIterator[None]:
    """What a script of the page asks for at this address does not get through; pages are loaded as ever."""

    async def cut(route: Route) -> None:
        if route.request.is_navigation_request():
            await route.continue_()
        else:
            await route.abort("internetdisconnected")

    await page.route(address, cut)
    try:
        yield
    finally:
        await page.unroute(address)


async def test_empty_says_what_to_do_next(signed_in: Page) -> None:
    for path in ("/", "/settings"):
        await signed_in.goto(path)
        await expect(signed_in.get_by_role("heading", name="Nothing is connected yet.")).to_be_visible()
        await expect(signed_in.get_by_role("link", name="Set up a connection")).to_be_visible()
        await chromium.axe(signed_in)


EMPTY = {
    "conflicts?property=nowhere": ("No conflict fits this filter.", "Clear filter"),
    "issues?code=nothing": ("No issue fits this filter.", "Clear filter"),
    "records?q=nobody@nowhere.example": ("Nothing is known of nobody@nowhere.example.", "Conflicts"),
    "contacts?q=no+such+field": ("Found: 0. Shown: 0.", "Show all"),
    "contacts/lists?q=no+such+list": ("HubSpot has no such list.", "Cancel"),
    "not-synced?object=deals&why=no_name": ("No record is left out for this reason.", "Back to Sync health"),
}


@pytest.mark.parametrize("path", EMPTY)
async def test_a_list_with_nothing_in_it_says_so_and_leads_on(page: Page, path: str) -> None:
    text, way_on = EMPTY[path]
    await page.goto(f"{HERE}/{path}")
    await expect(page.get_by_role("main")).to_contain_text(text)
    await expect(page.get_by_role("link", name=way_on, exact=True).first).to_be_visible()


async def test_nothing_to_take_back_is_said_and_another_time_offered(page: Page) -> None:
    await page.goto(f"{HERE}/undo")
    await page.get_by_label("Since").fill("2099-01-01")
    await page.get_by_role("button", name="Show what it would take back").click()
    await expect(page.get_by_text("There is nothing to take back.")).to_be_visible()
    await page.get_by_role("link", name="Another time").click()
    await expect(page.get_by_label("Since")).to_be_visible()


async def test_offline_is_said_and_over_when_the_line_is_back(settled: Settled, page: Page) -> None:
    await page.route("**/live", lambda route: route.abort("internetdisconnected"))
    await page.goto(f"{HERE}/overview")
    notice = page.get_by_text("This page has lost its connection to Interlock.")
    await expect(notice).to_be_visible()
    await chromium.axe(page)
    await page.unroute("**/live")
    await expect(notice).to_be_hidden()


async def test_numbers_that_nothing_was_heard_of_for_a_while_are_called_old(own: Page) -> None:
    page = own
    await page.clock.install()
    # A stream that is open and says nothing: the line is there, the other end is not.
    await page.add_init_script(
        "window.EventSource = class extends EventTarget { close() {} static CLOSED = 2; readyState = 1; }"
    )
    await page.goto(f"{HERE}/overview")
    await page.clock.fast_forward(16_000)
    await expect(page.get_by_text("Interlock has sent nothing for a while")).to_be_visible()


async def test_whoever_is_signed_out_meanwhile_is_told_that_the_page_stands_still(own: Page) -> None:
    await own.goto(f"{HERE}/overview")
    other = await own.context.new_page()
    await other.goto("/account")
    await other.get_by_role("button", name="Sign out", exact=True).click()
    await expect(own.get_by_text("You are signed out, so this page stands still.")).to_be_visible()


async def test_what_is_under_way_says_so_and_that_the_line_is_gone_and_goes_on_by_itself_once_it_is_back(
    settled: Settled, own: Page
) -> None:
    """The parts that ask for themselves anew: undo, disconnect, the package, the review."""
    notice = own.get_by_text("This page has lost its connection to Interlock.")
    await own.goto(f"{HERE}/undo")
    async with slow(settled), no_line(own, "**/undo/*"):
        await own.get_by_role("button", name="Show what it would take back").click()
        await own.wait_for_url("**/undo/*")
        await expect(own.get_by_text("Both CRMs are being read. Nothing is written.")).to_be_visible()
        await chromium.axe(own)
        await expect(notice).to_be_visible()
        await chromium.axe(own)
    await expect(own.get_by_text("Nothing is written yet.")).to_be_visible()
    await expect(notice).to_be_hidden()
    # htmx says on the console too that it was not answered.
    settled.demo.complaints.clear()


async def test_whoever_is_signed_out_while_something_is_under_way_is_led_to_the_sign_in(
    settled: Settled, own: Page
) -> None:
    await own.goto(f"{HERE}/undo")
    async with slow(settled), no_line(own, "**/undo/*"):
        await own.get_by_role("button", name="Show what it would take back").click()
        await expect(own.get_by_text("This page has lost its connection to Interlock.")).to_be_visible()
        other = await own.context.new_page()
        await other.goto("/account")
        await other.get_by_role("button", name="Sign out", exact=True).click()
    await own.wait_for_url("**/sign-in?next=*undo*")
    settled.demo.complaints.clear()


async def test_the_first_syncs_progress_says_that_the_line_is_gone(settled: Settled, own: Page) -> None:
    async with settled.store.write(1) as tx:
        await connections.update(tx, 1, state="first_sync")
    await own.route("**/settings/progress/events*", lambda route: route.abort("internetdisconnected"))
    await own.goto("/settings/progress")
    notice = own.get_by_text("This page has lost its connection to Interlock.")
    # Not at once: a stream that only ended is opened again within seconds.
    await expect(notice).to_be_visible()
    await chromium.axe(own)
    # It goes on asking, of which htmx says on the console each time that it was not answered.
    await own.goto("/settings")
    settled.demo.complaints.clear()
    async with settled.store.write(1) as tx:
        await connections.update(tx, 1, state="idle")


async def test_one_crm_that_is_silent_leaves_the_rest_and_can_be_tried_again(settled: Settled, page: Page) -> None:
    person = next(iter(settled.world.prospects.values()))
    async with down(settled):
        await page.goto(f"{HERE}/records/hubspot:contacts:{person}")
        await expect(page.get_by_text("Salesforce did not answer within seconds")).to_be_visible()
        await expect(page.get_by_role("cell", name="not read").first).to_be_visible()
        await chromium.axe(page)
    await page.get_by_role("link", name="Try again").click()
    await expect(page.get_by_role("table", name="The pair side by side")).to_be_visible()
    await expect(page.get_by_text("Salesforce did not answer within seconds")).to_have_count(0)


async def test_a_page_for_which_a_crm_is_asked_is_said_to_be_on_its_way(settled: Settled, own: Page) -> None:
    said: list[str] = []
    person = next(iter(settled.world.prospects.values()))
    await chromium.hears_that_it_waits(own, lambda text: said.append(text))
    await own.goto(f"{HERE}/records?q=hubspot:contacts:{person}")
    async with slow(settled):
        await own.get_by_role("table", name="Found").get_by_role("link").first.click()
        await expect(own.get_by_role("table", name="The pair side by side")).to_be_visible()
    assert said == ["Not here yet: the CRMs may have to be asked first. This can take some seconds."]
    await expect(own.locator("#waiting")).to_be_empty()


async def test_what_failed_says_why_and_is_tried_again(settled: Settled, page: Page) -> None:
    async with down(settled):
        await page.goto(f"{HERE}/connection")
        await page.get_by_role("link", name="Look at the package").click()
        await expect(page.get_by_text("The org could not be asked:")).to_be_visible()
        await chromium.axe(page)
        await page.goto(f"{HERE}/contacts?samples=yes")
        await expect(page.get_by_text("Samples could not be shown:")).to_be_visible()
        await page.goto(f"{HERE}/connection?package=yes")
        await expect(page.get_by_text("The org could not be asked:")).to_be_visible()
    await page.get_by_role("link", name="Try again").click()
    await expect(page.get_by_text("The permission set is given to the sync user.")).to_be_visible()


async def test_what_failed_while_it_was_under_way_says_why_and_is_begun_again(settled: Settled, page: Page) -> None:
    await page.goto(f"{HERE}/undo")
    # Not a status that is worth waiting for.
    async with down(settled, 400):
        await page.get_by_role("button", name="Show what it would take back").click()
        again = page.get_by_role("region", name="Undo").get_by_role("link", name="Try again")
        await expect(again).to_be_visible()
        await expect(page.get_by_role("region", name="Undo")).to_contain_text("Salesforce")
        await chromium.axe(page)
    await again.click()
    await expect(page.get_by_role("button", name="Show what it would take back")).to_be_visible()


async def test_a_viewer_is_shown_no_control_and_told_who_has_it(settled: Settled) -> None:
    demo, store = settled.demo, settled.store
    person, _ = await manage.add(store, BY_COMMAND, "vera@example.com", "Vera", Role.VIEWER)
    async with store.write(None) as tx:
        token = await signing_in.begin_session(tx, person, "signed_in", "127.0.0.1", None)
    async with store.write(1) as tx:
        await connections.update(tx, 1, state="suspended", state_reason="The org refuses.", state_fix="Look at it.")
    page = await demo.signed_in(token)
    await page.goto(f"{HERE}/health")
    await expect(page.get_by_text("An operator or an admin can clear it.")).to_be_visible()
    for path in ("health", "connection", "contacts", "conflicts", "issues"):
        await page.goto(f"{HERE}/{path}")
        # What only looks, and the own sign-out.
        posting = page.locator("main form[method=post]")
        await expect(posting).to_have_count(0)
        await chromium.axe(page)
    for path in ("/people", f"{HERE}/undo", f"{HERE}/disconnect"):
        await page.goto(path)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
        await expect(page.get_by_role("main")).to_contain_text("admin")
        await chromium.axe(page)
    async with store.write(1) as tx:
        await connections.update(tx, 1, state="idle", state_reason=None, state_fix=None)
