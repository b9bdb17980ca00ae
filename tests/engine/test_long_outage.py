"""Interlock was off for days, weeks, months: everything of that time is found, also what the CRMs show no trace of any more."""

from __future__ import annotations

import asyncio

import pytest

from interlock.app import status
from interlock.app.runtime import open_cycle
from interlock.core.model import LinkState, RecordKey, Side
from interlock.engine import detect
from interlock.engine import gap as gaps
from interlock.engine.cycle import check_pairs, poll
from interlock.store import connections, links, looks
from interlock.store.looks import Gap
from tests.world import World

DAY_S = 86_400.0
PEOPLE = 12
BIN_DAYS = 15

EDITED_HERE, EDITED_THERE, EDITED_ON_BOTH, DELETED_HERE, DELETED_THERE, PURGED_THERE = range(6)
MERGED_THERE, SURVIVOR_THERE, MERGED_HERE, SURVIVOR_HERE, DELETED_ON_BOTH, LEFT_ALONE = range(6, PEOPLE)


async def gap_of(world: World, slug: str = "contacts") -> Gap | None:
    async with world.read() as tx:
        return await looks.gap(tx, slug)


async def actions(world: World) -> str:
    assert world.store is not None
    async with world.store.read(None) as tx:
        found = await connections.list_(tx)
    (told,) = await status.status(world.store, found, world.clock_us())
    return " ".join(action["text"] for action in told.document["next_actions"])


