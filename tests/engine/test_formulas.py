"""A formula that comes out differently because of another record: no stamp moves, and it is found all the same."""

from __future__ import annotations

import asyncio

import pytest

from interlock.app.runtime import open_cycle
from interlock.core.model import Side
from interlock.engine import formulas
from interlock.engine.pace import poll_interval_s
from tests.world import World

HOUR_S = 3_600.0
BADGE = 'FirstName & " of " & Account.Name'


def badge(world: World) -> None:
    world.property("contacts", "badge", "string", "text")
    world.salesforce.add_formula("Contact", "Badge__c", BADGE)


async def employed(world: World, number: int, rule: str = "always_salesforce") -> str:
    """So many contacts of one account, whose badges sync: the account."""
    await world.map("contacts", "badge", "Contact", "Badge__c", rule)
    account = world.sally.create("Account", {"Name": "Acme"})
    for each in range(number):
        row = {"LastName": "Person", "FirstName": f"P{each}", "Email": f"p{each}@example.com", "AccountId": account}
        world.sally.create("Contact", row)
    await world.settle()
    return account


def badges(world: World) -> set[str]:
    return {world.contact(id_)["badge"].split(" of ")[1] for id_ in world.hugo.ids("contacts")}


def retrieves(world: World) -> int:
    return world.calls(Side.SALESFORCE, "composite/sobjects/Contact")


def test_a_formula_that_changed_with_another_record_arrives_within_an_hour_and_then_nothing_is_written(tell):
    async def story(world: World) -> None:
        account = await employed(world, 3)
        world.sally.update("Account", account, {"Name": "Globex"})
        await world.sync_later(60)
        assert badges(world) == {"Acme"}
        await world.sync_later(HOUR_S)
        assert badges(world) == {"Globex"}
        await world.settle()

    tell(story, badge)


def test_a_formula_whose_value_hubspot_was_given_by_somebody_else_is_left_to_its_rule(tell):
    """The sweep marks what Salesforce changed; that HubSpot holds another value brings nothing about."""

    async def story(world: World) -> None:
        await employed(world, 1)
        (here,) = world.hugo.ids("contacts")
        before = world.ours()
        await world.sync_later(HOUR_S)
        await world.sync_later(HOUR_S)
        assert world.ours() == before
        assert world.contact(here)["badge"] == "P0 of Acme"

    tell(story, badge)


def test_a_round_goes_on_where_it_was_page_by_page_and_asks_each_pair_once(tell, monkeypatch):
    monkeypatch.setattr(formulas, "PAIRS_A_PAGE", 2)
    monkeypatch.setattr("interlock.engine.cycle.FORMULA_PAGES_A_POLL", 1)

    async def story(world: World) -> None:
        account = await employed(world, 4)
        await world.sync_later(2 * HOUR_S)  # counts its pages by what there are now
        await world.sync_later(24 * HOUR_S)
        world.sally.update("Account", account, {"Name": "Globex"})
        await asyncio.sleep(HOUR_S)
        seen = []
        for _ in range(4):
            await world.poll()
            seen.append(sum(world.contact(id_)["badge"].endswith("Globex") for id_ in world.hugo.ids("contacts")))
            await asyncio.sleep(1)
        assert seen[-1] == 4
        assert seen[0] < 4

    tell(story, badge)


def test_a_pair_that_never_took_the_formula_up_is_left_alone(tell):
    """A new mapping moves no value until a record changes, or a person asks."""

    async def story(world: World) -> None:
        account = world.sally.create("Account", {"Name": "Acme"})
        row = {"LastName": "Person", "FirstName": "Ada", "Email": "ada@example.com", "AccountId": account}
        world.sally.create("Contact", row)
        await world.settle()
        world.person("eve@example.com")
        await world.settle()
        await world.map("contacts", "badge", "Contact", "Badge__c", "always_salesforce")
        world.sally.update("Account", account, {"Name": "Globex"})
        await world.sync_later(24 * HOUR_S)
        assert {world.contact(id_).get("badge") or "" for id_ in world.hugo.ids("contacts")} == {""}

    tell(story, badge)


@pytest.mark.parametrize("rule", ["dont_sync", "always_hubspot"])
def test_a_formula_that_is_not_carried_over_costs_no_call(tell, rule):
    async def story(world: World) -> None:
        account = await employed(world, 1, rule)
        before = retrieves(world)
        world.sally.update("Account", account, {"Name": "Globex"})
        await world.sync_later(24 * HOUR_S)
        assert retrieves(world) == before

    tell(story, badge)


def test_the_calls_for_formulas_are_part_of_what_idle_polling_may_use(tell):
    async def story(world: World) -> None:
        await employed(world, 1)
        assert world.store is not None
        assert world.connection is not None
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="test") as ctx:
            ctx.salesforce.governor.allocate(2_000)
            without = poll_interval_s(ctx)
            await formulas.sweep_formulas(ctx)
            assert ctx.formula_calls_a_day == pytest.approx(0.01 * 2_000, rel=0.3)
            assert poll_interval_s(ctx) > without

    tell(story, badge)


def test_a_round_takes_an_hour_or_as_long_as_keeps_it_under_a_hundredth_of_the_calls():
    hour = formulas.ROUND_LEAST_US
    assert formulas.round_us(calls=25, allocated=80_000) == hour
    assert formulas.round_us(calls=500, allocated=80_000) == 15 * hour
    assert formulas.round_us(calls=1, allocated=1) > 24 * hour
