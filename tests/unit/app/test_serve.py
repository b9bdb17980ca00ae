"""A dispatcher that runs, and commands that hand it their work: both CRMs, the engine and the desk, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest
from tests.unit.app.conftest import Tell
from tests.unit.app.test_explain import Down
from tests.world import World

from interlock.app import allocation, handing_over, serve, status
from interlock.app.connections import pause, resume
from interlock.app.errors import AppError, Busy
from interlock.app.notify import watch
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.status import ConnectionStatus
from interlock.app.sync import SyncResult
from interlock.core.model import RecordKey, Side
from interlock.engine.dispatch.local import LocalDispatcher
from interlock.store import connections, handovers, heartbeat, notices
from interlock.store.connections import Connection
from interlock.store.handovers import Handover
from interlock.store.lease import Lease
from interlock.wiring import Clients


class Server:
    """`interlock serve` in the world, without its pages."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.said: list[str] = []
        self.opened = 0
        self.stop = asyncio.Event()
        assert world.store is not None
        self.desk = serve.ServeDesk(world.store, self._clients, world.clock_us, "serve-test", self.said.append)
        self._task: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def _clients(self, connection: Connection) -> AsyncIterator[Clients]:
        self.opened += 1
        hubspot, salesforce = self.world.clients()
        salesforce.governor.allocate(allocation.of(connection))
        yield Clients(hubspot, salesforce)

    async def start(self) -> None:
        self._task = asyncio.create_task(LocalDispatcher(self.desk, self.world.clock_us, self.stop).run())
        await asyncio.sleep(0)

    async def end(self) -> None:
        assert self._task is not None
        self.stop.set()
        await self._task
        await self.desk.close()

    async def connection(self) -> Connection:
        assert self.world.store is not None
        async with self.world.store.read(None) as tx:
            (found,) = await connections.list_(tx)
        return found

    async def hand_over(self, *keys: RecordKey, **options: Any) -> SyncResult | None:
        assert self.world.store is not None
        options.setdefault("clock_us", self.world.clock_us)
        return await handing_over.hand_over(self.world.store, await self.connection(), keys, **options)


@contextlib.asynccontextmanager
async def serving(world: World) -> AsyncIterator[Server]:
    await world.connect()
    server = Server(world)
    await server.start()
    try:
        yield server
    finally:
        await server.end()


