"""Calls to a local org without a network, and the worlds that the tests tell stories in."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

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


class Soaped:
    """An answer of the SOAP API: its results as dicts (an element that repeats is a list), or its fault."""

    def __init__(self, status: int, envelope: ElementTree.Element) -> None:
        self.status = status
        self.results = [_fields(found) for found in envelope.iter() if _local(found) == "result"]
        self.fault = next((found.text for found in envelope.iter() if _local(found) == "faultstring"), None)

    @property
    def refused(self) -> tuple[str, str]:
        """Code and message of the one result, which must not be a success."""
        [result] = self.results
        assert result["success"] == "false", result
        return result["errors"]["statusCode"], result["errors"]["message"]


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _fields(element: ElementTree.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in element:
        value = _fields(child) if len(child) else child.text
        name = _local(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


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
        if not path.startswith(("/services", "/id", "/_emulator", "/records", "/sign", "/recycle")) and path != "/":
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

    def soap(self, call: str, *, header: str = "", kind: str = "u", token: str | None = None) -> Soaped:
        """A call of the SOAP API, given as the XML inside of its Body."""
        space = f"urn:{'partner' if kind == 'u' else 'enterprise'}.soap.sforce.com"
        body = (
            '<?xml version="1.0" encoding="utf-8"?>'
            f'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:urn="{space}" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xmlns:sf="urn:s{space[5:]}"><soapenv:Header><urn:SessionHeader><urn:sessionId>{token or self.token}'
            f"</urn:sessionId></urn:SessionHeader>{header}</soapenv:Header><soapenv:Body>{call}</soapenv:Body></soapenv:Envelope>"
        )
        headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
        answer = self.call("POST", f"/services/Soap/{kind}/67.0", raw=body.encode(), headers=headers)
        return Soaped(answer.status, ElementTree.fromstring(answer.body))

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
