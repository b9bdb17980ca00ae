"""Rules say whether a new person of HubSpot becomes a lead or a contact in Salesforce; without them one choice says so for all."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.app.explain import explain
from interlock.app.preview import plan
from interlock.core.model import Side
from tests.engine.test_late_landings import Slow
from tests.world import World

ADA, BOB = "ada@acme.com", "bob@gmail.com"
BY_ACCOUNT: dict[str, Any] = {
    "create_person_as": "Lead",
    "create_in_salesforce": {"companies": False},
    "person_rules": [{"when": "account_exists", "create_as": "Contact"}],
}
BY_STAGE: dict[str, Any] = {
    "person_rules": [
        {"when": "property_is", "property": "lifecyclestage", "values": ["subscriber"], "create_as": ""},
        {"when": "property_is", "property": "lifecyclestage", "values": ["customer"], "create_as": "Contact"},
        {"when": "property_is_known", "property": "jobtitle", "create_as": "Lead"},
    ],
}


async def why(world: World, hubspot_id: str) -> list[str]:
    assert world.store is not None
    assert world.connection is not None
    key = f"hubspot:contacts:{hubspot_id}"
    return list((await explain(world.store, world.connection, key, world.clients(), world.clock_us))["why_not"])


def test_a_person_whose_domain_an_account_has_becomes_a_contact_and_anybody_else_a_lead(tell):
    async def story(world: World) -> None:
        world.sally.create("Account", {"Name": "Acme", "Website": "https://WWW.acme.com/about"})
        world.sally.create("Account", {"Name": "Other", "Website": "media-acme.com"})
        ada, bob = world.person(ADA), world.person(BOB)
        like_it = world.person("cy@cme.com")
        await world.settle()
        assert world.counterpart("contacts", ada).startswith("003")
        assert world.counterpart("contacts", bob).startswith("00Q")
        assert world.counterpart("contacts", like_it).startswith("00Q")

    tell(story, settings=BY_ACCOUNT)


def test_an_account_with_a_free_mail_domain_makes_no_contact_of_everybody(tell):
    async def story(world: World) -> None:
        world.sally.create("Account", {"Name": "Somebody", "Website": "gmail.com"})
        bob = world.person(BOB)
        await world.settle()
        assert world.counterpart("contacts", bob).startswith("00Q")

    tell(story, settings=BY_ACCOUNT)


def test_a_person_whose_company_has_an_account_becomes_a_contact_of_it(tell):
    async def story(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Acme"})
        await world.settle()
        (company,) = world.hugo.ids("companies")
        bob = world.hugo.create("contacts", {"email": BOB, "lastname": "B", "associatedcompanyid": company})
        await world.settle()
        there = world.counterpart("contacts", bob)
        assert world.sally.get("Contact", there)["AccountId"] == account

    tell(story, settings=BY_ACCOUNT)


def test_the_first_rule_that_applies_decides_and_else_the_choice_for_all(tell):
    async def story(world: World) -> None:
        made = {
            stage: world.person(f"{stage}@acme.com", lifecyclestage=stage, **more)
            for stage, more in (("subscriber", {"jobtitle": "CTO"}), ("customer", {"jobtitle": "CTO"}), ("lead", {}))
        }
        titled = world.person("titled@acme.com", jobtitle="CEO", lifecyclestage="lead")
        await world.settle()
        assert world.counterpart("contacts", made["subscriber"]) == ""
        assert await why(world, made["subscriber"]) == ["creation_off_in_salesforce"]
        assert world.counterpart("contacts", made["customer"]).startswith("003")
        assert world.counterpart("contacts", made["lead"]).startswith("003")
        assert world.counterpart("contacts", titled).startswith("00Q")
        assert await world.issues() == []
        # One of whom nothing was made is looked at anew when it changes.
        world.hugo.update("contacts", made["subscriber"], {"lifecyclestage": "customer"})
        await world.settle()
        assert world.counterpart("contacts", made["subscriber"]).startswith("003")

    tell(story, settings=BY_STAGE)


def test_who_is_there_already_is_linked_whatever_the_rules_say_and_never_turned_into_the_other(tell):
    async def story(world: World) -> None:
        lead = world.sally.create("Lead", {"LastName": "L", "Company": "Acme", "Email": ADA})
        world.sally.create("Account", {"Name": "Acme", "Website": "acme.com"})
        ada = world.person(ADA, lifecyclestage="customer")
        await world.settle()
        assert world.counterpart("contacts", ada) == lead
        assert world.counts()["Contact"] == 0

    tell(story, settings=BY_ACCOUNT)


@pytest.mark.parametrize("off", [{"create_in_salesforce": {"contacts": False}}, {"create_person_as": ""}])
def test_nothing_is_created_where_that_is_off_whatever_the_rules_say(tell, off):
    async def story(world: World) -> None:
        ada = world.person(ADA, lifecyclestage="customer")
        await world.settle()
        assert world.counts()["Contact"] == world.counts()["Lead"] == 0
        assert await why(world, ada) == ["creation_off_in_salesforce"]

    tell(story, settings=BY_STAGE | off)


def test_who_was_there_at_the_set_up_and_is_only_to_be_linked_is_asked_nothing(tell):
    async def story(world: World) -> None:
        await world.settle()
        assert world.counts()["Contact"] == world.counts()["Lead"] == 0
        assert await world.issues() == []

    rules = [{"when": "property_is", "property": "no_such", "values": ["gold"], "create_as": "Contact"}]
    tell(story, lambda world: world.person(ADA), later_s=3_600, existing="link", settings={"person_rules": rules})


def test_one_whose_property_is_gone_waits_with_an_issue_and_is_made_when_it_is_back(tell):
    rules = [{"when": "property_is", "property": "tier", "values": ["gold"], "create_as": "Contact"}]

    async def story(world: World) -> None:
        world.hugo.archive_property("contacts", "tier")
        ada = world.person(ADA)
        await world.settle()
        assert world.counts()["Contact"] == world.counts()["Lead"] == 0
        (issue,) = await world.issues()
        assert (issue.code, issue.property, issue.hubspot_id) == ("person_rule_undecided", "tier", ada)
        assert await why(world, ada) == ["person_rule_undecided", "has_issues"]
        world.hugo.restore_property("contacts", "tier")
        world.hugo.update("contacts", ada, {"tier": "gold"})
        await world.settle()
        assert world.counterpart("contacts", ada).startswith("003")
        assert await world.issues() == []

    def before(world: World) -> None:
        world.property("contacts", "tier", "string", "text")

    tell(story, before, settings={"create_person_as": "Lead", "person_rules": rules})


def test_one_whose_account_nobody_may_read_waits_with_an_issue(tell):
    async def story(world: World) -> None:
        world.sally.create("Account", {"Name": "Acme", "Website": "acme.com"})
        world.salesforce.set_field_permission("integration@example.com", "Account", "Website", read=False, edit=False)
        world.person(ADA)
        await world.settle()
        assert world.counts()["Contact"] == world.counts()["Lead"] == 0
        assert {issue.code for issue in await world.issues()} == {"person_rule_undecided"}

    tell(story, settings=BY_ACCOUNT, objects=("contacts",))


def test_explain_says_what_the_sync_then_makes_of_a_person(tell):
    async def story(world: World) -> None:
        await world.settle()
        world.sally.create("Account", {"Name": "Acme", "Website": "acme.com"})
        ada, bob = world.person(ADA), world.person(BOB)
        assert world.store is not None
        assert world.connection is not None
        for person, becomes in ((ada, "Contact"), (bob, "Lead")):
            key = f"hubspot:contacts:{person}"
            told = await explain(world.store, world.connection, key, world.clients(), world.clock_us)
            # A lead has a company as text, a contact has none.
            assert ("Company" in {each["field"] for each in told["fields"]}) == (becomes == "Lead")
        found = await plan(world.store, world.connection, *world.clients(), world.clock_us)
        assert found.objects["contacts"].counts.created_in_salesforce == 2
        await world.settle()
        assert world.counts()["Contact"] == world.counts()["Lead"] == 1

    tell(story, settings=BY_ACCOUNT)


@pytest.mark.parametrize("late_s", [1.0, 540.0])
def test_a_person_whose_slow_create_lands_is_not_made_again_though_the_rules_say_otherwise_by_then(tell, late_s):
    async def story(world: World) -> None:
        slow = Slow(world.transport, f"{Side.SALESFORCE.value}.local", "acme.com", late_s)
        world.transport = slow
        ada = world.person(ADA, jobtitle="CTO", lifecyclestage="lead")
        await world.sync()
        assert slow.landing is not None
        world.hugo.update("contacts", ada, {"lifecyclestage": "customer"})
        for _ in range(12):
            await world.sync_later(120.0)
        await slow.landing
        await world.settle()
        assert (world.counts()["Lead"], world.counts()["Contact"]) == (1, 0)
        assert world.counterpart("contacts", ada).startswith("00Q")

    tell(story, settings=BY_STAGE)


@pytest.mark.parametrize("people", [1, 600])
def test_the_rules_cost_a_few_calls_however_many_people_there_are(tell, people):
    async def story(world: World) -> None:
        for n in range(people):
            world.person(f"p@company-number-{n}.com")
        before = world.calls(Side.SALESFORCE)
        await world.sync_later()
        with_rules = world.calls(Side.SALESFORCE) - before
        assert world.counts()["Lead"] == people
        assert with_rules < 20

    tell(story, settings=BY_ACCOUNT)
