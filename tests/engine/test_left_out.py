"""A mapping that cannot be used for a while, because an administrator hides its field: nothing of it is lost by that."""

from __future__ import annotations

import asyncio

from interlock.app.runtime import open_cycle
from interlock.app.schemas import NAME as SCHEMAS
from interlock.core.model import Side
from interlock.crm.transport import OutcomeUnknown, Request, Response, Transport
from interlock.engine.cycle import poll
from interlock.engine.let_go import KEPT
from interlock.store import directory, dirty, intents
from tests.world import World

AFTER_THE_PARK_S = 700.0  # no request of before can land any more
SYNC_USER = "integration@example.com"


async def hide(world: World, field: str) -> None:
    """The next sync meets a field that it may not see, and leaves its mapping out from then on."""
    world.salesforce.set_field_permission(SYNC_USER, "Contact", field, read=False, edit=False)
    await read_schemas_again(world)


async def show(world: World, field: str) -> None:
    world.salesforce.set_field_permission(SYNC_USER, "Contact", field, read=True, edit=True)
    await read_schemas_again(world)


async def read_schemas_again(world: World) -> None:
    """As happens by itself within six hours, and at once when a CRM refuses a field."""
    async with world.write() as tx:
        await directory.drop(tx, SCHEMAS)


async def with_team(world: World, rule: str, **values: str) -> str:
    """A contact in both CRMs, in whose team a mapping of its own has just begun to sync."""
    world.property("contacts", "team", "string", "text")
    here = world.person("ada@example.com", team="red", **values)
    await world.settle()
    await world.map("contacts", "team", "Contact", "Department", rule)
    await read_schemas_again(world)
    return here


def test_a_mapping_that_comes_back_finds_what_was_edited_meanwhile(tell):
    async def story(world: World) -> None:
        here, other = world.person("ada@example.com", jobtitle="CTO"), world.person("bob@example.com", jobtitle="CFO")
        await world.settle()
        await world.rule("contacts", "jobtitle", "two_way")
        there, others = world.counterpart("contacts", here), world.counterpart("contacts", other)
        await hide(world, "Title")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        world.sally.update("Contact", others, {"Title": "COO", "Phone": "1"})
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CTO"
        assert (world.contact(other)["jobtitle"], world.contact(other)["phone"]) == ("CFO", "1")
        await show(world, "Title")
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CEO"
        assert world.contact(other)["jobtitle"] == "COO"

    tell(story)


def test_a_record_made_without_a_hidden_field_gets_it_when_it_is_shown(tell):
    async def story(world: World) -> None:
        await world.settle()
        await hide(world, "Title")
        here = world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["Title"] is None
        await show(world, "Title")
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "CTO"

    tell(story)


def test_what_waited_for_a_mapping_waits_no_more_when_it_is_back(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", jobtitle="CTO")
        await world.settle()
        await hide(world, "Title")
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert (await waiting(world)) == 1
        await show(world, "Title")
        await world.settle()
        assert (await waiting(world)) == 0

    tell(story)


def test_a_property_that_was_archived_for_an_hour_empties_nothing_and_gets_what_was_typed_in_salesforce_meanwhile(tell):
    """HubSpot leaves it out of its answers without a word, and the schemas that we keep still have it."""

    async def story(world: World) -> None:
        world.property("contacts", "team", "string", "text")
        here, other = world.person("ada@example.com", team="red"), world.person("bob@example.com", team="blue")
        await world.settle()
        await world.map("contacts", "team", "Contact", "Department")
        await read_schemas_again(world)
        world.hugo.update("contacts", here, {"team": "green"})
        world.hugo.update("contacts", other, {"team": "yellow"})
        await world.settle()
        there, others = world.counterpart("contacts", here), world.counterpart("contacts", other)
        world.hugo.archive_property("contacts", "team")
        world.sally.update("Contact", there, {"Department": "white"})
        world.hugo.update("contacts", other, {"jobtitle": "CFO"})
        await world.settle()
        assert world.sally.get("Contact", there)["Department"] == "white"
        assert world.sally.get("Contact", others)["Department"] == "yellow"
        world.hugo.restore_property("contacts", "team")
        await world.sync_later(7 * 3_600.0)
        assert world.contact(here)["team"] == "white"
        assert world.contact(other)["team"] == "yellow"

    tell(story)


def test_what_was_read_before_a_write_is_not_decided_on_again_though_the_pair_waits_for_a_mapping(tell):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", fax="1")
        await world.settle()
        await hide(world, "Title")
        await read_schemas_again(world)
        world.hugo.update("contacts", here, {"fax": "2"})
        world.sally.update("Contact", world.counterpart("contacts", here), {"LastName": "Lovelace"})
        assert world.store is not None
        assert world.connection is not None
        async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="test") as ctx:
            await poll(ctx)
            assert world.contact(here)["lastname"] == "Lovelace"
            assert ctx.fresh == {}

    tell(story)


