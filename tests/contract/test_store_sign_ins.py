"""Apps, one-time states and grants in the store: once, sealed, in turns, gone with their connection; on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import Clock

from interlock.store import Keyring, SecretUnreadable, Store, connections, crm_apps, grants, keyring, sign_ins
from interlock.store.grants import Grant, Tokens
from interlock.store.scratch import scratch_copy
from interlock.store.sign_ins import KEPT_US, LIFETIME_US, Refused, Used

pytestmark = pytest.mark.anyio

TURN_US = 45_000_000


async def begun(store: Store, state: str = "state", browser: str = "cookie") -> None:
    async with store.write(None) as tx:
        await sign_ins.begin(tx, "salesforce", state, browser, "verifier")


async def used(store: Store, state: str = "state", browser: str | None = "cookie", side: str = "salesforce") -> Any:
    async with store.write(None) as tx:
        return await sign_ins.use(tx, side, state, browser)


async def granted(store: Store, **changes: Any) -> int:
    async with store.write(None) as tx:
        values: dict[str, Any] = {
            "side": "salesforce",
            "app_id": await crm_apps.put(tx, "salesforce", "client", "hush"),
            "login_url": "https://login.salesforce.com",
            "account_id": "00D1",
            "who": {"user_name": "ada"},
            "scopes": ["api"],
            "tokens": Tokens("access", "refresh"),
            **changes,
        }
        return await grants.create(tx, Grant(**values))


async def read(store: Store, grant_id: int) -> Grant:
    async with store.read(None) as tx:
        found = await grants.get(tx, grant_id)
    assert found is not None
    return found


class TestStates:
    async def test_a_state_is_used_once(self, store: Store) -> None:
        await begun(store)
        assert await used(store) == Used("verifier")
        assert await used(store) is Refused.USED

    async def test_of_two_at_once_one_gets_it(self, store: Store) -> None:
        await begun(store)
        found = await asyncio.gather(*(used(store) for _ in range(4)))
        assert sorted(found, key=str) == sorted([Used("verifier"), *[Refused.USED] * 3], key=str)

    @pytest.mark.parametrize(
        ("given", "refused"),
        [
            ({"state": "other"}, Refused.UNKNOWN),
            ({"side": "hubspot"}, Refused.UNKNOWN),
            ({"browser": "other"}, Refused.OTHER_BROWSER),
            ({"browser": None}, Refused.OTHER_BROWSER),
        ],
    )
    async def test_what_does_not_fit_uses_nothing_up(
        self, store: Store, given: dict[str, Any], refused: Refused
    ) -> None:
        await begun(store)
        assert await used(store, **given) is refused
        assert await used(store) == Used("verifier")

    async def test_it_is_over_after_ten_minutes_and_forgotten_after_a_day(self, store: Store, clock: Clock) -> None:
        await begun(store)
        clock.now_us += LIFETIME_US
        assert await used(store) is Refused.EXPIRED
        clock.now_us += KEPT_US
        await begun(store, "another")
        assert await used(store) is Refused.EXPIRED
        clock.now_us += 1
        await begun(store, "a third")
        assert await used(store) is Refused.UNKNOWN


class TestApps:
    async def test_an_app_that_is_entered_again_without_its_secret_keeps_it(self, store: Store) -> None:
        async with store.write(None) as tx:
            id_ = await crm_apps.put(tx, "salesforce", "client", "hush")
            assert await crm_apps.put(tx, "salesforce", "client", None) == id_
            found = await crm_apps.get(tx, id_)
        assert found is not None
        assert found.client_secret == "hush"

    async def test_the_same_client_again_replaces_the_secret_for_all_who_use_it(self, store: Store) -> None:
        async with store.write(None) as tx:
            first = await crm_apps.put(tx, "hubspot", "client", "one")
            other = await crm_apps.put(tx, "salesforce", "client", None)
            assert await crm_apps.put(tx, "hubspot", "client", "two") == first
            found, public = await crm_apps.get(tx, first), await crm_apps.get(tx, other)
            assert await crm_apps.ids(tx, "hubspot") == [(first, "client")]
        assert found is not None
        assert public is not None
        assert (found.client_secret, public.client_secret) == ("two", None)
        assert "two" not in repr(found)


class TestTurns:
    async def test_one_at_a_time_refreshes(self, store: Store, clock: Clock) -> None:
        grant = await read(store, await granted(store))
        async with store.write(None) as tx:
            assert await grants.take_turn(tx, grant, "one", tx.now_us + TURN_US)
        async with store.write(None) as tx:
            assert not await grants.take_turn(tx, grant, "two", tx.now_us + TURN_US)
        clock.now_us += TURN_US
        async with store.write(None) as tx:
            assert await grants.take_turn(tx, grant, "two", tx.now_us + TURN_US)
        # The one who was overtaken ends nothing of the other's.
        async with store.write(None) as tx:
            await grants.give_back(tx, grant, "one", sent=False)
        assert (await read(store, grant.id)).turn_until_us == clock.now_us + TURN_US

    async def test_of_many_at_once_one_gets_the_turn(self, store: Store) -> None:
        grant = await read(store, await granted(store))

        async def take(owner: str) -> bool:
            async with store.write(None) as tx:
                return await grants.take_turn(tx, grant, owner, tx.now_us + TURN_US)

        assert sorted(await asyncio.gather(*(take(str(n)) for n in range(5)))) == [False] * 4 + [True]

    async def test_what_an_older_generation_brings_is_not_kept(self, store: Store) -> None:
        grant = await read(store, await granted(store))
        async with store.write(None) as tx:
            assert await grants.keep(tx, grant, Tokens("a2", "r2"), None, ["api"])
            assert not await grants.keep(tx, grant, Tokens("late", "late"), None, ["api"])
            assert not await grants.end(tx, grant, grants.DEAD, "found dead by an old token")
            assert not await grants.take_turn(tx, grant, "one", tx.now_us + TURN_US)
        now = await read(store, grant.id)
        assert (now.tokens, now.generation, now.state) == (Tokens("a2", "r2"), 2, grants.GOOD)

    async def test_doubt_stays_until_an_answer_and_a_turn_without_a_request_adds_none(
        self, store: Store, clock: Clock
    ) -> None:
        grant = await read(store, await granted(store))
        for sent, doubt in ((False, None), (True, clock.now_us), (False, clock.now_us)):
            seen = await read(store, grant.id)
            async with store.write(None) as tx:
                assert await grants.take_turn(tx, seen, "one", tx.now_us + TURN_US)
                await grants.give_back(tx, seen, "one", sent=sent)
            assert (await read(store, grant.id)).sent_us == doubt
        async with store.write(None) as tx:
            assert await grants.keep(tx, seen, Tokens("a2"), None, [])
        assert (await read(store, grant.id)).sent_us is None


class TestGrants:
    async def test_a_new_sign_in_takes_the_old_ones_place_in_its_role(self, store: Store, connection_id: int) -> None:
        old, admin, new = await granted(store), await granted(store, role=grants.ADMIN), await granted(store)
        async with store.write(connection_id) as tx:
            for grant_id in (old, admin, new):
                grant = await grants.get(tx, grant_id)
                assert grant is not None
                await grants.adopt(tx, grant, grant.role)
            assert (await grants.in_use(tx))["salesforce"].id == new
            assert (await grants.in_use(tx, grants.ADMIN))["salesforce"].id == admin
            assert await grants.to_revoke(tx) == [old]

    async def test_another_connections_grant_cannot_be_taken(
        self, store: Store, connection_id: int, other_connection_id: int
    ) -> None:
        grant = await read(store, await granted(store))
        async with store.write(connection_id) as tx:
            await grants.adopt(tx, grant, grants.SYNC)
        with pytest.raises(LookupError):
            async with store.write(other_connection_id) as tx:
                await grants.adopt(tx, grant, grants.SYNC)
        async with store.read(connection_id) as tx:
            assert (await grants.in_use(tx))["salesforce"].id == grant.id

    async def test_what_was_revoked_holds_no_token_and_stays_revoked(self, store: Store) -> None:
        grant = await read(store, await granted(store))
        async with store.write(None) as tx:
            assert await grants.end(tx, grant, grants.REVOKED, "ended")
            assert not await grants.keep(tx, grant, Tokens("late"), None, [])
        assert (await read(store, grant.id)).tokens is None

    async def test_they_go_with_their_connection(self, store: Store, connection_id: int) -> None:
        mine, pending = await granted(store, connection_id=connection_id), await granted(store)
        async with store.write(connection_id) as tx:
            await connections.delete(tx, tx.connection_id)
            assert await grants.get(tx, mine) is None
        assert (await read(store, pending)).id == pending

    async def test_a_preview_takes_no_token_along(self, store: Store, connection_id: int) -> None:
        await granted(store, connection_id=connection_id)
        await begun(store)
        async with scratch_copy(store, connection_id) as copy, copy.read(None) as tx:
            for table in ("crm_grant", "crm_app", "sign_in"):
                assert await tx.rows(f"SELECT * FROM {table}") == []

    async def test_a_shared_refresh_token_is_seen(self, store: Store) -> None:
        one, other = await granted(store), await granted(store)
        alone = await granted(store, tokens=Tokens("access", "its own"))
        all_three = [await read(store, each) for each in (one, other, alone)]
        async with store.read(None) as tx:
            shared = [await grants.shares_refresh_token(tx, each) for each in all_three]
        assert shared == [True, True, False]

    async def test_a_sealed_grant_moved_to_another_row_is_refused(self, store: Store) -> None:
        one, other = await granted(store), await granted(store)
        async with store.write(None) as tx:
            await tx.run(
                "UPDATE crm_grant SET sealed = (SELECT sealed FROM crm_grant WHERE id = ?) WHERE id = ?", one, other
            )
        with pytest.raises(SecretUnreadable):
            await read(store, other)


async def test_grants_and_apps_survive_a_change_of_the_key(database_url: str, clock: Clock, tmp_path: Path) -> None:
    key_file = tmp_path / "secret.key"
    first = await Store.open(database_url, clock_us=clock, keyring=keyring.load_or_create(key_file))
    grant_id = await granted(first)
    both: Keyring = keyring.rotate(key_file)
    async with first.write(None) as tx:
        assert (await grants.reseal(tx, both), await crm_apps.reseal(tx, both)) == (1, 1)
    await first.close()

    second = await Store.open(database_url, clock_us=clock, keyring=keyring.retire(key_file))
    grant = await read(second, grant_id)
    async with second.read(None) as tx:
        app = await crm_apps.get(tx, grant.app_id)
    await second.close()
    assert grant.tokens == Tokens("access", "refresh")
    assert app is not None
    assert app.client_secret == "hush"
