"""Access tokens of a signed-in connection: refreshed once for everybody, kept before they are used, and ended when proven dead.

Two `StoredTokens` over one store are two processes: nothing but the store connects them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.contract.conftest import Clock, a_connection
from tests.contract.sign_in_world import SignInWorld, save_app

from interlock.app import sign_offs
from interlock.app.stored_tokens import TURN_S, StoredTokens
from interlock.core.model import Side
from interlock.crm.budget import MemoryBudgetStore, SalesforceGovernor
from interlock.crm.errors import AnswerLost, AppRefused, GrantDead, SignInRefused, Unreachable
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.seam import forbid_network
from interlock.store import Keyring, Store, StoreBusy, connections, grants

pytestmark = pytest.mark.anyio

HUBSPOT, SALESFORCE = Side.HUBSPOT, Side.SALESFORCE
SALESFORCE_TOKEN_PATH = "/services/oauth2/token"


class Scene:
    """A connection that both sides are signed in to, with rotation on."""

    def __init__(self, world: SignInWorld, connection_id: int) -> None:
        self.world = world
        self.connection_id = connection_id
        self.pauses = 0

    def process(self, side: Side = SALESFORCE, store: Store | None = None) -> StoredTokens:
        return StoredTokens(
            store or self.world.store, self.world.crms, side, connection_id=self.connection_id, pause=self.pause
        )

    async def pause(self, seconds: float) -> None:
        """Waiting for another process takes time: its own, and the clock's."""
        self.pauses += 1
        self.world.clock.advance(seconds)
        await asyncio.sleep(0)

    @property
    def refreshes(self) -> int:
        """Requests for tokens since the sign-in."""
        return self.world.line.count(SALESFORCE_TOKEN_PATH) - 1

    async def grant(self, side: Side = SALESFORCE) -> grants.Grant:
        async with self.world.store.read(self.connection_id) as tx:
            return (await grants.in_use(tx))[side.value]

    async def connection(self) -> connections.Connection:
        async with self.world.store.read(None) as tx:
            found = await connections.get(tx, self.connection_id)
        assert found is not None
        return found

    def works(self, token: str) -> bool:
        return self.world.production.sessions.find(token) is not None


@pytest.fixture
async def scene(store: Store, clock: Clock) -> Scene:
    world = SignInWorld(store, clock, {}, {"rotate_refresh_tokens": True, "session_s": 7_200})
    await world.enter_apps()
    async with store.write(None) as tx:
        account, org = str(world.hubspot.account_id), world.production.org_id
        id_ = await connections.create(tx, a_connection(account=account, salesforce_org_id=org))
    for side in Side:
        await world.sign_in(side, connection_id=id_)
    return Scene(world, id_)


async def test_the_token_of_the_sign_in_is_used_as_long_as_it_is_good(scene: Scene) -> None:
    token = await scene.process().token()
    assert scene.works(token)
    assert scene.refreshes == 0


async def test_a_rotated_refresh_token_is_kept_before_the_new_access_token_is_used(scene: Scene) -> None:
    tokens = scene.process()
    old = await scene.grant()
    fresh = await tokens.refresh(await tokens.token())
    now = await scene.grant()
    assert now.tokens is not None
    assert old.tokens is not None
    assert now.tokens.access == fresh
    assert now.tokens.refresh != old.tokens.refresh
    assert (now.generation, now.sent_us, now.turn_until_us) == (old.generation + 1, None, None)
    assert scene.works(await tokens.refresh(fresh))  # with the new one


async def test_many_tasks_of_two_processes_refresh_once(
    scene: Scene, database_url: str, clock: Clock, test_keyring: Keyring
) -> None:
    elsewhere = await Store.open(database_url, clock_us=clock, keyring=test_keyring, forbid_network=forbid_network)
    try:
        one, other = scene.process(), scene.process(store=elsewhere)
        stale = await one.token()
        assert await other.token() == stale
        scene.world.production.revoke_token(stale)
        fresh = await asyncio.gather(*(each.refresh(stale) for each in (one, other) for _ in range(5)))
    finally:
        await elsewhere.close()
    assert len(set(fresh)) == 1
    assert scene.works(fresh[0])
    assert scene.refreshes == 1


