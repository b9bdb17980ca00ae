"""The status page in each of its states, and who gets to see it: asked of the application itself, as a browser would."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jinja2.ext import babel_extract
from tests.contract.conftest import a_connection

from interlock.app.reach import Reach
from interlock.core.model import Issue, IssueCategory
from interlock.store import Store, connections, directory, heartbeat, issues
from interlock.web import app as pages

NOW_US = 1_767_603_600_000_000
WEB = Path(pages.__file__).parent


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: str


class Site:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.app = pages.make_app(store, lambda: NOW_US)

    async def get(
        self, path: str = "/", host: str = "127.0.0.1:8090", client: str = "127.0.0.1", **headers: str
    ) -> Answer:
        sent: list[dict[str, Any]] = []
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "headers": [(b"host", host.encode()), *((k.encode(), v.encode()) for k, v in headers.items())],
            "client": (client, 50_000),
            "server": ("127.0.0.1", 8090),
        }

        requested = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            # Behind the request nothing comes: the browser waits for its answer.
            return next(requested, None) or await asyncio.Future()

        async def send(message: Any) -> None:
            sent.append(message)

        try:
            await self.app(scope, receive, send)
        except Exception:
            # Starlette answers with the error page and then hands the error to the server's log.
            if not sent:
                raise
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], found, b"".join(each.get("body", b"") for each in sent[1:]).decode())


def told(tmp_path: Path, story: Any) -> None:
    async def main() -> None:
        store = await Store.open(str(tmp_path / "interlock.db"), clock_us=lambda: NOW_US)
        try:
            await story(Site(store))
        finally:
            await store.close()

    asyncio.run(main())


async def connected(site: Site, **changes: Any) -> int:
    async with site.store.write(None) as tx:
        return await connections.create(tx, a_connection(begun_at_us=1, **changes))


class Text(HTMLParser):
    """What a reader gets, and the tags in order."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(body)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


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
        assert "In agreement: nothing is due, nothing needs you." in page.body
        assert 'class="verdict good"' in page.body
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
        assert 'class="verdict stopped"' in page.body

    told(tmp_path, story)


def test_what_people_named_is_shown_as_text(tmp_path: Path) -> None:
    async def story(site: Site) -> None:
        await connected(site, name="<script>alert(1)</script>", salesforce_name='"><img src=x onerror=alert(1)>')
        page = await site.get()
        assert "&lt;script&gt;" in page.body
        tags = {tag for tag, _ in Text(page.body).tags}
        assert not tags & {"script", "img"}

    told(tmp_path, story)


@pytest.mark.parametrize("path", ["/", "/health", "/nowhere", "/static/style.css", "/static/../app.py"])
def test_every_answer_carries_the_security_headers(tmp_path: Path, path: str) -> None:
    async def story(site: Site) -> None:
        answer = await site.get(path)
        for name, value in pages.SECURITY_HEADERS.items():
            assert answer.headers[name.lower()] == value
        assert answer.status == (404 if ".." in path or path == "/nowhere" else 200)

    told(tmp_path, story)


@pytest.mark.parametrize(
    "asked",
    [
        {"client": "192.0.2.7", "host": "192.0.2.1:8090"},
        {"host": "attacker.example"},
        {"host": "interlock.example.com", "x-forwarded-for": "192.0.2.7"},
        {"x-forwarded-for": "192.0.2.7"},
    ],
    ids=["another machine", "a rebound name", "a proxy", "a proxy that keeps the name"],
)
def test_the_status_is_shown_to_this_machine_alone_and_the_health_check_to_all(
    tmp_path: Path, asked: dict[str, str]
) -> None:
    async def story(site: Site) -> None:
        await connected(site, name="secret-name")
        refused = await site.get(**asked)  # type: ignore[arg-type]
        assert refused.status == 403
        assert "secret-name" not in refused.body
        health = await site.get("/health", **asked)  # type: ignore[arg-type]
        assert health.status == 200
        assert "secret-name" not in health.body

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
        monkeypatch.setattr(pages.use_case, "status", broken)
        page = await site.get()
        assert page.status == 500
        assert "secret detail" not in page.body
        assert "Something broke" in page.body

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


def _messages() -> Iterator[str]:
    for template in sorted((WEB / "templates").glob("*.html")):
        with template.open("rb") as file:
            for _, _, message, _ in babel_extract(file, ("_",), [], {}):
                yield str(message)
    for source in sorted(WEB.glob("*.py")):
        yield from re.findall(r'\b_\("((?:[^"\\]|\\.)*)"\)', source.read_text())


def test_every_text_of_the_pages_is_in_the_catalogue_and_nothing_else_is() -> None:
    catalogue = (WEB / "locale" / "interlock.pot").read_text()
    listed = re.findall(r'^msgid "(.+)"$', catalogue, re.MULTILINE)
    assert listed == sorted(set(_messages()))
