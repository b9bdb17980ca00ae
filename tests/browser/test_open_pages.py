"""What an open page says and does when something ends behind it: the line, Interlock itself, a session, a role, a job.

The same of a world that a person set up, with what the pages do while nothing ends: test_states.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from playwright.async_api import Page, Route, expect
from tests.browser import chromium
from tests.browser.conftest import Desk
from tests.contract.conftest import a_connection

from interlock.app.background import Background
from interlock.app.connections import NEW_ORG
from interlock.app.jobs import Job, Jobs
from interlock.app.new_org import prepare
from interlock.app.new_org.kept import NewOrg, Run
from interlock.app.people import manage
from interlock.app.people.roles import Role
from interlock.core.model import Issue, IssueCategory
from interlock.crm.oauth import Identity
from interlock.store import StoreUnavailable, connections, directory, issues
from interlock.store import jobs as stored_jobs
from interlock.store.another_org import SetAside
from interlock.web import undoing
from interlock.web.pages import disconnect, progress

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(desk: Desk) -> AsyncIterator[Desk]:
    """htmx says on the console too that it was not answered, which is what these tests are about."""
    yield desk
    desk.complaints.clear()


HERE = "/connections/1"
OFFLINE = "This page has lost its connection to Interlock."


async def connected(desk: Desk, **changes: Any) -> None:
    async with desk.office.store.write(None) as tx:
        assert await connections.create(tx, a_connection(begun_at_us=1, **changes)) == 1


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


async def for_ever() -> Any:
    await asyncio.Event().wait()


IDENTITY = Identity("005new", "sync@example.com", "00Dnew", "Acme UAT", "https://uat.example", True, "Unlimited")


async def on_the_way_to_a_new_sandbox(desk: Desk, run: Run | None) -> None:
    """The connection has gone over. `run`: how getting it ready stands; while it runs, it waits for something."""
    now = NewOrg(
        "moved", IDENTITY, 7, "Ada", left="00Dold", left_name="Acme DEV", moved_at_us=1, aside=SetAside(2, 0, 0, 0)
    )
    await connected(desk, sandbox=True, state="paused", settings={NEW_ORG: msgspec.to_builtins(now)})
    if run is None:
        return
    async with desk.office.store.write(1) as tx:
        await directory.put(tx, "new_org", msgspec.to_builtins(run))
    if run.state == "running":
        assert desk.office.interlock.background.start(prepare.task_name(1), for_ever)


async def test_the_page_of_a_new_sandbox_says_that_the_line_is_gone_and_goes_on_by_itself_once_it_is_back(
    desk: Desk,
) -> None:
    await on_the_way_to_a_new_sandbox(desk, Run("running", "package", 7, "Ada", 1))
    page = await desk.sign_in()
    async with no_line(page, f"**{HERE}/new-sandbox"):
        await page.goto(f"{HERE}/new-sandbox")
        await expect(page.get_by_text("The Salesforce package is being installed")).to_be_visible()
        await expect(page.get_by_text(OFFLINE)).to_be_visible()
        await chromium.axe(page)
    desk.office.interlock.background.tell(prepare.task_name(1), Run("running", "ids", 7, "Ada", 1))
    await expect(page.get_by_text("The ids that HubSpot holds are being compared")).to_be_visible()
    await expect(page.get_by_text(OFFLINE)).to_be_hidden()


async def a_job(desk: Desk, kind: str) -> Job:
    asked = {"since": "2026-01-01T00:00:00Z", "objects": [], "record": None, "delete": None, "plan": False}
    async with desk.office.store.read(None) as tx:
        connection = await connections.get(tx, 1)
    assert connection is not None
    jobs: Jobs = desk.app.state.site.jobs
    return await jobs.begin(kind, connection, asked, for_ever)


@pytest.mark.parametrize(
    ("kind", "begins_at"), [(undoing.KIND, f"{HERE}/undo"), (disconnect.KIND, f"{HERE}/disconnect")]
)
async def test_the_page_of_a_job_that_interlock_knows_no_more_says_so_and_how_to_go_on(
    desk: Desk, kind: str, begins_at: str
) -> None:
    await connected(desk)
    page = await desk.sign_in()
    await page.goto(f"{HERE}/{kind}/{(await a_job(desk, kind)).id}")
    await expect(page.get_by_text("You may leave this page: it goes on.")).to_be_visible()
    async with desk.office.store.write(1) as tx:
        await stored_jobs.drop_older(tx, desk.office.clock_us() + 1, 0)
    await expect(page.get_by_role("heading", name="There is no such thing")).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("ended more than a day ago")
    await expect(page.get_by_role("main")).to_contain_text("stays")
    await expect(page.get_by_text(OFFLINE)).to_have_count(0)
    await chromium.axe(page)
    await page.get_by_role("main").get_by_role("link", name="Back").click()
    await page.wait_for_url(f"**{begins_at}")


async def test_the_page_of_a_job_whose_process_has_gone_says_so_and_offers_to_begin_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connected(desk)
    page = await desk.sign_in()
    begun = await a_job(desk, undoing.KIND)
    await page.goto(f"{HERE}/undo/{begun.id}")
    await expect(page.get_by_text("You may leave this page: it goes on.")).to_be_visible()
    # Another process serves the pages from now on, and that one died.
    monkeypatch.setattr(desk.app.state.site, "jobs", Jobs(desk.office.store, Background(), desk.office.clock_us))
    await page.reload()
    await expect(page.get_by_text("You may leave this page: it goes on.")).to_be_visible()
    monkeypatch.setattr(type(desk.office.store), "has_died", lambda *_: True)
    await expect(page.get_by_text("Interlock ended while this ran.")).to_be_visible()
    await expect(page.get_by_text("You may leave this page: it goes on.")).to_have_count(0)
    await chromium.axe(page)


async def test_a_role_that_is_taken_away_while_something_is_under_way_is_said(desk: Desk) -> None:
    await connected(desk)
    page = await desk.sign_in("Otto")
    await page.goto(f"{HERE}/undo/{(await a_job(desk, undoing.KIND)).id}")
    await expect(page.get_by_text("You may leave this page: it goes on.")).to_be_visible()
    otto = await manage.find(desk.office.store, "otto@example.com")
    await manage.change_role(desk.office.store, await desk.office.by("Ada"), otto.id, Role.VIEWER)
    await expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    await expect(page.get_by_text(OFFLINE)).to_have_count(0)


async def test_the_first_syncs_progress_says_that_the_session_is_over(desk: Desk) -> None:
    await connected(desk, state="first_sync")
    page = await desk.sign_in()
    await page.goto("/settings/progress")
    await expect(page.get_by_text("The first sync is running.")).to_be_visible()
    other = await page.context.new_page()
    await other.goto("/account")
    await other.get_by_role("button", name="Sign out", exact=True).click()
    await expect(
        page.get_by_role("status").filter(has_text="You are signed out, so this page stands still.")
    ).to_be_visible()
    await chromium.axe(page)


async def test_the_first_syncs_progress_says_that_what_it_shows_is_gone(desk: Desk) -> None:
    await connected(desk, state="first_sync")
    page = await desk.sign_in()
    await page.goto("/settings/progress")
    await expect(page.get_by_text("The first sync is running.")).to_be_visible()
    async with desk.office.store.write(1) as tx:
        await connections.delete(tx, tx.connection_id)
    await expect(page.get_by_role("status").filter(has_text="is not there any more")).to_be_visible()


async def test_a_stream_that_is_only_opened_anew_is_called_no_lost_connection(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after some minutes, or where a proxy ends what lasts too long."""
    monkeypatch.setattr(progress, "EVENTS_MOST", 1)
    monkeypatch.setattr(progress, "EVERY_S", 0)
    await connected(desk, state="first_sync")
    page = await desk.sign_in()
    await page.add_init_script(
        """window.told = [];
        new MutationObserver(() => {
            const shown = document.querySelector("[data-poll-notice]:not([hidden])");
            if (shown?.textContent) window.told.push(shown.textContent);
        }).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});"""
    )
    async with page.expect_response("**/settings/progress/events*"):
        await page.goto("/settings/progress")
    async with page.expect_response("**/settings/progress/events*"):
        pass
    async with page.expect_response("**/settings/progress/events*"):
        pass
    assert await page.evaluate("window.told") == []
    # Else it opens its stream anew while its server goes.
    await page.close()


