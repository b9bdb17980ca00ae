"""The HubSpot client against the local HubSpot: finding what changed, told as situations in an account.

The local CRM is an independent reading of HubSpot's documentation; nothing of it is stubbed here. Time is virtual:
waiting for a limit moves the clock.
"""

from __future__ import annotations

import pytest
from tests.contract.hubspot_account import Account, Promising, Stuck
from tests.contract.virtual_time import START_US

from interlock.core.model import Observation
from interlock.crm.errors import ServerFault
from interlock.crm.hubspot.model import Filter


async def everything_changed(account: Account, since_us: int, limit: int = 200) -> list[str]:
    pages: list[list[Observation]] = [
        page async for page in account.client.changed("contacts", ["email"], since_us, limit=limit, purpose="detect")
    ]
    assert all(len(page) <= limit for page in pages)
    return [seen.key.id for page in pages for seen in page]


def test_what_changed_since_a_stamp_comes_oldest_first_and_once() -> None:
    account = Account()
    ids = []
    for number in range(45):
        account.time.pass_us(1000 if number % 4 == 0 else 0)  # several share a stamp
        ids += account.crm.seed({"contacts": [{"email": f"c{number}@example.com"}]})["contacts"]

    since = account.time()

    async def story() -> None:
        assert sorted(await everything_changed(account, START_US, limit=10)) == sorted(ids)
        assert await everything_changed(account, since) == ids[44:]
        assert await everything_changed(account, since + 1000) == []

    account.run(story())


def test_more_than_ten_thousand_records_with_one_timestamp_are_all_found() -> None:
    account = Account()
    before = account.contacts(3)
    account.time.pass_us(1000)
    rows = [{"email": f"bulk{number}@example.com"} for number in range(10_450)]
    bulk = account.crm.seed({"contacts": rows})["contacts"]
    account.time.pass_us(1000)
    after = account.crm.seed({"contacts": [{"email": "last@example.com"}]})["contacts"]

    async def story() -> None:
        found = await everything_changed(account, START_US)
        assert len(found) == len(set(found)) == 10_454
        assert set(found) == {*before, *bulk, *after}
        assert len(account.wire.requests) <= 10_454 / 200 + 5
        assert 429 not in account.wire.statuses

    account.run(story())


def test_a_record_that_changes_while_we_walk_hides_no_other() -> None:
    account = Account()
    ids = []
    for number in range(30):
        account.time.pass_us(1000)
        ids += account.crm.seed({"contacts": [{"email": f"c{number}@example.com"}]})["contacts"]

    async def story() -> None:
        found: list[str] = []
        async for page in account.client.changed("contacts", ["email"], START_US, limit=10, purpose="detect"):
            found += [seen.key.id for seen in page]
            if len(found) == 10:
                account.time.pass_us(1000)
                account.person.update("contacts", ids[2], {"phone": "1"})
        assert set(found) == set(ids)

    account.run(story())


@pytest.mark.parametrize("count", [30, 200])
def test_records_archived_before_the_index_knows_it_hide_none_of_those_behind_them(count: int) -> None:
    account = Account(search_lag_ms=60_000)
    gone = account.contacts(count)
    account.time.pass_us(5_000_000)
    kept = account.crm.seed({"contacts": [{"email": f"kept{number}@example.com"} for number in range(25)]})["contacts"]
    account.time.pass_us(120_000_000)
    for id in gone:
        account.person.archive("contacts", id)

    async def story() -> None:
        assert sorted(await everything_changed(account, START_US, limit=10)) == sorted(kept)
        assert len(account.wire.requests) < 200

    account.run(story())


def test_records_archived_out_of_the_middle_of_one_stamp_hide_none_of_those_behind_them() -> None:
    account = Account(search_lag_ms=60_000)
    ids = account.contacts(100)
    account.time.pass_us(120_000_000)
    for id in ids[20:60]:
        account.person.archive("contacts", id)

    async def story() -> None:
        assert sorted(await everything_changed(account, START_US, limit=10)) == sorted(ids[:20] + ids[60:])

    account.run(story())


def test_a_search_that_always_promises_more_and_shows_nothing_is_given_up() -> None:
    account = Account()
    account.contacts(3)

    account.wire = Promising(account.crm)
    account.client = account.another_client()

    async def story() -> None:
        with pytest.raises(ServerFault):
            await everything_changed(account, START_US - 86_400_000_000)
        assert len(account.wire.requests) < 120

    account.run(story())


def test_a_hundred_and_fifty_mapped_properties_do_not_stop_detection() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 150)
    ids = account.crm.seed({"contacts": [{"email": f"p{n}@example.com", wide[149]: f"v{n}"} for n in range(230)]})[
        "contacts"
    ]

    async def story() -> None:
        pages = [p async for p in account.client.changed("contacts", ["email", *wide], START_US, purpose="detect")]
        found = {seen.key.id: seen for page in pages for seen in page}
        assert sorted(found) == sorted(ids)
        assert all(seen.values[wide[149]] == f"v{ids.index(id)}" for id, seen in found.items())
        assert all(seen.modified_us == START_US for seen in found.values())
        assert 400 not in account.wire.statuses
        # As narrow as before, they are found by searches alone.
        before = len(account.wire.requests)
        await everything_changed(account, START_US)
        assert all(path.endswith("/search") for path in account.paths()[before:])

    account.run(story())


def test_what_is_read_beside_a_search_moves_no_cursor_past_what_search_has_not_shown() -> None:
    account = Account(search_lag_ms=60_000)
    wide = account.wide_schema("contacts", 150)
    first, second = account.contacts(2)
    account.time.pass_us(120_000_000)
    account.person.update("contacts", first, {wide[0]: "new"})
    account.person.archive("contacts", second)

    async def story() -> None:
        [page] = [p async for p in account.client.changed("contacts", ["email", *wide], START_US, purpose="detect")]
        assert [(seen.key.id, seen.modified_us) for seen in page] == [(first, START_US)]
        assert page[0].values[wide[0]] == "new"

    account.run(story())


def test_lists_that_do_not_move_on_are_given_up() -> None:
    account = Account()
    [id] = account.contacts(1)
    account.wire = Stuck(account.crm)
    client = account.another_client()

    async def story() -> None:
        page = await client.list_page("contacts", ["email"], purpose="fetch")
        for read in (
            client.list_page("contacts", ["email"], page.next, purpose="fetch"),
            client.owners(),
            client.associations("contacts", "companies", [id], purpose="fetch"),
        ):
            with pytest.raises(ServerFault):
                await read

    account.run(story())


def test_search_finds_by_filters() -> None:
    account = Account()
    ids = account.contacts(3)

    async def story() -> None:
        filters = [Filter("email", "EQ", "p1@example.com")]
        found = await account.client.search("contacts", filters, ["email"], purpose="match")
        assert [seen.key.id for seen in found] == [ids[1]]

    account.run(story())
