"""A Salesforce type that a person has switched off: what is linked with its records rests, nothing fails, and nothing is lost."""

from __future__ import annotations

import pytest

from interlock.core.model import Reason, RecordKey, Side
from interlock.store import connections, dirty, mappings
from tests.engine.test_late_landings import Slow
from tests.world import World

AS_LEAD = {"create_person_as": "Lead"}


async def switch(world: World, type_: str, *, on: bool) -> None:
    async with world.write() as tx:
        (row,) = [each for each in await mappings.object_mappings(tx) if each.salesforce_type == type_]
        row.enabled = on
        await mappings.save_object_mapping(tx, row)


async def a_lead(world: World) -> tuple[str, str]:
    await world.rule("contacts", "jobtitle", "two_way")
    here = world.person("ada@example.com", firstname="Ada", company="Acme Works", jobtitle="CTO")
    await world.settle()
    return here, world.counterpart("contacts", here)


def test_edits_of_a_pair_whose_type_is_off_wait_on_both_sides_and_arrive_when_it_is_on_again(tell):
    async def story(world: World) -> None:
        here, lead = await a_lead(world)
        await switch(world, "Lead", on=False)
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        world.sally.update("Lead", lead, {"FirstName": "Augusta"})
        other = world.hugo.create("contacts", {"email": "bob@example.com", "lastname": "Bob"})
        await world.settle()
        assert world.sally.get("Lead", lead)["Title"] == "CTO"
        assert world.contact(here)["firstname"] == "Ada"
        assert world.counterpart("contacts", other) == ""
        await switch(world, "Lead", on=True)
        await world.settle()
        assert world.sally.get("Lead", lead)["Title"] == "CEO"
        assert world.contact(here)["firstname"] == "Augusta"

    tell(story, **AS_LEAD)


def test_a_resync_of_a_record_whose_type_is_off_does_nothing_yet(tell):
    async def story(world: World) -> None:
        here, lead = await a_lead(world)
        await switch(world, "Lead", on=False)
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        keys = [RecordKey(Side.HUBSPOT, "contacts", here), RecordKey(Side.SALESFORCE, "Lead", lead)]
        async with world.write() as tx:
            await dirty.mark(tx, "contacts", keys, Reason.RESYNC, world.clock_us())
        await world.settle()
        assert world.sally.get("Lead", lead)["Title"] == "CTO"
        await switch(world, "Lead", on=True)
        await world.settle()
        assert world.sally.get("Lead", lead)["Title"] == "CEO"

    tell(story, **AS_LEAD)


def test_a_lead_that_is_converted_while_contacts_are_off_takes_its_pair_along_when_they_are_on(tell):
    async def story(world: World) -> None:
        here, lead = await a_lead(world)
        await switch(world, "Contact", on=False)
        contact = world.sally.convert_lead(lead).contact_id
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert world.sally.get("Contact", contact)["Title"] == "CTO"
        await switch(world, "Contact", on=True)
        await world.settle()
        assert world.counterpart("contacts", here) == contact
        assert world.sally.get("Contact", contact)["Title"] == "CEO"
        assert len(world.sally.ids("Contact")) == len(world.hugo.ids("contacts")) == 1

    tell(story, **AS_LEAD)


def test_a_lead_that_is_converted_while_leads_are_off_takes_its_pair_along_to_the_contact(tell):
    async def story(world: World) -> None:
        here, lead = await a_lead(world)
        await switch(world, "Lead", on=False)
        contact = world.sally.convert_lead(lead).contact_id
        await world.settle()
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert world.counterpart("contacts", here) == contact
        assert world.sally.get("Contact", contact)["Title"] == "CEO"
        assert await world.issues() == []
        assert len(world.sally.ids("Contact")) == len(world.hugo.ids("contacts")) == 1

    tell(story, **AS_LEAD)


def test_after_a_lost_database_a_lead_that_was_converted_is_found_as_its_contact_while_leads_are_off(tell, tmp_path):
    async def story(world: World) -> None:
        here, lead = await a_lead(world)
        world.hugo.update("contacts", here, {"email": "countess@example.com"})
        world.connect_options["create_person_as"] = "Contact"
        await world.lose_the_database(tmp_path / "new.db")
        await switch(world, "Lead", on=False)
        contact = world.sally.convert_lead(lead).contact_id
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert world.counterpart("contacts", here) == contact
        assert world.sally.ids("Contact") == [contact]
        assert world.hugo.ids("contacts") == [here]

    tell(story, **AS_LEAD)


