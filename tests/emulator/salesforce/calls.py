"""Calls to a local org without a network, and the worlds that the tests tell stories in."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from crm_emulator.kernel.clock import Clock
from crm_emulator.salesforce import SalesforceEmulator

START_US = 1_780_000_000_000_000  # 2026-05-28T20:26:40Z
BASE = "/services/data/v67.0"


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of a refused call."""
        return self.status, self.json[0]["errorCode"]


class Caller:
    """An org and an API client of it. Time moves only when a test says so."""

    def __init__(self, **config: Any) -> None:
        self.now_us = START_US
        self.emulator = SalesforceEmulator(Clock(lambda: self.now_us), **config)
        self.token = self.emulator.token
        self.user = self.emulator.user()

    def pass_seconds(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        if not path.startswith(("/services", "/id", "/_emulator", "/records", "/sign")) and path != "/":
            path = BASE + path
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        given = {"authorization": f"Bearer {self.token}", **{k.lower(): v for k, v in (headers or {}).items()}}
        call = self._call(method, path, urlencode(query or {}), sent, given)
        try:
            call.send(None)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
        raise AssertionError("a handler runs to its end without waiting for anything")

    async def _call(self, method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> Answer:
        path, _, inline = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": "&".join(part for part in (inline, query) if part).encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value],
        }
        messages: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.emulator.app(scope, receive, send)
        start = messages[0]
        shown = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], shown, b"".join(message.get("body", b"") for message in messages[1:]))

    # What most tests do

    def soql(self, text: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """Every row of a query, without attributes."""
        answer = self.call("GET", "/queryAll" if deleted else "/query", query={"q": text})
        assert answer.status == 200, answer.json
        rows = list(answer.json["records"])
        while not answer.json["done"]:
            answer = self.call("GET", answer.json["nextRecordsUrl"])
            rows.extend(answer.json["records"])
        return [_bare(row) for row in rows]

    def refused(self, text: str) -> str:
        """The error code of a query that must not work."""
        answer = self.call("GET", "/query", query={"q": text})
        assert answer.status == 400, answer.json
        return str(answer.json[0]["errorCode"])

    def create(self, sobject: str, **fields: Any) -> str:
        answer = self.call("POST", f"/sobjects/{sobject}", fields)
        assert answer.status == 201, answer.json
        return str(answer.json["id"])

    def row(self, sobject: str, id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/sobjects/{sobject}/{id}")
        assert answer.status == 200, answer.json
        return dict(answer.json)

    def collection(self, method: str, records: list[dict[str, Any]], kind: str = "Contact", **more: Any) -> Answer:
        typed = [{"attributes": {"type": kind}, **record} for record in records]
        return self.call(method, "/composite/sobjects", {"records": typed, **more})


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if name == "attributes":
            continue
        if isinstance(value, dict) and "records" in value:
            value = [_bare(inner) for inner in value["records"]]
        elif isinstance(value, dict) and "attributes" in value:
            value = _bare(value)
        shown[name] = value
    return shown
