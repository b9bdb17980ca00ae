"""The currencies of an account: the company currency, others beside it, and what each was worth when.

A rate holds from its `effectiveAt` on. Open deals go by the rate of now, closed ones by that of their close date (HubSpot's
knowledge base, "Amount in company currency"). State and arithmetic only; which property of a deal it ends in is `computed.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import msgspec

from crm_emulator.hubspot import errors
from crm_emulator.hubspot.stamps import iso_ms

# Some of those that HubSpot supports; the recorded options of deal_currency_code are among them.
NAMES = {
    "AED": "United Arab Emirates Dirham",
    "AUD": "Australian Dollar",
    "BRL": "Brazilian Real",
    "CAD": "Canadian Dollar",
    "CHF": "Swiss Franc",
    "CNY": "Chinese Yuan",
    "CZK": "Czech Koruna",
    "DKK": "Danish Krone",
    "EUR": "Euro",
    "GBP": "British Pound Sterling",
    "HKD": "Hong Kong Dollar",
    "HUF": "Hungarian Forint",
    "INR": "Indian Rupee",
    "JPY": "Japanese Yen",
    "MXN": "Mexican Peso",
    "NOK": "Norwegian Krone",
    "NZD": "New Zealand Dollar",
    "PLN": "Polish Zloty",
    "SEK": "Swedish Krona",
    "SGD": "Singapore Dollar",
    "USD": "US Dollar",
    "ZAR": "South African Rand",
}
_MICRO = Decimal("0.000001")  # "up to 6 decimal values" (currencies guide)
_FIRST_ID = 1_001


class Rate(msgspec.Struct, kw_only=True):
    """What one unit of `code` is worth in the company currency."""

    id: int
    code: str
    value: Decimal
    effective_ms: int
    created_ms: int
    updated_ms: int


class Currencies:
    def __init__(self, company: str, others: Mapping[str, str], now_ms: int) -> None:
        self.company = company
        self._rates: dict[int, Rate] = {}
        self._hidden: set[str] = set()
        for code, value in others.items():
            self.add(code, value, now_ms, now_ms)

    @property
    def others(self) -> list[str]:
        """Beside the company currency, in the order they were added."""
        return list(dict.fromkeys(rate.code for rate in self._rates.values()))

    @property
    def codes(self) -> list[str]:
        return [self.company, *self.others]

    def rates(self) -> list[Rate]:
        return list(self._rates.values())

    def rate(self, id: str) -> Rate:
        """Raises ApiError 404."""
        found = self._rates.get(int(id)) if id.isdecimal() else None
        if found is None:
            raise errors.not_found()
        return found

    def current(self, now_ms: int) -> list[Rate]:
        return [self._at(code, now_ms) for code in self.others]

    def value(self, code: str | None, at_ms: int) -> Decimal | None:
        """None for a currency that the account does not have; where it has one only, an amount is what it says."""
        if not self._rates or not code or code == self.company:
            return Decimal(1)
        return self._at(code, at_ms).value if code in self.others else None

    def add(self, code: str, value: Any, effective_ms: int, now_ms: int) -> Rate:
        """A currency, or another rate of one. Raises ApiError."""
        if code not in NAMES:
            raise errors.invalid(f"Currency {code} is not supported")
        if code == self.company:
            raise errors.invalid(f"{code} is the company currency: it has no exchange rate")
        id = _FIRST_ID + len(self._rates)
        made = Rate(
            id=id,
            code=code,
            value=_positive(value),
            effective_ms=effective_ms,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        self._rates[id] = made
        return made

    def change(self, id: str, value: Any, effective_ms: int | None, now_ms: int) -> Rate:
        found = self.rate(id)
        found.value = _positive(value)
        found.effective_ms = found.effective_ms if effective_ms is None else effective_ms
        found.updated_ms = now_ms
        return found

    def show(self, code: str, visible: bool) -> None:
        (self._hidden.discard if visible else self._hidden.add)(code)

    def to_json(self, found: Rate) -> dict[str, Any]:
        return {
            "id": str(found.id),
            "fromCurrencyCode": found.code,
            "toCurrencyCode": self.company,
            "conversionRate": float(found.value),
            "effectiveAt": iso_ms(found.effective_ms),
            "createdAt": iso_ms(found.created_ms),
            "updatedAt": iso_ms(found.updated_ms),
            "visibleInUI": found.code not in self._hidden,
        }

    def _at(self, code: str, at_ms: int) -> Rate:
        """The rate in effect then; where none was yet, the one nearest to it."""
        own = sorted((rate for rate in self._rates.values() if rate.code == code), key=lambda rate: rate.effective_ms)
        return next((rate for rate in reversed(own) if rate.effective_ms <= at_ms), own[0])


def _positive(value: Any) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal(0)
    if not found.is_finite() or found <= 0:
        raise errors.invalid(f"A conversion rate must be greater than 0, not {value!r}")
    return found.quantize(_MICRO, ROUND_HALF_UP)
