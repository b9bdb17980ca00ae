"""Orgs with several currencies, and orgs with one."""

from __future__ import annotations

import pytest
from tests.emulator.salesforce.calls import Caller

DEAL = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-06-01", "Amount": 100}


@pytest.fixture
def rich(org: Caller) -> Caller:
    org.emulator.enable_currencies({"EUR": 0.9, "JPY": 150})
    return org


def test_an_org_of_one_currency_knows_nothing_of_currencies(org: Caller) -> None:
    # Object reference, CurrencyType: "This object is not available in single-currency organizations."
    assert org.refused("SELECT IsoCode FROM CurrencyType") == "INVALID_TYPE"
    assert org.refused("SELECT CurrencyIsoCode FROM Opportunity") == "INVALID_FIELD"
    assert "CurrencyType" not in {each["name"] for each in org.call("GET", "/sobjects").json["sobjects"]}


def test_currencies_are_rows_with_their_rates(rich: Caller) -> None:
    rows = rich.soql(
        "SELECT IsoCode, ConversionRate, DecimalPlaces, IsActive, IsCorporate FROM CurrencyType ORDER BY IsoCode"
    )
    assert rows == [
        {"IsoCode": "EUR", "ConversionRate": 0.9, "DecimalPlaces": 2, "IsActive": True, "IsCorporate": False},
        {"IsoCode": "JPY", "ConversionRate": 150.0, "DecimalPlaces": 0, "IsActive": True, "IsCorporate": False},
        {"IsoCode": "USD", "ConversionRate": 1.0, "DecimalPlaces": 2, "IsActive": True, "IsCorporate": True},
    ]


def test_the_describe_offers_the_active_ones(rich: Caller) -> None:
    fields = {field["name"]: field for field in rich.call("GET", "/sobjects/Opportunity/describe").json["fields"]}
    field = fields["CurrencyIsoCode"]
    assert (field["label"], field["type"], field["restrictedPicklist"]) == ("Opportunity Currency", "picklist", True)
    assert [value["value"] for value in field["picklistValues"] if value["active"]] == ["EUR", "JPY", "USD"]


def test_a_record_that_names_none_has_the_users_own_and_keeps_it_when_blanked(rich: Caller) -> None:
    # Salesforce help, multiple currencies: a new record has the default currency of the user who makes it.
    assert rich.row("Opportunity", rich.create("Opportunity", **DEAL))["CurrencyIsoCode"] == "USD"
    rich.user.update("User", rich.emulator.users[0].id, {"DefaultCurrencyIsoCode": "EUR"})
    for kind, fields in (
        ("Opportunity", DEAL),
        ("Account", {"Name": "A"}),
        ("Lead", {"LastName": "L", "Company": "C"}),
    ):
        assert rich.row(kind, rich.create(kind, **fields))["CurrencyIsoCode"] == "EUR"
    deal = rich.create("Opportunity", **DEAL, CurrencyIsoCode="JPY")
    rich.call("PATCH", f"/sobjects/Opportunity/{deal}", {"CurrencyIsoCode": None})
    assert rich.row("Opportunity", deal)["CurrencyIsoCode"] == "EUR"


def test_what_was_there_before_is_in_the_corporate_currency(org: Caller) -> None:
    # Salesforce help, considerations for enabling multiple currencies: existing records are stamped with it.
    deal = org.create("Opportunity", **DEAL)
    before = org.row("Opportunity", deal)["SystemModstamp"]
    org.pass_seconds(60)
    org.emulator.enable_currencies({"USD": 1.1}, corporate="EUR")
    row = org.row("Opportunity", deal)
    assert (row["CurrencyIsoCode"], row["SystemModstamp"]) == ("EUR", before)


@pytest.mark.parametrize("code", ["GBP", "XXX", "eur"])
def test_an_unknown_code_is_refused(rich: Caller, code: str) -> None:
    # A restricted picklist (object reference), refused with its words; the label is that of the field.
    refused = rich.call("POST", "/sobjects/Opportunity", {**DEAL, "CurrencyIsoCode": code})
    assert refused.json == [
        {
            "message": f"Opportunity Currency: bad value for restricted picklist field: {code}",
            "errorCode": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "fields": ["CurrencyIsoCode"],
        }
    ]


def test_a_currency_that_is_deactivated_stays_where_it_is_and_is_given_to_nothing_new(rich: Caller) -> None:
    deal = rich.create("Opportunity", **DEAL, CurrencyIsoCode="EUR")
    [euro] = rich.soql("SELECT Id FROM CurrencyType WHERE IsoCode = 'EUR'")
    assert rich.call("PATCH", f"/sobjects/CurrencyType/{euro['Id']}", {"IsActive": False}).status == 204
    refused = rich.call("POST", "/sobjects/Opportunity", {**DEAL, "CurrencyIsoCode": "EUR"})
    assert refused.error == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    assert rich.call("PATCH", f"/sobjects/Opportunity/{deal}", {"Amount": 5}).status == 204
    assert rich.row("Opportunity", deal)["CurrencyIsoCode"] == "EUR"


def test_a_currency_may_be_added_by_who_customises_the_application(rich: Caller) -> None:
    # Object reference, CurrencyType: "You need the Customize Application permission to edit this object."
    pound = {"IsoCode": "GBP", "ConversionRate": 0.8, "DecimalPlaces": 2, "IsActive": True}
    rich.create("CurrencyType", **pound)
    assert rich.row("Opportunity", rich.create("Opportunity", **DEAL, CurrencyIsoCode="GBP"))["Amount"] == 100.0
    assert rich.call("POST", "/sobjects/CurrencyType", pound).error == (400, "DUPLICATE_VALUE")
    rich.token = rich.emulator.issue_token("Sales User")
    refused = rich.call("POST", "/sobjects/CurrencyType", {**pound, "IsoCode": "CHF"})
    assert refused.error == (400, "INSUFFICIENT_ACCESS_OR_READONLY")


def test_a_reset_makes_an_org_with_it_and_the_next_one_without(org: Caller) -> None:
    shown = org.call("POST", "/_emulator/reset", {"data": "sample", "features": ["multi_currency"]})
    assert shown.json == {"reset": "sample", "features": ["multi_currency"]}
    found = org.soql("SELECT CurrencyIsoCode FROM Opportunity")
    assert found == [{"CurrencyIsoCode": "USD"}]
    assert org.call("POST", "/_emulator/reset", {"data": "empty", "features": ["nonsense"]}).status == 400
    assert len(org.soql("SELECT Id FROM Opportunity")) == 1
    org.call("POST", "/_emulator/reset", {"data": "empty"})
    assert org.refused("SELECT CurrencyIsoCode FROM Opportunity") == "INVALID_FIELD"
    made_with = Caller(features=("multi_currency",))
    made_with.call("POST", "/_emulator/reset", {"data": "empty"})
    assert len(made_with.soql("SELECT Id FROM CurrencyType")) == 3
