"""Addresses in an org with picklists of states and countries, and in one without."""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.salesforce.calls import Caller


@pytest.fixture
def placed(org: Caller) -> Caller:
    org.emulator.enable_state_and_country_picklists()
    return org


def address(org: Caller, id: str) -> tuple[Any, ...]:
    row = org.row("Account", id)
    return tuple(row[f"Billing{part}"] for part in ("Country", "CountryCode", "State", "StateCode"))


def refusal(answer: Any) -> tuple[str, str, list[str]]:
    assert answer.status == 400
    [error] = answer.json
    return error["errorCode"], error["message"], error["fields"]


ROME = ("Italy", "IT", "Rome", "RM")
VALID = "even though it may appear correct. Please select a"


def test_an_org_without_them_takes_any_text(org: Caller) -> None:
    row = org.row("Account", org.create("Account", Name="A", BillingCountry="Ruritania", BillingState="Zenda"))
    assert (row["BillingCountry"], row["BillingState"], "BillingCountryCode" in row) == ("Ruritania", "Zenda", False)
    assert "countryCode" not in row["BillingAddress"]


class TestInLine:
    # Salesforce help, State and Country/Territory Picklist Field-Syncing Logic.
    @pytest.mark.parametrize(
        "given",
        [
            {"BillingCountry": "Italy", "BillingState": "Rome"},
            {"BillingCountryCode": "IT", "BillingStateCode": "RM"},
            {"BillingCountry": "italy", "BillingStateCode": "rm"},
            {"BillingCountryCode": "it", "BillingState": "ROME"},
        ],
    )
    def test_a_name_brings_its_code_and_a_code_its_name(self, placed: Caller, given: dict[str, str]) -> None:
        assert address(placed, placed.create("Account", Name="A", **given)) == ROME

    def test_the_address_shows_the_codes(self, placed: Caller) -> None:
        id = placed.create("Account", Name="A", BillingCountryCode="IT", BillingCity="Rome")
        shown = placed.row("Account", id)["BillingAddress"]
        assert (shown["country"], shown["countryCode"], shown["stateCode"]) == ("Italy", "IT", None)

    def test_on_create_the_code_wins_over_another_name(self, placed: Caller) -> None:
        # "You create a record with mismatched ... values: Salesforce updates ... integration value to match the code."
        given = {"BillingCountry": "France", "BillingCountryCode": "IT"}
        assert address(placed, placed.create("Account", Name="A", **given))[:2] == ("Italy", "IT")

    def test_on_update_a_mismatch_is_refused(self, placed: Caller) -> None:
        id = placed.create("Account", Name="A", BillingCountry="Italy")
        body = {"BillingCountry": "France", "BillingCountryCode": "DE"}
        assert refusal(placed.call("PATCH", f"/sobjects/Account/{id}", body))[0] == "FIELD_INTEGRITY_EXCEPTION"
        assert address(placed, id) == ("Italy", "IT", None, None)

    def test_removing_the_country_code_removes_the_whole_place(self, placed: Caller) -> None:
        id = placed.create("Account", Name="A", BillingCountry="Italy", BillingState="Rome")
        assert placed.call("PATCH", f"/sobjects/Account/{id}", {"BillingCountryCode": None}).status == 204
        assert address(placed, id) == (None, None, None, None)

    def test_a_state_is_set_where_the_country_is_already(self, placed: Caller) -> None:
        id = placed.create("Account", Name="A", BillingCountry="Italy")
        assert placed.call("PATCH", f"/sobjects/Account/{id}", {"BillingState": "Rome"}).status == 204
        assert address(placed, id) == ROME
        assert placed.call("PATCH", f"/sobjects/Account/{id}", {"BillingState": None}).status == 204
        assert address(placed, id) == ("Italy", "IT", None, None)


