"""Pairing a HubSpot owner and a Salesforce user by hand: on the page, and through the JSON API."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.asgi_browser import Answer
from tests.settings_world import SettingsWorld, saved, tell

from interlock.app import owner_pairs, setting_changes, what_syncs
from interlock.app.errors import BadInput, Missing
from interlock.app.people.roles import Role
from interlock.app.people.visitor import BY_COMMAND
from interlock.store import connections
from interlock.store.connections import Connection

HERE = "/connections/1/owners"


async def connection_of(world: SettingsWorld) -> Connection:
    assert world.store is not None
    async with world.store.read(None) as tx:
        found = await connections.get(tx, 1)
    assert found is not None
    return found


def olga(world: SettingsWorld) -> tuple[str, str]:
    here = world.hubspot.settings().add_user("Olga", "Owner", "olga@example.com")
    return here, world.salesforce.add_user("Olga There", "o.owner@elsewhere.example").id


def test_two_people_who_are_paired_on_the_page_are_one_owner_until_the_pair_is_taken_apart(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        here, there = olga(world)
        admin = await world.admin()
        shown = await admin.get(HERE)
        form = shown.page.form(f"{HERE}/pair") | {"hubspot_owner": here, "salesforce_user": there}
        assert (await admin.post(f"{HERE}/pair", form)).to == f"{HERE}?done=paired"
        assert "by hand" in (await admin.get(HERE)).page.text
        person = world.person("ada@example.com", hubspot_owner_id=here)
        await world.turns()
        contact = world.counterpart("contacts", person)
        assert world.sally.get("Contact", contact)["OwnerId"] == there
        form = (await admin.get(HERE)).page.form(f"{HERE}/part")
        assert (await admin.post(f"{HERE}/part", form)).to == f"{HERE}?done=parted"
        assert (await connection_of(world)).settings["owner_pairs"] == {}
        # What was handed over stays so.
        await world.turns()
        assert world.sally.get("Contact", contact)["OwnerId"] == there
        assert [each for each in await world.deeds() if each.startswith("owners_")] == [
            "owners_paired",
            "owners_parted",
        ]

    tell(tmp_path, story, objects=("contacts",))


def test_who_may_only_look_sees_who_is_whom_and_no_control(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        olga(world)
        viewer = await world.browser(Role.VIEWER)
        shown = await viewer.get(HERE)
        assert shown.status == 200
        assert "Pair two people" not in shown.page.text
        assert (await viewer.post(f"{HERE}/pair", {"hubspot_owner": "1", "salesforce_user": "2"})).status == 403

    tell(tmp_path, story, objects=("contacts",))


def test_a_pair_that_cannot_be_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        here, there = olga(world)
        other = world.hubspot.settings().add_user("Piet", "Owner", "piet@example.com")
        world.salesforce.add_user("Somebody Else", "else@elsewhere.example")
        gone = world.salesforce.add_user("Gone", "gone@example.com", active=False).id
        opened = world.interlock
        connection = await connection_of(world)

        async def refused(owner: str, user: str) -> str:
            with pytest.raises((BadInput, Missing)) as caught:
                await owner_pairs.pair(opened, await connection_of(world), owner, user, BY_COMMAND)
            return caught.value.failure.code

        assert await refused("99", there) == "no_such_owner"
        assert await refused(here, "005000000000099AAA") == "no_such_user"
        assert await refused(here, gone) == "inactive_user"
        await owner_pairs.pair(opened, connection, here, there, BY_COMMAND)
        assert await refused(other, there) == "user_is_paired"
        assert (await connection_of(world)).settings["owner_pairs"] == {here: there}
        admin = await world.admin()
        form = (await admin.get(HERE)).page.form(f"{HERE}/pair") | {"hubspot_owner": other, "salesforce_user": there}
        answer = await admin.post(f"{HERE}/pair", form)
        assert answer.status == 422
        assert "Take that pair apart first." in answer.page.text

    tell(tmp_path, story, objects=("contacts",))


async def _chosen(world: SettingsWorld, **choices: str) -> Answer:
    """On the tab Contacts, up to the page that shows what the next sync would do."""
    admin = await world.admin()
    shown = await admin.get("/connections/1/contacts")
    fields = {"create_in_salesforce": "Contact", "create_in_hubspot": "yes"}
    fields |= shown.page.form("/connections/1/contacts/rules") | choices
    return await saved(admin, await admin.post("/connections/1/contacts/rules", fields))


def test_choosing_that_salesforces_owner_stands_makes_the_properties_that_name_it(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        names = world.hubspot.portal.table("contacts").schema.properties
        assert "salesforceownerid" not in names
        assert (await _chosen(world, owner_unmatched="salesforce")).to == "/connections/1/contacts?done=rules"
        assert {"salesforceownerid", "salesforceownername"} <= set(names)
        alone = world.salesforce.add_user("Alone There", "alone@example.com").id
        world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com", "OwnerId": alone})
        await world.turns()
        (here,) = world.hugo.ids("contacts")
        assert world.contact(here)["salesforceownername"] == "Alone There"

    tell(tmp_path, story, objects=("contacts",))


def test_choosing_what_contacts_show_of_their_newest_opportunity_is_counted_and_makes_its_properties(
    tmp_path: Path,
) -> None:
    async def story(world: SettingsWorld) -> None:
        there = world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com"})
        await world.turns()
        row = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-03-01", "Amount": 1000}
        opportunity = world.sally.create("Opportunity", row)
        world.sally.create("OpportunityContactRole", {"OpportunityId": opportunity, "ContactId": there})
        await world.turns()
        connection = await connection_of(world)
        choice = what_syncs.Choice(choices={"newest_opportunity": "on"})
        change = setting_changes.chosen(connection, "contacts", choice, None)
        assert change is not None
        assert change.widens
        found = await setting_changes.document(world.interlock, connection, change, world.clock_us)
        assert found["objects"]["contacts"]["update_in_hubspot"] == 1
        properties = world.hubspot.portal.table("contacts").schema.properties
        names = [f"salesforceopportunity{name}" for name in ("name", "stage", "amount", "closedate")]
        assert not set(names) & set(properties)
        assert (await _chosen(world, newest_opportunity="on")).to == "/connections/1/contacts?done=rules"
        assert {properties[name].group for name in names} == {"salesforceinformation"}
        await world.turns()
        (here,) = world.hugo.ids("contacts")
        assert [world.contact(here)[name] for name in names] == ["Big", "Prospecting", "1000", "2026-03-01"]

    tell(tmp_path, story, objects=("contacts",))


def test_letting_owners_be_changed_on_both_sides_again_is_not_saved_unseen(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        now = await connection_of(world)
        on_one_side = {"choices": {"owner_changes": {"contacts": "in_salesforce"}}}
        before = msgspec.structs.replace(now, settings={**now.settings, **on_one_side})
        choice = what_syncs.Choice(choices={"owner_changes": "both"})
        change = setting_changes.chosen(before, "contacts", choice, None)
        assert change is not None
        assert change.widens

    tell(tmp_path, story, objects=("contacts",))


def test_the_stages_that_would_move_are_counted_before_it_is_turned_on(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        there = world.sally.create("Contact", {"LastName": "Person", "Email": "ada@example.com"})
        await world.turns()
        row = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-03-01"}
        opportunity = world.sally.create("Opportunity", row)
        world.sally.create("OpportunityContactRole", {"OpportunityId": opportunity, "ContactId": there})
        await world.turns()
        assert world.store is not None
        connection = await connection_of(world)
        choice = what_syncs.Choice(choices={"lifecycle_transitions": "on"})
        change = setting_changes.chosen(connection, "contacts", choice, None)
        assert change is not None
        found = await setting_changes.document(world.interlock, connection, change, world.clock_us)
        counts = found["objects"]["contacts"]
        assert (counts["update_in_hubspot"], counts["update_in_salesforce"]) == (1, 0)
        (here,) = world.hugo.ids("contacts")
        assert world.contact(here)["lifecyclestage"] == "lead"

    tell(tmp_path, story, objects=("contacts",))
