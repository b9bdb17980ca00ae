"""What pages say when there is nothing to show, when it could not be read, and when it ended before its time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.asgi_browser import Browser
from tests.contract.conftest import a_connection
from tests.office import PASSWORD, Office, an_office

from interlock.app.connections import NEW_ORG
from interlock.app.new_org.kept import NewOrg
from interlock.app.people.roles import Role
from interlock.app.reach import Reach, write
from interlock.core.model import Side
from interlock.crm.oauth import Identity
from interlock.store import calls, connections, heartbeat
from interlock.store.another_org import SetAside
from interlock.web import undoing
from interlock.web.app import make_app

pytestmark = pytest.mark.anyio

HERE = "/connections/1"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """With a connection whose CRMs nobody can reach."""
    async with an_office(tmp_path) as opened:
        await opened.add("Ada", Role.ADMIN)
        async with opened.store.write(None) as tx:
            await connections.create(tx, a_connection(begun_at_us=1))
        yield opened


@pytest.fixture
async def ada(office: Office) -> Browser:
    browser = Browser(make_app(office.interlock, "http://127.0.0.1:8090", office.passwords))
    await browser.sign_in("ada@example.com", PASSWORD)
    return browser


async def text_of(browser: Browser, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status == 200, answer.body
    return answer.page.text


async def test_lists_that_cannot_be_read_are_said_with_the_reason_and_can_be_tried_again(ada: Browser) -> None:
    answer = await ada.get(f"{HERE}/contacts/lists?q=spring")
    assert "HubSpot's lists could not be read:" in answer.page.text
    assert "HubSpot has no such list." not in answer.page.text
    assert answer.page.all("a", href="?q=spring") != []


async def test_the_bell_of_somebody_to_whom_nothing_was_told_says_so(ada: Browser) -> None:
    assert "There was nothing to tell yet." in await text_of(ada, "/notices")


@pytest.mark.parametrize(
    ("query", "says", "way_on"),
    [
        ("", "No conflict is open.", f"{HERE}/conflicts?status=all"),
        ("?status=all", "No value was replaced unseen.", f"{HERE}/records"),
        ("?status=settled", "No conflict fits this filter.", f"{HERE}/conflicts"),
        ("?property=jobtitle", "No conflict fits this filter.", f"{HERE}/conflicts"),
        ("?status=all&object=deals", "No conflict fits this filter.", f"{HERE}/conflicts"),
    ],
)
async def test_a_list_of_conflicts_with_none_in_it_says_no_more_than_is_true(
    ada: Browser, query: str, says: str, way_on: str
) -> None:
    answer = await ada.get(f"{HERE}/conflicts{query}")
    texts = ("No conflict is open.", "No value was replaced unseen.", "No conflict fits this filter.")
    assert [each for each in texts if each in answer.page.text] == [says]
    assert way_on in [each["href"] for each in answer.page.all("a")]


@pytest.mark.parametrize("runs", [True, False])
async def test_sync_health_says_whether_its_numbers_stand_still(ada: Browser, office: Office, runs: bool) -> None:
    if runs:
        await heartbeat.beat(office.store, "serve", office.now_us)
    assert ("No dispatcher is running" in await text_of(ada, f"{HERE}/health")) is not runs


async def test_a_crm_that_did_not_answer_last_time_is_called_so(ada: Browser, office: Office) -> None:
    async with office.store.write(1) as tx:
        await write(tx, {Side.SALESFORCE: Reach(reachable=False)})
    assert (await text_of(ada, f"{HERE}/connection")).count("it did not answer last time") == 1


async def test_a_new_sandbox_that_was_never_got_ready_says_so_and_offers_it(ada: Browser, office: Office) -> None:
    identity = Identity("005new", "sync@example.com", "00Dnew", "Acme UAT", "https://uat.example", True)
    now = NewOrg("moved", identity, 7, "Ada", left="00Dold", left_name="Old", moved_at_us=1, aside=SetAside(2, 0, 0, 0))
    async with office.store.write(1) as tx:
        await connections.update(tx, 1, sandbox=True, settings={NEW_ORG: msgspec.to_builtins(now)})
    text = await text_of(ada, f"{HERE}/new-sandbox")
    assert "It is not ready yet: Interlock ended before it began to get it ready." in text
    assert "Try again" in text


async def test_an_undo_that_ended_before_its_time_says_why_and_that_it_can_go_on(ada: Browser, office: Office) -> None:
    async def work() -> dict[str, Any]:
        return {
            "planned": False,
            "outcome": "stopped",
            "stopped_reason": "Somebody has paused it.",
            "fields_undone": 1,
            "records_deleted": 0,
            "left": [],
            "left_by_why": {},
        }

    asked = {"since": "2026-01-01T00:00:00Z", "objects": [], "record": None, "delete": None, "plan": False}
    async with office.store.read(None) as tx:
        connection = await connections.get(tx, 1)
    assert connection is not None
    job = await ada.app.state.site.jobs.begin(undoing.KIND, connection, asked, work)
    await ada.app.state.site.jobs.wait(job.id, 5)
    text = await text_of(ada, f"{HERE}/undo/{job.id}")
    assert "It ended early: Somebody has paused it. Begin it again to go on." in text
    assert "1 field went back." in text


@pytest.mark.parametrize("allocated", [100, 10_000])
async def test_overview_and_sync_health_say_when_the_allocated_calls_will_not_last_the_day(
    ada: Browser, office: Office, allocated: int
) -> None:
    # As the last hour went, 24 times 50.

    async with office.store.write(1) as tx:
        await calls.add(tx, Side.SALESFORCE, "detect", 50, office.now_us)
        await write(tx, {Side.SALESFORCE: Reach(allocated=allocated)})
    overview = await ada.get(f"{HERE}/overview")
    assert (overview.page.all("a", href=f"{HERE}/health#api") != []) is (allocated == 100)
    health = await text_of(ada, f"{HERE}/health")
    assert ("At this pace the allocated calls will not last the day." in health) is (allocated == 100)