async def test_a_process_that_comes_late_with_the_old_token_gets_the_new_one(scene: Scene) -> None:
    one, late = scene.process(), scene.process()
    stale = await late.token()
    fresh = await one.refresh(stale)
    assert await late.refresh(stale) == fresh
    assert scene.refreshes == 1


async def test_a_process_that_was_idle_for_long_is_not_signed_out_by_a_token_that_ended_meanwhile_too(
    scene: Scene,
) -> None:
    """It holds the first token; another one stored a second; both sessions are over, the refresh token is good."""
    idle, busy = scene.process(), scene.process()
    first = await idle.token()
    second = await busy.refresh(first)
    scene.world.clock.advance(7_201)
    assert not scene.works(second)
    clock = scene.world.clock
    governor = SalesforceGovernor(MemoryBudgetStore(clock), clock)
    client = SalesforceClient("https://acme.my.salesforce.com", scene.world.line, idle, governor, clock)
    assert (await client.organization()).id == scene.world.production.org_id
    assert scene.refreshes == 2


async def test_hubspots_token_is_replaced_before_it_ends(scene: Scene) -> None:
    tokens = scene.process(HUBSPOT)
    first = await tokens.token()
    scene.world.clock.advance(1_739)
    assert await tokens.token() == first
    scene.world.clock.advance(2)
    second = await tokens.token()
    assert second != first
    assert await scene.process(HUBSPOT).token() == second


async def test_a_token_that_could_not_be_replaced_ahead_of_time_is_used_to_its_end(scene: Scene) -> None:
    tokens = scene.process(HUBSPOT)
    first = await tokens.token()
    scene.world.line._app_by_host.pop("api.hubapi.com")
    scene.world.clock.advance(1_799)
    assert await tokens.token() == first
    scene.world.clock.advance(1)
    with pytest.raises(Unreachable):
        await tokens.token()


async def test_a_revoked_sign_in_signs_the_connection_out_with_the_crms_reason(scene: Scene) -> None:
    tokens = scene.process()
    stale = await tokens.token()
    for session in scene.world.production.sessions.refresh.values():
        session.revoked = True
    with pytest.raises(GrantDead, match="expired access/refresh token"):
        await tokens.refresh(stale)
    now = await scene.connection()
    assert now.state == "signed_out"
    assert "expired access/refresh token" in (now.state_reason or "")
    assert now.state_fix == "Sign in again."
    # Nobody asks Salesforce again, whatever process.
    asked = scene.refreshes
    with pytest.raises(GrantDead):
        await scene.process().refresh(stale)
    assert scene.refreshes == asked


async def test_a_person_who_paused_it_finds_it_paused(scene: Scene) -> None:
    async with scene.world.store.write(scene.connection_id) as tx:
        await connections.update(tx, scene.connection_id, state="paused")
    for session in scene.world.production.sessions.refresh.values():
        session.revoked = True
    with pytest.raises(GrantDead):
        await scene.process().refresh(await scene.process().token())
    assert (await scene.connection()).state == "paused"


async def test_a_refresh_without_an_answer_asks_nobody_to_sign_in_until_it_is_proven(scene: Scene) -> None:
    tokens = scene.process()
    stale = await tokens.token()
    scene.world.line.lose_next = SALESFORCE_TOKEN_PATH
    with pytest.raises(AnswerLost, match="Whether it has replaced the refresh token is not known") as told:
        await tokens.refresh(stale)
    assert "tried again with the old one" in told.value.fix
    assert (await scene.connection()).state == "idle"
    assert (await scene.grant()).state == grants.GOOD
    # Rotation was on: now it is proven, and the reason tells the story.
    with pytest.raises(GrantDead, match="got no answer: it seems to have replaced the refresh token"):
        await tokens.refresh(stale)
    assert (await scene.connection()).state == "signed_out"


