"""From the JSON of a request to the value a field keeps, and from a kept value to the text a journal shows.

One function per kind of field; each returns the value, or None for null, or raises. It knows nothing of records or of
other fields: references are checked for existence by the save pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from crm_emulator.salesforce import times
from crm_emulator.salesforce.errors import RecordError, wrong_json
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.schema import Field
from crm_emulator.salesforce.store import Value

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+\Z"
)
_INT_RANGE = 2**31

Converter = Callable[[Field, Any], Value | None]


def _token(raw: Any) -> tuple[str, str]:
    """The JSON reader's name for a value, and the value as its messages show it."""
    if isinstance(raw, bool):
        return ("VALUE_TRUE", "true") if raw else ("VALUE_FALSE", "false")
    if isinstance(raw, int):
        return "VALUE_NUMBER_INT", str(raw)
    if isinstance(raw, float):
        return "VALUE_NUMBER_FLOAT", str(raw)
    if isinstance(raw, list):
        return "START_ARRAY", "["
    if isinstance(raw, dict):
        return "START_OBJECT", "{"
    return "VALUE_STRING", str(raw)


def _wrong(kind: str, raw: Any) -> Exception:
    token, shown = _token(raw)
    return wrong_json(kind, token, shown, 1)


def _text(field: Field, raw: Any) -> str | None:
    if not isinstance(raw, str):
        if isinstance(raw, bool):
            return "true" if raw else "false"
        if isinstance(raw, (int, float)):
            return str(raw)
        raise _wrong("string", raw)
    # Text is trimmed at both ends and blank is null. NUL cannot be kept by the database underneath.
    text = raw.strip()
    if "\x00" in text:
        text = text.replace("\x00", "").strip()
    if not text:
        return None
    if field.length and len(text) > field.length:
        shown = text if len(text) <= 255 else text[:255] + "..."
        raise RecordError(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {shown} (max length={field.length})",
            [field.name],
        )
    return text


def _email(field: Field, raw: Any) -> str | None:
    text = _text(field, raw)
    if text is not None and (not _EMAIL.match(text) or text.index("@") > 64):
        raise RecordError("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", [field.name])
    # E-mail fields keep lower case, whatever was sent (salesforce.stackexchange.com, question 246995).
    return text.lower() if text is not None else None


def _bad_choice(field: Field, text: str) -> RecordError:
    return RecordError(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        f"{field.label}: bad value for restricted picklist field: {text}",
        [field.name],
    )


def _picklist(field: Field, raw: Any) -> str | None:
    text = _text(field, raw)
    if text is not None and field.restricted and text not in field.picklist_order:
        raise _bad_choice(field, text)
    return text


def _multipicklist(field: Field, raw: Any) -> str | None:
    text = _text(field, raw)
    if text is None:
        return None
    chosen = dict.fromkeys(part.strip() for part in text.split(";"))
    chosen.pop("", None)
    order = field.picklist_order
    if field.restricted:
        for choice in chosen:
            if choice not in order:
                raise _bad_choice(field, choice)
    # A multi-select picklist is a set: it is kept and shown in the order of its definition.
    return ";".join(sorted(chosen, key=lambda choice: order.get(choice, len(order)))) or None


def _boolean(field: Field, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in ("true", "false"):
        return raw.lower() == "true"
    raise _wrong("boolean", raw)


def _int(field: Field, raw: Any) -> int | None:
    if raw == "":
        return None
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise _wrong("int", raw)
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        raise _wrong("int", raw) from None
    if not number.is_finite() or number != number.to_integral_value():
        raise _wrong("int", raw)
    if abs(number) >= _INT_RANGE:
        raise wrong_json("int", "VALUE_NUMBER_INT", str(raw), 1)
    return int(number)


def _double(field: Field, raw: Any) -> float | None:
    if raw == "":
        return None
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise _wrong("double", raw)
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        raise _wrong("double", raw) from None
    if not number.is_finite():
        raise _wrong("double", raw)
    whole_digits = (field.precision or 18) - field.scale
    if number and number.adjusted() >= whole_digits:
        raise RecordError(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {raw}",
            [field.name],
        )
    return float(number.quantize(Decimal(1).scaleb(-field.scale), rounding=ROUND_HALF_UP))


def _date(field: Field, raw: Any) -> str | None:
    if raw == "":
        return None
    text = times.parse_date(raw) if isinstance(raw, str) else None
    if text is None:
        raise _wrong("date", raw)
    return text


def _datetime(field: Field, raw: Any) -> str | None:
    if raw == "":
        return None
    text = times.parse_datetime(raw) if isinstance(raw, str) else None
    if text is None:
        raise _wrong("datetime", raw)
    return text


def _reference(field: Field, raw: Any) -> str | None:
    if raw == "":
        return None
    found = to_18(raw) if isinstance(raw, str) else None
    if found is None:
        raise RecordError("MALFORMED_ID", f"{field.label}: id value of incorrect type: {raw}", [field.name])
    return found


_CONVERTERS: dict[str, Converter] = {
    "string": _text,
    "textarea": _text,
    "phone": _text,
    "url": _text,
    "combobox": _text,
    "encryptedstring": _text,
    "email": _email,
    "picklist": _picklist,
    "multipicklist": _multipicklist,
    "boolean": _boolean,
    "int": _int,
    "double": _double,
    "currency": _double,
    "percent": _double,
    "date": _date,
    "datetime": _datetime,
    "reference": _reference,
}


def convert(field: Field, raw: Any) -> Value | None:
    """The value to keep. RecordError refuses the record, RequestError (unreadable JSON) the whole call."""
    if raw is None:
        if field.type == "boolean":
            raise RecordError(
                "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label}: value not of required type: null", [field.name]
            )
        return None
    return _CONVERTERS[field.type](field, raw)


def journal_text(value: Value | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
