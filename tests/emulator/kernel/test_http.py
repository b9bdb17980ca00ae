"""The ASGI layer: routing, and what planted faults look like to a caller."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.virtual_time import Time

from crm_emulator.kernel.clock import Clock
from crm_emulator.kernel.faults import Dropped, Faults
from crm_emulator.kernel.http import App, Request, Response, Router, json_response, user_agent_client
from crm_emulator.kernel.stats import Stats


class World:
    """An app with one counter that `POST /things/{id}` raises."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.written_at_s: list[float] = []
        self.now_s: Callable[[], float] = lambda: 0.0
        self.faults = Faults(seed=1)
        self.stats = Stats(Clock(lambda: 0))
        router = Router()
        router.add("POST", "/things/{id}", self._write)
        router.add("GET", "/things/all", lambda request: json_response({"all": True}))
        router.add("GET", "/things/{id}", lambda request: json_response({"id": request.params["id"]}))
        router.add("GET", "/files/{path...}", lambda request: json_response({"path": request.params["path"]}))
        router.add("GET", "/page", lambda request: Response(200, b"hello", content_type="text/html"), open_=True)
        self.app = App(
            router,
            faults=self.faults,
            stats=self.stats,
            client_of=user_agent_client,
            gate=lambda request, route: None,
            finish=lambda request, response: None,
            not_found=lambda request, allowed: json_response({"allowed": allowed}, 405 if allowed else 404),
            fault_body=lambda request, status: json_response({"planted": status}, status),
        )

    def _write(self, request: Request) -> Response:
        self.writes.append(request.params["id"])
        self.written_at_s.append(self.now_s())
        return json_response({"written": request.params["id"]})

    def call(self, method: str, path: str) -> Response:
        return asyncio.run(self.app.respond(Request(method, path, headers={"user-agent": "tester/1.0 (x)"})))

    def over_asgi(self, method: str, path: str) -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        async def run() -> None:
            scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
            try:
                await self.app(scope, receive, send)
            except Dropped as dropped:
                sent.append(dropped)

        asyncio.run(run())
        return sent


@pytest.fixture
def world() -> World:
    return World()


def test_a_fixed_segment_wins_over_a_parameter(world: World) -> None:
    assert world.call("GET", "/things/all").body == b'{"all":true}'
    assert world.call("GET", "/things/7").body == b'{"id":"7"}'


def test_path_parameters_are_percent_decoded_after_splitting(world: World) -> None:
    assert world.call("GET", "/things/a%40b.co").body == b'{"id":"a@b.co"}'
    assert world.call("GET", "/things/a%2Fb").body == b'{"id":"a/b"}'
    assert world.call("GET", "/files/deep/er").body == b'{"path":"deep/er"}'


def test_an_unknown_path_and_a_wrong_method_are_told_apart(world: World) -> None:
    assert world.call("GET", "/nothing").status == 404
    assert world.call("DELETE", "/things/7").status == 405


def test_calls_are_counted_by_template_and_client_and_pages_are_not(world: World) -> None:
    world.call("GET", "/things/1")
    world.call("GET", "/things/2")
    world.call("GET", "/page")
    assert world.stats.as_dict()["by_endpoint"] == {"GET /things/{id}": 2}
    assert world.stats.as_dict()["by_client"] == {"tester": 2}


def test_a_timeout_before_the_write_leaves_nothing_behind(world: World) -> None:
    world.faults.add({"kind": "timeout_before", "match": {"method": "POST"}})
    with pytest.raises(Dropped):
        world.call("POST", "/things/7")
    assert world.writes == []


def test_a_timeout_after_the_write_leaves_the_write_behind(world: World) -> None:
    world.faults.add({"kind": "timeout_after", "match": {"method": "POST"}})
    with pytest.raises(Dropped):
        world.call("POST", "/things/7")
    assert world.writes == ["7"]


def test_a_planted_status_is_answered_in_the_language_of_the_crm_and_nothing_is_written(world: World) -> None:
    world.faults.add({"kind": "status", "status": 503, "match": {"path_prefix": "/things", "times": 1}})
    assert world.call("POST", "/things/7").body == b'{"planted":503}'
    assert world.writes == []
    assert world.call("POST", "/things/7").status == 200


def test_a_planted_429_is_counted_as_refused(world: World) -> None:
    world.faults.add({"kind": "status", "status": 429})
    world.call("GET", "/things/7")
    assert world.stats.refused_429 == 1


@pytest.mark.parametrize(
    ("kind", "written_at_s"),
    [("slow", [2.0]), ("timeout_before", []), ("timeout_after", [0.0]), ("cut_body", [2.0]), ("status", [])],
)
def test_a_delay_is_waited_before_the_write_unless_the_write_is_to_have_happened(
    kind: str, written_at_s: list[float]
) -> None:
    time, world = Time(), World()
    world.now_s = time.loop.time
    world.faults.add({"kind": kind, "delay_ms": 2_000, "status": 503 if kind == "status" else None})

    async def story() -> float:
        with contextlib.suppress(Dropped):
            await world.app.respond(Request("POST", "/things/7"))
        return time.loop.time()

    assert time.run(story()) == 2.0
    assert world.written_at_s == written_at_s


def test_a_slow_call_holds_up_no_other() -> None:
    time, world = Time(), World()
    world.faults.add({"kind": "slow", "delay_ms": 5_000, "match": {"times": 1}})

    async def story() -> list[str]:
        answers = [asyncio.ensure_future(world.app.respond(Request("POST", f"/things/{id}"))) for id in "ab"]
        await asyncio.gather(*answers)
        return world.writes

    assert time.run(story()) == ["b", "a"]


def test_the_first_rule_that_fires_decides(world: World) -> None:
    world.faults.add(
        {"kind": "status", "status": 503, "match": {"times": 1}},
        {"kind": "status", "status": 500, "match": {"times": 2}},
    )
    assert [world.call("GET", "/things/7").status for _ in range(4)] == [503, 500, 500, 200]
    assert world.faults.fired == 3


def test_pages_and_control_are_never_met_by_a_fault(world: World) -> None:
    world.faults.add({"kind": "timeout_before"})
    assert world.call("GET", "/page").body == b"hello"


def test_a_request_whose_caller_leaves_before_its_end_is_not_carried_out(world: World) -> None:
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError("nothing is answered")

    scope = {"type": "http", "method": "POST", "path": "/things/7", "headers": [], "query_string": b""}
    with pytest.raises(Dropped):
        asyncio.run(world.app(scope, receive, send))
    assert world.writes == []


def test_a_head_request_has_the_headers_of_a_get_and_no_body(world: World) -> None:
    start, end = world.over_asgi("HEAD", "/things/7")
    assert dict(start["headers"])[b"content-length"] == b"10"
    assert end["body"] == b""


def test_a_cut_body_announces_its_full_length_and_sends_half(world: World) -> None:
    world.faults.add({"kind": "cut_body"})
    start, half, end = world.over_asgi("GET", "/things/7")
    assert dict(start["headers"])[b"content-length"] == b"10"
    assert half["body"] == b'{"id"'
    assert isinstance(end, Dropped)
