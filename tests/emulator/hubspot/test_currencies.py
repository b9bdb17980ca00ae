"""Several currencies: which ones deals may have, and what an amount is worth in the company currency.

Sources: HubSpot's currencies guide (March 2026), the types of hubspot-sdk (Apache-2.0), the account information guide, and the
knowledge base as quoted by Mediafly and HubDo ("Amount in company currency", "Exchange rate property on deals").
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.emulator.hubspot.calls import Caller

BASE = "/settings/v3/currencies"


@pytest.fixture
def world() -> Caller:
    return Caller(rate_limits=False, company_currency="USD", currencies={"EUR": "1.1", "JPY": "0.0065"})


def home(caller: Caller, deal: str) -> str | None:
    return caller.value("deals", deal, "amount_in_home_currency")


def test_an_account_of_one_currency_takes_every_amount_for_what_it_says(hubspot: Caller) -> None:
    deal = hubspot.deal(amount="10", deal_currency_code="EUR")
    assert home(hubspot, deal) == "10"
    assert hubspot.get("/account-info/v3/details").json["additionalCurrencies"] == []
    assert hubspot.value("deals", hubspot.deal(), "deal_currency_code") is None


@pytest.mark.parametrize("base", [BASE, "/settings/currencies/2026-03", "/settings/currencies/2026-09"])
def test_the_currencies_of_an_account_and_their_rates_are_read(world: Caller, base: str) -> None:
    assert world.get("/account-info/2026-03/details").json["additionalCurrencies"] == ["EUR", "JPY"]
    assert world.get(f"{base}/company-currency").json["currencyCode"] == "USD"
    current = world.get(f"{base}/exchange-rates/current").json["results"]
    told = [(one["fromCurrencyCode"], one["toCurrencyCode"], one["conversionRate"]) for one in current]
    assert told == [("EUR", "USD", 1.1), ("JPY", "USD", 0.0065)]
    assert {"currencyCode": "EUR", "currencyName": "Euro"} in world.get(f"{base}/codes").json["results"]
    assert world.get(f"{base}/central-fx-rates/information").json == {"centralExchangeRatesEnabled": False}


def test_deals_may_have_the_currencies_of_the_account_and_no_others(world: Caller) -> None:
    options = world.get("/crm/v3/properties/deals/deal_currency_code").json["options"]
    assert [one["value"] for one in options] == ["USD", "EUR", "JPY"]
    body = {"properties": {"dealname": "Deal", "deal_currency_code": "GBP"}}
    assert world.post("/crm/v3/objects/deals", body).status == 400
    world.emulator.settings().add_currency("GBP", "1.25")
    assert world.post("/crm/v3/objects/deals", body).status == 201


def test_a_new_deal_is_in_the_company_currency_unless_it_says_otherwise(world: Caller) -> None:
    """ "The company currency is used in deal totals, reports, and the default currency for new deals"."""
    assert world.value("deals", world.deal(), "deal_currency_code") == "USD"
    assert world.value("deals", world.deal(deal_currency_code="EUR"), "deal_currency_code") == "EUR"


def test_an_open_deal_goes_by_the_rate_of_now_and_a_closed_one_by_that_of_its_close_date(world: Caller) -> None:
    opened = world.deal(amount="100", deal_currency_code="EUR")
    closed = world.deal(amount="100", deal_currency_code="EUR", dealstage="closedwon", closedate="2026-09-21T14:00:00Z")
    assert (home(world, opened), home(world, closed)) == ("110", "110")
    assert world.value("deals", opened, "hs_exchange_rate") == "1.1"
    world.later(3_600)
    rate = {"fromCurrencyCode": "EUR", "conversionRate": 1.2}
    assert world.post(f"{BASE}/exchange-rates", rate).json["effectiveAt"] == "2026-09-21T15:13:20Z"
    assert (home(world, opened), home(world, closed)) == ("120", "110")


def test_yen_have_no_use_for_more_than_the_rate_tells(world: Caller) -> None:
    assert home(world, world.deal(amount="1000000", deal_currency_code="JPY")) == "6500"


def test_the_rate_of_a_deal_cannot_be_written(world: Caller) -> None:
    body = {"properties": {"dealname": "Deal", "hs_exchange_rate": "2"}}
    assert world.post("/crm/v3/objects/deals", body).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {"fromCurrencyCode": "EUR", "conversionRate": 0},
        {"fromCurrencyCode": "EUR", "conversionRate": -1},
        {"fromCurrencyCode": "EUR"},
        {"fromCurrencyCode": "USD", "conversionRate": 1},
        {"fromCurrencyCode": "XXX", "conversionRate": 1},
        {"fromCurrencyCode": "EUR", "conversionRate": 1, "effectiveAt": "soon"},
    ],
)
def test_a_rate_that_cannot_be_is_refused(world: Caller, body: dict[str, Any]) -> None:
    """ "The value must be greater than 0 and can contain up to 6 decimal values"."""
    assert world.post(f"{BASE}/exchange-rates", body).status == 400


def test_rates_are_changed_hidden_and_listed(world: Caller) -> None:
    first = world.get(f"{BASE}/exchange-rates", limit=1).json
    id = first["results"][0]["id"]
    rest = world.get(f"{BASE}/exchange-rates", after=first["paging"]["next"]["after"]).json
    assert [one["fromCurrencyCode"] for one in rest["results"]] == ["JPY"]
    assert world.patch(f"{BASE}/exchange-rates/{id}", {"conversionRate": 1.1234567}).json["conversionRate"] == 1.123457
    seen = {"fromCurrencyCode": "EUR", "toCurrencyCode": "USD", "visibleInUI": False}
    assert world.post(f"{BASE}/exchange-rates/update-visibility", seen).status == 204
    assert world.get(f"{BASE}/exchange-rates/{id}").json["visibleInUI"] is False
    assert world.get(f"{BASE}/exchange-rates/9").status == 404


def test_many_rates_are_written_and_the_bad_one_named(world: Caller) -> None:
    inputs = [{"fromCurrencyCode": "GBP", "conversionRate": 1.25}, {"fromCurrencyCode": "XXX", "conversionRate": 1}]
    made = world.post(f"{BASE}/exchange-rates/batch/create", {"inputs": inputs})
    assert (made.status, made.json["errors"][0]["context"]["id"]) == (207, ["XXX"])
    id = made.json["results"][0]["id"]
    world.post(f"{BASE}/exchange-rates/batch/update", {"inputs": [{"id": id, "conversionRate": 1.3}]})
    read = world.post(f"{BASE}/exchange-rates/batch/read", {"inputs": [{"id": id}]}).json["results"]
    assert [one["conversionRate"] for one in read] == [1.3]


def test_reading_and_writing_them_needs_scopes(world: Caller) -> None:
    world.token = world.emulator.issue_token("settings.currencies.read")
    assert world.get(f"{BASE}/exchange-rates").status == 200
    assert world.post(f"{BASE}/exchange-rates", {}).status == 403
