"""Each control of the settings once, in a connection that a person set up by the wizard, with its effect as the page shows it.

What it does in the CRMs and in the store is tested below the pages. One world for all: each test leaves what it changed as it was,
or touches what no other does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from tests.browser import chromium
from tests.browser.demo_world import Demo, a_demo, connect
from tests.browser.sign_ins import SALES, log_in

from interlock.app.notify import watch
from interlock.demo.world import World
from interlock.store import connections

pytestmark = pytest.mark.anyio

HERE = "/connections/1"
# People whom both CRMs know.
DISAGREED = ("one@example.com", "two@example.com", "three@example.com")
TOO_LONG = ("first@example.com", "second@example.com")


def furnish(world: World) -> None:
    hugo, sally = world.hubspot.user(), world.salesforce.user()
    for email in DISAGREED:
        name = email.partition("@")[0].capitalize()
        hugo.create("contacts", {"email": email, "lastname": name})
        sally.create("Contact", {"Email": email, "LastName": name})
    for email in TOO_LONG:
        hugo.create("contacts", {"email": email, "lastname": "Long", "jobtitle": "x" * 200})


def disagree(world: World) -> None:
    """On the title of people who are linked by now: edited on both sides before either could see the other's edit."""
    hugo, sally = world.hubspot.user(), world.salesforce.user()
    emails = {hugo.get("contacts", id_).get("email"): id_ for id_ in hugo.ids("contacts")}
    for email in DISAGREED:
        id_ = emails[email]
        hugo.update("contacts", id_, {"jobtitle": "First pilot"})
        contact = hugo.get("contacts", id_)["interlock_salesforce_id"]
        assert contact is not None
        sally.update("Contact", contact, {"Title": "Flight captain"})


