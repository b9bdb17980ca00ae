"""What a page and its live parts are like when all is not well: empty, partial, failed, offline, stale, forbidden."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from tests.browser import chromium, demo_world
from tests.browser.demo_world import Demo, a_demo, connect

from interlock.app.people import manage, signing_in
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.store import connections

pytestmark = pytest.mark.anyio

HERE = "/connections/1"


@pytest.fixture(scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[Demo]:
    async with a_demo(tmp_path_factory.mktemp("states"), browser) as made:
        await connect(made)
        yield made


@pytest.fixture
async def page(demo: Demo) -> AsyncIterator[Page]:
    opened = await demo.admin()
    yield opened
    await chromium.axe(opened)
    await opened.context.close()


def down(demo: Demo) -> None:
    """Salesforce answers nobody but the CRM's own pages."""
    demo.stage.world.salesforce.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 503})


async def test_empty_says_what_to_do_next(signed_in: Page) -> None:
    for path in ("/", "/settings"):
        await signed_in.goto(path)
        await expect(signed_in.get_by_role("heading", name="Nothing is connected yet.")).to_be_visible()
        await expect(signed_in.get_by_role("link", name="Set up a connection")).to_be_visible()
        await chromium.axe(signed_in)


async def test_healthy_is_said_in_words(page: Page) -> None:
    await page.goto(f"{HERE}/overview")
    await expect(page.locator("[data-verdict]")).to_contain_text("In agreement: nothing is due, nothing needs you.")
    await expect(page.get_by_text("Nothing needs you.", exact=True)).to_be_visible()


async def test_offline_is_said_and_over_when_the_line_is_back(page: Page) -> None:
    await page.route("**/live", lambda route: route.abort("internetdisconnected"))
    await page.goto(f"{HERE}/overview")
    notice = page.get_by_text("This page has lost its connection to Interlock.")
    await expect(notice).to_be_visible()
    await chromium.axe(page)
    await page.unroute("**/live")
    await expect(notice).to_be_hidden(timeout=20_000)


async def test_numbers_that_nothing_was_heard_of_for_a_while_are_called_old(demo: Demo) -> None:
    page = await demo.admin()
    await page.clock.install()
    # A stream that is open and says nothing: the line is there, the other end is not.
    await page.add_init_script(
        "window.EventSource = class extends EventTarget { close() {} static CLOSED = 2; readyState = 1; }"
    )
    await page.goto(f"{HERE}/overview")
    await page.clock.fast_forward(16_000)
    await expect(page.get_by_text("Interlock has sent nothing for a while")).to_be_visible()
    await chromium.axe(page)
    await page.context.close()


async def test_whoever_is_signed_out_meanwhile_is_told_that_the_page_stands_still(demo: Demo, page: Page) -> None:
    await page.goto(f"{HERE}/overview")
    other = await page.context.new_page()
    await other.goto("/account")
    await other.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_text("You are signed out, so this page stands still.")).to_be_visible(timeout=15_000)


async def test_one_crm_that_is_silent_leaves_the_rest_and_can_be_tried_again(demo: Demo, page: Page) -> None:
    person = next(iter(demo.stage.world.prospects.values()))
    down(demo)
    await page.goto(f"{HERE}/records/hubspot:contacts:{person}")
    await expect(page.get_by_text("Salesforce did not answer within seconds")).to_be_visible()
    await expect(page.get_by_role("cell", name="not read").first).to_be_visible()
    await chromium.axe(page)
    demo.stage.world.salesforce.faults.clear()
    await page.get_by_role("link", name="Try again").click()
    await expect(page.get_by_role("table", name="The pair side by side")).to_be_visible()
    await expect(page.get_by_text("Salesforce did not answer within seconds")).to_have_count(0)


async def test_what_failed_says_why_and_is_tried_again(demo: Demo, page: Page) -> None:
    down(demo)
    await page.goto(f"{HERE}/connection")
    await page.get_by_role("link", name="Look at the package").click()
    await expect(page.get_by_text("The org could not be asked:")).to_be_visible()
    await chromium.axe(page)
    demo.stage.world.salesforce.faults.clear()
    await page.get_by_role("link", name="Try again").click()
    await expect(page.get_by_text("The permission set is given to the sync user.")).to_be_visible()


async def test_a_viewer_is_shown_no_control_and_told_who_has_it(demo: Demo) -> None:
    store = demo.stage.interlock.store
    person, _ = await manage.add(store, BY_COMMAND, "vera@example.com", "Vera", Role.VIEWER)
    async with store.write(None) as tx:
        token = await signing_in.begin_session(tx, person, "signed_in", "127.0.0.1", None)
    async with store.write(1) as tx:
        await connections.update(tx, 1, state="suspended", state_reason="The org refuses.", state_fix="Look at it.")
    page = await demo.page()
    await page.context.add_cookies([{"name": "interlock_session", "value": token, "url": demo.url}])
    await page.goto(f"{HERE}/health")
    await expect(page.get_by_text("An operator or an admin can clear it.")).to_be_visible()
    for path in ("health", "connection", "contacts", "conflicts", "issues"):
        await page.goto(f"{HERE}/{path}")
        # What only looks, and the own sign-out.
        posting = page.locator("main form[method=post]")
        await expect(posting).to_have_count(0)
        await chromium.axe(page)
    await page.goto("/people")
    await expect(page.get_by_role("main")).to_contain_text("admin")
    async with store.write(1) as tx:
        await connections.update(tx, 1, state="idle", state_reason=None, state_fix=None)


async def test_the_review_counts_in_the_background_and_says_so_far(tmp_path: Path, browser: Browser) -> None:
    async with a_demo(tmp_path, browser) as demo:
        page = await demo.admin()
        await demo_world.to_connect(page)
        await demo_world.sign_in_to_both(page)
        await demo_world.install_the_package(page)
        await page.get_by_label("Leave them out").check()
        slow = {"match": {"path_prefix": "/crm/v3/objects"}, "kind": "slow", "delay_ms": 1500}
        demo.stage.world.hubspot.faults.add(slow)
        await page.get_by_role("button", name="Review settings").click()
        await page.wait_for_url("**/setup/review")
        await expect(page.get_by_text("so far", exact=True)).to_be_visible()
        await chromium.axe(page)
        demo.stage.world.hubspot.faults.clear()
        await demo_world.counted(page)
