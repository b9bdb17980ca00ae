"""Single records: create, read, update, archive, list; values, stamps and history."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

CONTACTS = "/crm/v3/objects/contacts"
EVERY_FORM = [CONTACTS, "/crm/objects/2026-03/contacts", "/crm/objects/2026-09/0-1", "/crm/v3/objects/CONTACT"]


@pytest.mark.parametrize("base", EVERY_FORM)
def test_a_record_made_in_one_form_of_the_path_is_read_in_every_other(hubspot: Caller, base: str) -> None:
    made = hubspot.post(base, {"properties": {"email": "ada@example.com", "firstname": "Ada"}})
    assert made.status == 201
    for other in EVERY_FORM:
        read = hubspot.get(f"{other}/{made.json['id']}", properties="firstname")
        assert read.json["properties"]["firstname"] == "Ada"


def test_a_read_returns_what_was_asked_and_always_id_and_dates(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com", firstname="Ada")
    read = hubspot.get(f"{CONTACTS}/{id}", properties="firstname,phone,no_such_property").json
    assert read["properties"] == {
        "createdate": "2026-09-21T14:13:20Z",
        "firstname": "Ada",
        "hs_object_id": id,
        "lastmodifieddate": "2026-09-21T14:13:20Z",
        "phone": None,
    }


@pytest.mark.parametrize("asked", [{"properties": ["firstname", "city"]}, {"properties": "firstname,city"}])
def test_repeated_query_keys_and_comma_lists_ask_for_the_same(hubspot: Caller, asked: dict[str, Any]) -> None:
    id = hubspot.contact(firstname="Ada", city="Turin")
    properties = hubspot.get(f"{CONTACTS}/{id}", **asked, archived="False").json["properties"]
    assert (properties["firstname"], properties["city"]) == ("Ada", "Turin")


def test_a_write_that_changes_nothing_moves_nothing(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com", firstname="Ada")
    before, entries = hubspot.modified("contacts", id), hubspot.emulator.journal.last_seq
    hubspot.later(5)
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"firstname": "Ada", "lastname": "", "email": "ADA@example.com"}})
    assert hubspot.modified("contacts", id) == before
    assert hubspot.emulator.journal.last_seq == entries


def test_a_real_change_moves_lastmodified_to_the_millisecond(hubspot: Caller) -> None:
    id = hubspot.contact(firstname="Ada")
    hubspot.later(1.2345)
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"firstname": "Grace"}})
    assert hubspot.modified("contacts", id) == "2026-09-21T14:13:21.234Z"


def test_a_cleared_value_reads_as_an_empty_string_and_history_shows_both_versions(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com", firstname="Ada")
    hubspot.later(1)
    cleared = hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"firstname": ""}})
    assert cleared.json["properties"]["firstname"] == ""
    read = hubspot.get(f"{CONTACTS}/{id}", propertiesWithHistory="firstname,phone").json
    assert read["properties"]["firstname"] == ""
    assert [version["value"] for version in read["propertiesWithHistory"]["firstname"]] == ["", "Ada"]
    assert "phone" not in read["propertiesWithHistory"]


def test_an_account_may_be_set_to_show_cleared_values_as_null() -> None:
    hubspot = Caller(cleared_reads_as=None)
    id = hubspot.contact(email="ada@example.com", firstname="Ada")
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"firstname": ""}})
    assert hubspot.value("contacts", id, "firstname") is None


def test_history_keeps_the_newest_versions_only() -> None:
    hubspot = Caller(rate_limits=False, history_versions_max=3)
    id = hubspot.contact(firstname="v0")
    for number in range(1, 6):
        hubspot.later(1)
        hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"firstname": f"v{number}"}})
    read = hubspot.get(f"{CONTACTS}/{id}", propertiesWithHistory="firstname").json
    versions = read["propertiesWithHistory"]["firstname"]
    assert [version["value"] for version in versions] == ["v5", "v4", "v3"]
    assert versions[0]["timestamp"] == "2026-09-21T14:13:25Z"


def test_history_tells_a_person_from_an_app(hubspot: Caller) -> None:
    id = hubspot.contact(firstname="Ada")
    hubspot.later(1)
    person = hubspot.emulator.user()
    person.update("contacts", id, {"firstname": "Grace"})
    newest, oldest = hubspot.get(f"{CONTACTS}/{id}", propertiesWithHistory="firstname").json["propertiesWithHistory"][
        "firstname"
    ]
    assert (newest["sourceType"], newest["sourceId"]) == ("CRM_UI", f"userId:{person.user.user_id}")
    assert newest["updatedByUserId"] == person.user.user_id
    assert (oldest["sourceType"], oldest["sourceId"]) == ("INTEGRATION", str(hubspot.emulator.config.app_id))


def test_the_journal_tells_who_set_what(hubspot: Caller) -> None:
    id = hubspot.contact(firstname="Ada")
    hubspot.emulator.user("Sales").update("contacts", id, {"firstname": "Grace"})
    entry = hubspot.emulator.journal.entries()[-1]
    assert (entry.client, entry.user, entry.action, entry.field) == ("ui", "sales@example.com", "update", "firstname")
    assert (entry.old, entry.new) == ("Ada", "Grace")
    assert hubspot.emulator.journal.entries()[0].client == "tests"


def test_a_second_contact_with_an_email_is_a_conflict_that_names_the_first(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com")
    refused = hubspot.post(CONTACTS, {"properties": {"email": " ADA@Example.com "}})
    assert refused.status == 409
    assert refused.json["message"] == f"Contact already exists. Existing ID: {id}"
    assert refused.json["category"] == "CONFLICT"
    assert refused.headers["x-hubspot-correlation-id"] == refused.json["correlationId"]


def test_an_email_can_be_taken_again_once_its_contact_is_archived(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com")
    hubspot.delete(f"{CONTACTS}/{id}")
    assert hubspot.contact(email="ada@example.com") != id


@pytest.mark.parametrize(
    ("type", "properties"),
    [("contacts", {"city": "Turin"}), ("companies", {"city": "Turin"}), ("deals", {"amount": "1"})],
)
def test_a_record_without_its_key_property_is_refused(hubspot: Caller, type: str, properties: dict[str, str]) -> None:
    refused = hubspot.post(f"/crm/v3/objects/{type}", {"properties": properties})
    assert refused.status == 400
    assert "required properties were not set" in refused.json["message"]


def test_a_list_is_paged_by_ascending_ids(hubspot: Caller) -> None:
    ids = [hubspot.contact(firstname=f"c{number}") for number in range(7)]
    seen: list[str] = []
    after = ""
    while True:
        page = hubspot.get(CONTACTS, limit=3, after=after).json
        seen.extend(result["id"] for result in page["results"])
        if "paging" not in page:
            break
        after = page["paging"]["next"]["after"]
    assert seen == ids


def test_a_page_that_ends_with_the_last_record_names_no_next_one(hubspot: Caller) -> None:
    hubspot.contact(firstname="a"), hubspot.contact(firstname="b")
    assert "paging" not in hubspot.get(CONTACTS, limit=2).json


@pytest.mark.parametrize(("query", "status"), [({"limit": 100}, 200), ({"limit": 101}, 400)])
def test_a_list_page_holds_at_most_a_hundred(hubspot: Caller, query: dict[str, Any], status: int) -> None:
    assert hubspot.get(CONTACTS, **query).status == status


def test_a_list_page_with_history_holds_at_most_fifty(hubspot: Caller) -> None:
    assert hubspot.get(CONTACTS, limit=51, propertiesWithHistory="email").status == 400


def test_an_archived_record_is_read_only_when_asked_for(hubspot: Caller) -> None:
    id, other = hubspot.contact(firstname="Ada"), hubspot.contact(firstname="Grace")
    assert hubspot.delete(f"{CONTACTS}/{id}").status == 204
    assert hubspot.get(f"{CONTACTS}/{id}").status == 404
    assert hubspot.get(f"{CONTACTS}/{id}").json["message"] == "resource not found"
    archived = hubspot.get(f"{CONTACTS}/{id}", archived="true").json
    assert archived["archived"] is True
    assert archived["archivedAt"] == "2026-09-21T14:13:20Z"
    assert hubspot.get(CONTACTS, archived="true").ids == [id]
    assert hubspot.get(CONTACTS).ids == [other]
    assert hubspot.delete(f"{CONTACTS}/{id}").status == 204


def test_only_a_person_can_restore_and_the_record_counts_as_modified(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com")
    hubspot.delete(f"{CONTACTS}/{id}")
    hubspot.later(60)
    hubspot.emulator.user().restore("contacts", id)
    assert hubspot.modified("contacts", id) == "2026-09-21T14:14:20Z"
    assert hubspot.post(CONTACTS, {"properties": {"email": "ada@example.com"}}).status == 409


def test_lifecycle_goes_only_forward_through_the_api_until_it_is_cleared(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com", lifecyclestage="customer")
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"lifecyclestage": "lead", "city": "Turin"}})
    assert hubspot.value("contacts", id, "lifecyclestage") == "customer"
    assert hubspot.value("contacts", id, "city") == "Turin"
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"lifecyclestage": ""}})
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"lifecyclestage": "lead"}})
    assert hubspot.value("contacts", id, "lifecyclestage") == "lead"


def test_a_record_can_be_named_by_its_email(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com")
    assert hubspot.get(f"{CONTACTS}/ada%40example.com", idProperty="email").json["id"] == id
    updated = hubspot.patch(f"{CONTACTS}/ada@example.com", {"properties": {"city": "Turin"}}, idProperty="email")
    assert updated.json["id"] == id


@pytest.mark.parametrize("name", ["firstname", "no_such_property"])
def test_a_record_cannot_be_named_by_a_property_that_is_not_unique(hubspot: Caller, name: str) -> None:
    hubspot.contact(firstname="Ada")
    refused = hubspot.get(f"{CONTACTS}/Ada", idProperty=name)
    assert refused.status == 400
    assert refused.json["message"].startswith(f"Unable to perform update/upsert by non-unique 0-1 property {name}")


def test_an_additional_address_can_change_places_with_the_primary_one(hubspot: Caller) -> None:
    id, other = hubspot.contact(email="ada@example.com"), hubspot.contact(email="lovelace@example.com")
    hubspot.emulator.user().merge("contacts", id, other)
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"email": "lovelace@example.com"}})
    assert hubspot.value("contacts", id, "hs_additional_emails") == "ada@example.com"
    for address in ("ada@example.com", "lovelace@example.com"):
        assert hubspot.post(CONTACTS, {"properties": {"email": address}}).status == 409
        assert hubspot.get(f"{CONTACTS}/{address}", idProperty="email").json["id"] == id
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"email": "countess@example.com"}})
    assert hubspot.post(CONTACTS, {"properties": {"email": "ada@example.com"}}).status == 409
    assert hubspot.contact(email="lovelace@example.com") != id


def test_a_record_keeps_an_owner_who_left_but_takes_no_such_owner(hubspot: Caller) -> None:
    leaving = hubspot.emulator.users[1]
    id = hubspot.contact(firstname="Ada", hubspot_owner_id=str(leaving.owner_id))
    leaving.archived = True
    assert hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"city": "Turin"}}).status == 200
    assert hubspot.value("contacts", id, "hubspot_owner_id") == str(leaving.owner_id)
    again = {"properties": {"hubspot_owner_id": str(leaving.owner_id)}}
    assert hubspot.patch(f"{CONTACTS}/{id}", again).json["errors"][0]["code"] == "INVALID_OWNER_ID"


def test_a_company_takes_its_website_from_its_domain(hubspot: Caller) -> None:
    id = hubspot.company(name="Acme", domain="acme.example.com")
    assert hubspot.value("companies", id, "website") == "acme.example.com"
    other = hubspot.company(name="Twin", domain="acme.example.com")
    assert other != id


def test_a_deal_gets_the_default_pipeline_and_its_stage_decides_what_is_computed(hubspot: Caller) -> None:
    id = hubspot.deal(amount="200", dealstage="contractsent", closedate="2026-12-31")
    read = hubspot.get(
        f"/crm/v3/objects/deals/{id}",
        properties="pipeline,closedate,hs_is_closed,hs_deal_stage_probability,hs_projected_amount",
    ).json["properties"]
    assert read["pipeline"] == "default"
    assert read["closedate"] == "2026-12-31T00:00:00Z"
    assert (read["hs_is_closed"], read["hs_deal_stage_probability"]) == ("false", "0.9")
    assert read["hs_projected_amount"] == "180"


@pytest.mark.parametrize("properties", [{"dealstage": "no_such_stage"}, {"pipeline": "no_such_pipeline"}])
def test_a_deal_in_an_unknown_stage_or_pipeline_is_refused(hubspot: Caller, properties: dict[str, str]) -> None:
    refused = hubspot.post("/crm/v3/objects/deals", {"properties": {"dealname": "D", **properties}})
    assert refused.status == 400
    assert refused.json["errors"][0]["code"] == "INVALID_OPTION"


def test_an_erased_contact_leaves_nothing(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com")
    assert hubspot.post(f"{CONTACTS}/gdpr-delete", {"objectId": "ada@example.com", "idProperty": "email"}).status == 204
    assert hubspot.get(f"{CONTACTS}/{id}", archived="true").status == 404


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"properties": 3}', b'{"properties": {"firstname": ["x"]}}', b"\xff"])
def test_a_body_that_is_not_what_it_should_be_is_a_validation_error(hubspot: Caller, raw: bytes) -> None:
    refused = hubspot.call("POST", CONTACTS, None, {}, raw=raw)
    assert refused.status == 400
    assert refused.json["category"] == "VALIDATION_ERROR"


def test_an_unknown_path_type_and_method_are_refused_in_the_same_envelope(hubspot: Caller) -> None:
    assert hubspot.get("/crm/v3/nothing").json["status"] == "error"
    assert hubspot.get("/crm/v3/objects/unicorns").status == 400
    assert hubspot.put("/crm/v3/objects/contacts").status == 405


def test_a_custom_object_type_works_like_the_built_in_ones(hubspot: Caller) -> None:
    type_id = hubspot.emulator.define_object(
        "machine", [{"name": "serial", "label": "Serial", "type": "string", "fieldType": "text"}], required=["serial"]
    )
    made = hubspot.post(f"/crm/v3/objects/{type_id}", {"properties": {"serial": "A1"}})
    assert made.status == 201
    assert (
        hubspot.get(f"/crm/v3/objects/machine/{made.json['id']}", properties="serial").json["properties"]["serial"]
        == "A1"
    )
    schemas = hubspot.get("/crm/v3/schemas").json["results"]
    assert [schema["objectTypeId"] for schema in schemas] == [type_id]


def test_an_archived_record_is_gone_for_good_after_ninety_days(hubspot: Caller) -> None:
    id = hubspot.post(CONTACTS, {"properties": {"email": "ada@example.com"}}).json["id"]
    hubspot.delete(f"{CONTACTS}/{id}")
    hubspot.emulator.clock.advance_seconds(89 * 86_400)
    assert hubspot.get(CONTACTS, archived="true").ids == [id]
    hubspot.emulator.clock.advance_seconds(2 * 86_400)
    assert hubspot.get(CONTACTS, archived="true").ids == []
    assert hubspot.get(f"{CONTACTS}/{id}", archived="true").status == 404
