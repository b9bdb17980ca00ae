"""A condition in SOQL limits which Salesforce records sync: who is outside is left alone, who leaves rests, who enters goes on."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.app.explain import explain
from interlock.app.preview import plan
from interlock.app.runtime import open_cycle
from interlock.core.model import LinkState, Side
from interlock.crm.budget import SalesforceGovernor
from interlock.engine import filtered, second_look
from interlock.engine.cycle import poll
from interlock.engine.pace import poll_interval_s
from interlock.store import connections, unlinked
from tests.inclusion_world import ADA, BOB, state
from tests.inclusion_world import explained as explained_here
from tests.world import World

CEOS = {"Contact": "Department = 'Board' OR Department = 'CEO\\'s office'"}
SYNC_USER = "integration@example.com"
LIMITED: dict[str, Any] = {"settings": {"salesforce_filters": CEOS}}
CUSTOMERS: dict[str, Any] = {"settings": {"salesforce_filters": {"Contact": "Account.Type = 'Customer'"}}}


def contact(world: World, email: str, **fields: Any) -> str:
    return world.sally.create("Contact", {"LastName": "Person", "Email": email} | fields)


def see(world: World, field: str, may: bool) -> None:
    world.salesforce.set_field_permission(SYNC_USER, "Contact", field, read=may, edit=may)


async def choose(world: World, filters: dict[str, str]) -> None:
    assert world.connection is not None
    assert world.connection.id is not None
    async with world.write() as tx:
        settings = {**world.connection.settings, "salesforce_filters": filters}
        await connections.update(tx, world.connection.id, settings=settings)


async def why_there(world: World, salesforce_id: str) -> list[str]:
    assert world.store is not None
    assert world.connection is not None
    key = f"salesforce:Contact:{salesforce_id}"
    return list((await explain(world.store, world.connection, key, world.clients(), world.clock_us))["why_not"])


class TestWhoIsOutside:
    def test_only_records_that_fit_are_made_in_hubspot(self, tell):
        async def story(world: World) -> None:
            inside = [
                contact(world, ADA, Department="Board"),
                contact(world, "c@example.com", Department="CEO's office"),
            ]
            outside = contact(world, BOB, Department="Sales")
            await world.settle()
            made = [world.contact(each)["interlock_salesforce_id"] for each in world.hugo.ids("contacts")]
            assert sorted(made) == sorted(inside)
            assert await why_there(world, outside) == ["outside_filter"]
            assert await world.issues() == []

        tell(story, **LIMITED)

    def test_a_hubspot_contact_that_matches_one_outside_is_neither_linked_nor_made_again(self, tell):
        async def story(world: World) -> None:
            here = world.person(BOB, jobtitle="CTO")
            await world.settle()
            (there,) = world.sally.ids("Contact")
            assert world.sally.get("Contact", there)["Title"] is None
            assert await world.link("contacts", here) is None
            assert (await explained_here(world, here, world.clients()))["why_not"] == ["outside_filter", "waiting"]
            assert world.contact(here).get("interlock_salesforce_id") is None
            # It enters, and they are one.
            world.sally.update("Contact", there, {"Department": "Board"})
            await world.settle()
            assert world.counterpart("contacts", here) == there
            assert world.sally.get("Contact", there)["Title"] == "CTO"
            assert world.counts()["contacts"] == world.counts()["Contact"] == 1

        tell(story, lambda world: contact(world, BOB), later_s=3_600, **LIMITED)

    def test_a_hubspot_contact_whose_match_outside_has_another_address_by_now_is_made_within_a_day(self, tell):
        async def story(world: World) -> None:
            here = world.person(BOB, jobtitle="CTO")
            await world.settle()
            (there,) = world.sally.ids("Contact")
            world.sally.update("Contact", there, {"Email": "robert@example.com"})
            await world.settle()
            assert world.counts()["Contact"] == 1
            await world.sync_later(86_400)
            await world.settle()
            assert world.counts()["Contact"] == 2
            assert world.counterpart("contacts", here) not in (None, there)

        tell(story, lambda world: contact(world, BOB), later_s=3_600, **LIMITED)

    def test_of_many_whose_matches_are_outside_some_are_looked_at_again_each_day_and_all_within_some_days(
        self, tell, monkeypatch
    ):
        monkeypatch.setattr(second_look, "PAGE_ROWS", 2)
        monkeypatch.setattr(second_look, "MOST_A_DAY", 3)
        people = [f"p{n}@example.com" for n in range(8)]

        async def story(world: World) -> None:
            for each in people:
                world.person(each)
            await world.settle()
            looked: dict[int, int] = {}
            for day in range(1, 4):
                before = await _looked_at(world)
                for _ in range(4):
                    await world.sync_later(86_400 / 4)
                now = await _looked_at(world)
                looked[day] = sum(now[key] > before[key] for key in now)
            assert looked[1] <= 3
            assert sum(looked.values()) >= 8
            assert max(looked.values()) <= 3

        async def _looked_at(world: World) -> dict[str, int]:
            async with world.read() as tx:
                found = await unlinked.on_side(tx, "contacts", Side.HUBSPOT, "", 100)
            return {each.key.id: each.seen_us for each in found}

        def before(world: World) -> None:
            for each in people:
                contact(world, each)

        tell(story, before, later_s=3_600, **LIMITED)

    def test_a_new_hubspot_contact_is_still_made_in_salesforce_and_rests_from_its_next_change_on(self, tell):
        async def story(world: World) -> None:
            here = world.person(ADA, jobtitle="CTO")
            await world.settle()
            there = world.counterpart("contacts", here)
            assert world.sally.get("Contact", there)["Title"] == "CTO"
            world.hugo.update("contacts", here, {"phone": "+48 22 111 22 33"})
            await world.settle()
            assert world.sally.get("Contact", there)["Phone"] is None
            assert await state(world, here) is LinkState.EXCLUDED
            world.sally.update("Contact", there, {"Department": "Board"})
            await world.settle()
            assert world.sally.get("Contact", there)["Phone"] == "+48 22 111 22 33"

        tell(story, **LIMITED)

    def test_other_types_and_objects_are_not_limited(self, tell):
        async def story(world: World) -> None:
            world.sally.create("Lead", {"LastName": "L", "Company": "Acme", "Email": ADA})
            world.sally.create("Account", {"Name": "Acme"})
            await world.settle()
            assert world.counts()["contacts"] == world.counts()["companies"] == 1

        tell(story, **LIMITED)

    @pytest.mark.parametrize("existing", ["link", "all"])
    def test_the_first_load_leaves_alone_who_is_outside(self, tell, existing):
        def before(world: World) -> None:
            for n in range(3):
                contact(world, f"p{n}@example.com", Department="Board" if n else "Sales")
                world.person(f"p{n}@example.com")

        async def story(world: World) -> None:
            await world.settle()
            linked = [bool(world.contact(each).get("interlock_salesforce_id")) for each in world.hugo.ids("contacts")]
            assert sorted(linked) == [False, True, True]
            assert world.counts()["contacts"] == world.counts()["Contact"] == 3
            async with world.read() as tx:
                # Both halves of the pair that is not made.
                assert (await unlinked.counts(tx))["contacts"]["outside_filter"] == 2

        tell(story, before, later_s=3_600, existing=existing, **LIMITED)

    def test_a_preview_counts_them_and_says_why(self, tell):
        async def story(world: World) -> None:
            assert world.store is not None
            assert world.connection is not None
            found = (await plan(world.store, world.connection, *world.clients(), world.clock_us)).objects["contacts"]
            assert found.blocked == {"outside_filter": 1}
            assert found.counts.created_in_hubspot == 1

        def before(world: World) -> None:
            contact(world, ADA, Department="Board")
            contact(world, BOB)

        tell(story, before, existing="all", **LIMITED)


class TestLeavingAndEntering:
    def test_one_that_leaves_keeps_its_pair_and_gets_no_updates_in_either_direction(self, tell):
        async def story(world: World) -> None:
            there = contact(world, ADA, Department="Board", Title="CTO")
            await world.settle()
            (here,) = world.hugo.ids("contacts")
            before = world.written
            world.sally.update("Contact", there, {"Department": "Sales", "Title": "CEO"})
            world.hugo.update("contacts", here, {"phone": "+48 22 111 22 33"})
            await world.settle()
            assert world.ours(before) == []
            assert await state(world, here) is LinkState.EXCLUDED
            for asked in (world.clients(), None):
                document = await explained_here(world, here, asked)
                assert (document["eligible"], document["why_not"]) == (False, ["outside_filter"])
            assert [row.cause for row in await world.audit("exclude")] == ["left the filter"]
            world.sally.update("Contact", there, {"Department": "Board"})
            await world.settle()
            assert world.contact(here)["jobtitle"] == "CEO"
            assert world.sally.get("Contact", there)["Phone"] == "+48 22 111 22 33"
            assert [row.cause for row in await world.audit("relink")] == ["entered the filter"]

        tell(story, **LIMITED)

    def test_an_opt_out_of_one_outside_is_not_carried_over_until_it_enters(self, tell):
        async def story(world: World) -> None:
            there = contact(world, ADA, Department="Board")
            await world.settle()
            world.sally.update("Contact", there, {"Department": "Sales"})
            world.hugo.opt_out(ADA)
            await world.settle()
            assert not world.sally.get("Contact", there)["HasOptedOutOfEmail"]
            world.sally.update("Contact", there, {"Department": "Board"})
            await world.settle()
            assert world.sally.get("Contact", there)["HasOptedOutOfEmail"]

        tell(story, **LIMITED)

    def test_a_delete_of_one_that_left_is_still_seen(self, tell):
        async def story(world: World) -> None:
            there = contact(world, ADA, Department="Board")
            await world.settle()
            (here,) = world.hugo.ids("contacts")
            world.sally.update("Contact", there, {"Department": "Sales", "Title": "CEO"})
            await world.settle()
            world.sally.delete("Contact", there)
            await world.settle()
            assert await state(world, here) is LinkState.SALESFORCE_DELETED

        tell(story, **LIMITED)

    def test_a_delete_of_one_that_left_unnoticed_is_not_carried_over(self, tell):
        async def story(world: World) -> None:
            there, other = contact(world, ADA, Department="Board"), contact(world, BOB, Department="CEO's office")
            await world.settle()
            (here,) = [id_ for id_ in world.hugo.ids("contacts") if world.counterpart("contacts", id_) == there]
            await choose(world, {"Contact": "Department = 'CEO\\'s office'"})
            await world.settle()
            world.sally.delete("Contact", there)
            world.sally.delete("Contact", other)
            await world.settle()
            assert world.hugo.ids("contacts") == [here]
            assert await state(world, here) is LinkState.SALESFORCE_DELETED

        settings = LIMITED["settings"] | {"choices": {"deletes": {"contacts": "both"}}}
        tell(story, settings=settings)

    @pytest.mark.parametrize("linked", [False, True])
    def test_one_that_enters_by_a_change_of_its_account_alone_is_noticed_within_a_day(self, tell, linked):
        async def story(world: World) -> None:
            account = world.sally.create("Account", {"Name": "Acme", "Type": "Customer" if linked else "Prospect"})
            there = contact(world, ADA, AccountId=account)
            await world.settle()
            assert world.counts()["contacts"] == (1 if linked else 0)
            if linked:
                world.sally.update("Account", account, {"Type": "Prospect"})
                world.sally.update("Contact", there, {"Title": "CTO"})
                await world.settle()
                assert "jobtitle" not in world.contact(world.hugo.ids("contacts")[0])
            world.sally.update("Account", account, {"Type": "Customer"})
            await world.settle()
            await world.sync_later(86_400)
            await world.settle()
            (here,) = world.hugo.ids("contacts")
            assert world.counterpart("contacts", here) == there
            assert world.contact(here).get("jobtitle") == ("CTO" if linked else None)

        tell(story, **CUSTOMERS)


class TestAnotherFilter:
    def test_with_no_filter_any_more_who_stood_outside_syncs_at_once(self, tell):
        async def story(world: World) -> None:
            left, never = contact(world, ADA, Department="Board"), contact(world, BOB)
            await world.settle()
            world.sally.update("Contact", left, {"Department": "Sales", "Title": "CEO"})
            await world.settle()
            await choose(world, {})
            await world.settle()
            assert world.counts()["contacts"] == 2
            by_email = {world.contact(each)["email"]: world.contact(each) for each in world.hugo.ids("contacts")}
            assert by_email[ADA]["jobtitle"] == "CEO"
            assert by_email[BOB]["interlock_salesforce_id"] == never

        tell(story, **LIMITED)

    def test_choosing_a_filter_starts_nothing(self, tell):
        async def story(world: World) -> None:
            contact(world, ADA)
            await world.settle()
            before = world.written
            await choose(world, CEOS)
            await world.settle()
            assert world.ours(before) == []
            assert await state(world, world.hugo.ids("contacts")[0]) is LinkState.LINKED

        tell(story)


class TestAFilterThatSalesforceDoesNotTake:
    def test_nothing_of_its_type_syncs_one_issue_says_so_and_it_goes_on_once_it_is_mended(self, tell):
        async def story(world: World) -> None:
            there = contact(world, ADA, Department="Board")
            await world.settle()
            (here,) = world.hugo.ids("contacts")
            see(world, "Department", False)
            world.sally.update("Contact", there, {"Title": "CEO"})
            contact(world, BOB, Department="Board")
            await world.sync()
            await world.sync()
            assert "jobtitle" not in world.contact(here)
            assert world.counts()["contacts"] == 1
            assert await state(world, here) is LinkState.LINKED
            (issue,) = await world.issues()
            assert (issue.code, issue.object, issue.salesforce_type) == (
                "inclusion_filter_refused",
                "contacts",
                "Contact",
            )
            see(world, "Department", True)
            await world.sync_later(3_600)
            await world.settle()
            assert await world.issues() == []
            assert world.contact(here)["jobtitle"] == "CEO"
            assert world.counts()["contacts"] == 2

        tell(story, **LIMITED)


def test_a_list_and_a_filter_limit_together(tell):
    async def story(world: World) -> None:
        there = contact(world, ADA, Department="Board")
        await world.settle()
        (here,) = world.hugo.ids("contacts")
        world.hugo.change_list("1", add=[here])
        world.sally.update("Contact", there, {"Title": "CEO"})
        await world.settle()
        assert world.contact(here)["jobtitle"] == "CEO"
        world.sally.update("Contact", there, {"Title": "CFO", "Department": "Sales"})
        await world.settle()
        world.hugo.change_list("1", remove=[here])
        world.sally.update("Contact", there, {"Department": "Board"})
        await world.settle()
        assert world.contact(here)["jobtitle"] == "CEO"
        world.hugo.change_list("1", add=[here])
        await world.settle()
        assert world.contact(here)["jobtitle"] == "CFO"

    def before(world: World) -> None:
        world.hugo.create_list("contacts", "Customers")

    settings = {"inclusion": {"contacts": "1"}, "salesforce_filters": CEOS}
    tell(story, before, settings=settings)


def test_a_converted_leads_pair_moves_to_the_contact_whatever_the_filter_says(tell):
    async def story(world: World) -> None:
        here = world.person(ADA, company="Acme Works")
        await world.settle()
        done = world.sally.convert_lead(world.counterpart("contacts", here))
        await world.settle()
        link = await world.link("contacts", here)
        assert link is not None
        assert (link.salesforce_id, link.state) == (done.contact_id, LinkState.EXCLUDED)
        assert world.counts()["contacts"] == 1

    tell(story, settings={"salesforce_filters": CEOS, "create_person_as": "Lead"})


def test_the_daily_walk_of_who_stands_outside_is_part_of_what_idle_polling_may_use(tell, monkeypatch):
    monkeypatch.setattr(filtered, "PAGE_ROWS", 2)
    upkeep: list[float] = []

    def interval(governor: SalesforceGovernor, calls_per_poll: float, upkeep_calls: float = 0.0) -> float:
        upkeep.append(upkeep_calls)
        return 15.0

    async def paced(world: World) -> float:
        assert world.store is not None
        assert world.connection is not None
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="paced") as ctx:
            await poll(ctx)
            with monkeypatch.context() as patched:
                patched.setattr(SalesforceGovernor, "idle_interval_s", interval)
                poll_interval_s(ctx)
        return upkeep[-1]

    async def story(world: World) -> None:
        for n in range(9):
            contact(world, f"p{n}@example.com", Department="Sales")
        await world.settle()
        without = await paced(world)
        await world.sync_later(86_400)
        assert await paced(world) == without + 5

    tell(story, **LIMITED)


def test_a_thousand_records_cost_one_more_call(tell):
    async def story(world: World) -> None:
        for n in range(400):
            contact(world, f"p{n}@example.com", Department="Board")
        await world.settle()
        before = world.salesforce.stats.calls
        for there in world.sally.ids("Contact"):
            world.sally.update("Contact", there, {"Title": "CEO"})
        await world.sync()
        with_filter = world.salesforce.stats.calls - before
        await choose(world, {})
        await world.settle()
        before = world.salesforce.stats.calls
        for there in world.sally.ids("Contact"):
            world.sally.update("Contact", there, {"Title": "CFO"})
        await world.sync()
        assert with_filter - (world.salesforce.stats.calls - before) <= 1

    tell(story, **LIMITED)