async def test_a_refresh_without_an_answer_costs_nothing_where_nothing_rotates(scene: Scene) -> None:
    scene.world.production.config.rotate_refresh_tokens = False
    tokens = scene.process()
    stale = await tokens.token()
    scene.world.line.lose_next = SALESFORCE_TOKEN_PATH
    with pytest.raises(AnswerLost):
        await tokens.refresh(stale)
    assert scene.works(await tokens.refresh(stale))
    assert (await scene.grant()).sent_us is None


async def test_a_request_that_never_left_leaves_no_doubt(scene: Scene) -> None:
    tokens = scene.process()
    stale = await tokens.token()
    apps = scene.world.line._app_by_host
    login = apps.pop("login.salesforce.com")
    with pytest.raises(Unreachable, match="could not be reached"):
        await tokens.refresh(stale)
    assert (await scene.grant()).sent_us is None
    apps["login.salesforce.com"] = login
    assert scene.works(await tokens.refresh(stale))


async def test_a_process_that_dies_while_it_refreshes_is_waited_for_and_then_followed(scene: Scene) -> None:
    dying, heir = scene.process(), scene.process()
    stale = await heir.token()
    scene.world.production.config.rotate_refresh_tokens = False
    async with scene.world.store.write(scene.connection_id) as tx:
        grant = (await grants.in_use(tx))["salesforce"]
        assert await grants.take_turn(tx, grant, dying._owner, tx.now_us + round(TURN_S * 1_000_000))
    before = scene.world.clock.now_us
    assert scene.works(await heir.refresh(stale))
    assert scene.world.clock.now_us - before >= TURN_S * 1_000_000
    assert scene.refreshes == 1


async def test_what_a_frozen_process_brings_home_revives_a_sign_in_that_was_called_dead(scene: Scene) -> None:
    """It refreshed, froze before it could keep the answer, and another one found the old refresh token dead meanwhile."""
    frozen, other = scene.process(), scene.process()
    stale = await other.token()
    flow = scene.world.crms.flow
    froze, woke = asyncio.Event(), asyncio.Event()

    class Freezing:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def refresh(self, refresh_token: str) -> Any:
            answer = await self.inner.refresh(refresh_token)
            froze.set()
            await woke.wait()
            return answer

    class Crms:
        clock_us = staticmethod(scene.world.clock)

        def flow(self, *arguments: Any) -> Any:
            return Freezing(flow(*arguments))

    frozen._crms = Crms()  # type: ignore[assignment]
    sleeper = asyncio.create_task(frozen.refresh(stale))
    await froze.wait()
    with pytest.raises(GrantDead):
        await other.refresh(stale)
    woke.set()
    fresh = await sleeper
    assert scene.works(fresh)
    assert await scene.process().token() == fresh
    assert (await scene.grant()).state == grants.GOOD


async def test_an_answer_that_the_store_did_not_take_is_kept_first_thing_next_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = scene.process()
    stale = await tokens.token()
    keep, failures = grants.keep, [StoreBusy("locked")]

    async def keep_unless_busy(*arguments: Any) -> bool:
        if failures:
            raise failures.pop()
        return await keep(*arguments)

    monkeypatch.setattr(grants, "keep", keep_unless_busy)
    with pytest.raises(StoreBusy):
        await tokens.refresh(stale)
    assert scene.works(await tokens.refresh(stale))
    assert scene.refreshes == 1


