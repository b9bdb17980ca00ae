"""Parity, owners: who owns a record on either side."""

from __future__ import annotations

from typing import Any

from tests.inclusion_world import ADA
from tests.world import World

GIVES_WAY = {"choices": {"owner_unmatched": {"contacts": "salesforce", "deals": "salesforce"}}}


def test_09_an_owner_who_is_nobody_in_salesforce_gives_way_to_salesforces(tell):
    """Where that is chosen, a HubSpot owner who has no counterpart in Salesforce is replaced by the owner that the record has in
    Salesforce; nor can an owner be taken away."""
    ids: dict[str, Any] = {}

    def before(world: World) -> None:
        ids["olga"] = world.hubspot.settings().add_user("Olga", "Owner", "olga@example.com")
        ids["olga there"] = world.salesforce.add_user("Olga", "olga@example.com").id
        ids["stranger"] = world.hubspot.settings().add_user("No", "Counterpart", "nobody@example.com")

    async def story(world: World) -> None:
        here = world.person(ADA, hubspot_owner_id=ids["olga"])
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"hubspot_owner_id": ids["stranger"]})
        await world.settle()
        assert world.contact(here)["hubspot_owner_id"] == ids["olga"]
        assert world.sally.get("Contact", there)["OwnerId"] == ids["olga there"]
        # Nor can an owner be taken away: Salesforce has none to take.
        world.hugo.update("contacts", here, {"hubspot_owner_id": ""})
        await world.settle()
        assert world.contact(here)["hubspot_owner_id"] == ids["olga"]
        assert await world.issues() == []

    tell(story, before, settings=GIVES_WAY)


def test_10_a_new_record_of_an_owner_who_is_nobody_in_salesforce_takes_the_one_that_it_gets_there(tell):
    """Where that is chosen, a new record whose HubSpot owner is nobody in Salesforce is given an owner by Salesforce, who then
    stands in HubSpot too."""
    ids: dict[str, Any] = {}

    def before(world: World) -> None:
        ids["stranger"] = world.hubspot.settings().add_user("No", "Counterpart", "nobody@example.com")
        ids["keeper"] = world.hubspot.settings().add_user("Keeper", "Owner", "keeper@example.com")
        world.salesforce.add_user("Keeper", "keeper@example.com")
        world.salesforce.add_assignment_rule("Lead", "Keeper")

    async def story(world: World) -> None:
        here = world.person(ADA, company="Acme", hubspot_owner_id=ids["stranger"])
        await world.settle()
        assert world.contact(here)["hubspot_owner_id"] == ids["keeper"]

    tell(story, before, create_person_as="Lead", settings=GIVES_WAY)
