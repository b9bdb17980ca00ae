"""Resync of a list or of a whole object: what is looked at although nothing of it changed, and how far it goes at once."""

from __future__ import annotations

import asyncio

import pytest

from interlock.app import object_rules
from interlock.app.people.visitor import BY_COMMAND
from interlock.app.runtime import open_cycle
from interlock.core.model import LinkState
from interlock.engine import resync
from interlock.engine.cycle import work_off
from interlock.engine.import_ import import_
from interlock.engine.load import Since
from interlock.store import connections, schedule
from tests.world import World

ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"


async def ask(world: World, slug: str, list_id: str | None = None) -> None:
    async with world.write() as tx:
        await resync.ask(tx, slug, list_id)
        await schedule.ring(tx)


async def under_way(world: World) -> dict[str, resync.Asked]:
    async with world.read() as tx:
        return await resync.asked(tx)


async def in_small_batches(world: World, rows: int) -> None:
    assert world.connection is not None
    assert world.connection.id is not None
    async with world.write() as tx:
        await connections.update(tx, world.connection.id, settings={**world.connection.settings, "batch_rows": rows})


def badge(world: World) -> None:
    world.property("contacts", "badge", "string", "text")
    world.salesforce.add_custom_field("Contact", "Badge__c", "Text")


async def with_a_new_mapping(world: World) -> tuple[str, str]:
    """Two pairs; then a badge of one is known in HubSpot, that of the other in Salesforce, and badges are mapped."""
    ada, bob = world.person(ADA), world.person(BOB)
    await world.settle()
    world.hugo.update("contacts", ada, {"badge": "A"})
    world.sally.update("Contact", world.counterpart("contacts", bob), {"Badge__c": "B"})
    await world.settle()
    # The newest record is looked at again whenever something changes, so that shall be somebody else.
    world.person(EVE)
    await world.settle()
    await asyncio.sleep(86_400)
    await world.map("contacts", "badge", "Contact", "Badge__c")
    await world.settle()
    return ada, bob


def badges(world: World, *people: str) -> list[tuple[str | None, str | None]]:
    return [
        (
            world.contact(each).get("badge"),
            world.sally.get("Contact", world.counterpart("contacts", each))["Badge__c"],
        )
        for each in people
    ]


def test_a_resync_of_an_object_takes_a_new_mapping_to_both_sides(tell):
    async def story(world: World) -> None:
        ada, bob = await with_a_new_mapping(world)
        assert ("A", "A") not in badges(world, ada, bob)
        await ask(world, "contacts")
        await world.settle()
        assert badges(world, ada, bob) == [("A", "A"), ("B", "B")]
        assert await under_way(world) == {}

    tell(story, before=badge)


def test_a_resync_of_a_list_is_of_its_members_alone(tell):
    async def story(world: World) -> None:
        ada, bob = await with_a_new_mapping(world)
        chosen = world.hugo.create_list("contacts", "Chosen", [bob])
        await ask(world, "contacts", chosen)
        await world.settle()
        assert badges(world, ada, bob)[1] == ("B", "B")
        assert badges(world, ada, bob)[0] != ("A", "A")
        assert await under_way(world) == {}

    tell(story, before=badge)


def test_a_resync_of_an_object_takes_up_what_the_install_left_alone_on_either_side(tell):
    async def story(world: World) -> None:
        await world.settle()
        assert len(world.hugo.ids("contacts")) == 2
        assert len(world.sally.ids("Contact")) == 2
        await ask(world, "contacts")
        await world.settle()
        emails = {world.contact(id_)["email"] for id_ in world.hugo.ids("contacts")}
        assert emails == {world.sally.get("Contact", id_)["Email"] for id_ in world.sally.ids("Contact")}
        assert emails == {ADA, BOB, EVE}

    def before(world: World) -> None:
        for address in (ADA, BOB):
            world.person(address)
        for address in (BOB, EVE):
            world.sally.create("Contact", {"LastName": "Person", "Email": address})

    tell(story, before=before, later_s=3_600.0)


def test_a_resync_of_many_sends_again_what_was_refused(tell):
    async def story(world: World) -> None:
        ada = world.person(ADA)
        await world.settle()
        barred = ["CTO"]
        world.salesforce.add_validation_rule("Contact", lambda row: row.get("Title") in barred, "No more of them")
        world.hugo.update("contacts", ada, {"jobtitle": "CTO"})
        await world.settle()
        there = world.counterpart("contacts", ada)
        assert world.sally.get("Contact", there)["Title"] is None
        barred.clear()
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] is None
        await ask(world, "contacts")
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        assert await world.issues() == []

    tell(story)


def test_a_resync_of_many_parts_no_pair_of_which_one_side_is_just_not_shown(tell):
    """A person who resyncs one record says that they have looked at it. Of a thousand nobody says that."""

    async def story(world: World) -> None:
        ada = world.person(ADA)
        await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", ada))
        world.salesforce.empty_recycle_bin()
        await ask(world, "contacts")
        await world.sync()
        link = await world.link("contacts", ada)
        assert link is not None
        assert link.state is LinkState.LINKED

    tell(story)


