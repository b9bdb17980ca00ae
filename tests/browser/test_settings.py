"""Each control of Overview, Connection and Sync health once, in a connection that a person set up by the wizard: what is seen
on the page and what has changed behind it.

The other tabs: test_settings_of_objects.py, test_settings_of_records.py, test_settings_of_people.py, test_uninstall.py,
test_new_sandbox.py.
test_every_control.py lists them all.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.browser import chromium
from tests.browser.settled import HERE, NOT_SYNCED, TOO_LONG, Settled, said
from tests.browser.sign_ins import ADMIN, SALES, log_in

from interlock.app.notify import watch
from interlock.app.package.parts import USER_SET
from interlock.store import connections

pytestmark = pytest.mark.anyio

C = "/connections/{id:int}"
STATE = "SELECT state FROM connection"


# --- Overview, Connection


@pytest.mark.presses(f"GET {C}/live", f"POST {C}/connection/pause", f"POST {C}/connection/resume")
async def test_a_pause_and_its_end_arrive_on_the_overview_by_themselves(settled: Settled, page: Page) -> None:
    overview = await page.context.new_page()
    overview.on("response", settled.demo.answered)
    await overview.goto(f"{HERE}/overview")
    for name in ("Companies", "Contacts", "Deals"):
        await expect(overview.get_by_role("heading", name=name, exact=True)).to_be_visible()
    await page.goto(f"{HERE}/connection")
    await page.get_by_role("button", name="Pause syncing").click()
    await expect(overview.get_by_role("heading", name="State: Paused")).to_be_visible()
    assert await settled.value(STATE) == "paused"
    await page.get_by_role("button", name="Resume", exact=True).click()
    await expect(page.get_by_role("button", name="Pause syncing")).to_be_visible()
    await expect(overview.get_by_role("heading", name="State: Paused")).to_have_count(0)
    assert await settled.value(STATE) != "paused"
    await overview.close()


@pytest.mark.presses(f"POST {C}/connection/{{object}}/pause", f"POST {C}/connection/{{object}}/resume")
async def test_one_object_is_paused_and_resumed(settled: Settled, page: Page) -> None:
    await page.goto(f"{HERE}/connection")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Deals"))
    await row.get_by_role("button", name="Pause deals").click()
    await expect(row.get_by_role("cell", name="paused")).to_be_visible()
    assert await settled.value(STATE) != "paused"
    await row.get_by_role("button", name="Resume deals").click()
    await expect(row.get_by_role("cell", name="syncs")).to_be_visible()


@pytest.mark.presses(f"POST {C}/connection/{{side}}/sign-in")
async def test_a_side_is_signed_in_to_again_and_as_another_user(settled: Settled, page: Page) -> None:
    url = settled.demo.url
    await page.goto(f"{HERE}/connection")
    await page.get_by_role("button", name="Sign in again (HubSpot)").click()
    # Whoever went through the wizard is logged in there still; another user logs in anew.
    await page.locator("button[value=yes]").click()
    await page.wait_for_url(f"{url}{HERE}/connection**")
    # Back to the admin at the end: the salesperson may change no permission set, which others in this world want to.
    for user in (SALES, ADMIN):
        await page.get_by_role("button", name="Connect a different user (Salesforce)").click()
        await log_in(page, user)
        await page.locator("button[value=yes]").click()
        await page.wait_for_url(f"{url}{HERE}/connection**")
        await said(page, "Signed in. Syncing goes on with this sign-in.")
        await expect(page.get_by_role("main")).to_contain_text(user)


@pytest.mark.presses(f"POST {C}/connection/package")
async def test_what_is_missing_of_the_package_is_seen_and_installed(settled: Settled, page: Page) -> None:
    org = settled.world.salesforce.org
    (people,) = [row.id for row in org.tables["PermissionSet"].rows.values() if row.values["Name"] == USER_SET]
    seen = [row.id for row in org.tables["FieldPermissions"].rows.values() if row.values["ParentId"] == people]
    settled.world.salesforce.user().delete("FieldPermissions", seen[0])
    await page.goto(f"{HERE}/connection")
    await page.get_by_role("link", name="Look at the package").click()
    await expect(page.get_by_text("Some of the package is in the org.")).to_be_visible()
    await chromium.axe(page)
    await page.get_by_role("button", name="Install the Salesforce package").click()
    await said(page, "Done. The package is installed.")
    await chromium.axe(page)
    await page.get_by_role("link", name="Look at the package").click()
    await expect(page.get_by_text("The package is in the org.")).to_be_visible()
    await expect(page.get_by_role("button", name="Install the Salesforce package")).to_have_count(0)


@pytest.mark.presses(f"GET {C}/mappings.yaml", f"POST {C}/mappings/upload", f"POST {C}/mappings/apply")
async def test_mappings_go_out_as_a_file_and_come_in_again_changed(
    settled: Settled, page: Page, tmp_path: Path
) -> None:
    rule = "SELECT DISTINCT rule FROM field_mapping WHERE property = 'fax'"
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
    assert await settled.value(rule) != "always_salesforce"
    await page.get_by_role("button", name="Apply mappings").click()
    await page.wait_for_url(f"**{HERE}/connection**")
    assert await settled.value(rule) == "always_salesforce"
    await page.goto(f"{HERE}/contacts?q=fax")
    await expect(page.get_by_role("row").filter(has_text="Fax")).to_contain_text(["Always use Salesforce"])


async def test_a_sandbox_that_was_refreshed_is_told_how_to_connect_to_the_new_one(settled: Settled, page: Page) -> None:
    async with settled.store.write(1) as tx:
        await connections.update(tx, 1, sandbox=True)
    await page.goto(f"{HERE}/connection")
    await expect(page.get_by_role("heading", name="Connect to a new sandbox")).to_be_visible()
    async with settled.store.write(1) as tx:
        await connections.update(tx, 1, sandbox=False)
    await page.reload()
    await expect(page.get_by_role("heading", name="Connect to a new sandbox")).to_have_count(0)


# --- Sync health


@pytest.mark.presses(f"POST {C}/health/allocation")
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


async def test_api_use_is_drawn_over_the_time_that_is_chosen_and_stands_in_a_table_too(page: Page) -> None:
    await page.goto(f"{HERE}/health")
    await expect(page.locator("[data-chart=chart-salesforce] canvas")).to_be_visible()
    shown = page.get_by_role("link", name="7 days")
    await shown.click()
    await page.wait_for_url("**range=*")
    await expect(shown).to_have_attribute("aria-current", "true")
    await page.get_by_text("API calls of Salesforce as a table").click()
    await expect(page.get_by_role("table", name="API calls of Salesforce", exact=True)).to_be_visible()


@pytest.mark.presses(f"POST {C}/health/clear", "POST /notices/read")
async def test_a_suspension_is_told_says_why_and_is_cleared(settled: Settled, page: Page) -> None:
    why = "Salesforce answered with an error 20 times in a row."
    async with settled.store.write(1) as tx:
        await connections.update(tx, 1, state="suspended", state_reason=why, state_fix="Look at the org.")
    # As the courier does every quarter of a minute.
    await watch.look(settled.store, settled.demo.stage.interlock.clock_us())
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
    assert await settled.value(STATE) != "suspended"


@pytest.mark.presses(f"POST {C}/issues/merge")
async def test_what_was_merged_in_salesforce_is_merged_in_hubspot_once_it_is_ticked_and_counted(
    settled: Settled, page: Page
) -> None:
    twins = ("kept@example.com", "twin@example.com")
    hugo, sally = settled.world.hubspot.user(), settled.world.salesforce.user()
    for email in twins:
        hugo.create("contacts", {"email": email, "lastname": "Twin"})
    await settled.sync()
    await settled.until_true(lambda: all(map(settled.is_linked, twins)))
    sally.merge("Contact", *map(settled.counterpart, twins))
    await settled.sync()
    listed = f"{HERE}/issues?code=counterpart_merged"
    await settled.until(listed, lambda window: window.get_by_text("is left without a counterpart"))
    await page.goto(listed)
    await chromium.axe(page)
    row = page.get_by_role("row").filter(has_text=settled.person(twins[1]))
    merge = page.get_by_role("button", name="Merge in HubSpot")
    await row.get_by_role("checkbox").check()
    await merge.click()
    await expect(page.get_by_text("1 are ticked. To merge what they propose, type that number.").first).to_be_visible()
    people = len(settled.people())
    await row.get_by_role("checkbox").check()
    await page.get_by_label("How many are ticked").fill("1")
    await merge.click()
    await said(page, "The next sync merges them in HubSpot.")
    await settled.until_true(lambda: len(settled.people()) == people - 1)


@pytest.mark.presses(f"GET {C}/issues/export", f"POST {C}/issues/ignore", f"POST {C}/issues/resync")
async def test_issues_are_exported_filtered_ignored_and_resynced(settled: Settled, page: Page) -> None:
    tries = "SELECT MIN(tries) FROM issue WHERE property = 'jobtitle' AND status <> 'ignored'"
    await page.goto(f"{HERE}/health")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Export Property values").click()
    exported = await (await downloading.value).path()
    assert exported.read_text(encoding="utf-8").count("jobtitle") == len(TOO_LONG)
    await page.goto(f"{HERE}/issues")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="JSONL").click()
    lines = (await (await downloading.value).path()).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["property"] for line in lines].count("jobtitle") == len(TOO_LONG)

    boxes = page.get_by_role("checkbox", name=re.compile(r"^Issue \d+$"))
    await page.get_by_label("Category").select_option(label="Property values")
    await page.get_by_role("button", name="Filter", exact=True).click()
    await expect(boxes).to_have_count(len(TOO_LONG))
    await chromium.axe(page)
    await boxes.first.check()
    await page.get_by_role("button", name="Ignore").click()
    await expect(boxes).to_have_count(len(TOO_LONG) - 1)
    assert await settled.value("SELECT COUNT(*) FROM issue WHERE status = 'ignored'") == 1
    before = await settled.value(tries)
    await boxes.first.check()
    await page.get_by_role("button", name="Resync").click()
    await said(page, "The records are due again.")
    await page.get_by_label("that this filter finds").check()
    await page.get_by_role("button", name="Resync").click()
    await said(page, "The records are due again.")
    await page.goto(f"{HERE}/health")
    await page.get_by_role("button", name="Resync Property values").click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()

    async def all_were_tried_again() -> bool:
        return int(await settled.value(tries)) > before

    await settled.commits.until(all_were_tried_again)


@pytest.mark.presses(f"GET {C}/not-synced", f"GET {C}/not-synced/export")
async def test_why_records_are_not_synced_is_shown_by_reason_and_exported(page: Page) -> None:
    await page.goto(f"{HERE}/health")
    await page.get_by_role("link", name=re.compile("^Show contacts: ")).first.click()
    row = page.get_by_role("row").filter(has_text=NOT_SYNCED)
    key = await row.locator("code").inner_text()
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Export").click()
    exported = (await (await downloading.value).path()).read_text(encoding="utf-8")
    assert key in exported
