"""The network between a process of Interlock and both CRMs, as a seed wants it: slow, lossy, and never in order.

A request lives on its own: once it has left, it lands or is lost whatever becomes of the process that sent it. What was done
to which request is kept, because the oracle excuses just one thing: a Salesforce edit replaced by a write whose answer, with
the value before it, nobody could keep.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.salesforce import SalesforceEmulator
from interlock.crm.seam import forbid_network
from interlock.crm.transport import AsgiTransport, NotSent, OutcomeUnknown, Request, Response
from tests.simulation.races import ABOUT_A_POLL, Races, written
from tests.simulation.recipe import Recipe
from tests.simulation.virtual_time import VirtualTimeLoop

HOSTS = {"hubspot": "hubspot.local", "salesforce": "salesforce.local"}
# A request that is still on its way after its sender gave up lands within this time. Times are shorter here than in life, and
# the settings with them (world.py): the park times are longer than this by more than two clocks of one installation differ.
LATEST_LANDING_S = 30.0

# Share of the requests that meet each fault.
STORM: dict[str, float] = {
    "refused": 0.02,  # the connection: nothing leaves
    "lost": 0.02,  # never arrives, and no answer comes
    "answer_lost": 0.03,  # arrives and is carried out, the answer does not come back
    "late": 0.02,  # the sender gives up first; it lands after others that were sent later
    "delayed": 0.02,  # slow, but in time
    "duplicated": 0.02,  # a proxy sends it again and hands on the second answer
    "cut": 0.01,  # the answer ends in its middle
    "broken_before": 0.02,  # 503 without being carried out
    "broken_after": 0.02,  # 500 although carried out
    "crowded": 0.02,  # too many requests
    "spent": 0.002,  # the day's requests are used up, says the CRM
}
_TOO_MANY = {
    "hubspot": (
        429,
        b'{"status":"error","message":"slow down","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}',
    ),
    "salesforce": (503, b'[{"errorCode":"SERVER_UNAVAILABLE","message":"try later"}]'),
}
_SPENT = {
    "hubspot": (429, b'{"status":"error","message":"daily limit","errorType":"RATE_LIMIT","policyName":"DAILY"}'),
    "salesforce": (403, b'[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]'),
}


@dataclass
class Landing:
    """One arrival of one request, and the part of the CRM's journal that it wrote."""

    side: str
    first_seq: int
    request: Request
    last_seq: int = 0
    answer: Response | None = None
    kept: bool = False  # its sender heard the answer and has since done the next thing
    history_of: frozenset[str] = frozenset()  # HubSpot ids of which it read property versions
    at_us: int = 0
    saved: frozenset[str] = frozenset()  # ids of the records that it writes, as it names them


@dataclass
class Network:
    hubspot: HubSpotEmulator
    salesforce: SalesforceEmulator
    recipe: Recipe
    chance: random.Random
    races: Races
    stormy: bool = False
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    landings: list[Landing] = field(default_factory=list)
    racing: list[asyncio.Future[None]] = field(default_factory=list)  # kept from being collected
    closed: set[str] = field(default_factory=set)  # sides that answer "too many requests" to everything for now

    def __post_init__(self) -> None:
        self._transport = AsgiTransport({HOSTS["hubspot"]: self.hubspot.app, HOSTS["salesforce"]: self.salesforce.app})
        self._digest = hashlib.blake2b(digest_size=12)

    def fault(self, side: str) -> str | None:
        """What happens to the next request. A number is drawn for each, so that leaving a kind out moves no other."""
        drawn = self.chance.random()
        self.requests += 1
        if not self.stormy:
            return None
        if side in self.closed:
            return "crowded"
        if not self._troubled():
            return None
        for kind, share in STORM.items():
            if drawn < share:
                return None if kind in self.recipe.without_faults else kind
            drawn -= share
        return None

    def _troubled(self) -> bool:
        return self.stormy and self.recipe.clear_until <= self.requests < self.recipe.clear_from

    async def land(self, side: str, request: Request, travel_s: float, sender: Line) -> Landing:
        """The request arrives after `travel_s`, and the CRM carries it out."""
        await asyncio.sleep(travel_s)
        if sender.dead:
            await asyncio.sleep(self.chance.choice((0.0, self.chance.uniform(0.0, LATEST_LANDING_S - travel_s))))
        race = self._race(side, request)
        if race == "edited_before":
            self.races.edit(side, request)
        polled = self.races.polled(side, request) if self._troubled() else None
        if polled is not None:
            self.faults[ABOUT_A_POLL] += 1
            self.races.edit_any(side, polled)
        journal = (self.hubspot if side == "hubspot" else self.salesforce).journal
        landing = Landing(side, journal.last_seq + 1, request, at_us=self.hubspot.clock.now_us())
        landing.saved = frozenset(key for _, key, _ in written(side, request))
        landing.answer = await self._transport.send(request, 3_600.0)
        if landing.answer.status < 300:
            landing.history_of = _history_read(request)
        landing.last_seq = journal.last_seq
        self.landings.append(landing)
        self.note("landed", request.method, request.url, request.body, landing.answer.status)
        if polled is not None:
            self.races.edit_any(side, polled)
        if race == "edited_behind":
            self.racing.append(asyncio.ensure_future(self.races.behind(side, request)))
        return landing

    def _race(self, side: str, request: Request) -> str | None:
        race = self.races.drawn(side, request)
        if race is None or not self._troubled():
            return None
        self.faults[race] += 1
        return race

    def note(self, *what: object) -> None:
        """Into the digest of everything that happened, and when."""
        self._digest.update(repr((asyncio.get_running_loop().time(), what)).encode())

    def digest(self) -> str:
        return self._digest.hexdigest()


