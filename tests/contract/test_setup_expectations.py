"""The wizard's step before the start, before and after somebody has signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.setup_world import CONNECT, EXPECTATIONS, SetupWorld, a_setup_world

from interlock.app.setup import findings, path

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SetupWorld]:
    async with a_setup_world(tmp_path, edition="Enterprise Edition") as made:
        yield made


async def shown(world: SetupWorld, *parts: str) -> str:
    """The page once these have been signed in to."""
    ada = await world.person()
    await world.to_connect(ada)
    for part in parts:
        await world.sign_in_to(ada, part)
    return (await ada.get(EXPECTATIONS)).page.text


async def test_before_a_sign_in_it_says_what_to_have_and_calls_nobody(world: SetupWorld) -> None:
    ada = await world.person()
    page = (await ada.get(EXPECTATIONS)).page.text
    for text in ("What you need", "Group Edition has none", "up to four calls a record", "No record is changed before"):
        assert text in page
    assert "What the CRMs say" not in page
    assert world.line.sent == []


async def test_after_it_the_crms_own_words_and_numbers_stand_there(world: SetupWorld) -> None:
    world.production.seed({"Account": [{"Name": f"Account {n}"} for n in range(7)]})
    page = await shown(world, "hubspot", "salesforce")
    assert "The org is of Enterprise Edition" in page
    assert "The sync user may read and create every synced object" in page
    forecast = findings.findings_of(await world.setup()).forecast
    assert forecast is not None
    assert (forecast.records, forecast.native) == (7, 28)
    assert "HubSpot's own integration would use up to 28 Salesforce calls" in page


async def test_one_side_is_looked_at_without_the_other(world: SetupWorld) -> None:
    page = await shown(world, "hubspot")
    found = findings.findings_of(await world.setup())
    assert {each.side for each in found.found} == {"hubspot"}
    assert found.forecast is None
    assert "What the CRMs say" in page


def the_native_integration_runs(world: SetupWorld) -> str:
    """The contact that it wrote to."""
    hugo = world.hubspot.user()
    id_ = hugo.create("contacts", {"email": "ada@example.com", "firstname": "Ada"})
    record = hugo._record("contacts", id_)[1]
    record.source = type(record.source)("SALESFORCE", "Salesforce Connector")
    return id_


async def test_the_native_integration_is_found_and_how_to_switch_it_off_is_said(world: SetupWorld) -> None:
    the_native_integration_runs(world)
    page = await shown(world, "hubspot")
    assert "HubSpot's own integration is running" in page
    assert "in which order to switch it off" in page
    assert "migrate" in [step.slug for step in path.path(await world.setup())]


async def test_its_mappings_are_to_be_exported_before_it_is_uninstalled_on_every_page_that_speaks_of_it(
    world: SetupWorld,
) -> None:
    """Uninstalling deletes them."""
    the_native_integration_runs(world)
    ada = await world.person()
    await world.to_connect(ada)
    connect = (await world.sign_in_to(ada, "hubspot")).page.text
    for page in (connect, (await ada.get(EXPECTATIONS)).page.text):
        said = page[page.index("own Salesforce integration is running") :]
        assert said.index("export its field mappings first") < said.index("uninstall it last")


async def test_what_was_mended_in_a_crm_is_seen_by_looking_again_without_another_sign_in(world: SetupWorld) -> None:
    written = the_native_integration_runs(world)
    ada = await world.person()
    await world.to_connect(ada)
    before = (await world.sign_in_to(ada, "hubspot")).page.text
    assert "own Salesforce integration is running" in before
    assert "was looked at" in before
    world.hubspot.user().archive("contacts", written)
    world.office.advance(60)
    assert (await ada.submit(CONNECT, f"{CONNECT}/look")).to == CONNECT
    after = (await ada.get(CONNECT)).page.text
    assert "own Salesforce integration is running" not in after
    assert findings.findings_of(await world.setup()).at in (await ada.get(CONNECT)).body


async def test_an_edition_without_an_api_is_said_beside_the_sign_in(tmp_path: Path) -> None:
    async with a_setup_world(tmp_path, edition="Group Edition") as world:
        ada = await world.person()
        await world.to_connect(ada)
        page = await world.sign_in_to(ada, "salesforce")
        assert "has no API for syncing" in page.page.text
