"""A person chooses anew between two values: stories between two local CRMs with the production engine in between."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.app.conftest import Tell
from tests.world import World

from interlock.app import conflicts
from interlock.app.errors import BadInput, Missing
from interlock.core.model import Side
from interlock.crm.transport import OutcomeUnknown, Request, Response, Transport
from interlock.store import audit, mappings


class Disputed:
    """One contact whose title both people edited before either could see the other's edit: Salesforce's was kept."""

    def __init__(self, world: World, hubspot_id: str, salesforce_id: str) -> None:
        self.world, self.hubspot_id, self.salesforce_id = world, hubspot_id, salesforce_id

    def titles(self) -> tuple[str | None, str | None]:
        return (
            self.world.hugo.get("contacts", self.hubspot_id)["jobtitle"],
            self.world.sally.get("Contact", self.salesforce_id)["Title"],
        )

    def edit(self, hubspot: str | None = None, salesforce: str | None = None) -> None:
        if hubspot is not None:
            self.world.hugo.update("contacts", self.hubspot_id, {"jobtitle": hubspot})
        if salesforce is not None:
            self.world.sally.update("Contact", self.salesforce_id, {"Title": salesforce})

    async def only(self, status: str | None = "open") -> dict[str, Any]:
        assert self.world.store is not None
        (found,) = (await conflicts.list_(self.world.store, self.connection_id, conflicts.Filter(status))).conflicts
        return found

    async def open_(self) -> int:
        assert self.world.store is not None
        return (await conflicts.list_(self.world.store, self.connection_id)).total

    @property
    def connection_id(self) -> int:
        assert self.world.connection is not None
        assert self.world.connection.id is not None
        return self.world.connection.id

    async def choose(self, keep: Side, plan: bool = False) -> dict[str, Any]:
        assert self.world.store is not None
        id_ = (await self.only(None))["id"]
        chosen = await conflicts.resolve(
            self.world.store, self.connection_id, id_, keep, now_us=self.world.clock_us(), plan=plan
        )
        return chosen.document


async def disputed(world: World) -> Disputed:
    hubspot_id = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Byron", "jobtitle": "Clerk"})
    await world.connect()
    await world.sync_later()
    salesforce_id = world.contact(hubspot_id)["interlock_salesforce_id"]
    found = Disputed(world, hubspot_id, salesforce_id)
    found.edit(hubspot="Countess", salesforce="Analyst")
    await world.sync_later()
    assert found.titles() == ("Analyst", "Analyst")
    return found


def test_a_conflict_shows_both_values_which_was_kept_and_why(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        shown = await pair.only()
        assert (shown["hubspot_value"], shown["salesforce_value"], shown["kept"]) == (
            "Countess",
            "Analyst",
            "salesforce",
        )
        assert (shown["property"], shown["field"], shown["rule"]) == ("jobtitle", "Title", "prefer_salesforce")
        assert (shown["reason"], shown["status"], shown["choice"]) == ("both_changed", "open", None)
        assert shown["hubspot"] == f"hubspot:contacts:{pair.hubspot_id}"
        assert shown["salesforce"] == f"salesforce:Contact:{pair.salesforce_id}"

    tell(story, existing="all")


def test_choosing_the_value_that_lost_puts_it_on_both_sides_with_the_next_sync_and_not_before(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        await pair.choose(Side.HUBSPOT)
        assert pair.titles() == ("Analyst", "Analyst")
        assert (await pair.only())["choice"]["state"] == "waiting"
        await world.sync()
        assert pair.titles() == ("Countess", "Countess")
        assert (await pair.only("resolved"))["choice"] is None
        assert await pair.open_() == 0

    tell(story, existing="all")


def test_a_choice_that_is_carried_out_is_in_the_history_and_the_next_sync_writes_nothing(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        await pair.choose(Side.HUBSPOT)
        await world.sync()
        assert world.store is not None
        async with world.store.read(pair.connection_id) as tx:
            rows = [row async for page in audit.since(tx, 0) for row in page]
        written = [(row.side, row.old, row.new) for row in rows if row.cause == "person_chose"]
        assert sorted(written, key=str) == [
            (Side.HUBSPOT, "Analyst", "Countess"),
            (Side.SALESFORCE, "Analyst", "Countess"),
        ]
        again = await world.sync_later()
        counts = again.objects["contacts"]
        assert (counts.updated_in_hubspot, counts.updated_in_salesforce, counts.conflicts) == (0, 0, 0)

    tell(story, existing="all")


def test_choosing_the_value_that_was_kept_closes_the_conflict_and_writes_nothing(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        await pair.choose(Side.SALESFORCE)
        counts = (await world.sync()).objects["contacts"]
        assert (counts.updated_in_hubspot, counts.updated_in_salesforce) == (0, 0)
        assert (await pair.only(None))["status"] == "resolved"

    tell(story, existing="all")


def test_a_value_edited_after_the_choice_is_not_overwritten_and_the_conflict_stays_open(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        await pair.choose(Side.HUBSPOT)
        pair.edit(salesforce="Programmer")
        await world.sync_later()
        assert pair.titles() == ("Programmer", "Programmer")
        shown = await pair.only(None)
        assert (shown["status"], shown["choice"]["state"]) == ("open", "edited_since")

    tell(story, existing="all")


def test_an_edit_in_hubspot_after_the_choice_is_decided_by_the_rule_and_logged(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        await pair.choose(Side.HUBSPOT)
        pair.edit(hubspot="Programmer")
        await world.sync_later()
        assert pair.titles() == ("Analyst", "Analyst")
        assert world.store is not None
        shown = (await conflicts.list_(world.store, pair.connection_id, conflicts.Filter(None))).conflicts
        assert [(each["hubspot_value"], each["status"]) for each in shown] == [
            ("Programmer", "settled"),
            ("Countess", "open"),
        ]
        assert shown[1]["choice"]["state"] == "edited_since"

    tell(story, existing="all")


def test_a_choice_about_an_old_conflict_does_not_undo_a_later_edit(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        pair.edit(salesforce="Programmer")
        await world.sync_later()
        await pair.choose(Side.HUBSPOT)
        await world.sync()
        assert pair.titles() == ("Programmer", "Programmer")
        assert (await pair.only())["choice"]["state"] == "edited_since"

    tell(story, existing="all")


def test_a_person_may_change_their_mind(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        await pair.choose(Side.HUBSPOT)
        await world.sync()
        await pair.choose(Side.SALESFORCE)
        await world.sync()
        assert pair.titles() == ("Analyst", "Analyst")

    tell(story, existing="all")


def test_a_choice_waits_while_a_crm_refuses_the_value_and_the_refusal_is_an_issue(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        await pair.choose(Side.HUBSPOT)
        world.salesforce.add_validation_rule(
            "Contact", lambda record: record.get("Title") == "Countess", "No titles of nobility."
        )
        counts = (await world.sync()).objects["contacts"]
        assert counts.issues == 1
        assert (await pair.only())["choice"]["state"] == "waiting"

    tell(story, existing="all")


class Deaf(Transport):
    """Salesforce carries out the first write it is sent, and its answer never comes."""

    def __init__(self, inner: Transport) -> None:
        self.inner, self.lost = inner, 0

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await self.inner.send(request, deadline_s)
        if not self.lost and "salesforce" in request.url and b'"PATCH"' in (request.body or b""):
            self.lost += 1
            raise OutcomeUnknown("the connection was cut")
        return answer


def test_a_choice_whose_answer_was_lost_is_settled_by_looking_again(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        await pair.choose(Side.HUBSPOT)
        deaf = Deaf(world.transport)
        world.transport = deaf
        await world.sync()
        assert deaf.lost == 1
        assert (await pair.only())["choice"]["state"] == "waiting"
        # As long as the request that was not answered could still land, nothing of the pair is touched.
        await world.sync_later(900.0)
        assert pair.titles() == ("Countess", "Countess")
        assert (await pair.only(None))["status"] == "resolved"
        counts = (await world.sync_later()).objects["contacts"]
        assert (counts.updated_in_hubspot, counts.updated_in_salesforce, counts.conflicts) == (0, 0, 0)

    tell(story, existing="all")


def test_a_plan_notes_nothing(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        await pair.choose(Side.HUBSPOT, plan=True)
        assert (await pair.only())["choice"] is None
        await world.sync_later()
        assert pair.titles() == ("Analyst", "Analyst")

    tell(story, existing="all")


def test_a_conflict_about_fields_that_no_longer_sync_cannot_be_resolved_and_says_so(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        assert world.store is not None
        async with world.store.write(pair.connection_id) as tx:
            for row in await mappings.field_mappings(tx):
                if row.property == "jobtitle":
                    row.rule = "dont_sync"
                    await mappings.save_field_mapping(tx, row)
        with pytest.raises(BadInput, match="do not sync with each other any more"):
            await pair.choose(Side.HUBSPOT)

    tell(story, existing="all")


def test_a_conflict_that_does_not_exist_is_missing(tell: Tell) -> None:
    async def story(world: World) -> None:
        pair = await disputed(world)
        assert world.store is not None
        with pytest.raises(Missing, match="no conflict 999"):
            await conflicts.resolve(world.store, pair.connection_id, 999, Side.HUBSPOT, now_us=0, plan=False)
        with pytest.raises(BadInput, match="not a status"):
            await conflicts.list_(world.store, pair.connection_id, conflicts.Filter("closed"))

    tell(story, existing="all")