async def test_a_secret_that_was_replaced_in_salesforce_ends_no_sign_in(scene: Scene) -> None:
    client_id, secret = scene.world.production.client_id, scene.world.production.client_secret
    await save_app(scene.world.store, SALESFORCE, client_id, "old")
    tokens = scene.process()
    stale = await tokens.token()
    with pytest.raises(AppRefused):
        await tokens.refresh(stale)
    assert (await scene.grant()).state == grants.GOOD
    await save_app(scene.world.store, SALESFORCE, client_id, secret)
    assert scene.works(await tokens.refresh(stale))


async def test_a_running_process_goes_on_with_a_new_sign_in(scene: Scene) -> None:
    tokens = scene.process()
    stale = await tokens.token()
    await scene.world.sign_in(SALESFORCE, connection_id=scene.connection_id)
    assert not scene.works(stale)  # the old one was revoked
    assert scene.works(await tokens.refresh(stale))


async def test_an_org_that_moved_is_followed(scene: Scene) -> None:
    scene.world.production.instance_url = "https://acme-inc.my.salesforce.com"
    tokens = scene.process()
    await tokens.refresh(await tokens.token())
    assert (await scene.connection()).salesforce_url == "https://acme-inc.my.salesforce.com"


async def test_an_answer_that_names_a_foreign_host_costs_no_refresh_token_and_moves_nothing(scene: Scene) -> None:
    scene.world.production.instance_url = "https://acme.my.salesforce.com.evil.example"
    tokens = scene.process()
    fresh = await tokens.refresh(await tokens.token())
    assert scene.works(fresh)
    assert "evil" not in (await scene.connection()).salesforce_url
    assert scene.works(await tokens.refresh(fresh))


class TestSyncUser:
    async def test_the_admin_deploys_and_is_revoked_and_the_other_goes_on(self, scene: Scene) -> None:
        admin = await scene.grant()
        browser = scene.world.browser("sales@example.com")
        sync = await scene.world.sign_in(SALESFORCE, browser, role=grants.SYNC)
        await sign_offs.choose_sync_user(scene.world.store, admin.id, sync.grant_id)
        async with scene.world.store.write(scene.connection_id) as tx:
            await sign_offs.adopt(tx, (sync.grant_id,))
        assert (await scene.grant()).id == sync.grant_id
        deploying = StoredTokens(
            scene.world.store, scene.world.crms, SALESFORCE, connection_id=scene.connection_id, role=grants.ADMIN
        )
        admins_token = await deploying.token()
        assert scene.works(admins_token)

        ended = await sign_offs.end_deploying(scene.world.store, scene.world.crms, scene.connection_id)

        assert [(each.user, each.why_not) for each in ended] == [(admin.who["user_name"], None)]
        assert not scene.works(admins_token)
        assert scene.works(await scene.process().token())
        with pytest.raises(SignInRefused, match="no sign-in to Salesforce any more"):
            await deploying.refresh(admins_token)

    async def test_a_user_of_another_org_or_the_same_user_is_no_sync_user(self, scene: Scene) -> None:
        admin = await scene.grant()
        for choices, code in (({"sandbox": True}, "other_org"), ({}, "same_user")):
            chosen = await scene.world.sign_in(SALESFORCE, **choices)
            with pytest.raises(sign_offs.BadInput) as told:
                await sign_offs.choose_sync_user(scene.world.store, admin.id, chosen.grant_id)
            assert told.value.failure.code == code

    async def test_what_could_not_be_revoked_is_forgotten_and_said(self, scene: Scene) -> None:
        scene.world.line._app_by_host.pop("login.salesforce.com")
        ended = await sign_offs.end_all(scene.world.store, scene.world.crms, scene.connection_id)
        assert [each.why_not is None for each in ended] == [True, False]
        assert "could not be told to end the sign-in" in (ended[1].why_not or "")
        assert "Connected Apps OAuth Usage" in (ended[1].fix or "")
        async with scene.world.store.read(None) as tx:
            assert await tx.rows("SELECT id FROM crm_grant WHERE sealed IS NOT NULL") == []
