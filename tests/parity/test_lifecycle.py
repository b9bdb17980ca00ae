"""Parity, lifecycle stages: what an opportunity does to the stage of whoever has a role in it."""

from __future__ import annotations

from tests.inclusion_world import ADA, BOB
from tests.world import World

ON = {"choices": {"lifecycle_transitions": {"contacts": "on"}}}


def stage_of(world: World, contact: str) -> str | None:
    return world.contact(contact).get("lifecyclestage")


async def on_a_deal(world: World) -> tuple[str, str]:
    """A contact with a role in an open opportunity: its HubSpot id, and the opportunity."""
    here = world.person(ADA)
    await world.settle()
    row = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-03-01"}
    opportunity = world.sally.create("Opportunity", row)
    role = {"OpportunityId": opportunity, "ContactId": world.counterpart("contacts", here)}
    world.sally.create("OpportunityContactRole", role)
    await world.settle()
    return here, opportunity


def test_15_a_role_moves_the_lifecycle_stage_to_opportunity_and_a_won_deal_to_customer(tell):
    """Where that is on, a contact role in an open opportunity moves its contact's lifecycle stage to Opportunity, and Closed Won to
    Customer. It never moves back, also when the opportunity is opened again."""

    async def story(world: World) -> None:
        bob = world.person(BOB, lifecyclestage="evangelist")
        here, opportunity = await on_a_deal(world)
        assert stage_of(world, here) == "opportunity"
        role = {"OpportunityId": opportunity, "ContactId": world.counterpart("contacts", bob)}
        world.sally.create("OpportunityContactRole", role)
        world.sally.update("Opportunity", opportunity, {"StageName": "Closed Won"})
        await world.settle()
        assert (stage_of(world, here), stage_of(world, bob)) == ("customer", "evangelist")
        world.sally.update("Opportunity", opportunity, {"StageName": "Prospecting"})
        await world.settle()
        assert stage_of(world, here) == "customer"
        # A person may move it back, and no sync moves it on again.
        world.hugo.update("contacts", here, {"lifecyclestage": ""})
        world.hugo.update("contacts", here, {"lifecyclestage": "lead"})
        await world.settle()
        assert stage_of(world, here) == "lead"

    tell(story, settings=ON)


def test_15_the_company_of_whoever_has_the_role_moves_along(tell):
    """Where that is on and companies sync, the stage of a contact's company moves along. HubSpot's own setting, where it is on,
    takes it from there to all contacts of the company."""

    async def story(world: World) -> None:
        company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        bob, ada = world.person(BOB), world.person(ADA)
        for each in (bob, ada):
            world.hugo.associate("contacts", each, "companies", company, primary=True)
        await world.settle()
        row = {"Name": "Big", "StageName": "Closed Won", "CloseDate": "2026-03-01"}
        role = {
            "OpportunityId": world.sally.create("Opportunity", row),
            "ContactId": world.counterpart("contacts", ada),
        }
        world.sally.create("OpportunityContactRole", role)
        await world.settle()
        assert world.hugo.get("companies", company)["lifecyclestage"] == "customer"
        assert (stage_of(world, ada), stage_of(world, bob)) == ("customer", "customer")

    tell(story, settings=ON, hubspot={"company_stage_moves_contacts": True})


def test_15_where_it_is_off_no_lifecycle_stage_moves(tell):
    """Where automatic lifecycle stage transitions are off, which they are until somebody turns them on, no stage moves."""

    async def story(world: World) -> None:
        here, _ = await on_a_deal(world)
        assert stage_of(world, here) == "lead"

    tell(story)


def test_trigger_16_an_opportunity_moves_a_lifecycle_stage(tell):
    """A lifecycle stage changes because of an opportunity, although nothing of its contact was edited."""

    async def story(world: World) -> None:
        here, _ = await on_a_deal(world)
        assert stage_of(world, here) == "opportunity"

    tell(story, settings=ON)
