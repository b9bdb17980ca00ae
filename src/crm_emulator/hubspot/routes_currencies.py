"""The currencies of an account: `/settings/v3/currencies` and its dated forms."""

from __future__ import annotations

from typing import Any

from crm_emulator.hubspot import errors, shapes
from crm_emulator.hubspot.api import DATED, Api, body_of, inputs_of, number_of
from crm_emulator.hubspot.currencies import NAMES, Rate
from crm_emulator.hubspot.errors import ApiError
from crm_emulator.hubspot.stamps import iso_ms, parse_instant_ms
from crm_emulator.kernel.http import Request, Response, json_response

_BASES = ("/settings/v3/currencies", *(f"/settings/currencies/{date}" for date in DATED))
_PAGE = 100


class CurrencyRoutes:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._portal = api.portal
        self._currencies = api.portal.currencies
        for base in _BASES:
            rates = f"{base}/exchange-rates"
            api.add("GET", f"{base}/codes", self.codes)
            api.add("GET", f"{base}/company-currency", self.company)
            api.add("GET", f"{base}/central-fx-rates/information", self.central)
            api.add("GET", rates, self.list_all)
            api.add("POST", rates, self.create)
            api.add("GET", f"{rates}/current", self.current)
            api.add("GET", f"{rates}/{{id}}", self.read)
            api.add("PATCH", f"{rates}/{{id}}", self.update)
            api.add("POST", f"{rates}/update-visibility", self.show)
            api.add("POST", f"{rates}/batch/create", self.batch_create)
            api.add("POST", f"{rates}/batch/read", self.batch_read)
            api.add("POST", f"{rates}/batch/update", self.batch_update)

    def codes(self, request: Request) -> Response:
        return json_response({"results": [{"currencyCode": code, "currencyName": NAMES[code]} for code in NAMES]})

    def company(self, request: Request) -> Response:
        """`id` is "the currency code for the company currency" (hubspot-sdk); `currencyCode` as the PUT names it."""
        code = self._currencies.company
        return json_response({"id": code, "currencyCode": code, "createdAt": iso_ms(0), "updatedAt": iso_ms(0)})

    def central(self, request: Request) -> Response:
        """Whether HubSpot keeps the rates up to date itself; here an admin does."""
        return json_response({"centralExchangeRatesEnabled": False})

    def list_all(self, request: Request) -> Response:
        code = request.query_one("fromCurrencyCode")
        limit, after = number_of(request, "limit", _PAGE), number_of(request, "after", 0)
        found = [rate for rate in self._currencies.rates() if rate.id > after and code in (None, rate.code)]
        body: dict[str, Any] = {"results": [self._currencies.to_json(rate) for rate in found[:limit]]}
        if len(found) > limit > 0:
            body["paging"] = {"next": {"after": str(found[limit - 1].id)}}
        return json_response(body)

    def current(self, request: Request) -> Response:
        found = self._currencies.current(self._portal.now_ms())
        return json_response({"results": [self._currencies.to_json(rate) for rate in found]})

    def read(self, request: Request) -> Response:
        return json_response(self._currencies.to_json(self._currencies.rate(request.params["id"])))

    def create(self, request: Request) -> Response:
        return json_response(self._currencies.to_json(self._add(body_of(request, shapes.ExchangeRate))))

    def update(self, request: Request) -> Response:
        body = body_of(request, shapes.ExchangeRate)
        return json_response(self._currencies.to_json(self._change(request.params["id"], body)))

    def show(self, request: Request) -> Response:
        body = body_of(request, shapes.ExchangeRate)
        code = str(body.get("fromCurrencyCode") or "")
        if code not in self._currencies.others:
            raise errors.invalid(f"This account does not have the currency {code}")
        self._currencies.show(code, body.get("visibleInUI") is True)
        return Response(204)

    def batch_create(self, request: Request) -> Response:
        return self._batch(request, self._add)

    def batch_update(self, request: Request) -> Response:
        return self._batch(request, lambda body: self._change(str(body.get("id") or ""), body))

    def batch_read(self, request: Request) -> Response:
        return self._batch(request, lambda body: self._currencies.rate(str(body.get("id") or "")))

    # Inside

    def _batch(self, request: Request, act: Any) -> Response:
        started_ms = self._portal.now_ms()
        results: list[Any] = []
        failures: list[dict[str, Any]] = []
        for body in inputs_of(body_of(request, shapes.ExchangeRates), self._api.config.batch_max):
            try:
                results.append(self._currencies.to_json(act(body)))
            except ApiError as fault:
                failures.append(fault.batch_entry({"id": [str(body.get("id") or body.get("fromCurrencyCode"))]}))
        return self._api.batch(results, failures, started_ms)

    def _add(self, body: dict[str, Any]) -> Rate:
        code = str(body.get("fromCurrencyCode") or "")
        return self._portal.add_currency(code, body.get("conversionRate"), self._effective_ms(body))

    def _change(self, id: str, body: dict[str, Any]) -> Rate:
        effective_ms = self._effective_ms(body) if body.get("effectiveAt") else None
        return self._currencies.change(id, body.get("conversionRate"), effective_ms, self._portal.now_ms())

    def _effective_ms(self, body: dict[str, Any]) -> int:
        given = body.get("effectiveAt")
        at_ms = self._portal.now_ms() if given is None else parse_instant_ms(given)
        if at_ms is None:
            raise errors.invalid(f"Invalid effectiveAt: {given}")
        return at_ms
