"""A HubSpot account in process, a person working in it, and our client, over wires that behave in several ways. Time is virtual."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Coroutine
from typing import Any

from tests.contract.virtual_time import Time

from crm_emulator.hubspot import HubSpotEmulator
from crm_emulator.kernel.clock import Clock
from interlock.core.model import Side
from interlock.crm.budget import HubSpotGovernor, MemoryBudgetStore
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import HubSpotWrite
from interlock.crm.tokens import StaticToken
from interlock.crm.transport import AsgiTransport, Request, Response


class Wire:
    """The in-process transport, counting what passes."""

    def __init__(self, emulator: HubSpotEmulator) -> None:
        self.inner = AsgiTransport({"api.hubapi.com": emulator.app})
        self.requests: list[Request] = []
        self.statuses: list[int] = []

    async def send(self, request: Request, deadline_s: float) -> Response:
        self.requests.append(request)
        answer = await self.inner.send(request, deadline_s)
        self.statuses.append(answer.status)
        return answer


class Between(Wire):
    """Somebody does something just before the first call of one kind arrives."""

    def __init__(self, emulator: HubSpotEmulator, before: str, deed: Callable[[], object]) -> None:
        super().__init__(emulator)
        self.before = before
        self.deed: Callable[[], object] | None = deed

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.deed is not None and self.before in request.url:
            deed, self.deed = self.deed, None
            deed()
        return await super().send(request, deadline_s)


class Promising(Wire):
    """Searches answer that there is more, and show nothing."""

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await super().send(request, deadline_s)
        answer.body = b'{"total":9,"results":[],"paging":{"next":{"after":"200"}}}'
        return answer


class Stuck(Wire):
    """Every list has the same next page, for ever."""

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await super().send(request, deadline_s)
        paging = {"next": {"after": "7"}}
        rows = [{"from": {"id": "1"}, "to": [], "paging": paging}] if "/associations/" in request.url else []
        answer.body = json.dumps({"results": rows, "paging": paging}).encode()
        return answer


class Account:
    """A HubSpot account, a person working in it, and our client."""

    def __init__(self, token: str | None = None, **config: Any) -> None:
        self.time = Time()
        self.crm = HubSpotEmulator(Clock(self.time), **config)
        self.person = self.crm.user()
        self.wire = Wire(self.crm)
        self.governor = HubSpotGovernor(MemoryBudgetStore(self.time), self.time, rng=random.Random(7))
        self.client = self.another_client(token)

    def another_client(self, token: str | None = None) -> HubSpotClient:
        """Over the wire as it is now."""
        tokens = StaticToken(Side.HUBSPOT, token or self.crm.token)
        return HubSpotClient("https://api.hubapi.com", self.wire, tokens, self.governor, self.time)

    def contacts(self, count: int) -> list[str]:
        rows = [{"email": f"p{number}@example.com", "lastname": f"Person {number}"} for number in range(count)]
        return self.crm.seed({"contacts": rows})["contacts"]

    def wide_schema(self, object: str, count: int) -> list[str]:
        """That many more text properties, with names as long as people make them."""
        names = [f"a_property_that_somebody_made_{number}" for number in range(count)]
        for name in names:
            self.crm.portal.table(object).schema.create(
                {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"},
                self.time() // 1000,
                None,
            )
        return names

    def value(self, id: str, name: str) -> Any:
        return self.person.get("contacts", id).get(name)

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        self.time.run(story)

    def paths(self) -> list[str]:
        return [request.url.removeprefix("https://api.hubapi.com") for request in self.wire.requests]


def writes(ids: list[str], **properties: str) -> list[HubSpotWrite]:
    return [HubSpotWrite(f"t{number}", id, dict(properties)) for number, id in enumerate(ids)]
