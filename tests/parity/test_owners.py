"""Parity, owners: who owns a record on either side."""

from __future__ import annotations

from typing import Any

from interlock.app.what_syncs import Choice, choose
from tests.inclusion_world import ADA
from tests.parity.test_companies_and_deals import STAGE
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


def test_10_a_new_record_whose_owner_is_known_in_salesforce_is_theirs_from_the_beginning(tell):
    """A new record whose HubSpot owner is somebody in Salesforce belongs to them there, whatever the org's assignment rules say."""
    ids: dict[str, Any] = {}

    def before(world: World) -> None:
        ids["olga"] = world.hubspot.settings().add_user("Olga", "Owner", "olga@example.com")
        ids["olga there"] = world.salesforce.add_user("Olga", "olga@example.com").id
        world.salesforce.add_user("Keeper", "keeper@example.com")
        world.salesforce.add_assignment_rule("Lead", "Keeper")

    async def story(world: World) -> None:
        owned = {"hubspot_owner_id": ids["olga"]}
        made = [
            ("Lead", "contacts", world.person(ADA, company="Acme", **owned)),
            ("Account", "companies", world.hugo.create("companies", {"name": "Acme", "domain": "acme.com", **owned})),
            ("Opportunity", "deals", world.hugo.create("deals", {"dealname": "Big", **STAGE, **owned})),
        ]
        await world.settle()
        for type_, slug, here in made:
            assert world.sally.get(type_, world.counterpart(slug, here))["OwnerId"] == ids["olga there"]

    tell(story, before, create_person_as="Lead")


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


def test_otherwise_an_owner_who_is_nobody_in_salesforce_stays_in_hubspot_until_that_is_chosen(tell):
    """A HubSpot owner without a counterpart in Salesforce is replaced by Salesforce's last owner.

    Each side keeps its own owner until somebody chooses that Salesforce's stands on both: until then nobody's name is taken off
    a record because their two addresses differ. They can be paired by hand.
    """

    async def story(world: World) -> None:
        stranger = world.hubspot.settings().add_user("No", "Counterpart", "nobody@example.com")
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        owns = world.sally.get("Contact", there)["OwnerId"]
        world.hugo.update("contacts", here, {"hubspot_owner_id": stranger})
        await world.settle()
        assert world.contact(here)["hubspot_owner_id"] == stranger
        assert world.sally.get("Contact", there)["OwnerId"] == owns

    tell(story)


def test_otherwise_a_salesforce_owner_whom_hubspot_does_not_know_is_shown_there_as_text(tell):
    """Any Salesforce owner may become an owner in HubSpot, also one who has no HubSpot user.

    HubSpot's API makes no owners. Where Salesforce's owner stands on both sides, such an owner is named in two properties of the
    record, and the HubSpot owner stays as it is.
    """

    async def story(world: World) -> None:
        assert world.store is not None
        assert world.connection is not None
        stands = Choice(choices={"owner_unmatched": "salesforce"})
        await choose(world.store, world.connection, "contacts", stands, world.clients()[0])
        alone = world.salesforce.add_user("Alone There", "alone@example.com").id
        world.sally.create("Contact", {"LastName": "Person", "Email": ADA, "OwnerId": alone})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert world.contact(here)["salesforceownerid"] == alone
        assert not world.contact(here).get("hubspot_owner_id")

    tell(story)
