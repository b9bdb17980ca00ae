"""What becomes of a record that nothing on the other side matches, by direction and object; what matches is linked anyway."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.app.explain import explain
from tests.world import World

EMAIL = "ada@example.com"


async def why(world: World, key: str) -> list[str]:
    assert world.store is not None
    assert world.connection is not None
    return list((await explain(world.store, world.connection, key, world.clients(), world.clock_us))["why_not"])


@pytest.mark.parametrize(
    ("person_as", "counts"), [("Contact", (1, 0)), ("Lead", (0, 1)), ("", (0, 0))], ids=["contact", "lead", "nothing"]
)
def test_a_new_person_of_hubspot_becomes_what_was_chosen(tell, person_as: str, counts: tuple[int, int]):
    async def story(world: World) -> None:
        world.person(EMAIL, company="Acme")
        await world.settle()
        assert (world.counts()["Contact"], world.counts()["Lead"]) == counts

    tell(story, settings={"create_person_as": person_as})


@pytest.mark.parametrize("rule", [False, {"contacts": False, "companies": True}])
def test_where_nothing_is_made_in_salesforce_what_matches_is_linked_and_synced(tell, rule: bool | dict[str, bool]):
    async def story(world: World) -> None:
        matched = world.person(EMAIL, jobtitle="CTO")
        alone = world.person("bob@example.com")
        there = world.sally.create("Contact", {"LastName": "Person", "Email": EMAIL})
        await world.settle()
        assert world.counterpart("contacts", matched) == there
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        assert world.counts()["Contact"] == 1
        assert await why(world, f"hubspot:contacts:{alone}") == ["creation_off_in_salesforce"]

    tell(story, settings={"create_in_salesforce": rule})


@pytest.mark.parametrize("type_", ["Contact", "Lead"])
def test_where_nothing_is_made_in_hubspot_what_matches_is_linked_and_synced(tell, type_: str):
    async def story(world: World) -> None:
        more = {"Company": "Acme"} if type_ == "Lead" else {}
        matched = world.sally.create(type_, {"LastName": "Person", "Email": EMAIL, "Title": "CTO"} | more)
        alone = world.sally.create(type_, {"LastName": "Other", "Email": "bob@example.com"} | more)
        here = world.person(EMAIL)
        await world.settle()
        assert world.counterpart("contacts", here) == matched
        assert world.contact(here)["jobtitle"] == "CTO"
        assert world.counts()["contacts"] == 1
        assert await why(world, f"salesforce:{type_}:{alone}") == ["creation_off_in_hubspot"]

    tell(story, settings={"create_in_hubspot": {"contacts": False}})


def _deal(world: World) -> str:
    return world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"})


@pytest.mark.parametrize(
    ("settings", "made"),
    [
        ({"create_in_salesforce": {"companies": False}}, {"companies": 2, "deals": 2, "Account": 1, "Opportunity": 2}),
        ({"create_in_salesforce": {"deals": False}}, {"companies": 2, "deals": 2, "Account": 2, "Opportunity": 1}),
        ({"create_in_hubspot": {"companies": False}}, {"companies": 1, "deals": 2, "Account": 2, "Opportunity": 2}),
        ({"create_in_hubspot": {"deals": False}}, {"companies": 2, "deals": 1, "Account": 2, "Opportunity": 2}),
    ],
)
def test_companies_and_deals_have_rules_of_their_own(tell, settings: dict[str, Any], made: dict[str, int]):
    async def story(world: World) -> None:
        world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})
        _deal(world)
        world.sally.create("Account", {"Name": "Globex", "Website": "globex.example"})
        world.sally.create("Opportunity", {"Name": "Small", "StageName": "Closed Won", "CloseDate": "2026-03-01"})
        await world.settle()
        assert {name: world.counts()[name] for name in made} == made

    tell(story, settings=settings)


def test_existing_records_that_match_are_linked_and_none_is_made_where_that_is_chosen(tell):
    """*Link what matches, create nothing*: of what is there at the start; what is new later is created."""

    async def story(world: World) -> None:
        await world.settle()
        matched = next(id_ for id_ in world.hugo.ids("contacts") if world.contact(id_)["email"] == EMAIL)
        assert world.counterpart("contacts", matched) == world.sally.ids("Contact")[0]
        assert world.sally.get("Contact", world.counterpart("contacts", matched))["Title"] == "CTO"
        assert (world.counts()["contacts"], world.counts()["Contact"]) == (2, 2)
        world.person("new@example.com")
        await world.settle()
        assert world.counts()["Contact"] == 3

    def before(world: World) -> None:
        world.sally.create("Contact", {"LastName": "Person", "Email": EMAIL})
        world.sally.create("Contact", {"LastName": "There", "Email": "there@example.com"})
        world.person(EMAIL, jobtitle="CTO")
        world.person("here@example.com")

    tell(story, before, later_s=600, existing="link")
