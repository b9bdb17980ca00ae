"""A HubSpot list limits what syncs: who is outside is left alone, who leaves rests, and who enters goes on from there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from interlock.app.preview import plan
from interlock.app.runtime import open_cycle
from interlock.core.model import LinkState, Side
from interlock.engine import undo_history
from interlock.store import unlinked
from tests.inclusion_world import ADA, BOB, LIMITED, choose, explained, state, why, with_dynamic_list, with_list
from tests.world import World


class TestWhoIsOutside:
    def test_only_members_of_the_list_are_made_in_salesforce(self, tell):
        async def story(world: World) -> None:
            member, other = world.person(ADA), world.person(BOB)
            world.hugo.change_list("1", add=[member])
            await world.settle()
            assert world.sally.ids("Contact") == [world.counterpart("contacts", member)]
            assert await why(world, other) == ["not_in_list"]
            assert await world.issues() == []

        tell(story, with_list, **LIMITED)

    def test_one_that_matches_a_record_of_salesforce_is_not_linked_to_it(self, tell):
        async def story(world: World) -> None:
            there = world.sally.ids("Contact")[0]
            here = world.person(BOB, jobtitle="CTO")
            await world.settle()
            assert await world.link("contacts", here) is None
            assert world.sally.get("Contact", there)["Title"] is None
            assert world.contact(here).get("interlock_salesforce_id") is None

        def before(world: World) -> None:
            with_list(world)
            world.sally.create("Contact", {"LastName": "Old", "Email": BOB})

        tell(story, before, later_s=600, **LIMITED)

    def test_a_preview_counts_them_and_says_why(self, tell):
        async def story(world: World) -> None:
            assert world.store is not None
            assert world.connection is not None
            found = await plan(world.store, world.connection, *world.clients(), world.clock_us)
            contacts = found.objects["contacts"]
            assert contacts.blocked == {"not_in_list": 2}
            assert contacts.counts.created_in_salesforce == 1

        def before(world: World) -> None:
            with_list(world)
            people = [world.person(f"p{n}@example.com") for n in range(3)]
            world.hugo.change_list("1", add=people[:1])

        tell(story, before, existing="all", **LIMITED)

    def test_other_objects_are_not_limited_by_the_list_of_one(self, tell):
        async def story(world: World) -> None:
            company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})
            world.hugo.create("contacts", {"email": ADA, "lastname": "A", "associatedcompanyid": company})
            await world.settle()
            assert world.counterpart("companies", company)
            assert world.counts()["Contact"] == 0

        tell(story, with_list, **LIMITED)


class TestLeaving:
    def test_one_that_leaves_stays_linked_and_gets_no_updates_in_either_direction(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA, jobtitle="CTO")
            world.hugo.change_list("1", add=[here])
            await world.settle()
            there = world.counterpart("contacts", here)
            world.hugo.change_list("1", remove=[here])
            before = world.written
            world.hugo.update("contacts", here, {"jobtitle": "CEO"})
            world.sally.update("Contact", there, {"Phone": "+48 22 111 22 33"})
            await world.settle()
            assert world.ours(before) == []
            assert await state(world, here) is LinkState.EXCLUDED
            for asked in (world.clients(), None):
                document = await explained(world, here, asked)
                assert (document["eligible"], document["why_not"]) == (False, ["not_in_list"])
                assert document["link"]["state"] == "excluded"
            assert world.counterpart("contacts", here) == there
            assert [row.cause for row in await world.audit("exclude")] == ["left the list"]

        tell(story, with_list, **LIMITED)

    def test_one_that_enters_again_is_no_merge_to_an_undo(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            world.hugo.change_list("1", add=[here])
            await world.settle()
            world.hugo.change_list("1", remove=[here])
            world.hugo.update("contacts", here, {"jobtitle": "CEO"})
            await world.settle()
            since_us = world.clock_us()
            world.hugo.change_list("1", add=[here])
            await world.settle()
            assert [row.cause for row in await world.audit("relink")] == ["entered the list"]
            assert world.store is not None
            assert world.connection is not None
            assert world.connection.id is not None
            async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="test") as ctx:
                found = await undo_history.find(
                    world.store, world.connection.id, ctx.objects, since_us, world.clock_us()
                )
            assert list(found.never) == []

        tell(story, with_list, **LIMITED)

    def test_a_dynamic_list_lets_go_of_one_whose_values_changed(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA, city="Łódź")
            await world.settle()
            there = world.counterpart("contacts", here)
            assert there
            world.hugo.update("contacts", here, {"city": "Gdynia", "jobtitle": "CEO"})
            await world.settle()
            assert world.sally.get("Contact", there)["Title"] is None
            assert await state(world, here) is LinkState.EXCLUDED

        tell(story, with_dynamic_list, **LIMITED)

    def test_a_delete_of_one_that_no_look_has_found_in_a_new_list_is_not_carried_over(self, tell):
        async def story(world: World) -> None:
            ada, bob = world.person(ADA), world.person(BOB)
            world.hugo.change_list("1", add=[ada, bob])
            await world.settle()
            there = world.counterpart("contacts", ada)
            world.hugo.create_list("contacts", "VIPs")
            world.hugo.change_list("2", add=[bob])
            await asyncio.sleep(3_600)
            await choose(world, {"contacts": "2"})
            await world.settle()
            world.hugo.update("contacts", bob, {"jobtitle": "CEO"})
            await world.settle()
            world.hugo.archive("contacts", ada)
            world.hugo.archive("contacts", bob)
            await world.settle()
            assert world.sally.ids("Contact") == [there]
            assert await state(world, ada) is LinkState.HUBSPOT_DELETED

        settings = LIMITED["settings"] | {"choices": {"deletes": {"contacts": "both"}}}
        tell(story, with_list, settings=settings)

    def test_a_delete_of_one_that_left_while_no_list_was_chosen_is_not_carried_over_by_the_old_one_chosen_again(
        self, tell
    ):
        async def story(world: World) -> None:
            ada = world.person(ADA)
            world.hugo.change_list("1", add=[ada])
            await world.settle()
            there = world.counterpart("contacts", ada)
            await choose(world, {})
            await world.settle()
            world.hugo.update("contacts", ada, {"jobtitle": "CEO"})
            await world.settle()
            world.hugo.change_list("1", remove=[ada])
            await asyncio.sleep(3_600)
            await choose(world, {"contacts": "1"})
            await world.settle()
            world.hugo.archive("contacts", ada)
            await world.settle()
            assert world.sally.ids("Contact") == [there]

        settings = LIMITED["settings"] | {"choices": {"deletes": {"contacts": "both"}}}
        tell(story, with_list, settings=settings)

    def test_a_delete_of_one_that_left_is_still_seen(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            world.hugo.change_list("1", add=[here])
            await world.settle()
            world.hugo.change_list("1", remove=[here])
            world.hugo.update("contacts", here, {"jobtitle": "CEO"})
            await world.settle()
            world.sally.delete("Contact", world.counterpart("contacts", here))
            await world.settle()
            assert await state(world, here) is LinkState.SALESFORCE_DELETED

        tell(story, with_list, **LIMITED)

    def test_an_opt_out_of_one_outside_is_not_carried_over(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            world.hugo.change_list("1", add=[here])
            await world.settle()
            there = world.counterpart("contacts", here)
            world.hugo.change_list("1", remove=[here])
            world.hugo.opt_out(ADA)
            await world.settle()
            assert not world.sally.get("Contact", there)["HasOptedOutOfEmail"]
            world.hugo.change_list("1", add=[here])
            await world.settle()
            assert world.sally.get("Contact", there)["HasOptedOutOfEmail"]

        tell(story, with_list, **LIMITED)


class TestEntering:
    def test_one_that_enters_is_made_although_nothing_else_of_it_changed(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            await world.settle()
            assert world.counts()["Contact"] == 0
            world.hugo.change_list("1", add=[here])
            await world.sync()
            assert world.counts()["Contact"] == 1
            await world.settle()

        tell(story, with_list, **LIMITED)

    def test_one_that_was_there_before_the_connection_and_enters_is_made(self, tell):
        async def story(world: World) -> None:
            await world.settle()
            assert world.counts()["Contact"] == 0
            world.hugo.change_list("1", add=world.hugo.ids("contacts")[:1])
            await world.settle()
            assert world.counts()["Contact"] == 1

        def before(world: World) -> None:
            with_list(world)
            world.person(ADA)
            world.person(BOB)

        tell(story, before, later_s=3_600, **LIMITED)

    def test_one_that_enters_before_the_first_sync_of_a_connection_is_made(self, tell):
        async def story(world: World) -> None:
            await asyncio.sleep(3_600)
            world.hugo.change_list("1", add=world.hugo.ids("contacts"))
            await asyncio.sleep(3_600)
            await world.settle()
            assert world.counts()["Contact"] == 1

        def before(world: World) -> None:
            with_list(world)
            world.person(ADA)

        tell(story, before, later_s=3_600, **LIMITED)

    def test_members_from_before_a_list_was_chosen_are_no_news(self, tell):
        async def story(world: World) -> None:
            await world.settle()
            list_id = world.hugo.create_list("contacts", "Others", world.hugo.ids("contacts"))
            await asyncio.sleep(3_600)
            await choose(world, {"contacts": list_id})
            await world.settle()
            assert world.counts()["Contact"] == 0

        tell(story, lambda world: world.person(ADA), later_s=3_600)

    def test_members_from_before_a_list_was_chosen_once_more_are_no_news(self, tell):
        def before(world: World) -> None:
            with_list(world)
            world.person(ADA)

        async def story(world: World) -> None:
            await world.settle()
            await choose(world, {})
            await world.settle()
            world.hugo.change_list("1", add=world.hugo.ids("contacts"))
            await asyncio.sleep(3_600)
            await choose(world, {"contacts": "1"})
            await world.settle()
            assert world.counts()["Contact"] == 0
            # Who joins from then on is.
            world.hugo.change_list("1", remove=world.hugo.ids("contacts"))
            await asyncio.sleep(3_600)
            world.hugo.change_list("1", add=world.hugo.ids("contacts"))
            await world.settle()
            assert world.counts()["Contact"] == 1

        tell(story, before, later_s=3_600, **LIMITED)

    def test_members_from_before_the_connection_are_no_news(self, tell):
        async def story(world: World) -> None:
            await world.settle()
            assert world.counts()["Contact"] == 0

        def before(world: World) -> None:
            with_list(world)
            world.hugo.change_list("1", add=[world.person(ADA)])

        tell(story, before, later_s=3_600, **LIMITED)

    def test_one_that_enters_again_brings_what_both_sides_changed_meanwhile(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA, jobtitle="CTO")
            world.hugo.change_list("1", add=[here])
            await world.settle()
            there = world.counterpart("contacts", here)
            world.hugo.change_list("1", remove=[here])
            world.sally.update("Contact", there, {"Title": "CEO"})
            world.hugo.update("contacts", here, {"phone": "+48 22 111 22 33"})
            await world.settle()
            assert world.contact(here)["jobtitle"] == "CTO"
            world.hugo.change_list("1", add=[here])
            await world.settle()
            assert world.contact(here)["jobtitle"] == "CEO"
            assert world.sally.get("Contact", there)["Phone"] == "+48 22 111 22 33"
            assert await state(world, here) is LinkState.LINKED

        tell(story, with_list, **LIMITED)

    def test_a_dynamic_list_that_notices_late_is_noticed_when_it_does(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            await world.settle()
            world.hugo.update("contacts", here, {"city": "Łódź"})
            await world.sync()
            assert world.counts()["Contact"] == 0
            await asyncio.sleep(90)
            await world.sync()
            assert world.counts()["Contact"] == 1

        tell(story, with_dynamic_list, hubspot={"list_lag_ms": 60_000}, **LIMITED)

    def test_who_enters_beyond_the_first_page_is_noticed_and_looking_costs_one_call(self, tell):
        async def story(world: World) -> None:
            people = [world.person(f"p{n}@example.com") for n in range(251)]
            world.hugo.change_list("1", add=people[:250])
            await world.settle()
            before = world.calls(Side.HUBSPOT, "join-order")
            await world.sync()
            assert world.calls(Side.HUBSPOT, "join-order") - before == 1
            world.hugo.change_list("1", add=people[250:])
            await world.sync()
            assert world.counts()["Contact"] == 251

        tell(story, with_list, **LIMITED)

    def test_leaving_and_entering_unnoticed_changes_nothing(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            world.hugo.change_list("1", add=[here])
            await world.settle()
            before = world.written
            world.hugo.change_list("1", remove=[here])
            world.hugo.change_list("1", add=[here])
            await world.settle()
            assert world.ours(before) == []
            assert await state(world, here) is LinkState.LINKED

        tell(story, with_list, **LIMITED)


class TestFromSalesforce:
    def test_a_new_record_of_salesforce_still_makes_its_contact_which_then_rests(self, tell):
        async def story(world: World) -> None:
            there = world.sally.create("Contact", {"LastName": "New", "Email": ADA, "Title": "CTO"})
            await world.settle()
            (here,) = world.hugo.ids("contacts")
            assert world.contact(here)["jobtitle"] == "CTO"
            world.sally.update("Contact", there, {"Title": "CEO"})
            await world.settle()
            assert world.contact(here)["jobtitle"] == "CTO"
            assert await state(world, here) is LinkState.EXCLUDED
            world.hugo.change_list("1", add=[here])
            await world.settle()
            assert world.contact(here)["jobtitle"] == "CEO"

        tell(story, with_list, **LIMITED)

    def test_a_new_record_of_salesforce_lands_on_the_contact_it_matches_and_gets_nothing_back(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA, jobtitle="CTO", phone="+48 22 111 22 33")
            await world.settle()
            there = world.sally.create("Contact", {"LastName": "Landed", "Email": ADA, "Title": "CEO"})
            await world.settle()
            assert world.counterpart("contacts", here) == there
            assert (world.contact(here)["lastname"], world.contact(here)["jobtitle"]) == ("Landed", "CEO")
            assert world.sally.get("Contact", there)["Phone"] is None
            assert await state(world, here) is LinkState.EXCLUDED
            world.hugo.change_list("1", add=[here])
            await world.settle()
            assert world.sally.get("Contact", there)["Phone"] == "+48 22 111 22 33"

        tell(story, with_list, **LIMITED)

    def test_an_old_record_of_salesforce_does_not_land_on_a_contact_outside(self, tell):
        async def story(world: World) -> None:
            (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
            world.sally.update("Contact", there, {"Title": "CEO"})
            await world.settle()
            assert "jobtitle" not in world.contact(here)
            assert await world.link("contacts", here) is None
            world.hugo.change_list("1", add=[here])
            await world.settle()
            assert world.contact(here)["jobtitle"] == "CEO"

        def before(world: World) -> None:
            with_list(world)
            world.person(ADA)
            world.sally.create("Contact", {"LastName": "Person", "Email": ADA})

        tell(story, before, later_s=3_600, **LIMITED)

    def test_an_old_record_of_salesforce_whose_match_outside_has_another_address_by_now_is_made_within_a_day(
        self, tell
    ):
        async def story(world: World) -> None:
            (here,), (there,) = world.hugo.ids("contacts"), world.sally.ids("Contact")
            world.sally.update("Contact", there, {"Title": "CEO"})
            await world.settle()
            world.hugo.update("contacts", here, {"email": BOB})
            await world.settle()
            assert world.counts()["contacts"] == 1
            await world.sync_later(86_400)
            await world.settle()
            (made,) = set(world.hugo.ids("contacts")) - {here}
            assert world.counterpart("contacts", made) == there

        def before(world: World) -> None:
            with_list(world)
            world.person(ADA)
            world.sally.create("Contact", {"LastName": "Person", "Email": ADA})

        tell(story, before, later_s=3_600, **LIMITED)

    def test_where_nothing_is_created_in_hubspot_a_new_record_does_not_land_either(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            await world.settle()
            world.sally.create("Contact", {"LastName": "Landed", "Email": ADA})
            await world.settle()
            assert await world.link("contacts", here) is None
            assert world.contact(here)["lastname"] == "Person"

        tell(story, with_list, settings={"inclusion": {"contacts": "1"}, "create_in_hubspot": {"contacts": False}})

    def test_pairs_outside_are_pairs_again_after_the_database_is_lost_and_still_rest(self, tell):
        async def story(world: World) -> None:
            there = world.sally.create("Contact", {"LastName": "New", "Email": ADA})
            await world.settle()
            (here,) = world.hugo.ids("contacts")
            await world.lose_the_database(world.path.with_name("new.db"))
            world.sally.update("Contact", there, {"Title": "CEO"})
            before = world.written
            await world.settle()
            assert await state(world, here) is LinkState.EXCLUDED
            assert world.ours(before) == []
            assert world.counts()["contacts"] == 1

        tell(story, with_list, **LIMITED)


def test_a_company_outside_is_still_what_its_contacts_point_to(tell):
    async def story(world: World) -> None:
        company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.example"})
        world.hugo.change_list("1", add=[company])
        await world.settle()
        world.hugo.change_list("1", remove=[company])
        world.hugo.update("companies", company, {"phone": "+48 22 111 22 33"})
        await world.settle()
        here = world.hugo.create("contacts", {"email": ADA, "lastname": "A", "associatedcompanyid": company})
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["AccountId"] == world.counterpart("companies", company)

    def before(world: World) -> None:
        world.hugo.create_list("companies", "Accounts")

    tell(story, before, settings={"inclusion": {"companies": "1"}})


def test_a_deal_outside_gets_no_contact_roles(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        deal = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"})
        world.hugo.change_list("1", add=[deal])
        await world.settle()
        world.hugo.change_list("1", remove=[deal])
        world.hugo.associate("deals", deal, "contacts", here)
        world.hugo.update("deals", deal, {"dealname": "Bigger"})
        await world.settle()
        assert world.counts()["OpportunityContactRole"] == 0
        world.hugo.change_list("1", add=[deal])
        await world.settle()
        assert world.counts()["OpportunityContactRole"] == 1

    def before(world: World) -> None:
        world.hugo.create_list("deals", "Pipeline")

    tell(story, before, settings={"inclusion": {"deals": "1"}})


@pytest.mark.parametrize("existing", ["link", "all"])
def test_the_first_load_leaves_alone_who_is_outside(tell, existing: str):
    async def story(world: World) -> None:
        await world.settle()
        member, other = sorted(world.hugo.ids("contacts"), key=int)
        assert bool(world.counterpart("contacts", member)) == (existing == "all")
        assert world.counterpart("contacts", other) == ""
        async with world.read() as tx:
            counts: dict[str, Any] = (await unlinked.counts(tx))["contacts"]
        # Both halves of the pair that is not made.
        assert counts["not_in_list"] == 2

    def before(world: World) -> None:
        with_list(world)
        world.hugo.change_list("1", add=[world.person(ADA)])
        world.person(BOB)
        world.sally.create("Contact", {"LastName": "Person", "Email": BOB})

    tell(story, before, later_s=600, existing=existing, **LIMITED)
