"""*Save and leave*: at every step what was typed is kept, and whoever has to go can, also while no CRM answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.setup_world import APPS, EXPECTATIONS, PUBLIC_URL, a_setup_world
from tests.wizard import Person, Wizard

from interlock.app.setup import apps, expectations, migrate, path

pytestmark = pytest.mark.anyio

LEFT, PARTLY = "/?done=setup_left", "/?done=setup_left_partly"


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    """Every step is done, the long way."""
    await wizard.signed_in()
    await wizard.keep(expectations.slug, expectations.Values(read=True, migrate="yes"))
    await wizard.install()
    await wizard.keep(migrate.slug, migrate.Values(saved=True))
    await wizard.advanced()
    await wizard.choose()
    await wizard.preview()
    return wizard


TYPED: dict[str, dict[str, str]] = {
    "expectations": {"migrate": "yes"},
    "apps": {"salesforce_way": "create", "hubspot_client_id": "another"},
    "connect": {},
    "package": {},
    "migrate": {"relink": "yes"},
    "configuration": {"missing": "leave_out"},
    "contacts": {"which": "all", "in_salesforce": "Lead", "in_hubspot": "nothing"},
    "properties": {},
    "values": {},
    "pipelines": {},
    "choices": {"choice:contacts:deletes": "both"},
    "owners": {},
    "review": {"existing": "link"},
}


def test_every_step_is_left_once() -> None:
    assert list(TYPED) == [step.slug for step in path.STEPS]


@pytest.mark.parametrize("slug", TYPED)
async def test_a_step_is_left_with_what_was_typed_while_no_crm_answers(wizard: Wizard, ada: Person, slug: str) -> None:
    page = f"/setup/{slug}"
    shown = (await ada.get(page)).page
    form = shown.form(page) | shown.chosen()
    asked = len(wizard.line.sent)
    for crm in (wizard.hubspot, wizard.production):
        crm.faults.add({"match": {}, "kind": "timeout_before"})
    left = await ada.post(page, {**form, **TYPED[slug], "go": "leave"})
    assert left.to == LEFT
    assert "The set-up is kept as it stands" in (await ada.get(left.to)).page.text
    assert wizard.line.sent[asked:] == []
    for crm in (wizard.hubspot, wizard.production):
        crm.faults.clear()
    shown = (await ada.get(page)).page
    kept = shown.form(page) | shown.chosen()
    assert {name: kept.get(name) for name in TYPED[slug]} == TYPED[slug]


async def test_properties_that_nobody_has_looked_for_room_for_are_not_made_by_leaving(
    wizard: Wizard, ada: Person
) -> None:
    await ada.submit("/setup/configuration", "/setup/configuration", missing="leave_out", go="leave")
    assert path.resume(await wizard.setup()) == "configuration"


async def test_a_list_that_was_ticked_is_kept_and_looked_up_by_next(wizard: Wizard, ada: Person) -> None:
    chosen = wizard.hubspot.user().create_list("contacts", "Customers of the north", [])
    page = "/setup/contacts"
    await ada.submit(page, page, which="list", list_id=chosen, go="leave")
    assert path.resume(await wizard.setup()) == "contacts"
    assert (await ada.get(page)).page.form(page)["list_id"] == chosen
    await ada.press(page, page, go="next")
    assert "The contacts of the list Customers of the north." in (await ada.get("/setup/review")).page.text


async def test_a_list_that_is_not_chosen_yet_is_said_not_to_be_kept(wizard: Wizard, ada: Person) -> None:
    page = "/setup/contacts"
    left = await ada.submit(page, page, which="list", in_salesforce="Lead", go="leave")
    assert left.to == PARTLY
    assert "enter that again" in (await ada.get(PARTLY)).page.text
    kept = (await ada.get(page)).page.form(page)
    assert (kept["which"], kept["in_salesforce"]) == ("all", "Lead")


async def test_of_two_apps_the_one_that_there_is_waits_for_the_other(database_url: str, tmp_path: Path) -> None:
    async with a_setup_world(tmp_path, database_url) as world:
        ada = await world.person()
        await ada.submit(EXPECTATIONS, EXPECTATIONS, go="next")
        hubspot = {"hubspot_client_id": world.hubspot.client_id, "hubspot_client_secret": world.hubspot.client_secret}
        assert (await ada.submit(APPS, APPS, public_url=PUBLIC_URL, go="leave", **hubspot)).to == LEFT
        assert path.resume(await world.setup()) == "apps"
        page = (await ada.get(APPS)).page
        assert page.form(APPS)["hubspot_client_id"] == world.hubspot.client_id
        assert page.text.count("One is kept. It is never shown") == 1
        salesforce = {"salesforce_client_id": world.production.client_id}
        secret = world.production.client_secret
        assert (await ada.submit(APPS, APPS, go="next", **salesforce, salesforce_client_secret=secret)).to == (
            "/setup/connect"
        )


async def test_a_key_waits_for_the_rest_and_what_cannot_be_kept_is_said(database_url: str, tmp_path: Path) -> None:
    async with a_setup_world(tmp_path, database_url) as world:
        ada = await world.person()
        await ada.submit(EXPECTATIONS, EXPECTATIONS, go="next")
        typed = {"salesforce_way": "key", "salesforce_key": "jwt", "salesforce_jwt_key": "PEM", "hubspot_way": "key"}
        left = await ada.submit(
            APPS, APPS, public_url=PUBLIC_URL, salesforce_user="x@acme.example", go="leave", **typed
        )
        assert left.to == LEFT
        assert await apps.kept_secrets(world.store, await world.setup()) == {"salesforce_jwt_key"}
        assert path.resume(await world.setup()) == "apps"
        lost = {"public_url": "http://interlock.example", "salesforce_url": "https://evil.example"}
        assert (await ada.submit(APPS, APPS, go="leave", **lost)).to == PARTLY
        values = apps.values_of(await world.setup())
        assert (values.public_url, values.salesforce_url, values.salesforce_user) == (PUBLIC_URL, "", "x@acme.example")