async def waiting(world: World) -> int:
    async with world.read() as tx:
        return sum(each.waiting + each.asleep for each in (await dirty.counts(tx, world.clock_us())).values())


class LosesAnAnswer:
    """The next request to that side that holds `word` is carried out, and its answer does not come back."""

    def __init__(self, inner: Transport, word: str, side: Side = Side.SALESFORCE) -> None:
        self.inner, self.word, self.side = inner, word.encode(), side
        self.lost = False

    async def send(self, request: Request, deadline_s: float) -> Response:
        answer = await self.inner.send(request, deadline_s)
        if not self.lost and f"{self.side.value}.local" in request.url and self.word in (request.body or b""):
            self.lost = True
            raise OutcomeUnknown("the connection was reset")
        return answer


def test_what_a_write_replaced_is_logged_though_its_record_was_merged_away_while_the_field_was_hidden(tell):
    """Its answer was lost, and whether it landed can be read neither from the hidden field nor from a record that has gone."""

    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "prefer_hubspot")
        ada, bob = world.person("ada@example.com", jobtitle="CTO"), world.person("bob@example.com")
        await world.settle()
        theirs, other = world.counterpart("contacts", ada), world.counterpart("contacts", bob)
        world.transport = line = LosesAnAnswer(world.transport, "CEO")
        world.hugo.update("contacts", ada, {"jobtitle": "CEO"})
        world.sally.update("Contact", theirs, {"Title": "COO"})
        await world.sync()
        assert line.lost
        await hide(world, "Title")
        world.sally.merge("Contact", other, theirs)
        await world.sync_later(AFTER_THE_PARK_S)
        await world.settle()
        assert [row.old for row in await world.audit("conflict")] == ["COO"]

    tell(story)


def test_what_a_write_replaced_is_logged_though_the_property_was_archived_before_its_outcome_was_known(tell):
    """HubSpot says nothing of the property then, in its answers and in its history."""

    async def story(world: World) -> None:
        here = await with_team(world, "always_salesforce")
        world.hugo.update("contacts", here, {"team": "blue"})
        await world.settle()
        there = world.counterpart("contacts", here)
        world.transport = line = LosesAnAnswer(world.transport, '"white"', Side.HUBSPOT)
        world.sally.update("Contact", there, {"Department": "white"})
        world.hugo.update("contacts", here, {"team": "green"})
        await world.sync()
        assert line.lost
        world.hugo.archive_property("contacts", "team")
        await world.sync_later(AFTER_THE_PARK_S)
        world.hugo.restore_property("contacts", "team")
        await world.sync_later(7 * 3_600.0)
        await world.settle()
        assert "green" in {row.old for row in await world.audit("conflict")}

    tell(story)


def test_what_a_write_replaced_unseen_is_logged_though_its_property_was_archived_and_its_record_deleted_since(tell):
    async def story(world: World) -> None:
        here = await with_team(world, "always_salesforce")
        world.hugo.update("contacts", here, {"team": "blue"})
        await world.settle()
        there = world.counterpart("contacts", here)
        world.transport = line = LosesAnAnswer(world.transport, '"white"', Side.HUBSPOT)
        world.between_read_and_write(Side.HUBSPOT, lambda: world.hugo.update("contacts", here, {"team": "green"}))
        world.sally.update("Contact", there, {"Department": "white"})
        await world.sync()
        assert line.lost
        world.hugo.archive_property("contacts", "team")
        world.hugo.archive("contacts", here)
        await world.sync_later(AFTER_THE_PARK_S)
        world.hugo.restore_property("contacts", "team")
        await world.sync_later(7 * 3_600.0)
        await world.settle()
        assert "green" in {row.old for row in await world.audit("conflict")}

    tell(story)


