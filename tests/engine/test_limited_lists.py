"""Picklists that are limited further: by the record's type, and by the field that they depend on. A person is told of a refusal."""

from __future__ import annotations

from tests.world import World

TIERS = ("gold", "silver", "platinum")


def tiers(world: World) -> None:
    world.salesforce.add_custom_field("Contact", "Tier__c", "Picklist", picklist=TIERS)
    world.property("contacts", "tier", "enumeration", "select", options=TIERS)


def by_record_type(world: World) -> None:
    tiers(world)
    world.salesforce.add_record_type("Contact", "Partner", default=True, picklists={"Tier__c": ("gold", "silver")})
    world.salesforce.add_record_type("Contact", "Customer")


async def one_issue(world: World):  # type: ignore[no-untyped-def]
    (issue,) = await world.issues()
    assert (issue.property, issue.field, issue.value) == ("tier", "Tier__c", "platinum")
    return issue


def test_a_value_that_its_record_type_does_not_offer_is_an_issue_that_names_field_value_and_record_type(tell):
    async def story(world: World) -> None:
        await world.map("contacts", "tier", "Contact", "Tier__c")
        here = world.person("ada@example.com", tier="gold")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"tier": "platinum", "jobtitle": "CTO"})
        await world.settle()
        row = world.sally.get("Contact", there)
        assert (row["Tier__c"], row["Title"], world.contact(here)["tier"]) == ("gold", "CTO", "platinum")
        issue = await one_issue(world)
        assert "The record is of the record type Partner, which offers a list of its own." in issue.cause
        assert "platinum" in issue.cause
        world.hugo.update("contacts", here, {"tier": "silver"})
        await world.settle()
        assert world.sally.get("Contact", there)["Tier__c"] == "silver"
        assert await world.issues() == []

    tell(story, by_record_type)


def test_a_new_record_whose_default_record_type_does_not_offer_a_value_is_made_without_it_and_says_so(tell):
    async def story(world: World) -> None:
        await world.map("contacts", "tier", "Contact", "Tier__c")
        here = world.person("ada@example.com", tier="platinum")
        await world.settle()
        assert world.sally.get("Contact", world.counterpart("contacts", here))["Tier__c"] is None
        assert "A new record is of the record type Partner" in (await one_issue(world)).cause

    tell(story, by_record_type)


def test_a_value_that_its_controlling_field_does_not_allow_is_an_issue_that_names_that_field(tell):
    async def story(world: World) -> None:
        await world.map("contacts", "tier", "Contact", "Tier__c")
        here = world.person("ada@example.com", tier="gold")
        await world.settle()
        world.hugo.update("contacts", here, {"tier": "platinum"})
        await world.settle()
        assert "Which values Tier__c takes depends on the field Region__c." in (await one_issue(world)).cause
        assert world.contact(here)["tier"] == "platinum"

    def before(world: World) -> None:
        tiers(world)
        world.salesforce.add_custom_field("Contact", "Region__c", "Picklist", picklist=("north", "south"))
        world.salesforce.make_dependent(
            "Contact", "Tier__c", "Region__c", {"north": ("platinum",), "": ("gold", "silver")}
        )

    tell(story, before)
