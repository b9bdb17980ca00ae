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


def as_of_today() -> Caller:
    """Of two contacts or companies HubSpot makes a new record since January 2025 (changelog, "Updated merge functionality for
    contacts and companies")."""
    return Caller(rate_limits=False, merge_keeps_primary_id=False)


@pytest.mark.parametrize("type", ["contacts", "companies", "deals"])
def test_the_new_record_of_today_is_what_both_old_ids_lead_to(type: str) -> None:
    hubspot = as_of_today()
    names = {"contacts": "firstname", "companies": "name", "deals": "dealname"}
    one, other = (hubspot._made(type, {names[type]: text}) for text in ("One", "Other"))
    survivor = hubspot.emulator.user().merge(type, one, other)
    assert survivor not in (one, other)
    for old in (one, other):
        assert hubspot.get(f"/crm/v3/objects/{type}/{old}").json["id"] == survivor
        assert hubspot.get(f"/crm/v3/objects/{type}/{old}", archived="true").status == 404
    assert hubspot.value(type, survivor, "hs_merged_object_ids") == f"{one};{other}"
    assert hubspot.value(type, survivor, names[type]) == "One"


def test_before_2025_only_deals_became_a_new_record() -> None:
    """HubSpot's changelog, "Announcement: deals now support merging" (2021): "HubSpot creates a new deal from that merge"."""
    hubspot = Caller(rate_limits=False, merge_makes_new_of=("deals",))
    person = hubspot.emulator.user()
    deals = hubspot.deal(), hubspot.deal()
    contacts = hubspot.contact(firstname="One"), hubspot.contact(firstname="Other")
    assert person.merge("deals", *deals) not in deals
    assert person.merge("contacts", *contacts) == contacts[0]


def test_merged_contacts_are_told_with_the_time_of_each_merge(hubspot: Caller, pair: tuple[str, str]) -> None:
    """hs_calculated_merged_vids "Merged vids with timestamps of a contact" (recorded definition); its form is documented by
    Fivetran: `<merged id>:<epoch ms>`, by `;`."""
    third = hubspot.contact(firstname="Third")
    merged(hubspot, *pair)
    first_ms = hubspot.now_us // 1_000
    hubspot.later(60)
    merged(hubspot, pair[0], third)
    told = hubspot.value("contacts", pair[0], "hs_calculated_merged_vids")
    assert told == f"{pair[1]}:{first_ms};{third}:{first_ms + 60_000}"
    assert hubspot.value("contacts", pair[0], "hs_all_contact_vids") == f"{pair[0]};{pair[1]};{third}"


def test_the_primary_company_of_the_primary_stays_and_that_of_the_other_is_one_among_many() -> None:
    """Same changelog: the merged record "will prioritize associations from the primary record, and excess primary associations
    from secondary records will be dropped"."""
    hubspot = as_of_today()
    person = hubspot.emulator.user()
    early, late, others = (hubspot.company(name=name) for name in ("Early", "Late", "Others"))
    one, other = hubspot.contact(firstname="One"), hubspot.contact(firstname="Other")
    person.associate("contacts", one, "companies", early)
    person.associate("contacts", one, "companies", late, primary=True)
    person.associate("contacts", other, "companies", others)
    survivor = person.merge("contacts", one, other)
    assert hubspot.value("contacts", survivor, "associatedcompanyid") == late
    assert set(person.associated("contacts", survivor, "companies")) == {early, late, others}


def test_contacts_follow_their_primary_company_into_the_one_it_was_merged_with(hubspot: Caller) -> None:
    person = hubspot.emulator.user()
    kept, gone = hubspot.company(name="Kept"), hubspot.company(name="Gone")
    ada = hubspot.contact(firstname="Ada")
    person.associate("contacts", ada, "companies", gone)
    person.associate("contacts", ada, "companies", kept)
    assert hubspot.value("contacts", ada, "associatedcompanyid") == gone
    person.merge("companies", kept, gone)
    assert hubspot.value("contacts", ada, "associatedcompanyid") == kept


@pytest.mark.parametrize("keeps", [True, False])
def test_labels_outlive_a_merge(keeps: bool) -> None:
    hubspot = Caller(rate_limits=False, merge_keeps_primary_id=keeps)
    person = hubspot.emulator.user()
    made = hubspot.post("/crm/v4/associations/deals/contacts/labels", {"label": "Decider", "name": "decider"})
    label = made.json["results"][0]["typeId"]
    deal, one, other = hubspot.deal(), hubspot.contact(firstname="One"), hubspot.contact(firstname="Other")
    person.associate("deals", deal, "contacts", other, label)
    survivor = person.merge("contacts", one, other)
    assert label in person.associated("deals", deal, "contacts")[survivor]


@pytest.mark.parametrize("keeps", [True, False])
def test_the_histories_of_both_are_united_where_the_account_does_that(keeps: bool) -> None:
    """Same changelog: "property values from both objects will still be merged onto the new object"."""
    hubspot = Caller(rate_limits=False, merge_keeps_primary_id=keeps, merge_unites_histories=True)
    one = hubspot.contact(firstname="Ada")
    hubspot.later(60)
    other = hubspot.contact(firstname="Augusta", city="London")
    hubspot.later(60)
    survivor = hubspot.emulator.user().merge("contacts", one, other)
    told = hubspot.emulator.user().history("contacts", survivor, "firstname")
    assert [(value, source) for value, _, source in told] == [
        ("Ada", "MERGE_OBJECTS"),
        ("Augusta", "INTEGRATION"),
        ("Ada", "INTEGRATION"),
    ]
    assert [value for value, _, _ in hubspot.emulator.user().history("contacts", survivor, "city")][-1] == "London"
    assert hubspot.value("contacts", survivor, "firstname") == "Ada"


def test_companies_cannot_be_merged_where_hubspots_own_integration_is_on() -> None:
    """Reported by many: neither in the app nor through the API (Koalify, Insycle)."""
    hubspot = Caller(rate_limits=False, companies_can_be_merged=False)
    one, other = hubspot.company(name="One"), hubspot.company(name="Other")
    body = {"primaryObjectId": one, "objectIdToMerge": other}
    assert hubspot.post("/crm/v3/objects/companies/merge", body).status == 400
    assert hubspot.get(f"/crm/v3/objects/companies/{other}").json["id"] == other


def test_a_merged_away_record_is_in_no_archive_and_cannot_be_restored(hubspot: Caller, pair: tuple[str, str]) -> None:
    merged(hubspot, *pair)
    assert hubspot.get(CONTACTS, archived="true").ids == []
    with pytest.raises(Exception, match="resource not found"):
        hubspot.emulator.user().restore("contacts", pair[1])
