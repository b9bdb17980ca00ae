"""Pages that only a world fills, with what fills them: by keyboard, looked at by axe, at 320 px and with large text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Page, expect
from tests.browser import chromium
from tests.browser.conftest import Desk
from tests.browser.settled import DISAGREED, HERE, Settled
from tests.contract.conftest import a_connection

from interlock.app.connections import NEW_ORG
from interlock.app.new_org.kept import Ids, NewOrg, Run
from interlock.core.identity.evidence import Likeness, Trait
from interlock.core.model import RecordKey, Side
from interlock.crm.oauth import Identity
from interlock.store import connections, directory, suggestions, unlinked
from interlock.store.another_org import SetAside
from interlock.store.suggestions import Suggestion
from interlock.store.unlinked import Unlinked
from interlock.web import duplicate_report, undoing
from interlock.web.pages import disconnect

pytestmark = pytest.mark.anyio

LONG = "a-value-without-any-blank-in-it-that-goes-on-and-on-and-on-and-on-and-on@example.com"


async def is_good(page: Page) -> None:
    await chromium.is_good(page)
    # The page is shared with the tests that follow.
    await page.set_viewport_size({"width": 1100, "height": 900})


# --- in the world that a person set up -----------------------------------------------------------------------------------


async def test_a_pair_side_by_side(settled: Settled, page: Page) -> None:
    await page.goto(f"{HERE}/records/hubspot:contacts:{settled.person(DISAGREED[0])}")
    await expect(page.get_by_role("table", name="The pair side by side")).to_be_visible()
    await is_good(page)


async def test_conflicts_that_are_listed(settled: Settled, page: Page) -> None:
    await settled.sync()
    await settled.until(
        f"{HERE}/conflicts?status=all&property=jobtitle", lambda page: page.get_by_role("cell", name="jobtitle / Title")
    )
    await is_good(page)


async def test_records_that_are_not_synced(page: Page) -> None:
    await page.goto(f"{HERE}/health")
    await page.get_by_role("link", name="Show contacts: ").first.click()
    await expect(page.get_by_role("row").nth(1)).to_be_visible()
    await is_good(page)


async def test_what_a_change_of_a_rule_would_do(page: Page) -> None:
    await page.goto(f"{HERE}/contacts/mappings/jobtitle:Title")
    await page.get_by_label("Sync rule").select_option(label="Always use HubSpot")
    await page.get_by_role("button", name="See what it would change").click()
    await expect(page.get_by_text("linked pairs").first).to_be_visible()
    await is_good(page)


async def test_what_a_file_of_mappings_would_change(page: Page, tmp_path: Path) -> None:
    await page.goto(f"{HERE}/connection")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download mappings").click()
    text = (await (await downloading.value).path()).read_text(encoding="utf-8")
    file = tmp_path / "mappings.yaml"
    changed = re.sub(r"(property: (?:fax|jobtitle|city)\n\s+field: \w+\n\s+rule: )\w+", r"\1always_hubspot", text)
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    await page.get_by_label("File with mappings").set_input_files(file)
    await page.get_by_role("button", name="Upload mappings").click()
    await expect(page.get_by_role("heading", level=1, name="What the file would change")).to_be_visible()
    await is_good(page)


async def test_owners_with_long_addresses(settled: Settled, page: Page) -> None:
    settled.world.hubspot.settings().add_user("Olga", "Owner", LONG)
    settled.world.salesforce.add_user(LONG.partition("@")[0], f"there-{LONG}")
    await page.goto(f"{HERE}/owners")
    await expect(page.get_by_role("rowheader").filter(has_text="Olga")).to_be_visible()
    await is_good(page)


async def test_a_long_filter_and_what_it_would_do(page: Page) -> None:
    await page.goto(f"{HERE}/contacts/filters")
    await page.get_by_label("Only records of Contact that fit this condition").fill(f"Email != '{LONG}'")
    await page.get_by_role("button", name="Count the records").click()
    await expect(page.get_by_text("Nothing is saved yet.")).to_be_visible()
    await is_good(page)
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("heading", name="What the next sync would do")).to_be_visible()
    await is_good(page)


async def test_pipelines_and_their_stages(page: Page) -> None:
    await page.goto(f"{HERE}/deals/pipelines")
    await expect(page.get_by_label("Sales Pipeline stands for")).to_be_visible()
    await is_good(page)


# --- what came of something ----------------------------------------------------------------------------------------------


async def ended(desk: Desk, kind: str, asked: dict[str, Any], result: dict[str, Any]) -> str:
    """The page of a job that ended with this."""

    async def work() -> dict[str, Any]:
        return result

    async with desk.office.store.write(None) as tx:
        id_ = await connections.create(tx, a_connection(begun_at_us=1))
    async with desk.office.store.read(None) as tx:
        connection = await connections.get(tx, id_)
    assert connection is not None
    jobs = desk.app.state.site.jobs
    job = await jobs.wait((await jobs.begin(kind, connection, asked, work)).id, 5)
    assert job.state == "done"
    return f"{HERE}/{kind}/{job.id}"


async def test_what_an_undo_would_take_back(desk: Desk) -> None:
    record = {
        "object": "contacts",
        "hubspot": "hubspot:contacts:501",
        "salesforce": "salesforce:Contact:003000000000001AAA",
    }
    result = {
        "planned": True,
        "fields_undone": 1,
        "records_deleted": 1,
        "fields": [
            {**record, "side": "hubspot", "property": "jobtitle", "field": "Title", "now": LONG, "back_to": None}
        ],
        "records": [{**record, "side": "salesforce", "label": LONG}],
        "left": [
            {
                **record,
                "salesforce_id": None,
                "side": None,
                "property": "email",
                "why": "edited",
                "because": "Edited since.",
            }
        ],
        "left_by_why": {"edited": 1},
    }
    asked = {"since": "2026-01-01T00:00:00Z", "objects": ["contacts"], "record": None, "delete": None, "plan": True}
    page = await desk.sign_in()
    await page.goto(await ended(desk, undoing.KIND, asked, result))
    await expect(page.get_by_role("table", name="Fields that would go back")).to_be_visible()
    await is_good(page)


async def test_what_a_disconnecting_leaves_to_be_done(desk: Desk) -> None:
    result = {
        "mappings": f"/var/lib/interlock/mappings-{LONG}.yaml",
        "links": "/var/lib/interlock/links.csv",
        "pairs": 12_000,
        "package": "kept",
        "package_because": "Another connection uses it.",
        "removed": [],
        "ended": ["HubSpot (Acme)"],
        "not_ended": [{"side": "salesforce", "why": "Salesforce did not answer.", "fix": "Revoke it in Setup."}],
    }
    page = await desk.sign_in()
    await page.goto(await ended(desk, disconnect.KIND, {"keep_package": True, "plan": False}, result))
    await expect(page.get_by_role("heading", name="What you still have to end")).to_be_visible()
    await is_good(page)


COUNTS = (
    "create_in_hubspot",
    "create_in_salesforce",
    "update_in_hubspot",
    "update_in_salesforce",
    "matched",
    "ambiguous",
)


async def test_what_a_first_sync_with_a_new_sandbox_would_do(desk: Desk) -> None:
    example = {"hubspot": "hubspot:contacts:501", "salesforce": None, "reason": None, "fields": []}
    written = {
        "property": "email",
        "field": "Email",
        "hubspot": LONG,
        "salesforce": None,
        "result": LONG,
        "rule": "two_way",
    }
    contacts = {
        **dict.fromkeys(COUNTS, 12_345),
        "blocked": 1,
        "conflicts": 1,
        "blocked_reasons": {"no_email": 1},
        "examples": [
            {**example, "action": "create_in_salesforce", "fields": [written]},
            {**example, "action": "match"},
            {**example, "action": "blocked"},
        ],
    }
    preview = {"objects": {"contacts": contacts}, "api_calls": {"hubspot": 10, "salesforce": 20}, "brake": None}
    identity = Identity("005new", LONG, "00Dnew", "Acme UAT", "https://acme--uat.sandbox.my.salesforce.com", True)
    now = NewOrg("moved", identity, 7, "Ada", left="00Dold", left_name="Old", moved_at_us=1, aside=SetAside(2, 0, 0, 0))
    settings = {NEW_ORG: msgspec.to_builtins(now)}
    run = Run("done", "done", 7, "Ada", 1, ids=Ids(3, 1), preview=preview)
    async with desk.office.store.write(None) as tx:
        await connections.create(tx, a_connection(begun_at_us=1, sandbox=True, state="paused", settings=settings))
    async with desk.office.store.write(1) as tx:
        await directory.put(tx, "new_org", msgspec.to_builtins(run))
    page = await desk.sign_in()
    await page.goto(f"{HERE}/new-sandbox")
    await page.get_by_text("See examples").click()
    examples = page.locator("details[open] > ul > li")
    await expect(examples).to_contain_text(["New in Salesforce: ", "Linked as they are: ", "Blocked: "])
    await is_good(page)


async def test_suggestions_to_review(desk: Desk) -> None:
    here, there = (
        RecordKey(Side.HUBSPOT, "contacts", "501"),
        RecordKey(Side.SALESFORCE, "Contact", "003000000000001AAA"),
    )
    reasons = ((Trait.PHONE, Likeness.SAME), (Trait.FAMILY, Likeness.SAME))
    async with desk.office.store.write(None) as tx:
        await connections.create(tx, a_connection(begun_at_us=1))
    async with desk.office.store.write(1) as tx:
        await unlinked.put(tx, [Unlinked(key, "contacts", 1, "no_email", LONG, 1) for key in (here, there)])
        await suggestions.replace_open(
            tx, "contacts", [Suggestion("contacts", here, there, "open", False, 12, reasons, 3, 1)]
        )
    page = await desk.sign_in()
    await page.goto(f"{HERE}/suggestions")
    await expect(page.get_by_role("button", name="Not the same")).to_be_visible()
    await is_good(page)


async def test_a_report_of_duplicates(desk: Desk) -> None:
    members = [{"record": f"salesforce:Contact:00300000000000{n}AAA", "label": LONG} for n in (1, 2)]
    groups = [
        {"by": "email", "sure": True, "members": members, "reasons": []},
        {"by": "likeness", "sure": False, "members": members, "reasons": ["They have a phone number in common."]},
    ]
    found = {"records": 12_345, "left_out": 6, "extra_records": 2, "groups_in_all": 200, "groups": groups}
    result = {"objects": {"contacts": {"hubspot": {**found, "groups": [], "groups_in_all": 0}, "salesforce": found}}}
    page = await desk.sign_in()
    address = await ended(desk, duplicate_report.KIND, {"objects": ["contacts"], "sides": []}, result)
    await page.goto(f"{HERE}/duplicates?job={address.rpartition('/')[2]}")
    await expect(page.get_by_role("table", name="Groups of Contacts in Salesforce")).to_be_visible()
    await is_good(page)
