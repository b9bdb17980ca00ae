"""A mapping that cannot be used for a while, because an administrator hides its field: nothing of it is lost by that."""

from __future__ import annotations

from interlock.app.schemas import NAME as SCHEMAS
from interlock.store import directory, dirty
from tests.world import World

SYNC_USER = "integration@example.com"


async def hide(world: World, field: str) -> None:
    """The next sync meets a field that it may not see, and leaves its mapping out from then on."""
    world.salesforce.set_field_permission(SYNC_USER, "Contact", field, read=False, edit=False)
    await read_schemas_again(world)


async def show(world: World, field: str) -> None:
    world.salesforce.set_field_permission(SYNC_USER, "Contact", field, read=True, edit=True)
    await read_schemas_again(world)


async def read_schemas_again(world: World) -> None:
    """As happens by itself within six hours, and at once when a CRM refuses a field."""
    async with world.write() as tx:
        await directory.drop(tx, SCHEMAS)


def test_a_mapping_that_comes_back_finds_what_was_edited_meanwhile(tell):
    async def story(world: World) -> None:
        here, other = world.person("ada@example.com", jobtitle="CTO"), world.person("bob@example.com", jobtitle="CFO")
        await world.settle()
        await world.rule("contacts", "jobtitle", "two_way")
        there, others = world.counterpart("contacts", here), world.counterpart("contacts", other)
        await hide(world, "Title")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        world.sally.update("Contact", others, {"Title": "COO", "Phone": "1"})
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        assert (world.contact(other)["jobtitle"], world.contact(other)["phone"]) == ("CFO", "1")
        await show(world, "Title")
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CEO"
        assert world.contact(other)["jobtitle"] == "COO"

    tell(story)


def test_a_record_made_without_a_hidden_field_gets_it_when_it_is_shown(tell):
    async def story(world: World) -> None:
        await world.settle()
        await hide(world, "Title")
        here = world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["Title"] is None
        await show(world, "Title")
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CTO"

    tell(story)


def test_what_waited_for_a_mapping_waits_no_more_when_it_is_back(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        await hide(world, "Title")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert (await waiting(world)) == 1
        await show(world, "Title")
        await world.settle()
        assert (await waiting(world)) == 0

    tell(story)


async def waiting(world: World) -> int:
    async with world.read() as tx:
        return sum(each.waiting for each in (await dirty.counts(tx, world.clock_us())).values())
