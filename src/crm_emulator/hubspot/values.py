"""What one property value must look like: from what a caller sends to the string HubSpot keeps, or a PropertyFault.

Pure: it knows a definition and a value, no record and no account. What depends on other records (unique values, owners,
pipelines, lifecycle order) is decided where the record is written.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from crm_emulator.hubspot.errors import PropertyFault
from crm_emulator.hubspot.schema import Property
from crm_emulator.hubspot.stamps import MS_PER_DAY, iso_ms, parse_instant_ms

TEXT_MAX_CHARACTERS = 65_536  # string value (CRM properties, limits)
EMAIL_MAX_CHARACTERS = 254
# Probed: .test is refused, example.com is accepted; the others are reserved by the same RFC 2606.
RESERVED_TLDS = frozenset({"test", "invalid", "localhost", "example"})
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_EMAIL = re.compile(r"^[^\s@\"(),:;<>\[\]\\]+@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_][\w-]*[^\W_]$")

Given = str | int | float | bool | None


class Invalid(Exception):
    """A value that HubSpot refuses."""

    def __init__(self, fault: PropertyFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def clean(definition: Property, given: object) -> str:
    """The stored form of `given`; "" clears. Raises Invalid."""
    if given is None or given == "":
        return ""
    text = given if isinstance(given, str) else _as_text(definition, given)
    kind = definition.type
    if kind == "string" or kind == "phone_number" or kind == "json":
        return _text(definition, text)
    if kind == "number":
        return _number(definition, text)
    if kind == "bool":
        return _bool(definition, text)
    if kind == "datetime":
        return _instant(definition, text)
    if kind == "date":
        return _date(definition, text)
    return _choices(definition, text)


def is_email(text: str) -> bool:
    if len(text) > EMAIL_MAX_CHARACTERS or not _EMAIL.match(text):
        return False
    local, _, domain = text.rpartition("@")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return False
    return domain.rpartition(".")[2].lower() not in RESERVED_TLDS


def _refuse(definition: Property, error: str, message: str) -> Invalid:
    return Invalid(PropertyFault(definition.name, error, message))


def _as_text(definition: Property, given: object) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int):
        return str(given)
    if isinstance(given, float):
        return str(int(given)) if given.is_integer() and abs(given) < 1e15 else repr(given)
    raise _refuse(definition, "INVALID_TYPE", f"{definition.name} must be a string, a number, a boolean or null")


def _text(definition: Property, text: str) -> str:
    if len(text) > TEXT_MAX_CHARACTERS // 2 and (length := _characters(text)) > TEXT_MAX_CHARACTERS:
        message = f"{definition.name} has {length} characters; the maximum is {TEXT_MAX_CHARACTERS}"
        raise _refuse(definition, "PROPERTY_VALUE_TOO_LONG", message)
    if definition.name == "email" and definition.group == "contactinformation":
        address = text.strip().lower()
        if not is_email(address):
            raise _refuse(definition, "INVALID_EMAIL", f"Email address {text} is invalid")
        return address
    return text


def _characters(text: str) -> int:
    """As Java counts them, in which an emoji is two (unverified; the stricter reading)."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _number(definition: Property, text: str) -> str:
    """Kept as a plain decimal. No separator of thousands, one period (changelog of May 2023)."""
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped) or not math.isfinite(float(stripped)):
        # Recorded for both `asd000` in a date and in a number: "was not a valid long".
        raise _refuse(definition, "INVALID_LONG", f"{text} was not a valid long.")
    return f"{Decimal(stripped):f}"


def _bool(definition: Property, text: str) -> str:
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        raise _refuse(definition, "INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]")
    return lowered


def _instant(definition: Property, text: str) -> str:
    at_ms = parse_instant_ms(text)
    if at_ms is None:
        raise _refuse(definition, "INVALID_LONG", f"{text} was not a valid long.")
    try:
        return iso_ms(at_ms)
    except OverflowError:
        raise _refuse(definition, "INVALID_DATE", f"{text} is out of range") from None


def _date(definition: Property, text: str) -> str:
    stripped = text.strip()
    try:
        return date.fromisoformat(stripped).isoformat() if _DATE.fullmatch(stripped) else _day(stripped)
    except (ValueError, OverflowError):
        raise _refuse(definition, "INVALID_DATE", f"{text} was not a valid date.") from None


def _day(text: str) -> str:
    at_ms = parse_instant_ms(text)
    if at_ms is None or at_ms % MS_PER_DAY:
        raise ValueError("not midnight UTC")
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).date().isoformat()


def _choices(definition: Property, text: str) -> str:
    if definition.external_options:
        return text
    if not definition.multiple:
        _check_option(definition, text)
        return text
    append = text.startswith(";")
    chosen: list[str] = []
    for value in text.split(";"):
        if value and value not in chosen:
            _check_option(definition, value)
            chosen.append(value)
    joined = ";".join(chosen)
    return f";{joined}" if append and joined else joined


def _check_option(definition: Property, value: str) -> None:
    if value not in definition.option_values:
        allowed = ", ".join(str(option["value"]) for option in definition.options)
        message = f"{value} was not one of the allowed options: [{allowed}]"
        raise _refuse(definition, "INVALID_OPTION", message)
