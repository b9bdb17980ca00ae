"""What docs/security.md promises of the pages and the JSON API, where no other test holds it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from tests.api_world import PUBLIC_URL, ApiWorld, an_api
from tests.asgi_browser import Answer, Browser
from tests.office import PASSWORD

from interlock.app.people import links, manage, programs
from interlock.app.people.denials import STRANGERS_AN_HOUR, Denials
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.words import on_one_line
from interlock.config import Home, ProcessSettings
from interlock.store import StoreUnavailable, deeds
from interlock.web import body, patience
from interlock.web.app import make_app
from interlock.web.headers import SECURITY_HEADERS
from interlock.web.limits import STRANGER, TOKEN, Buckets, Rate
from interlock.web.server import bind, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with an_api(tmp_path) as world:
        yield world


# --- how often --------------------------------------------------------------------------------------------------------


def test_a_bucket_fills_up_steadily_and_no_higher_than_it_is() -> None:
    now_us = [0]
    bucket = Buckets(Rate(per_s=2.0, burst=3), lambda: now_us[0])
    assert [bucket.wait_s("a") for _ in range(4)] == [0, 0, 0, 1]
    assert bucket.wait_s("b") == 0
    now_us[0] += 500_000
    assert [bucket.wait_s("a") for _ in range(2)] == [0, 1]
    now_us[0] += 3_600_000_000
    assert [bucket.wait_s("a") for _ in range(4)] == [0, 0, 0, 1]


def test_who_asks_under_ever_new_names_fills_no_memory() -> None:
    bucket = Buckets(Rate(per_s=1.0, burst=1), lambda: 0)
    for number in range(10_050):
        bucket.wait_s(str(number))
    assert len(bucket._left) == 10_000


async def test_a_token_that_asks_too_often_waits_and_others_do_not(api: ApiWorld) -> None:
    statuses = [(await api.get("me", Role.VIEWER)).status for _ in range(TOKEN.burst + 30)]
    refused = await api.get("me", Role.VIEWER)
    assert 429 in statuses
    assert refused.status in (200, 429)
    limited = next(said for said in [await api.get("me", Role.VIEWER) for _ in range(40)] if said.status == 429)
    assert (limited.error["code"], limited.answer.headers["retry-after"]) == ("too_many_requests", "1")
    assert (await api.get("me", Role.ADMIN)).status == 200
    api.office.advance(int(limited.answer.headers["retry-after"]))
    assert (await api.get("me", Role.VIEWER)).status == 200


async def test_who_tries_tokens_is_slowed_down_by_address(api: ApiWorld) -> None:
    stranger = Browser(api.app, address="198.51.100.9")
    answers = [
        await stranger.get("/api/v1/me", authorization=f"Bearer wrong{number}") for number in range(STRANGER.burst + 10)
    ]
    assert {answer.status for answer in answers} == {401, 429}
    assert (await Browser(api.app, address="192.0.2.1").get("/api/v1/me")).status == 401
    # A token that works is not held back by what others do from the same address.
    good = await stranger.get("/api/v1/me", authorization=f"Bearer {api.bearers[Role.VIEWER]}")
    assert good.status == 200


# --- for whom, how long, how slowly -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1:8090@evil.example", "a/b", "[::1"]
)
async def test_a_request_for_another_host_is_refused_everywhere(api: ApiWorld, host: str) -> None:
    app = make_app(api.office.interlock, "https://sync.example.com", api.office.passwords)
    browser = Browser(app, host=host)
    bearer = {"authorization": f"Bearer {api.bearers[Role.ADMIN]}"}
    for path, headers in (("/sign-in", {}), ("/health", {}), ("/api/v1/me", bearer)):
        answer = await browser.get(path, **headers)
        assert answer.status == 421, (path, answer.body)
        assert "evil.example" not in answer.body


async def test_as_long_as_nobody_said_how_it_is_reached_every_name_is_answered(api: ApiWorld) -> None:
    """The wizard asks for it, and is reached through whatever stands in front."""
    for host in ("sync.example.com", "127.0.0.1:8090", ""):
        assert (await Browser(api.app, host=host).get("/sign-in")).status == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "localhost:8090", "[::1]:8090", "10.0.0.5", "sync.example.com"])
async def test_a_request_for_this_host_is_answered(api: ApiWorld, host: str) -> None:
    app = make_app(api.office.interlock, "https://sync.example.com", api.office.passwords)
    assert (await Browser(app, host=host).get("/health")).status == 200


def only_from(api: ApiWorld, **lists: tuple[str, ...]) -> Starlette:
    interlock = api.office.interlock
    home = Home(path=api.folder, settings=ProcessSettings(public_url=PUBLIC_URL, **lists))
    return make_app(msgspec.structs.replace(interlock, home=home), PUBLIC_URL, api.office.passwords)


OFFICE, PROGRAMS = "203.0.113.7", "203.0.113.20"


async def test_from_an_address_that_is_not_allowed_nothing_is_reached_but_the_health_check(api: ApiWorld) -> None:
    app = only_from(api, allowed_addresses=(OFFICE, "2001:db8:7::/48"))
    bearer = {"authorization": f"Bearer {api.bearers[Role.ADMIN]}"}
    for address in ("198.51.100.1", "2001:db8:8::1", "testclient"):
        stranger = Browser(app, address=address)
        for path, headers in (("/sign-in", {}), ("/welcome/x", {}), ("/api/v1/me", bearer), ("/metrics", bearer)):
            answer = await stranger.get(path, **headers)
            assert (answer.status, OFFICE in answer.body) == (403, False), (address, path)
        assert (await stranger.get("/health")).status == 200
    for address in (OFFICE, f"::ffff:{OFFICE}", "2001:db8:7::1"):
        assert (await Browser(app, address=address).get("/api/v1/me", **bearer)).status == 200
    refused = [deed for deed in await api.office.deeds() if deed[1] == "address_refused"]
    assert refused == [("nobody", "address_refused", "/sign-in")] * 3


async def test_a_stolen_session_is_worth_nothing_where_nobody_is_to_ask_from_and_nothing_is_told_of_what_is_there(
    api: ApiWorld,
) -> None:
    app = only_from(api, allowed_addresses=(OFFICE,))
    vera = Browser(app, address=OFFICE)
    await vera.sign_in("vera@example.com", PASSWORD)
    thief = Browser(app, address="198.51.100.1")
    thief.cookies = dict(vera.cookies)
    assert (await vera.get("/")).page.all("form", action="/sign-out"), "the page of a person has a form to sign out by"
    there = (
        "/",
        "/people",
        "/nothing",
        "/connections/7/nothing",
        "/static/style.css",
        "/static/nothing",
        "/api/v1/nothing",
    )
    answers = [await thief.get(path) for path in there]
    answers += [await thief.post(path, {}) for path in ("/", "/nothing", "/health", "/sign-out")]
    assert {answer.status for answer in answers} == {403}
    # The health check is open, and says no more when it is asked by a wrong name.
    assert (await thief.get("/health")).status == 200
    named = make_app(app.state.site.interlock, "http://sync.example.com", api.office.passwords)
    wrong = Browser(named, host="evil.example", address="198.51.100.1")
    wrong.cookies = dict(vera.cookies)
    answers.append(await wrong.get("/health"))
    assert answers[-1].status == 421
    for answer in answers:
        assert "csrf" not in answer.body
        assert "Vera" not in answer.body
        assert {name: answer.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert (await vera.get("/static/style.css")).status == 200
    assert (await vera.get("/nothing")).status == 404
    assert "Vera" in (await vera.get("/nothing")).body


async def test_what_was_asked_for_from_elsewhere_is_in_the_log_as_the_table_has_it_or_as_unknown(api: ApiWorld) -> None:
    app = only_from(api, allowed_addresses=(OFFICE,))
    for number, path in enumerate(
        ("/connections/7/issues", "/welcome/secret", "/no-such-page", "/static/style.css"), 1
    ):
        assert (await Browser(app, address=f"198.51.100.{number}").get(path)).status == 403
    refused = [subject for _, action, subject in await api.office.deeds() if action == "address_refused"]
    assert sorted(refused) == ["/connections/{id}/issues", "/welcome/{token}", "unknown", "unknown"]


async def test_while_the_database_is_away_nobody_gets_in_from_elsewhere(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("It cannot be reached.")

    app = only_from(api, allowed_addresses=(OFFICE,))
    monkeypatch.setattr(app.state.site.denials, "address", away)
    assert (await Browser(app, address="198.51.100.1").get("/sign-in")).status == 403


async def test_a_token_works_only_from_where_programs_are_to_ask(api: ApiWorld) -> None:
    app = only_from(api, allowed_addresses=("203.0.113.0/24",), api_addresses=(PROGRAMS,))
    bearer = {"authorization": f"Bearer {api.bearers[Role.ADMIN]}"}
    assert (await Browser(app, address=PROGRAMS).get("/api/v1/me", **bearer)).status == 200
    person = Browser(app, address=OFFICE)
    for path in ("/api/v1/me", "/metrics"):
        assert (await person.get(path, **bearer)).status == 403
    assert (await person.get("/sign-in")).status == 200


async def test_a_token_tried_from_where_only_people_may_ask_is_in_the_log_whatever_others_ask_from_elsewhere(
    api: ApiWorld,
) -> None:
    app = only_from(api, allowed_addresses=(OFFICE,), api_addresses=(PROGRAMS,))
    for number in range(STRANGERS_AN_HOUR + 1):
        assert (await Browser(app, address=f"198.51.100.{number}").get("/sign-in")).status == 403
    assert (await Browser(app, address=OFFICE).get("/api/v1/me", authorization="Bearer stolen")).status == 403
    refused = [subject for _, action, subject in await api.office.deeds() if action == "address_refused"]
    assert sorted(refused) == ["/api/v1/me"] + ["/sign-in"] * STRANGERS_AN_HOUR


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no addresses of version 6")
@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
async def test_behind_a_proxy_the_list_goes_by_whom_the_proxy_has_seen(api: ApiWorld, host: str) -> None:
    """Over a real connection, through all that is before the pages."""
    app, listening = only_from(api, allowed_addresses=(OFFICE, "10.0.0.0/8")), bind(host, 0)
    port = listening.getsockname()[1]
    async with serving(app, listening, ("127.0.0.1/32",)):
        for seen, status in (
            (OFFICE, 200),
            (f"::ffff:{OFFICE}", 200),
            ("198.51.100.1", 403),
            # What whoever asks has written comes first.
            (f"{OFFICE}, 198.51.100.1", 403),
            ("10.1.2.3, 127.0.0.1, ::ffff:198.51.100.1", 403),
        ):
            answer = await said_over_a_socket(port, "GET /sign-in", forwarded=seen)
            assert answer.startswith(f"HTTP/1.1 {status} "), seen
        assert (await said_over_a_socket(port, "GET /sign-in")).startswith("HTTP/1.1 403 ")


async def test_a_body_that_does_not_end_is_not_waited_for(api: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_WAIT_S", 0.0)
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/people",
        "raw_path": b"/api/v1/people",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"authorization", f"Bearer {api.bearers[Role.ADMIN]}".encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8090),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app(scope, receive, send)
    assert sent[0]["status"] == 408


async def test_who_opens_a_connection_and_says_nothing_or_half_a_head_is_hung_up_on(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEAD_WAIT_S", 0.05)
    async with served(api) as port:
        for said in (b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            assert await reader.read() == b""
            writer.close()


# --- what is said -----------------------------------------------------------------------------------------------------


async def test_every_kind_of_answer_carries_the_security_headers(api: ApiWorld) -> None:
    bearer = {"authorization": f"Bearer {api.bearers[Role.VIEWER]}"}
    browser, named = Browser(api.app), make_app(api.office.interlock, "http://sync.example.com", api.office.passwords)
    answers = [
        await browser.get("/api/v1/me", **bearer),
        await browser.get("/api/v1/people", **bearer),
        await browser.get("/api/v1/me"),
        await browser.get("/api/v1/nothing", **bearer),
        await browser.get("/sign-in"),
        await browser.get("/nothing"),
        await Browser(named, host="evil.example").get("/sign-in"),
    ]
    assert [answer.status for answer in answers] == [200, 403, 401, 404, 200, 404, 421]
    for answer in answers:
        assert {name: answer.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("public_url", ["http://127.0.0.1:8090", "https://127.0.0.1:8090"])
async def test_the_answer_about_a_defect_carries_them_too(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch, public_url: str
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(manage, "anybody", breaks)
    monkeypatch.setattr(programs, "whose", breaks)
    app = make_app(api.office.interlock, public_url, api.office.passwords)
    for path in ("/sign-in", "/api/v1/me"):
        answer = await Browser(app).get(path, authorization="Bearer no-such-token")
        assert answer.status == 500
        assert {name: answer.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert ("strict-transport-security" in answer.headers) == public_url.startswith("https")


async def test_what_a_role_does_not_allow_is_in_the_log_once_an_hour_by_its_address_in_the_table(api: ApiWorld) -> None:
    vera = Browser(api.app)
    await vera.sign_in("vera@example.com", PASSWORD)
    for _ in range(3):
        assert (await vera.get("/people")).status == 403
        assert (await api.send("POST", "people/7/role", {"role": "admin"}, Role.VIEWER)).status == 403
    denied = [(actor, subject) for actor, action, subject in await api.office.deeds() if action == "denied"]
    assert denied == [("person:3", "/people"), ("token:1", "/api/v1/people/{id}/role")]
    api.office.advance(3_601)
    await vera.get("/people")
    assert [action for _, action, _ in await api.office.deeds()].count("denied") == 3


async def test_a_token_that_does_not_work_is_in_the_log_once_an_hour_for_each_address(api: ApiWorld) -> None:
    revoked = api.bearers[Role.OPERATOR]
    (id_,) = [each.id for each in await programs.list_(api.store) if each.role == Role.OPERATOR]
    await programs.revoke(api.store, BY_COMMAND, id_)
    for _ in range(3):
        for token in (revoked, "interlock_made-up"):
            assert (await Browser(api.app).get("/api/v1/me", authorization=f"Bearer {token}")).status == 401
    api.office.advance(3_601)
    assert (await Browser(api.app).get("/api/v1/me", authorization="Bearer interlock_made-up")).status == 401
    assert (await Browser(api.app).get("/api/v1/me")).status == 401
    refused = [deed for deed in await api.office.deeds() if deed[1] == "token_refused"]
    assert refused == [("nobody", "token_refused", f"token:{id_}"), ("nobody", "token_refused", "unknown")]


async def test_strangers_from_any_number_of_addresses_do_not_fill_the_log_and_that_it_was_cut_is_said(
    api: ApiWorld,
) -> None:
    denials = Denials(api.store, api.office.clock_us)
    for number in range(200):
        await denials.token("interlock_made-up", f"198.51.{number}.1")
        await denials.form("nobody", "/sign-in", f"2001:db8:0:{number:x}::1")
        await denials.callback("hubspot", f"203.0.{number}.1")
    kinds = ("token_refused", "form_refused", "crm_sign_in_refused")
    async with api.store.read(None) as tx:
        written = [deed for deed in await deeds.list_(tx, None, 1_000) if deed.action in kinds]
    assert len(written) == STRANGERS_AN_HOUR
    assert [deed.seq for deed in written if "more" in deed.detail] == [written[0].seq]
    api.office.advance(3_601)
    await denials.token("interlock_made-up", "198.51.100.1")
    assert len([deed for deed in await api.office.deeds() if deed[1] in kinds]) == STRANGERS_AN_HOUR + 1


async def test_who_asks_from_elsewhere_hides_nothing_that_is_tried_from_inside(api: ApiWorld) -> None:
    denials = Denials(api.store, api.office.clock_us)
    for number in range(200):
        await denials.address("/sign-in", f"198.51.{number}.1")
    await denials.token("interlock_made-up", "10.0.0.1")
    await denials.form("nobody", "/sign-in", "10.0.0.1")
    await denials.callback("hubspot", "10.0.0.1")
    async with api.store.read(None) as tx:
        written = await deeds.list_(tx, None, 1_000)
    refused = [deed for deed in written if deed.action == "address_refused"]
    assert len(refused) == STRANGERS_AN_HOUR
    assert [deed.seq for deed in refused if "more" in deed.detail] == [refused[0].seq]
    assert {"token_refused", "form_refused", "crm_sign_in_refused"} <= {deed.action for deed in written}
    for number in range(200):
        await denials.token("interlock_made-up", f"10.0.{number}.2")
    api.office.advance(3_601)
    await denials.address("/sign-in", "198.51.100.1")
    async with api.store.read(None) as tx:
        assert (await deeds.list_(tx, None, 1))[0].action == "address_refused"


async def test_one_who_has_a_whole_network_of_addresses_is_one(api: ApiWorld) -> None:
    denials = Denials(api.store, api.office.clock_us)
    for number in range(20):
        await denials.token("interlock_made-up", f"2001:db8::{number:x}")
    assert [action for _, action, _ in await api.office.deeds()].count("token_refused") == 1


async def test_a_callback_that_this_browser_did_not_begin_is_in_the_log(api: ApiWorld) -> None:
    answer = await Browser(api.app).get("/oauth/salesforce/callback?code=x&state=y")
    assert answer.status == 400
    assert ("nobody", "crm_sign_in_refused", "salesforce") in await api.office.deeds()


async def test_a_line_break_in_a_name_makes_no_line_in_the_log(api: ApiWorld) -> None:
    forged = "x\n2026-01-01 person:1 signed_in\x1b[2J"
    refused = await api.post("api-tokens", {"name": forged})
    assert (refused.status, refused.error["code"]) in ((422, "name_missing"), (422, "bad_request"))
    assert on_one_line(forged) == r"x\n2026-01-01 person:1 signed_in\x1b[2J"
    async with api.store.write(None) as tx:
        await deeds.append(tx, "nobody", "sign_in_failed", forged, {"at": forged})
    answer = (await api.get("audit-log")).answer.body
    assert "\n2026" not in answer
    assert "\x1b" not in answer


# --- secrets ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(api: ApiWorld) -> AsyncIterator[int]:
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    async with serving(api.app, listening):
        yield port


async def said_over_a_socket(port: int, request: str, payload: str = "", forwarded: str = "") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(payload)}\r\n"
    head += f"X-Forwarded-For: {forwarded}\r\n" if forwarded else ""
    writer.write(f"{head}\r\n{payload}".replace("\r\n\r\n", "\r\n\r\n", 1).encode())
    answer = (await reader.read()).decode()
    writer.close()
    return answer


async def test_no_secret_is_in_the_log_at_its_most_talkative_nor_in_an_answer(
    api: ApiWorld,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Canaries everywhere where a secret comes in, also on the way to a defect, whose report is logged."""
    caplog.set_level(logging.DEBUG)
    await api.connect()
    link = await links.demo_link(api.store, "Ada", "ada@example.com")
    token = await programs.make(api.store, BY_COMMAND, "canary", Role.ADMIN)
    browser = Browser(api.app)
    await browser.sign_in("ada@example.com", PASSWORD)
    session = browser.cookies["interlock_session"]
    answers: list[Answer] = [
        await browser.get(path) for path in ("/", "/account", "/people", "/audit-log", "/api-tokens")
    ]
    answers.append(
        await browser.post("/account/password", {"csrf": "wrong", "current": PASSWORD, "password": PASSWORD})
    )

    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("interlock.web.api.people.manage.list_", breaks)
    bearer = {"authorization": f"Bearer {token}"}
    answers += [
        await Browser(api.app).get(path, **bearer) for path in ("/api/v1/people", "/api/v1/connections/1/doctor")
    ]
    assert answers[-2].status == 500
    async with served(api) as port:
        head = f"Authorization: Bearer {token}\r\nCookie: interlock_session={session}"
        texts = [
            await said_over_a_socket(port, f"GET /api/v1/people HTTP/1.1\r\n{head}\r\nX-Rest:"),
            await said_over_a_socket(port, f"GET /welcome/{link} HTTP/1.1\r\n{head}\r\nX-Rest:"),
            await said_over_a_socket(port, f"POST /sign-in HTTP/1.1\r\n{head}\r\nX-Rest:", f"password={PASSWORD}"),
        ]
    assert texts[0].startswith("HTTP/1.1 500")
    secrets = [token, session, PASSWORD, api.hubspot.token, api.salesforce.token]
    written = capfd.readouterr()
    logged = caplog.text + written.out + written.err
    assert "RuntimeError: a defect" in logged
    assert not [secret for secret in [*secrets, link] if secret in logged]
    shown = "".join([*(answer.body + json.dumps(answer.headers) for answer in answers), *texts])
    assert not [secret for secret in secrets if secret in shown]
