"""How definitions drift under a sync's feet: options, labels, types, hidden and archived properties, and what is refused.

Sources: HubSpot's properties guide (March 2026); the recorded definitions (grouparoo-2022-object-schemas.json,
grouparoo/grouparoo, MIT); limits tracking API.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

PROPERTIES = "/crm/v3/properties/contacts"
TIER = {
    "name": "tier",
    "label": "Tier",
    "type": "enumeration",
    "fieldType": "select",
    "groupName": "contactinformation",
    "options": [{"label": "Gold", "value": "gold"}, {"label": "Silver", "value": "silver"}],
}


@pytest.fixture
def ada(hubspot: Caller) -> str:
    assert hubspot.post(PROPERTIES, TIER).status == 201
    return hubspot.contact(firstname="Ada", tier="gold")


def write(hubspot: Caller, id: str, value: str) -> int:
    return hubspot.patch(f"/crm/v3/objects/contacts/{id}", {"properties": {"tier": value}}).status


def options(hubspot: Caller) -> list[tuple[str, str, bool]]:
    found = hubspot.get(f"{PROPERTIES}/tier").json["options"]
    return [(one["value"], one["label"], one["hidden"]) for one in found]


def test_an_option_that_is_added_can_be_written_from_then_on(hubspot: Caller, ada: str) -> None:
    assert write(hubspot, ada, "bronze") == 400
    hubspot.later(5)
    hubspot.emulator.settings().add_option("contacts", "tier", "bronze", "Bronze")
    assert write(hubspot, ada, "bronze") == 200
    assert hubspot.get(f"{PROPERTIES}/tier").json["updatedAt"] == "2026-09-21T14:13:25Z"


def test_an_option_that_is_removed_stays_where_it_is_held(hubspot: Caller, ada: str) -> None:
    hubspot.emulator.settings().remove_option("contacts", "tier", "gold")
    assert hubspot.value("contacts", ada, "tier") == "gold"
    assert write(hubspot, ada, "gold") == 400


def test_a_label_changes_and_the_internal_value_does_not(hubspot: Caller, ada: str) -> None:
    """ "The internal name stays the same even if you've changed a default value's label" (contacts guide)."""
    hubspot.emulator.settings().relabel_option("contacts", "tier", "gold", "Top")
    assert options(hubspot) == [("gold", "Top", False), ("silver", "Silver", False)]
    assert hubspot.value("contacts", ada, "tier") == "gold"
    assert write(hubspot, ada, "Top") == 400


def test_a_hidden_option_can_still_be_written(hubspot: Caller, ada: str) -> None:
    """ "hidden: hidden options will not be displayed in HubSpot" (hubspot-sdk, Option)."""
    hubspot.emulator.settings().hide_option("contacts", "tier", "silver")
    assert options(hubspot)[1] == ("silver", "Silver", True)
    assert write(hubspot, ada, "silver") == 200


def test_a_property_is_relabelled_and_hidden_and_keeps_its_name(hubspot: Caller, ada: str) -> None:
    """ "Name is lower-case, cannot be changed" (reference, section 7)."""
    settings = hubspot.emulator.settings()
    settings.relabel_property("contacts", "tier", "Customer tier")
    settings.hide_property("contacts", "tier")
    hubspot.patch(f"{PROPERTIES}/tier", {"name": "level"})
    found = hubspot.get(f"{PROPERTIES}/tier").json
    assert (found["label"], found["hidden"]) == ("Customer tier", True)
    assert hubspot.get(f"{PROPERTIES}/level").status == 404
    assert write(hubspot, ada, "silver") == 200


def test_a_retyped_property_keeps_the_values_that_its_records_have(hubspot: Caller, ada: str) -> None:
    hubspot.emulator.settings().retype_property("contacts", "tier", "string", "text")
    assert hubspot.get(f"{PROPERTIES}/tier").json["type"] == "string"
    assert hubspot.value("contacts", ada, "tier") == "gold"
    assert write(hubspot, ada, "anything") == 200
    hubspot.emulator.settings().retype_property("contacts", "tier", "number", "number")
    assert hubspot.value("contacts", ada, "tier") == "anything"
    assert write(hubspot, ada, "platinum") == 400


@pytest.mark.parametrize(
    ("type", "field_type", "status"),
    [
        ("string", "textarea", 201),
        ("string", "select", 400),
        ("number", "text", 400),
        ("date", "text", 400),
        ("datetime", "date", 201),
        ("bool", "booleancheckbox", 201),
        ("bool", "checkbox", 400),
        ("enumeration", "number", 400),
    ],
)
def test_a_type_has_its_field_types(hubspot: Caller, type: str, field_type: str, status: int) -> None:
    """The table "Property type and fieldType values" of the guide."""
    body = {**TIER, "name": "own", "type": type, "fieldType": field_type}
    assert hubspot.post(PROPERTIES, body).status == status


def test_a_pair_that_does_not_fit_cannot_be_patched_in(hubspot: Caller, ada: str) -> None:
    for body in ({"type": "number"}, {"fieldType": "date"}, {"type": "string", "fieldType": "number"}):
        assert hubspot.patch(f"{PROPERTIES}/tier", body).status == 400
    found = hubspot.get(f"{PROPERTIES}/tier").json
    assert (found["type"], found["fieldType"]) == ("enumeration", "select")
    assert hubspot.patch(f"{PROPERTIES}/tier", {"fieldType": "checkbox"}).status == 200


def test_text_becomes_a_choice_only_with_options(hubspot: Caller) -> None:
    hubspot.post(PROPERTIES, {**TIER, "type": "string", "fieldType": "text", "options": None})
    body: dict[str, Any] = {"type": "enumeration", "fieldType": "select"}
    assert hubspot.patch(f"{PROPERTIES}/tier", body).status == 400
    assert hubspot.get(f"{PROPERTIES}/tier").json["type"] == "string"
    assert hubspot.patch(f"{PROPERTIES}/tier", {**body, "options": TIER["options"]}).status == 200


@pytest.mark.parametrize("name", ["Tier", "tier level", "1tier", "tier-level", ""])
def test_a_name_is_lower_case_letters_digits_and_underscores(hubspot: Caller, name: str) -> None:
    assert hubspot.post(PROPERTIES, {**TIER, "name": name}).status == 400


def test_the_api_name_of_a_salesforce_field_in_lower_case_is_one(hubspot: Caller) -> None:
    """As the native integration names them (native-integration reference, 3.5): `tier_level__c`."""
    assert hubspot.post(PROPERTIES, {**TIER, "name": "tier_level__c"}).status == 201


def test_no_more_properties_are_made_than_the_plan_allows() -> None:
    """That there is a limit is documented (limits tracking, custom properties); the wording of the refusal is not."""
    hubspot = Caller(rate_limits=False, custom_properties_max=2)
    names = [{**TIER, "name": f"own_{number}"} for number in range(3)]
    assert [hubspot.post(PROPERTIES, body).status for body in names] == [201, 201, 400]
    batch = hubspot.post("/crm/v3/properties/deals/batch/create", {"inputs": names_of_deals()})
    assert (batch.status, len(batch.json["results"]), batch.json["numErrors"]) == (207, 2, 1)
    hubspot.delete(f"{PROPERTIES}/own_0")
    assert hubspot.post(PROPERTIES, names[2]).status == 201


def names_of_deals() -> list[dict[str, Any]]:
    return [{**TIER, "name": f"own_{number}", "groupName": "dealinformation"} for number in range(3)]


@pytest.mark.parametrize(
    "name", ["hs_object_source", "hs_object_source_id", "hs_object_source_label", "hs_object_source_user_id"]
)
def test_who_made_a_record_is_told_and_cannot_be_written(hubspot: Caller, name: str) -> None:
    """hs_object_source* are read-only (recorded definitions, reference section 7)."""
    found = hubspot.get(f"{PROPERTIES}/{name}").json
    assert found["modificationMetadata"]["readOnlyValue"] is True
    body = {"properties": {"firstname": "Ada", name: "INTEGRATION"}}
    assert hubspot.post("/crm/v3/objects/contacts", body).status == 400


def test_the_source_of_a_record_is_the_app_or_the_person(hubspot: Caller) -> None:
    """Recorded for an app in 2026: hs_object_source INTEGRATION, hs_object_source_id the app's."""
    by_app = hubspot.contact(firstname="Ada")
    by_person = hubspot.emulator.user().create("contacts", {"firstname": "Bob"})
    assert hubspot.value("contacts", by_app, "hs_object_source") == "INTEGRATION"
    assert hubspot.value("contacts", by_app, "hs_object_source_id") == str(hubspot.emulator.config.app_id)
    assert hubspot.value("contacts", by_person, "hs_object_source") == "CRM_UI"
    assert hubspot.value("contacts", by_person, "hs_object_source_id") == f"userId:{hubspot.emulator.users[0].user_id}"


def test_a_group_with_properties_stays(hubspot: Caller, ada: str) -> None:
    """That HubSpot refuses this is unverified."""
    hubspot.post(f"{PROPERTIES}/groups", {"name": "salesforceinformation", "label": "Salesforce Information"})
    hubspot.patch(f"{PROPERTIES}/tier", {"groupName": "salesforceinformation"})
    assert hubspot.delete(f"{PROPERTIES}/groups/salesforceinformation").status == 400
    hubspot.delete(f"{PROPERTIES}/tier")
    assert hubspot.delete(f"{PROPERTIES}/groups/salesforceinformation").status == 204
