"""A person takes back records that a sync created: only with their number, only where nobody has built on them, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.undo_world import Dying, plan, undo
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app.errors import BadInput
from interlock.app.undo import run as running
from interlock.core.model import LinkState, Side
from interlock.crm.transport import Request, Response, Transport
from interlock.engine.cycle import run_batch
from interlock.store import connections


class Without(Transport):
    """What the sync user may not read."""

    def __init__(self, inner: Transport, path: str) -> None:
        self.inner, self.path = inner, path

    async def send(self, request: Request, deadline_s: float) -> Response:
        if self.path in request.url:
            return Response(403, {}, b'{"message": "no", "category": "MISSING_SCOPES"}')
        return await self.inner.send(request, deadline_s)


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
