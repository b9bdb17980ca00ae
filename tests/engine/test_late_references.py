"""An object that is turned on after another one whose records point to its own."""

from __future__ import annotations

import asyncio

from interlock.core.model import Reason, RecordKey, Side
from interlock.store import connections, dirty
from tests.world import World

STAGE = {"dealstage": "closedwon", "closedate": "2026-03-01"}
ALL = ["companies", "contacts", "deals"]


async def turn_on(world: World, *objects: str) -> None:
    """What exists of them is left alone, as it was at install."""
    assert world.connection is not None
    assert world.connection.id is not None
    world.connect_options.update(objects=objects)
    await world.connect()


def acme_exists(world: World) -> None:
    acme = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
    deal = world.hugo.create("deals", {"dealname": "Big", **STAGE})
    world.hugo.associate("deals", deal, "companies", acme, primary=True)


async def an_old_deal(world: World) -> tuple[str, str, str]:
    """A deal that synced long ago; its id, its opportunity, and its company in HubSpot, which is older than the connection."""
    (acme,), (deal,) = world.hugo.ids("companies"), world.hugo.ids("deals")
    world.hugo.update("deals", deal, {"description": "Synced"})
    await world.settle()
    await asyncio.sleep(86_400)
    await world.settle()
    return deal, world.counterpart("deals", deal), acme


def account_of(world: World, opportunity: str) -> str | None:
    return world.sally.get("Opportunity", opportunity)["AccountId"]


def test_a_deal_gets_its_company_when_companies_are_turned_on_and_that_one_is_linked(tell):
    async def story(world: World) -> None:
        _, opportunity, acme = await an_old_deal(world)
        await turn_on(world, *ALL)
        await world.settle()
        assert world.sally.ids("Account") == []
        # Nobody touches the deal.
        world.hugo.update("companies", acme, {"phone": "+48 22 111 22 33"})
        await world.settle()
        assert account_of(world, opportunity) == world.counterpart("companies", acme) != ""
        assert await world.issues() == []

    tell(story, before=acme_exists, later_s=86_400.0, objects=("contacts", "deals"))


def test_a_deal_that_waits_for_a_company_which_nobody_links_is_not_looked_at_again_and_again(tell):
    async def story(world: World) -> None:
        deal, _, _ = await an_old_deal(world)
        await turn_on(world, *ALL)
        await world.settle()
        key = RecordKey(Side.HUBSPOT, "deals", deal)
        async with world.read() as tx:
            (due,) = (await dirty.by_keys(tx, [key])).values()
        assert due.reason is Reason.WAITING
        assert due.due_at_us > world.clock_us() + 300 * 86_400_000_000

    tell(story, before=acme_exists, later_s=86_400.0, objects=("contacts", "deals"))


def test_a_deal_gets_the_people_that_take_part_in_it_when_contacts_are_turned_on(tell):
    async def story(world: World) -> None:
        await world.settle()
        await asyncio.sleep(86_400)
        await world.settle()
        await turn_on(world, *ALL)
        await world.settle()
        (ada,) = world.hugo.ids("contacts")
        (opportunity,) = world.sally.ids("Opportunity")
        rows = [world.sally.get("OpportunityContactRole", id_) for id_ in world.sally.ids("OpportunityContactRole")]
        people = [(row["OpportunityId"], row["ContactId"]) for row in rows]
        assert people == [(opportunity, world.counterpart("contacts", ada))]

    def before(world: World) -> None:
        acme_exists(world)
        (deal,) = world.hugo.ids("deals")
        world.hugo.associate("deals", deal, "contacts", world.person("ada@example.com"))

    tell(story, before=before, later_s=86_400.0, objects=("companies", "deals"), existing="all")


def test_turning_an_object_on_costs_nothing_once_its_references_were_looked_at(tell):
    async def story(world: World) -> None:
        await an_old_deal(world)
        await turn_on(world, *ALL)
        await world.settle()
        before = world.calls(Side.HUBSPOT, "deals")
        await world.sync_later()
        looks = world.calls(Side.HUBSPOT, "deals") - before
        before = world.calls(Side.HUBSPOT, "deals")
        await world.sync_later()
        assert world.calls(Side.HUBSPOT, "deals") - before == looks

    tell(story, before=acme_exists, later_s=86_400.0, objects=("contacts", "deals"))


def test_companies_that_were_off_for_a_while_come_to_the_deals_that_were_moved_meanwhile(tell):
    async def story(world: World) -> None:
        deal, opportunity, acme = await an_old_deal(world)
        world.hugo.update("companies", acme, {"phone": "+48 22 111 22 33"})
        await world.settle()
        account = world.counterpart("companies", acme)
        assert account_of(world, opportunity) == account != ""
        globex = world.hugo.create("companies", {"name": "Globex", "domain": "globex.com"})
        await world.settle()
        assert world.connection is not None
        assert world.connection.id is not None
        async with world.write() as tx:
            off = {**world.connection.settings, "objects": ["contacts", "deals"]}
            await connections.update(tx, world.connection.id, settings=off)
        await world.settle()
        world.hugo.associate("deals", deal, "companies", globex, primary=True)
        await world.settle()
        assert account_of(world, opportunity) == account
        await asyncio.sleep(86_400)
        async with world.write() as tx:
            await connections.update(tx, world.connection.id, settings={**off, "objects": ALL})
        await world.settle()
        assert account_of(world, opportunity) == world.counterpart("companies", globex)

    tell(story, before=acme_exists, later_s=86_400.0)


def test_a_deal_that_is_looked_at_without_its_companies_finds_them_all_the_same(tell):
    """`interlock sync --object deals`: companies sync, but not in this drain."""

    async def story(world: World) -> None:
        _, opportunity, acme = await an_old_deal(world)
        await turn_on(world, *ALL)
        world.hugo.update("companies", acme, {"phone": "+48 22 111 22 33"})
        await asyncio.sleep(60)
        await world.sync(only=("companies",))
        await world.sync(only=("deals",))
        assert account_of(world, opportunity) == world.counterpart("companies", acme) != ""

    tell(story, before=acme_exists, later_s=86_400.0, objects=("contacts", "deals"))
