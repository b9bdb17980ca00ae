"""The page that says what was refused or broke: it is no dead end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.asgi_browser import Answer, Browser
from tests.contract.conftest import a_connection
from tests.office import PASSWORD, Office, an_office

from interlock.app.people.roles import Role
from interlock.core.model import Side
from interlock.crm.errors import Unreachable
from interlock.store import StoreUnavailable, connections
from interlock.web import settings
from interlock.web.app import make_app

Story = Callable[[Office, Browser], Awaitable[None]]


def told(path: Path, story: Story) -> None:
    """Ada's browser, in an installation with a connection."""

    async def main() -> None:
        async with an_office(path) as office:
            await office.add("Ada", Role.ADMIN)
            async with office.store.write(None) as tx:
                await connections.create(tx, a_connection(begun_at_us=1))
            ada = Browser(make_app(office.interlock, "http://127.0.0.1:8090", office.passwords))
            await ada.sign_in("ada@example.com", PASSWORD)
            await story(office, ada)

    asyncio.run(main())


def ways(answer: Answer) -> list[str | None]:
    """Where the message itself leads, without header and navigation."""
    return [each["href"] for each in answer.page.all("a") if "slds-button" in (each.get("class") or "")]


def has_navigation(answer: Answer) -> bool:
    return answer.page.all("a", href="/audit-log") != [] and "Ada" in answer.page.text


@pytest.mark.parametrize("path", ["/nowhere", "/connections/99/overview", "/connections/1/nowhere"])
def test_an_address_with_nothing_at_it_keeps_the_navigation_and_leads_to_the_status(tmp_path: Path, path: str) -> None:
    async def story(_: Office, ada: Browser) -> None:
        answer = await ada.get(path)
        assert answer.status == 404
        assert ways(answer) == ["/"]
        assert has_navigation(answer)

    told(tmp_path, story)


def test_a_form_that_is_too_old_leads_back_to_its_page(tmp_path: Path) -> None:
    async def story(_: Office, ada: Browser) -> None:
        answer = await ada.post("/connections/1/health/clear", {"csrf": "of yesterday"})
        assert answer.status == 403
        assert ways(answer) == ["/connections/1/health", "/"]
        assert has_navigation(answer)

    told(tmp_path, story)


@pytest.mark.parametrize(
    "path", ["/welcome/secret", "/colleague/secret/connect", "/oauth/hubspot/callback?code=secret"]
)
def test_what_lets_somebody_in_is_never_said_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    async def story(office: Office, ada: Browser) -> None:
        def away(_: object) -> None:
            raise StoreUnavailable("The database is away.")

        monkeypatch.setattr(office.store, "read", away)
        for answer in (await ada.get(path), await ada.post(path, {"csrf": "old"})):
            assert answer.status >= 400
            assert "secret" not in answer.body

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("trouble", "status"),
    [(StoreUnavailable("The database is away."), 503), (Unreachable(Side.HUBSPOT, "HubSpot is away."), 502)],
)
def test_what_failed_can_be_tried_again_from_where_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception, status: int
) -> None:
    async def story(_: Office, ada: Browser) -> None:
        async def fails(asked: object) -> None:
            raise trouble

        monkeypatch.setattr(settings, "connection_of", fails)
        answer = await ada.get("/connections/1/health?range=day")
        assert answer.status == status
        assert ways(answer)[0] == "/connections/1/health?range=day"
        assert "Try again" in answer.page.text
        assert has_navigation(answer)

    told(tmp_path, story)


def test_with_the_database_away_the_message_is_there_without_the_navigation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(office: Office, ada: Browser) -> None:
        def away(_: object) -> None:
            raise StoreUnavailable("The database is away.")

        monkeypatch.setattr(office.store, "read", away)
        answer = await ada.get("/connections/1/health")
        assert answer.status == 503
        assert ways(answer) == ["/connections/1/health", "/"]
        assert not answer.page.all("a", href="/audit-log")

    told(tmp_path, story)


def test_a_stranger_is_shown_no_navigation(tmp_path: Path) -> None:
    async def story(_: Office, ada: Browser) -> None:
        ada.cookies.clear()
        answer = await ada.get("/nowhere")
        assert answer.status == 404
        assert not answer.page.all("a", href="/audit-log")
        assert ways(answer) == ["/"]

    told(tmp_path, story)
