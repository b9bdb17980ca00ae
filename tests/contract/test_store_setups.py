"""Set-ups and colleagues' links in the store, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.contract.conftest import Clock, a_connection

from interlock.store import SecretUnreadable, Store, colleague_links, connections, keyring, setups

pytestmark = pytest.mark.anyio

BY = "person:1"


async def begun(store: Store) -> int:
    async with store.write(None) as tx:
        return await setups.begin(tx, BY)


async def saved(store: Store, setup_id: int, slug: str, version: int, by: str = BY, **kept: object) -> bool:
    async with store.write(None) as tx:
        return await setups.save(tx, setup_id, slug, kept, version, by)


async def read(store: Store, setup_id: int) -> setups.Setup:
    async with store.read(None) as tx:
        found = await setups.get(tx, setup_id)
    assert found is not None
    return found


class TestSteps:
    async def test_a_step_is_saved_on_the_version_that_was_seen_and_on_no_other(self, store: Store) -> None:
        id_ = await begun(store)
        assert await saved(store, id_, "apps", 0, a=1)
        assert not await saved(store, id_, "apps", 0, a=2)
        assert await saved(store, id_, "apps", 1, a=3)
        assert not await saved(store, id_, "apps", 1, a=4)
        step = (await read(store, id_)).steps["apps"]
        assert (step.kept, step.version) == ({"a": 3}, 2)

    async def test_of_many_who_save_at_once_one_does(self, store: Store) -> None:
        id_ = await begun(store)
        first = await asyncio.gather(*(saved(store, id_, "apps", 0, n=n) for n in range(5)))
        then = await asyncio.gather(*(saved(store, id_, "apps", 1, n=n) for n in range(5)))
        assert (sum(first), sum(then)) == (1, 1)
        assert (await read(store, id_)).version_of("apps") == 2

    async def test_one_step_does_not_spoil_another(self, store: Store) -> None:
        id_ = await begun(store)
        assert await saved(store, id_, "apps", 0)
        assert await saved(store, id_, "connect", 0)
        assert await saved(store, id_, "apps", 1)

    async def test_those_under_way_stand_in_the_order_of_their_last_change(self, store: Store, clock: Clock) -> None:
        first, second = await begun(store), await begun(store)
        clock.advance(1)
        await saved(store, first, "apps", 0)
        async with store.read(None) as tx:
            assert await setups.open_ids(tx) == [first, second]
            assert await setups.newest_id(tx) == second


class TestTheEnd:
    async def test_it_takes_nothing_more_and_its_secrets_and_links_are_gone(self, store: Store) -> None:
        id_ = await begun(store)
        async with store.write(None) as tx:
            await setups.put_secret(tx, id_, "key", "hush")
            token = await colleague_links.make(tx, id_, "hubspot", BY, 1_000_000)
        async with store.write(None) as tx:
            assert await setups.end(tx, id_)
            assert not await setups.end(tx, id_)
        assert not await saved(store, id_, "apps", 0)
        async with store.read(None) as tx:
            assert await setups.open_ids(tx) == []
            assert await setups.secret_names(tx, id_) == []
            assert await colleague_links.find(tx, token) is None

    async def test_a_set_up_goes_with_its_connection(self, store: Store) -> None:
        id_ = await begun(store)
        await saved(store, id_, "apps", 0)
        async with store.write(None) as tx:
            connection_id = await connections.create(tx, a_connection())
            await setups.join(tx, id_, connection_id)
            await setups.put_secret(tx, id_, "key", "hush")
            await colleague_links.make(tx, id_, "hubspot", BY, 1_000_000)
        async with store.write(connection_id) as tx:
            await connections.delete(tx, tx.connection_id)
        async with store.read(None) as tx:
            assert await setups.get(tx, id_) is None
            for table in ("setup_step", "setup_secret", "colleague_link"):
                assert await tx.rows(f"SELECT * FROM {table}") == []


class TestSecrets:
    async def test_they_are_sealed_and_of_their_own_set_up_alone(self, store: Store) -> None:
        one, other = await begun(store), await begun(store)
        async with store.write(None) as tx:
            await setups.put_secret(tx, one, "key", "hush")
            assert "hush" not in repr(await tx.rows("SELECT * FROM setup_secret"))
            await tx.run("UPDATE setup_secret SET setup_id = ?", other)
        async with store.read(None) as tx:
            with pytest.raises(SecretUnreadable):
                await setups.get_secret(tx, other, "key")

    async def test_they_survive_a_change_of_the_key(self, database_url: str, clock: Clock, tmp_path: Path) -> None:
        key_file = tmp_path / "secret.key"
        first = await Store.open(database_url, clock_us=clock, keyring=keyring.load_or_create(key_file))
        id_ = await begun(first)
        both = keyring.rotate(key_file)
        async with first.write(None) as tx:
            await setups.put_secret(tx, id_, "key", "hush")
            assert await setups.reseal(tx, both) == 1
        await first.close()
        second = await Store.open(database_url, clock_us=clock, keyring=keyring.retire(key_file))
        async with second.read(None) as tx:
            assert await setups.get_secret(tx, id_, "key") == "hush"
        await second.close()


class TestLinks:
    async def test_a_newer_link_of_a_side_replaces_the_older_and_leaves_the_other_sides(self, store: Store) -> None:
        id_ = await begun(store)
        async with store.write(None) as tx:
            old = await colleague_links.make(tx, id_, "hubspot", BY, 1_000_000)
            other = await colleague_links.make(tx, id_, "salesforce", BY, 1_000_000)
            new = await colleague_links.make(tx, id_, "hubspot", BY, 1_000_000)
            found = [await colleague_links.find(tx, token) is not None for token in (old, other, new)]
            assert found == [False, True, True]
            assert sorted(await colleague_links.good(tx, id_)) == ["hubspot", "salesforce"]

    async def test_of_two_browsers_that_take_it_up_one_has_it(self, store: Store) -> None:
        id_ = await begun(store)
        async with store.write(None) as tx:
            token = await colleague_links.make(tx, id_, "hubspot", BY, 1_000_000)
            link = await colleague_links.find(tx, token)
        assert link is not None

        async def taken(browser: str) -> bool:
            async with store.write(None) as tx:
                return await colleague_links.take_up(tx, link.id, browser)

        assert sum(await asyncio.gather(taken("one"), taken("two"))) == 1
        async with store.read(None) as tx:
            bound = await colleague_links.find(tx, token)
        assert bound is not None
        assert [colleague_links.is_of(bound, each) for each in ("one", "two", None)].count(True) == 1
