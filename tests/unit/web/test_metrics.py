"""Numbers for Prometheus, and the two names of the health check."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.asgi_browser import Browser
from tests.contract.conftest import a_connection
from tests.office import PASSWORD, Office, an_office

from interlock.app.people import programs
from interlock.app.people.roles import Role
from interlock.app.reach import Reach, write
from interlock.core.model import Side
from interlock.store import calls, connections, heartbeat
from interlock.web.app import make_app

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as opened:
        await opened.add("Ada", Role.ADMIN)
        for number, name in enumerate(('a "quoted"\nname', "main")):
            async with opened.store.write(None) as tx:
                await connections.create(tx, a_connection(name, str(number), begun_at_us=1))
        async with opened.store.write(2) as tx:
            await write(tx, {Side.SALESFORCE: Reach(True, True, 80_000, 100_000, 1), Side.HUBSPOT: Reach()})
            await calls.add(tx, Side.SALESFORCE, "write", 12, tx.now_us)
            await connections.update(tx, 2, state="suspended")
        yield opened


def browser_of(office: Office) -> Browser:
    return Browser(make_app(office.interlock, "http://127.0.0.1:8090", office.passwords))


async def numbers(office: Office) -> dict[tuple[str, ...], float]:
    token = await programs.make(office.store, await office.by("Ada"), "prometheus", Role.VIEWER)
    answer = await browser_of(office).get("/metrics", authorization=f"Bearer {token}")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body)
        for sample in family.samples
    }


async def test_the_numbers_of_every_connection_are_told_by_object_side_and_purpose(office: Office) -> None:
    await heartbeat.beat(office.store, "serve", office.now_us)
    found = await numbers(office)
    assert found["interlock_dispatcher_up",] == 1
    assert found["interlock_api_calls_24h", "main", "salesforce"] == 12
    assert found["interlock_api_calls_allocated", "main", "salesforce"] == 80_000
    assert found["interlock_api_calls_by_purpose_24h", "main", "write", "salesforce"] == 12
    assert found["interlock_due_records", "main", "contacts"] == 0
    assert found["interlock_connection_state", "main", "suspended"] == 1
    assert found["interlock_connection_state", "main", "idle"] == 0
    assert ("interlock_due_records", 'a "quoted"\nname', "contacts") in found


async def test_what_is_not_known_has_no_number(office: Office) -> None:
    found = await numbers(office)
    assert ("interlock_api_calls_limit", "main", "hubspot") not in found
    assert ("interlock_api_calls_24h", "main", "hubspot") in found
    assert found["interlock_dispatcher_up",] == 0


async def test_metrics_need_a_token_and_take_no_cookie(office: Office) -> None:
    browser = browser_of(office)
    await browser.sign_in("ada@example.com", PASSWORD)
    answer = await browser.get("/metrics")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_the_health_check_has_two_names_and_tells_nothing_of_anybody(office: Office) -> None:
    browser = browser_of(office)
    answers = [await browser.get(path) for path in ("/health", "/healthz")]
    assert [each.status for each in answers] == [200, 200]
    assert answers[0].body == answers[1].body
    assert set(json.loads(answers[0].body)) == {"status", "version", "worker"}
