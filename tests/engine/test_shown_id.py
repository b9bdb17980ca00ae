"""A Salesforce record tells people which HubSpot record it is linked with. That rides along with a write and causes none."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.core.model import Side
from interlock.engine.context import SALESFORCE_HUBSPOT_ID
from tests.world import World


def shown(world: World, type_: str, id_: str) -> Any:
    """What the org holds. The people of these stories may not see the field."""
    return world.salesforce.org.tables[type_].rows[id_].values.get(SALESFORCE_HUBSPOT_ID)


def names(world: World, object_: str, hubspot_id: str) -> str:
    return f"{world.hubspot.account_id}:{object_}:{hubspot_id}"


def forbid(world: World, type_: str, *, read: bool) -> None:
    user = world.salesforce.users[0]
    world.salesforce.set_field_permission(user.id, type_, SALESFORCE_HUBSPOT_ID, read=read, edit=False)


def matched_pair(world: World) -> tuple[str, str]:
    """Two records that are linked by their e-mail address, with nothing to carry over."""
    there = world.sally.create("Contact", {"LastName": "Lovelace", "Email": "ada@example.com", "OwnerId": owner(world)})
    here = world.hugo.create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
    return here, there


def owner(world: World) -> str:
    return world.sally.user.id


def test_a_record_that_is_made_in_salesforce_names_its_hubspot_record(tell):
    async def story(world: World) -> None:
        person = world.person("ada@example.com")
        company = world.hugo.create("companies", {"name": "Acme"})
        await world.settle()
        assert shown(world, "Contact", world.counterpart("contacts", person)) == names(world, "contacts", person)
        assert shown(world, "Account", world.counterpart("companies", company)) == names(world, "companies", company)

    tell(story)


def test_linking_writes_nothing_and_the_next_change_takes_the_id_along_in_the_same_write(tell):
    async def story(world: World) -> None:
        here, there = matched_pair(world)
        await world.settle()
        assert world.counterpart("contacts", here) == there
        assert shown(world, "Contact", there) is None
        world.hugo.update("contacts", here, {"jobtitle": "Countess"})
        sent = world.sent(Side.SALESFORCE)
        await world.settle()
        assert shown(world, "Contact", there) == names(world, "contacts", here)
        assert world.sent(Side.SALESFORCE) == sent + 1

    tell(story)


def test_it_is_no_edit_of_the_record_and_nothing_is_carried_over_for_it(tell):
    async def story(world: World) -> None:
        here, there = matched_pair(world)
        world.hugo.update("contacts", here, {"jobtitle": "Countess"})
        await world.settle()
        before = world.written
        world.sally.update("Contact", there, {"Title": "CTO"})
        await world.settle()
        ours = world.ours(before)
        assert {(entry.object, entry.field) for entry in ours} == {("contacts", "jobtitle")}

    tell(story)


@pytest.mark.parametrize("said", ["999:contacts:1", "ask Grace"])
def test_what_another_account_or_a_person_says_there_stands(tell, said):
    async def story(world: World) -> None:
        here, there = matched_pair(world)
        await world.settle()
        world.salesforce.org.tables["Contact"].rows[there].values[SALESFORCE_HUBSPOT_ID] = said
        world.hugo.update("contacts", here, {"jobtitle": "Countess"})
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "Countess"
        assert shown(world, "Contact", there) == said

    tell(story)


@pytest.mark.parametrize("read", [True, False])
def test_an_org_that_does_not_grant_the_field_is_synced_without_it(tell, read):
    async def story(world: World) -> None:
        here, there = matched_pair(world)
        other = world.person("grace@example.com")
        world.hugo.update("contacts", here, {"jobtitle": "Countess"})
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "Countess"
        made = world.counterpart("contacts", other)
        assert (world.sally.get("Contact", made)["Email"], shown(world, "Contact", made)) == ("grace@example.com", None)
        assert await world.issues() == []

    tell(story, before=lambda world: forbid(world, "Contact", read=read))


def test_a_grant_that_is_taken_back_just_before_the_write_costs_the_record_nothing(tell):
    async def story(world: World) -> None:
        here, there = matched_pair(world)
        await world.settle()
        world.hugo.update("contacts", here, {"jobtitle": "Countess"})
        other = world.person("grace@example.com")
        world.between_read_and_write(Side.SALESFORCE, lambda: forbid(world, "Contact", read=True))
        await world.settle()
        assert world.sally.get("Contact", there)["Title"] == "Countess"
        made = world.counterpart("contacts", other)
        assert (shown(world, "Contact", there), shown(world, "Contact", made)) == (None, None)
        assert await world.issues() == []

    tell(story)
