"""Who is found by an address that HubSpot keeps beside a contact's own, and who comes before them."""

from __future__ import annotations

import pytest

from interlock.core.match import QUESTIONS
from tests.world import World

OWN, OTHER = "ada@example.com", "countess@example.com"


def with_two_addresses(world: World) -> None:
    """A contact that was merged from two, and a contact in Salesforce that has the address of the second."""
    world.hugo.merge("contacts", world.person(OWN), world.person(OTHER))
    world.sally.create("Contact", {"LastName": "Lovelace", "Email": OTHER})


def test_a_contact_in_hubspot_finds_by_its_other_address_who_was_there_before_the_install(tell):
    async def story(world: World) -> None:
        (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert world.sally.ids("Contact") == [there]

    tell(story, with_two_addresses, later_s=3_600)


@pytest.mark.parametrize("edited", ["hubspot", "own", "other"])
def test_whoever_has_the_contacts_own_address_comes_before_whoever_has_another_of_it(tell, edited):
    """Whichever of the three is looked at first; who comes second is a question, and is given nobody else."""
    ids: dict[str, str] = {}

    def before(world: World) -> None:
        with_two_addresses(world)
        (ids["other"],) = world.sally.ids("Contact")
        ids["own"] = world.sally.create("Contact", {"LastName": "Lovelace", "Email": OWN})

    async def story(world: World) -> None:
        (here,) = world.hugo.ids("contacts")
        for each in dict.fromkeys((edited, "other", "own", "hubspot")):
            if each == "hubspot":
                world.hugo.update("contacts", here, {"jobtitle": "CTO"})
            else:
                world.sally.update("Contact", ids[each], {"Title": "CTO"})
            await world.settle()
            assert world.counterpart("contacts", here) in ("", ids["own"])
        assert world.counterpart("contacts", here) == ids["own"]
        assert world.hugo.ids("contacts") == [here]
        assert len(world.sally.ids("Contact")) == 2
        (asked,) = await world.issues()
        assert asked.code in QUESTIONS
        assert asked.salesforce_id == ids["other"]

    tell(story, before, later_s=3_600)


def test_two_who_each_have_another_of_a_contacts_addresses_are_a_question(tell):
    def before(world: World) -> None:
        with_two_addresses(world)
        (here,) = world.hugo.ids("contacts")
        world.hugo.add_email(here, "ada@example.org")
        world.sally.create("Contact", {"LastName": "Byron", "Email": "ada@example.org"})

    async def story(world: World) -> None:
        (here,) = world.hugo.ids("contacts")
        for there in world.sally.ids("Contact"):
            world.sally.update("Contact", there, {"Title": "CTO"})
            await world.settle()
            assert world.counterpart("contacts", here) == ""
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == ""
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}
        assert (len(world.hugo.ids("contacts")), len(world.sally.ids("Contact"))) == (1, 2)

    tell(story, before, later_s=3_600)


def test_a_contact_comes_before_a_lead_that_has_another_of_the_contacts_addresses(tell):
    def before(world: World) -> None:
        with_two_addresses(world)
        (here,) = world.hugo.ids("contacts")
        world.hugo.add_email(here, "ada@example.org")
        world.sally.create("Lead", {"LastName": "Byron", "Company": "Acme", "Email": "ada@example.org"})

    async def story(world: World) -> None:
        (here,), (contact,), (lead,) = (
            world.hugo.ids("contacts"),
            world.sally.ids("Contact"),
            world.sally.ids("Lead"),
        )
        world.sally.update("Lead", lead, {"Title": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == ""
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == contact

    tell(story, before, later_s=3_600)


def test_a_contact_takes_no_contact_of_hubspots_whose_own_address_a_lead_has(tell):
    """Whichever is looked at first: one Contact and any leads mean the Contact only where they have one address."""

    def before(world: World) -> None:
        with_two_addresses(world)
        world.sally.create("Lead", {"LastName": "Byron", "Company": "Acme", "Email": OWN})

    async def story(world: World) -> None:
        (here,), (contact,), (lead,) = (
            world.hugo.ids("contacts"),
            world.sally.ids("Contact"),
            world.sally.ids("Lead"),
        )
        world.sally.update("Contact", contact, {"Title": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == ""
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == lead
        assert world.hugo.ids("contacts") == [here]

    tell(story, before, later_s=3_600)
