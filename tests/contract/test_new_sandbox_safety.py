"""Going over to another sandbox: no pair is joined to a wrong record, nothing of the old org is written again, and a crash at any
point leaves what can be gone on with."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import pytest
from tests.new_sandbox_world import (
    GRAVES,
    HERE,
    PAGE,
    SLUGS,
    a_copy,
    a_sandbox,
    begin,
    confirm,
    furnish,
    now_of,
    pairs,
    records_written,
    sign_in,
    tell,
)
from tests.settings_world import SettingsWorld

from crm_emulator.salesforce import SalesforceEmulator
from interlock.app.new_org import kept, prepare
from interlock.app.runtime import open_cycle
from interlock.app.sync import sync
from interlock.app.undo import plan as undo
from interlock.core.model import LinkState
from interlock.store import Fenced, audit, handovers, intents, links

RENEWAL = {"Name": "Renewal", "StageName": "Closed Won", "CloseDate": "2026-03-01"}


async def go_over(world: SettingsWorld, new: SalesforceEmulator, existing: str = "all") -> None:
    admin = await world.admin()
    await sign_in(world, admin, new)
    assert (await confirm(world, admin)).status == 303
    answer = await begin(world, admin, existing)
    assert answer.to == f"{HERE}/overview", answer.page.text


# --- ids -------------------------------------------------------------------------------------------------------------------


def test_a_record_that_has_the_id_of_another_one_is_not_taken_for_it(tmp_path: Path) -> None:
    """Nothing that Salesforce documents says that two orgs never use one id for two records."""

    async def story(world: SettingsWorld) -> None:
        ids = copy.deepcopy(world.salesforce.org.ids)
        furnish(world)
        await world.turns()
        before = pairs(world)
        new = a_sandbox(world, ids=ids)
        # In the order in which those of the old one came about.
        deals = [new.user().create("Opportunity", RENEWAL | {"Name": name}) for name in ("Other", "Another")]
        company = new.user().create("Account", {"Name": "Another Company"})
        person = new.user().create("Contact", {"LastName": "Somebody Else", "Email": "else@example.com"})
        assert {person, company, *deals} == set(before.values()), "the test needs the same ids"
        await go_over(world, new)
        await world.turns()
        after = pairs(world)
        assert {record: after[record] for record in before}.items().isdisjoint(before.items())
        assert new.user().get("Contact", person)["LastName"] == "Somebody Else"
        assert new.user().get("Account", company)["Name"] == "Another Company"
        assert [new.user().get("Opportunity", each)["Name"] for each in deals] == ["Other", "Another"]
        assert len(set(after.values())) == len(after), "one record has two counterparts"

    tell(tmp_path, story)


@pytest.mark.parametrize("differs", ["Name", "StageName", "CloseDate", "nothing"])
def test_an_id_counts_only_where_all_that_was_agreed_on_is_there(tmp_path: Path, differs: str) -> None:
    async def story(world: SettingsWorld) -> None:
        ids = copy.deepcopy(world.salesforce.org.ids)
        world.sally.create("Opportunity", RENEWAL)
        await world.turns()
        (before,) = pairs(world).values()
        new = a_sandbox(world, ids=ids)
        other = {"Name": "Renewal of another", "StageName": "Closed Lost", "CloseDate": "2026-03-02"}
        values = RENEWAL if differs == "nothing" else RENEWAL | {differs: other[differs]}
        assert new.user().create("Opportunity", values) == before
        await go_over(world, new, "link")
        await world.turns()
        joined = before in pairs(world).values()
        assert joined is (differs == "nothing")

    tell(tmp_path, story, objects=("deals",))


def test_ids_that_were_emptied_are_not_taken_for_edits(tmp_path: Path) -> None:
    """*Only what changes from now on*: nothing else is carried over, though every record in HubSpot was just written."""

    async def story(world: SettingsWorld) -> None:
        for number in range(3):
            furnish(world, str(number))
        await world.turns()
        new = a_sandbox(world)
        await go_over(world, new, "none")
        await world.turns(3_600.0)
        assert set(pairs(world).values()) == {""}
        assert records_written(new) == []
        edited = world.hugo.ids("contacts")[0]
        world.hugo.update("contacts", edited, {"jobtitle": "CTO"})
        await world.turns()
        assert [id_ for id_ in pairs(world).values() if id_] == new.user().ids("Contact")
        assert new.user().get("Contact", new.user().ids("Contact")[0])["Title"] == "CTO"

    tell(tmp_path, story)


def test_what_fits_two_records_of_the_new_sandbox_is_asked_and_not_guessed(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        here = world.person("ada@example.com")
        await world.turns()
        new = a_sandbox(world)
        for name in ("One", "Two"):
            new.user().create("Contact", {"LastName": name, "Email": "ada@example.com"})
        await go_over(world, new)
        await world.turns()
        assert world.counterpart("contacts", here) == ""
        assert [issue.code for issue in await world.issues()] == ["several_candidates"] * 3

    tell(tmp_path, story, objects=("contacts",))


# --- what belonged to the old org ------------------------------------------------------------------------------------------


def test_links_become_history_and_the_conflict_log_is_kept(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        furnish(world)
        await world.turns()
        here = world.hugo.ids("contacts")[0]
        await world.rule("contacts", "jobtitle", "two_way")
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"jobtitle": "Left"})
        world.sally.update("Contact", there, {"Title": "Right"})
        await world.turns()
        (conflict,) = await world.audit("conflict")
        assert conflict.status == "open"
        history = await world.audit()
        new = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        await confirm(world, admin)
        async with world.read() as tx:
            former = [link for slug in SLUGS for link in await links.page(tx, slug)]
            assert await audit.conflict_counts(tx) == {}
        assert {link.state for link in former} == {LinkState.UNLINKED}
        assert len(former) == 4
        kept_rows = await world.audit()
        assert [(row.old, row.new, row.cause) for row in kept_rows] == [
            (row.old, row.new, row.cause) for row in history
        ]
        assert [row.status for row in await world.audit("conflict")] == ["settled"]

    tell(tmp_path, story)


def test_what_was_written_before_cannot_be_undone_in_the_new_sandbox(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        furnish(world)
        await world.turns()
        new = a_copy(world)
        since_us = world.clock_us() - 86_400_000_000
        await go_over(world, new)
        await world.turns()
        async with world.interlock.clients(await now_of(world)) as clients:
            found = await undo.plan(
                world.interlock.store,
                await now_of(world),
                clients.hubspot,
                clients.salesforce,
                world.clock_us,
                since_us=since_us,
            )
        assert (found.fields, found.records, found.left) == ([], [], [])

    tell(tmp_path, story)


def test_whoever_waits_for_a_sync_of_the_old_org_is_told(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        new = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        async with world.write() as tx:
            asked = await handovers.ask(tx, (), ())
        await confirm(world, admin)
        async with world.read() as tx:
            row = await handovers.get(tx, asked)
        assert row is not None
        assert row.state == handovers.FAILED
        assert row.answer is not None
        assert row.answer["code"] == "new_sandbox_not_begun"

    tell(tmp_path, story, objects=("contacts",))


def test_the_old_sign_in_is_forgotten_and_the_old_org_is_not_asked_again(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        furnish(world)
        await world.turns()
        new = a_sandbox(world)
        await go_over(world, new)
        line: Any = world.transport
        line.sent.clear()
        await world.turns(3_600.0)
        asked = [request.url for request in line.sent if "salesforce.local" in request.url]
        assert asked == []
        text = (await (await world.admin()).get(f"{HERE}/connection")).page.text
        assert new.org_id in text
        assert "signed in in the browser" in text

    tell(tmp_path, story)


# --- processes -------------------------------------------------------------------------------------------------------------


def test_a_process_that_read_the_connection_before_writes_nothing_after(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        world.person("ada@example.com")
        before, old = await now_of(world), world.clients()
        new = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, new)
        await confirm(world, admin)
        written = world.written
        with pytest.raises(Fenced):
            async with open_cycle(world.interlock.store, before, *old, world.clock_us, "an older process") as ctx:
                await sync(ctx)
        assert world.written == written

    tell(tmp_path, story, objects=("contacts",))


def test_a_process_that_froze_over_its_write_records_nothing_when_it_wakes(tmp_path: Path) -> None:
    """Its request had left, and lands in the old sandbox. Of the new one and of our database it touches nothing."""

    async def story(world: SettingsWorld) -> None:
        here = world.person("ada@example.com")
        new = a_sandbox(world)
        line = world.transport
        frozen, thaw = asyncio.Event(), asyncio.Event()

        class Freezing:
            async def send(self, request: Any, deadline_s: float) -> Any:
                answer = await line.send(request, deadline_s)
                if not frozen.is_set() and "/composite" in request.url and world.sally.ids("Contact"):
                    frozen.set()
                    await thaw.wait()
                return answer

        world.transport = Freezing()  # type: ignore[assignment]
        before = await now_of(world)
        await asyncio.sleep(60)

        async def older() -> None:
            async with open_cycle(world.interlock.store, before, *world.clients(), world.clock_us, "frozen") as ctx:
                await sync(ctx)

        syncing = asyncio.create_task(older())
        await frozen.wait()
        world.transport = line
        # Nobody renews the lease of a process that is frozen.
        for task in asyncio.all_tasks():
            if "keep" in repr(task.get_coro()):
                task.cancel()
        admin = await world.admin()
        await sign_in(world, admin, new)
        await confirm(world, admin)
        old = world.salesforce.journal.last_seq
        thaw.set()
        with pytest.raises((Fenced, asyncio.CancelledError)):
            await syncing
        await begin(world, admin, "all")
        await world.turns()
        assert world.salesforce.journal.last_seq == old
        assert world.counterpart("contacts", here) == new.user().ids("Contact")[0]
        assert len(new.user().ids("Contact")) == 1

    tell(tmp_path, story, objects=("contacts",))


def test_two_people_who_confirm_at_once_go_over_once(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        new = a_sandbox(world)
        ada, bo = await world.admin(), await world.admin()
        await sign_in(world, ada, new)
        forms = [(await each.get(PAGE)).page.form(f"{PAGE}/connect") | {"agreed": "yes"} for each in (ada, bo)]
        answers = await asyncio.gather(
            *(each.post(f"{PAGE}/connect", form) for each, form in zip((ada, bo), forms, strict=True))
        )
        await prepare.wait(world.interlock, 1)
        assert sorted(answer.status for answer in answers) == [303, 409]
        assert (await world.deeds()).count("new_sandbox_connected") == 1

    tell(tmp_path, story, objects=("contacts",))


# --- crashes ---------------------------------------------------------------------------------------------------------------


async def die(world: SettingsWorld) -> None:
    """The process of `serve` dies here; another opens what it left."""
    assert world.store is not None
    GRAVES.extend([*(asyncio.all_tasks() - {asyncio.current_task()}), world.desk])
    world.store.freeze()
    line = world.transport
    await world.open()
    world.transport = line
    # Its leases run on in virtual time, where no kernel says that it is dead.
    await asyncio.sleep(30.0)


class Dying:
    """A line on which the process dies with its request number `at` of those that match."""

    def __init__(self, inner: Any, at: int, word: str) -> None:
        self.inner, self.at, self.word = inner, at, word
        self.died = asyncio.Event()

    async def send(self, request: Any, deadline_s: float) -> Any:
        answer = await self.inner.send(request, deadline_s)
        if self.word in request.url:
            self.at -= 1
        if self.at <= 0:
            self.died.set()
            await asyncio.Event().wait()
        return answer


@pytest.mark.parametrize(
    ("at", "word"),
    [
        (1, "/describe"),  # of the look that is made again before anything is changed
        (1, "/metadata/deployRequest"),  # the package is on its way
        (1, "/contacts/batch/update"),  # the first ids are emptied
        (2, "batch/update"),
        (12, "/crm/objects"),  # the preview
    ],
)
def test_after_a_crash_it_is_clear_where_the_connection_is_and_it_goes_on(tmp_path: Path, at: int, word: str) -> None:
    async def story(world: SettingsWorld) -> None:
        for number in range(2):
            furnish(world, str(number))
        await world.turns()
        new = a_sandbox(world)
        new.user().create("Contact", {"LastName": "Person", "Email": "ada1@example.com"})
        admin = await world.admin()
        await sign_in(world, admin, new)
        old, line = world.salesforce.org_id, world.transport
        form = (await admin.get(PAGE)).page.form(f"{PAGE}/connect") | {"agreed": "yes"}
        world.transport = dying = Dying(line, at, word)  # type: ignore[assignment]
        confirming = asyncio.create_task(admin.post(f"{PAGE}/connect", form))
        await asyncio.wait_for(dying.died.wait(), 600)
        GRAVES.append(confirming)
        world.transport = line
        await die(world)
        now = await now_of(world)
        stage = kept.of(now)
        assert stage is not None
        assert (now.salesforce_org_id, stage.stage) in ((old, "offered"), (new.org_id, "moved"))
        admin = await world.admin()
        if stage.stage == "offered":
            await confirm(world, admin)
        shown = await admin.get(PAGE)
        if "ended before it began" in shown.page.text:
            await admin.submit(PAGE, f"{PAGE}/again")
        await prepare.wait(world.interlock, 1)
        assert "What a first sync would do" in (await admin.get(PAGE)).page.text
        before = world.salesforce.journal.last_seq
        assert (await begin(world, admin, "all")).to == f"{HERE}/overview"
        await world.turns()
        after = pairs(world)
        assert set(after.values()) == {
            id_ for type_ in ("Account", "Contact", "Opportunity") for id_ in new.user().ids(type_)
        }
        assert len(new.user().ids("Contact")) == 2
        assert len(new.user().ids("Opportunity")) == 4
        assert world.salesforce.journal.last_seq == before

    tell(tmp_path, story)


# --- writes that are open --------------------------------------------------------------------------------------------------


def test_a_write_into_hubspot_that_lands_late_is_waited_for_before_ids_are_compared(tmp_path: Path) -> None:
    """It would make a record in HubSpot that bears an id of the old sandbox, after the ids were set straight."""

    async def story(world: SettingsWorld) -> None:
        new = a_sandbox(world)
        line = world.transport
        late: list[asyncio.Task[Any]] = []

        class Slow:
            async def send(self, request: Any, deadline_s: float) -> Any:
                if "/contacts/batch/upsert" in request.url and not late:
                    late.append(asyncio.create_task(land(request)))
                    await asyncio.Event().wait()
                return await line.send(request, deadline_s)

        async def land(request: Any) -> Any:
            await asyncio.sleep(170)
            return await line.send(request, 60)

        world.sally.create("Contact", {"LastName": "Late", "Email": "late@example.com"})
        await asyncio.sleep(120)
        world.transport = Slow()  # type: ignore[assignment]
        older = await now_of(world)

        async def syncing() -> None:
            async with open_cycle(world.interlock.store, older, *world.clients(), world.clock_us, "older") as ctx:
                await sync(ctx)

        task = asyncio.create_task(syncing())
        await asyncio.sleep(5)
        assert late, "the write has left"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        world.transport = line
        admin = await world.admin()
        await sign_in(world, admin, new)
        async with world.read() as tx:
            assert await intents.count(tx) == 1
        assert "1 write of unknown outcome" in (await admin.get(PAGE)).page.text
        await confirm(world, admin)
        assert late[0].done()
        (here,) = world.hugo.ids("contacts")
        assert world.counterpart("contacts", here) == "", "the id of the old sandbox that it brought is gone"
        await begin(world, admin, "all")
        await world.turns()
        assert world.counterpart("contacts", here) == new.user().ids("Contact")[0]
        assert len(world.hugo.ids("contacts")) == 1

    tell(tmp_path, story, objects=("contacts",))


def test_an_edit_that_was_overwritten_unseen_is_in_the_conflict_log_afterwards(tmp_path: Path) -> None:
    """The write had been carried out and not looked up in HubSpot's history when the connection went over."""

    async def story(world: SettingsWorld) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        here = world.person("ada@example.com", jobtitle="CTO")
        await world.turns()
        new = a_sandbox(world)
        line = world.transport

        class Typing:
            """Somebody types between our read and our write, and the process dies before it looks."""

            async def send(self, request: Any, deadline_s: float) -> Any:
                if "/contacts/batch/update" in request.url and b"CFO" in (request.body or b""):
                    world.hugo.update("contacts", here, {"jobtitle": "typed unseen"})
                    await line.send(request, deadline_s)
                    await asyncio.Event().wait()
                return await line.send(request, deadline_s)

        world.sally.update("Contact", world.counterpart("contacts", here), {"Title": "CFO"})
        await asyncio.sleep(120)
        world.transport = Typing()  # type: ignore[assignment]
        older = await now_of(world)

        async def syncing() -> None:
            async with open_cycle(world.interlock.store, older, *world.clients(), world.clock_us, "older") as ctx:
                await sync(ctx)

        task = asyncio.create_task(syncing())
        await asyncio.sleep(20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        world.transport = line
        assert world.contact(here)["jobtitle"] == "CFO"
        await go_over(world, new)
        await world.turns()
        assert "typed unseen" in [row.old for row in await world.audit("conflict")]

    tell(tmp_path, story, objects=("contacts",))


# --- from one to the next --------------------------------------------------------------------------------------------------


def test_a_new_sandbox_that_is_gone_as_well_is_left_for_another(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        world.person("ada@example.com")
        await world.turns()
        first = a_sandbox(world)
        admin = await world.admin()
        await sign_in(world, admin, first)
        await confirm(world, admin)
        second = a_sandbox(world, seed=3, org_name="Acme QA")
        assert "Acme QA" in (await sign_in(world, admin, second)).page.text
        assert (await now_of(world)).salesforce_org_id == first.org_id
        await admin.submit(PAGE, f"{PAGE}/give-up")
        assert kept.moved(await now_of(world)).identity.account_id == first.org_id
        assert "What a first sync would do" in (await admin.get(PAGE)).page.text
        await sign_in(world, admin, second)
        await confirm(world, admin)
        assert (await begin(world, admin, "all")).status == 303
        await world.turns()
        assert (await now_of(world)).salesforce_org_id == second.org_id
        assert len(second.user().ids("Contact")) == 1
        assert records_written(first) == []

    tell(tmp_path, story, objects=("contacts",))