@pytest.fixture(scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[Demo]:
    async with a_demo(tmp_path_factory.mktemp("settings"), browser, furnish) as made:
        await connect(made)
        disagree(made.stage.world)
        yield made


@pytest.fixture(scope="module")
async def window(demo: Demo) -> Page:
    return await demo.admin()


@pytest.fixture
async def page(demo: Demo, window: Page) -> AsyncIterator[Page]:
    yield window
    await chromium.axe(window)
    demo.has_heard_no_complaint()


async def said(page: Page, text: str) -> None:
    await expect(page.get_by_role("status").filter(has_text=text).first).to_be_visible()


async def until(page: Page, address: str, shown: Locator) -> None:
    """What the dispatcher does meanwhile is on a page once it is loaded again."""
    async with asyncio.timeout(20.0):
        await page.goto(address)
        while not await shown.count():
            await page.reload()


# --- Overview, Connection


async def test_a_pause_and_its_end_arrive_on_the_overview_by_themselves(demo: Demo, page: Page) -> None:
    overview = await demo.admin()
    await overview.goto(f"{HERE}/overview")
    for name in ("Companies", "Contacts", "Deals"):
        await expect(overview.get_by_role("heading", name=name, exact=True)).to_be_visible()
    await page.goto(f"{HERE}/connection")
    await page.get_by_role("button", name="Pause syncing").click()
    await expect(overview.get_by_role("heading", name="State: Paused")).to_be_visible()
    await page.get_by_role("button", name="Resume", exact=True).click()
    await expect(page.get_by_role("button", name="Pause syncing")).to_be_visible()
    await expect(overview.get_by_role("heading", name="State: Paused")).to_have_count(0)
    await overview.context.close()


async def test_one_object_is_paused_and_resumed(page: Page) -> None:
    await page.goto(f"{HERE}/connection")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Deals"))
    await row.get_by_role("button", name="Pause deals").click()
    await expect(row.get_by_role("cell", name="paused")).to_be_visible()
    await row.get_by_role("button", name="Resume deals").click()
    await expect(row.get_by_role("cell", name="syncs")).to_be_visible()


async def test_a_side_is_signed_in_to_again_and_as_another_user(demo: Demo, page: Page) -> None:
    await page.goto(f"{HERE}/connection")
    await page.get_by_role("button", name="Sign in again (HubSpot)").click()
    await log_in(page)
    await page.locator("button[value=yes]").click()
    await page.wait_for_url(f"{demo.url}{HERE}/connection**")
    await page.get_by_role("button", name="Connect a different user (Salesforce)").click()
    await log_in(page, SALES)
    await page.locator("button[value=yes]").click()
    await page.wait_for_url(f"{demo.url}{HERE}/connection**")
    await expect(page.get_by_role("main")).to_contain_text(SALES)


async def test_mappings_go_out_as_a_file_and_come_in_again_changed(page: Page, tmp_path: Path) -> None:
    await page.goto(f"{HERE}/connection")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download mappings").click()
    file = tmp_path / "mappings.yaml"
    await (await downloading.value).save_as(file)
    text = file.read_text(encoding="utf-8")
    changed = re.sub(r"(property: fax\n\s+field: Fax\n\s+rule: )\w+", r"\1always_salesforce", text)
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    await page.get_by_label("File with mappings").set_input_files(file)
    await page.get_by_role("button", name="Upload mappings").click()
    await expect(page.get_by_role("heading", level=1, name="What the file would change")).to_be_visible()
    await chromium.axe(page)
    await expect(page.get_by_role("cell", name="Always use Salesforce").first).to_be_visible()
    await page.get_by_role("button", name="Apply mappings").click()
    await page.wait_for_url(f"**{HERE}/connection**")
    await page.goto(f"{HERE}/contacts?q=fax")
    await expect(page.get_by_role("row").filter(has_text="Fax")).to_contain_text(["Always use Salesforce"])


# --- Sync health


async def test_the_allocation_is_saved_and_shown(page: Page) -> None:
    await page.goto(f"{HERE}/health")
    await page.get_by_label("Allocated to Interlock", exact=True).fill("12345")
    await page.get_by_role("button", name="Save allocation").click()
    await said(page, "The allocation is saved")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Salesforce", exact=True))
    await expect(row.first).to_contain_text("12,345")
    await page.get_by_label("Allocated to Interlock", exact=True).fill("")
    await page.get_by_role("button", name="Save allocation").click()
    await expect(row.first).to_contain_text("200,000")


async def test_a_suspension_is_told_says_why_and_is_cleared(demo: Demo, page: Page) -> None:
    why = "Salesforce answered with an error 20 times in a row."
    async with demo.stage.interlock.store.write(1) as tx:
        await connections.update(tx, 1, state="suspended", state_reason=why, state_fix="Look at the org.")
    # As the courier does every quarter of a minute.
    await watch.look(demo.stage.interlock.store, demo.stage.interlock.clock_us())
    await page.goto("/notices")
    await expect(page.get_by_role("main")).to_contain_text(why)
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.get_by_role("link", name="Notices", exact=True)).to_be_visible()
    await page.goto(f"{HERE}/health")
    await expect(page.get_by_text(why)).to_be_visible()
    await chromium.axe(page)
    await page.get_by_role("button", name="Clear suspension").click()
    await said(page, "The suspension is cleared")
    await expect(page.get_by_text(why)).to_have_count(0)


async def test_issues_are_exported_ignored_and_resynced(page: Page) -> None:
    await page.goto(f"{HERE}/health")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Export Property values").click()
    exported = await (await downloading.value).path()
    assert exported.read_text(encoding="utf-8").count("jobtitle") == len(TOO_LONG)
    await page.goto(f"{HERE}/issues")
    boxes = page.get_by_role("checkbox", name=re.compile(r"^Issue \d+$"))
    await expect(boxes).to_have_count(len(TOO_LONG))
    await chromium.axe(page)
    await boxes.first.check()
    await page.get_by_role("button", name="Ignore").click()
    await expect(boxes).to_have_count(len(TOO_LONG) - 1)
    await boxes.first.check()
    await page.get_by_role("button", name="Resync").click()
    await said(page, "The records are due again.")
    await page.goto(f"{HERE}/health")
    await page.get_by_role("button", name="Resync Property values").click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()


# --- Contacts: rules, the list, mappings, import


