"""The HubSpot client against the local HubSpot: schema, associations and subscriptions, told as situations in an account.

The local CRM is an independent reading of HubSpot's documentation; nothing of it is stubbed here. Time is virtual:
waiting for a limit moves the clock.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.hubspot_account import Account, writes

from interlock.core.model import Outcome, Refused, Written
from interlock.crm.errors import SchemaChanged
from interlock.crm.hubspot.model import Filter


def test_the_account_tells_its_id_time_zone_and_currency() -> None:
    account = Account()

    async def story() -> None:
        info = await account.client.account()
        assert (info.account_id, info.timezone, info.currency) == (str(account.crm.account_id), "UTC", "USD")
        assert info.ui_url.startswith("https://app.hubspot.com/")

    account.run(story())


def test_properties_owners_and_pipelines_are_read() -> None:
    account = Account()

    async def story() -> None:
        client = account.client
        properties = {item.name: item for item in await client.properties("contacts")}
        assert properties["hs_email_optout"].read_only
        assert not properties["email"].read_only
        assert properties["hubspot_owner_id"].referenced_object == "OWNER"
        owners = await client.owners()
        assert {owner.email for owner in owners} >= {account.person.user.email}
        pipelines = await client.pipelines("deals")
        stages = {stage.id: stage for stage in pipelines[0].stages}
        assert stages["closedwon"][:4] == ("closedwon", stages["closedwon"].label, 1.0, True)
        assert not stages["qualifiedtobuy"].is_closed

    account.run(story())


def test_options_come_in_the_order_in_which_people_see_them() -> None:
    """Lifecycle stages go forward in it. HubSpot, properties API: -1 is shown after any positive value."""
    account = Account()
    stages = account.crm.portal.table("contacts").schema.properties["lifecyclestage"]
    order = [each["value"] for each in stages.options]
    stages.options = [*({**each, "displayOrder": place} for place, each in enumerate(stages.options))][::-1]
    stages.options[0]["displayOrder"] = -1

    async def story() -> None:
        properties = {item.name: item for item in await account.client.properties("contacts")}
        assert [option.value for option in properties["lifecyclestage"].options] == order

    account.run(story())


def test_associations_are_added_read_and_taken_away() -> None:
    account = Account()
    first, second, third = account.contacts(3)
    company = account.crm.seed({"companies": [{"name": "Acme", "domain": "acme.example"}]})["companies"][0]

    async def story() -> None:
        client = account.client
        pairs = [(first, company, 1), (first, company, 279), (second, company, 279), ("999999", company, 279)]
        outcomes: dict[Any, Outcome] = dict(await client.associate("contacts", "companies", pairs, purpose="write"))
        assert isinstance(outcomes.pop(("999999", company, 279)), Refused)
        assert all(isinstance(outcome, Written) for outcome in outcomes.values())
        found = await client.associations("contacts", "companies", [first, second, third], purpose="fetch")
        assert {id: [row.to_id for row in rows] for id, rows in found.items()} == {
            first: [company],
            second: [company],
            third: [],
        }
        assert 1 in found[first][0].type_ids
        await client.disassociate("contacts", "companies", [(first, company)], purpose="write")
        default = await client.associate_default("contacts", "companies", [(third, company)], purpose="write")
        assert isinstance(default[(third, company)], Written)
        found = await client.associations("contacts", "companies", [first, third], purpose="fetch")
        assert (found[first], [row.to_id for row in found[third]]) == ([], [company])

    account.run(story())


def test_more_than_a_page_of_associations_is_read_whole() -> None:
    account = Account(association_page_max=2)
    ids = account.contacts(5)
    company = account.crm.seed({"companies": [{"name": "Acme"}]})["companies"][0]
    for id in ids:
        account.person.associate("contacts", id, "companies", company)

    async def story() -> None:
        found = await account.client.associations("companies", "contacts", [company], purpose="fetch")
        assert sorted(row.to_id for row in found[company]) == sorted(ids)

    account.run(story())


def test_opting_out_is_for_good_and_twice_is_fine() -> None:
    account = Account()
    account.contacts(3)

    async def story() -> None:
        client = account.client
        emails = ["p0@example.com", "p1@example.com"]
        for _ in range(2):
            outcomes = await client.opt_out(emails, purpose="write")
            assert {email: type(outcome) for email, outcome in outcomes.items()} == dict.fromkeys(emails, Written)
        assert await client.opted_out("p0@example.com", purpose="verify")
        assert not await client.opted_out("p2@example.com", purpose="verify")
        single = await client.opt_out(["p2@example.com"], purpose="write")
        assert isinstance(single["p2@example.com"], Written)
        assert await client.opted_out("p2@example.com", purpose="verify")

    account.run(story())


def test_an_address_that_cannot_be_opted_out_is_refused_alone() -> None:
    account = Account()
    account.contacts(2)

    async def story() -> None:
        emails = ["p0@example.com", "nonsense", "p1@example.com"]
        outcomes = await account.client.opt_out(emails, purpose="write")
        kinds = {email: type(outcome) for email, outcome in outcomes.items()}
        assert kinds == {"p0@example.com": Written, "nonsense": Refused, "p1@example.com": Written}

    account.run(story())


def test_a_read_by_a_property_that_is_gone_says_that_the_schema_changed() -> None:
    account = Account()

    async def story() -> None:
        filters = [Filter("no_such_property", "EQ", "1")]
        with pytest.raises(SchemaChanged):
            await account.client.search("contacts", filters, ["email"], purpose="match")

    account.run(story())


def test_one_story_twice_sends_the_same_requests() -> None:
    def told() -> list[tuple[str, bytes | None]]:
        account = Account()
        ids = account.contacts(230)

        async def story() -> None:
            await account.client.read("contacts", ids, ["email"], purpose="fetch")
            await account.client.update("contacts", writes(ids, phone="1"), purpose="write")

        account.run(story())
        return [(request.url, request.body) for request in account.wire.requests]

    assert told() == told()
