"""A person takes back what was carried over: stories between two local CRMs with the production engine in between."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.undo_world import linked, plan, undo
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app import json_schemas
from interlock.app.connections import pause
from interlock.app.undo.words import WHY_LEFT
from interlock.core.model import AuditKind, LinkState, RecordKey, Side
from interlock.store import connections


def test_a_value_that_was_carried_over_goes_back_and_is_not_carried_over_again(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        assert pair.titles() == ("Countess", "Countess")

        done = await pair.undo()

        assert (done.fields, done.records, done.left) == (1, 0, [])
        assert pair.titles() == ("Clerk", "Countess")
        await world.settle()
        assert pair.titles() == ("Clerk", "Countess")

    tell(story)


@pytest.mark.parametrize("rule", ["two_way", "prefer_salesforce", "always_salesforce"])
def test_no_rule_flips_an_undone_value_back(tell: Tell, rule: str) -> None:
    async def story(world: World) -> None:
        pair = await linked(world, rule=rule)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        await pair.undo()
        world.hugo.update("contacts", pair.hubspot_id, {"phone": "+441234567890"})  # makes the pair due
        await world.settle()
        assert pair.titles() == ("Clerk", "Countess")

    tell(story)


@pytest.mark.parametrize("rule", ["prefer_hubspot", "always_hubspot"])
def test_no_rule_that_hubspot_leads_flips_it_back_either(tell: Tell, rule: str) -> None:
    async def story(world: World) -> None:
        pair = await linked(world, rule=rule)
        pair.edit(hubspot="Countess")
        await world.sync_later()
        await pair.undo()
        await world.settle()
        assert pair.titles() == ("Countess", "Clerk")

    tell(story)


def test_an_edit_after_the_undo_is_carried_over_as_ever(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        await pair.undo()
        await world.sync_later()
        pair.edit(hubspot="Analyst")
        await world.settle()
        assert pair.titles() == ("Analyst", "Analyst")

    tell(story)


def test_what_was_edited_since_is_left_and_said(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        pair.edit(hubspot="Analyst")

        done = await pair.undo()

        assert done.fields == 0
        assert [(each.why, each.property) for each in done.left] == [("edited_since", "jobtitle")]
        assert pair.titles() == ("Analyst", "Countess")
        await world.settle()
        assert pair.titles() == ("Analyst", "Analyst")

    tell(story)


def test_several_writes_in_a_row_go_back_to_what_was_there_before_the_first(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        for title in ("Countess", "Analyst", "Author"):
            pair.edit(salesforce=title)
            await world.sync_later()
        await pair.undo()
        assert pair.titles() == ("Clerk", "Author")

    tell(story)


def test_an_edit_between_two_of_our_writes_is_what_it_goes_back_to(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        pair.edit(hubspot="Analyst")
        await world.sync_later()
        pair.edit(salesforce="Author")
        await world.sync_later()
        await pair.undo()
        assert pair.titles() == ("Analyst", "Author")

    tell(story)


def test_undoing_twice_undoes_once(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        await pair.undo()
        before = world.written
        again = await pair.undo()
        assert (again.fields, again.left) == (0, [])
        assert world.written == before

    tell(story)


def test_a_value_filled_into_a_blank_is_taken_out_again(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world, title=None)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        assert pair.titles() == ("Countess", "Countess")
        await pair.undo()
        await world.settle()
        assert pair.titles() == (None, "Countess")

    tell(story)


def test_the_plan_says_the_same_and_writes_nothing(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        before = world.written

        planned = await pair.plan()

        (field,) = planned.fields
        assert (field.side, field.property, field.now, field.back_to) == (Side.HUBSPOT, "jobtitle", "Countess", "Clerk")
        assert (planned.records, planned.left) == ([], [])
        assert world.written == before
        await world.settle()
        assert pair.titles() == ("Countess", "Countess")

    tell(story)


def test_nothing_else_of_the_pair_is_carried_over_while_the_connection_is_paused(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        assert world.store is not None
        assert world.connection is not None
        await pause(world.store, world.connection, None, plan=False)
        world.sally.update("Contact", pair.salesforce_id, {"FirstName": "Augusta"})

        await pair.undo()

        assert pair.titles() == ("Clerk", "Countess")
        assert not world.hugo.get("contacts", pair.hubspot_id).get("firstname")
        await world.resume()
        await world.settle()
        assert world.hugo.get("contacts", pair.hubspot_id).get("firstname") == "Augusta"
        assert pair.titles() == ("Clerk", "Countess")

    tell(story)


def test_the_history_tells_of_the_undo_and_of_who_did_it(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        await pair.undo()
        (row,) = [row for row in await world.audit() if row.kind is AuditKind.UNDO]
        assert (row.side, row.old, row.new, row.cause) == (Side.HUBSPOT, "Countess", "Clerk", "person_undid")
        async with world.read() as tx:
            deeds = await tx.rows("SELECT actor, action FROM deed ORDER BY seq")
        assert tuple(deeds[-1]) == ("command", "undone")

    tell(story)


def test_a_choice_that_wrote_both_sides_goes_back_on_both(tell: Tell) -> None:
    from interlock.app import conflicts

    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(hubspot="Countess", salesforce="Analyst")
        await world.sync_later()
        assert world.store is not None
        assert world.connection is not None
        assert world.connection.id is not None
        lost = "Countess" if pair.titles() == ("Analyst", "Analyst") else "Analyst"
        kept = pair.titles()[0]
        keep = Side.HUBSPOT if lost == "Countess" else Side.SALESFORCE
        (found,) = (await conflicts.list_(world.store, world.connection.id)).conflicts
        await asyncio.sleep(60.0)
        since_us = world.clock_us()
        await conflicts.resolve(
            world.store, world.connection.id, found["id"], keep, now_us=world.clock_us(), plan=False
        )
        await world.sync_later()
        assert pair.titles() == (lost, lost)

        await undo(world, since_us)

        assert pair.titles() == (kept, kept)
        await world.settle()
        assert pair.titles() == (kept, kept)

    tell(story)


def test_an_opt_out_is_listed_and_never_undone(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        world.sally.update("Contact", pair.salesforce_id, {"HasOptedOutOfEmail": True})
        await world.sync_later()
        planned = await pair.plan()
        done = await pair.undo()
        assert [each.why for each in planned.left] == [each.why for each in done.left] == ["opt_out"]
        assert world.hugo.get("contacts", pair.hubspot_id)["hs_email_optout"] == "true"

    tell(story)


def test_only_what_was_shown_goes_back_and_what_a_sync_has_written_since_is_said(tell: Tell) -> None:
    async def story(world: World) -> None:
        ada = await linked(world)
        bob = world.hugo.create("contacts", {"email": "bob@example.com", "lastname": "Bob", "jobtitle": "Clerk"})
        await world.sync_later()
        ada.since_us = world.clock_us()
        ada.edit(salesforce="Countess")
        await world.sync_later()
        shown = await ada.plan()
        assert [each.back_to for each in shown.fields] == ["Clerk"]
        world.sally.update("Contact", world.counterpart("contacts", bob), {"Title": "Baron"})
        cleo = world.hugo.create("contacts", {"email": "cleo@example.com", "lastname": "Cleo"})
        await world.sync_later()
        assert (await ada.plan(up_to=shown.up_to)).fields == shown.fields
        done = await ada.undo(up_to=shown.up_to, delete_records=0)
        assert (done.fields, done.records) == (1, 0)
        assert (ada.titles()[0], world.contact(bob)["jobtitle"]) == ("Clerk", "Baron")
        assert world.counterpart("contacts", cleo) in world.sally.ids("Contact")
        assert {(each.hubspot, each.property, each.why) for each in done.left} == {
            (f"hubspot:contacts:{bob}", "jobtitle", "not_shown"),
            (f"hubspot:contacts:{cleo}", None, "not_shown"),
        }

    tell(story)


def test_a_field_that_a_sync_has_written_again_since_it_was_shown_stays(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        shown = await pair.plan()
        pair.edit(salesforce="Baroness")
        await world.sync_later()
        done = await pair.undo(up_to=shown.up_to)
        assert (done.fields, [each.why for each in done.left]) == (0, ["not_shown"])
        assert pair.titles() == ("Baroness", "Baroness")

    tell(story)


@pytest.mark.parametrize("ends", [False, True], ids=["the pair moves to the survivor", "the pair ends"])
def test_a_merge_is_listed_and_never_undone(tell: Tell, ends: bool) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        other = world.hugo.create("contacts", {"email": "ada.king@example.com", "lastname": "King"})
        if ends:
            await world.sync_later()
        since_us = world.clock_us()
        world.hugo.merge("contacts", other, pair.hubspot_id)
        await world.settle()
        assert [each.why for each in (await plan(world, since_us)).left] == ["merge"]

    tell(story)


def test_a_conversion_is_listed_and_never_undone(tell: Tell) -> None:
    async def story(world: World) -> None:
        hubspot_id = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron", "company": "Acme"})
        await world.connect()
        await world.sync_later()
        since_us = world.clock_us()
        world.sally.convert_lead(world.counterpart("contacts", hubspot_id))
        await world.settle()
        assert "conversion" in [each.why for each in (await plan(world, since_us)).left]

    tell(story, create_person_as="Lead")


def test_a_pair_that_entered_the_list_is_not_said_to_be_merged(tell: Tell) -> None:
    async def story(world: World) -> None:
        ada = await linked(world)
        list_id = world.hugo.create_list("contacts", "Customers")
        assert world.connection is not None
        assert world.connection.id is not None
        world.connection.settings = {**world.connection.settings, "inclusion": {"contacts": list_id}}
        async with world.write() as tx:
            await connections.update(tx, world.connection.id, settings=world.connection.settings)
        ada.edit(salesforce="Countess")
        await world.settle()
        world.hugo.change_list(list_id, add=[ada.hubspot_id])
        await world.settle()
        link = await world.link("contacts", ada.hubspot_id)
        assert link is not None
        assert link.state is LinkState.LINKED
        assert "merge" not in [each.why for each in (await ada.plan()).left]

    tell(story)


def test_one_record_alone_can_be_undone(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        other = world.hugo.create("contacts", {"email": "bob@example.com", "lastname": "Bob", "jobtitle": "Clerk"})
        await world.sync_later()
        pair.edit(salesforce="Countess")
        world.sally.update("Contact", world.counterpart("contacts", other), {"Title": "Count"})
        await world.sync_later()
        done = await pair.undo(key=RecordKey(Side.SALESFORCE, "Contact", pair.salesforce_id))
        assert done.fields == 1
        assert pair.titles() == ("Clerk", "Countess")
        assert world.contact(other)["jobtitle"] == "Count"

    tell(story)


@pytest.mark.parametrize("noticed", [False, True])
def test_a_pair_outside_of_the_list_is_left_and_nothing_is_undone_when_it_enters(tell: Tell, noticed: bool) -> None:
    async def story(world: World) -> None:
        ada = await linked(world)
        ada.edit(hubspot="Count")
        await world.sync_later()
        list_id = world.hugo.create_list("contacts", "Customers")
        assert world.connection is not None
        assert world.connection.id is not None
        world.connection.settings = {**world.connection.settings, "inclusion": {"contacts": list_id}}
        async with world.write() as tx:
            await connections.update(tx, world.connection.id, settings=world.connection.settings)
        if noticed:
            world.sally.update("Contact", ada.salesforce_id, {"Department": "Court"})
            await world.settle()
        planned = await ada.plan()
        assert (planned.fields, {each.why for each in planned.left}) == ([], {"not_in_list"})
        done = await ada.undo()
        assert (done.fields, {each.why for each in done.left}) == (0, {"not_in_list"})
        world.hugo.change_list(list_id, add=[ada.hubspot_id])
        await world.settle()
        link = await world.link("contacts", ada.hubspot_id)
        assert link is not None
        assert link.state is LinkState.LINKED
        assert ada.titles() == ("Count", "Count")

    tell(story)


def test_a_stage_that_hubspot_does_not_take_back_is_not_said_to_be_undone(tell: Tell) -> None:
    stages = ("subscriber", "lead", "opportunity", "customer")

    async def story(world: World) -> None:
        world.salesforce.add_custom_field("Contact", "Stage__c", "Picklist", picklist=stages)
        ada = await linked(world)
        await world.map("contacts", "lifecyclestage", "Contact", "Stage__c")
        await world.settle()
        since_us = world.clock_us()
        world.sally.update("Contact", ada.salesforce_id, {"Stage__c": "customer"})
        await world.settle()
        done = await undo(world, since_us)
        assert (done.fields, [each.why for each in done.left]) == (0, ["waiting"])
        (issue,) = await world.issues()
        assert issue.code == "NOT_TAKEN"

    tell(story)


def test_every_reason_that_something_stays_is_in_the_schema_of_the_answer() -> None:
    schema = json.dumps(json_schemas.load("undo"))
    assert json.dumps(list(WHY_LEFT)) in schema