async def test_an_overview_whose_connection_is_gone_says_so(desk: Desk) -> None:
    await connected(desk)
    page = await desk.sign_in()
    await page.goto(f"{HERE}/overview")
    await expect(page.get_by_role("heading", name="State: At rest")).to_be_visible()
    async with desk.office.store.write(1) as tx:
        await connections.delete(tx, tx.connection_id)
    await expect(page.get_by_role("heading", name="There is no such thing")).to_be_visible()


async def test_an_overview_that_is_refused_for_good_says_so_once_the_line_is_back(desk: Desk) -> None:
    await connected(desk)
    page = await desk.sign_in()
    await page.clock.install()
    await page.route("**/live", lambda route: route.fulfill(status=502))
    await page.goto(f"{HERE}/overview")
    await expect(page.get_by_role("status").filter(has_text=OFFLINE)).to_be_visible()
    async with desk.office.store.write(1) as tx:
        await connections.delete(tx, tx.connection_id)
    await page.unroute("**/live")
    await page.clock.fast_forward(16_000)
    await expect(page.get_by_role("heading", name="There is no such thing")).to_be_visible()


async def test_an_overview_says_that_the_database_cannot_be_read_and_is_new_again_with_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(ids: object) -> None:
        raise StoreUnavailable("The database is away.")

    await connected(desk)
    monkeypatch.setattr(desk.app.state.live, "_read", away)
    page = await desk.sign_in()
    await page.goto(f"{HERE}/overview")
    notice = page.get_by_role("status").filter(has_text="The database cannot be read at the moment.")
    await expect(notice).to_be_visible()
    await chromium.axe(page)
    monkeypatch.undo()
    await expect(notice).to_be_hidden()


