"""Nothing is begun on a stale schema: what people change in the CRMs while somebody sets up, on both local CRMs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.wizard import Person, Wizard

from interlock.app.errors import BadInput
from interlock.app.setup import finish, properties, review
from interlock.crm.transport import Request

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wizard(wizard: Wizard) -> Wizard:
    wizard.production.add_custom_field("Contact", "Tier__c", "Picklist", picklist=("gold", "silver"))
    wizard.production.add_custom_field("Contact", "Region__c")
    await wizard.signed_in()
    await wizard.install()
    return wizard


@pytest.fixture
async def ada(ada: Person) -> Person:
    """She has chosen Recommended."""
    answer = await ada.submit("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    assert answer.to == "/setup/review"
    return ada


async def counted(wizard: Wizard, ada: Person) -> str:
    """The review, when its count is whole."""
    await ada.get("/setup/review")
    await review.wait(wizard.interlock, wizard.setup_id)
    return (await ada.get("/setup/review")).page.text


async def counted_again(wizard: Wizard, ada: Person) -> str:
    """*Count again*, which reads both sides anew."""
    await counted(wizard, ada)
    await ada.submit("/setup/review", "/setup/review/count-again")
    return await counted(wizard, ada)


async def in_hubspot(wizard: Wizard, method: str, name: str, body: dict[str, Any] | None = None) -> None:
    """Somebody changes a property of contacts in HubSpot's settings."""
    headers = {"authorization": f"Bearer {wizard.hubspot.token}", "content-type": "application/json"}
    content = None if body is None else msgspec.json.encode(body)
    url = f"https://api.hubapi.com/crm/v3/properties/contacts{name}"
    answer = await wizard.line.send(Request(method, url, headers, content), 10)
    assert answer.status < 300, answer.body


def options(*values: str) -> list[dict[str, Any]]:
    return [{"value": each, "label": each, "displayOrder": n, "hidden": False} for n, each in enumerate(values)]


async def a_tier(wizard: Wizard, *values: str) -> None:
    """HubSpot has the dropdown already."""
    definition = {"name": "tier__c", "label": "Tier", "groupName": "contactinformation"}
    kind = {"type": "enumeration", "fieldType": "select", "options": options(*values)}
    await in_hubspot(wizard, "POST", "", {**definition, **kind})


async def test_a_picklist_value_that_came_while_the_review_was_open_begins_nothing_and_is_said(
    wizard: Wizard, ada: Person
) -> None:
    await counted(wizard, ada)
    wizard.production.add_picklist_value("Contact", "Tier__c", "platinum")
    refused = await ada.finish()
    assert refused.status == 409
    assert "Nothing was begun" in refused.page.text
    assert "Changed since the mappings were made" in refused.page.text
    assert "Contacts: Contact.Tier__c in Salesforce has the new values platinum." in refused.page.text
    assert (await wizard.connection()).begun_at_us is None
    assert await finish.standing(wizard.interlock, wizard.setup_id) is None


async def test_who_has_seen_the_change_finishes_with_it(wizard: Wizard, ada: Person) -> None:
    await counted(wizard, ada)
    wizard.production.add_picklist_value("Contact", "Tier__c", "platinum")
    assert (await ada.finish()).status == 409
    assert "platinum" in await counted(wizard, ada)
    assert (await ada.finish()).status == 303
    assert (await wizard.finished()).state == "done"
    made = wizard.hubspot.portal.tables["contacts"].schema.properties["tier__c"]
    assert [each["value"] for each in made.options] == ["gold", "silver", "platinum"]


async def test_values_that_went_are_named(wizard: Wizard, ada: Person) -> None:
    await counted(wizard, ada)
    wizard.production.deactivate_picklist_value("Contact", "Tier__c", "gold")
    refused = await ada.finish()
    assert "Contacts: Contact.Tier__c in Salesforce has lost the values gold." in refused.page.text


async def test_a_field_that_the_sync_user_does_not_see_any_more_is_said_to_be_gone(wizard: Wizard, ada: Person) -> None:
    await counted(wizard, ada)
    wizard.production.set_field_permission("Admin User", "Contact", "Region__c", read=False, edit=False)
    refused = await ada.finish()
    assert "does not see Contact.Region__c any more, or it is gone. It does not sync any more." in refused.page.text