def test_an_edit_arrives_by_itself_and_the_clients_stay_open(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(30)
            hubspot_id = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron"})
            await asyncio.sleep(600)
            salesforce_id = world.contact(hubspot_id)["interlock_salesforce_id"]
            assert world.sally.get("Contact", salesforce_id)["LastName"] == "Byron"
            assert server.opened == 1
            assert (await server.connection()).state == "idle"
            assert server.said == []

    tell(story, existing="all")


def test_idle_polling_uses_no_more_than_a_twentieth_of_what_is_allocated(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(120)
            (session,) = server.desk._sessions.values()
            before = [sum(governor.counts.values()) for governor in session.clients.governors]
            await asyncio.sleep(7_200)
            for governor, used_before in zip(session.clients.governors, before, strict=True):
                used = sum(governor.counts.values()) - used_before
                assert 0 < 12 * used <= 0.05 * governor.allocated

    tell(story, existing="all")


def test_work_is_handed_over_and_its_result_comes_back_at_once(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(20)
            hubspot_id = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron"})
            began_us = world.clock_us()
            result = await server.hand_over(RecordKey(Side.HUBSPOT, "contacts", hubspot_id))
            assert result is not None
            assert world.clock_us() - began_us < 3_000_000
            assert (result.outcome, result.objects["contacts"].created_in_salesforce) == ("done", 1)
            assert result.api_calls["salesforce"] > 0
            assert world.contact(hubspot_id)["interlock_salesforce_id"]
            everything = await server.hand_over(objects=["contacts"])
            assert everything is not None
            assert list(everything.objects) == ["contacts"]
            assert world.store is not None
            async with world.store.read((await server.connection()).id) as tx:
                assert await handovers.waiting(tx) == 0
                assert await tx.rows("SELECT id FROM handover") == []

    tell(story, existing="all")


def test_without_a_dispatcher_there_is_nobody_to_hand_over_to(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert await Server(world).hand_over() is None
        async with serving(world) as server:
            await asyncio.sleep(5)
        # It ended on purpose: nobody waits for its beat to grow old.
        assert await server.hand_over() is None

    tell(story, existing="all")


def test_work_handed_to_a_dispatcher_that_dies_comes_back_to_the_one_who_asked(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        await heartbeat.beat(world.store, "killed", world.clock_us())
        began_us = world.clock_us()
        server = Server(world)
        assert await server.hand_over() is None
        assert world.clock_us() - began_us <= 11_000_000
        async with world.store.read((await server.connection()).id) as tx:
            assert await tx.rows("SELECT id FROM handover") == []

    tell(story, existing="all")


def test_a_wait_that_was_not_long_enough_says_that_the_work_goes_on(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        assert world.store is not None
        await heartbeat.beat(world.store, "slow", world.clock_us())
        with pytest.raises(Busy, match="has not finished within 3 s") as busy:
            await Server(world).hand_over(wait_s=3)
        assert busy.value.failure.exit_code == 6

    tell(story, existing="all")


def test_what_the_dispatcher_could_not_do_reaches_the_one_who_asked_with_its_exit_code(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(5)
            world.transport = Down(world.transport, "salesforce.local")
            await server.desk._close_session((await server.connection()).id or 0)
            with pytest.raises(AppError) as failed:
                await server.hand_over()
            assert (failed.value.failure.code, failed.value.failure.exit_code) == ("unreachable", 3)
            assert failed.value.failure.side == "salesforce"

    tell(story, existing="all")


def test_a_paused_connection_is_left_alone_and_says_so_to_who_asks(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(20)
            assert world.store is not None
            await pause(world.store, await server.connection(), None, plan=False)
            await asyncio.sleep(2)
            (session,) = server.desk._sessions.values()
            before = [dict(governor.counts) for governor in session.clients.governors]
            hubspot_id = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron"})
            await asyncio.sleep(3_600)
            assert "interlock_salesforce_id" not in world.contact(hubspot_id)
            assert [governor.counts for governor in session.clients.governors] == before
            with pytest.raises(AppError) as refused:
                await server.hand_over()
            assert (refused.value.failure.code, refused.value.failure.exit_code) == ("paused", 4)

    tell(story, existing="all")


def _before_the_next_bell(server: Server, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """`meanwhile` happens when the next bell is as good as answered: in the turn that answers all that wait."""
    asked = server.desk._asked

    async def once(*words: Any) -> SyncResult:
        setattr(server.desk, "_asked", asked)  # noqa: B010 - of this one desk, which is the test's own
        result = await asked(*words)
        await meanwhile()
        return result

    setattr(server.desk, "_asked", once)  # noqa: B010 - as above


async def _answer_behind(server: Server, paused: list[str] | None) -> Handover:
    """Of whoever asked for a sync behind another one's, before which these were paused (None: all)."""
    connection, store = await server.connection(), server.world.store
    assert store is not None

    async def meanwhile() -> None:
        await pause(store, connection, paused, plan=False)

    _before_the_next_bell(server, meanwhile)
    async with store.write(connection.id) as tx:
        _, behind = [await handovers.ask(tx, (), ()) for _ in range(2)]
    await asyncio.sleep(20)
    async with store.read(connection.id) as tx:
        found = await handovers.get(tx, behind)
    assert found is not None
    assert found.answer is not None
    return found


def test_what_is_paused_between_two_bells_is_left_alone_by_the_second(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(20)
            behind = await _answer_behind(server, ["contacts"])
            assert behind.answer is not None
            assert (behind.state, list(behind.answer["objects"])) == (handovers.DONE, ["companies", "deals"])

    tell(story, existing="all")


def test_a_bell_behind_which_the_connection_was_paused_is_told_so(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(20)
            behind = await _answer_behind(server, None)
            assert behind.answer is not None
            assert (behind.state, behind.answer["code"]) == (handovers.FAILED, "paused")

    tell(story, existing="all")


def test_a_number_of_calls_that_is_taken_back_at_once_slows_no_poll_down(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(20)
            assert world.store is not None
            store, id_ = world.store, (await server.connection()).id or 0

            async def taken_back() -> None:
                await allocation.change(store, id_, None, BY_COMMAND)

            _before_the_next_bell(server, taken_back)
            await allocation.change(store, id_, 500, BY_COMMAND)
            await asyncio.sleep(20)
            hubspot_id = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron"})
            await asyncio.sleep(600)
            assert world.contact(hubspot_id)["interlock_salesforce_id"]

    tell(story, existing="all")


def test_a_connection_that_is_resumed_syncs_at_once_whenever_it_was_due(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(20)
            assert world.store is not None
            store, id_ = world.store, (await server.connection()).id or 0
            # By so few calls it is due once a day.
            await allocation.change(store, id_, 500, BY_COMMAND)
            await asyncio.sleep(20)
            await pause(store, await server.connection(), None, plan=False)
            await allocation.change(store, id_, None, BY_COMMAND)
            hubspot_id = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron"})
            await asyncio.sleep(600)
            assert "interlock_salesforce_id" not in world.contact(hubspot_id)
            await resume(store, await server.connection(), None, plan=False)
            await asyncio.sleep(60)
            assert world.contact(hubspot_id)["interlock_salesforce_id"]

    tell(story, existing="all")


def test_a_crm_that_is_down_is_tried_again_ever_more_slowly_and_then_all_is_well(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(20)
            assert world.store is not None
            (before,) = await status.status(world.store, [await server.connection()], world.clock_us())
            limit = before.document["api"]["hubspot"]["allocated"]
            assert limit > 250_000
            up = world.transport
            world.transport = Down(up, "hubspot.local")
            await server.desk._close_session((await server.connection()).id or 0)
            await asyncio.sleep(3_600)
            assert 8 <= len(server.said) <= 20
            assert world.store is not None
            (told,) = await status.status(world.store, [await server.connection()], world.clock_us())
            assert told.verdict().startswith("Waiting to try again: HubSpot ")
            assert told.mood() == "care"
            assert "interlock doctor" in [action["command"] for action in told.document["next_actions"]]
            # What was learned of the limits while it answered is not replaced by a guess.
            assert told.document["api"]["hubspot"]["allocated"] == limit
            assert "HubSpot" in server.said[0]
            assert (await server.connection()).state == "idle"
            world.transport = up
            await server.desk._close_session((await server.connection()).id or 0)
            hubspot_id = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron"})
            await asyncio.sleep(900)
            assert world.contact(hubspot_id)["interlock_salesforce_id"]

    tell(story, existing="all")


def _at_us(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1_000_000


async def _told(world: World, server: Server) -> ConnectionStatus:
    assert world.store is not None
    (told,) = await status.status(world.store, [await server.connection()], world.clock_us())
    return told


async def _held_up_by_salesforce(world: World, server: Server, why: str) -> None:
    """Whoever looks is told which side, since when, why and what to do; and one notice was made of it."""
    assert world.store is not None
    told = await _told(world, server)
    held_up = told.document["held_up"]
    assert why in told.verdict()
    assert told.verdict().startswith("Waiting to try again: ")
    assert told.mood() == "care"
    assert (held_up["side"], held_up["reason"]) == ("salesforce", told.document["connection"]["state_reason"])
    assert held_up["fix"]
    since_s = (world.clock_us() - _at_us(held_up["since"])) / 1_000_000
    assert 3_000 < since_s <= 3_600
    assert any(why in action["text"] for action in told.document["next_actions"])
    assert await watch.look(world.store, world.clock_us()) == 1
    assert await watch.look(world.store, world.clock_us()) == 0
    async with world.store.read(told.document["connection"]["id"]) as tx:
        assert [each.event for each in await notices.list_(tx, None, 10)] == ["held_up"]


def test_a_crm_that_answers_with_faults_for_an_hour_is_said_with_side_time_reason_and_what_to_do(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(60)
            hubspot_id = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron"})
            world.salesforce.faults.add({"match": {"path_prefix": "/services"}, "kind": "status", "status": 503})
            began_us = world.clock_us()
            await asyncio.sleep(3_600)
            await _held_up_by_salesforce(world, server, "Salesforce")
            told = (await _told(world, server)).document["connection"]
            assert told["salesforce"]["reachable"] is False
            assert _at_us(told["salesforce"]["last_ok_at"]) <= began_us
            world.salesforce.faults.clear()
            await asyncio.sleep(900)
            assert world.contact(hubspot_id)["interlock_salesforce_id"]
            after = await _told(world, server)
            assert (after.mood(), after.document["held_up"]) == ("good", None)
            assert after.document["connection"]["state_reason"] is None

    tell(story, existing="all")


def test_calls_that_are_used_up_are_said_with_time_reason_and_what_to_do(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(60)
            (session,) = server.desk._sessions.values()
            session.clients.salesforce.governor.allocate(1)
            world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron"})
            await asyncio.sleep(3_600)
            await _held_up_by_salesforce(world, server, "has used its 1 Salesforce calls")

    tell(story, existing="all")


def test_an_org_whose_calls_others_have_used_up_is_said_with_time_reason_and_what_to_do(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(60)
            world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron"})
            world.salesforce.config.daily_api_requests = 1
            await asyncio.sleep(3_600)
            await _held_up_by_salesforce(world, server, "Salesforce")

    tell(story, existing="all")


def test_a_refused_sign_in_stops_the_connection_until_somebody_signs_in(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(20)
            world.salesforce.revoke_token(world.salesforce.token)
            await asyncio.sleep(1_800)
            stopped = await server.connection()
            assert (stopped.state, stopped.state_fix) == (
                "signed_out",
                "Sign in again with `interlock connect`, or put in a new token.",
            )
            assert len(server.said) == 1

    tell(story, existing="all")


def test_a_defect_in_one_connection_is_reported_and_suspends_it_and_the_dispatcher_lives_on(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        async def broken(*_: object) -> None:
            raise ZeroDivisionError

        async with serving(world) as server:
            await asyncio.sleep(20)
            monkeypatch.setattr(serve, "poll", broken)
            await asyncio.sleep(1_800)
            stopped = await server.connection()
            assert (stopped.state, stopped.state_reason) == ("suspended", "A defect of Interlock: ZeroDivisionError.")
            assert "Traceback" in server.said[0]
            assert world.store is not None
            beat = await heartbeat.last_beat(world.store)
            assert beat is not None
            assert world.clock_us() - beat.at_us <= 2_000_000

    tell(story, existing="all")


def test_the_first_sync_is_a_state_of_its_own(tell: Tell) -> None:
    async def story(world: World) -> None:
        for number in range(3):
            world.hugo.create("contacts", {"email": f"p{number}@example.com", "lastname": "P"})
        states: list[str] = []
        noted = serve.ServeDesk._note_state

        async def noting(self: serve.ServeDesk, connection: Connection, state: str, lease: Lease) -> None:
            states.append(state)
            await noted(self, connection, state, lease)

        serve.ServeDesk._note_state = noting  # type: ignore[method-assign]
        try:
            async with serving(world) as server:
                await asyncio.sleep(120)
                assert states[:2] == ["first_sync", "idle"]
                assert (await server.connection()).state == "idle"
        finally:
            serve.ServeDesk._note_state = noted  # type: ignore[method-assign]

    tell(story, existing="all")


def test_a_stop_ends_a_long_first_sync_between_two_batches_and_the_next_start_goes_on(tell: Tell) -> None:
    async def story(world: World) -> None:
        for number in range(30):
            world.hugo.create("contacts", {"email": f"p{number}@example.com", "lastname": "P"})
        await world.connect()
        assert world.store is not None
        async with world.store.write(None) as tx:
            (row,) = await connections.list_(tx)
            assert row.id is not None
            await connections.update(tx, row.id, settings={**row.settings, "batch_rows": 10})
        server = Server(world)
        await server.start()
        while not server.desk._under_way:  # noqa: ASYNC110  (the turn begins in one of the next steps)
            await asyncio.sleep(0)
        began_us = world.clock_us()
        await server.end()
        assert world.clock_us() - began_us < 8_000_000
        async with world.store.read(row.id) as tx:
            assert await tx.rows("SELECT id FROM intent") == []
        again = Server(world)
        await again.start()
        await asyncio.sleep(120)
        await again.end()
        assert len(world.sally.ids("Contact")) == 30
        assert (await again.connection()).state == "idle"

    tell(story, existing="all")


def test_an_answer_survives_the_way_through_the_store(tell: Tell) -> None:
    async def story(world: World) -> None:
        async with serving(world) as server:
            await asyncio.sleep(5)
            result = await server.hand_over()
            assert result is not None
            assert msgspec.convert(msgspec.to_builtins(result), SyncResult) == result

    tell(story, existing="all")
