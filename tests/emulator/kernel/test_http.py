"""The ASGI layer: routing, and what planted faults look like to a caller."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crm_emulator.kernel.clock import Clock
from crm_emulator.kernel.faults import Dropped, Faults
from crm_emulator.kernel.http import App, Request, Response, Router, json_response, user_agent_client
from crm_emulator.kernel.stats import Stats


class World:
    """An app with one counter that `POST /things/{id}` raises."""

    def __init__(self) -> None:
        self.writes: list[str] = []
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


def test_a_cut_body_announces_its_full_length_and_sends_half(world: World) -> None:
    world.faults.add({"kind": "cut_body"})
    start, half, end = world.over_asgi("GET", "/things/7")
    assert dict(start["headers"])[b"content-length"] == b"10"
    assert half["body"] == b'{"id"'
    assert isinstance(end, Dropped)
