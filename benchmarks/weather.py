"""Bad weather between Interlock and both CRMs, on virtual time: a Transport that answers as a CRM in trouble does.

Each request meets at most one fault, drawn from a seed: 5xx before or after it was carried out, a refusal as too fast in
the words of that CRM, a time-out after it was carried out, an answer with status 200 that ends in the middle. Every request
that leaves is counted, whatever becomes of it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import msgspec

from interlock.core.model import Side
from interlock.crm.transport import OutcomeUnknown, Request, Response, Transport

TRAVEL_S = 0.1


class Shares(msgspec.Struct, frozen=True):
    """The share of all requests that meets each fault."""

    broken_before: float = 0.0  # 5xx, not carried out
    broken_after: float = 0.0  # 5xx, although carried out
    too_fast: float = 0.0  # not carried out
    timed_out_after: float = 0.0  # carried out, no answer
    cut: float = 0.0  # carried out, status 200, the body ends in the middle


CLEAR = Shares()
BAD = Shares(broken_before=0.05, broken_after=0.05, too_fast=0.05, timed_out_after=0.02, cut=0.01)

_HTML = {"content-type": "text/html"}
_JSON = {"content-type": "application/json;charset=utf-8"}
# What stands before either CRM answers in HTML, or nothing at all.
_BROKEN = {
    Side.HUBSPOT: (
        Response(500, _JSON, b'{"status":"error","message":"internal error","correlationId":"0"}'),
        Response(502, _HTML, b"<html><head><title>502 Bad Gateway</title></head></html>"),
        Response(503, _HTML, b""),
        Response(524, _HTML, b"<html><body>A timeout occurred</body></html>"),
    ),
    Side.SALESFORCE: (
        Response(500, _JSON, b'[{"message":"An unexpected error occurred.","errorCode":"UNKNOWN_EXCEPTION"}]'),
        Response(503, _JSON, b'[{"message":"Server Unavailable","errorCode":"SERVER_UNAVAILABLE"}]'),
        Response(502, _HTML, b"<html><body>Bad Gateway</body></html>"),
        Response(500, {}, b""),
    ),
}
_BURST = (
    b'{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT",'
    b'"correlationId":"0","policyName":"TEN_SECONDLY_ROLLING","groupName":"publicapi:private_app"}'
)
_SECONDLY = b'{"status":"error","message":"You have reached your secondly limit.","category":"RATE_LIMITS"}'
_CONCURRENT = (
    b'[{"message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]'
)


class BadLine:
    """`shares` may be set at any time. `sent`: requests by side; `met`: how often each fault was met, by side."""

    def __init__(self, inner: Transport, seed: int, salesforce_host: str) -> None:
        self._inner = inner
        self._chance = random.Random(f"weather:{seed}")
        self._salesforce_host = salesforce_host
        self.shares = CLEAR
        self.sent: Counter[Side] = Counter()
        self.met: Counter[str] = Counter()

    async def send(self, request: Request, deadline_s: float) -> Response:
        side = Side.SALESFORCE if self._salesforce_host in request.url.split("/")[2] else Side.HUBSPOT
        self.sent[side] += 1
        fault = self._drawn()
        await asyncio.sleep(TRAVEL_S)
        if fault is None:
            return await self._inner.send(request, deadline_s)
        self.met[f"{side.value} {fault}"] += 1
        if fault == "broken_before":
            return self._chance.choice(_BROKEN[side])
        if fault == "too_fast":
            return self._too_fast(side, request)
        answer = await self._inner.send(request, deadline_s)
        if fault == "timed_out_after":
            await asyncio.sleep(deadline_s)
            raise OutcomeUnknown(f"no answer within {deadline_s:g} s")
        if fault == "broken_after":
            return self._chance.choice(_BROKEN[side])
        return Response(answer.status, answer.headers, answer.body[: self._chance.randrange(len(answer.body) or 1)])

    def _drawn(self) -> str | None:
        drawn = self._chance.random()
        for name in Shares.__struct_fields__:
            share = getattr(self.shares, name)
            if drawn < share:
                return name
            drawn -= share
        return None

    def _too_fast(self, side: Side, request: Request) -> Response:
        """In HubSpot's recorded words, which name no wait; Salesforce's status and code. Half of them come with a wait, as
        gateways send it."""
        headers = {**_JSON, "retry-after": str(self._chance.randrange(1, 12))} if self._chance.random() < 0.5 else _JSON
        if side is Side.SALESFORCE:
            return Response(403 if headers is _JSON else 429, headers, _CONCURRENT)
        return Response(429, headers, _SECONDLY if request.url.endswith("/search") else _BURST)
