"""Parity, companies and deals: what is made of what, what a delete does, and who takes part in a deal."""

from __future__ import annotations

from interlock.core.model import RecordKey, Side
from tests.engine.test_pipelines import CLOSE, Sales
from tests.world import World

FOR_CONTACTS = {"choices": {"accounts_for": {"companies": "contacts"}}}
STAGE = {"dealstage": "closedwon", "closedate": "2026-03-01"}


def test_12_a_company_of_leads_alone_becomes_no_account_until_somebody_asks(tell):
    """Where that is chosen, a company becomes an account by itself only when one of its contacts is a contact in Salesforce.
    *Sync now* makes it anyway."""

    async def story(world: World) -> None:
        alone, acme = (
            world.hugo.create("companies", {"name": name, "domain": f"{name}.com"}) for name in ("alone", "acme")
        )
        ada = world.person("ada@example.com", company="acme")
        world.hugo.associate("contacts", ada, "companies", acme, primary=True)
        await world.settle()
        assert world.counts()["Lead"] == 1
        assert world.sally.ids("Account") == []
        await world.sync(RecordKey(Side.HUBSPOT, "companies", acme))
        await world.settle()
        assert world.sally.ids("Account") == [world.counterpart("companies", acme)]
        assert world.counterpart("companies", alone) == ""

    tell(story, settings={"create_person_as": "Lead", **FOR_CONTACTS})


def test_12_a_company_becomes_an_account_with_its_first_contact(tell):
    """Where that is chosen, a company without an account becomes one as soon as a contact of it is a contact in Salesforce: made
    as one, or converted from a lead, which then brings no second company."""

    async def story(world: World) -> None:
        acme = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        await world.settle()
        assert world.sally.ids("Account") == []
        ada = world.person("ada@example.com")
        world.hugo.associate("contacts", ada, "companies", acme, primary=True)
        await world.settle()
        account = world.counterpart("companies", acme)
        assert world.sally.ids("Account") == [account]
        assert world.sally.get("Contact", world.counterpart("contacts", ada))["AccountId"] == account

    tell(story, settings=FOR_CONTACTS)


