"""A caller for tests: sends one request to an emulator in process and returns the answer, synchronously."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock

NOON_US = 1_790_000_000_000_000  # 2026-09-21, some time in the day


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        return [result["id"] for result in self.json["results"]]


class Caller:
    """`emulator` on a clock that only moves when told to."""

    def __init__(self, **config: Any) -> None:
        self.now_us = NOON_US
        self.emulator = HubSpotEmulator(Clock(lambda: self.now_us), seed=1, **config)
        self.token = self.emulator.token
        self.headers = {"user-agent": "tests/1.0"}

    def later(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)

    def get(self, path: str, **query: Any) -> Answer:
        return self.call("GET", path, None, query)

    def post(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self.call("POST", path, body, query)

    def put(self, path: str, body: Any = None) -> Answer:
        return self.call("PUT", path, body, {})

    def patch(self, path: str, body: Any, **query: Any) -> Answer:
        return self.call("PATCH", path, body, query)

    def delete(self, path: str, body: Any = None) -> Answer:
        return self.call("DELETE", path, body, {})

    def call(self, method: str, path: str, body: Any, query: dict[str, Any], raw: bytes | None = None) -> Answer:
        payload = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        return asyncio.run(self._send(method, path, urlencode(query, doseq=True), payload))

    async def _send(self, method: str, path: str, query: str, payload: bytes) -> Answer:
        sent: list[Any] = []
        headers = {"authorization": f"Bearer {self.token}", **self.headers}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50_000),
        }

        async def receive() -> Any:
            return {"type": "http.request", "body": payload, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.emulator.app(scope, receive, send)
        raw_headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], raw_headers, b"".join(part["body"] for part in sent[1:]))

    # Shorthands

    def contact(self, **properties: Any) -> str:
        return self._made("contacts", properties)

    def company(self, **properties: Any) -> str:
        return self._made("companies", properties)

    def deal(self, **properties: Any) -> str:
        return self._made("deals", {"dealname": "Deal", **properties})

    def _made(self, type: str, properties: dict[str, Any]) -> str:
        answer = self.post(f"/crm/v3/objects/{type}", {"properties": properties})
        assert answer.status == 201, answer.body
        return str(answer.json["id"])

    def value(self, type: str, id: str, name: str) -> str | None:
        found: str | None = self.get(f"/crm/v3/objects/{type}/{id}", properties=name).json["properties"][name]
        return found

    def modified(self, type: str, id: str) -> str:
        return str(self.get(f"/crm/v3/objects/{type}/{id}").json["updatedAt"])
