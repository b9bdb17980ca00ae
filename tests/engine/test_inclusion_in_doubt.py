"""The list that limits what syncs is another, is gone, or HubSpot does not say who is in it; and what asking costs."""

from __future__ import annotations

import json

import pytest

from interlock.app.runtime import open_cycle
from interlock.core.model import LinkState, Side
from interlock.crm.budget import HubSpotGovernor
from interlock.crm.errors import MissingScope, Unreachable
from interlock.crm.transport import NotSent, Request, Response
from interlock.engine import joined
from interlock.engine.cycle import poll
from interlock.engine.pace import poll_interval_s
from interlock.store import cursors
from tests.inclusion_world import ADA, BOB, LIMITED, choose, state, with_list
from tests.world import World


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

    def test_a_deleted_list_that_is_chosen_again_is_an_issue_again(self, tell):
        async def story(world: World) -> None:
            world.hugo.delete_list("1")
            await world.settle()
            await choose(world, {})
            await world.settle()
            await choose(world, {"contacts": "1"})
            await world.settle()
            (issue,) = await world.issues()
            assert issue.code == "inclusion_list_missing"

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

    def test_the_daily_walk_of_a_long_list_is_part_of_what_idle_polling_may_use(self, tell, monkeypatch):
        upkeep: list[float] = []

        def interval(governor: HubSpotGovernor, calls_per_poll: float, upkeep_calls: float = 0.0) -> float:
            upkeep.append(upkeep_calls)
            return 15.0

        async def paced(world: World) -> float:
            assert world.store is not None
            assert world.connection is not None
            async with open_cycle(
                world.store, world.connection, *world.clients(), world.clock_us, owner="paced"
            ) as ctx:
                await poll(ctx)
                with monkeypatch.context() as patched:
                    patched.setattr(HubSpotGovernor, "idle_interval_s", interval)
                    poll_interval_s(ctx)
            return upkeep[-1]

        async def story(world: World) -> None:
            await world.settle()
            without = await paced(world)
            world.hugo.change_list("1", add=[world.person(f"p{n}@example.com") for n in range(250)])
            await world.settle()
            await world.sync_later(86_400)
            assert await paced(world) == without + 2
            # One that is not there is walked by nobody, however often it is looked for.
            world.hugo.delete_list("1")
            for _ in range(3):
                assert await paced(world) <= without + 2

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