def test_a_lead_of_which_nobody_was_told_is_not_made_again_as_a_contact_while_leads_are_off(tell):
    async def story(world: World) -> None:
        await world.rule("contacts", "jobtitle", "two_way")
        await world.settle()
        world.transport = slow = Slow(world.transport, "salesforce.local", '"LastName"', late_s=180.0)
        here = world.person("ada@example.com", firstname="Ada", company="Acme Works")
        await world.sync()
        assert slow.landing is not None
        await switch(world, "Lead", on=False)
        assert world.connection is not None
        assert world.connection.id is not None
        async with world.write() as tx:
            settings = {**world.connection.settings, "create_person_as": "Contact"}
            await connections.update(tx, world.connection.id, settings=settings)
            await connections.set_up(tx)
        for _ in range(14):
            await world.sync_later(60)
        await world.settle()
        (lead,) = world.sally.ids("Lead")
        assert world.sally.ids("Contact") == []
        link = await world.link("contacts", here)
        assert link is not None
        assert link.salesforce_id == lead
        (row,) = await world.audit("create")
        assert row.salesforce_id == lead
        await switch(world, "Lead", on=True)
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert world.sally.get("Lead", lead)["Title"] == "CEO"

    tell(story, **AS_LEAD)


def test_whoever_hubspot_erased_is_forgotten_though_their_type_is_off(tell):
    async def story(world: World) -> None:
        here, _ = await a_lead(world)
        await switch(world, "Lead", on=False)
        await world.settle()
        world.hugo.erase(here)
        async with world.write() as tx:
            await dirty.mark(tx, "contacts", [RecordKey(Side.HUBSPOT, "contacts", here)], Reason.CHANGED, 0)
        await world.settle()
        assert not [row for row in await world.audit() if row.old or row.new]
        link = await world.link("contacts", here)
        assert link is not None
        assert link.base == {}

    tell(story, **AS_LEAD)


def test_a_contact_merged_away_while_its_type_is_off_gives_its_pair_to_the_survivor_afterwards(tell):
    async def story(world: World) -> None:
        here, lead = await a_lead(world)
        await switch(world, "Lead", on=False)
        alone = world.hugo.create("contacts", {"firstname": "Nobody", "jobtitle": "CEO"})
        survivor = world.hugo.merge("contacts", alone, here)
        await world.settle()
        await switch(world, "Lead", on=True)
        await world.settle()
        link = await world.link("contacts", survivor)
        assert link is not None
        assert link.salesforce_id == lead
        assert len(world.sally.ids("Lead")) == 1

    tell(story, **AS_LEAD, hubspot={"merge_keeps_primary_id": False})


def test_after_a_lost_database_a_counterpart_of_a_type_that_is_off_is_not_made_as_another(tell, tmp_path):
    async def story(world: World) -> None:
        here, lead = await a_lead(world)
        world.connect_options["create_person_as"] = "Contact"
        await world.lose_the_database(tmp_path / "new.db")
        await switch(world, "Lead", on=False)
        world.hugo.update("contacts", here, {"jobtitle": "CEO"})
        await world.settle()
        assert world.sally.ids("Contact") == []
        await switch(world, "Lead", on=True)
        await world.settle()
        link = await world.link("contacts", here)
        assert link is not None
        assert link.salesforce_id == lead

    tell(story, **AS_LEAD)


@pytest.mark.parametrize(
    ("object_", "type_", "edit"), [("deals", "Opportunity", "dealname"), ("companies", "Account", "name")]
)
def test_an_object_whose_only_type_is_off_stands_still_and_goes_on_with_what_changed(tell, object_, type_, edit):
    async def story(world: World) -> None:
        await world.rule(object_, edit, "two_way")
        company = world.hugo.create("companies", {"name": "Acme", "domain": "acme.com"})
        deal = world.hugo.create("deals", {"dealname": "Big", "dealstage": "closedwon", "closedate": "2026-03-01"})
        person = world.person("ada@example.com")
        await world.settle()
        mine = {"deals": deal, "companies": company}[object_]
        there = world.counterpart(object_, mine)
        await switch(world, type_, on=False)
        world.hugo.update(object_, mine, {edit: "Other"})
        world.hugo.update("contacts", person, {"lastname": "Lovelace"})
        world.hugo.associate("contacts", person, "companies", company)
        await world.settle()
        assert world.sally.get(type_, there)["Name"] != "Other"
        await switch(world, type_, on=True)
        await world.settle()
        assert world.sally.get(type_, there)["Name"] == "Other"

    tell(story)
