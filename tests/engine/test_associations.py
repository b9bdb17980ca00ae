"""Who works where and who takes part in what, on both sides, in any order of events."""

from __future__ import annotations

import asyncio

import pytest

from interlock.core.model import Reason, RecordKey, Side
from interlock.store import dirty
from tests.engine.test_late_landings import Slow
from tests.world import World

STAGE = {"dealstage": "closedwon", "closedate": "2026-03-01"}


def company(world: World, name: str) -> str:
    return world.hugo.create("companies", {"name": name, "domain": f"{name}.com"})


async def ada_at_acme(world: World) -> tuple[str, str, str, str]:
    """Her HubSpot id, her Salesforce id, the company's HubSpot id and Salesforce id."""
    acme, ada = company(world, "acme"), world.person("ada@acme.com")
    world.hugo.associate("contacts", ada, "companies", acme, primary=True)
    await world.settle()
    return ada, world.counterpart("contacts", ada), acme, world.counterpart("companies", acme)


def works_at(world: World, contact: str) -> str | None:
    return world.contact(contact).get("associatedcompanyid")


def roles(world: World, opportunity: str) -> set[str]:
    rows = (world.sally.get("OpportunityContactRole", id_) for id_ in world.sally.ids("OpportunityContactRole"))
    return {row["ContactId"] for row in rows if row["OpportunityId"] == opportunity}


def test_a_person_changes_jobs_in_hubspot(tell):
    async def story(world: World) -> None:
        ada, there, _, account = await ada_at_acme(world)
        assert world.sally.get("Contact", there)["AccountId"] == account
        globex = company(world, "globex")
        world.hugo.associate("contacts", ada, "companies", globex, primary=True)
        await world.settle()
        assert world.sally.get("Contact", there)["AccountId"] == world.counterpart("companies", globex)

    tell(story)


def test_a_person_changes_jobs_in_salesforce(tell):
    async def story(world: World) -> None:
        ada, there, _, _ = await ada_at_acme(world)
        globex = world.sally.create("Account", {"Name": "Globex"})
        world.sally.update("Contact", there, {"AccountId": globex})
        await world.settle()
        (here,) = [id_ for id_ in world.hugo.ids("companies") if world.counterpart("companies", id_) == globex]
        assert works_at(world, ada) == here

    tell(story)


@pytest.mark.parametrize("side", list(Side))
def test_a_person_who_leaves_on_one_side_leaves_on_the_other(tell, side):
    async def story(world: World) -> None:
        ada, there, acme, _ = await ada_at_acme(world)
        if side is Side.HUBSPOT:
            world.hugo.disassociate("contacts", ada, "companies", acme)
        else:
            world.sally.update("Contact", there, {"AccountId": None})
        await world.settle()
        assert works_at(world, ada) is None
        assert world.sally.get("Contact", there)["AccountId"] is None

    tell(story)


def test_a_contact_that_comes_before_its_company_is_joined_to_it_when_that_comes(tell):
    """Salesforce does not take the company at first; the contact is made without it, and joined to it later."""

    async def story(world: World) -> None:
        nameless = company(world, "stealth")
        ada = world.person("ada@example.com")
        world.hugo.associate("contacts", ada, "companies", nameless, primary=True)
        await world.settle()
        there = world.counterpart("contacts", ada)
        assert world.sally.get("Contact", there)["AccountId"] is None
        world.hugo.update("companies", nameless, {"name": "Acme"})
        assert not world.sally.ids("Account")
        await world.settle()
        account = world.counterpart("companies", nameless)
        assert account
        assert world.sally.get("Contact", there)["AccountId"] == account

    def before(world: World) -> None:
        world.salesforce.add_validation_rule("Account", lambda row: row.get("Name") == "stealth", "Too secret")

    tell(story, before=before)


