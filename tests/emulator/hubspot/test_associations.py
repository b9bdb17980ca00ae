"""Associations: both directions, labels, the one primary company, and the properties that follow."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

V4 = "/crm/v4/objects"
CONTACT_TO_COMPANY, PRIMARY = 279, 1


@pytest.fixture
def ada(hubspot: Caller) -> str:
    return hubspot.contact(email="ada@example.com")


@pytest.fixture
def acme(hubspot: Caller) -> str:
    return hubspot.company(name="Acme")


def types_of(hubspot: Caller, contact: str, company: str, base: str = V4) -> set[int]:
    rows = hubspot.get(f"{base}/contacts/{contact}/associations/companies").json["results"]
    found = {str(row["toObjectId"]): {one["typeId"] for one in row["associationTypes"]} for row in rows}
    return found.get(company, set())


@pytest.mark.parametrize("base", [V4, "/crm/objects/2026-03", "/crm/objects/2026-09"])
def test_one_write_is_readable_from_both_sides_with_the_type_of_each(
    hubspot: Caller, ada: str, acme: str, base: str
) -> None:
    answer = hubspot.put(f"{base}/contacts/{ada}/associations/default/companies/{acme}")
    assert answer.status == 200
    assert answer.json["results"][0]["associationSpec"]["associationTypeId"] == CONTACT_TO_COMPANY
    assert CONTACT_TO_COMPANY in types_of(hubspot, ada, acme, base)
    row = hubspot.get(f"{base}/companies/{acme}/associations/contacts").json["results"][0]
    assert row["toObjectId"] == int(ada)
    assert 280 in {one["typeId"] for one in row["associationTypes"]}


def test_the_first_company_becomes_the_primary_one_and_the_contact_mirrors_it(
    hubspot: Caller, ada: str, acme: str
) -> None:
    hubspot.later(5)
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{acme}")
    assert types_of(hubspot, ada, acme) == {CONTACT_TO_COMPANY, PRIMARY}
    assert hubspot.value("contacts", ada, "associatedcompanyid") == acme
    assert hubspot.modified("contacts", ada) == "2026-09-21T14:13:25Z"
    other = hubspot.company(name="Other")
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{other}")
    assert types_of(hubspot, ada, other) == {CONTACT_TO_COMPANY}
    assert hubspot.value("contacts", ada, "associatedcompanyid") == acme


def test_a_new_primary_company_demotes_the_old_one(hubspot: Caller, ada: str, acme: str) -> None:
    other = hubspot.company(name="Other")
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{acme}")
    body = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": PRIMARY}]
    answer = hubspot.put(f"{V4}/contacts/{ada}/associations/companies/{other}", body)
    assert (answer.status, answer.json["labels"], answer.json["toObjectId"]) == (201, ["Primary"], int(other))
    assert types_of(hubspot, ada, acme) == {CONTACT_TO_COMPANY}
    assert types_of(hubspot, ada, other) == {CONTACT_TO_COMPANY, PRIMARY}
    assert hubspot.value("contacts", ada, "associatedcompanyid") == other


def test_a_primary_can_be_set_from_the_side_of_the_company(hubspot: Caller, ada: str, acme: str) -> None:
    other = hubspot.company(name="Other")
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{acme}")
    body = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 2}]
    assert hubspot.put(f"{V4}/companies/{other}/associations/contacts/{ada}", body).status == 201
    assert hubspot.value("contacts", ada, "associatedcompanyid") == other
    assert types_of(hubspot, ada, acme) == {CONTACT_TO_COMPANY}


def test_writing_associatedcompanyid_associates_and_clearing_it_takes_the_company_away(
    hubspot: Caller, ada: str, acme: str
) -> None:
    hubspot.patch(f"/crm/v3/objects/contacts/{ada}", {"properties": {"associatedcompanyid": acme}})
    assert types_of(hubspot, ada, acme) == {CONTACT_TO_COMPANY, PRIMARY}
    assert hubspot.value("companies", acme, "num_associated_contacts") == "1"
    hubspot.patch(f"/crm/v3/objects/contacts/{ada}", {"properties": {"associatedcompanyid": ""}})
    assert types_of(hubspot, ada, acme) == set()
    assert hubspot.value("companies", acme, "num_associated_contacts") in ("", "0")


def test_an_association_with_a_company_that_is_not_there_is_refused(hubspot: Caller, ada: str) -> None:
    refused = hubspot.patch(f"/crm/v3/objects/contacts/{ada}", {"properties": {"associatedcompanyid": "9"}})
    assert refused.status == 400
    assert hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/9").status == 404


def test_deleting_takes_every_type_away_on_both_sides(hubspot: Caller, ada: str, acme: str) -> None:
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{acme}")
    assert hubspot.delete(f"{V4}/companies/{acme}/associations/contacts/{ada}").status == 204
    assert types_of(hubspot, ada, acme) == set()
    assert hubspot.value("contacts", ada, "associatedcompanyid") == ""


def test_repeating_an_association_changes_nothing(hubspot: Caller, ada: str, acme: str) -> None:
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{acme}")
    before, entries = hubspot.modified("contacts", ada), hubspot.emulator.journal.last_seq
    hubspot.later(5)
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{acme}")
    assert hubspot.modified("contacts", ada) == before
    assert hubspot.emulator.journal.last_seq == entries


def test_a_label_brings_the_default_type_along_and_replaces_other_labels(hubspot: Caller, ada: str, acme: str) -> None:
    labels = "/crm/v4/associations/contacts/companies/labels"
    ids: list[int] = []
    for name in ("Buyer", "Founder"):
        made = hubspot.post(labels, {"label": name, "name": name.lower(), "inverseLabel": f"{name} of"})
        ids.append(made.json["results"][0]["typeId"])
        assert len(made.json["results"]) == 2
    for id in ids:
        body = [{"associationCategory": "USER_DEFINED", "associationTypeId": id}]
        hubspot.put(f"{V4}/contacts/{ada}/associations/companies/{acme}", body)
    assert types_of(hubspot, ada, acme) == {CONTACT_TO_COMPANY, PRIMARY, ids[1]}


def test_a_label_can_be_deleted_once_no_association_has_it(hubspot: Caller, ada: str, acme: str) -> None:
    """ "If a label is used to describe associated records, you'll need to remove the label from associations before deleting"
    (associations schema guide, March 2026)."""
    labels = "/crm/v4/associations/contacts/companies/labels"
    id = hubspot.post(labels, {"label": "Buyer", "name": "buyer"}).json["results"][0]["typeId"]
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": id}]
    hubspot.put(f"{V4}/contacts/{ada}/associations/companies/{acme}", types)
    assert hubspot.delete(f"{labels}/{id}").status == 400
    one = {"types": types, "from": {"id": ada}, "to": {"id": acme}}
    hubspot.post("/crm/v4/associations/contacts/companies/batch/labels/archive", {"inputs": [one]})
    assert hubspot.delete(f"{labels}/{id}").status == 204
    assert id not in {one["typeId"] for one in hubspot.get(labels).json["results"]}
    assert hubspot.delete(f"{labels}/{PRIMARY}").status == 400


@pytest.mark.parametrize("name", ["decision-maker", "1st_contact"])
def test_the_name_of_a_label_has_no_hyphen_and_no_digit_at_its_start(hubspot: Caller, name: str) -> None:
    """Associations schema guide, March 2026."""
    body = {"label": "Decision maker", "name": name}
    assert hubspot.post("/crm/v4/associations/deals/contacts/labels", body).status == 400


def test_a_label_is_renamed_and_its_id_stays(hubspot: Caller, ada: str) -> None:
    """ "You cannot change the internal name or typeId" (associations schema guide, March 2026)."""
    labels = "/crm/associations/2026-03/deals/contacts/labels"
    made = hubspot.post(labels, {"label": "Decider", "name": "decider", "inverseLabel": "Decides on"})
    there, back = (one["typeId"] for one in made.json["results"])
    deal = hubspot.deal()
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": there}]
    hubspot.put(f"{V4}/deals/{deal}/associations/contacts/{ada}", types)
    body = {"associationTypeId": there, "label": "Decision maker", "inverseLabel": "Makes the decision on"}
    assert hubspot.put(labels, body).status == 204
    for path, id, label in (
        (f"deals/{deal}/associations/contacts", there, "Decision maker"),
        (f"contacts/{ada}/associations/deals", back, "Makes the decision on"),
    ):
        [row] = hubspot.get(f"{V4}/{path}").json["results"]
        assert {"category": "USER_DEFINED", "typeId": id, "label": label} in row["associationTypes"]


def test_a_type_is_named_by_its_category_and_its_id(hubspot: Caller, ada: str, acme: str) -> None:
    """ "An integer value used to uniquely identify a specific association type within its Association Category" (hubspot-sdk)."""
    body = [{"associationCategory": "USER_DEFINED", "associationTypeId": CONTACT_TO_COMPANY}]
    assert hubspot.put(f"{V4}/contacts/{ada}/associations/companies/{acme}", body).status == 400
    inputs = [{"from": {"id": ada}, "to": {"id": acme}, "types": body}]
    answer = hubspot.post("/crm/v4/associations/contacts/companies/batch/create", {"inputs": inputs})
    assert (answer.status, answer.json["numErrors"]) == (207, 1)


def test_a_type_of_another_pair_is_refused(hubspot: Caller, ada: str, acme: str) -> None:
    body = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]
    assert hubspot.put(f"{V4}/contacts/{ada}/associations/companies/{acme}", body).status == 400


def test_a_deal_mirrors_its_company_and_counts_its_contacts(hubspot: Caller, ada: str, acme: str) -> None:
    associations = [
        {"to": {"id": acme}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}]},
        {"to": {"id": ada}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]},
    ]
    body = {"properties": {"dealname": "D"}, "associations": associations}
    deal = hubspot.post("/crm/v3/objects/deals", body).json["id"]
    assert hubspot.value("deals", deal, "hs_primary_associated_company") == acme
    assert hubspot.value("deals", deal, "num_associated_contacts") == "1"
    assert hubspot.value("contacts", ada, "num_associated_deals") == "1"
    refused = hubspot.patch(f"/crm/v3/objects/deals/{deal}", {"properties": {"hs_primary_associated_company": "1"}})
    assert refused.json["errors"][0]["code"] == "READ_ONLY_VALUE"


@pytest.mark.parametrize(
    "base", ["/crm/v4/associations", "/crm/associations/v4", "/crm/associations/2026-03", "/crm/associations/2026-09"]
)
def test_batches_create_read_and_archive(hubspot: Caller, ada: str, acme: str, base: str) -> None:
    pair = f"{base}/contacts/companies/batch"
    spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": CONTACT_TO_COMPANY}]
    made = hubspot.post(f"{pair}/create", {"inputs": [{"from": {"id": ada}, "to": {"id": acme}, "types": spec}]})
    assert made.status == 201
    lonely = hubspot.contact(firstname="Lonely")
    read = hubspot.post(f"{pair}/read", {"inputs": [{"id": ada}, {"id": lonely}]})
    assert read.status == 207
    assert [(row["from"]["id"], row["to"][0]["toObjectId"]) for row in read.json["results"]] == [(ada, int(acme))]
    assert read.json["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert hubspot.post(f"{pair}/archive", {"inputs": [{"from": {"id": ada}, "to": [{"id": acme}]}]}).status == 204
    assert types_of(hubspot, ada, acme) == set()


def test_a_batch_of_defaults_reports_the_pair_that_does_not_exist(hubspot: Caller, ada: str, acme: str) -> None:
    rows = [{"from": {"id": ada}, "to": {"id": acme}}, {"from": {"id": ada}, "to": {"id": "9"}}]
    answer = hubspot.post("/crm/v4/associations/contacts/companies/batch/associate/default", {"inputs": rows})
    assert answer.status == 207
    assert len(answer.json["results"]) == 2
    assert answer.json["numErrors"] == 1


def test_taking_one_label_off_keeps_the_association(hubspot: Caller, ada: str, acme: str) -> None:
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{acme}")
    spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": PRIMARY}]
    body = {"inputs": [{"from": {"id": ada}, "to": {"id": acme}, "types": spec}]}
    hubspot.post("/crm/v4/associations/contacts/companies/batch/labels/archive", body)
    assert types_of(hubspot, ada, acme) == {CONTACT_TO_COMPANY}
    assert hubspot.value("contacts", ada, "associatedcompanyid") == ""


def test_v3_names_types_and_answers_in_both_directions(hubspot: Caller, ada: str, acme: str) -> None:
    row = {"from": {"id": acme}, "to": {"id": ada}, "type": "company_to_contact"}
    made = hubspot.post("/crm/v3/associations/companies/contacts/batch/create", {"inputs": [row]})
    assert made.status == 201
    assert [result["type"] for result in made.json["results"]] == ["company_to_contact", "contact_to_company"]
    read = hubspot.post("/crm/v3/associations/contacts/companies/batch/read", {"inputs": [{"id": ada}]}).json
    assert {one["type"] for one in read["results"][0]["to"]} == {"contact_to_company", "contact_to_company_unlabeled"}
    inline = hubspot.get(f"/crm/v3/objects/contacts/{ada}", associations="companies").json["associations"]
    assert {one["id"] for one in inline["companies"]["results"]} == {acme}


def test_associations_are_paged(ada: str) -> None:
    hubspot = Caller(rate_limits=False, association_page_max=3)
    company = hubspot.company(name="Acme")
    people = [hubspot.contact(firstname=f"c{number}", associatedcompanyid=company) for number in range(7)]
    seen: list[str] = []
    query: dict[str, Any] = {}
    while True:
        page = hubspot.get(f"{V4}/companies/{company}/associations/contacts", **query).json
        seen.extend(str(row["toObjectId"]) for row in page["results"])
        if "paging" not in page:
            break
        query = {"after": page["paging"]["next"]["after"]}
    assert seen == people


def test_associations_named_by_v3_are_paged_too(ada: str) -> None:
    hubspot = Caller(rate_limits=False, association_v3_page_max=3)
    company = hubspot.company(name="Acme")
    people = [hubspot.contact(firstname=f"c{number}", associatedcompanyid=company) for number in range(7)]
    inline = hubspot.get(f"/crm/v3/objects/companies/{company}", associations="contacts").json["associations"]
    assert len({row["id"] for row in inline["contacts"]["results"]}) == 3
    assert inline["contacts"]["paging"]["next"]["after"] == people[3]
    seen: list[str] = []
    after = "0"
    while after:
        page = hubspot.get(f"/crm/v3/objects/companies/{company}/associations/contacts", after=after).json
        seen.extend(dict.fromkeys(row["id"] for row in page["results"]))
        after = page.get("paging", {}).get("next", {}).get("after")
    assert seen == people
    batch = {"inputs": [{"id": company, "after": people[6]}]}
    read = hubspot.post("/crm/v3/associations/companies/contacts/batch/read", batch).json["results"][0]
    assert ({row["id"] for row in read["to"]}, "paging" in read) == ({people[6]}, False)


@pytest.mark.parametrize(
    ("verb", "config", "status"),
    [("read", {"association_read_batch_max": 3}, 200), ("create", {"association_write_batch_max": 3}, 201)],
)
def test_a_batch_of_associations_has_its_maximum(verb: str, config: dict[str, int], status: int) -> None:
    hubspot = Caller(rate_limits=False, **config)
    company = hubspot.company(name="Acme")
    people = [hubspot.contact(firstname=f"c{number}", associatedcompanyid=company) for number in range(4)]
    spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": CONTACT_TO_COMPANY}]
    rows = [{"id": id, "from": {"id": id}, "to": {"id": company}, "types": spec} for id in people]
    path = f"/crm/v4/associations/contacts/companies/batch/{verb}"
    assert hubspot.post(path, {"inputs": rows[:3]}).status == status
    assert hubspot.post(path, {"inputs": rows}).status == 400


def test_a_pair_of_object_types_has_at_most_ten_labels(hubspot: Caller) -> None:
    labels = "/crm/v4/associations/contacts/companies/labels"
    made = [hubspot.post(labels, {"label": f"L{n}", "name": f"l{n}"}).status for n in range(11)]
    assert made == [200] * 10 + [400]


def test_archiving_a_contact_lowers_the_count_of_its_company(hubspot: Caller, ada: str, acme: str) -> None:
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{acme}")
    hubspot.later(5)
    hubspot.delete(f"/crm/v3/objects/contacts/{ada}")
    assert hubspot.value("companies", acme, "num_associated_contacts") == "0"
    assert hubspot.modified("companies", acme) == "2026-09-21T14:13:25Z"


def test_an_account_may_be_set_to_give_every_contact_the_company_of_its_domain() -> None:
    hubspot = Caller(rate_limits=False, creates_companies_of_contacts=True)
    first = hubspot.contact(email="ada@acme.example.com")
    company = hubspot.value("contacts", first, "associatedcompanyid")
    assert company
    assert hubspot.value("companies", company, "domain") == "acme.example.com"
    second = hubspot.contact(email="grace@acme.example.com")
    assert hubspot.value("contacts", second, "associatedcompanyid") == company
    other = hubspot.company(name="Other")
    named = hubspot.contact(email="alan@acme.example.com", associatedcompanyid=other)
    assert hubspot.value("contacts", named, "associatedcompanyid") == other
    assert hubspot.value("contacts", hubspot.contact(email="x@gmail.com"), "associatedcompanyid") is None
    assert hubspot.value("contacts", hubspot.contact(firstname="Nobody"), "associatedcompanyid") is None
    assert len(hubspot.emulator.user().ids("companies")) == 2
    entry = next(entry for entry in hubspot.emulator.journal.entries() if entry.object == "companies")
    assert (entry.client, entry.user) == ("hubspot", None)


def test_an_archived_company_leaves_its_contacts_and_comes_back_with_a_restore(
    hubspot: Caller, ada: str, acme: str
) -> None:
    hubspot.put(f"{V4}/contacts/{ada}/associations/default/companies/{acme}")
    hubspot.delete(f"/crm/v3/objects/companies/{acme}")
    assert types_of(hubspot, ada, acme) == set()
    assert hubspot.value("contacts", ada, "associatedcompanyid") == ""
    hubspot.emulator.user().restore("companies", acme)
    assert hubspot.value("contacts", ada, "associatedcompanyid") == acme


def test_the_journal_tells_who_associated_what(hubspot: Caller, ada: str, acme: str) -> None:
    hubspot.emulator.user("Sales").associate("contacts", ada, "companies", acme)
    entry = hubspot.emulator.journal.entries()[-1]
    assert (entry.user, entry.object, entry.id, entry.action, entry.field, entry.new) == (
        "sales@example.com",
        "contacts",
        ada,
        "associate",
        "companies",
        acme,
    )