def test_13_a_new_account_becomes_a_company_without_any_contact(tell):
    """A new account of Salesforce becomes a company in HubSpot, though it has no contacts."""

    async def story(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Acme", "Website": "acme.example"})
        await world.settle()
        (company,) = world.hugo.ids("companies")
        assert world.hugo.get("companies", company)["name"] == "Acme"
        assert world.counterpart("companies", company) == account

    tell(story)


def test_14_a_deal_that_is_deleted_leaves_its_opportunity_alone(tell):
    """A deal that is deleted in HubSpot leaves its opportunity where it is, and later edits of that do not bring the deal
    back."""

    async def story(world: World) -> None:
        deal = world.hugo.create("deals", {"dealname": "Big", **STAGE})
        await world.settle()
        opportunity = world.counterpart("deals", deal)
        world.hugo.archive("deals", deal)
        await world.settle()
        world.sally.update("Opportunity", opportunity, {"Description": "Still there"})
        await world.settle()
        assert world.sally.ids("Opportunity") == [opportunity]
        assert world.hugo.ids("deals") == []

    tell(story)


def test_14_a_deal_is_deleted_with_its_opportunity(tell):
    """Where that is chosen, a deal is deleted with its opportunity. It comes back with it by no sync."""

    async def story(world: World) -> None:
        deal, other = (world.hugo.create("deals", {"dealname": name, **STAGE}) for name in ("Big", "Small"))
        await world.settle()
        opportunity = world.counterpart("deals", deal)
        world.sally.delete("Opportunity", opportunity)
        await world.settle()
        assert world.hugo.ids("deals") == [other]
        # A merge or a record that just cannot be seen any more is no delete (tests/engine/test_carried_deletes.py).
        assert await world.issues() == []
        world.sally.undelete("Opportunity", opportunity)
        await world.settle()
        assert world.hugo.ids("deals") == [other]

    tell(story, settings={"choices": {"deletes": {"deals": "in_hubspot"}}})


def test_15_a_contact_role_and_a_contact_of_the_deal_are_the_same_thing(tell):
    """A contact role that is added in Salesforce makes its contact one of the deal's, and a contact that is added to the
    deal in HubSpot gets a role.
    """

    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        deal = world.hugo.create("deals", {"dealname": "Big", **STAGE})
        await world.settle()
        opportunity = world.counterpart("deals", deal)
        adas, bobs = (world.counterpart("contacts", each) for each in (ada, bob))
        world.sally.create("OpportunityContactRole", {"OpportunityId": opportunity, "ContactId": adas})
        await world.settle()
        assert set(world.hugo.associated("deals", deal, "contacts")) == {ada}
        world.hugo.associate("deals", deal, "contacts", bob)
        await world.settle()
        roles = [world.sally.get("OpportunityContactRole", id_) for id_ in world.sally.ids("OpportunityContactRole")]
        assert {row["ContactId"] for row in roles} == {adas, bobs}

    tell(story)


def test_14_a_deal_that_moves_to_a_pipeline_that_does_not_sync_stops(tell):
    """A deal that moves to a pipeline which does not sync stays linked and gets no more updates in either direction. Back in
    one that does, it catches up."""

    async def story(world: World) -> None:
        partners = world.hubspot.settings().add_pipeline(
            "deals", "Partners", [{"label": "New", "metadata": {"probability": "0.1"}}]
        )
        stage = world.hubspot.portal.pipelines["deals"].get(partners).stages[0].id
        deal = world.hugo.create("deals", {"dealname": "Big", **STAGE})
        await world.settle()
        opportunity = world.counterpart("deals", deal)
        world.hugo.update("deals", deal, {"pipeline": partners, "dealstage": stage, "description": "Moved"})
        world.sally.update("Opportunity", opportunity, {"Amount": 5})
        await world.settle()
        assert world.sally.get("Opportunity", opportunity)["Description"] is None
        assert "amount" not in world.hugo.get("deals", deal)
        assert world.counterpart("deals", deal) == opportunity
        born = world.hugo.create("deals", {"dealname": "Born there", "pipeline": partners, "dealstage": stage})
        await world.settle()
        assert world.counterpart("deals", born) == ""
        assert await world.issues() == []
        world.hugo.update("deals", deal, {"pipeline": "default", "dealstage": "closedwon"})
        await world.settle()
        assert world.sally.get("Opportunity", opportunity)["Description"] == "Moved"
        assert world.hugo.get("deals", deal)["amount"] == "5"

    tell(story)


def test_otherwise_every_company_becomes_an_account(tell):
    """A company becomes an account by itself only through a contact that is a contact in Salesforce; one of leads alone, or of
    nobody, stays in HubSpot.

    Unless somebody chooses that, every company becomes an account, as every account becomes a company: whoever is missing on one
    side without a reason that anybody has given is what people take for a lost record.
    """

    async def story(world: World) -> None:
        acme = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        await world.settle()
        assert world.sally.ids("Account") == [world.counterpart("companies", acme)]

    tell(story, settings={"create_person_as": "Lead"})


def test_otherwise_companies_may_be_merged_in_hubspot(tell):
    """Companies cannot be merged in HubSpot while the integration is on.

    They can: the pair goes on with the company that is left, and the account of the other one stays where it is, with an issue, and
    makes no company anew. A duplicate that nobody may clear away is worse than a merge that has to be followed.
    """

    async def story(world: World) -> None:
        here = [world.hugo.create("companies", {"name": name, "domain": f"{name}.com"}) for name in ("acme", "globex")]
        await world.settle()
        accounts = [world.counterpart("companies", each) for each in here]
        world.hugo.merge("companies", *here)
        await world.settle()
        world.sally.update("Account", accounts[1], {"Phone": "+1 555 0100", "Name": "Globex International"})
        await world.settle()
        (left,) = world.hugo.ids("companies")
        assert world.counterpart("companies", left) == accounts[0]
        assert sorted(world.sally.ids("Account")) == sorted(accounts)
        assert {issue.salesforce_id for issue in await world.issues()} == {accounts[1]}

    tell(story)


def test_otherwise_no_pipeline_is_made_that_nobody_asked_for(tell):
    """For each record type of opportunities a HubSpot pipeline is made, called by the id of the record type.

    A pipeline is joined with a record type by a person, who may also have one made, with the name and the stages that the
    record type has: sales teams have pipelines already, and a plan has room for only so many.
    """

    async def story(world: World) -> None:
        pipelines = world.hubspot.portal.pipelines["deals"]
        before = list(pipelines.all)
        for type_ in sales["made"].types.values():
            row = {"Name": "Big", "StageName": "Closed Won", "CloseDate": CLOSE["closedate"], "RecordTypeId": type_}
            world.sally.create("Opportunity", row)
        await world.settle()
        assert list(pipelines.all) == before
        assert {world.hugo.get("deals", each)["pipeline"] for each in world.hugo.ids("deals")} == {"default"}

    sales: dict[str, Sales] = {}
    tell(story, lambda world: sales.update(made=Sales(world)))