def test_a_linked_contact_that_is_put_at_a_company_without_counterpart_is_joined_to_it_when_that_has_one(tell):
    """Nothing of it has changed but where it works, and that is nowhere in Salesforce yet."""

    async def story(world: World) -> None:
        ada = world.person("ada@example.com")
        await world.settle()
        there = world.counterpart("contacts", ada)
        # Settled for so long that the pair is of no interest any more.
        await asyncio.sleep(3_600.0)
        await world.settle()
        nameless = company(world, "stealth")
        await world.settle()
        assert not world.sally.ids("Account")
        world.hugo.associate("contacts", ada, "companies", nameless, primary=True)
        await world.settle()
        await asyncio.sleep(3_600.0)
        world.hugo.update("companies", nameless, {"name": "Acme"})
        await world.settle()
        account = world.counterpart("companies", nameless)
        assert account
        assert world.sally.get("Contact", there)["AccountId"] == account

    def before(world: World) -> None:
        world.salesforce.add_validation_rule("Account", lambda row: row.get("Name") == "stealth", "Too secret")

    tell(story, before=before)


def test_an_account_deleted_in_salesforce_does_not_take_people_from_its_company_in_hubspot(tell):
    async def story(world: World) -> None:
        ada, there, acme, account = await ada_at_acme(world)
        # Salesforce refuses to delete an account with contacts unless they go or are freed first.
        world.sally.update("Contact", there, {"AccountId": None})
        world.sally.delete("Account", account)
        await world.settle()
        assert works_at(world, ada) == acme
        world.sally.undelete("Account", account)
        await world.settle()
        assert len(world.hugo.ids("companies")) == 1

    tell(story)


def test_after_its_company_was_deleted_in_hubspot_a_person_can_still_change_jobs(tell):
    async def story(world: World) -> None:
        ada, there, acme, account = await ada_at_acme(world)
        world.hugo.archive("companies", acme)
        await world.settle()
        # The delete takes nobody away in Salesforce.
        assert world.sally.get("Contact", there)["AccountId"] == account
        globex = company(world, "globex")
        world.hugo.associate("contacts", ada, "companies", globex, primary=True)
        await world.settle()
        assert world.sally.get("Contact", there)["AccountId"] == world.counterpart("companies", globex)
        assert await world.issues() == []

    tell(story)


def test_a_new_contact_of_a_company_whose_account_was_deleted_is_made_without_account(tell):
    async def story(world: World) -> None:
        acme = company(world, "acme")
        await world.settle()
        world.sally.delete("Account", world.counterpart("companies", acme))
        await world.settle()
        ada = world.person("ada@acme.com")
        world.hugo.associate("contacts", ada, "companies", acme, primary=True)
        await world.settle()
        there = world.counterpart("contacts", ada)
        assert world.sally.get("Contact", there)["AccountId"] is None
        assert await world.issues() == []

    tell(story)


def test_the_second_company_of_a_person_becomes_the_first(tell):
    async def story(world: World) -> None:
        ada, there, acme, _ = await ada_at_acme(world)
        globex = company(world, "globex")
        world.hugo.associate("contacts", ada, "companies", globex)
        await world.settle()
        assert works_at(world, ada) == acme
        world.hugo.associate("contacts", ada, "companies", globex, primary=True)
        await world.settle()
        assert world.sally.get("Contact", there)["AccountId"] == world.counterpart("companies", globex)
        # Acme stays a company of hers in HubSpot, just not the first.
        assert set(world.hugo.associated("contacts", ada, "companies")) == {acme, globex}

    tell(story)


async def a_deal(world: World, *people: str) -> tuple[str, str]:
    here = world.hugo.create("deals", {"dealname": "Big", **STAGE})
    for person in people:
        world.hugo.associate("deals", here, "contacts", person)
    await world.settle()
    return here, world.counterpart("deals", here)


def test_people_of_a_deal_are_contact_roles_of_its_opportunity(tell):
    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        here, there = await a_deal(world, ada)
        adas, bobs = (world.counterpart("contacts", each) for each in (ada, bob))
        assert roles(world, there) == {adas}
        world.sally.create("OpportunityContactRole", {"OpportunityId": there, "ContactId": bobs})
        await world.settle()
        assert set(world.hugo.associated("deals", here, "contacts")) == {ada, bob}
        world.hugo.disassociate("deals", here, "contacts", ada)
        await world.settle()
        assert roles(world, there) == {bobs}

    tell(story)


