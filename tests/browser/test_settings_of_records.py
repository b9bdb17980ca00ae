"""Each control of the tab Records once: find, the pair side by side, *Sync now*, conflicts, *Undo*; with what the two CRMs hold
afterwards."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.browser import chromium
from tests.browser.settled import DISAGREED, HERE, MADE, UNDONE, Settled, said

pytestmark = pytest.mark.anyio

C = "/connections/{id:int}"


async def to_record(page: Page, email: str) -> None:
    await page.goto(f"{HERE}/records")
    await page.get_by_label("Find a record").fill(email)
    await page.get_by_role("button", name="Find").click()
    await page.get_by_role("row").filter(has_text="linked").get_by_role("link").first.click()
    await expect(page.get_by_role("table", name="The pair side by side")).to_be_visible()


@pytest.mark.presses(f"GET {C}/records/{{key}}", f"POST {C}/records/{{key}}/sync")
async def test_a_record_is_found_seen_side_by_side_and_synced_now(page: Page) -> None:
    await to_record(page, DISAGREED[0])
    pair = page.get_by_role("table", name="The pair side by side")
    await expect(pair.get_by_role("row").filter(has_text="jobtitle")).to_contain_text("Flight captain")
    await page.get_by_role("button", name="Sync now").click()
    await said(page, "The record is due")


@pytest.mark.presses(f"POST {C}/conflicts/{{conflict:int}}/resolve", f"POST {C}/conflicts/resolve")
async def test_one_conflict_is_resolved_and_then_all_that_are_left(settled: Settled, page: Page) -> None:
    conflicts = f"{HERE}/conflicts?property=jobtitle"
    keep = page.get_by_role("button", name="Keep HubSpot for conflict")
    for email in DISAGREED:
        await page.goto(f"{HERE}/records/hubspot:contacts:{settled.person(email)}")
        await page.get_by_role("button", name="Sync now").click()
        await said(page, "The record is due")
    await settled.until(conflicts, lambda page: keep.nth(len(DISAGREED) - 1))
    await chromium.axe(page)
    await keep.first.click()
    await said(page, "The choice is noted.")
    await settled.until(conflicts, lambda page: page.get_by_text("2 conflicts"))
    await page.get_by_label("Number of conflicts").fill("1")
    await page.get_by_role("button", name="Resolve all").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Number of conflicts").fill("2")
    await page.get_by_role("button", name="Resolve all").click()
    await settled.until(conflicts, lambda page: page.get_by_text("0 conflicts"))
    await page.get_by_label("Status").select_option("resolved")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.get_by_text("3 conflicts")).to_be_visible()
    # One choice for HubSpot's value, two for Salesforce's: both CRMs hold what was chosen.
    held = [(settled.in_hubspot(each, "jobtitle"), settled.in_salesforce(each, "Title")) for each in DISAGREED]
    assert sorted(held) == [("First pilot", "First pilot"), *[("Flight captain", "Flight captain")] * 2]


@pytest.mark.presses(
    f"POST {C}/undo/look", f"GET {C}/undo/{{job}}", f"GET {C}/undo/{{job}}/export", f"POST {C}/undo/{{job}}/run"
)
async def test_what_was_carried_over_to_a_record_is_previewed_and_taken_back(settled: Settled, page: Page) -> None:
    contact = settled.counterpart(UNDONE)
    settled.world.salesforce.user().update("Contact", contact, {"Title": "Balloonist"})
    await page.goto(f"{HERE}/records/hubspot:contacts:{settled.person(UNDONE)}")
    await page.get_by_role("button", name="Sync now").click()
    await settled.until_true(lambda: settled.in_hubspot(UNDONE, "jobtitle") == "Balloonist")

    await to_record(page, UNDONE)
    await page.get_by_role("link", name="Undo").click()
    await expect(page.get_by_text("and its counterpart.")).to_be_visible()
    await chromium.axe(page)
    await page.get_by_label("Since").fill("1h")
    await page.get_by_role("button", name="Show what it would take back").click()
    await page.wait_for_url(f"**{HERE}/undo/*")
    # The preview has an address of its own, and comes onto the page by itself.
    preview = page.url
    row = page.get_by_role("table", name="Fields that would go back").get_by_role("row").filter(has_text="jobtitle")
    await expect(row).to_contain_text("Balloonist")
    await expect(row).to_contain_text("Pilot")
    assert settled.in_hubspot(UNDONE, "jobtitle") == "Balloonist"
    await chromium.axe(page)
    await page.reload()
    await expect(row).to_contain_text("Balloonist")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download CSV").click()
    assert "Balloonist" in (await (await download.value).path()).read_text(encoding="utf-8")

    await page.get_by_role("button", name="Undo", exact=True).click()
    await page.wait_for_url(lambda url: "/undo/" in url and url != preview)
    # The title, and the owner that the first sync brought.
    await expect(page.get_by_text("2 fields went back.")).to_be_visible()
    assert settled.in_hubspot(UNDONE, "jobtitle") == "Pilot"
    # What goes back stays so: the other side keeps its own.
    assert settled.in_salesforce(UNDONE, "Title") == "Balloonist"


@pytest.mark.presses(f"POST {C}/undo/{{job}}/run")
async def test_a_record_that_a_sync_created_is_deleted_again_once_their_number_is_typed(
    settled: Settled, page: Page
) -> None:
    contact, sally = settled.counterpart(MADE), settled.world.salesforce.user()
    await to_record(page, MADE)
    await page.get_by_role("link", name="Undo").click()
    await page.get_by_role("button", name="Show what it would take back").click()
    number = page.get_by_label("To delete the 1 record again, type that number")
    await number.fill("7")
    await page.get_by_role("button", name="Undo", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("7 is not 1. Nothing was changed.")
    await chromium.axe(page)
    assert contact in sally.ids("Contact")
    await number.fill("1")
    await page.get_by_role("button", name="Undo", exact=True).click()
    await expect(page.get_by_text("1 record was deleted again.")).to_be_visible()
    assert contact not in sally.ids("Contact")
    assert settled.person(MADE)


@pytest.mark.presses(f"GET {C}/suggestions", f"POST {C}/suggestions/look", f"POST {C}/suggestions/decide")
async def test_two_that_may_be_one_are_looked_for_and_linked_or_told_apart(settled: Settled, page: Page) -> None:
    settled.spent = True
    phone = "+44 20 7946 0018"
    hugo, sally = settled.world.hubspot.user(), settled.world.salesforce.user()
    # Neither is given a counterpart: the one has no address, the other one that a contact has.
    for given in ("Ada", "Grace"):
        hugo.create("contacts", {"firstname": given, "lastname": "Lovelace", "phone": phone})
        there = {"FirstName": given, "LastName": "Lovelace", "Email": f"{given.lower()}@suggested.example"}
        sally.create("Contact", there)
        sally.create("Lead", {"Company": "Engines", "Phone": phone, **there})
    seen = (
        "SELECT COUNT(*) FROM unlinked WHERE label IN ('Ada Lovelace', 'Grace Lovelace') OR why = 'contact_preferred'"
    )

    async def are_seen() -> bool:
        return int(await settled.value(seen)) >= 4

    await settled.sync()
    await settled.commits.until(are_seen)
    await page.goto(f"{HERE}/records")
    await page.get_by_role("link", name="Suggestions").click()
    await page.get_by_role("button", name="Look for suggestions").click()
    await expect(page.get_by_text("records of HubSpot were compared with").first).to_be_visible()
    await page.get_by_role("link", name="Show the list as it is now").click()
    rows = page.get_by_role("table", name="Suggestions").get_by_role("row").filter(has_text="They have a phone number")
    await expect(rows).to_have_count(2)
    await chromium.axe(page)
    await rows.filter(has_text="Grace").get_by_role("button", name="Not the same").click()
    await said(page, "These two are not suggested again.")
    await rows.filter(has_text="Ada").get_by_role("button", name="Link").click()
    await said(page, "linked with the next sync")
    await settled.until(f"{HERE}/suggestions?state=accepted", lambda page: page.get_by_text("There are none."))
    await page.goto(f"{HERE}/suggestions?state=refused")
    await expect(page.get_by_role("row").filter(has_text="Grace")).to_be_visible()


@pytest.mark.presses(f"GET {C}/duplicates", f"POST {C}/duplicates/look")
async def test_duplicates_within_one_crm_are_looked_for(page: Page) -> None:
    await page.goto(f"{HERE}/records")
    await page.get_by_role("link", name="Duplicates").click()
    await chromium.axe(page)
    await page.get_by_role("button", name="Look for duplicates").click()
    await expect(page.get_by_role("heading", name="Contacts, Salesforce")).to_be_visible()
    await expect(page.get_by_text("were read.").first).to_be_visible()
    await chromium.axe(page)
