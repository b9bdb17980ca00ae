"""A backfill: pairs that were linked before take up a new or changed mapping, because a person asked for it."""

from __future__ import annotations

import asyncio

import pytest

from interlock.app.runtime import open_cycle
from interlock.core.model import Side
from interlock.engine import backfill
from interlock.engine.backfill import Backfill
from interlock.engine.context import Cycle, ObjectRuntime
from tests.world import World


def motto(world: World) -> None:
    world.property("contacts", "motto", "string", "text")
    world.salesforce.add_custom_field("Contact", "Motto__c", "Text")


async def pairs(world: World, number: int) -> list[str]:
    people = [world.person(f"p{each}@example.com") for each in range(number)]
    await world.settle()
    return people


async def one_more(world: World) -> None:
    """The newest record before a quiet spell is looked at again when a later change moves the cursor: this one."""
    world.person("last@example.com")
    await world.settle()


async def ask(world: World) -> None:
    async with world.write() as tx:
        await backfill.ask(tx, "contacts")


async def state(world: World) -> Backfill:
    async with world.read() as tx:
        found = await backfill.state(tx, "contacts")
    assert found is not None
    return found


def there(world: World, id_: str, field: str = "Motto__c") -> object:
    return world.sally.get("Contact", world.counterpart("contacts", id_))[field]


async def fill_unseen(world: World, here: str, value: str, side: Side) -> None:
    """A value that both sides' last edit brought before its mapping was saved."""
    if side is Side.HUBSPOT:
        world.hugo.update("contacts", here, {"motto": value})
    else:
        world.sally.update("Contact", world.counterpart("contacts", here), {"Motto__c": value})


def test_a_backfill_takes_up_a_new_mapping_in_both_directions_and_logs_what_it_replaces(tell):
    async def story(world: World) -> None:
        here, gone, both, neither = await pairs(world, 4)
        await fill_unseen(world, here, "from HubSpot", Side.HUBSPOT)
        await fill_unseen(world, gone, "from Salesforce", Side.SALESFORCE)
        await fill_unseen(world, both, "of HubSpot", Side.HUBSPOT)
        await fill_unseen(world, both, "of Salesforce", Side.SALESFORCE)
        await world.settle()
        await one_more(world)
        await world.map("contacts", "motto", "Contact", "Motto__c", "prefer_salesforce")
        await world.settle()
        assert [there(world, each) for each in (here, neither)] == [None, None]
        await ask(world)
        await world.settle()
        assert there(world, here) == "from HubSpot"
        assert world.contact(gone)["motto"] == "from Salesforce"
        assert (world.contact(both)["motto"], there(world, both)) == ("of Salesforce", "of Salesforce")
        (conflict,) = await world.audit("conflict")
        assert conflict.hubspot_id == both
        assert there(world, neither) is None
        done = await state(world)
        assert (done.pairs, done.done) == (5, 5)
        assert done.ended_us is not None

    tell(story, motto)


def test_a_backfill_takes_up_a_changed_rule(tell):
    async def story(world: World) -> None:
        here, _ = await pairs(world, 2)
        await world.rule("contacts", "jobtitle", "always_salesforce")
        await world.settle()
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert there(world, here, "Title") is None
        await world.rule("contacts", "jobtitle", "two_way")
        await ask(world)
        await world.settle()
        assert there(world, here, "Title") == "CTO"

    tell(story)


def test_a_backfill_goes_on_where_it_was_when_its_process_ends(tell, monkeypatch):
    """Each poll of a process of its own takes one page, and no page is read a second time."""
    monkeypatch.setattr(backfill, "PAIRS_A_PAGE", 2)
    monkeypatch.setattr("interlock.engine.cycle.BACKFILL_PAGES_A_POLL", 1)

    async def story(world: World) -> None:
        people = await pairs(world, 5)
        for each in people:
            await fill_unseen(world, each, "Nullius in verba", Side.HUBSPOT)
        await world.settle()
        await world.map("contacts", "motto", "Contact", "Motto__c")
        await ask(world)
        filled = []
        for _ in range(3):
            await world.poll()
            filled.append(sum(there(world, each) is not None for each in people))
            await asyncio.sleep(60)
        assert filled == [2, 4, 5]
        assert (await state(world)).ended_us is None
        await world.poll()
        assert (await state(world)).ended_us is not None
        await world.settle()

    tell(story, motto)


def test_a_backfill_that_a_person_stops_takes_up_no_further_pair(tell, monkeypatch):
    monkeypatch.setattr(backfill, "PAIRS_A_PAGE", 2)
    monkeypatch.setattr("interlock.engine.cycle.BACKFILL_PAGES_A_POLL", 1)

    async def story(world: World) -> None:
        people = await pairs(world, 6)
        for each in people:
            await fill_unseen(world, each, "Nullius in verba", Side.HUBSPOT)
        await world.settle()
        await one_more(world)
        await world.map("contacts", "motto", "Contact", "Motto__c")
        await ask(world)
        await world.poll()
        async with world.write() as tx:
            assert await backfill.stop(tx, "contacts") is not None
            assert await backfill.stop(tx, "contacts") is None
        await world.settle()
        assert [there(world, each) for each in people] == ["Nullius in verba"] * 2 + [None] * 4

    tell(story, motto)


@pytest.mark.parametrize("side", list(Side))
def test_a_backfill_makes_no_counterpart_and_wakes_no_pair_that_rests(tell, side):
    async def story(world: World) -> None:
        _one, rests, _other = await pairs(world, 3)
        there_rests = world.counterpart("contacts", rests)
        if side is Side.HUBSPOT:
            world.hugo.archive("contacts", rests)
        else:
            world.sally.delete("Contact", there_rests)
        await world.settle()
        before = world.counts()
        await world.map("contacts", "motto", "Contact", "Motto__c")
        await ask(world)
        await world.settle()
        assert world.counts() == before
        assert (await state(world)).done == 2

    tell(story, motto)


def test_a_backfill_that_would_empty_most_values_is_stopped_by_the_brake_and_goes_on_when_a_person_has_looked(tell):
    async def story(world: World) -> None:
        people = [world.person(f"p{each}@example.com", jobtitle="CTO") for each in range(120)]
        await world.settle()
        await world.rule("contacts", "jobtitle", "dont_sync")
        for each in people:
            world.hugo.update("contacts", each, {"jobtitle": ""})
        await world.settle()
        await world.rule("contacts", "jobtitle", "always_hubspot")
        await ask(world)
        await world.stops_because("empty")
        await world.resume()
        await world.settle()
        assert {there(world, each, "Title") for each in people} == {None}

    tell(story)


def test_a_page_that_was_made_due_is_carried_over_though_its_process_died_before_it_came_to_it(tell):
    class Died(Exception):
        pass

    async def story(world: World) -> None:
        (here,) = await pairs(world, 1)
        await fill_unseen(world, here, "Nullius in verba", Side.HUBSPOT)
        await world.settle()
        await one_more(world)
        await world.map("contacts", "motto", "Contact", "Motto__c")
        await ask(world)
        turns = 0

        async def work_off(ctx: Cycle, runtime: ObjectRuntime) -> int:
            nonlocal turns
            turns += 1
            if turns == 2:
                raise Died
            return 0

        assert world.store is not None
        assert world.connection is not None
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="dies") as ctx:
            with pytest.raises(Died):
                await backfill.backfill_asked(ctx, work_off)
        assert ((await state(world)).done, there(world, here)) == (2, None)
        await asyncio.sleep(60)
        await world.settle()
        assert there(world, here) == "Nullius in verba"
        assert (await state(world)).ended_us is not None

    tell(story, motto)