def test_a_resync_of_a_list_that_went_away_does_nothing_and_says_so(tell):
    async def story(world: World) -> None:
        world.person(ADA)
        await world.settle()
        await ask(world, "contacts", "4711")
        before = world.written
        await world.settle()
        assert world.written == before
        assert (await under_way(world))["contacts"].missing
        (issue,) = await world.issues()
        assert (issue.code, issue.object) == ("resync_ended", "contacts")
        assert "list 4711 has ended before its end: it is not there any more" in issue.cause
        # Asked anew, the last word counts.
        await ask(world, "contacts")
        await world.settle()
        assert await under_way(world) == {}
        assert await world.issues() == []

    tell(story)


def test_a_resync_of_a_list_that_hubspot_does_not_show_ends_and_everything_else_goes_on(tell):
    async def story(world: World) -> None:
        ada = world.person(ADA)
        await world.settle()
        chosen = world.hugo.create_list("contacts", "Chosen", [ada])
        token = world.hubspot.account.tokens[world.hubspot.token]
        objects = ("contacts", "companies", "deals")
        token.scopes = frozenset(f"crm.{what}.{each}.read" for what in ("objects", "schemas") for each in objects)
        await ask(world, "contacts", chosen)
        world.hugo.update("contacts", ada, {"jobtitle": "CTO"})
        await asyncio.sleep(60)

        await world.poll()

        assert await under_way(world) == {}
        assert world.sally.get("Contact", world.counterpart("contacts", ada))["Title"] == "CTO"
        (issue,) = await world.issues()
        assert (issue.code, issue.category.value) == ("resync_ended", "safety")
        assert "crm.lists.read" in issue.cause
        token.scopes = None
        await ask(world, "contacts", chosen)
        assert await world.issues() == []
        await world.settle()
        assert await under_way(world) == {}

    tell(story)


def test_a_resync_of_an_object_that_is_turned_off_is_not_gone_on_with_when_it_is_on_again(tell):
    async def story(world: World) -> None:
        assert world.store is not None
        assert world.connection is not None
        await ask(world, "contacts")
        await object_rules.turn_off(world.store, world.connection, "contacts", BY_COMMAND)
        assert await under_way(world) == {}

    tell(story)


def test_a_resync_that_was_killed_goes_on_with_the_page_after_the_last(tell, monkeypatch: pytest.MonkeyPatch):
    async def story(world: World) -> None:
        for number in range(250):
            world.person(f"p{number:03}@example.com")
        await world.settle()
        await in_small_batches(world, 100)
        await ask(world, "contacts")
        # The first page is worked off, and the second is being read, when the process is gone.
        frozen, _never = world.freeze_at("after=")
        turn = asyncio.create_task(world.sync())
        await frozen.wait()
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        left = (await under_way(world))["contacts"]
        assert (left.marked, left.type) == (100, None)
        assert left.after is not None
        monkeypatch.setattr("interlock.engine.cycle.RESYNC_PAGES_A_POLL", 1)
        await asyncio.sleep(60)
        await world.poll()
        then = (await under_way(world))["contacts"]
        assert (then.marked, then.type) == (200, None)
        await world.settle()
        assert await under_way(world) == {}

    tell(story)


def test_while_it_polls_a_long_resync_lets_edits_through(tell, monkeypatch: pytest.MonkeyPatch):
    async def story(world: World) -> None:
        people = [world.person(f"p{number:03}@example.com") for number in range(250)]
        await world.settle()
        await in_small_batches(world, 100)
        monkeypatch.setattr("interlock.engine.cycle.RESYNC_PAGES_A_POLL", 1)
        await ask(world, "contacts")
        world.hugo.update("contacts", people[-1], {"jobtitle": "CTO"})
        await asyncio.sleep(60)
        await world.poll()
        assert (await under_way(world))["contacts"].marked == 100
        there = world.counterpart("contacts", people[-1])
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        polls = 0
        while await under_way(world):
            polls += 1
            assert polls < 10, "it never ends"
            await asyncio.sleep(60)
            await world.poll()

    tell(story)


@pytest.mark.parametrize(("created", "found"), [(False, 2), (True, 1)])
def test_an_import_goes_by_the_date_of_the_last_change_or_of_the_creation(tell, created: bool, found: int):
    async def story(world: World) -> None:
        _, edited, _ = (world.sally.create("Contact", {"LastName": f"Old {number}"}) for number in range(3))
        await asyncio.sleep(10 * 86_400)
        since_us = world.clock_us()
        world.sally.update("Contact", edited, {"Title": "CTO"})
        world.sally.create("Contact", {"LastName": "New"})
        await asyncio.sleep(60)
        assert world.store is not None
        assert world.connection is not None
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, "test", ()) as ctx:
            assert await import_(ctx, Since(since_us, created), work_off) == found

    tell(story, objects=("contacts",))