async def test_what_becomes_of_a_new_contact_is_chosen(page: Page) -> None:
    await page.goto(f"{HERE}/contacts")
    choice = page.get_by_label("In Salesforce, when a HubSpot contact is new")
    for rule in ("Do nothing", "Create or update the contact"):
        await choice.select_option(label=rule)
        await page.get_by_role("button", name="Save rules").click()
        await said(page, "saved")
        await expect(choice.locator("option:checked")).to_have_text(rule)


async def test_who_syncs_is_limited_to_a_list_and_to_nobody_less_again(page: Page) -> None:
    await page.goto(f"{HERE}/contacts")
    await page.get_by_role("link", name="Choose which contacts to sync").click()
    await page.get_by_label("Search lists").fill("prosp")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("radio")).to_have_count(2)
    await chromium.axe(page)
    await page.get_by_label("Prospects").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Only records of the HubSpot list")).to_be_visible()
    await page.get_by_role("link", name="Choose which contacts to sync").click()
    await page.get_by_label("All contacts").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("All contacts sync.")).to_be_visible()


async def test_a_mapping_is_added_changed_and_removed_and_each_is_shown_before(page: Page) -> None:
    await page.goto(f"{HERE}/contacts")
    await page.get_by_role("link", name="Add mapping").click()
    await page.get_by_label("HubSpot property").select_option("twitterhandle")
    await page.get_by_role("button", name="Show fields that fit").click()
    field = page.get_by_label("Salesforce field")
    await field.select_option(index=0)
    await chromium.axe(page)
    await page.get_by_role("button", name="See what it would change").click()
    await expect(page.get_by_role("cell", name="not mapped").first).to_be_visible()
    await chromium.axe(page)
    await page.get_by_role("button", name="Save").click()

    await page.get_by_role("link", name="Change twitterhandle").click()
    await chromium.axe(page)
    await page.get_by_label("Sync rule").select_option(label="Two-way")
    await page.get_by_role("button", name="See what it would change").click()
    await expect(page.get_by_role("row").filter(has_text="twitterhandle").first).to_contain_text("Two-way")
    await page.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text="twitterhandle")
    await expect(row).to_contain_text("Two-way")

    await page.get_by_role("link", name="Change twitterhandle").click()
    await page.get_by_role("button", name="Remove mapping").click()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", level=1, name="Contacts")).to_be_visible()
    await expect(row).to_have_count(0)


async def test_a_rule_is_set_for_those_that_are_ticked(page: Page) -> None:
    await page.goto(f"{HERE}/contacts")
    for name in ("mobilephone", "salutation"):
        await page.get_by_label(f"Select {name}", exact=True).check()
    await page.get_by_label("Sync rule", exact=True).select_option(label="Always use HubSpot")
    await page.get_by_role("button", name="Set rule for selected").click()
    await expect(page.get_by_role("heading", level=1, name="What it would change")).to_be_visible()
    await page.get_by_role("button", name="Save").click()
    for name in ("mobilephone", "salutation"):
        row = page.get_by_role("row").filter(has=page.get_by_label(f"Select {name}", exact=True))
        await expect(row).to_contain_text("Always use HubSpot")


async def test_an_import_is_asked_for_and_a_wrong_date_refused(page: Page) -> None:
    await page.goto(f"{HERE}/contacts")
    await page.get_by_label("Changed since").fill("some day")
    await page.get_by_role("button", name="Import from Salesforce").click()
    await expect(page.get_by_role("alert")).to_contain_text("some day")
    await chromium.axe(page)
    await page.get_by_label("Changed since").fill("3d")
    await page.get_by_role("button", name="Import from Salesforce").click()
    await said(page, "mport")


# --- Records, Conflicts


async def to_record(page: Page, email: str) -> None:
    await page.goto(f"{HERE}/records")
    await page.get_by_label("Find a record").fill(email)
    await page.get_by_role("button", name="Find").click()
    await page.get_by_role("row").filter(has_text="linked").get_by_role("link").first.click()
    await expect(page.get_by_role("table", name="The pair side by side")).to_be_visible()


async def test_a_record_is_found_seen_side_by_side_and_synced_now(page: Page) -> None:
    await to_record(page, DISAGREED[0])
    pair = page.get_by_role("table", name="The pair side by side")
    await expect(pair.get_by_role("row").filter(has_text="jobtitle")).to_contain_text("Flight captain")
    await page.get_by_role("button", name="Sync now").click()
    await said(page, "The record is due")


