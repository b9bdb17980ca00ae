"""The network between a process of Interlock and both CRMs, as a seed wants it: slow, lossy, and never in order.

A request lives on its own: once it has left, it lands or is lost whatever becomes of the process that sent it. A process
that crashed never hears an answer. What was done to which request is kept, because the oracle excuses just one thing: a
Salesforce edit replaced by a write whose answer (with the value before it) nobody ever got.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from interlock.crm.transport import NotSent, OutcomeUnknown, Request, Response, Transport

# A request that is still on its way after its sender gave up lands within this time, which is below the park time.
LATEST_LANDING_S = 150.0


@dataclass
class Weather:
    """How bad it is: the share of requests that meet each fault. All zero is a clear day."""

    not_sent: float = 0.0
    lost: float = 0.0  # never arrives
    answer_lost: float = 0.0  # arrives and is carried out, the answer does not come back
    late: float = 0.0  # the sender gives up first; it lands afterwards
    broken_before: float = 0.0  # 503 without being carried out
    broken_after: float = 0.0  # 500 although carried out
    crowded: float = 0.0  # 429


CLEAR = Weather()
STORM = Weather(0.02, 0.02, 0.03, 0.02, 0.02, 0.02, 0.02)

_KINDS = ("not_sent", "lost", "answer_lost", "late", "broken_before", "broken_after", "crowded")
_TOO_MANY = {
    "hubspot.local": (
        429,
        b'{"status":"error","message":"slow down","errorType":"RATE_LIMIT","policyName":"SECONDLY"}',
    ),
    "salesforce.local": (503, b'[{"errorCode":"SERVER_UNAVAILABLE","message":"try later"}]'),
}


@dataclass
class Network:
    transport: Transport
    chance: random.Random
    weather: Weather = field(default_factory=Weather)
    requests: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    # Arrival times of writes whose answers were lost, as (host, from, to) in virtual seconds.
    unheard: list[tuple[str, float]] = field(default_factory=list)

    def fault(self) -> str | None:
        drawn = self.chance.random()
        for kind in _KINDS:
            share = getattr(self.weather, kind)
            if drawn < share:
                self.faults[kind] = self.faults.get(kind, 0) + 1
                return kind
            drawn -= share
        return None

    async def land(self, request: Request, travel_s: float) -> tuple[Response, float]:
        """The request arrives after `travel_s`, and the CRM carries it out. When that was comes with the answer."""
        await asyncio.sleep(travel_s)
        landed_s = asyncio.get_running_loop().time()
        return await self.transport.send(request, 3_600.0), landed_s

    def never_heard(self, request: Request, landed_s: float) -> None:
        self.unheard.append((request.url.split("/")[2], landed_s))


class Line:
    """One process' way into the network: a Transport. `cut` is the crash."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._alive = True
        self._on_its_way: set[asyncio.Task[tuple[Response, float]]] = set()

    def cut(self) -> None:
        self._alive = False

    async def send(self, request: Request, deadline_s: float) -> Response:
        await self._never_if_cut()
        network = self._network
        network.requests += 1
        kind = network.fault()
        travel_s = network.chance.uniform(0.005, 0.2)
        if kind == "not_sent":
            raise NotSent("the connection was refused")
        if kind == "lost":
            await self._wait(deadline_s)
            raise OutcomeUnknown("no answer in time")
        if kind == "late":
            landing = self._start(request, network.chance.uniform(1.0, LATEST_LANDING_S))
            landing.add_done_callback(lambda done: network.never_heard(request, done.result()[1]))
            await self._wait(min(1.0, deadline_s))
            raise OutcomeUnknown("the connection was reset")
        if kind in ("broken_before", "crowded"):
            await self._wait(travel_s)
            if kind == "broken_before":
                return Response(503, {}, b"")
            status, body = _TOO_MANY[request.url.split("/")[2]]
            return Response(status, {}, body)
        # Shielded: a sender that is cancelled does not call the request back, and a dead one never hears of it.
        answer, landed_s = await asyncio.shield(self._start(request, travel_s))
        await asyncio.sleep(network.chance.uniform(0.005, 0.2))
        if kind is not None or not self._alive:
            network.never_heard(request, landed_s)
        await self._never_if_cut()
        if kind == "answer_lost":
            raise OutcomeUnknown("the connection was reset")
        if kind == "broken_after":
            return Response(500, {}, b"")
        return answer

    def _start(self, request: Request, travel_s: float) -> asyncio.Task[tuple[Response, float]]:
        task = asyncio.get_running_loop().create_task(self._network.land(request, travel_s))
        self._on_its_way.add(task)
        task.add_done_callback(self._on_its_way.discard)
        return task

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._never_if_cut()

    async def _never_if_cut(self) -> None:
        if not self._alive:
            await asyncio.get_running_loop().create_future()
