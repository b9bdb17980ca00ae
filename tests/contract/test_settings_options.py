"""Two mapped lists beside each other: what HubSpot lacks is seen, chosen and added, from the page and over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.api_world import ApiWorld, an_api
from tests.settings_world import SettingsWorld, tell
from tests.world import World

from interlock.app.people.roles import Role
from interlock.store import directory, mappings
from interlock.store.mappings import FieldMappingRow

HERE = "/connections/1/contacts"
OPTIONS = f"{HERE}/options/tier"


def tiers(world: World | ApiWorld) -> None:
    world.salesforce.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("gold", "silver"))
    schema = world.hubspot.portal.table("contacts").schema
    listed = [{"label": "Gold!", "value": "gold", "hidden": True, "description": "The best"}, _option("bronze")]
    schema.create(
        {"name": "tier", "label": "Tier", "type": "enumeration", "fieldType": "select", "options": listed}
        | {"groupName": next(iter(schema.groups))},
        0,
        None,
    )


def _option(value: str) -> dict[str, str]:
    return {"label": value.title(), "value": value}


def options_of(world: World | ApiWorld) -> list[dict[str, Any]]:
    return world.hubspot.portal.table("contacts").schema.get("tier").options


async def _held(world: SettingsWorld) -> tuple[str, str]:
    """A pair whose Salesforce tier HubSpot has no option for; the page that compares the two lists."""
    await world.map("contacts", "tier", "Contact", "Tier__c")
    person = world.person("ada@example.com", tier="gold")
    await world.turns()
    there = world.counterpart("contacts", person)
    world.sally.update("Contact", there, {"Tier__c": "silver"})
    await world.turns()
    assert (world.contact(person)["tier"], len(await world.issues())) == ("gold", 1)
    return person, there


def test_options_that_hubspot_lacks_are_seen_and_added_and_what_waited_for_them_arrives(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        tiers(world)
        async with world.write() as tx:
            await directory.drop(tx, "schemas")
        person, _ = await _held(world)
        admin = await world.admin()
        row = await admin.get(f"{HERE}/mappings/tier:Tier__c")
        assert OPTIONS in [each.get("href") for each in row.page.all("a")]
        before = options_of(world)
        shown = await admin.get(OPTIONS)
        assert "silver" in shown.page.text
        assert "bronze" in shown.page.text
        assert options_of(world) == before
        changed = await admin.submit(OPTIONS, OPTIONS, **{"add:silver": "yes"})
        assert changed.status == 303
        # What is there stays as it is, what it says to nobody but HubSpot included.
        assert options_of(world)[:2] == before
        assert [each["value"] for each in options_of(world)] == ["gold", "bronze", "silver"]
        await world.turns()
        assert world.contact(person)["tier"] == "silver"
        assert await world.issues() == []
        assert "options_changed" in await world.deeds()
        assert "HubSpot has an option for every value" in (await admin.get(OPTIONS)).page.text

    tell(tmp_path, story, objects=("contacts",))


def test_nothing_chosen_or_what_is_no_difference_any_more_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        tiers(world)
        await world.map("contacts", "tier", "Contact", "Tier__c")
        admin, before = await world.admin(), options_of(world)
        form = (await admin.get(OPTIONS)).page.form(OPTIONS)
        nothing = await admin.post(OPTIONS, {"csrf": form["csrf"]})
        assert (nothing.status, "No option is chosen." in nothing.page.text) == (422, True)
        gone = await admin.post(OPTIONS, {"csrf": form["csrf"], "add:copper": "yes"})
        assert (gone.status, "no such difference" in gone.page.text) == (422, True)
        assert (await admin.get(f"{HERE}/options/jobtitle")).status == 404
        assert options_of(world) == before

    tell(tmp_path, story, objects=("contacts",))


@pytest.fixture
async def joined(database_url: str, tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with an_api(tmp_path, database_url) as world:
        tiers(world)
        connection = await world.connect(name="Acme main")
        assert connection.id is not None
        async with world.store.write(connection.id) as tx:
            (contact,) = [row.id for row in await mappings.object_mappings(tx) if row.salesforce_type == "Contact"]
            assert contact is not None
            await mappings.save_field_mapping(tx, FieldMappingRow(contact, "tier", "Tier__c", "two_way", kind="custom"))
        yield world


@pytest.mark.anyio
async def test_a_program_compares_the_lists_adds_what_lacks_and_renames_what_was_renamed(joined: ApiWorld) -> None:
    address = "~/objects/contacts/options/tier"
    found = (await joined.get(address)).document
    assert found["to_add"] == [{"value": "silver", "label": "silver"}]
    assert (found["fields"], found["only_in_hubspot"], found["to_rename"]) == (["Contact.Tier__c"], ["bronze"], [])
    left = (await joined.post(address, {"add": ["silver"]})).document
    assert left["to_add"] == []
    again = await joined.post(address, {"add": ["silver"]})
    assert (again.status, again.error["code"]) == (422, "options_differ")
    # Another label in Salesforce is a difference while HubSpot shows the old one.
    for each in joined.salesforce.org.objects["Contact"].fields["Tier__c"].picklist:
        each["label"] = "Sterling" if each["value"] == "silver" else each["label"]
    renamed = (await joined.get(address)).document["to_rename"]
    assert renamed == [{"option": "silver", "before": "silver", "after": "Sterling"}]
    await joined.post(address, {"rename": ["silver"]})
    assert [each["label"] for each in options_of(joined)] == ["Gold!", "Bronze", "Sterling"]
    assert (await joined.get(address)).document["to_rename"] == []


@pytest.mark.anyio
async def test_a_program_joins_an_option_with_a_value_and_parts_them_again(joined: ApiWorld) -> None:
    address = "~/objects/contacts/options/tier"
    assert (await joined.get(address)).document["to_join"] == {"options": ["bronze"], "values": ["silver"]}
    said = (await joined.post(address, {"join": {"bronze": "silver"}})).document
    assert (said["joined"], said["to_add"], said["only_in_hubspot"]) == ({"bronze": "silver"}, [], [])
    wrong = await joined.post(address, {"join": {"gold": "silver"}})
    assert (wrong.status, wrong.error["code"]) == (422, "values_not_joined")
    both = await joined.post(address, {"join": {}, "add": ["silver"]})
    assert (both.status, both.error["code"]) == (422, "one_at_a_time")
    parted = (await joined.post(address, {"join": {"bronze": ""}})).document
    assert (parted["joined"], [each["value"] for each in parted["to_add"]]) == ({}, ["silver"])


@pytest.mark.anyio
async def test_who_may_not_configure_may_not_compare_lists_and_a_text_is_no_list(joined: ApiWorld) -> None:
    address = "~/objects/contacts/options/tier"
    assert (await joined.get(address, Role.OPERATOR)).status == 403
    text = await joined.get("~/objects/contacts/options/jobtitle")
    assert (text.status, text.error["code"]) == (404, "no_such_list")


def test_an_option_and_a_value_are_called_the_same_and_what_waited_goes_over(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        tiers(world)
        async with world.write() as tx:
            await directory.drop(tx, "schemas")
        person, there = await _held(world)
        admin = await world.admin()
        assert "bronze in HubSpot is in Salesforce" in (await admin.get(OPTIONS)).page.text
        wrong = await admin.submit(OPTIONS, OPTIONS, do="join", **{"join:bronze": "gold"})
        assert (wrong.status, "These cannot be called the same: bronze = gold." in wrong.page.text) == (422, True)
        said = await admin.submit(OPTIONS, OPTIONS, do="join", **{"join:bronze": "silver"})
        assert said.status == 303
        await world.turns()
        assert world.contact(person)["tier"] == "bronze"
        assert await world.issues() == []
        world.hugo.update("contacts", person, {"tier": "gold"})
        await world.turns()
        assert world.sally.get("Contact", there)["Tier__c"] == "gold"
        assert "options_joined" in await world.deeds()
        # Another rule is no reason to part them.
        form = (await admin.get(f"{HERE}/mappings/tier:Tier__c")).page.form(f"{HERE}/mappings/preview")
        effect = await admin.post(f"{HERE}/mappings/preview", form | {"do": "change", "rule": "always_salesforce"})
        await admin.post(f"{HERE}/mappings/save", effect.page.form(f"{HERE}/mappings/save"))
        world.sally.update("Contact", there, {"Tier__c": "silver"})
        await world.turns()
        assert world.contact(person)["tier"] == "bronze"

    tell(tmp_path, story, objects=("contacts",))


def test_long_lists_are_searched_and_the_page_holds_their_values_once(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        values, options = [f"value {n}" for n in range(300)], [f"option {n}" for n in range(300)]
        world.salesforce.add_custom_field("Contact", "Tier__c", "Picklist", picklist=tuple(values))
        world.property("contacts", "tier", "enumeration", "select", options=options)
        await world.map("contacts", "tier", "Contact", "Tier__c")
        admin = await world.admin()
        shown = await admin.get(OPTIONS)
        assert len(shown.page.all("datalist")) == 1
        assert shown.page.all("select", name="join:option 7") == []
        (field,) = shown.page.all("input", name="join:option 7")
        assert field["list"] == "values"
        # 300 x 300 values would be 90,000.
        assert len(shown.page.all("option")) < 400
        wrong = await admin.submit(OPTIONS, OPTIONS, do="join", **{"join:option 7": "no such value"})
        assert wrong.status == 422
        assert wrong.page.all("input", name="join:option 7")[0]["value"] == "no such value"
        said = await admin.submit(OPTIONS, OPTIONS, do="join", **{"join:option 7": " value 9 "})
        assert said.status == 303
        (field,) = (await admin.get(OPTIONS)).page.all("input", name="join:option 7")
        assert field["value"] == "value 9"

    tell(tmp_path, story, objects=("contacts",))


# --- a property that lacks ----------------------------------------------------------------------------------------------


def moods(world: World | ApiWorld) -> None:
    world.salesforce.add_custom_field("Contact", "Mood__c", "Picklist", picklist=("sunny", "grim"))


def test_a_property_is_made_for_a_field_that_has_none_and_is_mapped_then(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        moods(world)
        person = world.person("ada@example.com")
        await world.turns()
        async with world.write() as tx:
            await directory.drop(tx, "schemas")
        await world.turns()
        world.sally.update("Contact", world.counterpart("contacts", person), {"Mood__c": "grim"})
        admin, add = await world.admin(), f"{HERE}/add"
        shown = await admin.get(add)
        assert "Mood (Mood__c, enumeration" in shown.page.text
        made = await admin.submit(add, f"{HERE}/add/property", new="mood__c")
        assert (made.status, made.to) == (303, f"{add}?property=mood__c")
        property_ = world.hubspot.portal.table("contacts").schema.get("mood__c")
        assert (property_.label, property_.type, property_.field_type) == ("Mood", "enumeration", "select")
        assert (property_.group, sorted(property_.option_values)) == ("salesforceinformation", ["grim", "sunny"])
        chosen = await admin.get(made.to)
        form = chosen.page.form(f"{HERE}/mappings/preview")
        effect = await admin.post(f"{HERE}/mappings/preview", form | {"field": "Mood__c Contact", "rule": "two_way"})
        await admin.post(f"{HERE}/mappings/save", effect.page.form(f"{HERE}/mappings/save"))
        await world.turns()
        world.sally.update("Contact", world.counterpart("contacts", person), {"Mood__c": "sunny"})
        await world.turns()
        assert world.contact(person)["mood__c"] == "sunny"
        # What is mapped, or there, is offered no more.
        assert "Mood (Mood__c, enumeration" not in (await admin.get(add)).page.text
        again = await admin.post(f"{HERE}/add/property", {"csrf": form["csrf"], "new": "mood__c"})
        assert (again.status, "No property mood__c is to be made" in again.page.text) == (422, True)

    tell(tmp_path, story, objects=("contacts",))


@pytest.mark.anyio
async def test_a_program_lists_what_lacks_and_makes_one(database_url: str, tmp_path: Path) -> None:
    async with an_api(tmp_path, database_url) as world:
        moods(world)
        await world.connect(name="Acme main")
        (lacks,) = [
            each
            for each in (await world.get("~/objects/contacts/properties")).document["missing"]
            if each["property"] == "mood__c"
        ]
        assert (lacks["type"], lacks["options"], lacks["fields"]) == ("enumeration", 2, ["Contact.Mood__c"])
        left = (await world.post("~/objects/contacts/properties", {"property": "mood__c"})).document
        assert (left["made"], "mood__c" in [each["property"] for each in left["missing"]]) == ("mood__c", False)
        again = await world.post("~/objects/contacts/properties", {"property": "mood__c"})
        assert (again.status, again.error["code"]) == (422, "nothing_to_make")
