"""What one property value may be, in which form it is kept, and how a value that does not fit is refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

CONTACTS = "/crm/v3/objects/contacts"


def test_every_value_comes_back_as_a_string(hubspot: Caller) -> None:
    id = hubspot.deal(amount=1000, hs_arr=12.5)
    read = hubspot.get(f"/crm/v3/objects/deals/{id}", properties="amount,hs_arr").json["properties"]
    assert (read["amount"], read["hs_arr"]) == ("1000", "12.5")


def test_null_leaves_a_value_as_it_is(hubspot: Caller) -> None:
    """Only an empty string clears: reported with HubSpot's own client."""
    id = hubspot.contact(email="ada@example.com", firstname="Ada", city=None)
    hubspot.later(5)
    answer = hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"firstname": None, "no_such_property": None}})
    assert answer.status == 200
    assert hubspot.value("contacts", id, "firstname") == "Ada"
    assert hubspot.modified("contacts", id) == "2026-09-21T14:13:20Z"


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"firstname": "x", "no_such_property": "1"}, "PROPERTY_DOESNT_EXIST"),
        ({"email": "000"}, "INVALID_EMAIL"),
        ({"email": "someone@company.test"}, "INVALID_EMAIL"),
        ({"firstname": "x", "annualrevenue_": "1"}, "PROPERTY_DOESNT_EXIST"),
        ({"firstname": "x", "followercount": "many"}, "INVALID_LONG"),
        ({"firstname": "x", "closedate": "asd000"}, "INVALID_LONG"),
        ({"firstname": "x", "lifecyclestage": "friend"}, "INVALID_OPTION"),
        ({"firstname": "x", "hs_email_optout": "true"}, "READ_ONLY_VALUE"),
        ({"firstname": "x", "lastmodifieddate": "1"}, "READ_ONLY_VALUE"),
        ({"firstname": "x", "hubspot_owner_id": "1"}, "INVALID_OWNER_ID"),
        ({"firstname": "x" * 65_537}, "PROPERTY_VALUE_TOO_LONG"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_code_and_property(
    hubspot: Caller, properties: dict[str, str], code: str
) -> None:
    refused = hubspot.post(CONTACTS, {"properties": properties})
    assert refused.status == 400
    assert refused.json["category"] == "VALIDATION_ERROR"
    assert refused.json["message"].startswith("Property values were not valid: [{")
    assert refused.json["errors"][0]["code"] == code
    assert refused.json["errors"][0]["context"]["propertyName"][0] in properties
    assert hubspot.get(CONTACTS).json == {"results": []}


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("amount", "10.00", "10.00"),
        ("amount", 1e3, "1000"),
        ("amount", "1e3", "1000"),
        ("amount", " +7. ", "7"),
        ("amount", 0.1 + 0.2, "0.30000000000000004"),
        ("amount", "-0.5", "-0.5"),
        ("amount", "1,000", None),
        ("amount", "1_000", None),
        ("amount", "1.000.000", None),
        ("amount", "NaN", None),
        ("amount", "1e999", None),
        ("amount", "٣", None),
        ("closedate", 1_798_675_200_123, "2026-12-31T00:00:00.123Z"),
        ("closedate", "2026-12-31T01:00:00+01:00", "2026-12-31T00:00:00Z"),
        ("closedate", "2026-12-31", "2026-12-31T00:00:00Z"),
        ("closedate", "31/12/2026", None),
        ("closedate", "9" * 20, None),
        ("day", "2026-12-31", "2026-12-31"),
        ("day", "1798675200000", "2026-12-31"),
        ("day", "2026-12-31T00:00:00Z", "2026-12-31"),
        ("day", "2026-12-31T00:00:00+02:00", None),
        ("day", "1798675200001", None),
        ("day", "2026-02-30", None),
        ("day", "20261231", None),
        ("day", "2026-W53-4", None),
        ("flag", True, "true"),
        ("flag", "TRUE", "true"),
        ("flag", "yes", None),
        ("flag", 1, None),
        ("description", 5, "5"),
        ("description", "\x00\U0001f600", "\x00\U0001f600"),
        ("description", "  kept as it is ", "  kept as it is "),
        ("description", "x" * 65_536, "x" * 65_536),
        ("description", "x" * 65_537, None),
        ("description", "\U0001f600" * 32_768, "\U0001f600" * 32_768),
        ("description", "\U0001f600" * 32_769, None),
        ("description", {"a": 1}, None),
    ],
)
def test_a_value_is_kept_in_one_form_or_refused(hubspot: Caller, name: str, given: Any, kept: str | None) -> None:
    for own, type, field in (("day", "date", "date"), ("flag", "bool", "booleancheckbox")):
        body = {"name": own, "label": own, "type": type, "fieldType": field, "groupName": "dealinformation"}
        assert hubspot.post("/crm/v3/properties/deals", body).status == 201
    answer = hubspot.post("/crm/v3/objects/deals", {"properties": {"dealname": "D", name: given}})
    assert answer.status == (400 if kept is None else 201), answer.body
    if kept is not None:
        assert hubspot.value("deals", answer.json["id"], name) == kept
    else:
        assert answer.json["errors"][0]["context"] == {"propertyName": [name]}


def test_a_lone_surrogate_is_no_json(hubspot: Caller) -> None:
    refused = hubspot.call("POST", CONTACTS, None, {}, raw=b'{"properties": {"firstname": "\\ud800"}}')
    assert (refused.status, refused.json["category"]) == (400, "VALIDATION_ERROR")


def test_an_email_is_kept_in_lower_case_without_the_space_around_it(hubspot: Caller) -> None:
    id = hubspot.contact(email="  Ada.Lovelace@Example.COM ")
    assert hubspot.value("contacts", id, "email") == "ada.lovelace@example.com"
    assert hubspot.get(f"{CONTACTS}/ADA.LOVELACE@example.com", idProperty="email").json["id"] == id


def test_all_faults_of_a_record_are_told_at_once(hubspot: Caller) -> None:
    refused = hubspot.post(CONTACTS, {"properties": {"email": "000", "nope": "1", "hs_object_id": "1"}})
    assert {error["code"] for error in refused.json["errors"]} == {
        "INVALID_EMAIL",
        "PROPERTY_DOESNT_EXIST",
        "READ_ONLY_VALUE",
    }


def test_a_multi_select_with_a_leading_semicolon_adds(hubspot: Caller) -> None:
    id = hubspot.contact(email="ada@example.com", hs_buying_role="CHAMPION")
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"hs_buying_role": ";BLOCKER;CHAMPION"}})
    assert hubspot.value("contacts", id, "hs_buying_role") == "CHAMPION;BLOCKER"
    hubspot.patch(f"{CONTACTS}/{id}", {"properties": {"hs_buying_role": "END_USER"}})
    assert hubspot.value("contacts", id, "hs_buying_role") == "END_USER"
