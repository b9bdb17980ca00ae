"""How many records one record may be associated with, by plan and by what an admin set, and the error on one too many.

Sources: the associations schema guide (limits, March 2026), HubSpot's changelog "Introducing custom association limits" (July
2024), the types of hubspot-sdk (Apache-2.0). That the refusal is a VALIDATION_ERROR is documented, its wording is not.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

V4 = "/crm/v4/objects"
BATCH = "/crm/v4/associations/contacts/companies/batch/create"
LIMITS = "/crm/associations/2026-03/definitions/configurations"
CONTACT_TO_COMPANY, PRIMARY, DEAL_TO_CONTACT = 279, 1, 3


@pytest.fixture
def two() -> Caller:
    """An account whose plan allows two companies a contact and two contacts a company."""
    return Caller(rate_limits=False, association_maxima={"contacts/companies": 2, "companies/contacts": 2})


def associate(caller: Caller, contact: str, company: str) -> Any:
    return caller.put(f"{V4}/contacts/{contact}/associations/default/companies/{company}")


def companies_of(caller: Caller, contact: str) -> list[str]:
    return list(caller.emulator.user().associated("contacts", contact, "companies"))


def limit(caller: Caller, pair: str, id: int, most: int, category: str = "HUBSPOT_DEFINED") -> Any:
    inputs = [{"category": category, "typeId": id, "maxToObjectIds": most}]
    return caller.post(f"{LIMITS}/{pair}/batch/create", {"inputs": inputs})


def test_one_company_too_many_is_refused_and_nothing_is_associated(two: Caller) -> None:
    ada, companies = two.contact(firstname="Ada"), [two.company(name=f"C{n}") for n in range(3)]
    assert [associate(two, ada, company).status for company in companies] == [200, 200, 400]
    refused = associate(two, ada, companies[2])
    assert refused.json["category"] == "VALIDATION_ERROR"
    assert companies_of(two, ada) == companies[:2]


def test_a_full_company_takes_no_further_contact_from_either_side(two: Caller) -> None:
    acme, people = two.company(name="Acme"), [two.contact(firstname=f"P{n}") for n in range(3)]
    for person in people[:2]:
        associate(two, person, acme)
    assert associate(two, people[2], acme).status == 400
    assert two.put(f"{V4}/companies/{acme}/associations/default/contacts/{people[2]}").status == 400


def test_what_is_associated_already_can_be_labelled_and_made_primary(two: Caller) -> None:
    ada, first, second = two.contact(firstname="Ada"), two.company(name="One"), two.company(name="Two")
    associate(two, ada, first)
    associate(two, ada, second)
    body = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": PRIMARY}]
    assert two.put(f"{V4}/contacts/{ada}/associations/companies/{second}", body).status == 201
    assert two.value("contacts", ada, "associatedcompanyid") == second


def test_a_batch_names_the_pair_that_was_one_too_many_and_associates_the_others(two: Caller) -> None:
    ada, bob = two.contact(firstname="Ada"), two.contact(firstname="Bob")
    companies = [two.company(name=f"C{n}") for n in range(3)]
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": CONTACT_TO_COMPANY}]
    pairs = [*((ada, company) for company in companies), (bob, companies[2])]
    inputs = [{"from": {"id": one}, "to": {"id": other}, "types": types} for one, other in pairs]
    answer = two.post(BATCH, {"inputs": inputs})
    assert (answer.status, answer.json["numErrors"], len(answer.json["results"])) == (207, 1, 3)
    assert answer.json["errors"][0]["context"]["ids"] == [ada, companies[2]]
    assert companies_of(two, bob) == [companies[2]]


def test_a_record_that_comes_with_one_association_too_many_is_not_made(two: Caller) -> None:
    acme = two.company(name="Acme")
    for name in ("Ada", "Bob"):
        associate(two, two.contact(firstname=name), acme)
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": CONTACT_TO_COMPANY}]
    body = {"properties": {"firstname": "Eve"}, "associations": [{"to": {"id": acme}, "types": types}]}
    assert two.post("/crm/v3/objects/contacts", body).status == 400
    body = {"properties": {"firstname": "Eve", "associatedcompanyid": acme}}
    assert two.post("/crm/v3/objects/contacts", body).status == 400
    assert len(two.emulator.user().ids("contacts")) == 2


def test_an_update_that_would_overfill_a_company_changes_nothing(two: Caller) -> None:
    acme, eve = two.company(name="Acme"), two.contact(firstname="Eve")
    for name in ("Ada", "Bob"):
        associate(two, two.contact(firstname=name), acme)
    body = {"properties": {"firstname": "Eva", "associatedcompanyid": acme}}
    assert two.patch(f"/crm/v3/objects/contacts/{eve}", body).status == 400
    assert two.value("contacts", eve, "firstname") == "Eve"


def test_records_that_were_archived_leave_room(two: Caller) -> None:
    ada, companies = two.contact(firstname="Ada"), [two.company(name=f"C{n}") for n in range(3)]
    associate(two, ada, companies[0])
    associate(two, ada, companies[1])
    two.delete(f"/crm/v3/objects/companies/{companies[0]}")
    assert associate(two, ada, companies[2]).status == 200


def test_an_admin_sets_how_many_contacts_a_deal_has_and_how_many_with_a_label(hubspot: Caller) -> None:
    made = hubspot.post("/crm/v4/associations/deals/contacts/labels", {"label": "Decider", "name": "decider"})
    label = made.json["results"][0]["typeId"]
    assert limit(hubspot, "deals/contacts", DEAL_TO_CONTACT, 3).json["results"] == [
        {"category": "HUBSPOT_DEFINED", "typeId": DEAL_TO_CONTACT, "userEnforcedMaxToObjectIds": 3, "label": None}
    ]
    assert limit(hubspot, "deals/contacts", label, 1, "USER_DEFINED").status == 200
    deal, people = hubspot.deal(), [hubspot.contact(firstname=f"P{n}") for n in range(4)]
    body = [{"associationCategory": "USER_DEFINED", "associationTypeId": label}]
    assert hubspot.put(f"{V4}/deals/{deal}/associations/contacts/{people[0]}", body).status == 201
    assert hubspot.put(f"{V4}/deals/{deal}/associations/contacts/{people[1]}", body).status == 400
    plain = [hubspot.put(f"{V4}/deals/{deal}/associations/default/contacts/{one}").status for one in people[1:]]
    assert plain == [200, 200, 400]
    assert len(hubspot.get(f"{LIMITS}/deals/contacts").json["results"]) == 2
    assert len(hubspot.get(f"{LIMITS}/all").json["results"]) == 2
    inputs = [{"category": "HUBSPOT_DEFINED", "typeId": DEAL_TO_CONTACT}]
    assert hubspot.post(f"{LIMITS}/deals/contacts/batch/purge", {"inputs": inputs}).status == 204
    assert hubspot.put(f"{V4}/deals/{deal}/associations/default/contacts/{people[3]}").status == 200


def test_a_limit_is_not_enforced_on_what_was_associated_before(hubspot: Caller) -> None:
    """Changelog, "Associations API enables admins to configure association limits": not retroactive."""
    deal, people = hubspot.deal(), [hubspot.contact(firstname=f"P{n}") for n in range(3)]
    for person in people[:2]:
        hubspot.put(f"{V4}/deals/{deal}/associations/default/contacts/{person}")
    limit(hubspot, "deals/contacts", DEAL_TO_CONTACT, 1)
    assert len(hubspot.emulator.user().associated("deals", deal, "contacts")) == 2
    assert hubspot.put(f"{V4}/deals/{deal}/associations/default/contacts/{people[2]}").status == 400


@pytest.mark.parametrize(("id", "most", "category"), [(3, 0, "HUBSPOT_DEFINED"), (3, 3, "HUBSPOT_DEFINED")])
def test_a_limit_cannot_be_above_that_of_the_plan(id: int, most: int, category: str) -> None:
    hubspot = Caller(rate_limits=False, association_maxima={"deals/contacts": 2})
    assert limit(hubspot, "deals/contacts", id, most, category).json["numErrors"] == 1


def test_a_label_never_has_a_higher_limit_than_its_pair(hubspot: Caller) -> None:
    made = hubspot.post("/crm/v4/associations/deals/contacts/labels", {"label": "Decider", "name": "decider"})
    label = made.json["results"][0]["typeId"]
    limit(hubspot, "deals/contacts", DEAL_TO_CONTACT, 5)
    assert limit(hubspot, "deals/contacts", label, 6, "USER_DEFINED").json["numErrors"] == 1
    assert limit(hubspot, "deals/contacts", label, 4, "USER_DEFINED").status == 200
    assert limit(hubspot, "deals/contacts", DEAL_TO_CONTACT, 3).json["numErrors"] == 1


def test_an_account_can_be_asked_which_records_are_near_their_limit() -> None:
    hubspot = Caller(rate_limits=False, association_maxima={"contacts/companies": 5})
    ada, bob = hubspot.contact(firstname="Ada"), hubspot.contact(firstname="Bob")
    for number in range(5):
        company = hubspot.company(name=f"C{number}")
        associate(hubspot, ada, company)
        if number:
            associate(hubspot, bob, company)
    near = hubspot.get("/crm/v3/limits/associations/records/0-1/0-2").json
    assert (near["limit"], near["totalRecordsAtLimit"], near["totalRecordsNearLimit"]) == (5, 1, 1)
    assert near["atLimitFromRecordSamples"][0]["objectId"] == int(ada)
    assert near["nearLimitFromRecordSamples"][0] == {"label": bob, "objectId": int(bob), "usage": 4, "percentage": 80.0}
    [to] = hubspot.get("/crm/v3/limits/associations/records/0-1/to").json["results"]
    assert (to["objectTypeId"], to["hasRecordsAtLimit"], to["hasRecordsNearLimit"]) == ("0-2", True, True)
    [of] = hubspot.get("/crm/limits/2026-03/associations/records/from").json["results"]
    assert of["objectTypeId"] == "0-1"


def test_labels_count_against_the_ten_of_a_pair(hubspot: Caller) -> None:
    hubspot.post("/crm/v4/associations/deals/contacts/labels", {"label": "Decider", "name": "decider"})
    there, back = hubspot.get("/crm/v3/limits/associations/labels").json["results"]
    assert {there["fromObjectType"]["objectTypeId"], back["fromObjectType"]["objectTypeId"]} == {"0-1", "0-3"}
    assert (there["usage"], there["limit"], there["allLabels"]) == (1, 10, ["Decider"])
