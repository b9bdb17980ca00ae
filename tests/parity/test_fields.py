"""Parity, values: the sync rules, formulas, and what a new mapping does."""

from __future__ import annotations

import asyncio

from interlock.core.model import RecordKey, Side
from interlock.engine import backfill
from tests.world import World

MINUTE_S = 60.0


def titles(world: World, here: str, there: str) -> tuple[str | None, str | None]:
    """In HubSpot, in Salesforce."""
    return world.contact(here).get("jobtitle"), world.sally.get("Contact", there)["Title"]


async def pair(world: World, rule: str, **properties: str) -> tuple[str, str]:
    """A contact of both, whose job title syncs by this rule."""
    await world.rule("contacts", "jobtitle", rule)
    here = world.person("ada@example.com", **properties)
    await world.settle()
    return here, world.counterpart("contacts", here)


def test_04_prefer_salesforce_fills_a_blank_once_and_from_then_on_salesforce_says(tell):
    """*Prefer Salesforce unless blank*: a value of HubSpot fills a field that is blank in Salesforce. What HubSpot holds
    later does not get there and is replaced by what Salesforce holds. A field that is cleared in Salesforce is cleared in
    HubSpot.
    """

    async def story(world: World) -> None:
        here, there = await pair(world, "prefer_salesforce")
        assert titles(world, here, there) == (None, None)
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert titles(world, here, there) == ("CTO", "CTO")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        world.sally.update("Contact", there, {"Phone": "+48 22 111 22 33"})
        await world.settle()
        assert titles(world, here, there) == ("CTO", "CTO")
        world.sally.update("Contact", there, {"Title": None})
        await world.settle()
        assert titles(world, here, there) == (None, None)

    tell(story)


def test_05_always_salesforce_leaves_alone_what_salesforce_never_had(tell):
    """*Always use Salesforce*: where Salesforce never had a value and HubSpot has one, both stay as they are."""

    async def story(world: World) -> None:
        here, there = await pair(world, "always_salesforce", jobtitle="CTO")
        assert titles(world, here, there) == ("CTO", None)
        world.sally.update("Contact", there, {"Phone": "+48 22 111 22 33"})
        world.hugo.update("contacts", here, {"firstname": "Ada"})
        await world.settle()
        assert titles(world, here, there) == ("CTO", None)

    tell(story)


def test_06_two_way_the_later_edit_wins_and_a_clear_crosses_either_way(tell):
    """*Two-way*: of two edits that meet, the later one is on both sides afterwards. A clear on either side clears the
    other."""

    async def story(world: World) -> None:
        here, there = await pair(world, "two_way", jobtitle="CTO")
        world.hugo.update("contacts", here, {"jobtitle": "earlier"})
        await asyncio.sleep(MINUTE_S)
        world.sally.update("Contact", there, {"Title": "later"})
        await world.settle()
        assert titles(world, here, there) == ("later", "later")
        world.sally.update("Contact", there, {"Title": "earlier"})
        await asyncio.sleep(MINUTE_S)
        world.hugo.update("contacts", here, {"jobtitle": "later still"})
        await world.settle()
        assert titles(world, here, there) == ("later still", "later still")
        world.hugo.update("contacts", here, {"jobtitle": ""})
        await world.settle()
        assert titles(world, here, there) == (None, None)
        world.sally.update("Contact", there, {"Title": "CEO"})
        await world.settle()
        world.sally.update("Contact", there, {"Title": None})
        await world.settle()
        assert titles(world, here, there) == (None, None)

    tell(story)


def test_07_a_formula_goes_along_when_a_field_that_feeds_it_changes(tell):
    """The next edit of a record takes the new value of its formula along."""

    def before(world: World) -> None:
        world.property("contacts", "badge", "string", "text")
        world.salesforce.add_formula("Contact", "Badge__c", 'FirstName & " of " & Account.Name')

    async def story(world: World) -> None:
        await world.map("contacts", "badge", "Contact", "Badge__c", "always_salesforce")
        account = world.sally.create("Account", {"Name": "Acme"})
        row = {"LastName": "Person", "FirstName": "Ada", "Email": "ada@example.com", "AccountId": account}
        there = world.sally.create("Contact", row)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert world.contact(here)["badge"] == "Ada of Acme"
        world.sally.update("Contact", there, {"FirstName": "Augusta"})
        # A minute: no look through the formulas has found it.
        await world.sync_later(60)
        assert world.contact(here)["badge"] == "Augusta of Acme"

    tell(story, before)


def test_18_a_new_mapping_moves_no_value_until_its_record_syncs(tell):
    """A mapping that is added moves nothing by itself. A value of it arrives with the next edit of its record, or with a
    resync."""

    def before(world: World) -> None:
        world.property("contacts", "motto", "string", "text")
        world.salesforce.add_custom_field("Contact", "Motto__c", "Text")

    async def story(world: World) -> None:
        untouched = world.person("eve@example.com", motto="Nullius in verba")
        await world.settle()
        people = [untouched, *(world.person(f"p{number}@example.com", motto="Nullius in verba") for number in range(2))]
        await world.settle()
        theirs = [world.counterpart("contacts", each) for each in people]

        def mottos() -> list[str | None]:
            return [world.sally.get("Contact", each)["Motto__c"] for each in theirs]

        await world.map("contacts", "motto", "Contact", "Motto__c")
        await world.settle()
        assert mottos() == [None, None, None]
        world.hugo.update("contacts", people[1], {"phone": "+48 22 111 22 33"})
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", people[2]))
        await world.settle()
        assert mottos() == [None, "Nullius in verba", "Nullius in verba"]

    tell(story, before)


def test_18_a_person_may_ask_for_the_new_mapping_to_be_taken_up_by_every_pair(tell):
    """A backfill, which a person asks for, moves the values of a new mapping in every linked pair at once, in the direction that
    its rule says.
    """

    def before(world: World) -> None:
        world.property("contacts", "motto", "string", "text")
        world.salesforce.add_custom_field("Contact", "Motto__c", "Text")

    async def story(world: World) -> None:
        people = [world.person(f"p{number}@example.com", motto="Nullius in verba") for number in range(2)]
        await world.settle()
        other = world.person("eve@example.com")
        await world.settle()
        world.sally.update("Contact", world.counterpart("contacts", other), {"Motto__c": "Sapere aude"})
        await world.settle()
        await world.map("contacts", "motto", "Contact", "Motto__c")
        async with world.write() as tx:
            await backfill.ask(tx, "contacts")
        await world.settle()
        assert world.contact(other)["motto"] == "Sapere aude"
        for each in people:
            there = world.sally.get("Contact", world.counterpart("contacts", each))
            assert there["Motto__c"] == "Nullius in verba"

    tell(story, before)
