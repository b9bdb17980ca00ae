"""Where it is chosen, a company becomes an account with its first contact in Salesforce; a converted lead brings no second one."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.app.explain import explain
from interlock.crm.errors import Unreachable
from interlock.crm.transport import NotSent, Request, Response
from interlock.store import connections
from tests.world import World

FOR_CONTACTS: dict[str, Any] = {"choices": {"accounts_for": {"companies": "contacts"}}}
LEADS: dict[str, Any] = {**FOR_CONTACTS, "create_person_as": "Lead"}


def acme(world: World, **properties: str) -> str:
    return world.hugo.create("companies", {"name": "Acme, Incorporated in Delaware", "domain": "acme.com"} | properties)


def person_of(world: World, company: str, email: str = "ada@acme.com", primary: bool = True) -> str:
    here = world.person(email, company="Acme Works")
    world.hugo.associate("contacts", here, "companies", company, primary=primary)
    return here


async def why(world: World, company: str) -> list[str]:
    assert world.store is not None
    assert world.connection is not None
    key = f"hubspot:companies:{company}"
    return list((await explain(world.store, world.connection, key, world.clients(), world.clock_us))["why_not"])


def test_a_company_without_anybody_in_salesforce_says_why_it_is_no_account(tell):
    async def story(world: World) -> None:
        company = acme(world)
        person_of(world, company)
        await world.settle()
        assert world.counts()["Lead"] == 1
        assert await why(world, company) == ["no_contact_in_salesforce"]
        assert await world.issues() == []

    tell(story, settings=LEADS)


@pytest.mark.parametrize("primary", [True, False])
def test_a_contact_who_joins_later_or_is_of_another_company_first_brings_the_account(tell, primary):
    async def story(world: World) -> None:
        company = acme(world)
        other = world.hugo.create("companies", {"name": "Other", "domain": "other.com"})
        await world.settle()
        assert world.sally.ids("Account") == []
        here = world.person("ada@acme.com")
        if not primary:
            world.hugo.associate("contacts", here, "companies", other, primary=True)
        world.hugo.associate("contacts", here, "companies", company, primary=primary)
        await world.settle()
        assert world.counterpart("companies", company)
        assert bool(world.counterpart("companies", other)) is not primary

    tell(story, settings=FOR_CONTACTS)


def test_a_contact_who_was_there_already_and_moves_to_a_company_brings_its_account(tell):
    async def story(world: World) -> None:
        company = acme(world)
        here = world.person("ada@acme.com")
        await world.settle()
        assert world.sally.ids("Account") == []
        world.hugo.associate("contacts", here, "companies", company, primary=True)
        await world.settle()
        account = world.counterpart("companies", company)
        assert world.sally.get("Contact", world.counterpart("contacts", here))["AccountId"] == account

    tell(story, settings=FOR_CONTACTS)


def test_an_account_that_matches_is_linked_whoever_is_in_it(tell):
    async def story(world: World) -> None:
        company = acme(world)
        account = world.sally.create("Account", {"Name": "Acme", "Website": "acme.com"})
        await world.settle()
        assert world.counterpart("companies", company) == account
        assert world.counts()["companies"] == 1

    tell(story, settings=FOR_CONTACTS)


def test_a_lead_that_is_converted_makes_its_company_the_account_of_the_conversion_and_no_second_one(tell):
    """The account is named as the lead's company was written, and has no website: neither name nor domain finds it."""

    async def story(world: World) -> None:
        company = acme(world)
        here = person_of(world, company)
        await world.settle()
        done = world.sally.convert_lead(world.counterpart("contacts", here), opportunity="Big")
        # The stage that a conversion gives an opportunity is none of HubSpot's first pipeline.
        world.sally.update("Opportunity", done.opportunity_id, {"StageName": "Closed Won"})
        await world.settle()
        assert world.counterpart("contacts", here) == done.contact_id
        assert world.counterpart("companies", company) == done.account_id
        assert world.sally.ids("Account") == [done.account_id]
        assert world.hugo.ids("companies") == [company]
        (deal,) = world.hugo.ids("deals")
        assert world.counterpart("deals", deal) == done.opportunity_id
        assert set(world.hugo.associated("deals", deal, "companies")) == {company}
        assert set(world.hugo.associated("deals", deal, "contacts")) == {here}
        assert world.contact(here)["associatedcompanyid"] == company
        assert len(world.sally.ids("Opportunity")) == 1
        assert await world.issues() == []

    tell(story, settings=LEADS)


def test_a_lead_converted_into_an_account_of_another_company_leaves_both_as_they_are(tell):
    async def story(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Globex", "Website": "globex.com"})
        await world.settle()
        (globex,) = world.hugo.ids("companies")
        company = acme(world)
        here = person_of(world, company)
        await world.settle()
        done = world.sally.convert_lead(world.counterpart("contacts", here), account=account)
        await world.settle()
        assert world.counterpart("companies", globex) == account
        assert world.counterpart("contacts", here) == done.contact_id
        assert len(world.hugo.ids("companies")) == 2

    tell(story, settings=LEADS)


def test_two_companies_that_an_account_could_be_by_its_people_are_a_question(tell):
    async def story(world: World) -> None:
        ours, theirs = acme(world), world.hugo.create("companies", {"name": "Works", "domain": "works.com"})
        ada, bob = person_of(world, ours), person_of(world, theirs, "bob@works.com")
        await world.settle()
        done = world.sally.convert_lead(world.counterpart("contacts", ada))
        world.sally.convert_lead(world.counterpart("contacts", bob), account=done.account_id)
        await world.settle()
        assert len(world.hugo.ids("companies")) == 2
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}

    tell(story, settings=LEADS)


def test_companies_that_stood_alone_are_made_accounts_as_they_change_once_all_of_them_shall_be(tell):
    async def story(world: World) -> None:
        company = acme(world)
        await world.settle()
        assert world.connection is not None
        assert world.connection.id is not None
        async with world.write() as tx:
            await connections.update(tx, world.connection.id, settings={**world.connection.settings, "choices": {}})
        await world.settle()
        assert world.sally.ids("Account") == []
        world.hugo.update("companies", company, {"phone": "+48 22 111 22 33"})
        await world.settle()
        assert world.counterpart("companies", company)

    tell(story, settings=FOR_CONTACTS)


@pytest.mark.parametrize("at", ["/companies/contacts/batch/read", "/contacts/companies/batch/read"])
def test_hubspot_failing_while_it_is_asked_who_is_of_a_company_loses_no_account(tell, at):
    async def story(world: World) -> None:
        company = acme(world)
        person_of(world, company)
        lane = world.transport

        class Cut:
            async def send(self, request: Request, deadline_s: float) -> Response:
                if at in request.url:
                    raise NotSent("the line is cut")
                return await lane.send(request, deadline_s)

        world.transport = Cut()
        with pytest.raises(Unreachable):
            await world.sync()
        world.transport = lane
        await world.settle()
        account = world.counterpart("companies", company)
        assert world.sally.ids("Account") == [account]
        assert [world.sally.get("Contact", id_)["AccountId"] for id_ in world.sally.ids("Contact")] == [account]

    tell(story, settings=FOR_CONTACTS)
