"""Coming from HubSpot's own integration by the wizard: its lists, its pairs, and that it is switched off, on both local CRMs."""

from __future__ import annotations

import pytest
from tests.asgi_browser import Answer
from tests.contract.conftest import Clock
from tests.wizard import Person, Wizard, installed

from interlock.app import mappings
from interlock.app.setup import expectations, migrate, package, review
from interlock.core.model import LinkedBy, SyncRule
from interlock.store import links

pytestmark = pytest.mark.anyio

PAGE = "/setup/migrate"
HEAD = "HubSpot Field Name,Salesforce Field Name,Sync Rule\n"


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    wizard.hubspot.native()
    await wizard.signed_in()
    await wizard.keep(expectations.slug, expectations.Values(read=True, migrate="yes"))
    return wizard


def a_pair(wizard: Wizard, here: str = "old@example.com", there: str = "new@example.com") -> tuple[str, str]:
    """A contact that the native integration had joined, of two addresses."""
    sally = wizard.production.user()
    contact = sally.create("Contact", {"LastName": "Lovelace", "Email": there})
    joined = {"email": here, "lastname": "Lovelace", "salesforcecontactid": contact}
    return wizard.hubspot.native().create("contacts", joined), contact


async def upload(ada: Person, object_: str, text: str) -> Answer:
    form = (await ada.get(PAGE)).page.form(f"{PAGE}/list")
    answer = await ada.upload(f"{PAGE}/list", {**form, "object": object_}, "file", text)
    while answer.to is not None:
        answer = await ada.get(answer.to)
    return answer


async def test_its_rules_are_shown_before_they_count_and_are_those_of_the_connection(
    wizard: Wizard, ada: Person
) -> None:
    await installed(wizard, ada)
    shown = await upload(ada, "contacts", f"{HEAD}jobtitle,Title,Two-way\nphone,Phone,Don't sync\ngone,Fax,Two-way\n")
    assert "2 mappings are taken." in shown.page.text
    assert "Line 4: gone / Fax : HubSpot has no contact property 'gone'" in shown.page.text
    assert "jobtitle" in shown.page.text
    assert (await wizard.setup()).connection_id is not None
    configuration = await ada.press(PAGE, PAGE, go="next", relink="yes")
    assert "Recommended" in configuration.page.text
    last = await ada.press("/setup/configuration", "/setup/configuration", which="recommended", missing="leave_out")
    assert "Mapping lists taken: Contacts." in last.page.text
    await review.wait(wizard.interlock, wizard.setup_id)
    assert (await wizard.end()).state == "done"
    connection = await wizard.connection()
    assert connection.id is not None
    listed = await mappings.list_(wizard.store, connection.id)
    rules = {row["property"]: row["rule"] for row in listed if row["object"] == "contacts"}
    assert (rules["jobtitle"], rules["phone"], rules["fax"]) == ("two_way", "dont_sync", "prefer_salesforce")


async def test_a_file_with_a_bad_line_is_refused_with_line_and_reason_and_changes_nothing(
    wizard: Wizard, ada: Person
) -> None:
    await installed(wizard, ada)
    await upload(ada, "contacts", f"{HEAD}jobtitle,Title,Two-way\n")
    refused = await upload(ada, "contacts", f"{HEAD}jobtitle,Title,Two-way\nphone,Phone,Sometimes\n")
    assert refused.status == 422
    assert "Line 3: 'Sometimes' is not a sync rule." in refused.page.text
    (box,) = refused.page.all("input", name="relink")
    assert "checked" in box
    (kept,) = migrate.lists_of(await wizard.setup()).values()
    assert [line.rule for line in kept] == [SyncRule.TWO_WAY]


async def test_a_list_can_be_taken_out_again(wizard: Wizard, ada: Person) -> None:
    await installed(wizard, ada)
    await upload(ada, "deals", f"{HEAD}amount,Amount,Two-way\n")
    shown = await ada.press(PAGE, f"{PAGE}/remove", object="deals")
    assert "Take this list out" not in shown.page.text
    assert migrate.lists_of(await wizard.setup()) == {}


async def test_pairs_are_counted_by_their_ids_previewed_and_linked_and_nobody_is_made_twice(
    wizard: Wizard, clock: Clock
) -> None:
    here, there = a_pair(wizard)
    await wizard.install()
    await wizard.keep(migrate.slug, migrate.Values(saved=True))
    setup, found = await wizard.setup(), await wizard.found()
    assert (await migrate.named_records(wizard.interlock, setup, found))["contacts"] == 1
    clock.advance(10)  # so many searches a second are allowed
    await wizard.recommended()
    seen = await wizard.preview()
    assert seen.state == "done", seen.message
    counts = seen.document["objects"]["contacts"]
    assert (counts["relinked"], counts["create_in_salesforce"], counts["create_in_hubspot"]) == (1, 0, 0)
    assert (await wizard.end("try")).state == "tried"
    async with wizard.store.read((await wizard.connection()).id) as tx:
        link = (await links.by_hubspot(tx, "contacts", [here]))[here]
    assert (link.salesforce_id, link.linked_by) == (there, LinkedBy.NATIVE_ID)
    assert len(wizard.salesforce_rows("Contact")) == len(wizard.hubspot.user().ids("contacts")) == 1


async def test_without_its_ids_the_same_two_are_strangers(wizard: Wizard) -> None:
    a_pair(wizard)
    await wizard.install()
    await wizard.keep(migrate.slug, migrate.Values(relink=False, saved=True))
    await wizard.recommended()
    counts = (await wizard.preview()).document["objects"]["contacts"]
    assert (counts["relinked"], counts["create_in_salesforce"], counts["create_in_hubspot"]) == (0, 1, 1)


async def test_it_says_whether_the_integration_wrote_since_it_was_paused(
    wizard: Wizard, ada: Person, clock: Clock
) -> None:
    here, _ = a_pair(wizard)
    await installed(wizard, ada)
    clock.advance(60)
    assert "it wrote nothing" in (await ada.press(PAGE, f"{PAGE}/check")).page.text
    clock.advance(60)
    wizard.hubspot.native().update("contacts", here, {"jobtitle": "CTO"})
    clock.advance(60)
    assert f"it wrote to hubspot:contacts:{here}" in (await ada.press(PAGE, f"{PAGE}/check")).page.text
    clock.advance(60)
    wizard.hubspot.user().update("contacts", here, {"jobtitle": "CEO"})
    clock.advance(60)
    paused = await ada.press(PAGE, f"{PAGE}/check")
    assert "it wrote nothing." in paused.page.text


async def test_who_does_not_come_from_it_never_sees_the_step(wizard: Wizard, ada: Person) -> None:
    await wizard.keep(expectations.slug, expectations.Values(read=True, migrate="no"))
    await installed(wizard, ada)
    answer = await ada.press("/setup/package", "/setup/package", go="next")
    assert "Recommended" in answer.page.text
    assert (await ada.get(PAGE)).status == 303
    assert migrate.settings_of(await wizard.setup()) == {"native_ids": False}


async def test_the_step_is_the_next_one_behind_the_package_and_can_be_passed_with_nothing(
    wizard: Wizard, ada: Person
) -> None:
    await installed(wizard, ada)
    assert package.done(await wizard.setup())
    shown = await ada.press("/setup/package", "/setup/package", go="next")
    assert "Switch it off, in this order" in shown.page.text
    await ada.press(PAGE, PAGE, go="next")
    values = migrate.values_of(await wizard.setup())
    assert (values.lists, values.saved) == ({}, True)
