"""A HubSpot list limits what syncs: who is outside is left alone, who leaves rests, and who enters goes on from there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from interlock.app.explain import explain
from interlock.app.preview import plan
from interlock.app.runtime import open_cycle
from interlock.core.model import LinkState, Side
from interlock.crm.budget import HubSpotGovernor
from interlock.crm.errors import MissingScope, Unreachable
from interlock.crm.transport import NotSent, Request, Response
from interlock.engine import joined, undo_history
from interlock.engine.pace import poll_interval_s
from interlock.store import connections, cursors, unlinked
from tests.world import World

ADA, BOB = "ada@example.com", "bob@example.com"
IN_LODZ = {
    "filterBranchType": "OR",
    "filters": [],
    "filterBranches": [
        {
            "filterBranchType": "AND",
            "filterBranches": [],
            "filters": [
                {
                    "filterType": "PROPERTY",
                    "property": "city",
                    "operation": {"operationType": "MULTISTRING", "operator": "IS_EQUAL_TO", "values": ["Łódź"]},
                }
            ],
        }
    ],
}
# The first list of an account has this id.
LIMITED = {"settings": {"inclusion": {"contacts": "1"}}}


def with_list(world: World) -> None:
    world.hugo.create_list("contacts", "Customers")


def with_dynamic_list(world: World) -> None:
    world.hugo.create_list("contacts", "In Łódź", filters=IN_LODZ)


async def choose(world: World, inclusion: dict[str, str]) -> None:
    """As the settings do it."""
    assert world.connection is not None
    assert world.connection.id is not None
    async with world.write() as tx:
        settings = {**world.connection.settings, "inclusion": inclusion}
        await connections.update(tx, world.connection.id, settings=settings)


async def explained(world: World, hubspot_id: str, clients: Any) -> dict[str, Any]:
    assert world.store is not None
    assert world.connection is not None
    return await explain(world.store, world.connection, f"hubspot:contacts:{hubspot_id}", clients, world.clock_us)


async def why(world: World, hubspot_id: str) -> list[str]:
    return list((await explained(world, hubspot_id, world.clients()))["why_not"])


async def state(world: World, hubspot_id: str) -> LinkState | None:
    link = await world.link("contacts", hubspot_id)
    return link.state if link is not None else None


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
            assert found.left == []

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


class TestAnotherList:
    def test_with_no_list_any_more_who_stood_outside_syncs(self, tell):
        async def story(world: World) -> None:
            left, never = world.person(ADA), world.person(BOB)
            world.hugo.change_list("1", add=[left])
            await world.settle()
            world.hugo.change_list("1", remove=[left])
            world.hugo.update("contacts", left, {"jobtitle": "CEO"})
            await world.settle()
            await choose(world, {})
            await world.settle()
            assert world.sally.get("Contact", world.counterpart("contacts", left))["Title"] == "CEO"
            assert world.counterpart("contacts", never)

        tell(story, with_list, **LIMITED)

    def test_of_another_list_its_own_members_sync_at_once(self, tell):
        async def story(world: World) -> None:
            ada, bob = world.person(ADA), world.person(BOB)
            world.hugo.change_list("1", add=[ada])
            await world.settle()
            await choose(world, {"contacts": world.hugo.create_list("contacts", "Others", [bob])})
            await world.settle()
            assert world.counterpart("contacts", bob)
            world.hugo.update("contacts", ada, {"jobtitle": "CEO"})
            await world.settle()
            assert await state(world, ada) is LinkState.EXCLUDED

        tell(story, with_list, **LIMITED)

    @pytest.mark.parametrize("outside", [False, True])
    def test_who_was_there_at_the_set_up_and_enters_by_another_list_is_created_though_only_matches_were_to_be_linked(
        self, tell, outside
    ):
        def before(world: World) -> None:
            with_list(world)
            world.person(ADA)

        async def story(world: World) -> None:
            (ada,) = world.hugo.ids("contacts")
            await world.settle()
            assert world.sally.ids("Contact") == []
            await choose(world, {"contacts": world.hugo.create_list("contacts", "Others", [] if outside else [ada])})
            await world.settle()
            assert len(world.sally.ids("Contact")) == (0 if outside else 1)

        tell(story, before, 3_600.0, existing="link", **LIMITED)

    def test_choosing_a_list_starts_nothing(self, tell):
        async def story(world: World) -> None:
            ada = world.person(ADA)
            await world.settle()
            before = world.written
            await choose(world, {"contacts": world.hugo.create_list("contacts", "Others")})
            await world.settle()
            assert world.ours(before) == []
            assert await state(world, ada) is LinkState.LINKED

        tell(story)


class TestAListThatIsGone:
    def test_a_deleted_list_stops_its_object_and_one_issue_says_so(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            world.hugo.change_list("1", add=[here])
            await world.settle()
            world.hugo.delete_list("1")
            world.hugo.update("contacts", here, {"jobtitle": "CEO"})
            await world.settle()
            there = world.counterpart("contacts", here)
            assert world.sally.get("Contact", there)["Title"] is None
            (issue,) = await world.issues()
            assert (issue.code, issue.object) == ("inclusion_list_missing", "contacts")
            world.hugo.restore_list("1")
            await world.settle()
            assert world.sally.get("Contact", there)["Title"] == "CEO"
            assert await world.issues() == []

        tell(story, with_list, **LIMITED)

    def test_choosing_none_ends_the_issue(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            await world.settle()
            world.hugo.delete_list("1")
            await world.settle()
            assert len(await world.issues()) == 1
            await choose(world, {})
            await world.settle()
            assert await world.issues() == []
            assert world.counterpart("contacts", here)

        tell(story, with_list, **LIMITED)


class Doubting:
    """HubSpot, which for a while says of nobody, or of everybody no, when it is asked who is in a list."""

    def __init__(self, world: World, says: str) -> None:
        self._inner, self.says, self.asked = world.transport, says, 0
        world.transport = self

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await self._inner.send(request, deadline_s)
        if not request.url.endswith("/memberships/batch/read"):
            return answer
        self.asked += 1
        if self.says == "truth":
            return answer
        body = json.loads(answer.body)
        if self.says == "nothing":
            body["results"] = []
        for row in body["results"]:
            row["recordListMemberships"] = []
        answer.body = json.dumps(body).encode()
        return answer


class TestWhenHubSpotDoesNotSay:
    def test_a_record_of_which_it_says_nothing_is_left_alone_and_asked_about_again(self, tell):
        async def story(world: World) -> None:
            hubspot = Doubting(world, "nothing")
            here = world.person(ADA)
            world.hugo.change_list("1", add=[here])
            await world.sync()
            assert world.counts()["Contact"] == 0
            hubspot.says = "truth"
            await world.settle()
            assert world.counterpart("contacts", here)

        tell(story, with_list, **LIMITED)

    def test_it_is_asked_about_again_however_long_hubspot_says_nothing_and_less_and_less_often(self, tell):
        async def story(world: World) -> None:
            hubspot = Doubting(world, "nothing")
            here = world.person(ADA)
            world.hugo.change_list("1", add=[here])
            for _ in range(96):
                await world.sync_later(900)
            assert 20 < hubspot.asked < 40
            assert world.counts()["Contact"] == 0
            hubspot.says = "truth"
            await world.sync_later(3_600)
            assert world.counterpart("contacts", here)

        tell(story, with_list, **LIMITED)

    def test_a_pair_of_which_it_says_nothing_keeps_its_state(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            world.hugo.change_list("1", add=[here])
            await world.settle()
            hubspot = Doubting(world, "nothing")
            world.hugo.update("contacts", here, {"jobtitle": "CEO"})
            await world.sync()
            assert await state(world, here) is LinkState.LINKED
            hubspot.says = "truth"
            await world.settle()
            assert world.sally.get("Contact", world.counterpart("contacts", here))["Title"] == "CEO"

        tell(story, with_list, **LIMITED)

    def test_one_that_joined_and_is_denied_is_asked_about_once_more_and_then_left_until_the_daily_walk(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA)
            await world.settle()
            hubspot = Doubting(world, "no")
            world.hugo.change_list("1", add=[here])
            for _ in range(20):
                await world.sync_later(60)
            # Its stamp is young at first, so that it is looked at twice before the list has anything to do with it.
            assert hubspot.asked <= 4
            hubspot.says = "truth"
            assert world.counts()["Contact"] == 0
            await world.sync_later(86_400)
            assert world.counts()["Contact"] == 1

        tell(story, with_list, **LIMITED)

    def test_without_the_scope_nothing_syncs_and_the_scope_is_named(self, tell):
        async def story(world: World) -> None:
            world.hubspot.account.private_token = world.hubspot.issue_token(
                "crm.objects.contacts.read", "crm.objects.companies.read", "crm.objects.deals.read"
            )
            with pytest.raises(MissingScope) as refused:
                await world.sync()
            assert refused.value.scopes == ("crm.lists.read",)

        tell(story, with_list, **LIMITED)


class TestThePlaceInTheList:
    def test_a_place_that_hubspot_does_not_take_any_more_is_found_anew(self, tell):
        async def story(world: World) -> None:
            people = [world.person(f"p{n}@example.com") for n in range(150)]
            world.hugo.change_list("1", add=people[:149])
            await world.settle()
            async with world.write() as tx:
                place = await cursors.get(tx, "joined:contacts")
                assert place is not None
                assert place["tail"] is not None
                await cursors.set(tx, "joined:contacts", {**place, "tail": "worn out"})
            world.hugo.change_list("1", add=people[149:])
            await world.sync()
            await world.sync()
            assert world.counts()["Contact"] == 150

        tell(story, with_list, **LIMITED)

    def test_a_poll_reads_a_few_pages_of_a_long_list_and_the_next_one_goes_on(self, tell, monkeypatch):
        monkeypatch.setattr(joined, "PAGES_A_POLL", 2)

        async def story(world: World) -> None:
            people = [world.person(f"p{n}@example.com") for n in range(501)]
            await world.settle()
            world.hugo.change_list("1", add=people)
            made = []
            for _ in range(4):
                before = world.calls(Side.HUBSPOT, "join-order")
                await world.poll()
                assert world.calls(Side.HUBSPOT, "join-order") - before <= 2
                made.append(world.counts()["Contact"])
            assert made[0] == 200
            assert made[-1] == 501

        tell(story, with_list, **LIMITED)

    def test_a_walk_that_is_interrupted_goes_on_and_loses_nobody(self, tell):
        async def story(world: World) -> None:
            people = [world.person(f"p{n}@example.com") for n in range(301)]
            await world.settle()
            world.hugo.change_list("1", add=people)
            lane = world.transport

            class Cut:
                async def send(self, request: Request, deadline_s: float) -> Response:
                    if "join-order" in request.url and "after=" in request.url:
                        raise NotSent("the line is cut")
                    return await lane.send(request, deadline_s)

            world.transport = Cut()
            with pytest.raises(Unreachable):
                await world.sync()
            world.transport = lane
            await world.settle()
            assert world.counts()["Contact"] == 301

        tell(story, with_list, **LIMITED)


class TestWhatItCosts:
    def test_a_poll_is_paced_with_one_call_more_for_each_limited_object(self, tell, monkeypatch):
        paced: list[float] = []

        def interval(governor: HubSpotGovernor, calls_per_poll: int, upkeep: float) -> float:
            paced.append(calls_per_poll)
            return 15.0

        async def story(world: World) -> None:
            assert world.store is not None
            assert world.connection is not None
            async with open_cycle(
                world.store, world.connection, *world.clients(), world.clock_us, owner="paced"
            ) as ctx:
                with monkeypatch.context() as patched:
                    patched.setattr(HubSpotGovernor, "idle_interval_s", interval)
                    poll_interval_s(ctx)
            assert paced == [4]

        tell(story, with_list, **LIMITED)

    def test_without_a_list_nobody_asks_about_lists(self, tell):
        async def story(world: World) -> None:
            world.person(ADA)
            await world.settle()
            assert world.calls(Side.HUBSPOT, "/lists") == 0

        tell(story, with_list)

    def test_a_hundred_records_cost_one_call(self, tell):
        async def story(world: World) -> None:
            for n in range(200):
                world.person(f"p{n}@example.com")
            before = world.calls(Side.HUBSPOT, "memberships/batch/read")
            await world.sync_later()
            assert world.calls(Side.HUBSPOT, "memberships/batch/read") - before == 2

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
