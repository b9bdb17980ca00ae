"""A sync that somebody asked for, and every way in which it may end: done, stopped, refused, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app import connections, once
from interlock.app.errors import Missing, Stopped
from interlock.app.once import SignedOut
from interlock.app.sync import SyncResult
from interlock.core.model import RecordKey, Side
from interlock.crm.budget import MemoryBudgetStore, SalesforceGovernor
from interlock.crm.errors import Forbidden, SignInRefused
from interlock.engine.context import Cycle
from interlock.engine.cycle import drain
from interlock.store import HeldByOther, lease
from interlock.store import connections as stored
from interlock.store.connections import Connection
from interlock.wiring import Clients


async def connection(world: World) -> Connection:
    assert world.store is not None
    async with world.store.read(None) as tx:
        (found,) = await stored.list_(tx)
    return found


async def sync_once(world: World, **options: Any) -> SyncResult:
    allocated = options.pop("allocated", None)

    @contextlib.asynccontextmanager
    async def open_clients(_: Connection) -> AsyncIterator[Clients]:
        hubspot, salesforce = world.clients()
        if allocated is not None:
            governor = SalesforceGovernor(MemoryBudgetStore(world.clock_us), world.clock_us, allocated=allocated)
            salesforce.governor = salesforce._calls._governor = governor
        yield Clients(hubspot, salesforce)

    assert world.store is not None
    return await once.once(world.store, await connection(world), open_clients, world.clock_us, **options)


def people(world: World, number: int) -> list[str]:
    return [
        world.hugo.create("contacts", {"email": f"person{n}@example.com", "lastname": f"Person {n}"})
        for n in range(number)
    ]


def test_the_first_sync_begins_the_connection_and_leaves_it_idle(tell: Tell) -> None:
    async def story(world: World) -> None:
        people(world, 3)
        before = await world.connect()
        assert (before.state, before.begun_at_us) == ("setting_up", None)
        states: list[str] = []

        async def look(ctx: Cycle) -> None:
            states.append((await connection(world)).state)
            await drain(ctx)

        result = await sync_once(world, work=look)
        assert result.objects["contacts"].created_in_salesforce == 3
        after = await connection(world)
        assert (states, after.state, after.begun_at_us) == (["first_sync"], "idle", before.created_at_us)
        await sync_once(world, work=look)
        assert states[1:] == ["syncing"]

    tell(story, existing="all", start=False)


def test_what_changed_between_connecting_and_the_first_sync_counts(tell: Tell) -> None:
    async def story(world: World) -> None:
        (old,) = people(world, 1)
        await asyncio.sleep(3_600)
        await world.connect()
        await asyncio.sleep(3_600)
        new = world.hugo.create("contacts", {"email": "new@example.com", "lastname": "New"})
        await asyncio.sleep(3_600)
        result = await sync_once(world)
        assert result.objects["contacts"].created_in_salesforce == 1
        assert world.contact(new)["interlock_salesforce_id"]
        assert "interlock_salesforce_id" not in world.contact(old)

    tell(story, existing="none", start=False)


def test_a_paused_connection_is_left_alone(tell: Tell) -> None:
    async def story(world: World) -> None:
        people(world, 1)
        await world.connect()
        assert world.store is not None
        await connections.pause(world.store, await connection(world), None, plan=False)
        with pytest.raises(Stopped) as refused:
            await sync_once(world)
        assert refused.value.failure.code == "paused"
        assert world.sally.ids("Contact") == []
        await connections.resume(world.store, await connection(world), None, plan=False)
        await sync_once(world)
        assert len(world.sally.ids("Contact")) == 1

    tell(story, existing="all")


def test_a_paused_object_is_skipped_and_the_others_sync(tell: Tell) -> None:
    async def story(world: World) -> None:
        people(world, 1)
        world.hugo.create("companies", {"name": "Analytical Engines", "domain": "engines.example"})
        await world.connect()
        assert world.store is not None
        await connections.pause(world.store, await connection(world), ["contacts"], plan=False)
        result = await sync_once(world)
        assert "contacts" not in result.objects
        assert (len(world.sally.ids("Account")), world.sally.ids("Contact")) == (1, [])
        with pytest.raises(Stopped):
            await sync_once(world, only=["contacts"])

    tell(story, existing="all")


def test_a_pause_during_a_sync_ends_it_between_two_batches(tell: Tell) -> None:
    async def story(world: World) -> None:
        people(world, 4)
        await world.connect()

        async def pause_now(ctx: Cycle) -> None:
            await connections.pause(ctx.store, await connection(world), None, plan=False)
            await asyncio.sleep(5)
            await drain(ctx)

        result = await sync_once(world, work=pause_now)
        assert result.outcome == "stopped"
        assert world.sally.ids("Contact") == []
        assert (await connection(world)).state == "paused"
        assert world.store is not None
        await connections.resume(world.store, await connection(world), None, plan=False)
        assert (await sync_once(world)).outcome == "done"
        assert len(world.sally.ids("Contact")) == 4

    tell(story, existing="all")


def test_an_interruption_saves_what_was_done_and_the_next_sync_does_the_rest(tell: Tell) -> None:
    async def story(world: World) -> None:
        people(world, 4)
        await world.connect()

        def interrupt(ctx: Cycle) -> None:
            ctx.stop = "interrupted"

        result = await sync_once(world, on_cycle=interrupt)
        assert result.outcome == "interrupted"
        assert (await connection(world)).state == "idle"
        await sync_once(world)
        assert len(world.sally.ids("Contact")) == 4

    tell(story, existing="all")


def test_a_refused_sign_in_signs_the_connection_out_until_somebody_resumes(tell: Tell) -> None:
    async def story(world: World) -> None:
        people(world, 1)
        await world.connect()
        world.hubspot.revoke_token(world.hubspot.token)
        with pytest.raises(SignInRefused):
            await sync_once(world)
        out = await connection(world)
        assert out.state == "signed_out"
        assert "HubSpot refused" in (out.state_reason or "")
        assert out.state_fix
        calls = world.hubspot.stats.as_dict()["calls"]
        with pytest.raises(SignedOut):
            await sync_once(world)
        assert world.hubspot.stats.as_dict()["calls"] == calls, "who is signed out does not knock again"
        world.hubspot.account.tokens[world.hubspot.token].revoked = False
        assert world.store is not None
        await connections.resume(world.store, out, None, plan=False)
        assert (await sync_once(world)).outcome == "done"

    tell(story, existing="all")


def test_signing_in_again_by_connecting_ends_being_signed_out(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        world.hubspot.revoke_token(world.hubspot.token)
        with pytest.raises(SignInRefused):
            await sync_once(world)
        world.hubspot.account.tokens[world.hubspot.token].revoked = False
        again = await world.connect()
        assert (again.state, again.state_reason) == ("idle", None)

    tell(story)


def test_a_spent_budget_stops_the_sync_and_says_so(tell: Tell) -> None:
    async def story(world: World) -> None:
        people(world, 1)
        await world.connect()
        result = await sync_once(world, allocated=1)
        assert result.outcome == "stopped"
        assert "has used its 1 Salesforce calls" in (result.stopped_reason or "")
        found = await connection(world)
        assert found.state == "idle", "calls come free by themselves: nobody has to resume"
        assert found.state_reason == result.stopped_reason
        await sync_once(world)
        assert (await connection(world)).state_reason is None

    tell(story, existing="all")


def test_a_missing_permission_suspends_the_connection(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        world.hubspot.account.tokens[world.hubspot.token].scopes = frozenset({"crm.objects.contacts.read"})
        with pytest.raises(Forbidden):
            await sync_once(world)
        found = await connection(world)
        assert found.state == "suspended"
        assert found.state_reason
        with pytest.raises(Stopped):
            await sync_once(world)

    tell(story, existing="all")


def test_another_process_that_holds_the_org_is_waited_for_as_long_as_told(tell: Tell) -> None:
    async def story(world: World) -> None:
        people(world, 1)
        made = await world.connect()
        assert world.store is not None
        await lease.take(world.store, made.salesforce_org_id, "another process", world.clock_us(), term_s=10)
        began_us = world.clock_us()
        with pytest.raises(HeldByOther):
            await sync_once(world, wait_s=4)
        assert 4_000_000 <= world.clock_us() - began_us < 5_000_000
        assert (await sync_once(world, wait_s=20)).outcome == "done"

    tell(story, existing="all")


def test_one_record_is_synced_alone_whether_or_not_it_changed(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        first, second = people(world, 2)
        result = await sync_once(world, keys=[RecordKey(Side.HUBSPOT, "contacts", second)])
        assert result.objects["contacts"].created_in_salesforce == 1
        assert world.contact(second)["interlock_salesforce_id"]
        assert "interlock_salesforce_id" not in world.contact(first)

    tell(story, existing="none")


def test_a_record_that_is_not_there_is_said_to_be_missing(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        with pytest.raises(Missing):
            await sync_once(world, keys=[RecordKey(Side.HUBSPOT, "contacts", "404404")])
        assert (await connection(world)).state == "idle"

    tell(story)


def test_a_property_that_went_away_is_left_out_and_the_rest_syncs(tell: Tell) -> None:
    async def story(world: World) -> None:
        (id_,) = people(world, 1)
        await world.connect()
        world.hubspot.portal.table("contacts").schema.properties.pop("mailingcity")
        result = await sync_once(world)
        assert result.outcome == "done"
        assert world.contact(id_)["interlock_salesforce_id"]
        assert (await connection(world)).state == "idle"

    tell(story, existing="all")


def test_a_brake_stops_the_connection_and_resuming_lets_it_pass_once(tell: Tell) -> None:
    async def story(world: World) -> None:
        ids = people(world, 120)
        await world.connect()
        await sync_once(world)
        await asyncio.sleep(300)
        for salesforce_id in world.sally.ids("Contact"):
            world.sally.delete("Contact", salesforce_id)
        result = await sync_once(world)
        assert result.outcome == "stopped"
        stopped = await connection(world)
        assert stopped.state == "stopped_by_brake"
        assert stopped.state_reason
        with pytest.raises(Stopped):
            await sync_once(world)
        assert world.store is not None
        await connections.resume(world.store, stopped, None, plan=False)
        assert (await sync_once(world)).outcome == "done"
        assert len(ids) == 120
        assert connections.BRAKE_RELEASED not in (await connection(world)).settings, "the next time it trips again"

    tell(story, existing="all")
