"""Automation that rewrites what is saved: it converges, or ends in an issue after a bounded number of writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from interlock.core.model import Side
from tests.world import World

RULES = ("prefer_salesforce", "always_salesforce", "two_way", "prefer_hubspot", "always_hubspot")
WRITES_MOST = 20  # to both sides together, in a day: a tug of war without end takes thousands


def rewriting(field: str, rewrite: Callable[[Mapping[str, Any]], Any]) -> Callable[[World], None]:
    def before(world: World) -> None:
        world.salesforce.add_automation("Contact", field, rewrite)

    return before


async def a_day_of(world: World) -> int:
    """How many writes Interlock does until all is quiet."""
    before = world.sent(Side.HUBSPOT) + world.sent(Side.SALESFORCE)
    for _ in range(20):
        await world.sync_later(60.0)
    await world.settle()
    return world.sent(Side.HUBSPOT) + world.sent(Side.SALESFORCE) - before


@pytest.mark.parametrize("rule", RULES)
def test_a_flow_that_tidies_a_value_up_converges_under_every_rule(tell, rule):
    """CTO becomes cto on save, whoever saves: the same twice over."""

    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        await world.rule("contacts", "jobtitle", rule)
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        assert await a_day_of(world) <= WRITES_MOST
        if rule == "two_way":
            assert world.contact(here)["jobtitle"] == world.sally.get("Contact", there)["Title"] == "cto"
        world.sally.update("Contact", there, {"Title": "CEO"})
        assert await a_day_of(world) <= WRITES_MOST

    tell(story, before=rewriting("Title", lambda row: (row.get("Title") or "").lower() or None))


def test_what_a_write_replaced_is_logged_though_its_process_died_and_a_flow_made_of_it_what_had_been_there(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "always_hubspot")
        ada, bob = world.person("ada@example.com", jobtitle="CTO"), world.person("bob@example.com")
        await world.settle()
        theirs, other = world.counterpart("contacts", ada), world.counterpart("contacts", bob)
        assert world.sally.get("Contact", theirs)["Title"] == "cto"
        world.hugo.update("contacts", ada, {"jobtitle": "Cto"})
        world.sally.update("Contact", other, {"FirstName": "Bob"})
        world.between_read_and_write(Side.SALESFORCE, lambda: world.sally.update("Contact", theirs, {"Title": "ceo"}))
        reached, _ = world.freeze_at("/contacts/batch/update")
        syncing = asyncio.ensure_future(world.sync())
        await reached.wait()
        syncing.cancel()
        world.rewire()
        await world.sync_later(3_600.0)
        await world.settle()
        assert world.sally.get("Contact", theirs)["Title"] == "cto"
        assert "ceo" in {row.old for row in await world.audit("conflict")}

    tell(story, before=rewriting("Title", lambda row: (row.get("Title") or "").lower() or None))


@pytest.mark.parametrize("rule", RULES)
def test_a_flow_that_never_lets_a_value_be_ends_in_an_issue_or_in_peace(tell, rule):
    """It appends an exclamation mark to whatever is saved."""

    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        await world.rule("contacts", "jobtitle", rule)
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"jobtitle": "CTO", "phone": "1"})
        assert await a_day_of(world) <= WRITES_MOST
        # The fields that nobody fights over are through.
        assert world.sally.get("Contact", there)["Phone"] == "1"
        same = (world.contact(here).get("jobtitle") or "") == (world.sally.get("Contact", there)["Title"] or "")
        assert same or {issue.code for issue in await world.issues()} <= {"oscillating"}

    tell(story, before=rewriting("Title", lambda row: f"{row['Title']}!"[:100] if row.get("Title") else None))


def test_a_flow_that_always_sets_the_same_value_wins_in_salesforce_and_is_told(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com")
        await world.settle()
        await world.rule("contacts", "jobtitle", "always_hubspot")
        there = world.counterpart("contacts", here)
        for number in range(12):
            world.hugo.update("contacts", here, {"jobtitle": f"T{number}"})
            await world.sync_later(60.0)
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "Fixed"
        assert world.sent(Side.SALESFORCE) < 30

    tell(story, before=rewriting("Title", lambda row: "Fixed"))