def test_different_people_put_on_a_deal_on_both_sides_at_once_are_all_on_it(tell):
    async def story(world: World) -> None:
        ada, bob, eve = (world.person(f"{name}@example.com") for name in ("ada", "bob", "eve"))
        here, there = await a_deal(world, ada)
        adas, bobs, eves = (world.counterpart("contacts", each) for each in (ada, bob, eve))
        world.hugo.associate("deals", here, "contacts", bob)
        world.sally.create("OpportunityContactRole", {"OpportunityId": there, "ContactId": eves})
        (of_ada,) = [
            id_
            for id_ in world.sally.ids("OpportunityContactRole")
            if world.sally.get("OpportunityContactRole", id_)["ContactId"] == adas
        ]
        world.sally.delete("OpportunityContactRole", of_ada)
        await world.settle()
        assert roles(world, there) == {bobs, eves}
        assert set(world.hugo.associated("deals", here, "contacts")) == {bob, eve}

    tell(story)


def test_a_person_who_is_a_lead_joins_the_opportunity_when_converted(tell):
    """A lead cannot have a role; the deal is looked at again when it has become a contact."""

    async def story(world: World) -> None:
        ada = world.person("ada@example.com", company="Acme")
        here, there = await a_deal(world, ada)
        assert roles(world, there) == set()
        assert set(world.hugo.associated("deals", here, "contacts")) == {ada}
        done = world.sally.convert_lead(world.counterpart("contacts", ada))
        await world.settle()
        assert roles(world, there) == {done.contact_id}

    tell(story, create_person_as="Lead")


def test_a_deleted_person_leaves_no_trace_in_the_other_crms_deal(tell):
    """Deleting a contact in HubSpot removes it from the deal there. Its role in Salesforce is not ours to take."""

    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        _, there = await a_deal(world, ada, bob)
        adas, bobs = (world.counterpart("contacts", each) for each in (ada, bob))
        world.hugo.archive("contacts", ada)
        await world.settle()
        assert roles(world, there) == {adas, bobs}
        world.hugo.restore("contacts", ada)
        await world.settle()
        assert adas in roles(world, there)

    tell(story)


