"""Somebody edits the fields by which Interlock knows a counterpart: at worst they point to nothing, and the sync goes on."""

from __future__ import annotations

import pytest

from interlock.engine.context import HUBSPOT_ID_PROPERTY, SALESFORCE_CREATION_KEY
from tests.world import World


@pytest.mark.parametrize("typed", ["003 is what I typed", "003", "003AAAAAAAAAAAAAAA", "001000000000001AAA", "üö"])
def test_what_is_typed_for_a_salesforce_id_in_hubspot_stops_nobodys_sync(tell, typed):
    async def story(world: World) -> None:
        here = world.person("ada@example.com", **{HUBSPOT_ID_PROPERTY: typed})
        other = world.person("grace@example.com")
        await world.settle()
        assert world.sally.get("Contact", world.counterpart("contacts", here))["Email"] == "ada@example.com"
        assert world.sally.get("Contact", world.counterpart("contacts", other))["Email"] == "grace@example.com"
        assert await world.issues() == []

    tell(story)


@pytest.mark.parametrize("typed", ["contacts:ada", "contacts:", "what I typed", "contacts:99999999999999999999999"])
def test_what_is_typed_for_a_hubspot_id_in_salesforce_stops_nobodys_sync(tell, typed):
    async def story(world: World) -> None:
        may_edit_the_key(world, "Contact")
        key = f"{world.hubspot.account_id}:{typed}"
        person = {"LastName": "Lovelace", "Email": "ada@example.com", SALESFORCE_CREATION_KEY: key}
        there = world.sally.create("Contact", person)
        other = world.person("grace@example.com")
        await world.settle()
        assert world.counterpart("contacts", other) not in ("", there)
        assert world.sally.get("Contact", there)["LastName"] == "Lovelace"

    tell(story)


def test_a_creation_key_typed_in_capitals_is_still_the_records_key(tell):
    async def story(world: World) -> None:
        may_edit_the_key(world, "Account")
        here = world.hugo.create("companies", {"name": "Acme"})
        key = f"{world.hubspot.account_id}:Companies:{here}"
        there = world.sally.create("Account", {"Name": "Not Acme at all", SALESFORCE_CREATION_KEY: key})
        await world.settle()
        assert world.counterpart("companies", here) == there
        assert world.sally.ids("Account") == [there]

    tell(story)


def may_edit_the_key(world: World, type_: str) -> None:
    world.salesforce.set_field_permission(world.sally.user.id, type_, SALESFORCE_CREATION_KEY, read=True, edit=True)
