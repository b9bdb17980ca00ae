"""Who owns a record in Salesforce, as HubSpot shows it where it does not know them: an id and a name, in properties."""

from __future__ import annotations

from typing import Any

from interlock.app.what_syncs import Choice, choose
from tests.world import World

STANDS = Choice(choices={"owner_unmatched": "salesforce"})


async def stands(world: World) -> None:
    assert world.store is not None
    assert world.connection is not None
    await choose(world.store, world.connection, "contacts", STANDS, world.clients()[0])


def test_a_user_and_a_queue_whom_hubspot_does_not_know_are_named_in_hubspot(tell):
    ids: dict[str, Any] = {}

    def before(world: World) -> None:
        ids["alone"] = world.salesforce.add_user("Alone There", "alone@example.com").id
        ids["queue"] = world.salesforce.add_queue("Waiting", "Lead")

    async def story(world: World) -> None:
        await stands(world)
        row = {"LastName": "Person", "Company": "Acme", "Email": "ada@example.com", "OwnerId": ids["queue"]}
        there = world.sally.create("Lead", row)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        contact = world.contact(here)
        assert (contact["salesforceownerid"], contact["salesforceownername"]) == (ids["queue"], "Waiting")
        world.sally.update("Lead", there, {"OwnerId": ids["alone"]})
        await world.settle()
        contact = world.contact(here)
        assert (contact["salesforceownerid"], contact["salesforceownername"]) == (ids["alone"], "Alone There")
        assert not contact.get("hubspot_owner_id")
        # What somebody types there is taken back, and nothing of it goes to Salesforce.
        world.hugo.update("contacts", here, {"salesforceownername": "Somebody"})
        await world.settle()
        assert world.contact(here)["salesforceownername"] == "Alone There"
        assert world.sally.get("Lead", there)["OwnerId"] == ids["alone"]
        assert await world.issues() == []

    tell(story, before)


def test_a_user_who_is_new_is_shown_by_their_id_until_their_name_is_known(tell):
    async def story(world: World) -> None:
        await stands(world)
        there = world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com"})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        new = world.salesforce.add_user("New There", "new@example.com").id
        world.sally.update("Contact", there, {"OwnerId": new})
        await world.sync_later()
        assert world.contact(here)["salesforceownername"] == new
        await world.sync_later(6 * 3_600)
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.sync_later()
        assert world.contact(here)["salesforceownername"] == "New There"

    tell(story)


def test_until_that_is_chosen_no_property_is_made_and_none_is_written(tell):
    async def story(world: World) -> None:
        world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com"})
        await world.settle()
        names = world.hubspot.portal.table("contacts").schema.properties
        assert not {"salesforceownerid", "salesforceownername"} & set(names)

    tell(story)
