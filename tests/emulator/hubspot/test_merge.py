"""Merges: whose values win, what becomes of e-mails, associations and ids."""

from __future__ import annotations

import pytest
from tests.emulator.hubspot.calls import Caller

CONTACTS = "/crm/v3/objects/contacts"


@pytest.fixture
def pair(hubspot: Caller) -> tuple[str, str]:
    one = hubspot.contact(email="ada@example.com", firstname="Ada", lifecyclestage="lead")
    hubspot.later(60)
    other = hubspot.contact(email="lovelace@example.com", firstname="Augusta", city="London", lifecyclestage="customer")
    hubspot.later(60)
    return one, other


def merged(hubspot: Caller, one: str, other: str) -> str:
    answer = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": one, "objectIdToMerge": other})
    assert answer.status == 200
    return str(answer.json["id"])


def test_the_primary_wins_and_its_gaps_are_filled(hubspot: Caller, pair: tuple[str, str]) -> None:
    assert merged(hubspot, *pair) == pair[0]
    read = hubspot.emulator.user().get("contacts", pair[0])
    assert (read["firstname"], read["city"], read["lifecyclestage"]) == ("Ada", "London", "customer")
    assert (read["email"], read["hs_additional_emails"]) == ("ada@example.com", "lovelace@example.com")
    assert read["hs_merged_object_ids"] == pair[1]
    assert hubspot.modified("contacts", pair[0]) == "2026-09-21T14:15:20Z"


def test_the_old_id_leads_to_the_survivor_on_get_and_patch_but_not_in_batches(
    hubspot: Caller, pair: tuple[str, str]
) -> None:
    merged(hubspot, *pair)
    assert hubspot.get(f"{CONTACTS}/{pair[1]}").json["id"] == pair[0]
    assert hubspot.patch(f"{CONTACTS}/{pair[1]}", {"properties": {"city": "Turin"}}).json["id"] == pair[0]
    row = {"inputs": [{"id": pair[1], "properties": {"city": "Rome"}}]}
    assert hubspot.post(f"{CONTACTS}/batch/update", row).status == 207
    read = hubspot.post(f"{CONTACTS}/batch/read", {"properties": [], "inputs": [{"id": pair[1]}]})
    assert read.json["errors"][0]["context"]["ids"] == [pair[1]]


def test_an_account_may_make_a_new_record_of_two() -> None:
    hubspot = Caller(rate_limits=False, merge_keeps_primary_id=False)
    one, other = hubspot.contact(email="a@example.com", city="Turin"), hubspot.contact(email="b@example.com")
    survivor = merged(hubspot, one, other)
    assert survivor not in (one, other)
    assert hubspot.value("contacts", survivor, "city") == "Turin"
    assert hubspot.get(f"{CONTACTS}/{one}").json["id"] == hubspot.get(f"{CONTACTS}/{other}").json["id"] == survivor
    assert hubspot.get(CONTACTS).ids == [survivor]


def test_every_address_of_the_survivor_is_taken(hubspot: Caller, pair: tuple[str, str]) -> None:
    merged(hubspot, *pair)
    refused = hubspot.post(CONTACTS, {"properties": {"email": "lovelace@example.com"}})
    assert refused.json["message"] == f"Contact already exists. Existing ID: {pair[0]}"
    assert hubspot.get(f"{CONTACTS}/lovelace@example.com", idProperty="email").json["id"] == pair[0]


def test_associations_are_united_and_counts_follow(hubspot: Caller, pair: tuple[str, str]) -> None:
    acme, other = hubspot.company(name="Acme"), hubspot.company(name="Other")
    user = hubspot.emulator.user()
    user.associate("contacts", pair[0], "companies", acme)
    user.associate("contacts", pair[1], "companies", acme)
    user.associate("contacts", pair[1], "companies", other)
    merged(hubspot, *pair)
    assert set(user.associated("contacts", pair[0], "companies")) == {acme, other}
    assert hubspot.value("contacts", pair[0], "associatedcompanyid") == acme
    assert hubspot.value("companies", acme, "num_associated_contacts") == "1"


def test_two_companies_keep_both_domains(hubspot: Caller) -> None:
    one = hubspot.company(name="Acme", domain="acme.example.com")
    other = hubspot.company(name="Acme Ltd", domain="acme.example.org")
    hubspot.post("/crm/v3/objects/companies/merge", {"primaryObjectId": one, "objectIdToMerge": other})
    assert hubspot.value("companies", one, "domain") == "acme.example.com"
    assert hubspot.value("companies", one, "hs_additional_domains") == "acme.example.org"


def test_a_record_takes_part_in_no_more_merges_than_allowed(
    hubspot: Caller, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_emulator.hubspot.merge.MERGES_MAX", 1)
    merged(hubspot, *pair)
    third = hubspot.contact(email="third@example.com")
    refused = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": pair[0], "objectIdToMerge": third})
    assert refused.status == 400
    assert hubspot.get(f"{CONTACTS}/{third}").json["id"] == third


def test_merging_twice_leads_every_old_id_to_the_last_survivor(hubspot: Caller, pair: tuple[str, str]) -> None:
    third = hubspot.contact(email="third@example.com")
    merged(hubspot, *pair)
    merged(hubspot, third, pair[0])
    assert {hubspot.get(f"{CONTACTS}/{id}").json["id"] for id in (*pair, third)} == {third}
    assert hubspot.value("contacts", third, "hs_merged_object_ids") == f"{pair[0]};{pair[1]}"


def test_the_journal_names_the_survivor(hubspot: Caller, pair: tuple[str, str]) -> None:
    hubspot.emulator.user().merge("contacts", *pair)
    entry = next(entry for entry in hubspot.emulator.journal.entries() if entry.action == "merge")
    assert (entry.id, entry.new) == (pair[1], pair[0])


@pytest.mark.parametrize("other", ["9", ""])
def test_a_merge_with_nobody_is_not_found(hubspot: Caller, pair: tuple[str, str], other: str) -> None:
    answer = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": pair[0], "objectIdToMerge": other})
    assert answer.status == 404


def test_a_record_cannot_be_merged_with_itself(hubspot: Caller, pair: tuple[str, str]) -> None:
    answer = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": pair[0], "objectIdToMerge": pair[0]})
    assert answer.status == 400
