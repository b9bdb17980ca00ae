"""Parity, the connection as a whole: what it does by itself, its calls, its retries, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from interlock.app import disconnect, once
from interlock.app.crms import Addresses, Crms
from interlock.app.errors import BadInput
from interlock.app.runtime import open_cycle
from interlock.app.sync import SyncResult
from interlock.engine.cycle import poll, work_off
from interlock.store.connections import Connection
from interlock.wiring import Clients
from tests.world import HUBSPOT_URL, SALESFORCE_URL, World

MINUTE_S, HOUR_S = 60.0, 3_600.0
DAY_US = 86_400_000_000


class Running:
    """The world's connection, run as `serve` runs it: with clients that stay, and so remember the calls of the last day."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clients = Clients(*world.clients())

    @asynccontextmanager
    async def open_clients(self, _: Connection) -> AsyncIterator[Clients]:
        yield self.clients

    async def sync(self) -> SyncResult:
        assert self.world.store is not None
        assert self.world.connection is not None
        return await once.once(self.world.store, self.world.connection, self.open_clients, self.world.clock_us)

    async def tick(self) -> None:
        """One tick of a dispatcher, and what came due by it."""
        assert self.world.store is not None
        assert self.world.connection is not None
        hubspot, salesforce = self.clients.hubspot, self.clients.salesforce
        async with open_cycle(
            self.world.store, self.world.connection, hubspot, salesforce, self.world.clock_us, owner="test"
        ) as ctx:
            await poll(ctx)
            for runtime in ctx.objects.values():
                await work_off(ctx, runtime)

    async def allocate(self, share_used: float) -> None:
        """As many calls that so much of them is used."""
        governor = self.clients.salesforce.governor
        governor.allocate(round(sum((await governor.used_24h()).values()) / share_used))


async def refused(world: World) -> tuple[str, str]:
    """A contact of both with a title that a rule of the org has refused."""
    await world.rule("contacts", "jobtitle", "two_way")
    here = world.person("ada@example.com")
    await world.settle()
    world.salesforce.add_validation_rule("Contact", lambda row: row.get("Title") == "bad", "Titles must be good")
    world.hugo.update("contacts", here, {"jobtitle": "bad"})
    await world.settle()
    assert len(await world.issues()) == 1
    return here, world.counterpart("contacts", here)


def corrected(world: World) -> None:
    world.salesforce.org.rules.validations.clear()


def title(world: World, there: str) -> str | None:
    value: str | None = world.sally.get("Contact", there)["Title"]
    return value


def test_01_a_fresh_connection_writes_no_record_by_itself(tell):
    """A connection that was just made, without an import and without anybody's edit, writes no record on either side."""

    def before(world: World) -> None:
        world.person("ada@example.com")
        world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})
        world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"})
        world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com"})
        world.sally.create("Lead", {"LastName": "Other", "Email": "bob@example.com", "Company": "Globex"})
        world.sally.create("Account", {"Name": "Globex"})

    async def story(world: World) -> None:
        counts, before = world.counts(), world.written
        await world.settle()
        assert world.ours(before) == []
        assert world.counts() == counts

    tell(story, before, later_s=HOUR_S)


def test_16_with_three_quarters_of_the_calls_used_retries_wait_and_changes_go_on(tell):
    """From 75 % of the allocated Salesforce calls on, what was refused is not tried again by itself. What changes still
    syncs."""

    async def story(world: World) -> None:
        _, there = await refused(world)
        running = Running(world)
        corrected(world)
        await asyncio.sleep(21 * MINUTE_S)
        new = world.person("bob@example.com")
        for _ in range(100):
            await running.clients.salesforce.governor.admit("fetch")
        await running.allocate(0.80)
        await running.tick()
        assert world.counterpart("contacts", new)
        assert title(world, there) is None
        running.clients.salesforce.governor.allocate(100_000)
        await running.tick()
        assert title(world, there) == "bad"

    tell(story)


def test_16_with_all_calls_used_it_waits_keeps_what_is_due_and_goes_on(tell):
    """With all allocated calls used syncing stops and says so. What changes meanwhile syncs when calls have become free
    again, and nobody has to do anything for it.
    """

    async def story(world: World) -> None:
        running = Running(world)
        await running.sync()
        await running.allocate(1.0)
        here = world.person("ada@example.com")
        stopped = await running.sync()
        assert stopped.outcome == "stopped"
        assert "Salesforce calls of the last 24 hours" in (stopped.stopped_reason or "")
        assert world.counts()["Contact"] == 0
        await asyncio.sleep(25 * HOUR_S)
        running.clients.salesforce.governor.allocate(1_000)
        assert (await running.sync()).outcome == "done"
        assert world.counterpart("contacts", here)

    tell(story)


def test_17_what_was_refused_is_tried_ten_times_every_20_minutes_and_then_every_midnight(tell):
    """What was refused is tried again every 20 minutes, ten times, and from then on every night at 00:00 GMT."""

    async def story(world: World) -> None:
        _, there = await refused(world)
        running = Running(world)
        await running.tick()
        for tries in range(3, 12):
            await asyncio.sleep(19 * MINUTE_S)
            await running.tick()
            assert [issue.tries for issue in await world.issues()] == [tries - 1]
            await asyncio.sleep(2 * MINUTE_S)
            await running.tick()
            assert [issue.tries for issue in await world.issues()] == [tries]
        corrected(world)
        midnight_us = (world.clock_us() // DAY_US + 1) * DAY_US
        await asyncio.sleep((midnight_us - world.clock_us()) / 1_000_000 - 1)
        await running.tick()
        assert title(world, there) is None
        await asyncio.sleep(2)
        await running.tick()
        assert title(world, there) == "bad"
        assert await world.issues() == []

    tell(story)


async def ended(world: World, folder: Path) -> disconnect.Disconnected:
    assert world.store is not None
    assert world.connection is not None

    @asynccontextmanager
    async def open_crms() -> AsyncIterator[Crms]:
        yield Crms(world.transport, world.clock_us, Addresses.of_local_crms(HUBSPOT_URL, SALESFORCE_URL))

    clients = Running(world).open_clients
    return await disconnect.disconnect(
        world.store, world.connection, clients, open_crms, world.clock_us, folder, keep_package=True
    )


def test_19_disconnecting_needs_the_words_typed_and_leaves_ids_and_values(tell, tmp_path):
    """To disconnect and take the package out of the org, the words `Uninstall Salesforce` must be typed. The id of its Salesforce
    record and all values stay on a HubSpot record; after joining the two again they are pairs again, and nothing is made twice."""

    async def story(world: World) -> None:
        here = world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        there = world.counterpart("contacts", here)
        for typed in (None, "", "yes", "uninstall salesforce"):
            with pytest.raises(BadInput):
                disconnect.check_phrase(typed)
        disconnect.check_phrase("Uninstall Salesforce")
        assert (await ended(world, tmp_path)).files.links.pairs == 1
        assert (world.counterpart("contacts", here), world.contact(here)["jobtitle"]) == (there, "CTO")
        await world.connect()
        world.sally.update("Contact", there, {"Title": "CEO"})
        await world.settle()
        assert (world.counts()["contacts"], world.counts()["Contact"]) == (1, 1)
        assert world.contact(here)["jobtitle"] == "CEO"

    tell(story)