def _history_read(request: Request) -> frozenset[str]:
    if not request.url.partition("?")[0].endswith("/batch/read") or b"propertiesWithHistory" not in (
        request.body or b""
    ):
        return frozenset()
    asked = msgspec.json.decode(request.body or b"{}")
    return frozenset(each["id"] for each in asked["inputs"]) if asked.get("propertiesWithHistory") else frozenset()


class Line:
    """One process' way into the network: a Transport. `watched` is shown every request before it leaves."""

    def __init__(self, network: Network, watched: Callable[[Request], None]) -> None:
        self._network = network
        self._watched = watched
        self._heard: list[Landing] = []
        self.dead = False  # its process was killed: what is under way may take its time yet
        self._noted = 0  # how many of them its last transaction could put on disk

    def note(self) -> None:
        """Its process has committed something under its lease."""
        self._noted = len(self._heard)

    def forget(self) -> None:
        """Its process was refused by the fence: what it has heard since it committed, it can put on no disk any more."""
        del self._heard[self._noted :]

    async def send(self, request: Request, deadline_s: float) -> Response:
        assert not forbid_network.get(), f"{request.method} {request.url} inside a database transaction"
        self._watched(request)
        network = self._network
        # What an answer told is on disk before the next request leaves (engine/apply.py).
        for landing in self._heard:
            landing.kept = True
        self._heard.clear()
        self._noted = 0
        # The connection is made: who dies here has sent nothing.
        await asyncio.sleep(network.chance.uniform(0.001, 0.03))
        side = "hubspot" if HOSTS["hubspot"] in request.url else "salesforce"
        kind = network.fault(side)
        travel_s, way_back_s = network.chance.uniform(0.005, 0.2), network.chance.uniform(0.005, 0.2)
        network.note("sent", request.method, request.url, request.body, kind)
        if kind is not None:
            network.faults[kind] += 1
        if kind in _NEVER_ARRIVES:
            return await self._never_arrives(side, kind, travel_s, deadline_s)
        if kind == "late":
            self._start(side, request, network.chance.uniform(1.0, LATEST_LANDING_S))
            await asyncio.sleep(min(1.0, deadline_s))
            raise OutcomeUnknown("the connection was reset")
        if kind == "delayed":
            travel_s = network.chance.uniform(1.0, min(20.0, deadline_s / 2))
        if kind == "duplicated":
            self._start(side, request, travel_s)
            travel_s += network.chance.uniform(0.0, 2.0)
        landing = await self._start(side, request, travel_s)
        await asyncio.sleep(way_back_s)
        assert landing.answer is not None
        if kind == "answer_lost":
            raise OutcomeUnknown("the connection was reset")
        if kind == "broken_after":
            return Response(500, {}, b"")
        if kind == "cut":
            return Response(
                landing.answer.status, landing.answer.headers, landing.answer.body[: len(landing.answer.body) // 2]
            )
        self._heard.append(landing)
        return landing.answer

    async def _never_arrives(self, side: str, kind: str, travel_s: float, deadline_s: float) -> Response:
        if kind == "refused":
            raise NotSent("the connection was refused")
        if kind == "lost":
            await asyncio.sleep(deadline_s)
            raise OutcomeUnknown("no answer in time")
        await asyncio.sleep(travel_s)
        if kind == "broken_before":
            return Response(503, {}, b"")
        status, body = (_SPENT if kind == "spent" else _TOO_MANY)[side]
        return Response(status, {}, body)

    def _start(self, side: str, request: Request, travel_s: float) -> asyncio.Future[Landing]:
        """Shielded: a sender that is cancelled does not call the request back, and a dead one never hears of it."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        return asyncio.shield(loop.outside(self._network.land(side, request, travel_s, self)))


_NEVER_ARRIVES = frozenset({"refused", "lost", "broken_before", "crowded", "spent"})
