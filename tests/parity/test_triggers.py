"""Parity, triggers: what by itself brings a sync about, under the numbers of HubSpot's list of triggers."""

from __future__ import annotations

import pytest

from tests.inclusion_world import ADA, BOB, LIMITED, with_list
from tests.world import World

# Salesforce type -> HubSpot object, what it is made of, a property that it has not yet, and the field of that.
KINDS: dict[str, tuple[str, dict[str, str], str, str]] = {
    "Contact": ("contacts", {"LastName": "Person", "Email": ADA}, "jobtitle", "Title"),
    "Lead": ("contacts", {"LastName": "Person", "Email": ADA, "Company": "Acme"}, "jobtitle", "Title"),
    "Account": ("companies", {"Name": "Acme"}, "phone", "Phone"),
    "Opportunity": (
        "deals",
        {"Name": "Big", "StageName": "Closed Won", "CloseDate": "2026-03-01"},
        "description",
        "Description",
    ),
}
every_kind = pytest.mark.parametrize("type_", KINDS)


async def pair(world: World, type_: str) -> tuple[str, str]:
    """Made in Salesforce and synced: the HubSpot id and the Salesforce id."""
    slug, row, _, _ = KINDS[type_]
    there = world.sally.create(type_, row)
    await world.settle()
    (here,) = world.hugo.ids(slug)
    return here, there


@every_kind
def test_trigger_09_a_mapped_property_is_edited_in_hubspot(tell, type_):
    """A mapped property of a contact, a company or a deal is edited in HubSpot."""

    async def story(world: World) -> None:
        slug, _, property_, field = KINDS[type_]
        here, there = await pair(world, type_)
        world.hugo.update(slug, here, {property_: "Edited"})
        await world.sync_later()
        assert world.sally.get(type_, there)[field] == "Edited"

    tell(story)


@every_kind
def test_trigger_10_a_mapped_field_is_edited_in_salesforce(tell, type_):
    """A mapped field of a contact, a lead, an account or an opportunity is edited in Salesforce."""

    async def story(world: World) -> None:
        slug, _, property_, field = KINDS[type_]
        here, there = await pair(world, type_)
        world.sally.update(type_, there, {field: "Edited"})
        await world.sync_later()
        assert world.hugo.get(slug, here)[property_] == "Edited"

    tell(story)


@pytest.mark.parametrize("type_", ["Contact", "Lead"])
def test_trigger_11_a_lead_or_contact_is_new_in_salesforce(tell, type_):
    """A lead or a contact is new in Salesforce, where contacts are created in HubSpot."""

    async def story(world: World) -> None:
        there = world.sally.create(type_, KINDS[type_][1])
        await world.sync_later()
        (here,) = world.hugo.ids("contacts")
        assert world.counterpart("contacts", here) == there

    tell(story)


@pytest.mark.parametrize("type_", ["Contact", "Lead"])
def test_trigger_12_a_contact_is_new_in_hubspot(tell, type_):
    """A contact is new in HubSpot, and nothing keeps it out."""

    async def story(world: World) -> None:
        here = world.person(ADA, company="Acme")
        await world.sync_later()
        assert world.sally.ids(type_) == [world.counterpart("contacts", here)]

    tell(story, create_person_as=type_)


def test_trigger_13_a_contact_enters_the_list(tell):
    """A contact, new or not, enters the list that limits what syncs."""

    async def story(world: World) -> None:
        (old,) = world.hugo.ids("contacts")
        new = world.person(BOB)
        await world.settle()
        assert world.counts()["Contact"] == 0
        world.hugo.change_list("1", add=[old, new])
        await world.sync_later()
        assert world.counts()["Contact"] == 2

    def before(world: World) -> None:
        with_list(world)
        world.person(ADA)

    tell(story, before, later_s=3_600, **LIMITED)


@every_kind
def test_trigger_15_a_record_is_given_another_owner(tell, type_):
    """A record is given another owner, on either side."""
    people: dict[str, tuple[str, str]] = {}

    def before(world: World) -> None:
        for name in ("Olga", "Piet"):
            address = f"{name.lower()}@example.com"
            here = world.hubspot.settings().add_user(name, "Owner", address)
            people[name] = here, world.salesforce.add_user(name, address).id

    async def story(world: World) -> None:
        slug = KINDS[type_][0]
        here, there = await pair(world, type_)
        world.sally.update(type_, there, {"OwnerId": people["Olga"][1]})
        await world.sync_later()
        assert world.hugo.get(slug, here)["hubspot_owner_id"] == people["Olga"][0]
        world.hugo.update(slug, here, {"hubspot_owner_id": people["Piet"][0]})
        await world.sync_later()
        assert world.sally.get(type_, there)["OwnerId"] == people["Piet"][1]

    tell(story, before)
