"""Several leads or contacts with one address: by default a pair stays and the rest is asked; or the one edited last syncs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from interlock.app.identity.review import ACCEPT, REFUSE
from interlock.core.model import RecordKey, Side
from interlock.store import undos, unlinked
from interlock.store.undos import UndoRow
from tests.engine.test_associations import STAGE, roles
from tests.engine.test_suggestions import looked, say
from tests.engine.test_undo import undo
from tests.world import World

ADA = "ada@example.com"
LATEST = {"settings": {"choices": {"duplicates": {"contacts": "latest_modified"}}}}


def contact(world: World, name: str, **more: str) -> str:
    return world.sally.create("Contact", {"LastName": name, "Email": ADA} | more)


def two_that_look_like_one(world: World) -> None:
    phone = "+44 20 7946 0018"
    world.person(ADA, firstname="Ada", lastname="Lovelace", phone=phone)
    there = {"FirstName": "Ada", "LastName": "Lovelace", "Phone": phone, "Email": "lovelace@example.org"}
    world.sally.create("Contact", there)


def test_where_nobody_chose_otherwise_a_pair_stays_and_the_second_is_a_question(tell):
    async def story(world: World) -> None:
        first = contact(world, "First")
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        contact(world, "Second", Title="CEO")
        await world.settle()
        assert world.counterpart("contacts", here) == first
        assert len(await world.issues()) == 1

    tell(story)


def test_of_two_that_were_there_before_the_one_edited_last_is_linked_and_the_other_made_nowhere(tell):
    async def before(world: World) -> None:
        world.person(ADA)
        first = contact(world, "First")
        contact(world, "Second")
        await asyncio.sleep(60)
        world.sally.update("Contact", first, {"Title": "CTO"})

    async def story(world: World) -> None:
        await before(world)
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        assert world.contact(here)["lastname"] == "First"
        assert len(world.sally.ids("Contact")) == 2
        assert await world.issues() == []

    tell(story, **LATEST)


def test_a_contact_syncs_rather_than_a_lead_that_was_edited_later(tell):
    async def story(world: World) -> None:
        lead = world.sally.create("Lead", {"LastName": "Lead", "Company": "Acme", "Email": ADA})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        there = contact(world, "Contact")
        await world.settle()
        assert world.counterpart("contacts", here) == there
        await asyncio.sleep(600)
        world.sally.update("Lead", lead, {"Title": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert world.hugo.ids("contacts") == [here]
        assert await world.issues() == []

    tell(story, **LATEST)


def test_of_two_leads_the_one_edited_last_syncs_and_the_pair_goes_over_to_the_other_and_back(tell):
    async def story(world: World) -> None:
        first = world.sally.create("Lead", {"LastName": "First", "Company": "Acme", "Email": ADA})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        await asyncio.sleep(600)
        second = world.sally.create("Lead", {"LastName": "Second", "Company": "Acme", "Email": ADA})
        await world.settle()
        assert (world.counterpart("contacts", here), world.contact(here)["lastname"]) == (second, "Second")
        await asyncio.sleep(600)
        world.sally.update("Lead", first, {"Title": "CTO"})
        await world.settle()
        assert (world.counterpart("contacts", here), world.contact(here)["lastname"]) == (first, "First")
        assert world.hugo.ids("contacts") == [here]
        assert sorted(world.sally.ids("Lead")) == sorted([first, second])
        assert await world.issues() == []

    tell(story, **LATEST)


def test_of_two_leads_that_were_there_before_the_contact_gets_the_one_edited_last(tell):
    async def story(world: World) -> None:
        first, _ = (
            world.sally.create("Lead", {"LastName": name, "Company": "Acme", "Email": ADA})
            for name in ("First", "Second")
        )
        await asyncio.sleep(60)
        world.sally.update("Lead", first, {"Title": "CTO"})
        here = world.person(ADA)
        await world.settle()
        assert (world.counterpart("contacts", here), world.contact(here)["jobtitle"]) == (first, "CTO")
        assert (world.hugo.ids("contacts"), len(world.sally.ids("Lead"))) == ([here], 2)
        assert await world.issues() == []

    tell(story, **LATEST)


def test_one_that_a_sync_had_made_gives_way_and_comes_back(tell):
    """Though it bears the key of the contact that it was made for."""

    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        made = world.counterpart("contacts", here)
        await asyncio.sleep(600)
        second = contact(world, "Second")
        await world.settle()
        assert world.counterpart("contacts", here) == second
        await asyncio.sleep(600)
        world.sally.update("Contact", made, {"Title": "CFO"})
        await world.settle()
        assert world.counterpart("contacts", here) == made
        assert await world.issues() == []
        moved = [row.cause for row in await world.audit("relink")]
        assert moved == ["edited_later", "edited_later"]

    tell(story, **LATEST)


def test_what_the_record_that_a_pair_moves_to_never_had_is_nothing_that_somebody_emptied(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "fax", "two_way")
        account = world.sally.create("Account", {"Name": "Acme"})
        contact(world, "First", Fax="030 1", AccountId=account)
        await world.settle()
        (here,), (company,) = world.hugo.ids("contacts"), world.hugo.ids("companies")
        await asyncio.sleep(600)
        second = contact(world, "Second")
        await world.settle()
        assert world.counterpart("contacts", here) == second
        assert world.contact(here)["fax"] == world.sally.get("Contact", second)["Fax"] == "030 1"
        assert list(world.hugo.associated("contacts", here, "companies")) == [company]
        assert world.sally.get("Contact", second)["AccountId"] == account
        # What is emptied in that one is.
        await asyncio.sleep(600)
        world.sally.update("Contact", second, {"Fax": None, "AccountId": None})
        await world.settle()
        assert not world.contact(here).get("fax")
        assert list(world.hugo.associated("contacts", here, "companies")) == []

    tell(story, **LATEST)


def test_what_was_typed_in_hubspot_while_the_pair_moves_is_in_the_log(tell):
    async def story(world: World) -> None:
        contact(world, "First", Title="CTO")
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        second = contact(world, "Second", Title="CEO")
        world.hugo.update("contacts", here, {"jobtitle": "Typed"})
        await world.settle()
        assert world.counterpart("contacts", here) == second
        assert world.contact(here)["jobtitle"] == world.sally.get("Contact", second)["Title"] == "CEO"
        assert "Typed" in {row.old for row in await world.audit("conflict")}

    tell(story, **LATEST)


def test_what_goes_to_the_record_that_syncs_makes_it_the_one_that_was_edited_last(tell):
    """Salesforce stamps our writes as it does those of people; what stands in the other record stays there."""

    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        first = contact(world, "First", Title="CTO")
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        second = contact(world, "Second", Title="CEO")
        world.hugo.update("contacts", here, {"jobtitle": "Typed"})
        # Both are found by one look, and go through one batch.
        await asyncio.sleep(300)
        await world.settle()
        assert world.counterpart("contacts", here) == first
        assert world.contact(here)["jobtitle"] == world.sally.get("Contact", first)["Title"] == "Typed"
        assert world.sally.get("Contact", second)["Title"] == "CEO"

    tell(story, **LATEST)


def test_an_edit_of_the_one_that_does_not_sync_while_the_other_is_edited_too_ends_with_the_later_one(tell):
    async def story(world: World) -> None:
        first, second = contact(world, "First"), contact(world, "Second")
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        await asyncio.sleep(600)
        world.sally.update("Contact", second, {"Title": "CEO"})
        await asyncio.sleep(60)
        world.sally.update("Contact", first, {"Title": "CTO"})
        await world.settle()
        assert world.counterpart("contacts", here) == first
        assert world.contact(here)["jobtitle"] == "CTO"

    tell(story, **LATEST)


def test_a_pair_that_a_person_made_stays_whoever_is_edited_later(tell):
    async def story(world: World) -> None:
        await world.settle()
        (suggestion,) = await looked(world)
        await say(world, suggestion, ACCEPT)
        await world.settle()
        (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
        assert world.counterpart("contacts", here) == there
        world.sally.update("Contact", there, {"Email": ADA})
        await world.settle()
        await asyncio.sleep(600)
        contact(world, "Later")
        await world.settle()
        assert world.counterpart("contacts", here) == there

    tell(story, two_that_look_like_one, existing="link", **LATEST)


def test_one_that_a_person_said_is_not_the_contact_stays_a_question_and_is_made_nowhere(tell):
    async def story(world: World) -> None:
        await world.settle()
        (suggestion,) = await looked(world)
        await say(world, suggestion, REFUSE)
        (here,), (refused,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
        first = contact(world, "First")
        await world.settle()
        assert world.counterpart("contacts", here) == first
        await asyncio.sleep(600)
        world.sally.update("Contact", refused, {"Email": ADA})
        before = world.written
        await world.settle()
        assert world.counterpart("contacts", here) == first
        assert world.hugo.ids("contacts") == [here]
        assert [issue.code for issue in await world.issues()] == ["match_refused"]
        assert world.ours(before) == []

    tell(story, two_that_look_like_one, existing="link", **LATEST)


def test_a_lost_database_is_rebuilt_with_the_one_that_was_edited_last(tell, tmp_path: Path):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        await asyncio.sleep(600)
        second = contact(world, "Second")
        await world.settle()
        assert world.counterpart("contacts", here) == second
        await world.lose_the_database(tmp_path / "new.db")
        await world.settle()
        assert world.counterpart("contacts", here) == second
        assert (world.hugo.ids("contacts"), len(world.sally.ids("Contact"))) == ([here], 2)

    tell(story, existing="all", **LATEST)


async def _title_replaced_and_the_pair_moved(world: World) -> tuple[str, str, str, int]:
    """Of the first we replaced a title; the second, which the pair moved to, had the new one by itself."""
    await world.rule("contacts", "jobtitle", "two_way")
    first = contact(world, "First", Title="A")
    await world.settle()
    (here,) = world.hugo.ids("contacts")
    await asyncio.sleep(600)
    since_us = world.clock_us()
    world.hugo.update("contacts", here, {"jobtitle": "B"})
    await world.settle()
    assert world.sally.get("Contact", first)["Title"] == "B"
    await asyncio.sleep(600)
    second = contact(world, "Second", Title="B")
    await world.settle()
    assert world.counterpart("contacts", here) == second
    return here, first, second, since_us


def test_an_undo_gives_the_record_that_a_pair_moved_to_nothing_that_was_replaced_on_the_other(tell):
    async def story(world: World) -> None:
        _, first, second, since_us = await _title_replaced_and_the_pair_moved(world)

        done = await undo(world, since_us)

        assert world.sally.get("Contact", second)["Title"] == "B"
        assert world.sally.get("Contact", first)["Title"] == "B"
        assert ("jobtitle", "another_record") in {(each.property, each.why) for each in done.left}

    tell(story, **LATEST)


def test_an_undo_goes_back_no_further_than_what_the_record_itself_held(tell):
    async def story(world: World) -> None:
        here, _, second, since_us = await _title_replaced_and_the_pair_moved(world)
        await asyncio.sleep(600)
        world.hugo.update("contacts", here, {"jobtitle": "C"})
        await world.settle()
        assert world.sally.get("Contact", second)["Title"] == "C"

        await undo(world, since_us)

        assert world.sally.get("Contact", second)["Title"] == "B"

    tell(story, **LATEST)


def test_an_undo_that_was_left_under_way_ends_when_its_pair_moves(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        contact(world, "First", Title="A")
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        await asyncio.sleep(600)
        world.hugo.update("contacts", here, {"jobtitle": "B"})
        await world.settle()
        link = await world.link("contacts", here)
        assert link is not None
        assert link.id is not None
        await asyncio.sleep(600)
        second = contact(world, "Second", Title="B")
        asked_us = world.clock_us()
        async with world.write() as tx:
            await undos.put(tx, [UndoRow(link.id, Side.SALESFORCE, "jobtitle", "Title", "A", "B", asked_us)])

        await world.settle()

        assert world.counterpart("contacts", here) == second
        assert world.sally.get("Contact", second)["Title"] == "B"
        async with world.read() as tx:
            assert [row.state for row in await undos.of_run(tx, asked_us, [link.id])] == ["another_record"]

    tell(story, **LATEST)


async def _a_deal_whose_contact_gave_way(world: World) -> tuple[str, str, str, str]:
    """Of Ada's pair the HubSpot record, the deal, its opportunity, and who has the role in that: no more her counterpart."""
    here = world.person(ADA)
    deal = world.hugo.create("deals", {"dealname": "Big", **STAGE})
    world.hugo.associate("deals", deal, "contacts", here)
    await world.settle()
    made, opportunity = world.counterpart("contacts", here), world.counterpart("deals", deal)
    await asyncio.sleep(600)
    second = contact(world, "Second")
    await world.settle()
    assert (world.counterpart("contacts", here), roles(world, opportunity)) == (second, {made})
    world.hugo.update("deals", deal, {"dealname": "Bigger"})
    await world.settle()
    return here, deal, opportunity, made


