"""The wizard's first steps in a browser: sign-ins in a window, blocked, closed, denied, without scripts, by a colleague."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from tests.browser import chromium
from tests.browser.conftest import Desk, a_desk
from tests.browser.sign_ins import HUBSPOT, SALES, SALESFORCE, in_a_window, log_in

from interlock.app.people.visitor import BY_COMMAND
from interlock.app.setup import apps
from interlock.core.model import Side

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(tmp_path: Path, browser: Browser) -> AsyncIterator[Desk]:
    """With the apps of both CRMs in a set-up, as in the demo."""
    async with a_desk(tmp_path, browser) as made:
        clients = {
            Side.HUBSPOT: (made.hubspot.client_id, made.hubspot.client_secret),
            Side.SALESFORCE: (made.salesforce.client_id, made.salesforce.client_secret),
        }
        # As the demo does: what a sign-in names as the org's address is where it is served.
        made.salesforce.instance_url = made.salesforce_url
        await apps.give(made.office.store, BY_COMMAND, made.url, clients)
        yield made


async def at_connect(desk: Desk, **options: object) -> Page:
    page = await desk.sign_in(**options)
    await page.goto("/setup")
    await page.get_by_role("button", name="Next").click()
    await page.wait_for_url("**/setup/connect")
    return page


async def test_both_sides_are_signed_in_to_in_windows_that_close_by_themselves(desk: Desk) -> None:
    page = await at_connect(desk)
    await chromium.axe(page)
    await in_a_window(page, HUBSPOT)
    await expect(page.get_by_text(str(desk.hubspot.account_id)).first).to_be_visible()
    await in_a_window(page, SALESFORCE)
    await expect(page.get_by_text(desk.salesforce.org_id).first).to_be_visible()
    await in_a_window(page, "Choose the sync user", SALES)
    await expect(page.get_by_text(SALES).first).to_be_visible()
    await page.get_by_role("button", name="Look again").click()
    await expect(page.get_by_text(SALES).first).to_be_visible()
    await chromium.axe(page)
    await page.goto("/setup/expectations")
    await expect(page.get_by_text("What the CRMs say")).to_be_visible()
    await chromium.axe(page)


async def test_deny_and_a_closed_window_are_said_beside_the_button(desk: Desk) -> None:
    page = await at_connect(desk)
    await in_a_window(page, HUBSPOT, answer="no")
    await expect(page.get_by_text("HubSpot was not allowed to let Interlock in")).to_be_visible()
    async with page.expect_popup() as opening:
        await page.get_by_role("button", name=HUBSPOT).click()
    window = await opening.value
    # Once it has begun anew: until then the page is right to say what became of the one before.
    await window.wait_for_url("**/authorize?*")
    await window.close()
    await expect(page.get_by_text("The sign-in window was closed")).to_be_visible()
    await chromium.axe(page)
    await in_a_window(page, HUBSPOT, email=None)
    await expect(page.get_by_text("The sign-in window was closed")).not_to_be_visible()


async def test_a_closed_window_is_said_also_where_somebody_is_signed_in(desk: Desk) -> None:
    page = await at_connect(desk)
    await in_a_window(page, HUBSPOT)
    async with page.expect_popup() as opening:
        await page.get_by_role("button", name="Not you? Sign in as someone else (HubSpot)").click()
    window = await opening.value
    await window.wait_for_url("**/authorize?*")
    await window.close()
    await expect(page.get_by_text("The sign-in window was closed")).to_be_visible()


async def test_an_address_that_is_no_orgs_is_said_beside_the_button_and_the_window_goes(desk: Desk) -> None:
    page = await at_connect(desk)
    await page.get_by_text("Use a My Domain address").click()
    await page.get_by_label("My Domain address").fill("evil.example")
    async with page.expect_popup() as opening:
        await page.get_by_role("button", name=SALESFORCE).click()
    window = await opening.value
    if not window.is_closed():
        await window.wait_for_event("close")
    await expect(page.get_by_text("is not a My Domain address")).to_be_visible()
    await chromium.axe(page)


async def test_a_key_signs_in_without_a_window_and_its_refusal_is_said_on_the_page(desk: Desk) -> None:
    page = await desk.sign_in()
    await page.goto("/setup/expectations?setup=new")
    await page.get_by_role("button", name="Next").click()
    for side in ("HubSpot", "Salesforce"):
        ways = page.get_by_role("radiogroup", name=f"How Interlock signs in to {side}")
        await ways.get_by_label("I can't create apps").check()
    await page.get_by_label("HubSpot service key").fill(desk.hubspot.token)
    await page.get_by_label("Client credentials").check()
    await page.get_by_label("Salesforce client id").fill(desk.salesforce.client_id)
    await page.get_by_label("Salesforce client secret").fill("wrong")
    await page.get_by_label("My Domain address").fill(desk.salesforce_url)
    await page.get_by_role("button", name="Next").click()
    await page.wait_for_url("**/setup/connect*")
    await page.get_by_role("button", name=HUBSPOT).click()
    await expect(page.get_by_text(str(desk.hubspot.account_id)).first).to_be_visible()
    await page.get_by_role("button", name=SALESFORCE).click()
    await expect(page.get_by_text("invalid client credentials").first).to_be_visible()
    assert len(page.context.pages) == 1


async def test_where_windows_are_blocked_the_same_tab_goes_there_and_comes_back(desk: Desk) -> None:
    page = await at_connect(desk)
    await page.evaluate("window.open = () => null")
    await page.get_by_role("button", name=SALESFORCE).click()
    await log_in(page)
    await page.locator("button[value=yes]").click()
    await page.wait_for_url("**/setup/connect")
    await expect(page.get_by_text(desk.salesforce.org_id).first).to_be_visible()


async def test_without_scripts_it_is_the_same(desk: Desk) -> None:
    page = await at_connect(desk, java_script_enabled=False)
    await page.get_by_role("button", name=HUBSPOT).click()
    await log_in(page)
    await page.locator("button[value=yes]").click()
    await page.wait_for_url("**/setup/connect")
    await expect(page.get_by_text(str(desk.hubspot.account_id)).first).to_be_visible()


async def test_a_colleague_signs_in_by_a_link_in_a_browser_of_their_own(desk: Desk) -> None:
    page = await at_connect(desk)
    await page.get_by_role("button", name="Ask a colleague (Salesforce)").click()
    link = await page.get_by_label("Link", exact=True).input_value()
    await chromium.axe(page)
    await page.get_by_role("link", name="Back to the set-up").click()
    await expect(page.get_by_text("Waiting for your colleague")).to_be_visible()
    # It looks again by itself too, but not under somebody who goes by keyboard.
    again = page.get_by_role("link", name="Load again")
    await again.focus()
    await chromium.axe(page)
    carol = await desk.page(width=chromium.NARROW)
    await carol.goto(link)
    await chromium.axe(carol)
    await chromium.fits(carol)
    await in_a_window(carol, SALESFORCE)
    await expect(carol.get_by_text(desk.salesforce.org_id).first).to_be_visible()
    await carol.get_by_role("button", name="Done").click()
    await expect(carol.get_by_text("Your part is done")).to_be_visible()
    await again.click()
    await expect(page.get_by_text(desk.salesforce.org_id).first).to_be_visible()


@pytest.mark.parametrize("way", ["I have an app", "I need to create one", "I can't create apps"])
async def test_the_apps_of_a_second_connection_are_entered_by_each_way(desk: Desk, way: str) -> None:
    page = await desk.sign_in()
    await page.goto("/setup/expectations?setup=new")
    await page.get_by_role("button", name="Next").click()
    for side in ("HubSpot", "Salesforce"):
        await page.get_by_role("radiogroup", name=f"How Interlock signs in to {side}").get_by_label(way).check()
    for width in (1100, chromium.NARROW):
        await page.set_viewport_size({"width": width, "height": 900})
        await chromium.axe(page)
        await chromium.fits(page)
    await page.get_by_role("button", name="Test").click()
    await expect(page.get_by_text("answered: this is Interlock")).to_be_visible()
    keyed = way == "I can't create apps"
    await expect(page.get_by_label("HubSpot service key")).to_be_visible(visible=keyed)
    await expect(page.get_by_label("HubSpot client secret")).to_be_visible(visible=not keyed)
