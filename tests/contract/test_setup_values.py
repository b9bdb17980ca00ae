"""Values of lists in the wizard: options and values of other names are called the same before the first sync, which goes by it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.asgi_browser import Answer
from tests.contract import test_setup_drift as drift_tests
from tests.contract.test_setup_drift import a_tier, counted, counted_again
from tests.wizard import Person, Wizard

from interlock.app import once
from interlock.app.compile import joined_values
from interlock.app.setup import path, same_values
from interlock.store import mappings

pytestmark = pytest.mark.anyio

# At the review, with Contact.Tier__c of gold and silver.
wizard, ada = drift_tests.wizard, drift_tests.ada
HERE, REVIEW, FROM_REVIEW = "/setup/values", "/setup/review", "/setup/values?back=review"
BRONZE = "join:contacts/tier__c:bronze"


async def form(ada: Person) -> dict[str, str]:
    page = (await ada.get(FROM_REVIEW)).page
    return page.form(HERE) | page.chosen()


async def choose(ada: Person, value: str, go: str = "next") -> Answer:
    return await ada.post(HERE, await form(ada) | {BRONZE: value, "go": go})


async def joined(wizard: Wizard) -> dict[str, Any]:
    async with wizard.store.read((await wizard.connection()).id) as tx:
        rows = await mappings.field_mappings(tx)
    (found,) = [joined_values(row) for row in rows if row.property == "tier__c"]
    return found


async def test_values_that_are_called_the_same_lack_no_more_and_sync_as_each_other(wizard: Wizard, ada: Person) -> None:
    await a_tier(wizard, "gold", "bronze")
    before = await counted_again(wizard, ada)
    assert "has no option for silver" in before
    assert (await ada.get(REVIEW)).page.all("a", href=FROM_REVIEW)
    of = (await wizard.preview()).of
    assert (await choose(ada, "silver")).to == REVIEW
    shown = await counted(wizard, ada)
    assert "has no option for silver" not in shown
    assert "Contacts, tier__c: bronze in HubSpot is silver in Salesforce." in shown
    assert (await wizard.preview()).of != of
    assert await joined(wizard) == {"bronze": "silver"}
    wizard.hubspot.user().create("contacts", {"email": "a@example.com", "lastname": "A", "tier__c": "bronze"})
    run = await wizard.end("all")
    assert (run.state, run.message) == ("done", "")
    await once.once(wizard.store, await wizard.connection(), wizard.interlock.clients, wizard.interlock.clock_us)
    assert [row["Tier__c"] for row in wizard.salesforce_rows("Contact")] == ["silver"]
    assert await joined(wizard) == {"bronze": "silver"}


async def test_next_alone_changes_nothing_and_what_was_said_can_be_taken_apart(wizard: Wizard, ada: Person) -> None:
    await a_tier(wizard, "gold", "bronze")
    await counted_again(wizard, ada)
    of = (await wizard.preview()).of
    assert (await choose(ada, "")).to == REVIEW
    assert (await wizard.preview()).of == of
    await choose(ada, "silver")
    await wizard.preview()
    assert (await form(ada))[BRONZE] == "silver"
    assert (await choose(ada, "")).to == REVIEW
    await wizard.preview()
    assert await joined(wizard) == {}
    assert "has no option for silver" in await counted(wizard, ada)


async def test_what_cannot_be_the_same_is_refused_with_what_was_chosen(wizard: Wizard, ada: Person) -> None:
    await a_tier(wizard, "gold", "bronze")
    await counted_again(wizard, ada)
    refused = await choose(ada, "gold")
    assert refused.status == 422
    assert "These cannot be called the same: bronze = gold." in refused.page.text
    assert same_values.values_of(await wizard.setup()).joined == {}


async def test_who_leaves_finds_what_was_chosen_and_it_is_not_gone_by_yet(wizard: Wizard, ada: Person) -> None:
    await a_tier(wizard, "gold", "bronze")
    await counted_again(wizard, ada)
    assert (await choose(ada, "silver", go="leave")).to == "/?done=setup_left"
    assert path.resume(await wizard.setup()) == same_values.slug
    assert (await form(ada))[BRONZE] == "silver"
    assert same_values.values_of(await wizard.setup()).joined == {}


async def test_a_value_that_came_meanwhile_is_offered_once_the_lists_are_read_again(
    wizard: Wizard, ada: Person
) -> None:
    await a_tier(wizard, "gold", "bronze")
    await counted_again(wizard, ada)
    wizard.production.add_picklist_value("Contact", "Tier__c", "copper")
    again = await choose(ada, "silver", go="again")
    assert "copper" in again.page.text
    assert again.page.chosen()[BRONZE] == "silver"