async def test_a_new_field_is_said_before_a_property_is_made_for_it(wizard: Wizard, ada: Person) -> None:
    await counted(wizard, ada)
    wizard.production.add_custom_field("Contact", "Segment__c")
    refused = await ada.finish()
    assert "Contacts: new in Salesforce is Contact.Segment__c, which syncs with segment__c." in refused.page.text
    assert "segment__c" not in wizard.hubspot.portal.tables["contacts"].schema.properties


async def test_options_that_hubspot_lost_or_got_are_named_with_the_property(wizard: Wizard, ada: Person) -> None:
    await a_tier(wizard, "gold", "silver")
    await counted_again(wizard, ada)
    await ada.submit("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    await counted(wizard, ada)
    await in_hubspot(wizard, "PATCH", "/tier__c", {"options": options("gold", "bronze")})
    refused = await ada.finish()
    told = "Contacts: tier__c in HubSpot has lost the values silver and has the new values bronze."
    assert told in refused.page.text


async def test_a_property_that_is_gone_is_made_anew(wizard: Wizard, ada: Person) -> None:
    await a_tier(wizard, "gold", "silver")
    await counted_again(wizard, ada)
    await ada.submit("/setup/configuration", "/setup/configuration", which="recommended", missing="create")
    await counted(wizard, ada)
    await in_hubspot(wizard, "DELETE", "/tier__c")
    refused = await ada.finish()
    assert "Contacts: the HubSpot property tier__c is gone. It is made anew when you finish." in refused.page.text


async def test_a_property_of_another_type_does_not_sync_any_more_and_that_is_said(wizard: Wizard, ada: Person) -> None:
    """Somebody has made the property that the finish was going to make, as a number."""
    await counted(wizard, ada)
    kind = {"type": "number", "fieldType": "number", "groupName": "contactinformation"}
    await in_hubspot(wizard, "POST", "", {"name": "region__c", "label": "Region", **kind})
    refused = await ada.finish()
    told = "Contacts: region__c in HubSpot was of type string and is of type number. It does not sync any more."
    assert told in refused.page.text


async def test_a_change_after_a_trial_begins_nothing_until_somebody_has_looked(wizard: Wizard, ada: Person) -> None:
    wizard.hubspot.user().create("contacts", {"email": "ada@example.com", "lastname": "Lovelace"})
    await counted(wizard, ada)
    assert (await ada.finish("try")).status == 303
    assert (await wizard.finished()).state == "tried"
    wizard.production.add_picklist_value("Contact", "Tier__c", "platinum")
    await wizard.go_on()
    run = await wizard.finished()
    assert (run.state, run.message) == (
        "failed",
        "Mapped fields or properties have changed in a CRM since the review was confirmed. Nothing more was begun.",
    )
    assert (await wizard.connection()).begun_at_us is None
    assert "platinum" in await counted(wizard, ada)
    await ada.finish("all")
    assert (await wizard.finished()).state == "done"


async def test_a_finish_that_failed_half_way_is_no_change(
    wizard: Wizard, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has made itself is as it was to be."""
    await counted(wizard, ada)

    async def refused(*_arguments: object) -> None:
        """The properties are made by then."""
        raise BadInput("Salesforce grants nothing today.", fix="Try again.")

    with monkeypatch.context() as today:
        today.setattr(finish.permit, "permit", refused)
        await ada.finish()
        assert (await wizard.finished()).state == "failed"
    assert "tier__c" in wizard.hubspot.portal.tables["contacts"].schema.properties
    assert "Changed since the mappings were made" not in await counted(wizard, ada)
    assert (await ada.finish()).status == 303
    assert (await wizard.finished()).state == "done"


async def test_values_that_the_other_side_lacks_are_told_before_the_first_sync(wizard: Wizard, ada: Person) -> None:
    await a_tier(wizard, "gold", "bronze")
    shown = await counted_again(wizard, ada)
    assert "Contacts: the HubSpot property tier__c has no option for silver of Contact.Tier__c." in shown
    assert "Contacts: the picklist Contact.Tier__c has no value for bronze of the HubSpot property tier__c." in shown
    await in_hubspot(wizard, "PATCH", "/tier__c", {"options": options("gold", "silver")})
    assert "tier__c has no option" not in await counted_again(wizard, ada)


async def test_other_choices_are_no_change_in_a_crm(wizard: Wizard, ada: Person) -> None:
    await counted(wizard, ada)
    await wizard.advanced()
    await wizard.choose(objects=("contacts",), rules={"contacts/tier__c": "dont_sync"})
    assert "Changed since the mappings were made" not in await counted(wizard, ada)
    draft = properties.draft_of(await wizard.setup(), await wizard.found())
    assert draft.objects == ("contacts",)
