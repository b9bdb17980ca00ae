"""The HubSpot client against the local HubSpot: what it reads and finds, told as situations in an account.

The local CRM is an independent reading of HubSpot's documentation; nothing of it is stubbed here. Time is virtual:
waiting for a limit moves the clock.
"""

from __future__ import annotations

from tests.contract.hubspot_account import Account, Between
from tests.contract.virtual_time import START_US

from interlock.core.model import Side


def test_a_batch_read_finds_each_record_under_the_id_it_was_asked_by() -> None:
    account = Account()
    ids = account.contacts(250)

    async def story() -> None:
        found = await account.client.read("contacts", [*ids, "999999"], ["email", "phone"], purpose="fetch")
        assert sorted(found) == sorted(ids)
        seen = found[ids[3]]
        assert seen.values["email"] == "p3@example.com"
        assert seen.values["hs_object_id"] == ids[3]
        assert seen.values["phone"] is None
        assert (seen.key.side, seen.key.type, seen.key.id) == (Side.HUBSPOT, "contacts", ids[3])
        assert seen.modified_us == seen.created_us == seen.read_us == START_US
        assert len(account.wire.requests) == 3

    account.run(story())


def test_a_property_that_the_account_does_not_have_stays_absent() -> None:
    account = Account()
    [id] = account.contacts(1)

    async def story() -> None:
        found = await account.client.read("contacts", [id], ["email", "no_such_property"], purpose="fetch")
        assert "no_such_property" not in found[id].values

    account.run(story())


def test_a_cleared_value_reads_as_none() -> None:
    account = Account()
    [id] = account.contacts(1)
    account.person.update("contacts", id, {"phone": "123"})
    account.person.update("contacts", id, {"phone": ""})

    async def story() -> None:
        found = await account.client.read("contacts", [id], ["phone"], purpose="fetch")
        assert found[id].values["phone"] is None

    account.run(story())


def test_contacts_are_found_by_e_mail_whatever_its_case_and_by_additional_addresses() -> None:
    account = Account()
    first, second = account.contacts(2)
    account.person.merge("contacts", first, second)

    async def story() -> None:
        wanted = ["P0@Example.com", "p1@example.com", "nobody@example.com"]
        found = await account.client.read("contacts", wanted, ["lastname"], id_property="email", purpose="match")
        assert {value: seen.key.id for value, seen in found.items()} == {wanted[0]: first, wanted[1]: first}

    account.run(story())


def test_a_merged_away_id_answers_with_the_survivor() -> None:
    account = Account()
    first, second = account.contacts(2)
    account.person.merge("contacts", first, second)

    async def story() -> None:
        seen = await account.client.read_by_id("contacts", second, ["email"], purpose="fetch")
        assert seen is not None
        assert seen.key.id == first
        assert await account.client.read_by_id("contacts", "424242", ["email"], purpose="fetch") is None

    account.run(story())


def test_an_archived_record_is_found_in_the_archive_only() -> None:
    account = Account()
    [id] = account.contacts(1)
    account.person.archive("contacts", id)

    async def story() -> None:
        client = account.client
        assert await client.read("contacts", [id], ["email"], purpose="fetch") == {}
        assert list(await client.read("contacts", [id], ["email"], archived=True, purpose="fetch")) == [id]
        page = await client.list_page("contacts", ["email"], archived=True, purpose="detect")
        assert [seen.key.id for seen in page.records] == [id]

    account.run(story())


def test_a_listing_is_walked_page_by_page() -> None:
    account = Account()
    ids = account.contacts(230)

    async def story() -> None:
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await account.client.list_page("contacts", ["email"], after, purpose="detect")
            seen.extend(record.key.id for record in page.records)
            after = page.next
            if after is None:
                break
        assert seen == ids
        assert len(account.wire.requests) == 3

    account.run(story())


def test_five_hundred_mapped_properties_do_not_stop_a_listing() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 500)
    ids = account.crm.seed({"contacts": [{"email": f"p{n}@example.com", wide[499]: f"v{n}"} for n in range(130)]})[
        "contacts"
    ]

    async def story() -> None:
        first = await account.client.list_page("contacts", ["email", *wide], purpose="fetch")
        assert [seen.values[wide[499]] for seen in first.records] == [f"v{n}" for n in range(100)]
        account.person.archive("contacts", ids[120])
        second = await account.client.list_page("contacts", ["email", *wide], first.next, purpose="fetch")
        assert [seen.key.id for seen in second.records] == ids[100:120] + ids[121:]
        assert second.next is None
        gone = await account.client.list_page("contacts", ["email", *wide], archived=True, purpose="fetch")
        assert [seen.values[wide[499]] for seen in gone.records] == ["v120"]
        assert account.wire.statuses == [200] * 6

    account.run(story())


def test_a_record_that_goes_while_a_wide_listing_is_read_is_left_out_of_it() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 500)
    ids = account.contacts(3)
    account.wire = Between(account.crm, "/batch/read", lambda: account.person.archive("contacts", ids[1]))
    client = account.another_client()

    async def story() -> None:
        page = await client.list_page("contacts", ["email", *wide], purpose="fetch")
        assert [seen.key.id for seen in page.records] == [ids[0], ids[2]]

    account.run(story())


def test_five_hundred_mapped_properties_do_not_stop_the_read_of_one_record() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 500)
    first, second = account.contacts(2)
    account.person.update("contacts", first, {wide[499]: "here"})
    account.person.merge("contacts", first, second)

    async def story() -> None:
        for id in (first, second):
            seen = await account.client.read_by_id("contacts", id, ["email", *wide], purpose="fetch")
            assert seen is not None
            assert (seen.key.id, seen.values[wide[499]]) == (first, "here")
        assert await account.client.read_by_id("contacts", "424242", ["email", *wide], purpose="fetch") is None
        assert 414 not in account.wire.statuses

    account.run(story())


def test_a_record_merged_away_while_it_is_read_alone_answers_with_its_survivor() -> None:
    account = Account()
    wide = account.wide_schema("contacts", 500)
    first, second = account.contacts(2)
    account.wire = Between(account.crm, "/batch/read", lambda: account.person.merge("contacts", first, second))
    client = account.another_client()

    async def story() -> None:
        seen = await client.read_by_id("contacts", second, ["email", *wide], purpose="fetch")
        assert seen is not None
        assert seen.key.id == first

    account.run(story())


def test_history_tells_who_wrote_what_newest_first() -> None:
    account = Account()
    [id] = account.contacts(1)
    account.time.pass_us(5_000_000)
    account.person.update("contacts", id, {"lastname": "Later"})

    async def story() -> None:
        history = await account.client.read_history("contacts", [id, "77"], ["lastname"], purpose="verify")
        versions = history[id]["lastname"]
        assert [(entry.value, entry.at_us) for entry in versions] == [
            ("Later", START_US + 5_000_000),
            ("Person 0", START_US),
        ]
        assert versions[0].source_type == "CRM_UI"
        assert list(history) == [id]

    account.run(story())
