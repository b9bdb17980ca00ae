"""What a contact shows of its newest opportunity, where that is chosen: which one that is, and that it follows whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from interlock.app.runtime import open_cycle
from interlock.app.what_syncs import Choice, choose
from interlock.core.model import Side
from interlock.crm.budget import SalesforceGovernor
from interlock.engine.pace import poll_interval_s
from interlock.store import connections
from tests.engine.test_lifecycle import Hidden
from tests.world import OURS, World

ADA = "ada@example.com"
BIG = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-03-01", "Amount": 1000.5}
SMALL = {"Name": "Small", "StageName": "Closed Won", "CloseDate": "2026-04-01", "Amount": 10}
NAMES = ("name", "stage", "amount", "closedate")
ALONE: dict[str, Any] = {"objects": ("contacts",)}


async def switch_on(world: World) -> None:
    """As the settings do it, which makes the properties."""
    assert world.store is not None
    assert world.connection is not None
    chosen = Choice(choices={"newest_opportunity": "on"})
    await choose(world.store, world.connection, "contacts", chosen, world.clients()[0])


async def paired(world: World) -> tuple[str, str]:
    await switch_on(world)
    here = world.person(ADA)
    await world.settle()
    return here, world.counterpart("contacts", here)


async def with_a_role(world: World, contact: str, row: dict[str, Any]) -> tuple[str, str]:
    """The opportunity, and the role in it; later than all that came before."""
    await asyncio.sleep(60)
    made = world.sally.create("Opportunity", row)
    return made, world.sally.create("OpportunityContactRole", {"OpportunityId": made, "ContactId": contact})


def shown(world: World, here: str) -> tuple[str | None, ...]:
    contact = world.contact(here)
    return tuple(contact.get(f"salesforceopportunity{name}") or None for name in NAMES)


OF_BIG = ("Big", "Prospecting", "1000.5", "2026-03-01")
OF_SMALL = ("Small", "Closed Won", "10", "2026-04-01")
NOTHING = (None, None, None, None)


def test_a_contact_shows_what_the_opportunity_says_that_was_created_last_and_follows_it(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        assert shown(world, here) == NOTHING
        big, _ = await with_a_role(world, there, BIG)
        await world.settle()
        assert shown(world, here) == OF_BIG
        small, _ = await with_a_role(world, there, SMALL)
        await world.settle()
        assert shown(world, here) == OF_SMALL
        world.sally.update("Opportunity", big, {"StageName": "Closed Lost"})
        world.sally.update("Opportunity", small, {"StageName": "Negotiation/Review"})
        await world.settle()
        assert shown(world, here) == ("Small", "Negotiation/Review", "10", "2026-04-01")
        assert await world.issues() == []

    tell(story, **ALONE)


@pytest.mark.parametrize("how", ["deleted", "role taken away"])
def test_one_that_goes_gives_way_to_the_one_before_and_the_last_takes_all_of_it_along(tell, how):
    async def story(world: World) -> None:
        here, there = await paired(world)
        made = [await with_a_role(world, there, row) for row in (BIG, SMALL)]
        await world.settle()
        for opportunity, role in reversed(made):
            if how == "deleted":
                world.sally.delete("Opportunity", opportunity)
            else:
                world.sally.delete("OpportunityContactRole", role)
            before = shown(world, here)
            await world.settle()
            assert shown(world, here) == (OF_BIG if before == OF_SMALL else NOTHING)
        if how == "deleted":
            world.sally.undelete("Opportunity", made[0][0])
            await world.settle()
            assert shown(world, here) == OF_BIG

    tell(story, **ALONE)


def test_who_loses_one_of_two_roles_in_it_still_shows_it(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        opportunity, role = await with_a_role(world, there, BIG)
        world.sally.create("OpportunityContactRole", {"OpportunityId": opportunity, "ContactId": there, "Role": "User"})
        await world.settle()
        world.sally.delete("OpportunityContactRole", role)
        await world.settle()
        assert shown(world, here) == OF_BIG

    tell(story, **ALONE)


def test_a_contact_made_in_hubspot_for_somebody_with_an_opportunity_shows_it_from_the_beginning(tell):
    async def story(world: World) -> None:
        await switch_on(world)
        there = world.sally.create("Contact", {"LastName": "Person", "Email": ADA})
        await with_a_role(world, there, BIG)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert shown(world, here) == OF_BIG

    tell(story, **ALONE)


def test_what_hubspots_integration_left_stays_until_an_opportunity_says_otherwise(tell):
    def before(world: World) -> None:
        world.property("contacts", "salesforceopportunitystage", "string", "text")

    async def story(world: World) -> None:
        await switch_on(world)
        here = world.person(ADA, salesforceopportunitystage="Left behind")
        await world.settle()
        assert shown(world, here)[1] == "Left behind"
        await with_a_role(world, world.counterpart("contacts", here), BIG)
        await world.settle()
        assert shown(world, here) == OF_BIG

    tell(story, before, **ALONE)


def test_what_a_person_types_over_it_is_put_right(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        await with_a_role(world, there, BIG)
        await world.settle()
        world.hugo.update("contacts", here, {"salesforceopportunitystage": "Closed Won"})
        await world.settle()
        assert shown(world, here) == OF_BIG

    tell(story, **ALONE)


def test_switched_on_later_it_takes_up_what_came_since_the_connection_was_made(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        await with_a_role(world, world.counterpart("contacts", here), BIG)
        await world.settle()
        await switch_on(world)
        await world.settle()
        assert shown(world, here) == OF_BIG

    tell(story, **ALONE)


def test_where_nobody_chose_it_nothing_is_read_and_nothing_written(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        await world.sync_later()
        idle = world.calls(Side.SALESFORCE)
        await world.sync_later()
        idle = world.calls(Side.SALESFORCE) - idle
        await with_a_role(world, world.counterpart("contacts", here), BIG)
        before = world.calls(Side.SALESFORCE)
        await world.sync_later()
        assert world.calls(Side.SALESFORCE) - before == idle
        assert "salesforceopportunitystage" not in world.contact(here)

    tell(story, **ALONE)


def test_of_an_org_with_several_currencies_the_amount_is_left_out(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        await with_a_role(world, there, {**BIG, "CurrencyIsoCode": "EUR"})
        await world.settle()
        assert shown(world, here) == ("Big", "Prospecting", None, "2026-03-01")

    tell(story, lambda world: world.salesforce.enable_currencies({"USD": 1.0, "EUR": 0.9}), **ALONE)


def test_a_sync_user_who_may_not_read_it_empties_nothing_and_somebody_is_told(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        await with_a_role(world, there, BIG)
        await world.settle()
        world.transport = hidden = Hidden(world.transport)
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.sync_later()
        assert world.contact(here)["jobtitle"] == "CTO"
        assert shown(world, here) == OF_BIG
        assert [issue.code for issue in await world.issues()] == ["opportunities_not_readable"]
        hidden.on = False
        await world.sync_later()
        assert await world.issues() == []

    tell(story, **ALONE)


def test_a_contact_is_deleted_with_its_counterpart_whatever_its_opportunities_say_meanwhile(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        opportunity, _ = await with_a_role(world, there, BIG)
        await world.settle()
        world.hugo.archive("contacts", here)
        world.sally.update("Opportunity", opportunity, {"StageName": "Closed Won"})
        await world.settle()
        assert world.sally.ids("Contact") == []
        assert await world.issues() == []

    tell(story, settings={"choices": {"deletes": {"contacts": "both"}}}, **ALONE)


def test_it_stays_what_it_is_beside_lifecycle_stages_and_deals(tell):
    async def story(world: World) -> None:
        here, there = await paired(world)
        await with_a_role(world, there, SMALL)
        await world.settle()
        assert shown(world, here) == OF_SMALL
        assert world.contact(here)["lifecyclestage"] == "customer"
        writes = [entry for entry in world.hubspot.journal.entries(0) if entry.client == OURS and entry.id == here]
        assert [entry.new for entry in writes if entry.field == "salesforceopportunityname"] == ["Small"]

    tell(story, settings={"choices": {"lifecycle_transitions": {"contacts": "on"}}})


def test_the_call_that_each_poll_takes_for_it_counts_for_how_often_an_idle_connection_is_polled(tell, monkeypatch):
    calls: list[float] = []

    def interval(governor: SalesforceGovernor, calls_per_poll: float, upkeep_calls: float = 0.0) -> float:
        calls.append(calls_per_poll)
        return 15.0

    async def paced(world: World) -> float:
        assert world.store is not None
        assert world.connection is not None
        async with world.read() as tx:
            world.connection = await connections.get(tx, world.connection.id or 0)
        assert world.connection is not None
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="paced") as ctx:
            poll_interval_s(ctx)
        return calls[-1]

    async def story(world: World) -> None:
        monkeypatch.setattr(SalesforceGovernor, "idle_interval_s", interval)
        without = await paced(world)
        await switch_on(world)
        assert await paced(world) == without + 1

    tell(story, **ALONE)