async def test_one_conflict_is_resolved_and_then_all_that_are_left(page: Page) -> None:
    for email in DISAGREED:
        await to_record(page, email)
        await page.get_by_role("button", name="Sync now").click()
        await said(page, "The record is due")
    keep = page.get_by_role("button", name="Keep HubSpot for conflict")
    await until(page, f"{HERE}/conflicts?property=jobtitle", keep.nth(len(DISAGREED) - 1))
    await chromium.axe(page)
    await keep.first.click()
    await said(page, "The choice is noted.")
    await until(page, f"{HERE}/conflicts?property=jobtitle", page.get_by_text("2 conflicts"))
    await page.get_by_label("Number of conflicts").fill("1")
    await page.get_by_role("button", name="Resolve all").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Number of conflicts").fill("2")
    await page.get_by_role("button", name="Resolve all").click()
    await until(page, f"{HERE}/conflicts?property=jobtitle", page.get_by_text("0 conflicts"))
    await page.get_by_label("Status").select_option("resolved")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.get_by_text("3 conflicts")).to_be_visible()


# --- Notifications, People, API tokens, Audit log


async def test_a_webhook_is_added_tried_and_removed(page: Page) -> None:
    # Messages go to public addresses over https alone, so none of this machine can take one: the page says what came of it.
    target = "https://hooks.invalid/interlock"
    await page.goto("/notifications")
    await page.get_by_label("Web address or e-mail address").fill("no address")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await chromium.axe(page)
    await page.get_by_label("Web address or e-mail address").fill(target)
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_label("Signing secret")).not_to_have_value("")
    await page.get_by_role("link", name="Back to Notifications").click()
    await chromium.axe(page)
    await page.get_by_role("button", name=f"Send a test to {target}").click()
    await expect(page.get_by_role("button", name=f"Remove {target}")).to_be_visible()
    await page.get_by_role("button", name=f"Remove {target}").click()
    await expect(page.get_by_text("Nobody else.")).to_be_visible()
    await page.get_by_label("Tell when a category has this many").fill("7")
    await page.get_by_role("button", name="Save number").click()
    await expect(page.get_by_label("Tell when a category has this many")).to_have_value("7")


async def test_a_person_is_added_given_another_role_disabled_and_enabled(page: Page) -> None:
    await page.goto("/people")
    await page.get_by_label("Name", exact=True).fill("Nina")
    await page.get_by_label("E-mail", exact=True).fill("nina@example.com")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("heading", level=1, name="A link for Nina")).to_be_visible()
    await page.goto("/people")
    row = page.get_by_role("row").filter(has_text="nina@example.com")
    await page.get_by_label("Role of Nina", exact=True).select_option("operator")
    await page.get_by_role("button", name="Save the role of Nina").click()
    await expect(page.get_by_label("Role of Nina", exact=True)).to_have_value("operator")
    await page.get_by_role("button", name="Disable Nina").click()
    await expect(row).to_contain_text("disabled")
    await chromium.axe(page)
    await page.get_by_role("button", name="Enable Nina").click()
    await expect(row).to_contain_text("no password yet")
    await page.get_by_role("button", name="New password for Nina").click()
    await expect(page.get_by_role("heading", level=1, name="A link for Nina")).to_be_visible()


async def test_a_token_is_made_and_revoked_and_the_audit_log_tells_it(page: Page) -> None:
    await page.goto("/api-tokens")
    await page.get_by_label("Name", exact=True).fill("reports")
    await page.get_by_role("button", name="Make", exact=True).click()
    await expect(page.get_by_label("Token", exact=True)).not_to_have_value("")
    await page.get_by_role("link", name="Back to API tokens").click()
    await page.get_by_role("button", name="Revoke reports").click()
    await expect(page.get_by_text("There is no token.")).to_be_visible()
    await page.goto("/audit-log")
    await expect(page.get_by_text("rows are as they were written")).to_be_visible()
    await expect(page.get_by_role("row").nth(1)).to_contain_text("token")
