"""A backfill, from the tab of its object and over the API: what it would change is shown first, and the desk carries it out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.api_world import ApiWorld, an_api
from tests.settings_world import SettingsWorld, ended, saved, tell

from interlock.app.people.roles import Role
from interlock.store import mappings

HERE = "/connections/1/contacts"


async def _mapped_late(world: SettingsWorld) -> tuple[str, str, str]:
    """Two pairs that were linked before job titles were mapped again; the first holds one in HubSpot, the second in Salesforce."""
    first, second = world.person("ada@example.com"), world.person("eve@example.com")
    await world.turns()
    await world.rule("contacts", "jobtitle", "dont_sync")
    world.hugo.update("contacts", first, {"jobtitle": "Analyst"})
    world.sally.update("Contact", world.counterpart("contacts", second), {"Title": "Engineer"})
    await world.turns()
    world.person("last@example.com")
    await world.turns()
    await world.rule("contacts", "jobtitle", "prefer_salesforce")
    await world.turns()
    there = world.counterpart("contacts", first)
    assert not world.sally.get("Contact", there)["Title"]
    return first, second, there


def test_a_backfill_is_previewed_begun_and_carried_out_both_ways(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        _, second, there = await _mapped_late(world)
        admin = await world.admin()
        before = world.written
        asked = await admin.submit(HERE, f"{HERE}/backfill", do="preview")
        assert asked.to is not None
        seen = await ended(admin, asked.to)
        assert "What the backfill would do" in seen.page.text
        assert "Nothing is begun yet." in seen.page.text
        assert world.written == before
        begun = await saved(admin, asked)
        assert begun.status == 303
        under_way = await admin.get(HERE)
        assert "A backfill is under way: 0 of 3 linked pairs." in under_way.page.text
        await world.turns()
        assert world.sally.get("Contact", there)["Title"] == "Analyst"
        assert world.contact(second)["jobtitle"] == "Engineer"
        assert "The last backfill took up 3 linked pairs." in (await admin.get(HERE)).page.text
        assert "backfill_asked" in await world.deeds()

    tell(tmp_path, story, objects=("contacts",))


def test_a_backfill_that_is_under_way_can_be_stopped_from_the_tab(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        _, _, there = await _mapped_late(world)
        admin = await world.admin()
        await saved(admin, await admin.submit(HERE, f"{HERE}/backfill", do="preview"))
        stopped = await admin.submit(HERE, f"{HERE}/backfill", do="stop")
        assert stopped.status == 303
        assert "was stopped after 0 of 3 linked pairs" in (await admin.get(HERE)).page.text
        await world.turns()
        assert not world.sally.get("Contact", there)["Title"]

    tell(tmp_path, story, objects=("contacts",))


def test_a_backfill_is_not_begun_by_other_mappings_than_its_preview_has_shown(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        await _mapped_late(world)
        admin = await world.admin()
        asked = await admin.submit(HERE, f"{HERE}/backfill", do="preview")
        assert asked.to is not None
        await ended(admin, asked.to)
        await world.rule("contacts", "jobtitle", "always_hubspot")
        refused = await saved(admin, asked)
        assert (refused.status, "changed this since" in refused.page.text) == (409, True)
        assert "backfill_asked" not in await world.deeds()
        # Previewed once more it goes by the mappings of now.
        again = await admin.submit(HERE, f"{HERE}/backfill", do="preview")
        assert (await saved(admin, again)).status == 303

    tell(tmp_path, story, objects=("contacts",))


def test_who_may_not_configure_is_not_offered_a_backfill(tmp_path: Path) -> None:
    async def story(world: SettingsWorld) -> None:
        shown = await (await world.browser(Role.OPERATOR)).get(HERE)
        assert "Preview a backfill" not in shown.page.text

    tell(tmp_path, story, objects=("contacts",))


@pytest.fixture
async def synced(database_url: str, tmp_path: Path) -> AsyncIterator[ApiWorld]:
    """Once synced."""
    async with an_api(tmp_path, database_url) as world:
        world.hugo.create("contacts", {"email": "grace@example.com", "lastname": "Hopper", "jobtitle": "Admiral"})
        await world.connect(existing="all", name="Acme main")
        await _synced(world)
        yield world


async def _synced(world: ApiWorld) -> None:
    world.office.advance(300)
    async with world.dispatcher():
        job = await world.ended(await world.post("~/sync"))
    assert job["result"]["outcome"] == "done", job


@pytest.mark.anyio
async def test_a_program_previews_begins_and_follows_a_backfill(synced: ApiWorld) -> None:
    never = (await synced.get("~/objects/contacts/backfill")).document
    assert (never["state"], never["pairs"]) == ("never", 0)
    await _rule(synced, "dont_sync")
    (grace,) = synced.hugo.ids("contacts")
    there = synced.hugo.get("contacts", grace)["interlock_salesforce_id"]
    synced.sally.update("Contact", there, {"Title": "Captain"})
    await _synced(synced)
    # Somebody else's edit, so that hers is not the newest any more, which is looked at again.
    synced.hugo.create("contacts", {"email": "eve@example.com", "lastname": "Person"})
    synced.sally.create("Contact", {"LastName": "Last", "Email": "last@example.com"})
    await _synced(synced)
    await _rule(synced, "always_salesforce")
    plan = await synced.ended(await synced.post("~/objects/contacts/plan", {"backfill": True}))
    assert plan["result"]["objects"]["contacts"]["update_in_hubspot"] == 1
    assert synced.hugo.get("contacts", grace)["jobtitle"] == "Admiral"
    begun = (await synced.post("~/objects/contacts/backfill")).document
    assert (begun["state"], begun["pairs"]) == ("running", 3)
    await _synced(synced)
    done = (await synced.get("~/objects/contacts/backfill")).document
    assert (done["state"], done["done"]) == ("done", 3)
    assert synced.hugo.get("contacts", grace)["jobtitle"] == "Captain"
    assert (await synced.post("~/objects/contacts/backfill", {"stop": True})).document["state"] == "done"


@pytest.mark.anyio
async def test_a_backfill_of_an_object_that_is_off_or_with_other_choices_is_refused(synced: ApiWorld) -> None:
    both = await synced.post("~/objects/contacts/plan", {"backfill": True, "create_in_hubspot": False})
    assert (both.status, both.error["code"]) == (422, "one_at_a_time")
    await synced.post("~/objects/deals/turn", {"on": False})
    for address in ("~/objects/deals/backfill", "~/objects/deals/plan"):
        off = await synced.post(address, {"backfill": True} if address.endswith("plan") else {})
        assert (off.status, off.error["code"]) == (422, "object_off")


async def _rule(world: ApiWorld, rule: str) -> None:
    assert world.connection.id is not None
    async with world.store.write(world.connection.id) as tx:
        for row in await mappings.field_mappings(tx):
            if row.property == "jobtitle":
                row.rule = rule
                await mappings.save_field_mapping(tx, row)
