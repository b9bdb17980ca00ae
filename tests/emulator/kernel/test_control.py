"""The control API on its own: who may call it, what it refuses, and how a journal is read in parts."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from crm_emulator.kernel.clock import Clock
from crm_emulator.kernel.control import Control
from crm_emulator.kernel.faults import Faults
from crm_emulator.kernel.http import App, Request, Response, Router, json_response, user_agent_client
from crm_emulator.kernel.journal import Journal
from crm_emulator.kernel.stats import Stats

NOON_US = 1_790_000_000_000_000


class Crm:
    """The least a CRM has to bring along."""

    def __init__(self) -> None:
        self.clock = Clock(lambda: NOON_US)
        self.faults = Faults()
        self.stats = Stats(self.clock)
        self.journal = Journal()
        self.resets: list[str] = []
        router = Router()
        Control(self, router)
        router.add("GET", "/api", lambda request: json_response({}))
        self.app = App(
            router,
            faults=self.faults,
            stats=self.stats,
            client_of=user_agent_client,
            gate=lambda request, route: None,
            finish=lambda request, response: None,
            not_found=lambda request, allowed: json_response({}, 404),
            fault_body=lambda request, status: json_response({}, status),
        )

    def control_reset(self, data: str) -> None:
        self.resets.append(data)

    def control_seed(self, objects: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
        return {type: [str(number) for number, _ in enumerate(rows)] for type, rows in objects.items()}

    def call(self, method: str, path: str, body: Any = None, query: str = "", **more: Any) -> Response:
        payload = b"" if body is None else json.dumps(body).encode()
        headers = more.pop("headers", {"host": "127.0.0.1:8091"})
        request = Request(
            method,
            f"/_emulator/{path}",
            query_string=query,
            headers=headers,
            body=payload,
            client_host=more.pop("client_host", "127.0.0.1"),
        )
        return asyncio.run(self.app.respond(request))

    def told(self, method: str, path: str, body: Any = None, query: str = "") -> Any:
        answer = self.call(method, path, body, query)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


@pytest.fixture
def crm() -> Crm:
    return Crm()


@pytest.mark.parametrize("host", ["127.0.0.1:8091", "localhost", "[::1]:8091", None])
def test_loopback_is_obeyed_under_its_own_names(crm: Crm, host: str | None) -> None:
    headers = {} if host is None else {"host": host}
    assert crm.call("POST", "reset", {"data": "empty"}, headers=headers).status == 200
    assert crm.resets == ["empty"]


@pytest.mark.parametrize(
    "caller",
    [
        {"client_host": "192.168.1.7"},
        {"headers": {"host": "rebound.example:8091"}},
        {"headers": {"host": "127.0.0.1:8091", "origin": "https://elsewhere.example"}},
        {"headers": {"host": "127.0.0.1:8091", "origin": "null"}},
        {"headers": {"host": "rebound.example", "origin": "http://rebound.example"}},
    ],
)
def test_nobody_else_is_obeyed(crm: Crm, caller: dict[str, Any]) -> None:
    refused = crm.call("POST", "reset", {"data": "empty"}, **caller)
    assert (refused.status, json.loads(refused.body)["error"]) == (400, "forbidden")
    assert crm.resets == []


def test_a_call_in_process_needs_no_host(crm: Crm) -> None:
    assert crm.call("GET", "stats", client_host=None, headers={"host": "anything.example"}).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "clock", {"set": None}),
        ("POST", "clock", {"set": "yesterday"}),
        ("POST", "clock", {"set": True}),
        ("POST", "clock", {"set": 1e300}),
        ("POST", "clock", {"advance_seconds": None}),
        ("POST", "clock", {"advance_seconds": "60"}),
        ("POST", "clock", {"advance_seconds": 1e18}),
        ("POST", "clock", {"set": 0, "advance_seconds": 1}),
        ("POST", "faults", {"kind": "slow"}),
        ("POST", "faults", [{"kind": "slow", "delay_ms": -1}]),
        ("POST", "seed", {"objects": {"contacts": {}}}),
        ("POST", "seed", [1]),
        ("GET", "nothing", None),
        ("PUT", "stats", None),
        ("DELETE", "journal", None),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(crm: Crm, method: str, path: str, body: Any) -> None:
    refused = crm.call(method, path, body)
    assert refused.status == 400
    assert set(json.loads(refused.body)) == {"error", "message"}
    assert crm.clock.now_us() == NOON_US
    assert crm.faults.pick("GET", "/api") is None
    assert crm.stats.calls == 0


def test_a_body_that_is_no_json_is_refused(crm: Crm) -> None:
    request = Request("POST", "/_emulator/seed", headers={}, body=b"{", client_host="127.0.0.1")
    assert asyncio.run(crm.app.respond(request)).status == 400


def test_a_part_of_the_journal_tells_where_to_read_on(crm: Crm) -> None:
    for number in range(10):
        crm.journal.append(NOON_US, "ui", "ada", "contacts", str(number), "delete")
    first = crm.told("GET", "journal", query="limit=4")
    assert ([entry["id"] for entry in first["entries"]], first["last_seq"]) == (["0", "1", "2", "3"], 4)
    rest = crm.told("GET", "journal", query=f"after={first['last_seq']}")
    assert (len(rest["entries"]), rest["last_seq"]) == (6, 10)
    assert crm.told("GET", "journal", query="after=10") == {"entries": [], "last_seq": 10}


def test_an_entry_tells_everything_about_one_field(crm: Crm) -> None:
    crm.journal.append_fields(NOON_US, "api", None, "contacts", "7", "update", ("city",), (None,), ("Turin",))
    assert crm.told("GET", "journal")["entries"] == [
        {
            "seq": 1,
            "at": "2026-09-21T14:13:20.000000Z",
            "client": "api",
            "user": None,
            "object": "contacts",
            "id": "7",
            "action": "update",
            "field": "city",
            "old": None,
            "new": "Turin",
        }
    ]


def test_stats_tell_since_when_they_count(crm: Crm) -> None:
    asyncio.run(crm.app.respond(Request("GET", "/api", headers={"user-agent": "interlock/0.1"})))
    assert crm.told("GET", "stats") == {
        "calls": 1,
        "by_endpoint": {"GET /api": 1},
        "by_client": {"interlock": 1},
        "refused_429": 0,
        "since": "2026-09-21T14:13:20.000000Z",
    }


def test_the_clock_can_be_set_back_and_forth(crm: Crm) -> None:
    assert crm.told("POST", "clock", {"set": "2020-02-29T12:00:00Z"}) == {"now": "2020-02-29T12:00:00.000000Z"}
    assert crm.told("POST", "clock", {"advance_seconds": -0.5}) == {"now": "2020-02-29T11:59:59.500000Z"}
    assert crm.told("POST", "clock", {"set": NOON_US}) == {"now": "2026-09-21T14:13:20.000000Z"}