def test_a_deal_keeps_its_contact_when_the_one_that_has_the_role_gives_way(tell):
    async def story(world: World) -> None:
        here, deal, opportunity, made = await _a_deal_whose_contact_gave_way(world)
        assert list(world.hugo.associated("deals", deal, "contacts")) == [here]
        assert roles(world, opportunity) == {made}
        # Whoever takes the role away takes her off the deal.
        world.sally.delete("OpportunityContactRole", *world.sally.ids("OpportunityContactRole"))
        await world.settle()
        assert list(world.hugo.associated("deals", deal, "contacts")) == []

    tell(story, **LATEST)


def test_who_is_taken_off_a_deal_loses_the_role_of_the_one_that_gave_way_too(tell):
    async def story(world: World) -> None:
        here, deal, opportunity, _ = await _a_deal_whose_contact_gave_way(world)
        world.hugo.disassociate("deals", deal, "contacts", here)
        await world.settle()
        assert roles(world, opportunity) == set()
        world.hugo.associate("deals", deal, "contacts", here)
        await world.settle()
        assert roles(world, opportunity) == {world.counterpart("contacts", here)}

    tell(story, **LATEST)


def test_a_deal_keeps_its_contact_when_the_one_that_gave_way_is_deleted_with_its_role(tell):
    async def story(world: World) -> None:
        here, deal, opportunity, made = await _a_deal_whose_contact_gave_way(world)
        world.sally.delete("Contact", made)
        await world.settle()
        world.hugo.update("deals", deal, {"dealname": "Biggest"})
        await world.settle()
        assert list(world.hugo.associated("deals", deal, "contacts")) == [here]
        assert roles(world, opportunity) == {world.counterpart("contacts", here)}

    tell(story, **LATEST)


