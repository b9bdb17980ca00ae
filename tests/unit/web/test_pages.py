"""The status page in each of its states, to somebody who is signed in: asked of the application itself, as a browser would."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests import page_texts
from tests.asgi_browser import Answer, Browser, Text
from tests.contract.conftest import a_connection
from tests.office import PASSWORD, START_US, Office, an_office

from interlock.app.errors import BadInput, Busy, Missing
from interlock.app.people import programs
from interlock.app.people.errors import HeldBack
from interlock.app.people.roles import Role
from interlock.app.people.visitor import By
from interlock.app.reach import Reach
from interlock.core.model import Issue, IssueCategory
from interlock.store import StoreUnavailable, connections, directory, heartbeat, issues
from interlock.web.app import make_app
from interlock.web.headers import SECURITY_HEADERS
from interlock.web.pages import status

NOW_US = START_US


class Site:
    """An installation whose admin is signed in, in a browser on the same machine."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.store = office.store
        self.app = make_app(office.interlock, "http://127.0.0.1:8090", office.passwords)
        self.browser = Browser(self.app)

    async def get(self, path: str = "/", **headers: str) -> Answer:
        return await self.browser.get(path, **headers)


def told(tmp_path: Path, story: Any) -> None:
    async def main() -> None:
        async with an_office(tmp_path) as office:
            await office.add("Ada", Role.ADMIN)
            site = Site(office)
            await site.browser.sign_in("ada@example.com", PASSWORD)
            await story(site)

    asyncio.run(main())


async def connected(site: Site, **changes: Any) -> int:
    async with site.store.write(None) as tx:
        return await connections.create(tx, a_connection(begun_at_us=1, **changes))


