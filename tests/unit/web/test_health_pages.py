"""Overview and Sync health, as somebody with a browser and no scripts uses them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.asgi_browser import Browser
from tests.contract.conftest import a_connection
from tests.office import PASSWORD, Office, an_office

from interlock.app import issues as app_issues
from interlock.app import reconciliation, states
from interlock.app.connections import BRAKE_RELEASED, HALTED
from interlock.app.errors import Failure
from interlock.app.people.roles import Role
from interlock.app.reach import Reach, write
from interlock.core.model import Issue, IssueCategory, LinkedBy, LinkState, Reason, RecordKey, RecordLink, Side
from interlock.store import calls, connections, dirty, heartbeat, issues, links, mappings, unlinked
from interlock.store.connections import Connection
from interlock.store.mappings import ObjectMappingRow
from interlock.store.unlinked import Unlinked
from interlock.web.app import make_app
from interlock.web.pages.issue_texts import category_texts

pytestmark = pytest.mark.anyio

HERE = "/connections/1"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Site:
    def __init__(self, office: Office) -> None:
        self.office = office
        self.store = office.store
        self.app = make_app(office.interlock, "http://127.0.0.1:8090", office.passwords)

    async def browser(self, name: str = "ada") -> Browser:
        browser = Browser(self.app)
        await browser.sign_in(f"{name}@example.com", PASSWORD)
        return browser

    async def connection(self) -> Connection:
        async with self.store.read(None) as tx:
            found = await connections.get(tx, 1)
        assert found is not None
        return found

    async def change(self, **changes: Any) -> None:
        async with self.store.write(None) as tx:
            await connections.update(tx, 1, **changes)

    async def issue(self, number: int, **changes: Any) -> None:
        values: dict[str, Any] = {
            "category": IssueCategory.PROPERTY_VALUES,
            "code": "STRING_TOO_LONG",
            "severity": "error",
            "object": "contacts",
            "hubspot_id": str(number),
            "salesforce_id": None,
            "salesforce_type": None,
            "cause": f"Title of {number} is too long.",
            "fix": "Shorten it.",
            "property": "jobtitle",
            "label": f"p{number}@example.com",
        }
        async with self.store.write(1) as tx:
            await issues.raise_(tx, [Issue(**values | changes)])

    async def statuses(self) -> list[str]:
        async with self.store.read(1) as tx:
            return [row[0] for row in await tx.rows("SELECT status FROM issue ORDER BY id")]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with an_office(tmp_path) as office:
        for name, role in (("Ada", Role.ADMIN), ("Otto", Role.OPERATOR), ("Vera", Role.VIEWER)):
            await office.add(name, role)
        async with office.store.write(None) as tx:
            await connections.create(tx, a_connection(begun_at_us=1))
        async with office.store.write(1) as tx:
            await mappings.save_object_mapping(tx, ObjectMappingRow("contacts", "Contact", True))
            known = {Side.SALESFORCE: Reach(True, True, 80_000, 100_000, 30_000), Side.HUBSPOT: Reach()}
            await write(tx, known)
        await heartbeat.beat(office.store, "serve", office.now_us)
        yield Site(office)


# --- Overview ---------------------------------------------------------------------------------------------------------


async def test_a_healthy_connection_needs_nobody(site: Site) -> None:
    page = (await (await site.browser("vera")).get(f"{HERE}/overview")).page
    assert "In agreement: nothing is due, nothing needs you." in page.text
    assert "Nothing needs you." in page.text
    assert "No pair is linked yet." in page.text
    assert page.all("a", href=f"{HERE}/overview")


async def test_what_stopped_it_and_what_to_do_come_first_with_the_way_there(site: Site) -> None:
    await site.change(state="suspended", state_reason="Salesforce refused Contact.", state_fix="Grant access.")
    page = (await (await site.browser()).get(f"{HERE}/overview")).page
    assert "Suspended" in page.text
    assert "Not syncing: Salesforce refused Contact." in page.text
    assert "What to do: Grant access." in page.text
    assert page.all("a", href=f"{HERE}/health#suspension")


async def test_what_holds_it_up_is_said_on_both_pages_with_since_when_and_what_to_do(site: Site) -> None:
    why = Failure("budget_spent", "Interlock has used its 10 calls.", 4, side="salesforce", fix="Allocate more.")
    await states.hold_up(site.store, 1, why)
    site.office.advance(3_600)
    # Another reason on the way does not make it begin anew.
    await states.hold_up(site.store, 1, msgspec.structs.replace(why, message="Interlock has used its 12 calls."))
    browser = await site.browser()
    for path in ("overview", "health"):
        page = (await browser.get(f"{HERE}/{path}")).page
        assert "Interlock has used its 12 calls." in page.text
        assert "What to do: Allocate more." in page.text
        assert "Nothing has come through since 2026-01-05 09:00:00 UTC" in page.text
        assert "tried again by itself" in page.text
    assert "Waiting to try again:" in (await browser.get(f"{HERE}/overview")).page.text
    assert not (await browser.get(f"{HERE}/health")).page.all("form", action=f"{HERE}/health/clear")
    await states.go_on(site.store, 1)
    assert "Why it waits" not in (await browser.get(f"{HERE}/health")).page.text


async def test_calls_that_are_used_up_will_not_last_the_day_on_both_pages(site: Site) -> None:
    async with site.store.write(1) as tx:
        await calls.add(tx, Side.SALESFORCE, "fetch", 80_000, tx.now_us - 4 * 3_600_000_000)
    browser = await site.browser()
    for path in ("overview", "health"):
        assert "will not last the day" in (await browser.get(f"{HERE}/{path}")).page.text


async def test_a_dispatcher_that_does_not_run_makes_the_numbers_stale_and_the_page_says_so(site: Site) -> None:
    site.office.advance(60)
    page = (await (await site.browser()).get(f"{HERE}/overview")).page
    assert "No dispatcher is running" in page.text


async def test_issues_and_due_records_lead_to_their_lists(site: Site) -> None:
    await site.issue(1)
    page = (await (await site.browser()).get(f"{HERE}/overview")).page
    assert "1 issue needs a person" in page.text
    assert page.all("a", href=f"{HERE}/issues?object=contacts")
    assert page.all("a", href=f"{HERE}/health#issues")


async def test_a_connection_that_is_not_there_is_said(site: Site) -> None:
    for path in ("overview", "health", "issues", "live", "not-synced", "issues/export", "not-synced/export"):
        assert (await (await site.browser()).get(f"/connections/7/{path}")).status == 404


# --- suspension -------------------------------------------------------------------------------------------------------


async def test_a_suspension_is_cleared_by_an_operator_who_was_shown_why(site: Site) -> None:
    await site.change(state="suspended", state_reason="API access is off.", state_fix="Switch it on.")
    otto = await site.browser("otto")
    page = (await otto.get(f"{HERE}/health")).page
    assert "API access is off." in page.text
    assert "Clear suspension" in page.text
    answer = await otto.submit(f"{HERE}/health", f"{HERE}/health/clear")
    assert answer.to == f"{HERE}/health?done=cleared"
    assert (await site.connection()).state == "idle"
    assert ("person:2", "resumed", "connection:1") in await site.office.deeds()


async def test_a_suspension_that_is_another_by_now_is_not_cleared_and_its_reason_is_shown(site: Site) -> None:
    await site.change(state="suspended", state_reason="API access is off.")
    otto = await site.browser("otto")
    typed = (await otto.get(f"{HERE}/health")).page.form(f"{HERE}/health/clear")
    site.office.advance(60)
    await site.change(state="stopped_by_brake", state_reason="Half of all contacts are gone.")
    answer = await otto.post(f"{HERE}/health/clear", typed)
    assert answer.status == 409
    assert "Half of all contacts are gone." in answer.page.text
    assert (await site.connection()).state == "stopped_by_brake"


@pytest.mark.parametrize(
    ("state", "button", "way"),
    [
        ("suspended", "Clear suspension", None),
        ("stopped_by_brake", "Clear suspension", None),
        ("paused", "Resume", None),
        ("signed_out", None, "Sign in again on Connection"),
        ("not_connected", None, "See the connection"),
    ],
)
async def test_what_stands_still_shows_the_one_thing_that_gets_it_going(
    site: Site, state: str, button: str | None, way: str | None
) -> None:
    assert state in HALTED
    await site.change(state=state, state_reason="Because.")
    browser = await site.browser()
    card = (await browser.get(f"{HERE}/health")).page
    assert bool(card.all("form", action=f"{HERE}/health/clear")) == (button is not None)
    assert (button or way or "") in card.text
    assert ("Clear suspension" in card.text) == (button == "Clear suspension")
    if button is not None:
        assert (await browser.submit(f"{HERE}/health", f"{HERE}/health/clear")).status == 303
        assert (await site.connection()).state == "idle"
    else:
        assert card.all("a", href=f"{HERE}/connection")


async def test_to_clear_what_was_disconnected_meanwhile_is_refused_on_the_page(site: Site) -> None:
    await site.change(state="suspended", state_reason="API access is off.")
    browser = await site.browser()
    typed = (await browser.get(f"{HERE}/health")).page.form(f"{HERE}/health/clear")
    await site.change(state="not_connected", state_reason="A person has disconnected it.")
    answer = await browser.post(f"{HERE}/health/clear", typed)
    assert answer.status == 422
    assert "there is no sign-in to sync with" in answer.page.text
    assert "API use" in answer.page.text


async def test_what_connection_has_not_shown_is_not_resumed_there_and_its_reason_is_shown(site: Site) -> None:
    await site.change(state="paused", state_reason="A person has paused it.")
    otto = await site.browser("otto")
    typed = (await otto.get(f"{HERE}/connection")).page.form(f"{HERE}/connection/resume")
    site.office.advance(60)
    await site.change(state="stopped_by_brake", state_reason="Half of all contacts are gone.")
    for sent in (typed, {"csrf": typed["csrf"]}):
        answer = await otto.post(f"{HERE}/connection/resume", sent)
        assert answer.status == 409
        assert "Half of all contacts are gone." in answer.page.text
        assert (await site.connection()).state == "stopped_by_brake"
        assert BRAKE_RELEASED not in (await site.connection()).settings
    assert (await otto.submit(f"{HERE}/connection", f"{HERE}/connection/resume")).status == 303
    assert (await site.connection()).state == "idle"


async def test_what_somebody_else_has_cleared_meanwhile_is_said_to_be_cleared(site: Site) -> None:
    await site.change(state="suspended", state_reason="API access is off.")
    otto = await site.browser("otto")
    typed = (await otto.get(f"{HERE}/health")).page.form(f"{HERE}/health/clear")
    await otto.post(f"{HERE}/health/clear", typed)
    again = await otto.post(f"{HERE}/health/clear", typed)
    assert "is not stopped any more" in (await otto.get(str(again.to))).page.text


async def test_a_viewer_sees_why_and_who_can_clear_it(site: Site) -> None:
    await site.change(state="suspended", state_reason="API access is off.")
    page = (await (await site.browser("vera")).get(f"{HERE}/health")).page
    assert "An operator or an admin can clear it." in page.text
    assert not page.all("form", action=f"{HERE}/health/clear")
    assert not page.all("form", action=f"{HERE}/health/allocation")


# --- API use ----------------------------------------------------------------------------------------------------------


async def test_api_use_tells_ours_and_everybody_elses_apart_by_hour_and_purpose(site: Site) -> None:
    async with site.store.write(1) as tx:
        await calls.add(tx, Side.SALESFORCE, "write", 1_200, site.office.now_us)
        await calls.add(tx, Side.SALESFORCE, "fetch", 300, site.office.now_us - 2 * calls.HOUR_US)
    page = (await (await site.browser()).get(f"{HERE}/health?range=day")).page
    for number in ("1,500", "28,500", "80,000", "100,000"):
        assert number in page.text
    rows = [each for each in page.all("tr", role="row") if "data-at" in each]
    assert len(rows) == 2 * 24
    assert "Limited by Salesforce" in page.text


async def test_the_allocation_is_saved_logged_and_shown_at_once(site: Site) -> None:
    ada = await site.browser()
    answer = await ada.submit(f"{HERE}/health", f"{HERE}/health/allocation", allocated="20,000")
    assert answer.to == f"{HERE}/health?done=allocated"
    assert (await site.connection()).settings["salesforce_allocated_calls"] == 20_000
    page = (await ada.get(f"{HERE}/health")).page
    assert page.form(f"{HERE}/health/allocation")["allocated"] == "20000"
    assert "20,000" in page.text
    assert ("person:1", "allocation_changed", "connection:1") in await site.office.deeds()
    await ada.submit(f"{HERE}/health", f"{HERE}/health/allocation", allocated="")
    assert "salesforce_allocated_calls" not in (await site.connection()).settings
    assert "80,000" in (await ada.get(f"{HERE}/health")).page.text


@pytest.mark.parametrize("typed", ["0", "100001", "lots", "-5", "1e9", "9" * 30])
async def test_an_allocation_that_cannot_be_is_refused_at_its_field_and_nothing_changes(site: Site, typed: str) -> None:
    ada = await site.browser()
    answer = await ada.submit(f"{HERE}/health", f"{HERE}/health/allocation", allocated=typed)
    assert answer.status == 422
    (field,) = answer.page.all("input", id="allocated")
    assert (field["value"], field["aria-invalid"]) == (typed, "true")
    assert "salesforce_allocated_calls" not in (await site.connection()).settings


# --- issues -----------------------------------------------------------------------------------------------------------


def test_every_category_has_its_name_and_cause() -> None:
    assert set(category_texts()) == {each.value for each in IssueCategory}


async def test_a_card_tells_issues_and_affected_records_and_resyncs_them_all(site: Site) -> None:
    await site.issue(1)
    await site.issue(1, property="phone")
    await site.issue(2)
    await site.issue(3, category=IssueCategory.DUPLICATES, code="CONFLICT")
    otto = await site.browser("otto")
    page = (await otto.get(f"{HERE}/health")).page
    assert "3 issues, affected records: 2" in page.text
    assert page.all("button", **{"aria-label": "Resync Property values"})
    # The page has one such form for each category.
    fields = page.form(f"{HERE}/issues/resync") | {"category": "property_values"}
    answer = await otto.post(f"{HERE}/issues/resync", fields)
    assert answer.to == f"{HERE}/issues?done=resynced&category=property_values"
    assert await site.statuses() == ["waiting", "waiting", "waiting", "open"]
    async with site.store.read(1) as tx:
        due = await dirty.claim(tx, "contacts", site.office.now_us, 10)
    assert [(str(each.key), each.reason) for each in due] == [
        ("hubspot:contacts:1", Reason.RESYNC),
        ("hubspot:contacts:2", Reason.RESYNC),
    ]
    assert ("person:2", "issues_resynced", "connection:1") in await site.office.deeds()


async def test_ticked_issues_alone_are_resynced_or_ignored(site: Site) -> None:
    for number in (1, 2, 3):
        await site.issue(number)
    otto = await site.browser("otto")
    path = f"{HERE}/issues"
    csrf = (await otto.get(path)).page.form(f"{path}/resync")["csrf"]
    await otto.post(f"{path}/resync", {"csrf": csrf, "which": "ticked", "issue-2": "on"})
    await otto.post(f"{path}/ignore", {"csrf": csrf, "which": "ticked", "issue-3": "on", "issue-99": "on"})
    assert await site.statuses() == ["open", "waiting", "ignored"]
    ignored = (await otto.get(f"{path}?status=ignored")).page
    assert "p3@example.com" in ignored.text
    assert "p1@example.com" not in ignored.text


async def test_with_nothing_ticked_nothing_happens_and_it_is_said(site: Site) -> None:
    await site.issue(1)
    otto = await site.browser("otto")
    csrf = (await otto.get(f"{HERE}/issues")).page.form(f"{HERE}/issues/resync")["csrf"]
    answer = await otto.post(f"{HERE}/issues/resync", {"csrf": csrf, "which": "ticked"})
    assert answer.status == 422
    assert "No issue is ticked." in answer.page.text
    assert await site.statuses() == ["open"]


async def test_all_that_a_filter_finds_is_ignored_on_every_page_and_nothing_else(site: Site) -> None:
    for number in range(1, 61):
        await site.issue(number)
    await site.issue(99, code="INVALID_EMAIL")
    otto = await site.browser("otto")
    first = (await otto.get(f"{HERE}/issues?code=STRING_TOO_LONG")).page
    (more,) = [each for each in first.all("a") if "cursor=" in str(each.get("href"))]
    second = (await otto.get(str(more["href"]))).page
    assert len(second.all("input", type="checkbox")) == 10
    fields = {"csrf": first.form(f"{HERE}/issues/resync")["csrf"], "which": "all", "code": "STRING_TOO_LONG"}
    assert "All 60 that this filter finds" in first.text
    await otto.post(f"{HERE}/issues/ignore", {**fields, "counted": "60"})
    assert await site.statuses() == ["ignored"] * 60 + ["open"]


async def test_issues_that_came_after_the_list_was_looked_at_are_not_ignored_with_it(site: Site) -> None:
    await site.issue(1)
    otto = await site.browser("otto")
    fields = {"csrf": (await otto.get(f"{HERE}/issues")).page.form(f"{HERE}/issues/resync")["csrf"], "which": "all"}
    await site.issue(2)
    answer = await otto.post(f"{HERE}/issues/ignore", {**fields, "counted": "1"})
    assert answer.status == 422
    assert "There are 2 such issues now, not 1." in answer.page.text
    for untyped in ("", "all", "\N{SUPERSCRIPT TWO}"):
        answer = await otto.post(f"{HERE}/issues/ignore", {**fields, "counted": untyped})
        assert answer.status == 422
        assert "To ignore all that are found, type how many there are, as a number." in answer.page.text
    assert await site.statuses() == ["open", "open"]


async def test_an_issue_that_comes_while_all_are_ignored_stays_open(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.issue(1)
    ignore = app_issues.ignore

    async def another_comes(*arguments: Any) -> int:
        ignored = await ignore(*arguments)
        await site.issue(2)
        return ignored

    monkeypatch.setattr(app_issues, "ignore", another_comes)
    monkeypatch.setattr(app_issues, "PAGE_ROWS", 1)
    await site.issue(3)
    otto = await site.browser("otto")
    page = (await otto.get(f"{HERE}/issues")).page.form(f"{HERE}/issues/resync")
    await otto.post(f"{HERE}/issues/ignore", {"csrf": page["csrf"], "which": "all", "counted": "2"})
    assert sorted(await site.statuses()) == ["ignored", "ignored", "open"]


async def test_issues_are_exported_as_they_are_filtered_and_no_cell_is_a_formula(site: Site) -> None:
    await site.issue(1, value="=cmd()")
    await site.issue(2, category=IssueCategory.DUPLICATES, code="CONFLICT")
    vera = await site.browser("vera")
    answer = await vera.get(f"{HERE}/issues/export?category=property_values&format=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="issues-property_values.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.body))
    assert (row["hubspot"], row["value"], row["property"]) == ("hubspot:contacts:1", "'=cmd()", "jobtitle")
    lines = (await vera.get(f"{HERE}/issues/export?format=jsonl")).body.splitlines()
    assert [json.loads(line)["category"] for line in lines] == ["property_values", "duplicates"]
    assert (await vera.get(f"{HERE}/issues/export?format=xml")).status == 422


async def test_a_filter_that_is_no_filter_is_said_and_the_list_is_there(site: Site) -> None:
    await site.issue(1)
    vera = await site.browser("vera")
    for asked in ("category=nonsense", "object=dogs", "status=bad", "record=xyz"):
        answer = await vera.get(f"{HERE}/issues?{asked}")
        assert answer.status == 422
        assert "p1@example.com" in answer.page.text
    assert (await vera.get(f"{HERE}/issues?cursor=x")).status == 422


# --- why not synced ---------------------------------------------------------------------------------------------------


async def test_the_report_tells_eligible_synced_blocked_and_each_records_reason(site: Site) -> None:
    now = site.office.now_us
    pair = RecordLink.between(
        RecordKey(Side.HUBSPOT, "contacts", "1"),
        RecordKey(Side.SALESFORCE, "Contact", "003A"),
        LinkedBy.EMAIL,
        now,
        {},
    )
    async with site.store.write(1) as tx:
        await links.insert(tx, [pair])
        await unlinked.put(
            tx,
            [
                Unlinked(RecordKey(Side.HUBSPOT, "contacts", str(number)), "contacts", 1, why, f"p{number}", now)
                for number, why in ((2, "no_email"), (3, "no_email"), (4, "several_candidates"), (5, "waiting"))
            ]
            + [Unlinked(RecordKey(Side.SALESFORCE, "Lead", "00QA"), "contacts", 1, "refused", "=lead", now)],
        )
    await site.issue(1, salesforce_id="003A", salesforce_type="Contact")
    vera = await site.browser("vera")
    page = (await vera.get(f"{HERE}/health")).page
    # Eligible, synced, of them in part, blocked, waiting, not eligible, resting.
    assert "Contacts 4 1 1 (Issues of contacts) 2 1 2 0" in page.text
    (shown,) = [each for each in page.all("a") if "why=no_email" in str(each.get("href"))]
    listed = (await vera.get(str(shown["href"]).replace("&amp;", "&"))).page
    assert "hubspot:contacts:2" in listed.text
    assert "hubspot:contacts:4" not in listed.text
    rows = list(csv.DictReader(io.StringIO((await vera.get(f"{HERE}/not-synced/export")).body)))
    assert {(each["record"], each["verdict"], each["why"]) for each in rows} == {
        ("hubspot:contacts:2", "not_eligible", "no_email"),
        ("hubspot:contacts:3", "not_eligible", "no_email"),
        ("hubspot:contacts:4", "blocked", "several_candidates"),
        ("hubspot:contacts:5", "waiting", "waiting"),
        ("salesforce:Lead:00QA", "blocked", "refused"),
    }
    assert {each["label"] for each in rows if each["why"] == "refused"} == {"'=lead"}


async def test_every_pair_is_in_the_report_and_those_that_do_not_sync_in_its_lists_and_its_file(site: Site) -> None:
    now = site.office.now_us
    pairs = {}
    for number, state in enumerate((*LinkState, LinkState.EXCLUDED)):
        hubspot = RecordKey(Side.HUBSPOT, "contacts", str(number))
        between = RecordLink.between(
            hubspot, RecordKey(Side.SALESFORCE, "Contact", f"003{number}"), LinkedBy.EMAIL, now, {}
        )
        pairs[str(hubspot)] = msgspec.structs.replace(between, state=state)
    alone = RecordKey(Side.HUBSPOT, "contacts", "99")
    async with site.store.write(1) as tx:
        await links.insert(tx, list(pairs.values()))
        await unlinked.put(tx, [Unlinked(alone, "contacts", 1, "not_in_list", "p99", now)])
    (contacts,) = [each for each in await reconciliation.report(site.store, 1) if each.object == "contacts"]
    told = contacts.document()
    assert {name: told[name] for name in ("synced", "not_eligible", "resting", "eligible")} == {
        "synced": 1,
        "not_eligible": 4,
        "resting": 2,
        "eligible": 1,
    }
    vera = await site.browser("vera")
    page = (await vera.get(f"{HERE}/health")).page
    for why in ("not_in_list", "pipeline_not_synced", "hubspot_deleted", "salesforce_deleted"):
        (link,) = [each for each in page.all("a") if f"why={why}" in str(each.get("href"))]
        listed = (await vera.get(str(link["href"]).replace("&amp;", "&"))).page.text
        if why == "not_in_list":
            assert str(alone) in listed
            listed = (await vera.get(f"{HERE}/not-synced?object=contacts&why={why}&after=pair:0")).page.text
        state = {"not_in_list": "excluded", "pipeline_not_synced": "other_pipeline"}.get(why, why)
        assert {key for key in pairs if key in listed} == {key for key, pair in pairs.items() if pair.state == state}
    rows = list(csv.DictReader(io.StringIO((await vera.get(f"{HERE}/not-synced/export")).body)))
    ended = {key for key, pair in pairs.items() if pair.state in (LinkState.LINKED, LinkState.UNLINKED)}
    assert {each["record"] for each in rows} == {str(alone), *pairs} - ended
    assert {each["counterpart"] for each in rows if each["record"] in pairs} == {
        str(pair.salesforce) for key, pair in pairs.items() if key not in ended
    }
    assert (await vera.get(f"{HERE}/not-synced?object=contacts&why=not_in_list&after=pair:x")).status == 422


async def test_a_long_list_of_pairs_is_shown_page_by_page(site: Site) -> None:
    async with site.store.write(1) as tx:
        rows = [
            RecordLink.between(
                RecordKey(Side.HUBSPOT, "contacts", str(number)),
                RecordKey(Side.SALESFORCE, "Contact", f"003{number}"),
                LinkedBy.EMAIL,
                1,
                {},
            )
            for number in range(5)
        ]
        ids = await links.insert(tx, rows)
        await links.set_state(tx, ids, LinkState.HUBSPOT_DELETED)
    found, after = [], None
    for _ in range(3):
        page = await reconciliation.page(site.store, 1, "contacts", "hubspot_deleted", after, 2)
        found += [each.key.id for each in page.records]
        after = page.after
    assert (found, after) == (["0", "1", "2", "3", "4"], None)


@pytest.mark.parametrize(("why", "verdict"), [("membership_unknown", "waiting"), ("native_id_missing", "blocked")])
def test_what_is_asked_again_waits_and_what_a_person_must_mend_is_blocked(why: str, verdict: str) -> None:
    assert reconciliation.verdict_on(why) == verdict
