"""The whole wizard against the demo's two CRMs, from the one-time link to both in agreement: by either way, with a trial that is
gone on from or taken back, and by keyboard alone.

What a window of a sign-in can come to (closed, denied, blocked, a colleague's) is in test_setup.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from tests.browser import chromium, demo_world
from tests.browser.controls import pressed
from tests.browser.demo_world import FINISH, Demo, a_demo, counted, finish, in_agreement, install_the_package
from tests.browser.sign_ins import HUBSPOT, SALESFORCE

pytestmark = pytest.mark.anyio

CLICKS_MOST = 12
# Counts what a person presses, not what a script does; it survives from page to page, as long as the window does.
COUNT_CLICKS = """addEventListener("click", event => {
    if (event.isTrusted) sessionStorage.setItem("clicks", 1 + Number(sessionStorage.getItem("clicks")));
}, true)"""


@pytest.fixture
async def demo(tmp_path: Path, browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Demo]:
    async with a_demo(tmp_path, browser) as made:
        yield made
        pressed(request.node, made.asked)


async def clicks(page: Page) -> int:
    return int(await page.evaluate("Number(sessionStorage.getItem('clicks'))"))


async def look(page: Page) -> None:
    """As wide as a desk's screen and as narrow as a telephone's."""
    for width in (chromium.NARROW, 1100):
        await page.set_viewport_size({"width": width, "height": 800})
        await chromium.axe(page)
        await chromium.fits(page)


@pytest.mark.presses("GET /settings/progress/events")
async def test_recommended_leads_to_two_crms_in_agreement_within_twelve_clicks(demo: Demo) -> None:
    page = await demo.page()
    await page.add_init_script(COUNT_CLICKS)
    await page.goto(demo.link)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/setup/expectations")
    await demo_world.to_connect(page)
    await demo_world.sign_in_to_both(page)
    before = await clicks(page)
    assert before > 0
    await install_the_package(page)
    await page.get_by_role("button", name="Review settings").click()
    await counted(page)
    await finish(page, "Link and create missing")
    assert await clicks(page) - before <= CLICKS_MOST

    told = await demo.compared()
    assert told.differences == 0, [each.differences for each in told.objects.values()]
    assert {name: each.pairs > 0 for name, each in told.objects.items()} == dict.fromkeys(told.objects, True)
    await page.get_by_role("link", name="Open the settings").click()
    await expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    # Healthy, in words.
    await expect(page.locator("[data-verdict]")).to_contain_text("In agreement: nothing is due, nothing needs you.")
    await expect(page.get_by_text("Nothing needs you.", exact=True)).to_be_visible()
    await chromium.axe(page)


async def test_advanced_is_left_in_the_middle_and_gone_on_with_in_another_browser(demo: Demo) -> None:
    demo.stage.world.hubspot.settings().add_user("Olga", "Owner", "olga@example.com")
    demo.stage.world.salesforce.add_user("Olga There", "o.owner@elsewhere.example")
    page = await demo.admin()
    await demo_world.to_connect(page, look)
    await demo_world.sign_in_to_both(page)
    await look(page)
    await install_the_package(page, look)
    await page.get_by_label("Leave them out").check()
    await page.get_by_role("button", name="Next (Advanced)").click()
    await page.wait_for_url("**/setup/contacts")
    await page.get_by_label("The contacts of a HubSpot list").check()
    await page.get_by_label("Find a list", exact=True).fill("job")
    await page.get_by_role("button", name="Search lists").click()
    await page.get_by_label("People with a job title").check()
    await page.get_by_role("radiogroup", name="In HubSpot, when").get_by_label("Do nothing").check()
    await look(page)
    await page.get_by_role("button", name="Next").click()
    await page.wait_for_url("**/setup/properties")
    # Whoever closes the browser here has lost nothing: it is on the server.
    await page.context.close()

    page = await demo.admin()
    await page.goto("/setup")
    await page.wait_for_url("**/setup/properties")
    await page.get_by_role("button", name="Enable deal sync").click()
    await expect(page.get_by_role("button", name="Enable deal sync")).to_have_attribute("aria-pressed", "false")
    await expect(page.get_by_text("This object does not sync")).to_be_visible()
    await look(page)
    await page.get_by_role("navigation", name="Objects").get_by_role("link", name="Contacts").click()
    await page.get_by_label("Find a property or field").fill("jobtitle")
    await page.get_by_role("button", name="Find").click()
    row = page.get_by_role("row").filter(has_text="jobtitle")
    await row.get_by_role("checkbox").check()
    await page.get_by_label("Sync rule", exact=True).select_option("two_way")
    await page.get_by_role("button", name="Set rule for selected").click()
    await expect(row.get_by_role("cell", name="Two-way")).to_be_visible()
    await look(page)
    slow = {"match": {"path_prefix": "/crm/objects"}, "kind": "slow", "delay_ms": 1_500}
    demo.stage.world.hubspot.faults.add(slow)
    await page.get_by_role("button", name="Next").click()
    await page.wait_for_url("**/setup/values")
    await look(page)
    await page.get_by_role("button", name="Next").click()
    await page.wait_for_url("**/setup/choices")
    await more_choices(page)
    await page.wait_for_url("**/setup/owners")
    await owners(page)
    await page.wait_for_url("**/setup/review")
    # Counted in the background, said as far as it is.
    await expect(page.get_by_text("so far", exact=True)).to_be_visible()
    await look(page)
    demo.stage.world.hubspot.faults.clear()
    await counted(page)
    await expect(page.get_by_text("The contacts of the list People with a job title.")).to_be_visible()
    await expect(page.get_by_text("Deals: off.")).to_be_visible()
    await look(page)

    # *Change* comes straight back.
    await page.get_by_role("link", name="Change (Contacts)").click()
    await page.get_by_role("radiogroup", name="In HubSpot, when").get_by_label("Create or update the contact").check()
    await page.get_by_role("button", name="Next").click()
    await counted(page)
    await expect(page.get_by_text("A new Salesforce lead or contact becomes a HubSpot contact.")).to_be_visible()

    await try_and_take_back(page)
    await finish(page, "Link and create missing", look)
    await what_was_chosen_is_what_the_settings_show(page)

    told = await demo.compared()
    assert told.objects["contacts"].pairs > 0
    assert not [each for found in told.objects.values() for each in found.differences if each.property is not None]
    deals = demo.stage.world.hubspot.user().ids("deals")
    assert not deals


async def what_was_chosen_is_what_the_settings_show(page: Page) -> None:
    await page.get_by_role("link", name="Open the settings").click()
    await expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    await page.get_by_role("navigation", name="Settings").get_by_role("link", name="Contacts").click()
    await expect(page.get_by_text("Only records of the HubSpot list")).to_be_visible()
    title = page.get_by_role("row").filter(has=page.get_by_label("Select jobtitle", exact=True))
    await expect(title).to_contain_text("Two-way")
    await expect(page.get_by_label("When a record is deleted on one side")).to_have_value("in_hubspot")
    await expect(page.get_by_text("LastName != 'Nobody'")).to_be_visible()
    await expect(page.get_by_text("country is one of: Nowhere")).to_be_visible()


async def more_choices(page: Page) -> None:
    """Unfolded and folded by its heading, chosen, searched and counted."""
    contacts, companies = page.locator("#more-contacts"), page.locator("#more-companies")
    await expect(page.locator("#more-deals")).to_have_count(0)
    await contacts.locator("summary").click()
    await contacts.get_by_label("When a record is deleted on one side").select_option("in_hubspot")
    await contacts.get_by_label("Only records of Contact").fill("LastName != 'Nobody'")
    first = contacts.get_by_role("group", name="Rule 1")
    await first.get_by_label("Condition").select_option("property_is")
    await first.get_by_label("Property").fill("country")
    await first.get_by_label("Values").fill("Nowhere")
    await first.get_by_label("Becomes").select_option("Lead")
    await companies.locator("summary").click()
    await companies.get_by_label("Find a list").fill("nothing is called so")
    await companies.get_by_role("button", name="Search lists (Companies)").click()
    await expect(companies).to_have_attribute("open", "")
    await expect(companies.get_by_label("HubSpot list that limits what syncs")).to_have_value("")
    await expect(first.get_by_label("Values")).to_have_value("Nowhere")
    await look(page)
    await contacts.get_by_role("button", name="Count the records (Contacts)").click()
    await expect(page.locator("#counted")).to_contain_text("records fit.")
    await look(page)
    await page.get_by_role("button", name="Next", exact=True).click()


OLGA = "Olga Owner (olga@example.com)"


async def owners(page: Page) -> None:
    """By keyboard: who has no counterpart by e-mail is paired, and the people are read again on the way."""
    who = page.get_by_label(f"Salesforce user who is {OLGA}")
    await expect(page.get_by_text("No Salesforce user has this address")).to_be_visible()
    await look(page)
    option = who.locator("option", has_text="Olga There")
    await who.select_option(await option.get_attribute("value"))
    await press(page, page.get_by_role("button", name="Read the people of both sides again"))
    await expect(who.locator("option:checked")).to_contain_text("Olga There")
    await press(page, page.locator("summary", has_text="the same by e-mail address"))
    await look(page)
    await press(page, page.get_by_role("button", name="Next", exact=True))


async def test_pipelines_are_chosen_from_the_review_by_keyboard_and_made_at_the_finish(demo: Demo) -> None:
    page = await demo.admin()
    await demo_world.to_connect(page)
    await demo_world.sign_in_to_both(page)
    await install_the_package(page)
    await page.get_by_label("Leave them out").check()
    await page.get_by_role("button", name="Review settings").click()
    await counted(page)
    there = demo.stage.world.hubspot.portal.pipelines["deals"].all
    pipelines = len(there)
    await press(page, page.get_by_role("link", name="Change (Pipelines)"))
    await page.wait_for_url("**/setup/pipelines*")
    await look(page)
    how = page.get_by_role("combobox", name="pipeline in HubSpot")
    await how.select_option("make")
    await press(page, page.get_by_role("button", name="Show its stages"))
    await expect(page.get_by_label("Prospecting")).to_have_count(0)
    await press(page, page.get_by_role("button", name="Next", exact=True))
    await page.wait_for_url("**/setup/review*")
    await expect(page.get_by_text("is made in HubSpot, with the stages")).to_be_visible()
    await press(page, page.get_by_role("link", name="Change (Pipelines)"))
    await how.select_option(label=await how.locator("option").nth(1).inner_text())
    await page.get_by_role("button", name="Next", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("were not shown yet.")
    await expect(page.get_by_label("Closed Won", exact=False).first).to_be_visible()
    await look(page)
    await how.select_option("make")
    await page.get_by_role("button", name="Next", exact=True).click()
    await page.wait_for_url("**/setup/review*")
    await counted(page)
    await look(page)
    assert len(there) == pipelines
    await finish(page, "Only what changes from now on")
    assert "Salesforce - Default pipeline" in {each.label for each in there.values()}


TRIED = "These records are synced. Everything else waits for you."


async def try_and_take_back(page: Page) -> None:
    """From the review back to it: ten records, side by side as soon as they are synced, and as they were before."""
    await page.get_by_label("Try with 10 records first").check()
    await page.get_by_role("button", name=FINISH).click()
    await expect(page.get_by_text(TRIED)).to_be_visible()
    await expect(page.get_by_role("table", name="Side by side").first).to_be_visible()
    await look(page)
    await page.get_by_role("link", name="Undo these").click()
    await page.get_by_role("button", name="Undo these").click()
    again = page.get_by_role("link", name="Back to the review, for another choice")
    await expect(again).to_be_visible()
    await look(page)
    await again.click()
    await page.wait_for_url("**/setup/review?*")
    await expect(page.get_by_text("complete", exact=True)).to_be_visible()


async def press(page: Page, target: Locator) -> None:
    await expect(target).to_be_visible()
    await page.wait_for_load_state()
    await chromium.tab_to(page, target)
    await page.keyboard.press("Enter")


async def sign_in_by_keyboard(page: Page, button: str) -> None:
    async with page.expect_popup() as opening:
        await press(page, page.get_by_role("button", name=button))
    window = await opening.value
    await window.wait_for_url("**/sign-in?next=*")
    password = await window.locator("code").first.inner_text()
    await chromium.tab_to(window, window.locator("[name=email]"))
    await window.keyboard.press("a")
    await chromium.tab_to(window, window.locator("[name=password]"))
    await window.keyboard.type(password)
    await window.keyboard.press("Enter")
    await window.wait_for_url("**/authorize?*")
    async with window.expect_event("close"):
        await press(window, window.locator("button[value=yes]"))


async def test_recommended_is_gone_through_by_keyboard_alone(demo: Demo) -> None:
    page = await demo.page()
    await page.goto(demo.link)
    await press(page, page.get_by_role("button", name="Sign in"))
    await page.wait_for_url("**/setup/expectations")
    await press(page, page.get_by_role("button", name="Next"))
    await page.wait_for_url("**/setup/connect")
    for button, side in ((HUBSPOT, "HubSpot"), (SALESFORCE, "Salesforce")):
        await sign_in_by_keyboard(page, button)
        await expect(page.get_by_role("button", name=f"Not you? Sign in as someone else ({side})")).to_be_visible()
    await press(page, page.get_by_role("button", name="Next"))
    await press(page, page.get_by_role("link", name="Begin Salesforce package install"))
    await press(page, page.get_by_role("button", name="Install", exact=True))
    await press(page, page.get_by_role("button", name="Continue"))
    await expect(page.get_by_text("Done. The package is installed.")).to_be_visible()
    await press(page, page.get_by_role("button", name="Next"))
    await page.wait_for_url("**/setup/configuration")
    # Leaving them out makes the way shorter; the other choice is made with the arrow.
    await chromium.tab_to(page, page.get_by_label("Create them"))
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_label("Leave them out")).to_be_checked()
    await press(page, page.get_by_role("button", name="Review settings"))
    await counted(page)
    await chromium.tab_to(page, page.get_by_label("Only what changes from now on"))
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_label("Try with 10 records first")).to_be_checked()
    await press(page, page.get_by_role("button", name=FINISH))
    await page.wait_for_url("**/settings/progress*")
    await expect(page.get_by_text(TRIED)).to_be_visible()
    await press(page, page.get_by_role("button", name="Continue"))
    await in_agreement(page)