def test_without_a_connection_the_page_says_what_to_do(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        page = await site.get()
        assert page.status == 200
        assert "Nothing is connected yet." in Text(page.body).text
        assert "interlock connect" in page.body
        assert "No dispatcher is running" in page.body

    told(tmp_path, story)


def test_a_healthy_connection_is_said_to_be_in_agreement(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        await connected(site)
        await heartbeat.beat(site.store, "serve", NOW_US)
        page = await site.get()
        assert "Good: In agreement: nothing is due, nothing needs you." in page.page.text
        assert "No dispatcher is running" not in page.body
        assert "not asked yet" in page.body

    told(tmp_path, story)


def test_issues_a_silent_crm_and_a_stop_are_said_in_words(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        id_ = await connected(site)
        async with site.store.write(id_) as tx:
            await issues.raise_(
                tx, [Issue(IssueCategory.LIMITS, "x", "error", "contacts", "1", None, None, "Cause.", "Fix.")]
            )
        assert "Syncing, and 1 issue needs a person." in (await site.get()).body
        async with site.store.write(id_) as tx:
            await directory.put(tx, "reach", {"salesforce": msgspec.structs.asdict(Reach(reachable=False))})
        assert "Not in agreement: Salesforce did not answer when last asked." in (await site.get()).body
        async with site.store.write(None) as tx:
            await connections.update(
                tx, id_, state="paused", state_reason="A person has paused it.", state_fix="Resume."
            )
        page = await site.get()
        assert "Not syncing: A person has paused it." in page.body
        assert "What to do: Resume." in Text(page.body).text
        assert "Stopped: Not syncing: A person has paused it." in page.page.text

    told(tmp_path, story)


def test_what_people_named_is_shown_as_text(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        await connected(site, name="<script>alert(1)</script>", salesforce_name='"><img src=x onerror=alert(1)>')
        page = await site.get()
        assert "&lt;script&gt;" in page.body
        assert not page.page.all("img")
        assert all(str(script["src"]).startswith("/static/") for script in page.page.all("script"))

    told(tmp_path, story)


def test_the_security_headers_are_these() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"].split("; ")
    assert {name: value for name, _blank, value in (each.partition(" ") for each in policy)} == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert {name: value for name, value in SECURITY_HEADERS.items() if name != "Content-Security-Policy"} == {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


@pytest.mark.parametrize("path", ["/", "/health", "/nowhere", "/static/style.css", "/static/../app.py"])
def test_every_answer_carries_the_security_headers(tmp_path: Path, path: str) -> None:
    async def story(site: Site) -> None:
        answer = await site.get(path)
        # What pages load holds nobody's data, and may be kept.
        kept = {"Cache-Control": "no-cache"} if path.startswith("/static/") and answer.status == 200 else {}
        for name, value in {**SECURITY_HEADERS, **kept}.items():
            assert answer.headers[name.lower()] == value
        assert answer.status == (404 if ".." in path or path == "/nowhere" else 200)

    told(tmp_path, story)


def test_the_health_check_tells_of_the_dispatcher_and_fails_with_the_database(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        await heartbeat.beat(site.store, "serve", NOW_US - 3_000_000)
        good = msgspec.json.decode((await site.get("/health")).body)
        assert (good["status"], good["worker"]["running"]) == ("ok", True)
        await site.store.close()
        bad = await site.get("/health")
        assert (bad.status, msgspec.json.decode(bad.body)["status"]) == (503, "store_unavailable")
        page = await site.get("/")
        assert page.status == 503
        assert "The database cannot be read" in page.body

    told(tmp_path, story)


def test_a_defect_shows_a_page_without_the_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    async def story(site: Site) -> None:
        monkeypatch.setattr(status.use_case, "status", broken)
        page = await site.get()
        assert page.status == 500
        assert "secret detail" not in page.body
        assert "Something broke" in page.body

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BadInput("The field is wrong.", fix="Correct it.", code="wrong"), 422),
        (Missing("It is gone.", code="gone"), 404),
        (Busy("Somebody holds it."), 409),
        (HeldBack(7), 429),
        (StoreUnavailable("The database is away."), 503),
        (ZeroDivisionError("secret detail"), 500),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_a_use_case_refuses_is_said_on_a_page_and_to_a_program_in_a_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: int
) -> None:
    async def refuses(*_: object) -> None:
        raise error

    async def story(site: Site) -> None:
        token = await programs.make(site.store, By("person:1", None, 1), "reports", Role.VIEWER)
        monkeypatch.setattr(status.use_case, "status", refuses)
        page = await site.get()
        api = await Browser(site.app).get("/api/v1/status", authorization=f"Bearer {token}")
        assert page.status == api.status == expected
        said = msgspec.json.decode(api.body)["error"]
        assert said["message"] in page.page.text
        assert said["code"]
        assert ("retry-after" in page.headers) == (expected == 429)
        assert "secret detail" not in page.body + api.body

    told(tmp_path, story)


def test_the_page_can_be_read_without_seeing_it(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        await connected(site)
        tags = Text((await site.get()).body).tags
        assert ("html", {"lang": "en"}) in tags
        assert sum(tag == "h1" for tag, _ in tags) == 1
        assert sum(tag == "table" for tag, _ in tags) == sum(tag == "caption" for tag, _ in tags) == 3
        # Tables become cards on a narrow screen, where browsers forget what they were unless it is said.
        assert all(attributes.get("role") for tag, attributes in tags if tag in ("table", "tr", "th", "td"))
        assert all(attributes.get("scope") for tag, attributes in tags if tag == "th")
        assert all(attributes.get("data-label") for tag, attributes in tags if tag == "td")
        ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
        assert all(attributes["aria-labelledby"] in ids for _, attributes in tags if "aria-labelledby" in attributes)

    told(tmp_path, story)


@pytest.mark.parametrize("domain", page_texts.DOMAINS)
def test_every_text_that_pages_show_is_in_its_catalogue_and_nothing_else_is(domain: str) -> None:
    kept = page_texts.source(domain).read_text(encoding="utf-8")
    assert kept == page_texts.catalogue(domain), "python -m tests.page_texts writes it anew"
