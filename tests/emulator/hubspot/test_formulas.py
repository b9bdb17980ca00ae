"""Calculation properties: read-only values that follow from others.

Source: HubSpot's properties guide, "Create calculation properties" (March 2026).
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

PROPERTIES = "/crm/v3/properties/deals"


def define(hubspot: Caller, formula: str, type: str = "number", name: str = "own_total") -> Any:
    body = {
        "name": name,
        "label": "Own total",
        "type": type,
        "fieldType": "calculation_equation",
        "groupName": "dealinformation",
        "calculationFormula": formula,
    }
    return hubspot.post(PROPERTIES, body)


@pytest.mark.parametrize(
    ("formula", "type", "value"),
    [
        ("1 + 1", "number", "2"),
        ("amount + 100", "number", "350.5"),
        ("2amount", "number", "501"),
        ("2(amount - 0.5)", "number", "500"),
        ("amount * (100 - 50 / 25)", "number", "24549"),
        ("-amount", "number", "-250.5"),
        ("max(amount, 300, 7)", "number", "300"),
        ("min(amount, 300)", "number", "250.5"),
        ("amount / 0", "number", None),
        ("hs_forecast_amount + 1", "number", None),
        ("amount > 250 and amount <= 250.5", "bool", "true"),
        ("NOT (amount EQUALS 250.5)", "bool", "false"),
        ("string(dealname) != 'deal'", "bool", "true"),
        ("string(dealname) = 'Deal'", "bool", "true"),
        ("contains(string(dealname), 'ea')", "bool", "true"),
        ("is_present(hs_forecast_amount) or is_present(amount)", "bool", "true"),
        ("concatenate(string(dealname), ': ', number_to_string(amount))", "string", "Deal: 250.5"),
        ('"Total " + number_to_string(amount)', "string", "Total 250.5"),
        ("'Total ' + amount", "string", None),
        ("string_to_number('12') * 2", "number", "24"),
        ("if amount > 1000 then 'large' elseif amount > 100 then 'middle' else 'small'", "string", "middle"),
        ("if amount > 1000 then 'large' endif", "string", None),
        ("if is_present(hs_forecast_amount) then hs_forecast_amount else amount", "number", "250.5"),
        ("closedate - createdate", "number", "600000"),
    ],
)
def test_a_value_is_worked_out_of_others(hubspot: Caller, formula: str, type: str, value: str | None) -> None:
    hubspot.post(
        PROPERTIES,
        {
            "name": "hs_forecast_amount",
            "label": "x",
            "type": "number",
            "fieldType": "number",
            "groupName": "dealinformation",
        },
    )
    made = define(hubspot, formula, type)
    assert made.status == 201, made.body
    assert made.json["modificationMetadata"]["readOnlyValue"] is True
    deal = hubspot.deal(amount="250.5", closedate="2026-09-21T14:23:20Z")
    assert hubspot.value("deals", deal, "own_total") == value


def test_it_follows_what_it_reads_and_is_searched_and_told_in_batches(hubspot: Caller) -> None:
    define(hubspot, "amount * 2")
    deal = hubspot.deal(amount="10")
    hubspot.patch(f"/crm/v3/objects/deals/{deal}", {"properties": {"amount": "20"}})
    assert hubspot.value("deals", deal, "own_total") == "40"
    body = {"filterGroups": [{"filters": [{"propertyName": "own_total", "operator": "GT", "value": "39"}]}]}
    assert hubspot.post("/crm/v3/objects/deals/search", body).ids == [deal]
    read = hubspot.post("/crm/v3/objects/deals/batch/read", {"properties": ["own_total"], "inputs": [{"id": deal}]})
    assert read.json["results"][0]["properties"]["own_total"] == "40"


def test_one_reads_another_and_none_itself(hubspot: Caller) -> None:
    define(hubspot, "amount * 2", name="double")
    define(hubspot, "double + 1", name="more")
    assert hubspot.value("deals", hubspot.deal(amount="10"), "more") == "21"
    assert hubspot.patch(f"{PROPERTIES}/double", {"calculationFormula": "more - 1"}).status == 400
    assert hubspot.patch(f"{PROPERTIES}/double", {"calculationFormula": "amount * 4"}).status == 200
    assert hubspot.value("deals", hubspot.deal(amount="10"), "more") == "41"
    assert hubspot.get(f"{PROPERTIES}/double").json["calculationFormula"] == "amount * 4"


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "amount +",
        "(amount",
        "nobody + 1",
        "own_total + 1",
        "max(amount)",
        "round(amount)",
        "if amount",
        "amount ? 1",
        "1 2",
    ],
)
def test_what_is_no_formula_is_refused(hubspot: Caller, formula: str) -> None:
    """That HubSpot refuses it when the property is made is unverified."""
    assert define(hubspot, formula).status == 400
    assert hubspot.get(f"{PROPERTIES}/own_total").status == 404


def test_a_plain_property_has_no_formula(hubspot: Caller) -> None:
    body = {"name": "plain", "label": "P", "type": "number", "fieldType": "number", "groupName": "dealinformation"}
    hubspot.post(PROPERTIES, body)
    assert hubspot.patch(f"{PROPERTIES}/plain", {"calculationFormula": "1"}).status == 400
