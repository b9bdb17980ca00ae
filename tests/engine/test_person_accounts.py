"""Person accounts: one person as an account and a contact in Salesforce, and one contact in HubSpot, without any company."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.core.model import Side
from tests.world import World


def before(world: World) -> None:
    world.salesforce.enable_person_accounts()


def person(world: World, **fields: Any) -> str:
    """Its contact."""
    account = world.sally.create("Account", {"LastName": "Lovelace", "PersonEmail": "ada@example.com"} | fields)
    return str(world.sally.get("Account", account)["PersonContactId"])


def test_a_person_account_becomes_one_contact_and_no_company(tell):
    async def story(world: World) -> None:
        there = person(world, FirstName="Ada", Phone="+48 22 111 22 33")
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert world.counterpart("contacts", here) == there
        assert (world.contact(here)["firstname"], world.contact(here)["lastname"]) == ("Ada", "Lovelace")
        assert world.hugo.ids("companies") == []
        assert await world.issues() == []

    tell(story, before)


def test_edits_of_a_person_go_both_ways_whichever_half_is_edited(tell):
    async def story(world: World) -> None:
        there = person(world)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        await world.rule("contacts", "jobtitle", "two_way")
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        account = world.sally.get("Contact", there)["AccountId"]
        assert world.sally.get("Account", account)["PersonTitle"] == "CTO"
        world.sally.update("Account", account, {"PersonTitle": "CEO"})
        await world.settle()
        assert world.contact(here)["jobtitle"] == "CEO"
        assert await world.issues() == []

    tell(story, before)


def test_a_company_of_the_persons_name_is_not_the_person(tell):
    async def story(world: World) -> None:
        person(world, FirstName="Ada", Website="lovelace.com")
        await world.settle()
        company = world.hugo.create("companies", {"name": "Ada Lovelace", "domain": "lovelace.com"})
        await world.settle()
        account = world.counterpart("companies", company)
        assert account
        assert not world.sally.get("Account", account)["IsPersonAccount"]
        assert len(world.sally.ids("Account")) == 2
        assert world.counts()["contacts"] == 1
        assert await world.issues() == []

    tell(story, before)


def test_a_company_of_a_person_in_hubspot_stays_there(tell):
    """A person account has no other account: that it were moved to one Salesforce refuses."""

    async def story(world: World) -> None:
        there = person(world)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        world.hugo.associate("contacts", here, "companies", company, primary=True)
        world.hugo.update("contacts", here, {"phone": "+48 22 111 22 33"})
        await world.settle()
        contact = world.sally.get("Contact", there)
        assert world.sally.get("Account", contact["AccountId"])["IsPersonAccount"]
        assert contact["Phone"] == "+48 22 111 22 33"
        assert world.contact(here)["associatedcompanyid"] == company
        assert await world.issues() == []

    tell(story, before)


def test_a_person_is_not_looked_at_again_and_again_for_an_account_that_is_never_a_company(tell):
    async def story(world: World) -> None:
        person(world)
        await world.settle()
        calls = world.calls(Side.SALESFORCE, "retrieve") + world.calls(Side.HUBSPOT, "batch/read")
        for _ in range(4):
            await world.sync_later(7 * 3_600)
        assert world.calls(Side.SALESFORCE, "retrieve") + world.calls(Side.HUBSPOT, "batch/read") == calls

    tell(story, before)


@pytest.mark.parametrize("accounts_for", ["all", "contacts"])
def test_a_lead_without_a_company_that_is_converted_becomes_a_person_and_keeps_its_contact(tell, accounts_for):
    async def story(world: World) -> None:
        lead = world.sally.create("Lead", {"LastName": "Lovelace", "Email": "ada@example.com"})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        done = world.sally.convert_lead(lead)
        await world.settle()
        assert world.sally.get("Account", done.account_id)["IsPersonAccount"]
        assert world.counterpart("contacts", here) == done.contact_id
        assert world.hugo.ids("contacts") == [here]
        assert world.hugo.ids("companies") == []
        assert await world.issues() == []

    tell(story, before, settings={"choices": {"accounts_for": {"companies": accounts_for}}})


def account_of(world: World, contact: str) -> str:
    return str(world.sally.get("Contact", contact)["AccountId"])


def test_a_person_who_is_deleted_and_restored_in_salesforce_keeps_their_contact(tell):
    async def story(world: World) -> None:
        there = person(world)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        account = account_of(world, there)
        world.sally.delete("Account", account)
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        world.sally.undelete("Account", account)
        world.sally.update("Account", account, {"PersonTitle": "CTO"})
        await world.settle()
        assert (world.counterpart("contacts", here), world.contact(here)["jobtitle"]) == (there, "CTO")
        assert world.counts()["contacts"] == 1
        assert await world.issues() == []

    tell(story, before)


def test_a_person_who_is_deleted_in_hubspot_stays_in_salesforce_with_an_issue(tell):
    """Salesforce deletes the contact of a person with their account only, where orders and cases may hang."""

    async def story(world: World) -> None:
        there = person(world)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        world.hugo.archive("contacts", here)
        await world.settle()
        assert world.sally.ids("Contact") == [there]
        (issue,) = await world.issues()
        assert (issue.code, issue.raw_message) == ("delete_not_carried_over", None)
        assert issue.cause.endswith("Salesforce deletes the contact of a person account only with the account.")
        assert issue.fix.startswith("Look at it in Salesforce, and delete it there if it should go.")
        world.hugo.restore("contacts", here)
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert await world.issues() == []

    tell(story, before, settings={"choices": {"deletes": {"contacts": "both", "companies": "both"}}})


@pytest.mark.parametrize("merges", ["propose", "automatic"])
def test_persons_who_are_merged_in_salesforce_leave_one_pair(tell, merges):
    async def story(world: World) -> None:
        kept, lost = person(world), person(world, PersonEmail="bob@example.com", LastName="Byron")
        await world.settle()
        assert world.counts()["contacts"] == 2
        world.sally.merge("Account", account_of(world, kept), account_of(world, lost))
        await world.settle()
        assert world.sally.ids("Contact") == [kept]
        linked = [each for each in world.hugo.ids("contacts") if world.counterpart("contacts", each) == kept]
        assert len(linked) == 1
        left = {"propose": (2, ["counterpart_merged"]), "automatic": (1, [])}
        assert (world.counts()["contacts"], [issue.code for issue in await world.issues()]) == left[merges]

    tell(story, before, settings={"choices": {"merges": {"contacts": merges}}})