class Life:
    """Twelve linked people, and what becomes of them while nobody syncs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.here: list[str] = []
        self.there: list[str] = []

    async def begin(self) -> None:
        world = self.world
        for name in ("jobtitle", "phone"):
            await world.rule("contacts", name, "two_way")
        self.here = [world.person(f"p{number}@example.com", firstname=f"P{number}") for number in range(PEOPLE)]
        await world.settle()
        self.there = [world.counterpart("contacts", each) for each in self.here]
        assert all(self.there)

    async def go_on(self, days: float) -> None:
        """All of it happens on the first two days; then nobody touches anything."""
        world, hugo, sally, here, there = self.world, self.world.hugo, self.world.sally, self.here, self.there
        await asyncio.sleep(DAY_S)
        sally.delete("Contact", there[PURGED_THERE])
        world.salesforce.empty_recycle_bin()
        hugo.update("contacts", here[EDITED_HERE], {"jobtitle": "Typed here"})
        sally.update("Contact", there[EDITED_THERE], {"Title": "Typed there"})
        hugo.update("contacts", here[EDITED_ON_BOTH], {"jobtitle": "Here"})
        sally.update("Contact", there[EDITED_ON_BOTH], {"Phone": "+1 555 0100"})
        await asyncio.sleep(DAY_S)
        hugo.archive("contacts", here[DELETED_HERE])
        sally.delete("Contact", there[DELETED_THERE])
        hugo.archive("contacts", here[DELETED_ON_BOTH])
        sally.delete("Contact", there[DELETED_ON_BOTH])
        sally.merge("Contact", there[SURVIVOR_THERE], there[MERGED_THERE])
        hugo.merge("contacts", here[SURVIVOR_HERE], here[MERGED_HERE])
        world.person("new-here@example.com")
        sally.create("Contact", {"LastName": "New", "Email": "new-there@example.com"})
        await asyncio.sleep((days - 2) * DAY_S)

    async def state(self, number: int) -> LinkState | None:
        async with self.world.read() as tx:
            found = await links.by_salesforce(tx, "contacts", [self.there[number]])
        return found[self.there[number]].state if found else None


@pytest.mark.parametrize("days", [4, 20, 100])
def test_what_happened_while_nobody_synced_is_found_and_nothing_comes_back(tell, days):
    async def story(world: World) -> None:
        life = Life(world)
        await life.begin()
        await life.go_on(days)
        living = set(world.hugo.ids("contacts")), set(world.sally.ids("Contact"))
        await world.settle()
        # Edits and new records of that time are where they belong.
        there = {number: world.sally.get("Contact", life.there[number]) for number in range(EDITED_ON_BOTH + 1)}
        assert there[EDITED_HERE]["Title"] == "Typed here"
        assert world.contact(life.here[EDITED_THERE])["jobtitle"] == "Typed there"
        both = world.contact(life.here[EDITED_ON_BOTH])
        assert (there[EDITED_ON_BOTH]["Title"], both["phone"]) == ("Here", "+1 555 0100")
        # Two were made, one on each side, and nothing else came or came back.
        assert len(set(world.hugo.ids("contacts")) - living[0]) == len(set(world.sally.ids("Contact")) - living[1]) == 1
        assert living[0] <= set(world.hugo.ids("contacts"))
        assert living[1] <= set(world.sally.ids("Contact"))
        # Every pair that lost a record is known to have, or is a question to a person.
        asked = {issue.hubspot_id for issue in await world.issues(code="record_not_visible")}
        assert life.here[PURGED_THERE] in asked
        assert await life.state(DELETED_HERE) is LinkState.HUBSPOT_DELETED
        if days < BIN_DAYS:
            assert await life.state(DELETED_THERE) is LinkState.SALESFORCE_DELETED
            assert asked == {life.here[PURGED_THERE]}
        else:
            assert asked == {life.here[number] for number in (PURGED_THERE, DELETED_THERE, MERGED_THERE)}
        assert await life.state(LEFT_ALONE) is LinkState.LINKED
        # A person is told, and can look the rest up.
        told = await gap_of(world)
        assert told is not None
        assert told.until_us - told.from_us >= (days - 1) * DAY_S * 1_000_000
        assert told.done_us is not None
        assert "Nobody looked at contacts from" in await actions(world)
        # What is left of them may be edited on, and makes nothing.
        before = world.counts()
        for number in (PURGED_THERE, DELETED_THERE, MERGED_THERE, SURVIVOR_HERE):
            world.hugo.update("contacts", life.here[number], {"jobtitle": "Later"})
        await world.settle()
        assert world.counts() == before

    tell(story, objects=("contacts",))


def test_an_ordinary_pause_checks_nothing(tell):
    async def story(world: World) -> None:
        life = Life(world)
        await life.begin()
        await asyncio.sleep(2.5 * DAY_S)
        await world.settle()
        assert await gap_of(world) is None
        assert "Nobody looked" not in await actions(world)

    tell(story, objects=("contacts",))


def test_a_quiet_account_is_no_gap(tell):
    """Nobody edited anything for weeks, and Interlock looked all the time."""

    async def story(world: World) -> None:
        life = Life(world)
        await life.begin()
        for _ in range(10):
            await world.sync_later(2 * DAY_S)
        assert await gap_of(world) is None

    tell(story, objects=("contacts",))


def test_an_object_that_was_paused_has_a_gap_of_its_own(tell):
    async def story(world: World) -> None:
        life = Life(world)
        await life.begin()
        for _ in range(10):
            await asyncio.sleep(DAY_S)
            await world.sync(only=("companies",))
        await world.settle()
        assert await gap_of(world, "companies") is None
        assert await gap_of(world) is not None

    tell(story, objects=("companies", "contacts"))


def test_a_check_of_all_pairs_goes_on_where_it_was_and_asks_for_each_once(tell, monkeypatch):
    monkeypatch.setattr(gaps, "PAIRS_A_PAGE", 2)

    async def story(world: World) -> None:
        life = Life(world)
        await life.begin()
        world.sally.delete("Contact", life.there[PURGED_THERE])
        world.salesforce.empty_recycle_bin()
        await asyncio.sleep(20 * DAY_S)
        assert world.store is not None
        assert world.connection is not None
        calls = world.calls(Side.SALESFORCE, "composite/sobjects")
        places = []
        for _ in range(PEOPLE):
            # A process each time: the one before has crashed, or was told to end.
            async with open_cycle(
                world.store, world.connection, *world.clients(), world.clock_us, owner=f"test-{len(places)}"
            ) as ctx:
                await gaps.notice_gaps(ctx)
                await check_pairs(ctx, _work_nothing_off, pages_most=1)
            gap = await gap_of(world)
            assert gap is not None
            places.append(gap.checked)
            if gap.done_us is not None:
                break
        assert places == [2, 4, 6, 8, 10, 12, 12]
        assert world.calls(Side.SALESFORCE, "composite/sobjects") - calls == PEOPLE // 2
        assert gap.missing == 1
        await world.settle()
        assert [issue.hubspot_id for issue in await world.issues()] == [life.here[PURGED_THERE]]

    async def _work_nothing_off(ctx, runtime):
        return 0

    tell(story, objects=("contacts",))


def test_a_poll_checks_some_pages_and_then_goes_on_with_the_day(tell, monkeypatch):
    monkeypatch.setattr(gaps, "PAIRS_A_PAGE", 1)

    async def story(world: World) -> None:
        life = Life(world)
        await life.begin()
        await asyncio.sleep(20 * DAY_S)
        world.hugo.update("contacts", life.here[EDITED_HERE], {"jobtitle": "Typed here"})
        await asyncio.sleep(60.0)
        assert world.store is not None
        assert world.connection is not None
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="test") as ctx:
            await poll(ctx)
        gap = await gap_of(world)
        assert gap is not None
        assert (gap.checked, gap.done_us) == (gaps.PAGES_A_POLL, None)
        assert world.sally.get("Contact", life.there[EDITED_HERE])["Title"] == "Typed here"
        assert "is being checked: 10 so far" in await actions(world)

    tell(story, objects=("contacts",))


def test_an_issue_of_a_record_that_went_away_meanwhile_ends_or_a_person_ends_it(tell):
    async def story(world: World) -> None:
        deleted = world.person("twin@example.com")
        twins = [world.sally.create("Contact", {"LastName": "Twin", "Email": "twin@example.com"}) for _ in range(2)]
        await world.settle()
        assert {issue.code for issue in await world.issues()} == {"several_candidates"}
        assert len(await world.issues()) == 3
        for each in twins:
            world.sally.delete("Contact", each)
        world.hugo.archive("contacts", deleted)
        await asyncio.sleep(100 * DAY_S)
        await world.settle()
        # HubSpot says of any record that it is not there. Salesforce may just not show it.
        assert sorted(str(issue.salesforce_id) for issue in await world.issues()) == sorted(twins)
        for each in twins:
            await world.sync(RecordKey(Side.SALESFORCE, "Contact", each))
        await world.settle()
        assert await world.issues() == []

    tell(story, objects=("contacts",))


def test_a_question_about_a_purged_record_is_answered_by_a_resync(tell):
    async def story(world: World) -> None:
        life = Life(world)
        await life.begin()
        world.sally.delete("Contact", life.there[DELETED_THERE])
        await asyncio.sleep(20 * DAY_S)
        await world.settle()
        (issue,) = await world.issues()
        assert "purged" in issue.fix
        await world.sync(RecordKey(Side.HUBSPOT, "contacts", life.here[DELETED_THERE]))
        await world.settle()
        assert await world.issues() == []
        assert await life.state(DELETED_THERE) is LinkState.SALESFORCE_DELETED
        assert life.there[DELETED_THERE] not in world.sally.ids("Contact")

    tell(story, objects=("contacts",))


def test_of_very_many_changes_only_as_many_rows_are_kept_in_memory_as_are_worked_off_at_once(tell, monkeypatch):
    monkeypatch.setattr(detect, "FRESH_ROWS_MOST", 2)

    async def story(world: World) -> None:
        await world.sync()
        for number in range(5):
            world.sally.create("Contact", {"LastName": "P", "Email": f"p{number}@example.com"})
        assert world.store is not None
        assert world.connection is not None
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="test") as ctx:
            await detect.detect(ctx)
            assert len(ctx.fresh) == 2
        await world.settle()
        assert len(world.hugo.ids("contacts")) == 5

    tell(story)
