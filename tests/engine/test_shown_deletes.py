"""That a record was deleted in Salesforce is seen on its HubSpot record for as long as it is so, and after nothing else."""

from __future__ import annotations

import pytest

from interlock.core.model import LinkState, Side
from interlock.crm.transport import OutcomeUnknown, Request, Response, Transport
from interlock.store import connections
from tests.engine.test_deletes import every_kind
from tests.inclusion_world import LIMITED, with_list
from tests.world import OURS, World

ADA, BOB = "ada@example.com", "bob@example.com"
PROPERTY = "salesforcedeleted"


def shown(world: World, slug: str, here: str) -> str | None:
    return world.hugo.get(slug, here).get(PROPERTY)


def said(world: World, here: str) -> list[str | None]:
    """What we wrote there, in turn."""
    return [
        entry.new
        for entry in world.hubspot.journal.entries(0)
        if entry.client == OURS and entry.id == here and entry.field == PROPERTY
    ]


@every_kind
def test_a_record_that_was_deleted_in_salesforce_says_so_in_hubspot_until_it_is_restored(
    tell, slug, type_, made, property_, field
):
    async def story(world: World) -> None:
        here = world.hugo.create(slug, made)
        await world.settle()
        there = world.counterpart(slug, here)
        assert shown(world, slug, here) is None
        world.sally.delete(type_, there)
        await world.settle()
        assert shown(world, slug, here) == "true"
        world.hugo.update(slug, here, {property_: "Edited meanwhile"})
        await world.settle()
        assert (world.sally.ids(type_), shown(world, slug, here)) == ([], "true")
        world.sally.undelete(type_, there)
        await world.settle()
        assert shown(world, slug, here) == "false"
        assert said(world, here) == ["true", "false"]
        assert await world.issues() == []

    tell(story)


def test_it_costs_one_write_when_it_changes_and_none_after_the_bin_was_emptied(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", here))
        before = world.sent(Side.HUBSPOT)
        await world.settle()
        assert world.sent(Side.HUBSPOT) - before == 1
        world.salesforce.empty_recycle_bin()
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        await world.settle()
        assert said(world, here) == ["true"]

    tell(story)


def test_a_restored_record_takes_it_back_along_with_what_changed_meanwhile(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.sally.delete("Contact", there)
        await world.settle()
        world.sally.undelete("Contact", there)
        world.sally.update("Contact", there, {"Title": "CTO"})
        before = world.sent(Side.HUBSPOT)
        await world.settle()
        assert (shown(world, "contacts", here), world.contact(here)["jobtitle"]) == ("false", "CTO")
        assert world.sent(Side.HUBSPOT) - before == 1

    tell(story)


def test_a_record_that_stays_although_deletes_are_carried_over_says_it_too(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "always_hubspot")
        here = world.person(ADA)
        await world.settle()
        world.sally.delete("Contact", world.counterpart("contacts", here))
        world.hugo.update("contacts", here, {"jobtitle": "Only here"})
        await world.settle()
        assert world.hugo.ids("contacts") == [here]
        assert [issue.code for issue in await world.issues()] == ["delete_not_carried_over"]
        assert shown(world, "contacts", here) == "true"

    tell(story, settings={"choices": {"deletes": {"contacts": "in_hubspot"}}})


def test_what_was_merged_converted_or_deleted_in_hubspot_was_not_deleted_in_salesforce(tell):
    async def story(world: World) -> None:
        ada, bob, eve = (world.person(each, company="Acme") for each in (ADA, BOB, "eve@example.com"))
        await world.settle()
        leads = [world.counterpart("contacts", each) for each in (ada, bob, eve)]
        world.sally.merge("Lead", leads[0], leads[1])
        world.sally.convert_lead(leads[2])
        await world.settle()
        world.hugo.archive("contacts", ada)
        await world.settle()
        world.hugo.restore("contacts", ada)
        await world.settle()
        assert [said(world, each) for each in (ada, bob, eve)] == [[], [], []]

    tell(story, settings={"create_person_as": "Lead"})


def test_a_contact_outside_the_list_is_told_nothing(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        world.hugo.change_list("1", add=[here])
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.change_list("1", remove=[here])
        await world.settle()
        world.sally.delete("Contact", there)
        await world.settle()
        assert said(world, here) == []

    tell(story, with_list, **LIMITED)


def test_what_was_deleted_while_it_stood_outside_is_told_once_no_list_limits_any_more(tell):
    async def story(world: World) -> None:
        here = world.person(ADA)
        world.hugo.change_list("1", add=[here])
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.change_list("1", remove=[here])
        await world.settle()
        world.sally.delete("Contact", there)
        await world.settle()
        assert world.connection is not None
        async with world.write() as tx:
            settings = {**world.connection.settings, "inclusion": {}}
            await connections.update(tx, world.connection.id or 0, settings=settings)
        await world.settle()
        assert said(world, here) == ["true"]

    tell(story, with_list, **LIMITED)


@pytest.mark.parametrize("how", ["archived", "mapped"])
def test_where_its_property_was_taken_away_or_is_somebodys_own_nothing_is_written(tell, how):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        if how == "archived":
            world.hubspot.portal.table("contacts").schema.archive(PROPERTY, world.clock_us() // 1000)
        else:
            await world.map("contacts", PROPERTY, "Contact", "DoNotCall")
        world.sally.delete("Contact", world.counterpart("contacts", here))
        await world.settle()
        link = await world.link("contacts", here)
        assert link is not None
        assert link.state is LinkState.SALESFORCE_DELETED
        assert (said(world, here), await world.issues()) == ([], [])

    tell(story)


class Broken:
    """The first write of it: refused by the line, or carried out and not answered."""

    def __init__(self, inner: Transport, *, lands: bool) -> None:
        self.inner, self.lands, self.met = inner, lands, 0

    async def send(self, request: Request, deadline_s: float) -> Response:
        if not self.met and PROPERTY.encode() in (request.body or b"") and "/batch/update" in request.url:
            self.met += 1
            if self.lands:
                await self.inner.send(request, deadline_s)
            raise OutcomeUnknown("lost on the way")
        return await self.inner.send(request, deadline_s)


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize("lands", [True, False])
def test_an_answer_that_never_came_leaves_it_right_all_the_same(tell, lands, restored):
    async def story(world: World) -> None:
        here = world.person(ADA)
        await world.settle()
        there = world.counterpart("contacts", here)
        world.transport = broken = Broken(world.transport, lands=lands)
        world.sally.delete("Contact", there)
        await world.sync_later()
        assert broken.met == 1
        if restored:
            world.sally.undelete("Contact", there)
        await world.settle()
        assert shown(world, "contacts", here) == ("true" if not restored else "false" if lands else None)

    tell(story)
