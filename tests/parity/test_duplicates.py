"""Parity, duplicates: which of several records with one address syncs."""

from __future__ import annotations

import asyncio

from tests.engine.test_additional_addresses import OTHER, with_two_addresses
from tests.engine.test_carried_merges import confirm, merged_there, people
from tests.inclusion_world import ADA
from tests.world import World


def test_20_the_one_of_two_contacts_that_was_edited_last_is_the_one_that_syncs(tell):
    """Where that is chosen, of two contacts with one address the one that was edited last in Salesforce syncs, and the link moves
    to it."""

    async def story(world: World) -> None:
        first = world.sally.create("Contact", {"LastName": "First", "Email": ADA, "Title": "CTO"})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        second = world.sally.create("Contact", {"LastName": "Second", "Email": ADA, "Title": "CEO"})
        await world.settle()
        assert world.counterpart("contacts", here) == second
        assert world.contact(here)["jobtitle"] == "CEO"
        await asyncio.sleep(600)
        world.sally.update("Contact", first, {"Title": "CFO"})
        await world.settle()
        assert world.counterpart("contacts", here) == first
        assert world.contact(here)["jobtitle"] == "CFO"
        assert world.hugo.ids("contacts") == [here]
        assert await world.issues() == []

    tell(story, settings={"choices": {"duplicates": {"contacts": "latest_modified"}}})


def test_otherwise_a_contact_is_found_by_each_of_its_addresses(tell):
    """Two records are one person only where their one e-mail address is the same.

    The addresses that HubSpot keeps beside a contact's own find its counterpart too, after whoever has its own: they came to it
    because somebody said that they are one person, and a second record of that person would be a duplicate.
    """

    async def story(world: World) -> None:
        (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
        assert world.contact(here)["email"] != OTHER == world.sally.get("Contact", there)["Email"]
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert world.sally.ids("Contact") == [there]

    tell(story, with_two_addresses, later_s=3_600)


def test_otherwise_a_merge_in_salesforce_is_proposed_in_hubspot(tell):
    """A merge in Salesforce merges nothing in HubSpot: two contacts stay, of which one syncs no more.

    It is proposed to merge them there as well, and a person confirms it, or has chosen that it is done by itself; without that
    nothing is merged, since a merge cannot be taken back.
    """

    async def story(world: World) -> None:
        await merged_there(world)
        assert people(world) == (2, 1)
        await confirm(world)
        await world.settle()
        assert people(world) == (1, 1)
        assert await world.issues() == []

    tell(story)
