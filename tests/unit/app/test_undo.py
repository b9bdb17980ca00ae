"""A person takes back what was carried over: stories between two local CRMs with the production engine in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app.connections import pause
from interlock.app.errors import BadInput
from interlock.app.runtime import open_cycle
from interlock.app.undo import plan as planning
from interlock.app.undo import run as running
from interlock.app.undo.plan import UndoPlan
from interlock.app.undo.run import UndoResult
from interlock.core.model import AuditKind, LinkState, RecordKey, Side
from interlock.crm.transport import OutcomeUnknown, Request, Response, Transport
from interlock.engine.cycle import run_batch
from interlock.engine.detect import detect
from interlock.store import connections
from interlock.wiring import Clients


class Undoing:
    """One contact, Ada, whose title was `Clerk` on both sides until `edit` and a sync carried a new one over."""

    def __init__(self, world: World, hubspot_id: str, salesforce_id: str, since_us: int) -> None:
        self.world, self.hubspot_id, self.salesforce_id, self.since_us = world, hubspot_id, salesforce_id, since_us

    def titles(self) -> tuple[str | None, str | None]:
        return (
            self.world.hugo.get("contacts", self.hubspot_id).get("jobtitle") or None,
            self.world.sally.get("Contact", self.salesforce_id)["Title"],
        )

    def edit(self, hubspot: str | None = None, salesforce: str | None = None) -> None:
        if hubspot is not None:
            self.world.hugo.update("contacts", self.hubspot_id, {"jobtitle": hubspot})
        if salesforce is not None:
            self.world.sally.update("Contact", self.salesforce_id, {"Title": salesforce})

    async def plan(self, **which: Any) -> UndoPlan:
        return await plan(self.world, self.since_us, **which)

    async def undo(self, **which: Any) -> UndoResult:
        return await undo(self.world, self.since_us, **which)


async def plan(world: World, since_us: int, **which: Any) -> UndoPlan:
    assert world.store is not None
    assert world.connection is not None
    return await planning.plan(
        world.store, world.connection, *world.clients(), world.clock_us, since_us=since_us, **which
    )


async def undo(world: World, since_us: int, **which: Any) -> UndoResult:
    assert world.store is not None
    assert world.connection is not None

    @asynccontextmanager
    async def clients(_: object) -> AsyncIterator[Clients]:
        yield Clients(*world.clients())

    return await running.run(world.store, world.connection, clients, world.clock_us, since_us=since_us, **which)


async def linked(world: World, title: str | None = "Clerk", rule: str = "two_way") -> Undoing:
    properties = {"email": "ada@example.com", "lastname": "Byron"} | ({"jobtitle": title} if title else {})
    hubspot_id = world.hugo.create("contacts", properties)
    await world.connect()
    await world.rule("contacts", "jobtitle", rule)
    await world.sync_later()
    await asyncio.sleep(3_600.0)
    salesforce_id = world.contact(hubspot_id)["interlock_salesforce_id"]
    return Undoing(world, hubspot_id, salesforce_id, world.clock_us())


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


# --- crashes -----------------------------------------------------------------------------------------------------------


class Died(Exception):
    """The process is no more: nothing after this line ran."""


class Dying(Transport):
    """The process dies at the n-th request that writes, before it leaves or after the CRM has carried it out."""

    def __init__(self, inner: Transport, at: int, *, lands: bool, cut: bool = False) -> None:
        self.inner, self.left, self.lands, self.cut = inner, at, lands, cut

    async def send(self, request: Request, deadline_s: float) -> Response:
        writes = (
            "/batch/update" in request.url or "/batch/archive" in request.url or b'"PATCH"' in (request.body or b"")
        )
        writes = writes or b'"DELETE"' in (request.body or b"")
        self.left -= writes
        if not writes or self.left != 0:
            return await self.inner.send(request, deadline_s)
        if self.lands:
            await self.inner.send(request, deadline_s)
        if self.cut:
            raise OutcomeUnknown("the connection was cut")
        raise Died


class Without(Transport):
    """What the sync user may not read."""

    def __init__(self, inner: Transport, path: str) -> None:
        self.inner, self.path = inner, path

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.path in request.url:
            return Response(403, {}, b'{"message": "no", "category": "MISSING_SCOPES"}')
        return await self.inner.send(request, deadline_s)


@pytest.mark.parametrize("lands", [False, True])
@pytest.mark.parametrize("side", list(Side))
def test_an_undo_that_dies_at_its_write_is_ended_by_the_next_sync(tell: Tell, side: Side, lands: bool) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(**{side.other.value: "Countess"})
        await world.sync_later()
        world.transport = Dying(world.line, 1, lands=lands)
        with pytest.raises(BaseException) as died:
            await pair.undo()
        assert isinstance(died.value, Died) or died.value.exceptions  # type: ignore[attr-defined]
        world.transport = world.line
        await asyncio.sleep(3_600.0)
        await world.settle()
        undone = ("Clerk", "Countess") if side is Side.HUBSPOT else ("Countess", "Clerk")
        assert pair.titles() == undone
        assert [row.new for row in await world.audit("undo")] == ["Clerk"]

    tell(story)


@pytest.mark.parametrize("side", list(Side))
def test_an_undo_whose_answer_is_lost_is_recognised_and_stands(tell: Tell, side: Side) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(**{side.other.value: "Countess"})
        await world.sync_later()
        world.transport = Dying(world.line, 1, lands=True, cut=True)
        done = await pair.undo()
        assert [each.why for each in done.left] == ["waiting"]
        world.transport = world.line
        await asyncio.sleep(3_600.0)
        await world.settle()
        assert pair.titles() == (("Clerk", "Countess") if side is Side.HUBSPOT else ("Countess", "Clerk"))

    tell(story)


def test_undoing_again_after_a_crash_ends_it_too(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        world.transport = Dying(world.line, 1, lands=False)
        with pytest.raises(BaseException):  # noqa: B017
            await pair.undo()
        world.transport = world.line
        # The request of the dead process may still land: until it cannot, nobody writes.
        assert [each.why for each in (await pair.undo()).left] == ["waiting"]
        await world.settle()
        assert pair.titles() == ("Clerk", "Countess")

    tell(story)


def test_a_record_that_is_gone_is_left_and_said(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        world.hugo.archive("contacts", pair.hubspot_id)
        done = await pair.undo()
        assert (done.fields, [each.why for each in done.left]) == (0, ["gone"])
        await world.settle()
        assert world.sally.get("Contact", pair.salesforce_id)["Title"] == "Countess"

    tell(story)


def test_a_field_that_is_refused_stays_due_with_an_issue(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(hubspot="Countess")
        await world.sync_later()
        world.salesforce.add_validation_rule("Contact", lambda record: record.get("Title") == "Clerk", "No clerks.")
        done = await pair.undo()
        assert [each.why for each in done.left] == ["waiting"]
        assert [issue.raw_message for issue in await world.issues()] == ["No clerks."]
        assert pair.titles() == ("Countess", "Countess")

    tell(story)


# --- records that were created -----------------------------------------------------------------------------------------


async def created(world: World, side: Side) -> tuple[int, str, str]:
    """When it was, and both ids: a contact that a person made on the other side, and ours on `side`."""
    await world.connect()
    await world.sync_later()
    since_us = world.clock_us()
    if side is Side.SALESFORCE:
        hubspot_id = world.person("ada@example.com")
        await world.sync_later()
        return since_us, hubspot_id, world.counterpart("contacts", hubspot_id)
    salesforce_id = world.sally.create("Contact", {"LastName": "Byron", "Email": "ada@example.com"})
    await world.sync_later()
    (hubspot_id,) = world.hugo.ids("contacts")
    return since_us, str(hubspot_id), salesforce_id


@pytest.mark.parametrize("side", list(Side))
def test_a_record_that_was_created_is_deleted_after_its_count_was_typed_and_made_no_second_time(
    tell: Tell, side: Side
) -> None:
    async def story(world: World) -> None:
        since_us, hubspot_id, _ = await created(world, side)
        assert world.counts()["contacts"] == world.counts()["Contact"] == 1
        planned = await plan(world, since_us)
        assert [(each.side, each.object) for each in planned.records] == [(side, "contacts")]

        done = await undo(world, since_us, delete_records=1)

        assert (done.records, done.left) == (1, [])
        left = (0, 1) if side is Side.HUBSPOT else (1, 0)
        assert (world.counts()["contacts"], world.counts()["Contact"]) == left
        await world.settle()
        assert (world.counts()["contacts"], world.counts()["Contact"]) == left
        link = await world.link("contacts", hubspot_id)
        assert link is not None
        assert link.state is (LinkState.HUBSPOT_DELETED if side is Side.HUBSPOT else LinkState.SALESFORCE_DELETED)

    tell(story)


def test_records_are_not_deleted_without_the_count_nor_with_another(tell: Tell) -> None:
    async def story(world: World) -> None:
        since_us, *_ = await created(world, Side.SALESFORCE)
        done = await undo(world, since_us)
        assert (done.records, [each.why for each in done.left]) == (0, ["not_confirmed"])
        with pytest.raises(BadInput, match="by now it would be 1"):
            await undo(world, since_us, delete_records=2)
        assert world.counts()["Contact"] == 1

    tell(story)


@pytest.mark.parametrize("side", list(Side))
def test_a_created_record_that_somebody_has_edited_stays(tell: Tell, side: Side) -> None:
    async def story(world: World) -> None:
        since_us, hubspot_id, salesforce_id = await created(world, side)
        await asyncio.sleep(60.0)
        if side is Side.SALESFORCE:
            world.sally.update("Contact", salesforce_id, {"AssistantName": "Bo"})  # not mapped
        else:
            world.hugo.update("contacts", hubspot_id, {"fax": "1"})
        planned = await plan(world, since_us)
        assert (planned.records, [each.why for each in planned.left]) == ([], ["edited_since"])
        done = await undo(world, since_us, delete_records=0)
        assert done.records == 0
        assert world.counts()["contacts"] == world.counts()["Contact"] == 1

    tell(story)


class Quicker(Transport):
    """Once armed, somebody does something right after the first answer from an address with this in it."""

    def __init__(self, inner: Transport, where: str, deed: Callable[[], object]) -> None:
        self.inner, self.where, self.deed, self.armed = inner, where, deed, False

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await self.inner.send(request, deadline_s)
        if self.armed and self.where in request.url:
            self.armed = False
            self.deed()
        return answer


@pytest.mark.parametrize("side", list(Side))
def test_a_created_record_that_is_edited_while_it_is_looked_at_stays(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, side: Side
) -> None:
    """To prove that it may go takes several calls, and nothing keeps a person from editing it in between."""

    async def story(world: World) -> None:
        since_us, hubspot_id, salesforce_id = await created(world, side)
        await asyncio.sleep(60.0)

        def edit() -> None:
            if side is Side.SALESFORCE:
                world.sally.update("Contact", salesforce_id, {"AssistantName": "Bo"})
            else:
                world.hugo.update("contacts", hubspot_id, {"fax": "1"})

        # What hangs on it is asked last.
        line = Quicker(world.line, "/describe" if side is Side.SALESFORCE else "/associations/", edit)
        world.transport = line

        async def counted_and_then(*batch: Any) -> None:
            line.armed = True
            await run_batch(*batch)

        with monkeypatch.context() as patched:
            patched.setattr(running, "run_batch", counted_and_then)
            done = await undo(world, since_us, delete_records=1)
        assert not line.armed
        assert done.records == 0
        world.transport = world.line
        await world.settle()
        assert world.counts()["contacts"] == world.counts()["Contact"] == 1
        async with world.read() as tx:
            assert [row[0] for row in await tx.rows("SELECT state FROM undo")] == ["edited_since"]

    tell(story)


def test_a_created_record_on_which_something_hangs_stays(tell: Tell) -> None:
    async def story(world: World) -> None:
        since_us, _, salesforce_id = await created(world, Side.SALESFORCE)
        opportunity = world.sally.create(
            "Opportunity", {"Name": "Engine", "StageName": "Prospecting", "CloseDate": "2030-01-01"}
        )
        world.sally.create("OpportunityContactRole", {"OpportunityId": opportunity, "ContactId": salesforce_id})
        planned = await plan(world, since_us)
        assert [each.why for each in planned.left if each.object == "contacts"] == ["has_children"]

    tell(story)


def test_a_created_record_with_which_one_of_the_accounts_own_objects_is_associated_stays(tell: Tell) -> None:
    async def story(world: World) -> None:
        car = {"name": "plate", "label": "Plate", "type": "string", "fieldType": "text"}
        type_id = world.hubspot.define_object("car", [car])
        since_us, hubspot_id, _ = await created(world, Side.HUBSPOT)
        assert [each.object for each in (await plan(world, since_us)).records] == ["contacts"]
        mine = world.hugo.create(type_id, {"plate": "W 1"})
        world.hugo.associate("contacts", hubspot_id, type_id, mine)
        planned = await plan(world, since_us)
        assert planned.records == []
        assert [each.why for each in planned.left if each.object == "contacts"] == ["has_children"]

    tell(story)


def test_a_created_record_stays_where_hubspot_does_not_say_what_may_hang_on_it(tell: Tell) -> None:
    async def story(world: World) -> None:
        since_us, *_ = await created(world, Side.HUBSPOT)
        world.transport = Without(world.line, "/crm-object-schemas/")
        planned = await plan(world, since_us)
        assert [each.why for each in planned.left if each.object == "contacts"] == ["not_proven"]

    tell(story)


@pytest.mark.parametrize("lands", [False, True])
@pytest.mark.parametrize("side", list(Side))
def test_a_delete_that_dies_is_ended_by_the_next_sync(tell: Tell, side: Side, lands: bool) -> None:
    async def story(world: World) -> None:
        since_us, *_ = await created(world, side)
        world.transport = Dying(world.line, 1, lands=lands)
        with pytest.raises(BaseException):  # noqa: B017
            await undo(world, since_us, delete_records=1)
        world.transport = world.line
        await asyncio.sleep(3_600.0)
        await world.settle()
        left = (0, 1) if side is Side.HUBSPOT else (1, 0)
        assert (world.counts()["contacts"], world.counts()["Contact"]) == left
        assert len(await world.audit("create")) == 1

    tell(story)


def test_a_company_goes_with_the_people_who_came_with_it(tell: Tell) -> None:
    async def story(world: World) -> None:
        await world.connect()
        await world.sync_later()
        since_us = world.clock_us()
        account = world.sally.create("Account", {"Name": "Engines", "Website": "https://engines.example"})
        world.sally.create("Contact", {"LastName": "Byron", "Email": "ada@engines.example", "AccountId": account})
        await world.sync_later()
        await world.sync_later()
        assert (world.counts()["companies"], world.counts()["contacts"]) == (1, 1)
        planned = await plan(world, since_us)
        assert sorted(each.object for each in planned.records) == ["companies", "contacts"], planned.left
        done = await undo(world, since_us, delete_records=2)
        assert done.records == 2
        await world.settle()
        assert (world.counts()["companies"], world.counts()["contacts"]) == (0, 0)
        assert (world.counts()["Account"], world.counts()["Contact"]) == (1, 1)

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


def test_a_created_record_that_another_was_merged_into_stays(tell: Tell) -> None:
    """It holds what somebody had entered there, and no property that can be written tells of it."""

    async def story(world: World) -> None:
        since_us, hubspot_id, _ = await created(world, Side.HUBSPOT)
        await asyncio.sleep(600.0)
        other = world.hugo.create("contacts", {"email": "ada.king@example.com"})
        world.hugo.merge("contacts", hubspot_id, other)
        planned = await plan(world, since_us)
        assert (planned.records, [each.why for each in planned.left]) == ([], ["edited_since"])
        await undo(world, since_us, delete_records=0)
        assert world.counts()["contacts"] == 1

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


def test_a_created_record_outside_of_the_list_is_not_deleted(tell: Tell) -> None:
    async def story(world: World) -> None:
        since_us, _, _ = await created(world, Side.SALESFORCE)
        list_id = world.hugo.create_list("contacts", "Customers")
        assert world.connection is not None
        assert world.connection.id is not None
        world.connection.settings = {**world.connection.settings, "inclusion": {"contacts": list_id}}
        async with world.write() as tx:
            await connections.update(tx, world.connection.id, settings=world.connection.settings)
        planned = await plan(world, since_us)
        assert (planned.records, [each.why for each in planned.left]) == ([], ["not_in_list"])
        done = await undo(world, since_us, delete_records=0)
        assert done.records == 0
        assert world.counts()["Contact"] == 1

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


def test_an_undo_that_dies_right_after_loses_nothing_else_that_was_known_of_its_pairs(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit that was noticed before, and that the undo left alone: no look for changes would find it a second time."""

    async def story(world: World) -> None:
        pair = await linked(world)
        pair.edit(salesforce="Countess")
        await world.sync_later()
        world.sally.update("Contact", pair.salesforce_id, {"Phone": "+441234567890"})
        await noticed(world)
        await asyncio.sleep(3_600.0)
        await noticed(world)

        async def dies_then(*line: Any) -> None:
            await run_batch(*line)
            raise Died

        with monkeypatch.context() as patched:
            patched.setattr(running, "run_batch", dies_then)
            with pytest.raises(Died):
                await pair.undo()
        assert pair.titles() == ("Clerk", "Countess")

        await world.settle()
        assert world.contact(pair.hubspot_id)["phone"] == "+441234567890"
        assert pair.titles() == ("Clerk", "Countess")

    tell(story)


async def noticed(world: World) -> None:
    """A process looks for changes, and ends before it has worked them off."""
    assert world.store is not None
    assert world.connection is not None
    async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="looks") as ctx:
        await detect(ctx, look_back=True)
