"""What the stories of an undo stand on: one contact whose title a sync has carried over, and processes that die on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from interlock.app.runtime import open_cycle
from interlock.app.undo import plan as planning
from interlock.app.undo import run as running
from interlock.app.undo.plan import UndoPlan
from interlock.app.undo.run import UndoResult
from interlock.crm.transport import OutcomeUnknown, Request, Response, Transport
from interlock.engine.detect import detect
from interlock.wiring import Clients
from tests.world import World


class Undoing:
    """One contact, Ada, whose title was `Clerk` on both sides until `edit` and a sync carried a new one over."""

    def __init__(self, world: World, hubspot_id: str, salesforce_id: str, since_us: int) -> None:
        self.world, self.hubspot_id, self.salesforce_id, self.since_us = world, hubspot_id, salesforce_id, since_us

    def titles(self) -> tuple[str | None, str | None]:
        return (
            self.world.hugo.get("contacts", self.hubspot_id).get("jobtitle") or None,
            self.world.sally.get("Contact", self.salesforce_id)["Title"],
        )

    def edit(self, hubspot: str | None = None, salesforce: str | None = None) -> None:
        if hubspot is not None:
            self.world.hugo.update("contacts", self.hubspot_id, {"jobtitle": hubspot})
        if salesforce is not None:
            self.world.sally.update("Contact", self.salesforce_id, {"Title": salesforce})

    async def plan(self, **which: Any) -> UndoPlan:
        return await plan(self.world, self.since_us, **which)

    async def undo(self, **which: Any) -> UndoResult:
        return await undo(self.world, self.since_us, **which)


async def plan(world: World, since_us: int, **which: Any) -> UndoPlan:
    assert world.store is not None
    assert world.connection is not None
    return await planning.plan(
        world.store, world.connection, *world.clients(), world.clock_us, since_us=since_us, **which
    )


async def undo(world: World, since_us: int, **which: Any) -> UndoResult:
    assert world.store is not None
    assert world.connection is not None

    @asynccontextmanager
    async def clients(_: object) -> AsyncIterator[Clients]:
        yield Clients(*world.clients())

    return await running.run(world.store, world.connection, clients, world.clock_us, since_us=since_us, **which)


async def linked(world: World, title: str | None = "Clerk", rule: str = "two_way") -> Undoing:
    properties = {"email": "ada@example.com", "lastname": "Byron"} | ({"jobtitle": title} if title else {})
    hubspot_id = world.hugo.create("contacts", properties)
    await world.connect()
    await world.rule("contacts", "jobtitle", rule)
    await world.sync_later()
    await asyncio.sleep(3_600.0)
    salesforce_id = world.contact(hubspot_id)["interlock_salesforce_id"]
    return Undoing(world, hubspot_id, salesforce_id, world.clock_us())


class Died(Exception):
    """The process is no more: nothing after this line ran."""


async def noticed(world: World) -> None:
    """A process looks for changes, and ends before it has worked them off."""
    assert world.store is not None
    assert world.connection is not None
    async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="looks") as ctx:
        await detect(ctx, look_back=True)


class Dying(Transport):
    """The process dies at the n-th request that writes, before it leaves or after the CRM has carried it out."""

    def __init__(self, inner: Transport, at: int, *, lands: bool, cut: bool = False) -> None:
        self.inner, self.left, self.lands, self.cut = inner, at, lands, cut

    async def send(self, request: Request, deadline_s: float) -> Response:
        writes = (
            "/batch/update" in request.url or "/batch/archive" in request.url or b'"PATCH"' in (request.body or b"")
        )
        writes = writes or b'"DELETE"' in (request.body or b"")
        self.left -= writes
        if not writes or self.left != 0:
            return await self.inner.send(request, deadline_s)
        if self.lands:
            await self.inner.send(request, deadline_s)
        if self.cut:
            raise OutcomeUnknown("the connection was cut")
        raise Died