def test_our_value_is_no_edit_where_it_replaced_one_though_a_property_that_it_was_written_with_was_archived_since(tell):
    async def story(world: World) -> None:
        here = await with_team(world, "always_hubspot", jobtitle="CTO")
        await world.rule("contacts", "jobtitle", "two_way")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.update("Contact", there, {"Title": "CEO"})
        await asyncio.sleep(60.0)
        world.hugo.update("contacts", here, {"team": "white", "jobtitle": "COO"})
        world.transport = line = LosesAnAnswer(world.transport, '"white"', Side.SALESFORCE)
        await world.sync()
        assert line.lost
        world.hugo.archive_property("contacts", "team")
        await read_schemas_again(world)
        world.hugo.update("contacts", here, {"jobtitle": "CFO"})
        await world.sync_later(AFTER_THE_PARK_S)
        assert world.sally.get("Contact", there)["Title"] == "CFO"
        assert [row.old for row in await world.audit("conflict")] == ["CEO"]
        world.hugo.restore_property("contacts", "team")
        await world.sync_later(7 * 3_600.0)
        assert [row.new for row in await world.audit("update") if row.property == "team"][-1:] == ["white"]
        async with world.read() as tx:
            assert await intents.count(tx) == 0

    tell(story)


def test_what_a_write_replaced_is_logged_though_its_field_was_hidden_and_its_pair_came_to_rest_before_that_was_known(
    tell,
):
    async def story(world: World) -> None:
        here = await with_team(world, "always_salesforce")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.transport = line = LosesAnAnswer(world.transport, '"white"', Side.HUBSPOT)
        world.sally.update("Contact", there, {"Department": "white", "LastName": "Byron"})
        world.between_read_and_write(Side.HUBSPOT, lambda: world.hugo.update("contacts", here, {"team": "green"}))
        await world.sync()
        assert line.lost
        await hide(world, "Department")
        world.sally.delete("Contact", there)
        await world.sync_later(AFTER_THE_PARK_S)
        await world.sync_later()
        assert "green" not in {row.old for row in await world.audit("conflict")}
        await show(world, "Department")
        await world.settle()
        assert "green" in {row.old for row in await world.audit("conflict")}

    tell(story)


def test_what_can_be_read_of_a_write_is_no_edit_though_a_property_that_it_wrote_was_archived_since(tell):
    async def story(world: World) -> None:
        here = await with_team(world, "always_salesforce", jobtitle="CTO")
        await world.rule("contacts", "jobtitle", "two_way")
        world.hugo.update("contacts", here, {"team": "blue", "jobtitle": "COO"})
        await world.settle()
        there = world.counterpart("contacts", here)
        world.transport = line = LosesAnAnswer(world.transport, '"white"', Side.HUBSPOT)
        world.sally.update("Contact", there, {"Department": "white", "Title": "CEO"})
        await world.sync()
        assert line.lost
        world.hugo.archive_property("contacts", "team")
        world.sally.update("Contact", there, {"Title": "CFO"})
        await world.sync_later(AFTER_THE_PARK_S)
        assert world.contact(here)["jobtitle"] == "CFO"
        assert "jobtitle" not in {row.property for row in await world.audit("conflict")}

    tell(story)


def test_a_delete_waits_for_a_hidden_field_and_keeps_what_was_typed_into_it_meanwhile(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        edited, other = world.person("ada@example.com"), world.person("bob@example.com")
        await world.settle()
        await hide(world, "Title")
        world.hugo.update("contacts", edited, {"jobtitle": "CEO"})
        for here in (edited, other):
            world.sally.delete("Contact", world.counterpart("contacts", here))
        await world.settle()
        assert sorted(world.hugo.ids("contacts")) == sorted([edited, other])
        await show(world, "Title")
        await world.settle()
        assert world.hugo.ids("contacts") == [edited]
        (issue,) = [each for each in await world.issues() if each.code == KEPT]
        assert "jobtitle" in issue.cause

    tell(story, settings={"choices": {"deletes": {"contacts": "in_hubspot"}}})


def test_a_merge_is_not_made_by_itself_while_a_field_is_hidden(tell):
    async def story(world: World) -> None:
        here = [world.person("ada@example.com"), world.person("bob@example.com")]
        await world.settle()
        there = [world.counterpart("contacts", id_) for id_ in here]
        await hide(world, "Title")
        world.sally.merge("Contact", there[0], there[1])
        await world.settle()
        assert len(world.hugo.ids("contacts")) == 2
        await show(world, "Title")
        await world.settle()
        assert len(world.hugo.ids("contacts")) == 1

    tell(story, settings={"choices": {"merges": {"contacts": "automatic"}}})