def test_a_role_of_a_contact_that_never_had_the_pair_keeps_nobody_on_a_deal(tell):
    async def story(world: World) -> None:
        _, deal, opportunity, _ = await _a_deal_whose_contact_gave_way(world)
        (role,) = world.sally.ids("OpportunityContactRole")
        stranger = world.sally.create("Contact", {"LastName": "Stranger", "Email": "stranger@example.com"})
        world.sally.create("OpportunityContactRole", {"OpportunityId": opportunity, "ContactId": stranger})
        world.sally.delete("OpportunityContactRole", role)
        await world.settle()
        assert roles(world, opportunity) == {stranger}
        assert list(world.hugo.associated("deals", deal, "contacts")) == []

    choices = LATEST["settings"]["choices"]
    tell(story, settings={"choices": choices, "salesforce_filters": {"Contact": "LastName != 'Stranger'"}})


@pytest.mark.parametrize("type_", ["Contact", "Lead"])
def test_when_the_one_that_syncs_is_deleted_the_next_takes_over_and_nothing_is_deleted_in_hubspot(tell, type_):
    async def story(world: World) -> None:
        company = {"Company": "Acme"} if type_ == "Lead" else {}
        first = world.sally.create(type_, {"LastName": "First", "Email": ADA, **company})
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        await asyncio.sleep(600)
        second = contact(world, "Second")
        await world.settle()
        assert world.counterpart("contacts", here) == second
        world.sally.delete("Contact", second)
        await world.settle()
        assert (world.hugo.ids("contacts"), world.counterpart("contacts", here)) == ([here], first)
        assert await world.issues() == []
        # The last one takes it along.
        world.sally.delete(type_, first)
        await world.settle()
        assert world.hugo.ids("contacts") == []

    tell(story, settings={"choices": {**LATEST["settings"]["choices"], "deletes": {"contacts": "in_hubspot"}}})


@pytest.mark.parametrize("deletes", ["nothing", "in_salesforce"])
def test_a_contact_that_somebody_deleted_in_hubspot_is_made_for_no_other_of_its_address(tell, deletes):
    async def story(world: World) -> None:
        first = contact(world, "First")
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        await asyncio.sleep(600)
        second = contact(world, "Second")
        await world.settle()
        assert world.counterpart("contacts", here) == second
        world.hugo.archive("contacts", here)
        await world.settle()
        world.sally.update("Contact", first, {"Title": "CTO"})
        await world.settle()
        assert world.hugo.ids("contacts") == []
        async with world.read() as tx:
            key = RecordKey(Side.SALESFORCE, "Contact", first)
            assert (await unlinked.by_keys(tx, [key]))[key].why == "counterpart_deleted"

    tell(story, settings={"choices": {**LATEST["settings"]["choices"], "deletes": {"contacts": deletes}}})
