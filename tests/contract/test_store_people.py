"""People, sessions, one-time links, API tokens and tries to sign in: the same on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.contract.conftest import Clock

from interlock.store import NotUnique, Store, api_tokens, one_time_links, people, sessions, sign_in_tries
from interlock.store.sign_in_tries import Source

pytestmark = pytest.mark.anyio

HOUR_US = 3600 * 1_000_000


async def add_person(store: Store, email: str = "ada@example.com", role: str = "admin") -> int:
    async with store.write(None) as tx:
        return await people.add(tx, email, "Ada", role, "argon2-hash")


async def everything_in(store: Store) -> str:
    """All that the tables of people hold, as one text."""
    async with store.read(None) as tx:
        tables = ("person", "session", "one_time_link", "api_token", "sign_in_try")
        return repr([await tx.rows(f"SELECT * FROM {table}") for table in tables])


# --- people -----------------------------------------------------------------------------------------------------------


async def test_a_person_is_found_however_the_e_mail_is_capitalised(store: Store) -> None:
    id_ = await add_person(store, "Ada@Example.com")
    async with store.read(None) as tx:
        found = await people.by_email(tx, " ada@EXAMPLE.com ")
        assert found is not None
        assert (found.id, found.email, found.role, found.password_hash) == (
            id_,
            "Ada@Example.com",
            "admin",
            "argon2-hash",
        )
        assert await people.by_email(tx, "eve@example.com") is None


async def test_two_people_never_share_an_e_mail(store: Store) -> None:
    await add_person(store, "ada@example.com")
    with pytest.raises(NotUnique):
        await add_person(store, "ADA@example.com")


async def test_a_persons_id_is_not_given_again_after_it_is_gone(store: Store) -> None:
    first = await add_person(store)
    async with store.write(None) as tx:
        await tx.run("DELETE FROM person")
    assert await add_person(store) > first


async def test_role_password_and_being_disabled_change_one_by_one(store: Store, clock: Clock) -> None:
    id_ = await add_person(store)
    async with store.write(None) as tx:
        await people.set_role(tx, id_, "viewer")
        await people.set_password_hash(tx, id_, None)
        await people.set_disabled(tx, id_, True)
        await people.note_sign_in(tx, id_)
    async with store.write(None) as tx:
        found = await people.get(tx, id_)
        assert found is not None
        assert (found.role, found.password_hash, found.disabled_at_us) == ("viewer", None, clock.now_us)
        assert (found.disabled, found.signed_in_at_us) == (True, clock.now_us)
        await people.set_disabled(tx, id_, False)
        found = await people.get(tx, id_)
        assert found is not None
        assert not found.disabled


async def test_changing_nobody_is_refused(store: Store) -> None:
    async with store.write(None) as tx:
        with pytest.raises(LookupError, match="77"):
            await people.set_role(tx, 77, "admin")


async def test_only_others_who_may_sign_in_are_counted_with_a_role(store: Store) -> None:
    ada = await add_person(store)
    bob = await add_person(store, "bob@example.com")
    await add_person(store, "cy@example.com", "viewer")
    async with store.write(None) as tx:
        assert await people.others_with_role(tx, "admin", ada) == 1
        await people.set_disabled(tx, bob, True)
        assert await people.others_with_role(tx, "admin", ada) == 0


async def test_of_two_that_look_whether_anybody_is_there_one_waits_for_the_other(
    database_url: str, store: Store, clock: Clock
) -> None:
    other = await Store.open(database_url, clock_us=clock)

    async def first(store: Store, email: str) -> bool:
        async with store.write(None) as tx:
            await people.lock(tx)
            if await people.any_(tx):
                return False
            await people.add(tx, email, "First", "admin", None)
            return True

    made = await asyncio.gather(first(store, "ada@example.com"), first(other, "eve@example.com"))
    await other.close()
    assert sorted(made) == [False, True]


def test_a_persons_hash_does_not_show_in_a_print() -> None:
    person = people.Person(id=1, email="a@b.c", name="A", role="admin", created_at_us=0, password_hash="argon2-hash")
    assert "argon2-hash" not in repr(person)


# --- sessions ---------------------------------------------------------------------------------------------------------


async def begin(store: Store, person_id: int) -> str:
    async with store.write(None) as tx:
        return await sessions.begin(tx, person_id, 24 * HOUR_US)


async def found(store: Store, token: str) -> sessions.Session | None:
    async with store.read(None) as tx:
        return await sessions.find(tx, token, HOUR_US)


async def test_a_session_lives_while_it_is_used_and_ends_when_it_is_not(store: Store, clock: Clock) -> None:
    token = await begin(store, await add_person(store))
    clock.advance(3599)
    session = await found(store, token)
    assert session is not None
    async with store.write(None) as tx:
        await sessions.note_use(tx, session.id)
    clock.advance(3599)
    assert await found(store, token) is not None
    clock.advance(1)
    assert await found(store, token) is None


async def test_a_session_ends_at_its_limit_however_much_it_is_used(store: Store, clock: Clock) -> None:
    token = await begin(store, await add_person(store))
    for _ in range(47):
        clock.advance(1800)
        session = await found(store, token)
        assert session is not None
        async with store.write(None) as tx:
            await sessions.note_use(tx, session.id)
    clock.advance(1800)
    assert await found(store, token) is None


async def test_ending_a_session_ends_that_one_and_ending_all_ends_each(store: Store) -> None:
    ada, bob = await add_person(store), await add_person(store, "bob@example.com")
    one, two, three, bobs = [await begin(store, who) for who in (ada, ada, ada, bob)]
    async with store.write(None) as tx:
        assert await sessions.end(tx, one) == ada
        assert await sessions.end(tx, one) is None
    assert [await found(store, token) is not None for token in (one, two, three, bobs)] == [False, True, True, True]
    async with store.write(None) as tx:
        assert await sessions.end_all_of(tx, ada) == 2
    assert [await found(store, token) is not None for token in (two, three, bobs)] == [False, False, True]


async def test_all_sessions_of_a_person_but_one_are_ended_and_the_living_ones_counted(
    store: Store, clock: Clock
) -> None:
    ada, bob = await add_person(store), await add_person(store, "bob@example.com")
    one, two, bobs = [await begin(store, who) for who in (ada, ada, bob)]
    async with store.write(None) as tx:
        assert await sessions.count_of(tx, ada, HOUR_US) == 2
        assert await sessions.end_others_of(tx, ada, one) == 1
        assert await sessions.count_of(tx, ada, HOUR_US) == 1
    assert [await found(store, token) is not None for token in (one, two, bobs)] == [True, False, True]
    clock.advance(3600)
    async with store.read(None) as tx:
        assert await sessions.count_of(tx, ada, HOUR_US) == 0


async def test_sessions_that_are_over_do_not_pile_up(store: Store, clock: Clock) -> None:
    ada = await add_person(store)
    for _ in range(3):
        await begin(store, ada)
    clock.advance(24 * 3600)
    await begin(store, ada)
    async with store.read(None) as tx:
        assert await tx.rows("SELECT count(*) FROM session") == [(1,)]


@pytest.mark.parametrize("token", ["", "wrong", "\ud83d", "'; DROP TABLE session; --"])
async def test_any_text_may_be_asked_for_as_a_token(store: Store, token: str) -> None:
    assert await found(store, token) is None


# --- one-time links ---------------------------------------------------------------------------------------------------


async def link(store: Store, purpose: str = one_time_links.FIRST_PERSON, person_id: int | None = None) -> str:
    async with store.write(None) as tx:
        return await one_time_links.make(tx, purpose, person_id, HOUR_US)


async def used(store: Store, token: str) -> one_time_links.OneTimeLink | None:
    async with store.write(None) as tx:
        return await one_time_links.use(tx, token)


async def test_a_link_works_once(store: Store) -> None:
    token = await link(store)
    async with store.read(None) as tx:
        seen = await one_time_links.find(tx, token)
    taken = await used(store, token)
    assert taken is not None
    assert (taken, taken.person_id, taken.purpose) == (seen, None, "first_person")
    assert await used(store, token) is None
    async with store.read(None) as tx:
        assert await one_time_links.find(tx, token) is None


async def test_of_two_that_use_a_link_at_once_one_gets_it(database_url: str, store: Store, clock: Clock) -> None:
    token = await link(store)
    other = await Store.open(database_url, clock_us=clock)
    got = await asyncio.gather(used(store, token), used(other, token))
    await other.close()
    assert sum(each is not None for each in got) == 1


async def test_a_link_is_void_after_its_time(store: Store, clock: Clock) -> None:
    token = await link(store)
    clock.advance(3600)
    assert await used(store, token) is None


async def test_a_new_link_voids_the_older_ones_of_that_person_and_purpose_only(store: Store) -> None:
    ada, bob = await add_person(store), await add_person(store, "bob@example.com")
    first = await link(store)
    adas = await link(store, one_time_links.PASSWORD, ada)
    adas_sign_in = await link(store, one_time_links.SIGN_IN, ada)
    bobs = await link(store, one_time_links.PASSWORD, bob)
    newer = await link(store, one_time_links.PASSWORD, ada)
    assert await used(store, adas) is None
    assert all([await used(store, token) for token in (first, adas_sign_in, bobs, newer)])


# --- API tokens -------------------------------------------------------------------------------------------------------


async def test_an_api_token_is_found_until_it_is_revoked(store: Store, clock: Clock) -> None:
    ada = await add_person(store)
    async with store.write(None) as tx:
        id_, token = await api_tokens.make(tx, "reports", "viewer", ada)
        clock.advance(5)
    assert token.startswith(api_tokens.PREFIX)
    async with store.write(None) as tx:
        await api_tokens.note_use(tx, id_)
        kept = await api_tokens.find(tx, token)
        assert kept is not None
        assert (kept.id, kept.name, kept.role, kept.made_by, kept.used_at_us) == (
            id_,
            "reports",
            "viewer",
            ada,
            clock.now_us,
        )
        assert await api_tokens.list_(tx) == [kept]
        assert await api_tokens.revoke(tx, id_)
        assert not await api_tokens.revoke(tx, id_)
        assert await api_tokens.find(tx, token) is None
        assert await api_tokens.list_(tx) == []
        revoked = await api_tokens.get(tx, id_)
        assert revoked is not None
        assert revoked.name == "reports"


async def test_the_tokens_that_a_person_made_can_be_revoked_together(store: Store) -> None:
    ada, bob = await add_person(store), await add_person(store, "bob@example.com")
    async with store.write(None) as tx:
        adas = [(await api_tokens.make(tx, f"t{n}", "viewer", ada))[0] for n in range(2)]
        await api_tokens.make(tx, "bob's", "viewer", bob)
        assert await api_tokens.revoke_all_of(tx, ada) == adas
        assert await api_tokens.revoke_all_of(tx, ada) == []
        assert [each.name for each in await api_tokens.list_(tx)] == ["bob's"]


# --- what the database holds ------------------------------------------------------------------------------------------


async def test_no_token_stands_in_the_database_in_clear(store: Store) -> None:
    ada = await add_person(store)
    given = [await begin(store, ada), await link(store)]
    async with store.write(None) as tx:
        given.append((await api_tokens.make(tx, "reports", "viewer", ada))[1])
    held = await everything_in(store)
    assert "reports" in held
    assert not [token for token in given if token in held or token.removeprefix(api_tokens.PREFIX) in held]


async def test_tokens_are_long_and_never_the_same(store: Store) -> None:
    ada = await add_person(store)
    given = {await begin(store, ada) for _ in range(50)}
    assert len(given) == 50
    assert all(len(token) >= 43 for token in given)


# --- tries to sign in -------------------------------------------------------------------------------------------------


def wait_us(failures: int) -> int:
    """Three are free, then two seconds more each time."""
    return max(0, failures - 2) * 2_000_000


ACCOUNT, ADDRESS = Source("account:ada", wait_us), Source("address:192.0.2.7", lambda failures: 0)


async def tried(store: Store, *sources: Source) -> int:
    async with store.write(None) as tx:
        return await sign_in_tries.begin(tx, list(sources or (ACCOUNT, ADDRESS)))


async def test_the_first_tries_are_free_and_then_each_waits_longer(store: Store, clock: Clock) -> None:
    assert [await tried(store) for _ in range(3)] == [0, 0, 0]
    assert await tried(store) == 2_000_000
    clock.advance(1)
    assert await tried(store) == 1_000_000
    clock.advance(1)
    assert await tried(store) == 0
    assert await tried(store) == 4_000_000


async def test_a_try_that_has_to_wait_is_not_counted(store: Store, clock: Clock) -> None:
    for _ in range(3):
        await tried(store)
    for _ in range(50):
        assert await tried(store) > 0
    clock.advance(2)
    assert await tried(store) == 0


async def test_whoever_is_held_back_cannot_fill_the_table_with_names(store: Store) -> None:
    address = Source(ADDRESS.name, wait_us)
    for number in range(50):
        await tried(store, Source(f"account:{number}", wait_us), address)
    async with store.read(None) as tx:
        assert await tx.rows("SELECT count(*) FROM sign_in_try") == [(4,)]


async def test_the_longest_wait_of_all_sources_counts_and_others_are_left_alone(store: Store) -> None:
    for _ in range(3):
        await tried(store)
    assert await tried(store, Source("account:bob", wait_us), ADDRESS) == 0
    assert await tried(store, ACCOUNT) == 2_000_000


async def test_tries_that_come_at_once_are_all_counted(database_url: str, store: Store, clock: Clock) -> None:
    others = [await Store.open(database_url, clock_us=clock) for _ in range(3)]
    waits = await asyncio.gather(*(tried(each) for each in (store, *others) for _ in range(3)))
    for other in others:
        await other.close()
    assert sorted(waits)[:4] == [0, 0, 0, 2_000_000]


async def test_a_good_sign_in_forgets_the_account_and_takes_one_try_back_from_the_address(
    store: Store, clock: Clock
) -> None:
    address = Source(ADDRESS.name, wait_us)
    for _ in range(3):
        await tried(store, ACCOUNT, address)
    async with store.write(None) as tx:
        await sign_in_tries.forget(tx, ACCOUNT.name)
        await sign_in_tries.take_back(tx, address.name)
    assert await tried(store, ACCOUNT) == 0
    assert await tried(store, address) == 0
    assert await tried(store, address) == 2_000_000


async def test_tries_are_forgotten_after_a_day_and_do_not_pile_up(store: Store, clock: Clock) -> None:
    for number in range(20):
        await tried(store, Source(f"account:{number}", wait_us))
    clock.advance(24 * 3600 + 1)
    await tried(store, ACCOUNT)
    async with store.read(None) as tx:
        rows: list[Any] = await tx.rows("SELECT source, failures FROM sign_in_try")
    assert rows == [("account:ada", 1)]
