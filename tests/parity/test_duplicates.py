"""Parity, duplicates: which of several records with one address syncs."""

from __future__ import annotations

import asyncio

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