async def test_a_page_that_takes_long_to_come_is_said_to_be_on_its_way_and_a_file_is_not(desk: Desk) -> None:
    await connected(desk)
    async with desk.office.store.write(1) as tx:
        await issues.raise_(
            tx, [Issue(IssueCategory.LIMITS, "x", "error", "contacts", "1", None, None, "Cause.", "Fix.")]
        )
    page = await desk.sign_in()
    said = asyncio.Event()
    await chromium.hears_that_it_waits(page, lambda text: said.set())
    await page.goto(f"{HERE}/records")

    async def held(route: Route) -> None:
        await said.wait()
        await route.continue_()

    await page.route("**/records?q=*", held)
    await page.get_by_label("Find a record").fill("ada@example.com")
    await page.get_by_role("button", name="Find").click(no_wait_after=True)
    await page.wait_for_url("**/records?q=*")
    await expect(page.locator("#waiting")).to_be_empty()

    said.clear()
    await page.clock.install()
    await page.goto(f"{HERE}/issues")
    async with page.expect_download():
        await page.get_by_role("link", name="CSV").click()
    await page.clock.fast_forward(5_000)
    await expect(page.locator("#waiting")).to_be_empty()
    assert not said.is_set()


async def test_the_chart_of_api_calls_speaks_the_language_of_the_page(desk: Desk) -> None:
    await connected(desk)
    page = await desk.sign_in()
    await page.add_init_script(
        """window.drawn = [];
        const draw = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
            window.drawn.push(String(text));
            return draw.call(this, text, ...at);
        };"""
    )
    for language, of_january in (("en", "Jan"), ("pl", "sty")):
        await page.goto("/account")
        await (
            page.get_by_label("Language", exact=True)
            .or_(page.get_by_label("Język", exact=True))
            .select_option(language)
        )
        await page.locator("form[action$='/language'] button").click()
        await page.goto(f"{HERE}/health?range=week")
        await page.wait_for_function("window.drawn.length > 4")
        drawn = await page.evaluate("window.drawn")
        assert any(of_january in text for text in drawn), drawn
        assert not [text for text in drawn if text.endswith(("am", "pm")) or text.count("/") > 1], drawn