class TestRefused:
    # The sentences are quoted by users of several tools, with code and fields (public issues, knowledge bases).
    def test_an_unknown_country(self, placed: Caller) -> None:
        body = {"Name": "A", "BillingCountry": "USA"}
        assert refusal(placed.call("POST", "/sobjects/Account", body)) == (
            "FIELD_INTEGRITY_EXCEPTION",
            f"There's a problem with this country, {VALID} country/territory from the list of valid countries.: "
            "Billing Country",
            ["BillingCountry"],
        )

    def test_an_unknown_state(self, placed: Caller) -> None:
        body = {"Name": "A", "BillingCountry": "United States", "BillingState": "Calif."}
        assert refusal(placed.call("POST", "/sobjects/Account", body)) == (
            "FIELD_INTEGRITY_EXCEPTION",
            f"There's a problem with this state, {VALID} state from the list of valid states.: Billing State/Province",
            ["BillingState"],
        )

    def test_a_state_without_a_country(self, placed: Caller) -> None:
        body = {"LastName": "L", "Company": "C", "State": "California"}
        assert refusal(placed.call("POST", "/sobjects/Lead", body)) == (
            "FIELD_INTEGRITY_EXCEPTION",
            "A country/territory must be specified before specifying a state value for field: State/Province",
            ["State"],
        )

    def test_a_state_of_another_country(self, placed: Caller) -> None:
        for body in (
            {"BillingCountryCode": "IT", "BillingStateCode": "CA"},
            {"BillingCountry": "France", "BillingState": "Rome"},
        ):
            code, message, _ = refusal(placed.call("POST", "/sobjects/Account", {"Name": "A", **body}))
            assert code == "FIELD_INTEGRITY_EXCEPTION"
            assert message.startswith("The existing country/territory doesn't recognize the state value for field: ")

    def test_a_country_that_does_not_have_the_state_that_stays(self, placed: Caller) -> None:
        id = placed.create("Account", Name="A", BillingCountry="Italy", BillingState="Rome")
        refused = placed.call("PATCH", f"/sobjects/Account/{id}", {"BillingCountry": "France"})
        assert refusal(refused)[0] == "FIELD_INTEGRITY_EXCEPTION"
        assert address(placed, id) == ROME


def test_the_state_code_depends_on_the_country_code(placed: Caller) -> None:
    fields = {field["name"]: field for field in placed.call("GET", "/sobjects/Contact/describe").json["fields"]}
    state = fields["MailingStateCode"]
    assert (state["controllerName"], state["dependentPicklist"], state["restrictedPicklist"]) == (
        "MailingCountryCode",
        True,
        True,
    )
    shown = placed.call("GET", "/ui-api/object-info/Contact/picklist-values/012000000000000AAA/MailingStateCode").json
    countries = {index: code for code, index in shown["controllerValues"].items()}
    of_wa = next(value for value in shown["values"] if value["value"] == "WA")
    assert {countries[index] for index in of_wa["validFor"]} == {"AU", "US"}


def test_a_converted_lead_takes_its_codes_along_into_existing_records_too(placed: Caller) -> None:
    account = placed.create("Account", Name="A")
    for more in ({}, {"account": account}):
        lead = placed.create("Lead", LastName="L", Company="C", Country="Italy", State="Rome")
        done = placed.user.convert_lead(lead, **more)
        assert address(placed, done.account_id) == ROME
        assert placed.row("Contact", done.contact_id)["MailingStateCode"] == "RM"


def test_persons_have_them_too(org: Caller) -> None:
    features = ["state_and_country_picklists", "person_accounts"]
    assert org.call("POST", "/_emulator/reset", {"data": "empty", "features": features}).status == 200
    id = org.create("Account", LastName="L", PersonMailingCountry="Italy", PersonMailingState="Rome")
    [contact] = org.soql("SELECT MailingCountryCode, MailingStateCode FROM Contact")
    assert contact == {"MailingCountryCode": "IT", "MailingStateCode": "RM"}
    assert org.row("Account", id)["PersonMailingStateCode"] == "RM"
