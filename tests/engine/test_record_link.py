"""The property of a HubSpot record that holds the address of its page in Interlock."""

from __future__ import annotations

from interlock.app import pages_at
from interlock.core.model import Side
from tests.world import World

OLD, NEW = "https://interlock.example.com", "https://sync.example.com"
LINKED = {"settings": {"pages_at": OLD}}


def link_of(world: World, contact: str) -> str | None:
    return world.contact(contact).get("interlock_link")


def address(at: str, contact: str) -> str:
    return f"{at}/connections/1/records/salesforce:Contact:{contact}"


async def move_pages(world: World, at: str | None) -> int:
    assert world.store is not None

    async def told(_: int | None) -> str | None:
        return at

    return await pages_at.keep_right(world.store, told)


def test_a_record_holds_the_address_of_its_page_whichever_side_it_came_from(tell):
    async def story(world: World) -> None:
        ada = world.person("ada@example.com")
        bobs = world.sally.create("Contact", {"LastName": "Person", "Email": "bob@example.com"})
        await world.settle()
        (bob,) = [each for each in world.hugo.ids("contacts") if each != ada]
        assert link_of(world, ada) == address(OLD, world.counterpart("contacts", ada))
        assert link_of(world, bob) == address(OLD, bobs)

    tell(story, **LINKED)


def test_the_link_goes_along_with_a_write_and_costs_no_call_of_its_own(tell):
    async def story(world: World) -> None:
        sent: list[int] = []
        for at in (None, OLD):
            await move_pages(world, at)
            before = world.sent(Side.HUBSPOT)
            ada = world.person(f"ada@{len(sent)}.example.com")
            world.sally.create("Contact", {"LastName": "Person", "Email": f"bob@{len(sent)}.example.com"})
            await world.settle()
            world.sally.update("Contact", world.counterpart("contacts", ada), {"Title": "CTO"})
            await world.settle()
            assert (link_of(world, ada) is not None) == (at is not None)
            sent.append(world.sent(Side.HUBSPOT) - before)
        assert sent[0] == sent[1] > 0

    tell(story, **LINKED)


def test_pages_that_moved_are_followed_with_the_next_write_and_no_sooner(tell):
    async def story(world: World) -> None:
        ada, bob = world.person("ada@example.com"), world.person("bob@example.com")
        await world.settle()
        theirs = [world.counterpart("contacts", each) for each in (ada, bob)]
        assert await move_pages(world, NEW) == 1
        assert await move_pages(world, NEW) == 0
        before = world.written
        await world.settle()
        assert world.written == before
        world.sally.update("Contact", theirs[0], {"Title": "CTO"})
        await world.settle()
        assert [link_of(world, each) for each in (ada, bob)] == [address(NEW, theirs[0]), address(OLD, theirs[1])]

    tell(story, **LINKED)


def test_the_link_follows_a_lead_that_was_converted(tell):
    async def story(world: World) -> None:
        ada = world.person("ada@example.com", company="Acme")
        await world.settle()
        lead = world.counterpart("contacts", ada)
        assert link_of(world, ada) == f"{OLD}/connections/1/records/salesforce:Lead:{lead}"
        done = world.sally.convert_lead(lead)
        await world.settle()
        assert link_of(world, ada) == address(OLD, done.contact_id)

    tell(story, create_person_as="Lead", **LINKED)


def test_where_nobody_said_by_which_address_the_pages_are_reached_no_link_is_written(tell):
    async def story(world: World) -> None:
        assert await move_pages(world, None) == 1
        ada = world.person("ada@example.com")
        await world.settle()
        assert world.counterpart("contacts", ada)
        assert link_of(world, ada) is None

    tell(story, **LINKED)


def test_a_link_property_that_was_just_taken_away_costs_no_record_its_id(tell):
    async def story(world: World) -> None:
        world.person("eve@example.com")
        await world.settle()
        world.hubspot.portal.table("contacts").schema.archive("interlock_link", world.clock_us() // 1000)
        ada = world.person("ada@example.com")
        world.sally.create("Contact", {"LastName": "Person", "Email": "bob@example.com"})
        await world.settle()
        assert world.counterpart("contacts", ada) in world.sally.ids("Contact")
        assert len(world.hugo.ids("contacts")) == 3
        assert await world.issues() == []

    tell(story, **LINKED)
