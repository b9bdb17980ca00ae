"""Coming in and managing people by the pages, as somebody with a browser and no scripts does it."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.asgi_browser import Answer, Browser, Text
from tests.office import PASSWORD, Office, an_office

from interlock.app.people import links, manage, programs
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.web.app import make_app
from interlock.web.pages import audit_log

pytestmark = pytest.mark.anyio

URL = "http://127.0.0.1:8090"
NEW = "quiet amber lantern"


class Site:
    def __init__(self, office: Office) -> None:
        self.office = office
        self.app = make_app(office.interlock, URL, office.passwords)

    def browser(self) -> Browser:
        return Browser(self.app)

    async def ada(self) -> Browser:
        """Signed in as the admin."""
        await self.office.add("Ada", Role.ADMIN)
        browser = self.browser()
        await browser.sign_in("ada@example.com", PASSWORD)
        return browser


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with an_office(tmp_path) as office:
        yield Site(office)


def link_in(answer: Answer) -> str:
    """The path of the one-time link that a page shows."""
    (shown,) = answer.page.all("input", id="link")
    address = urlsplit(str(shown["value"]))
    assert f"{address.scheme}://{address.netloc}" == URL
    return address.path


def fields_are_told(page: Text) -> None:
    """Every field has a label; what is refused is in a summary that leads to the field, and at the field itself."""
    ids = {str(attributes["id"]) for _, attributes in page.tags if "id" in attributes}
    assert len(ids) == sum("id" in attributes for _, attributes in page.tags)
    labelled = {attributes["for"] for attributes in page.all("label")}
    for tag in ("input", "select"):
        for attributes in page.all(tag):
            if attributes.get("type") != "hidden" and "hidden" not in attributes:
                assert attributes.get("id") in labelled or attributes.get("aria-label")
            for id_ in (attributes.get("aria-describedby") or "").split():
                assert id_ in ids
            if attributes.get("aria-invalid"):
                assert f"{attributes['id']}-reason" in str(attributes["aria-describedby"])
                assert page.all("a", href=f"#{attributes['id']}")
    assert all(str(a["href"])[1:] in ids for a in page.all("a") if str(a["href"]).startswith("#"))
    assert len(page.all("h1")) == 1


# --- the first person -------------------------------------------------------------------------------------------------


async def test_the_first_person_makes_an_account_from_the_link_and_goes_on_to_the_set_up(site: Site) -> None:
    token = await links.setup_link(site.office.store)
    browser = site.browser()
    path = f"/welcome/{token}"
    shown = await browser.get(path)
    assert "You are the first person here" in shown.page.text
    fields_are_told(shown.page)
    answer = await browser.submit(path, name="Ada", email="ada@example.com", password=PASSWORD)
    assert (answer.status, answer.to) == (303, "/setup")
    status = await browser.get("/")
    assert status.status == 200
    assert status.page.all("a", href="/people")
    again = await site.browser().get(path)
    assert again.status == 404
    assert "This link works no more" in again.body


async def test_what_is_refused_is_said_at_its_field_and_what_was_typed_stays_but_the_password(site: Site) -> None:
    token = await links.setup_link(site.office.store)
    answer = await site.browser().submit(f"/welcome/{token}", name="Ada <b>", email="ada", password=PASSWORD)
    assert answer.status == 422
    fields_are_told(answer.page)
    assert answer.page.all("input", id="email", **{"aria-invalid": "true", "value": "ada"})
    assert answer.page.all("input", id="name", value="Ada <b>")
    assert "<b>" not in answer.body
    assert PASSWORD not in answer.body
    assert answer.page.all("div", role="alert")
    assert "<title>Not done:" in answer.body


@pytest.mark.parametrize("path", ["/welcome/wrong", "/welcome/", "/welcome/a/b", "/welcome/%00"])
async def test_a_wrong_link_says_no_more_than_that_it_does_not_work(site: Site, path: str) -> None:
    assert (await site.browser().get(path)).status == 404


async def test_before_there_is_anybody_the_sign_in_page_says_where_to_begin(site: Site) -> None:
    assert "interlock setup-link" in (await site.browser().get("/sign-in")).body
    await site.office.add("Ada", Role.ADMIN)
    assert "setup-link" not in (await site.browser().get("/sign-in")).body


async def test_the_demos_link_is_one_button(site: Site) -> None:
    token = await links.demo_link(site.office.store, "Demo", "demo@example.com")
    browser = site.browser()
    answer = await browser.submit(f"/welcome/{token}")
    assert answer.to == "/setup"
    assert (await browser.get("/")).status == 200


# --- signing in -------------------------------------------------------------------------------------------------------


async def test_whatever_is_wrong_the_page_is_the_same(site: Site) -> None:
    await site.office.add("Ada", Role.ADMIN)
    wrong = await site.browser().sign_in("ada@example.com", "wrong horse battery")
    unknown = await site.browser().sign_in("eve@example.com", "wrong horse battery")
    assert wrong.status == unknown.status == 422
    fields_are_told(wrong.page)
    assert "do not fit together" in wrong.body
    assert wrong.page.text == unknown.page.text


async def test_too_many_tries_are_held_back_with_the_time_to_wait(site: Site) -> None:
    await site.office.add("Ada", Role.ADMIN)
    browser = site.browser()
    for _ in range(5):
        await browser.sign_in("ada@example.com", "wrong horse battery")
    held = await browser.sign_in("ada@example.com", PASSWORD)
    assert (held.status, held.headers["retry-after"]) == (429, "1")
    assert "Wait 1 second, then" in held.body
    site.office.advance(1)
    assert (await browser.sign_in("ada@example.com", PASSWORD)).to == "/"


async def test_after_signing_in_one_is_led_back_to_where_one_was_going(site: Site) -> None:
    await site.office.add("Ada", Role.ADMIN)
    browser = site.browser()
    to = (await browser.get("/audit-log?before=5")).to
    assert to == "/sign-in?next=%2Faudit-log"
    answer = await browser.submit(to, "/sign-in", email="ada@example.com", password=PASSWORD)
    assert answer.to == "/audit-log"


async def test_a_part_of_a_page_whose_session_is_over_takes_the_whole_page_to_the_sign_in(site: Site) -> None:
    part = {"hx-request": "true", "hx-current-url": f"{URL}/audit-log?before=5"}
    browser = site.browser()
    for answer in (await browser.get("/", **part), await browser.post("/api-tokens", {}, **part)):
        assert (answer.status, answer.to) == (401, None)
        assert answer.headers["hx-redirect"] == "/sign-in?next=%2Faudit-log"
    elsewhere = await browser.get(
        "/", **{"hx-request": "true", "hx-current-url": "https://evil.example//evil.example/x"}
    )
    to = elsewhere.headers["hx-redirect"]
    await site.office.add("Ada", Role.ADMIN)
    answer = await browser.submit(to, "/sign-in", email="ada@example.com", password=PASSWORD)
    assert answer.to == "/"


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "/a//b", "\n/people", "/people?x"]
)
async def test_nobody_is_led_anywhere_else(site: Site, to: str) -> None:
    await site.office.add("Ada", Role.ADMIN)
    answer = await site.browser().submit("/sign-in", "/sign-in", email="ada@example.com", password=PASSWORD, next=to)
    assert answer.to == "/"


# --- people -----------------------------------------------------------------------------------------------------------


async def test_an_admin_adds_a_person_who_comes_in_by_the_link(site: Site) -> None:
    ada = await site.ada()
    answer = await ada.submit("/people", "/people", name="Bob", email="bob@example.com", role="operator")
    assert answer.status == 200
    assert "A link for Bob" in answer.body
    bob, path = site.browser(), link_in(answer)
    shown = await bob.get(path)
    assert "bob@example.com" in shown.body
    fields_are_told(shown.page)
    short = await bob.submit(path, password="short")
    assert short.status == 422
    fields_are_told(short.page)
    assert (await bob.submit(path, password=PASSWORD)).to == "/"
    assert (await bob.get("/people")).status == 403
    listed = await ada.get("/people")
    assert "bob@example.com" in listed.body
    fields_are_told(listed.page)


async def test_what_is_wrong_with_a_person_who_is_added_is_said_and_nobody_is_added(site: Site) -> None:
    ada = await site.ada()
    for typed, field in (
        ({"name": "", "email": "bob@example.com", "role": "viewer"}, "name"),
        ({"name": "Bob", "email": "bob", "role": "viewer"}, "email"),
        ({"name": "Bob", "email": "ADA@example.com", "role": "viewer"}, "email"),
        ({"name": "Bob", "email": "bob@example.com", "role": "owner"}, "role"),
    ):
        answer = await ada.submit("/people", "/people", **typed)
        assert answer.status == 422
        fields_are_told(answer.page)
        assert [
            each["id"] for tag in ("input", "select") for each in answer.page.all(tag, **{"aria-invalid": "true"})
        ] == [field]
    assert len(await manage.list_(site.office.store)) == 1


async def test_role_disabling_enabling_and_a_new_password_by_their_buttons(site: Site) -> None:
    ada = await site.ada()
    bob = await site.office.add("Bob")
    role = await ada.submit("/people", f"/people/{bob.id}/role", role="admin")
    assert "The role is changed" in (await ada.get(str(role.to))).body
    disabled = await ada.submit("/people", f"/people/{bob.id}/disable")
    page = await ada.get(str(disabled.to))
    assert "disabled and signed out everywhere" in page.body
    assert page.page.all("form", action=f"/people/{bob.id}/enable")
    assert (await site.browser().sign_in("bob@example.com", PASSWORD)).status == 422
    await ada.submit("/people", f"/people/{bob.id}/enable")
    path = link_in(await ada.submit("/people", f"/people/{bob.id}/reset-password"))
    assert (await site.browser().sign_in("bob@example.com", PASSWORD)).status == 422
    assert (await site.browser().submit(path, password=NEW)).to == "/setup"
    assert (await site.browser().sign_in("bob@example.com", NEW)).to == "/"


async def test_the_last_admin_is_kept_and_told_why(site: Site) -> None:
    ada = await site.ada()
    for action, typed in (("disable", {}), ("role", {"role": "viewer"})):
        answer = await ada.submit("/people", f"/people/1/{action}", **typed)
        assert answer.status == 422
        assert "Ada is the only admin who can sign in" in answer.body
        fields_are_told(answer.page)
    gone = await ada.post("/people/77/disable", (await ada.get("/people")).page.form("/people"))
    assert "There is no person 77" in gone.body


async def test_what_people_call_themselves_is_shown_as_text(site: Site) -> None:
    ada = await site.ada()
    await manage.add(site.office.store, BY_COMMAND, "bob@example.com", '"><script>alert(1)</script>', Role.VIEWER)
    for path in ("/people", "/audit-log"):
        scripts = (await ada.get(path)).page.all("script")
        assert all(str(script["src"]).startswith("/static/") for script in scripts)


# --- one's own account, tokens, the log -------------------------------------------------------------------------------


async def test_ones_own_password_is_changed_with_the_current_one(site: Site) -> None:
    ada = await site.ada()
    elsewhere = site.browser()
    await elsewhere.sign_in("ada@example.com", PASSWORD)
    wrong = await ada.submit("/account", "/account/password", current="not that", password=NEW)
    assert wrong.status == 422
    assert "This is not your current password" in wrong.body
    fields_are_told(wrong.page)
    short = await ada.submit("/account", "/account/password", current=PASSWORD, password="short")
    fields_are_told(short.page)
    done = await ada.submit("/account", "/account/password", current=PASSWORD, password=NEW)
    assert "The password is changed" in (await ada.get(str(done.to))).body
    assert (await elsewhere.get("/")).to == "/sign-in"
    assert (await site.browser().sign_in("ada@example.com", NEW)).to == "/"


async def test_a_forgotten_browser_is_signed_out_from_another(site: Site) -> None:
    ada = await site.ada()
    bob = site.browser()
    await site.office.add("Bob")
    await bob.sign_in("bob@example.com", PASSWORD)
    assert "In this browser only." in (await ada.get("/account")).body
    forgotten = site.browser()
    await forgotten.sign_in("ada@example.com", PASSWORD)
    assert "In 2 browsers" in (await ada.get("/account")).body
    done = await ada.submit("/account", "/account/sign-out-elsewhere")
    assert "You are signed out everywhere else." in (await ada.get(str(done.to))).body
    assert (await forgotten.get("/")).to == "/sign-in"
    assert (await bob.get("/")).status == 200


async def test_a_token_is_shown_once_works_and_is_revoked(site: Site) -> None:
    ada = await site.ada()
    answer = await ada.submit("/api-tokens", "/api-tokens", name="reports", role="viewer")
    (shown,) = answer.page.all("input", id="token")
    token = str(shown["value"])
    api = await site.browser().get("/api/v1/status", authorization=f"Bearer {token}")
    assert (api.status, '"schema":"interlock.status/1"' in api.body) == (200, True)
    listed = await ada.get("/api-tokens")
    assert "reports" in listed.body
    assert token not in listed.body
    fields_are_told(listed.page)
    revoked = await ada.submit("/api-tokens", "/api-tokens/1/revoke")
    assert "revoked" in (await ada.get(str(revoked.to))).body
    assert (await site.browser().get("/api/v1/status", authorization=f"Bearer {token}")).status == 401


async def test_a_token_without_a_name_or_with_no_role_is_refused(site: Site) -> None:
    ada = await site.ada()
    for typed in ({"name": " ", "role": "viewer"}, {"name": "reports", "role": "root"}):
        answer = await ada.submit("/api-tokens", "/api-tokens", **typed)
        assert answer.status == 422
        fields_are_told(answer.page)
    assert await programs.list_(site.office.store) == []


async def test_the_audit_log_tells_who_did_what_and_when_somebody_altered_it(site: Site) -> None:
    ada = await site.ada()
    await ada.submit("/people", "/people", name="Bob", email="bob@example.com", role="operator")
    page = await ada.get("/audit-log")
    assert "All 3 rows are as they were written" in page.page.text
    assert "Ada (person:1) added Bob (person:2) role: operator; at: 127.0.0.1" in page.page.text
    assert "at: 127.0.0.1" in page.page.text
    async with site.office.store.write(None) as tx:
        await tx.run("UPDATE deed SET subject = 'person:1' WHERE seq = 3")
    assert "Row 3 is not what was written" in (await ada.get("/audit-log")).page.text
    for odd in ("0", "-1", "x", "99999999999999999999", "\u00b2"):
        assert (await ada.get(f"/audit-log?before={odd}")).status == 200


# {who writes a deed: which argument is its action}
CALLS = {"deeds.append": 2, "record": 2, "record_once_an_hour": 2, "begin_session": 2}


def actions_of_deeds() -> set[str]:
    """What the use cases say to the log."""
    found = set()
    for source in (Path(links.__file__).parents[1]).rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
                action = node.args[CALLS[ast.unparse(node.func)]]
                if isinstance(action, ast.Constant):
                    found.add(str(action.value))
                else:
                    # Handed on, by one of these.
                    assert ast.unparse(action) in ("deed", "action"), ast.unparse(node)
    return found


def test_every_deed_has_words_on_the_page() -> None:
    assert actions_of_deeds() == set(audit_log.words())


# --- secrets ----------------------------------------------------------------------------------------------------------


async def test_no_password_hash_or_session_is_in_any_page_and_none_in_any_address(site: Site) -> None:
    ada = await site.ada()
    await site.office.add("Bob")
    session = ada.cookies["interlock_session"]
    for path in ("/", "/people", "/account", "/api-tokens", "/audit-log", "/sign-in"):
        answer = await ada.get(path)
        assert answer.status == 200
        assert not [secret for secret in (session, "$argon2", PASSWORD) if secret in answer.body]
    answer = await ada.submit("/account", "/sign-out")
    assert session not in str(answer.to)


async def test_a_token_that_is_sent_to_the_wrong_place_is_not_said_back(site: Site) -> None:
    link = await links.setup_link(site.office.store)
    for path in (f"/{link}", f"/welcome/{link}/x"):
        assert link not in (await site.browser().get(path)).body


async def test_a_form_of_very_many_parts_is_refused_before_anything_is_made_of_them(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can send it to the sign-in; taking it apart as an e-mail held every other request up for ten seconds."""
    made = []
    init = EmailMessage.__init__

    def counting(self: EmailMessage, *arguments: Any, **more: Any) -> None:
        made.append(self)
        init(self, *arguments, **more)

    monkeypatch.setattr(EmailMessage, "__init__", counting)
    body = b"--b\r\n\r\n\r\n" * 10_000 + b"--b--\r\n"
    answer = await site.browser().send("POST", "/sign-in", body, {"content-type": "multipart/form-data; boundary=b"})
    assert answer.status == 413
    assert len(made) < 10


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; x"])
async def test_a_form_of_parts_without_a_boundary_is_refused(site: Site, kind: str) -> None:
    answer = await site.browser().send("POST", "/sign-in", b"--\r\n\r\n\r\n----", {"content-type": kind})
    assert answer.status in (403, 413)


@pytest.mark.parametrize("page", ["/people", "/api-tokens", "/audit-log", "/notifications"])
async def test_a_tab_that_belongs_to_no_connection_has_the_tabs_beside_it_and_is_marked_in_them(
    site: Site, page: str
) -> None:
    shown = (await (await site.ada()).get(page)).page
    marked = [each.get("href") for each in shown.all("a") if each.get("aria-current") == "page"]
    assert page in marked
    for other in ("/people", "/api-tokens", "/audit-log", "/notifications"):
        assert shown.all("a", href=other)
    (tabs,) = [each for each in shown.all("nav") if each.get("aria-label") == "Settings"]
    assert tabs is not None
