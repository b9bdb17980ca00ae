"""A field or a picklist that changes under a mapping that worked: an issue, and never a wipe."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from interlock.app.compile import VALUES
from interlock.app.mapping_drift import BROKEN, LIST_CHANGED
from interlock.core.model import Issue
from interlock.engine import backfill
from interlock.store import mappings
from tests.engine.test_left_out import SYNC_USER, read_schemas_again
from tests.world import World

FIELD = ("Contact", "Team__c")


def team(world: World) -> None:
    world.property("contacts", "team", "string", "text")
    world.salesforce.add_custom_field(*FIELD, "Text", length=80)


def hide(world: World) -> None:
    world.salesforce.set_field_permission(SYNC_USER, *FIELD, read=False, edit=False)


def rename(world: World) -> None:
    world.salesforce.rename_field(*FIELD, "Squad__c")


def retype(world: World) -> None:
    world.salesforce.retype_field(*FIELD, "Number", precision=18, scale=0)


def remove(world: World) -> None:
    world.salesforce.remove_field(*FIELD)


def archive(world: World) -> None:
    world.hugo.archive_property("contacts", "team")


async def of_code(world: World, code: str) -> list[Issue]:
    return [each for each in await world.issues() if each.code == code]


@pytest.mark.parametrize("change", [hide, rename, retype, remove, archive])
def test_a_field_that_is_hidden_renamed_retyped_or_removed_is_an_issue_and_empties_nothing(
    tell, change: Callable[[World], None]
):
    async def story(world: World) -> None:
        await world.map("contacts", "team", "Contact", "Team__c")
        here = world.person("ada@example.com", team="red")
        await world.settle()
        there = world.counterpart("contacts", here)
        assert world.sally.get("Contact", there)["Team__c"] == "red"
        before = len(world.ours())
        change(world)
        await read_schemas_again(world)
        world.hugo.update("contacts", here, {"jobtitle": "CTO"})
        world.sally.update("Contact", there, {"Phone": "1"})
        await world.settle()
        (issue,) = await of_code(world, BROKEN)
        assert (issue.object, issue.property, issue.field, issue.hubspot_id) == ("contacts", "team", "Team__c", None)
        assert "do not sync for now" in issue.cause
        # All else goes on, and nothing of the field was written on either side.
        assert (world.sally.get("Contact", there)["Title"], world.contact(here)["phone"]) == ("CTO", "1")
        written = [entry for entry in world.ours()[before:] if entry.field in ("team", "Team__c", "Squad__c")]
        assert written == []
        if change is not archive:
            assert world.contact(here)["team"] == "red"

    tell(story, team)


def test_the_issue_ends_when_the_field_is_back_and_what_was_edited_meanwhile_is_carried_over(tell):
    async def story(world: World) -> None:
        await world.map("contacts", "team", "Contact", "Team__c")
        here = world.person("ada@example.com", team="red")
        await world.settle()
        hide(world)
        await read_schemas_again(world)
        world.hugo.update("contacts", here, {"team": "blue"})
        await world.settle()
        assert len(await of_code(world, BROKEN)) == 1
        world.salesforce.set_field_permission(SYNC_USER, *FIELD, read=True, edit=True)
        await read_schemas_again(world)
        await world.settle()
        assert await world.issues() == []
        assert world.sally.get("Contact", world.counterpart("contacts", here))["Team__c"] == "blue"

    tell(story, team)


# --- picklists ----------------------------------------------------------------------------------------------------------


def tiers(world: World) -> None:
    world.salesforce.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("gold", "silver"))
    world.property("contacts", "tier", "enumeration", "select", options=("gold", "silver"))


async def with_tier(world: World) -> str:
    await world.map("contacts", "tier", "Contact", "Tier__c")
    here = world.person("ada@example.com", tier="gold")
    await read_schemas_again(world)
    await world.settle()
    return here


def test_values_that_come_and_go_in_a_picklist_are_an_issue_that_names_them_and_empty_nothing(tell):
    async def story(world: World) -> None:
        here = await with_tier(world)
        there = world.counterpart("contacts", here)
        world.salesforce.add_picklist_value("Contact", "Tier__c", "platinum")
        world.salesforce.deactivate_picklist_value("Contact", "Tier__c", "silver")
        await read_schemas_again(world)
        await world.settle()
        (issue,) = await of_code(world, LIST_CHANGED)
        assert (issue.property, issue.field, issue.severity) == ("tier", "Tier__c", "warning")
        assert "has no option for: platinum." in issue.cause
        assert "offers: silver." in issue.cause
        assert (world.contact(here)["tier"], world.sally.get("Contact", there)["Tier__c"]) == ("gold", "gold")

    tell(story, tiers)


def test_a_changed_picklist_is_over_when_hubspot_follows_it(tell):
    async def story(world: World) -> None:
        await with_tier(world)
        world.salesforce.add_picklist_value("Contact", "Tier__c", "platinum")
        await read_schemas_again(world)
        await world.settle()
        assert len(await of_code(world, LIST_CHANGED)) == 1
        # Seen again, it is the same issue.
        await read_schemas_again(world)
        await world.settle()
        assert len(await of_code(world, LIST_CHANGED)) == 1
        options = [{"label": each, "value": each} for each in ("gold", "silver", "platinum")]
        world.hubspot.portal.table("contacts").schema.update("tier", {"options": options}, 0)
        await read_schemas_again(world)
        await world.settle()
        assert await world.issues() == []

    tell(story, tiers)


def test_what_hubspot_lacked_when_the_two_were_mapped_is_no_change(tell):
    def before(world: World) -> None:
        world.salesforce.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("gold", "silver", "platinum"))
        world.property("contacts", "tier", "enumeration", "select", options=("gold", "silver"))

    async def story(world: World) -> None:
        await with_tier(world)
        await read_schemas_again(world)
        await world.settle()
        assert await world.issues() == []

    tell(story, before)


def test_another_label_of_a_value_is_an_issue_while_hubspot_shows_the_old_one(tell):
    async def story(world: World) -> None:
        await with_tier(world)
        for each in world.salesforce.org.objects["Contact"].fields["Tier__c"].picklist:
            each["label"] = "Best" if each["value"] == "gold" else each["label"]
        await read_schemas_again(world)
        await world.settle()
        (issue,) = await of_code(world, LIST_CHANGED)
        assert "under other labels than the property tier: gold." in issue.cause

    tell(story, tiers)


def test_an_option_and_a_value_that_a_person_called_the_same_go_over_as_each_other_in_both_directions(tell):
    def before(world: World) -> None:
        world.salesforce.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("gold", "copper"))
        world.property("contacts", "tier", "enumeration", "select", options=("gold", "bronze"))

    async def story(world: World) -> None:
        await world.map("contacts", "tier", "Contact", "Tier__c")
        here = world.person("ada@example.com", tier="gold")
        await world.settle()
        there = world.counterpart("contacts", here)
        world.hugo.update("contacts", here, {"tier": "bronze"})
        await world.settle()
        (held,) = await world.issues()
        assert (held.property, held.value, world.sally.get("Contact", there)["Tier__c"]) == ("tier", "bronze", "gold")
        async with world.write() as tx:
            (row,) = [each for each in await mappings.field_mappings(tx) if each.property == "tier"]
            row.definition = {VALUES: {"bronze": "copper"}}
            await mappings.save_field_mapping(tx, row)
            await backfill.ask(tx, "contacts")
        await world.settle()
        assert world.sally.get("Contact", there)["Tier__c"] == "copper"
        assert await world.issues() == []
        world.sally.update("Contact", there, {"Tier__c": "gold"})
        await world.settle()
        world.sally.update("Contact", there, {"Tier__c": "copper"})
        await world.settle()
        assert world.contact(here)["tier"] == "bronze"

    tell(story, before)
