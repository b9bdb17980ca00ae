"""Additional addresses of a contact: found by, taken by, added and removed.

Sources: hs_additional_emails "A set of additional email addresses for a contact", readOnlyValue (recorded definition,
grouparoo-2022-object-schemas.json, grouparoo/grouparoo, MIT); the reference of contacts v1 (secondary-email).
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

CONTACTS = "/crm/v3/objects/contacts"
V1 = "/contacts/v1/secondary-email"


@pytest.fixture
def ada(hubspot: Caller) -> str:
    id, person = hubspot.contact(email="ada@example.com"), hubspot.emulator.user()
    person.add_email(id, "Ada@Old.example.com ")
    person.add_email(id, "lovelace@example.com")
    return id


def found(hubspot: Caller, name: str, operator: str, value: Any) -> list[str]:
    asked = {"values": value} if isinstance(value, list) else {"value": value}
    body = {"filterGroups": [{"filters": [{"propertyName": name, "operator": operator, **asked}]}]}
    return hubspot.post(f"{CONTACTS}/search", body).ids


def test_a_contact_is_named_by_any_of_its_addresses(hubspot: Caller, ada: str) -> None:
    assert hubspot.value("contacts", ada, "hs_additional_emails") == "ada@old.example.com;lovelace@example.com"
    for email in ("ada@example.com", "ADA@old.example.com", "lovelace@example.com"):
        assert hubspot.get(f"{CONTACTS}/{email}", idProperty="email").json["id"] == ada
        assert hubspot.get(f"{CONTACTS}/{email}", idProperty="email").json["properties"]["email"] == "ada@example.com"


def test_a_search_finds_an_additional_address_by_its_own_property_only(hubspot: Caller, ada: str) -> None:
    """Reported with HubSpot's own client (hubspot-api-nodejs, issue 24)."""
    assert found(hubspot, "email", "EQ", "lovelace@example.com") == []
    assert found(hubspot, "hs_additional_emails", "EQ", "lovelace@example.com") == [ada]
    assert found(hubspot, "hs_additional_emails", "IN", ["ada@old.example.com", "x@example.com"]) == [ada]
    assert found(hubspot, "hs_additional_emails", "EQ", "old.example.com") == []


def test_query_looks_into_additional_addresses(hubspot: Caller, ada: str) -> None:
    """hs_additional_emails is among the searched properties of contacts (CRM search, "default searchable properties")."""
    assert hubspot.post(f"{CONTACTS}/search", {"query": "lovelace@example.com"}).ids == [ada]


@pytest.mark.parametrize("email", ["lovelace@example.com", "Lovelace@Example.com"])
def test_no_other_contact_can_take_one(hubspot: Caller, ada: str, email: str) -> None:
    """It is a conflict as for the address that a contact goes by (rudder-transformer, pull request 3258)."""
    refused = hubspot.post(CONTACTS, {"properties": {"email": email}})
    assert (refused.status, refused.json["message"]) == (409, f"Contact already exists. Existing ID: {ada}")
    bob = hubspot.contact(email="bob@example.com")
    assert hubspot.patch(f"{CONTACTS}/{bob}", {"properties": {"email": email}}).status == 409
    assert hubspot.put(f"{V1}/{bob}/email/{email}").status == 409


def test_an_upsert_by_an_additional_address_updates_the_contact_that_has_it(hubspot: Caller, ada: str) -> None:
    row = {"id": "lovelace@example.com", "idProperty": "email", "properties": {"city": "London"}}
    answer = hubspot.post(f"{CONTACTS}/batch/upsert", {"inputs": [row]}).json["results"][0]
    assert (answer["id"], answer["new"]) == (ada, False)
    assert hubspot.value("contacts", ada, "email") == "ada@example.com"


def test_one_that_was_removed_is_free(hubspot: Caller, ada: str) -> None:
    hubspot.emulator.user().remove_email(ada, "lovelace@example.com")
    assert hubspot.post(CONTACTS, {"properties": {"email": "lovelace@example.com"}}).status == 201
    assert hubspot.value("contacts", ada, "hs_additional_emails") == "ada@old.example.com"


def test_an_archived_contact_gives_all_of_them_up_and_is_not_restored_once_one_is_taken(
    hubspot: Caller, ada: str
) -> None:
    hubspot.delete(f"{CONTACTS}/{ada}")
    assert hubspot.post(CONTACTS, {"properties": {"email": "lovelace@example.com"}}).status == 201
    with pytest.raises(Exception, match=r"now has email lovelace@example\.com"):
        hubspot.emulator.user().restore("contacts", ada)


def test_the_property_itself_is_read_only(hubspot: Caller, ada: str) -> None:
    body = {"properties": {"hs_additional_emails": "x@example.com"}}
    assert hubspot.patch(f"{CONTACTS}/{ada}", body).status == 400


def test_contacts_v1_adds_changes_and_removes_them(hubspot: Caller, ada: str) -> None:
    assert hubspot.get(f"{V1}/{ada}").json == {
        "portalId": hubspot.emulator.account_id,
        "vid": int(ada),
        "secondaryEmails": ["ada@old.example.com", "lovelace@example.com"],
    }
    assert hubspot.put(f"{V1}/{ada}/email/new@example.com").json["secondaryEmails"][-1] == "new@example.com"
    body = {"targetSecondaryEmail": "new@example.com", "updatedSecondaryEmail": "newer@example.com"}
    assert hubspot.patch(f"{V1}/{ada}", body).json["secondaryEmails"][-1] == "newer@example.com"
    assert hubspot.patch(f"{V1}/{ada}", body).status == 400
    left = hubspot.delete(f"{V1}/{ada}/email/newer@example.com").json["secondaryEmails"]
    assert left == ["ada@old.example.com", "lovelace@example.com"]
    assert hubspot.put(f"{V1}/{ada}/email/nobody").status == 400
    assert hubspot.get(f"{V1}/9").status == 404


def test_contacts_v1_needs_the_scopes_of_contacts(hubspot: Caller, ada: str) -> None:
    hubspot.token = hubspot.emulator.issue_token("crm.objects.contacts.read")
    assert hubspot.get(f"{V1}/{ada}").status == 200
    assert hubspot.put(f"{V1}/{ada}/email/new@example.com").status == 403


def test_what_changed_is_told_in_the_history_and_in_the_journal(hubspot: Caller, ada: str) -> None:
    hubspot.later(5)
    hubspot.put(f"{V1}/{ada}/email/new@example.com")
    assert hubspot.modified("contacts", ada) == "2026-09-21T14:13:25Z"
    last = hubspot.emulator.journal.entries()[-1]
    assert (last.field, last.new) == (
        "hs_additional_emails",
        "ada@old.example.com;lovelace@example.com;new@example.com",
    )
