"""Who gets to what: every address as nobody, viewer, operator and admin; cookies, forms and tokens that hold, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.routing import Mount, Route
from tests.asgi_browser import Answer, Browser
from tests.contract.conftest import a_connection
from tests.contract.who_may import EVERYBODY, LOWEST, may
from tests.office import PASSWORD, Office, an_office

from interlock.app.people import links, manage, programs
from interlock.app.people.roles import Role
from interlock.store import connections
from interlock.web import access
from interlock.web.address import Address, Operation, Signed
from interlock.web.app import make_app
from interlock.web.routes import ADDRESSES

pytestmark = pytest.mark.anyio

HTTP, HTTPS = "http://127.0.0.1:8090", "https://sync.example.com"
NOBODY = "nobody"


class Site:
    """Pages with Ada (admin), Otto (operator) and Vera (viewer), and a browser for each."""

    def __init__(self, office: Office, public_url: str = HTTP) -> None:
        self.office = office
        self.app = make_app(office.interlock, public_url, office.passwords)

    def browser(self, **options: str) -> Browser:
        return Browser(self.app, **options)

    async def signed_in(self, name: str) -> Browser:
        browser = self.browser()
        answer = await browser.sign_in(f"{name}@example.com", PASSWORD)
        assert (answer.status, answer.to) == (303, "/"), answer.body
        return browser


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, database_url) as opened:
        await opened.add("Ada", Role.ADMIN)
        await opened.add("Otto", Role.OPERATOR)
        await opened.add("Vera", Role.VIEWER)
        async with opened.store.write(None) as tx:
            await connections.create(tx, a_connection())
        yield opened


@pytest.fixture
def site(office: Office) -> Site:
    return Site(office)


# --- the table --------------------------------------------------------------------------------------------------------

PEOPLE = {Role.ADMIN: "ada", Role.OPERATOR: "otto", Role.VIEWER: "vera"}


async def test_every_address_that_is_served_is_in_the_table(site: Site) -> None:
    served = [route for route in site.app.routes if not (isinstance(route, Mount) and route.path == "/static")]
    assert all(isinstance(route, Route) for route in served)
    found = [
        (method, r.path) for r in served if isinstance(r, Route) for method in sorted((r.methods or set()) - {"HEAD"})
    ]
    assert found == [(address.method, address.path) for address in ADDRESSES]
    assert len(set(found)) == len(found)


def test_for_every_address_it_is_said_here_who_gets_to_it() -> None:
    """A new address without a line in who_may.py fails, so that nobody opens one by a slip."""
    assert {f"{address.method} {address.path}" for address in ADDRESSES} == set(LOWEST)


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda each: f"{each.method} {each.path}")
async def test_every_address_as_nobody_viewer_operator_and_admin(site: Site, address: Address) -> None:
    for role in (None, *Role):
        before = await site.office.kept()
        answer = await _asked(site, address, role)
        if isinstance(address, Signed):
            assert answer.status == 401, "whatever role in Interlock: only a CRM's signature counts"
        elif LOWEST[f"{address.method} {address.path}"] is EVERYBODY:
            # 400: a callback that nobody began.
            assert answer.status in (200, 400, 404, 422), (role, answer.body)
        elif role is None:
            expected = (401, None) if isinstance(address, Operation) else (303, "/sign-in")
            assert (answer.status, (answer.to or "").partition("?")[0] or None) == expected
        elif may(role, address):
            # 404: whoever may, is told that there is no token 1; 422: that nothing was filled in; 409: that the form names no
            # edition of what it changes; 202: a job was begun.
            assert answer.status in (200, 202, 303, 404, 409, 422), (role, answer.body)
            assert not (answer.to or "").startswith("/sign-in") or address.path == "/sign-out"
        else:
            assert answer.status == 403, (role, answer.body)
            assert "example.com" not in answer.body
        if not may(role, address):
            assert await site.office.kept() == before


_PARTS = {
    "{id:int}": "1",
    "{conflict:int}": "1",
    "{object}": "contacts",
    "{side}": "hubspot",
    "{pair}": "email:Email",
    "{property}": "leadsource",
    "{key}": "hubspot:contacts:1",
    "{token}": "wrong",
    "{connection}": "1",
    "{job}": "none",
    "{run}": "none",
}


def path_of(address: Address, **parts: str) -> str:
    """Of something that may be there: connection 1 is, and cannot reach a CRM."""
    path = address.path
    for part, value in _PARTS.items():
        path = path.replace(part, parts.get(part.strip("{}"), value))
    assert "{" not in path, f"say here what is in {path}"
    return path


async def _asked(site: Site, address: Address, role: Role | None) -> Answer:
    """As somebody with that role, with a form token that is good."""
    path = path_of(address)
    if isinstance(address, Operation):
        headers = {**await _bearer(site, role), "content-type": "application/json", "if-match": "*"}
        return await site.browser().send(address.method, path, b"" if address.body is None else b"{}", headers)
    browser = site.browser() if role is None else await site.signed_in(PEOPLE[role])
    if address.method == "GET":
        return await browser.get(path)
    page = await browser.get("/sign-in" if role is None or address.need is None else "/account")
    action = "/sign-in" if role is None or address.need is None else "/sign-out"
    return await browser.post(path, {"csrf": page.page.form(action)["csrf"]})


async def _bearer(site: Site, role: Role | None) -> dict[str, str]:
    if role is None:
        return {}
    ada = await site.office.by("Ada")
    return {"authorization": f"Bearer {await programs.make(site.office.store, ada, 'reports', role)}"}


async def test_a_page_that_somebody_may_not_see_is_not_in_their_navigation(site: Site) -> None:
    shown = {
        role: {str(a["href"]) for a in (await (await site.signed_in(who)).get("/")).page.all("a")}
        for role, who in PEOPLE.items()
    }
    admin_only = {"/people", "/api-tokens", "/audit-log"}
    assert admin_only <= shown[Role.ADMIN]
    assert not admin_only & (shown[Role.OPERATOR] | shown[Role.VIEWER])


# --- forms ------------------------------------------------------------------------------------------------------------

FORMS = [address for address in ADDRESSES if address.method == "POST" and not isinstance(address, Operation | Signed)]


@pytest.mark.parametrize("address", FORMS, ids=lambda each: each.path)
async def test_every_form_is_refused_without_its_browsers_own_token(site: Site, address: Address) -> None:
    ada, other = await site.signed_in("ada"), await site.signed_in("ada")
    await ada.get("/sign-in")
    stolen = (await other.get("/account")).page.form("/sign-out")["csrf"]
    foreign_visit = (await site.browser().get("/sign-in")).page.form("/sign-in")["csrf"]
    before, done = await site.office.dump("deed"), await site.office.deeds()
    path = path_of(address)
    for fields in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "\u0142"}, {"csrf": stolen}, {"csrf": foreign_visit}):
        answer = await ada.post(path, {"role": "admin", **fields})
        assert answer.status == 403
        assert "not sent from a page of this Interlock" in answer.body
    assert await site.office.dump("deed") == before
    (refused,) = (await site.office.deeds())[len(done) :]
    assert refused[1:] == ("form_refused", address.shown)


@pytest.mark.parametrize("address", FORMS, ids=lambda each: each.path)
async def test_a_form_that_another_site_sent_is_refused_even_with_its_token(site: Site, address: Address) -> None:
    ada = await site.signed_in("ada")
    page = await ada.get("/sign-in" if address.need is None else "/account")
    csrf = page.page.form("/sign-in" if address.need is None else "/sign-out")["csrf"]
    path = path_of(address)
    for where in ("cross-site", "same-site"):
        answer = await ada.post(path, {"csrf": csrf}, **{"sec-fetch-site": where})
        assert answer.status == 403


def test_nothing_is_changed_by_looking() -> None:
    assert {address.method for address in ADDRESSES} == {"GET", "POST", "PUT"}
    assert {address.method for address in ADDRESSES if not isinstance(address, Operation)} == {"GET", "POST"}


async def test_looking_at_every_page_changes_nothing(site: Site) -> None:
    ada = await site.signed_in("ada")
    link = await links.demo_link(site.office.store, "Ada", "ada@example.com")
    before, told = await site.office.dump("deed"), await site.office.deeds()
    for address in ADDRESSES:
        if address.method == "GET" and not isinstance(address, Operation | Signed):
            # 303: a step of the wizard whose turn is not yet leads to the one that is.
            # 400, 404: a sign-in that nobody began, a colleague's link that there is not.
            # 422: a record, of which a connection without a sign-in can tell nothing; 404: a mapping or a job that is not there.
            usual: tuple[int, ...] = (200, 303)
            if address.path.startswith(("/oauth/", "/colleague/")):
                usual = (200, 303, 400, 404)
            elif any(part in address.path for part in ("{key}", "{pair}", "{job}", "{run}")):
                usual = (404, 422)
            answer = await ada.get(path_of(address, token=link))
            assert answer.status in usual, (address.path, answer.body)
    assert await site.office.dump("deed") == before
    # Who took a file is told.
    assert {action for _, action, _ in (await site.office.deeds())[len(told) :]} == {"exported"}


async def test_a_form_that_is_no_form_or_too_long_is_refused(site: Site) -> None:
    ada = await site.signed_in("ada")
    csrf = (await ada.get("/account")).page.form("/sign-out")["csrf"]
    form = {"content-type": "application/x-www-form-urlencoded"}
    json = await ada.send("POST", "/people", b'{"csrf": "x"}', {"content-type": "application/json"})
    long = await ada.send("POST", "/people", f"csrf={csrf}&name={'a' * access.FORM_BYTES}".encode(), form)
    many = await ada.send("POST", "/people", ("&".join(["a=b"] * 2_100)).encode(), form)
    assert [json.status, long.status, many.status] == [415, 413, 413]


async def test_an_address_that_is_not_in_the_table_is_not_guessed(site: Site) -> None:
    ada = await site.signed_in("ada")
    for path in ("/people/", "//people", "/People", "/people/1", "/people/x/disable"):
        assert (await ada.get(path)).status in (404, 405)
    other = await ada.send("DELETE", "/people", b"", {})
    assert (other.status, set(other.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


async def test_what_is_asked_shows_no_secret_when_it_is_printed(site: Site) -> None:
    from starlette.requests import Request

    request = Request({"type": "http", "method": "POST", "path": "/sign-in", "headers": [], "query_string": b""})
    asked = access.Asked(None, request, None, {"password": PASSWORD}, "form-token", "session-token")  # type: ignore[arg-type]
    assert not [secret for secret in (PASSWORD, "form-token", "session-token") if secret in repr(asked)]


# --- cookies and headers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [HTTPS, HTTP])
async def test_over_https_the_cookies_are_the_hosts_own_secure_unread_by_scripts_and_sent_to_no_other_site(
    office: Office, told: str
) -> None:
    browser = Site(office, told).browser(host="sync.example.com", scheme="https")
    shown = await browser.get("/sign-in")
    answer = await browser.sign_in("ada@example.com", PASSWORD)
    for cookie in (*shown.cookies, *answer.cookies):
        name, _, rest = cookie.partition("=")
        attributes = {part.strip().lower().partition("=")[0] for part in rest.split(";")[1:]}
        assert name.startswith("__Host-interlock_")
        assert {"secure", "httponly", "path", "samesite"} <= attributes
        assert "domain" not in attributes
        assert "samesite=lax" in cookie.lower()
        assert "path=/" in cookie.lower()
    assert answer.headers.get("strict-transport-security", "").startswith("max-age=31536000") == (told == HTTPS)
    assert (await browser.get("/")).status == 200


async def test_over_http_on_this_machine_the_cookies_work_without_what_needs_https(site: Site) -> None:
    answer = await (browser := site.browser()).sign_in("ada@example.com", PASSWORD)
    assert not [cookie for cookie in answer.cookies if "secure" in cookie.lower() or "__Host" in cookie]
    assert all("httponly" in cookie.lower() for cookie in answer.cookies)
    assert "strict-transport-security" not in answer.headers
    assert (await browser.get("/")).status == 200


async def test_signing_in_gives_a_new_cookie_and_the_old_one_is_worth_nothing(site: Site) -> None:
    ada = await site.signed_in("ada")
    thief = site.browser()
    thief.cookies = dict(ada.cookies)
    await ada.sign_in("ada@example.com", PASSWORD)
    assert ada.cookies != thief.cookies
    assert (await thief.get("/")).to == "/sign-in"
    assert (await ada.get("/")).status == 200


async def test_a_cookie_that_was_planted_before_signing_in_is_not_the_session(site: Site) -> None:
    victim = site.browser()
    victim.cookies["interlock_session"] = "planted"
    await victim.sign_in("ada@example.com", PASSWORD)
    assert victim.cookies["interlock_session"] != "planted"
    thief = site.browser()
    thief.cookies["interlock_session"] = "planted"
    assert (await thief.get("/")).to == "/sign-in"


async def test_signing_out_ends_the_session_on_the_server(site: Site) -> None:
    ada = await site.signed_in("ada")
    thief = site.browser()
    thief.cookies = dict(ada.cookies)
    answer = await ada.submit("/account", "/sign-out")
    assert answer.to == "/sign-in"
    assert "interlock_session" not in ada.cookies
    assert (await thief.get("/")).to == "/sign-in"


async def test_whoever_is_disabled_is_out_at_the_next_click(site: Site) -> None:
    ada, vera = await site.signed_in("ada"), await site.signed_in("vera")
    people = {person.name: person.id for person in await manage.list_(site.office.store)}
    answer = await ada.submit("/people", f"/people/{people['Vera']}/disable")
    assert answer.to == "/people?done=disabled"
    assert (await vera.get("/")).to == "/sign-in"


async def test_from_this_machine_itself_nothing_is_shown_without_signing_in(site: Site) -> None:
    near = site.browser(host="127.0.0.1:8090", address="127.0.0.1")
    assert (await near.get("/")).to == "/sign-in"
    assert (await near.get("/health")).status == 200


# --- the API ----------------------------------------------------------------------------------------------------------


async def test_the_api_takes_a_token_and_no_cookie_and_the_pages_a_cookie_and_no_token(site: Site) -> None:
    ada = await site.signed_in("ada")
    bearer = await _bearer(site, Role.ADMIN)
    assert (await ada.get("/api/v1/status")).status == 401
    assert (await site.browser().get("/api/v1/status", **bearer)).status == 200
    assert (await site.browser().get("/people", **bearer)).to == "/sign-in?next=%2Fpeople"


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", "Bearer \u0142"])
async def test_what_is_no_token_is_refused(site: Site, sent: str) -> None:
    headers = {"authorization": sent.encode().decode("latin-1")}
    answer = await site.browser().get("/api/v1/status", **headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_nul_in_what_a_page_is_sent_is_refused_on_either_database(tmp_path: Path, database_url: str) -> None:
    async with an_office(tmp_path, database_url) as office:
        await office.add("Ada", Role.ADMIN)
        browser = Browser(make_app(office.interlock, "http://127.0.0.1:8090", office.passwords))
        form = (await browser.get("/sign-in")).page.form("/sign-in")
        assert (await browser.post("/sign-in", {**form, "email": "a\0b@example.com", "password": "x"})).status == 400
        await browser.sign_in("ada@example.com", PASSWORD)
        async with office.store.write(None) as tx:
            await connections.create(tx, a_connection("main", "1"))
        for page in ("issues?code=%00", "conflicts?property=a%00", "not-synced?object=contacts&why=%00", "\0"):
            assert (await browser.get(f"/connections/1/{page}")).status in (400, 404), page
        assert (await browser.get("/audit-log?before=%00")).status == 400
