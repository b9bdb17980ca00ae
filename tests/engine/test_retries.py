"""What was refused is tried again by itself: the cause often ends without any change of the record."""

from __future__ import annotations

import asyncio

from interlock.app.issues import ignore, resync
from interlock.app.runtime import open_cycle
from interlock.core.model import Issue, Side
from interlock.engine.cycle import poll, work_off
from tests.engine.test_late_landings import Slow
from tests.world import World

MINUTE_S = 60.0
DAY_US = 86_400_000_000


async def polled(world: World) -> None:
    """One tick of a dispatcher, and what came due by it."""
    assert world.store is not None
    assert world.connection is not None
    async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="test") as ctx:
        await poll(ctx)
        for runtime in ctx.objects.values():
            await work_off(ctx, runtime)


async def polled_after(world: World, minutes: float) -> None:
    await asyncio.sleep(minutes * MINUTE_S)
    await polled(world)


def refused(world: World, **rule: str) -> None:
    world.salesforce.add_validation_rule(
        "Contact", lambda row: row.get("Title") == "bad", "Titles must be good", **rule
    )


def corrected(world: World) -> None:
    world.salesforce.org.rules.validations.clear()


async def the_issue(world: World) -> Issue:
    (issue,) = await world.issues()
    return issue


async def refused_contact(world: World) -> str:
    await world.rule("contacts", "jobtitle", "two_way")
    here = world.person("ada@example.com")
    await world.settle()
    refused(world)
    world.hugo.update("contacts", here, {"jobtitle": "bad"})
    await world.settle()
    return here


def title(world: World, here: str) -> str | None:
    value: str | None = world.sally.get("Contact", world.counterpart("contacts", here))["Title"]
    return value


def test_a_value_that_a_rule_of_the_org_refused_arrives_within_twenty_minutes_of_the_rule_being_corrected(tell):
    async def story(world: World) -> None:
        here = await refused_contact(world)
        await polled_after(world, 21)
        assert title(world, here) is None
        corrected(world)
        await polled_after(world, 19)
        assert title(world, here) is None
        await polled_after(world, 2)
        assert title(world, here) == "bad"
        assert await world.issues() == []

    tell(story)


def test_a_record_that_could_not_be_created_is_tried_again_too(tell):
    async def story(world: World) -> None:
        refused(world)
        here = world.person("ada@example.com", jobtitle="bad")
        await world.settle()
        assert world.counterpart("contacts", here) == ""
        corrected(world)
        await polled_after(world, 21)
        assert title(world, here) == "bad"
        assert await world.issues() == []

    tell(story)


def test_after_ten_tries_every_twenty_minutes_it_is_tried_at_midnight_and_goes_on_so(tell):
    async def story(world: World) -> None:
        here = await refused_contact(world)
        for tries in range(2, 11):
            await polled_after(world, 21)
            assert (await the_issue(world)).tries == tries
        issue = await the_issue(world)
        assert issue.next_try_us is not None
        await polled_after(world, 21)
        eleventh = await the_issue(world)
        assert eleventh.tries == 11
        assert eleventh.next_try_us == (eleventh.last_seen_us // DAY_US + 1) * DAY_US
        sent = world.sent(Side.SALESFORCE)
        await polled_after(world, 21)
        assert world.sent(Side.SALESFORCE) == sent
        corrected(world)
        await asyncio.sleep((eleventh.next_try_us - world.clock_us()) / 1_000_000 + 1)
        await polled(world)
        assert title(world, here) == "bad"
        assert await world.issues() == []

    tell(story)


def test_an_issue_that_comes_back_after_it_was_over_begins_its_tries_anew(tell):
    async def story(world: World) -> None:
        here = await refused_contact(world)
        await polled_after(world, 21)
        assert (await the_issue(world)).tries == 2
        world.hugo.update("contacts", here, {"jobtitle": "fine"})
        await world.settle()
        assert await world.issues() == []
        world.hugo.update("contacts", here, {"jobtitle": "bad"})
        await world.settle()
        issue = await the_issue(world)
        assert (issue.tries, issue.next_try_us) == (1, issue.last_seen_us + 20 * 60 * 1_000_000)

    tell(story)


def test_with_three_quarters_of_the_allocation_used_nothing_is_tried_again_and_changes_still_go(tell):
    async def story(world: World) -> None:
        here = await refused_contact(world)
        other = world.person("bob@example.com")
        corrected(world)
        await asyncio.sleep(21 * MINUTE_S)
        assert world.store is not None
        assert world.connection is not None
        hubspot, salesforce = world.clients()
        for _ in range(60):
            await salesforce.governor.admit("fetch")
        salesforce.governor._fixed_allocation = 80
        async with open_cycle(world.store, world.connection, hubspot, salesforce, world.clock_us, owner="test") as ctx:
            await poll(ctx)
        assert title(world, here) is None
        assert world.counterpart("contacts", other)
        await polled(world)
        await polled(world)
        assert title(world, here) == "bad"

    tell(story)


def test_what_a_person_ignores_is_not_tried_again(tell):
    async def story(world: World) -> None:
        await refused_contact(world)
        issue = await the_issue(world)
        assert world.store is not None
        assert world.connection is not None
        assert world.connection.id is not None
        await ignore(world.store, world.connection.id, [issue])
        sent = world.sent(Side.SALESFORCE)
        await polled_after(world, 60)
        assert world.sent(Side.SALESFORCE) == sent

    tell(story)


def test_a_question_ends_with_its_answer_although_the_new_pair_is_refused_as_a_whole(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        twins = [world.sally.create("Contact", {"LastName": "P", "Email": "ada@example.com"}) for _ in range(2)]
        world.person("ada@example.com", jobtitle="bad")
        await world.settle()
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}
        refused(world)
        world.sally.delete("Contact", twins[1])
        await world.settle()
        assert {issue.code for issue in await world.issues()} == {"FIELD_CUSTOM_VALIDATION_EXCEPTION"}

    tell(story)


def test_what_a_person_asks_for_while_a_request_may_still_land_is_done_afterwards(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "firstname", "two_way")
        here = await refused_contact(world)
        # A write of another field is on its way when the rule is corrected and the person asks for the refused one.
        world.transport = Slow(world.transport, "salesforce.local", "Augusta", late_s=540.0)
        world.hugo.update("contacts", here, {"firstname": "Augusta"})
        await world.sync_later()
        corrected(world)
        assert world.store is not None
        assert world.connection is not None
        assert world.connection.id is not None
        await resync(world.store, world.connection.id, await world.issues(), world.clock_us())
        await world.settle()
        assert title(world, here) == "bad"
        assert await world.issues() == []

    tell(story)