def test_a_deal_without_company_gets_that_of_its_opportunity(tell):
    async def story(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Acme"})
        row = {"Name": "Big", "StageName": "Closed Won", "CloseDate": "2026-03-01", "AccountId": account}
        there = world.sally.create("Opportunity", row)
        await world.settle()
        (deal,), (here,) = world.hugo.ids("deals"), world.hugo.ids("companies")
        assert set(world.hugo.associated("deals", deal, "companies")) == {here}
        other = world.sally.create("Account", {"Name": "Globex"})
        world.sally.update("Opportunity", there, {"AccountId": other})
        await world.settle()
        assert (
            world.hugo.get("companies", world.hugo.get("deals", deal)["hs_primary_associated_company"] or "")["name"]
            == "Globex"
        )

    tell(story)


def test_a_contact_of_an_account_that_the_sync_user_may_not_use_is_made_without_it(tell):
    """Salesforce names no field when it refuses a reference, and would have refused the person for it."""

    async def story(world: World) -> None:
        acme = company(world, "acme")
        await world.settle()
        account = world.counterpart("companies", acme)
        ada = world.person("ada@acme.com", jobtitle="CTO")
        world.hugo.associate("contacts", ada, "companies", acme, primary=True)
        world.between_read_and_write(Side.SALESFORCE, lambda: world.sally.delete("Account", account))
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", ada))
        (there,) = world.sally.ids("Contact")
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        (issue,) = await world.issues()
        assert issue.field == "AccountId"
        # That the account is gone is found out by itself, and ends the issue; its return brings the person back to it.
        await world.settle()
        assert await world.issues() == []
        world.sally.undelete("Account", account)
        await world.settle()
        assert world.sally.get("Contact", there)["AccountId"] == account

    tell(story)


def test_a_role_given_to_an_opportunity_just_restored_arrives_with_it(tell):
    async def story(world: World) -> None:
        ada = world.person("ada@acme.com")
        deal = world.hugo.create("deals", {"dealname": "Renewal", **STAGE})
        await world.settle()
        opportunity = world.counterpart("deals", deal)
        world.sally.delete("Opportunity", opportunity)
        await world.settle()
        world.sally.undelete("Opportunity", opportunity)
        world.sally.create(
            "OpportunityContactRole", {"OpportunityId": opportunity, "ContactId": world.counterpart("contacts", ada)}
        )
        await asyncio.sleep(60)  # so that one look has to see both
        await world.settle()
        assert list(world.hugo.associated("deals", deal, "contacts")) == [ada]

    tell(story)


def test_a_deal_moved_to_a_company_just_restored_arrives_with_it(tell):
    async def story(world: World) -> None:
        acme = company(world, "acme")
        deal = world.hugo.create("deals", {"dealname": "Renewal", **STAGE})
        await world.settle()
        opportunity, account = world.counterpart("deals", deal), world.counterpart("companies", acme)
        world.sally.delete("Account", account)
        await world.settle()
        world.hugo.associate("deals", deal, "companies", acme, primary=True)
        await world.settle()
        assert world.sally.get("Opportunity", opportunity)["AccountId"] is None
        # Both are found by one pass: the deal's company still rests when the pass begins.
        world.sally.undelete("Account", account)
        world.hugo.update("deals", deal, {"description": "new"})
        await asyncio.sleep(60)
        await world.settle()
        assert world.sally.get("Opportunity", opportunity)["AccountId"] == account

    tell(story)


def test_a_deal_that_waits_for_one_person_is_not_looked_at_for_the_sake_of_another(tell):
    async def story(world: World) -> None:
        nobody = world.hugo.create("contacts", {"firstname": "Nobody"})
        _, opportunity = await a_deal(world, nobody)
        async with world.read() as tx:
            before = await dirty.claim(tx, "deals", 2**62, 10)
        assert [each.reason for each in before] == [Reason.WAITING]
        world.person("grace@example.com")
        await world.sync_later()
        async with world.read() as tx:
            assert await dirty.claim(tx, "deals", 2**62, 10) == before
        world.hugo.update("contacts", nobody, {"email": "ada@example.com", "lastname": "Lovelace"})
        await world.sync_later()
        assert roles(world, opportunity) == {world.counterpart("contacts", nobody)}

    tell(story)


async def two_roles(world: World) -> tuple[str, str]:
    ada = world.person("ada@example.com")
    here, there = await a_deal(world, ada)
    role = {"OpportunityId": there, "ContactId": world.counterpart("contacts", ada), "Role": "Decision Maker"}
    world.sally.create("OpportunityContactRole", role)
    await world.settle()
    assert len(world.sally.ids("OpportunityContactRole")) == 2
    assert list(world.hugo.associated("deals", here, "contacts")) == [ada]
    return here, ada


def test_whoever_has_two_roles_and_is_taken_off_the_deal_stays_off_it(tell):
    async def story(world: World) -> None:
        here, ada = await two_roles(world)
        world.hugo.disassociate("deals", here, "contacts", ada)
        await world.settle()
        assert world.sally.ids("OpportunityContactRole") == []
        assert list(world.hugo.associated("deals", here, "contacts")) == []

    tell(story)


def test_a_person_who_loses_one_of_two_roles_stays_on_the_deal(tell):
    async def story(world: World) -> None:
        here, ada = await two_roles(world)
        world.sally.delete("OpportunityContactRole", world.sally.ids("OpportunityContactRole")[0])
        await world.settle()
        assert len(world.sally.ids("OpportunityContactRole")) == 1
        assert list(world.hugo.associated("deals", here, "contacts")) == [ada]

    tell(story)


@pytest.mark.parametrize("edited", [False, True], ids=["alone", "while the opportunity is edited"])
def test_a_role_whose_slow_insert_lands_late_is_not_given_twice(tell, edited):
    async def story(world: World) -> None:
        ada = world.person("ada@example.com")
        here, there = await a_deal(world)
        world.transport = Slow(world.transport, "salesforce.local", '"OpportunityContactRole"', late_s=540.0)
        world.hugo.associate("deals", here, "contacts", ada)
        for minute in range(12):
            await world.sync_later(60.0)
            if edited and minute in (3, 5):
                world.sally.update("Opportunity", there, {"Name": f"Bigger {minute}"})
        await world.settle()
        assert len(world.sally.ids("OpportunityContactRole")) == 1

    tell(story)


@pytest.mark.parametrize("reason", [Reason.CHANGED, Reason.RETRY, Reason.RESYNC])
def test_a_role_whose_insert_may_still_land_is_not_given_twice_though_its_other_half_was_due_soon(tell, reason):
    async def story(world: World) -> None:
        ada = world.person("ada@example.com")
        here, there = await a_deal(world)
        world.transport = Slow(world.transport, "salesforce.local", '"OpportunityContactRole"', late_s=200.0)
        world.hugo.associate("deals", here, "contacts", ada)
        await asyncio.sleep(60.0)
        opportunity = RecordKey(Side.SALESFORCE, "Opportunity", there)
        async with world.write() as tx:
            await dirty.mark(tx, "deals", [opportunity], reason, world.clock_us() + 20_000_000)
        await world.sync()
        async with world.read() as tx:
            due = (await dirty.by_keys(tx, [opportunity]))[opportunity]
        assert (due.reason, due.behind) == (Reason.PARKED, reason)
        for _ in range(12):
            await world.sync_later(60.0)
        await world.settle()
        assert len(world.sally.ids("OpportunityContactRole")) == 1

    tell(story)


def test_a_contact_that_its_company_has_no_room_for_is_made_without_it_and_an_issue_says_so(tell):
    async def story(world: World) -> None:
        ada, _, acme, account = await ada_at_acme(world)
        bobs = world.sally.create(
            "Contact", {"LastName": "Person", "Email": "bob@acme.com", "Title": "CFO", "AccountId": account}
        )
        await world.settle()
        (bob,) = [id_ for id_ in world.hugo.ids("contacts") if id_ != ada]
        assert (world.contact(bob)["jobtitle"], works_at(world, bob)) == ("CFO", None)
        (issue,) = await world.issues()
        assert (issue.category, issue.code, issue.hubspot_id) == ("associations", "association_refused", bob)
        assert acme in issue.cause
        # Nobody is taken from the account for it.
        assert world.sally.get("Contact", bobs)["AccountId"] == account
        # When there is room it is tried again by itself, and the issue is over.
        world.hugo.disassociate("contacts", ada, "companies", acme)
        await asyncio.sleep(1_300)
        await world.poll()
        await world.settle()
        assert works_at(world, bob) == acme
        assert await world.issues() == []

    tell(story, hubspot={"association_maxima": {"companies/contacts": 1}})


def test_who_has_no_room_on_a_deal_is_named_and_the_others_are_on_it(tell):
    async def story(world: World) -> None:
        people = [world.person(f"{name}@example.com") for name in ("ada", "bob", "eve")]
        here, there = await a_deal(world, people[0])
        theirs = [world.counterpart("contacts", each) for each in people]
        for each in theirs[1:]:
            world.sally.create("OpportunityContactRole", {"OpportunityId": there, "ContactId": each})
        await world.settle()
        (issue,) = await world.issues()
        assert (issue.category, issue.code, issue.hubspot_id) == ("associations", "association_refused", here)
        on_it = set(world.hugo.associated("deals", here, "contacts"))
        assert len(on_it) == 2
        (left_out,) = set(people) - on_it
        assert left_out in issue.cause
        assert roles(world, there) == set(theirs)
        # Taking somebody else off is an edit like any other, though not all of them are agreed on; then there is room.
        world.hugo.disassociate("deals", here, "contacts", people[0])
        await world.settle()
        assert set(world.hugo.associated("deals", here, "contacts")) == set(people[1:])
        assert roles(world, there) == set(theirs[1:])
        assert await world.issues() == []

    tell(story, hubspot={"association_maxima": {"deals/contacts": 2}})


def test_who_has_no_room_on_a_deal_and_is_taken_off_it_in_salesforce_is_no_issue_any_more(tell):
    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        here, there = await a_deal(world, ada)
        role = {"OpportunityId": there, "ContactId": world.counterpart("contacts", bob)}
        of_bob = world.sally.create("OpportunityContactRole", role)
        await world.settle()
        assert len(await world.issues()) == 1
        world.sally.delete("OpportunityContactRole", of_bob)
        await world.settle()
        assert await world.issues() == []
        assert list(world.hugo.associated("deals", here, "contacts")) == [ada]
        assert roles(world, there) == {world.counterpart("contacts", ada)}

    tell(story, hubspot={"association_maxima": {"deals/contacts": 1}})


def test_an_org_that_refuses_a_role_keeps_the_person_on_the_deal_and_an_issue_says_so(tell):
    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        await world.settle()
        barred = [world.counterpart("contacts", bob)]
        world.salesforce.add_validation_rule(
            "OpportunityContactRole", lambda row: row.get("ContactId") in barred, "Not him"
        )
        here, there = await a_deal(world, ada, bob)
        (issue,) = await world.issues()
        assert (issue.code, "Not him" in issue.cause) == ("association_refused", True)
        assert roles(world, there) == {world.counterpart("contacts", ada)}
        assert set(world.hugo.associated("deals", here, "contacts")) == {ada, bob}
        barred.clear()
        await asyncio.sleep(1_300)
        await world.poll()
        await world.settle()
        assert await world.issues() == []
        assert len(roles(world, there)) == 2

    tell(story)


@pytest.mark.parametrize("side", list(Side))
def test_a_deal_that_loses_its_company_on_one_side_loses_it_on_the_other(tell, side):
    async def story(world: World) -> None:
        acme = company(world, "acme")
        deal = world.hugo.create("deals", {"dealname": "Big", **STAGE})
        world.hugo.associate("deals", deal, "companies", acme, primary=True)
        await world.settle()
        there = world.counterpart("deals", deal)
        assert world.sally.get("Opportunity", there)["AccountId"] == world.counterpart("companies", acme)
        if side is Side.HUBSPOT:
            world.hugo.disassociate("deals", deal, "companies", acme)
        else:
            world.sally.update("Opportunity", there, {"AccountId": None})
        await world.settle()
        assert list(world.hugo.associated("deals", deal, "companies")) == []
        assert world.sally.get("Opportunity", there)["AccountId"] is None

    tell(story)


def test_a_deal_that_comes_before_its_company_is_joined_to_it_when_that_comes(tell):
    async def story(world: World) -> None:
        nameless = company(world, "stealth")
        deal = world.hugo.create("deals", {"dealname": "Big", **STAGE})
        world.hugo.associate("deals", deal, "companies", nameless, primary=True)
        await world.settle()
        there = world.counterpart("deals", deal)
        assert world.sally.get("Opportunity", there)["AccountId"] is None
        world.hugo.update("companies", nameless, {"name": "Acme"})
        await world.settle()
        account = world.counterpart("companies", nameless)
        assert world.sally.get("Opportunity", there)["AccountId"] == account != ""

    def before(world: World) -> None:
        world.salesforce.add_validation_rule("Account", lambda row: row.get("Name") == "stealth", "Too secret")

    tell(story, before=before)


def test_a_change_of_account_moves_the_first_company_and_leaves_the_others_of_a_person(tell):
    async def story(world: World) -> None:
        ada, there, acme, _ = await ada_at_acme(world)
        second, third = company(world, "globex"), company(world, "initech")
        world.hugo.associate("contacts", ada, "companies", second)
        await world.settle()
        world.sally.update("Contact", there, {"AccountId": world.counterpart("companies", third)})
        await world.settle()
        assert works_at(world, ada) == third
        assert set(world.hugo.associated("contacts", ada, "companies")) == {acme, second, third}
        # Cleared, she has no first company, and those that are no concern of Salesforce's stay hers.
        world.sally.update("Contact", there, {"AccountId": None})
        await world.settle()
        assert works_at(world, ada) != third
        assert {acme, second} <= set(world.hugo.associated("contacts", ada, "companies"))

    tell(story)
