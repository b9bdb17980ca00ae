"""Which HubSpot field may be joined with which Salesforce field: the native integration's table, and a few more.

The pairs: dropdown and radio with picklist and reference; multiple checkboxes with multipicklist; single checkbox with
boolean; number with double and int; single-line text with string and textarea; multi-line text with textarea; date
picker with date and datetime (HubSpot knowledge base, "Map HubSpot properties to Salesforce fields"). Added, since
describe has more types: email, phone, url, id, encryptedstring and combobox are text; currency, percent and long are
numbers. A default mapping may also join text with a picklist or a number: HubSpot ships `industry`, `salutation` and
`annualrevenue` of contacts as text.
"""

from __future__ import annotations

from collections.abc import Callable

from interlock.core.codec.base import FIELD_FORMAT_MISMATCH, MISMATCHED_TYPES, Codec, FieldShape, Mismatch
from interlock.core.codec.choice import ChoiceCodec, ChoicesCodec, align
from interlock.core.codec.simple import SALESFORCE_EMAIL_LENGTH, EmailCodec, FlagCodec, NumberCodec, TextCodec
from interlock.core.codec.temporal import DateCodec, DatetimeToDateCodec, DateToDatetimeCodec, InstantCodec

_LINE = frozenset({"string", "phone", "url", "id", "encryptedstring", "combobox"})
_NUMBERS = frozenset({"double", "int", "currency", "percent", "long"})
_COMPOUND = {
    "address": "map its parts (street, city, state, postal code, country) instead",
    "location": "map its latitude and longitude instead",
    "time": "HubSpot has no property type for a time of day",
    "base64": "files are not synced",
    "anyType": "its type differs from record to record",
    "complexvalue": "its parts have no common type",
}


def codec_for(shape: FieldShape) -> Codec | Mismatch:
    """The codec for this pair of fields, or why there is none. Raises for a time zone that does not exist."""
    if shape.salesforce_type in _COMPOUND:
        return Mismatch(
            MISMATCHED_TYPES,
            f"a Salesforce field of type {shape.salesforce_type} cannot be mapped: {_COMPOUND[shape.salesforce_type]}",
        )
    family = hubspot_family(shape)
    if family is None:
        return Mismatch(
            MISMATCHED_TYPES,
            f"a HubSpot property of type {shape.hubspot_type} ({shape.hubspot_field_type}) cannot be mapped",
        )
    if family == "user":
        return Mismatch(MISMATCHED_TYPES, "a HubSpot user property cannot be mapped to a Salesforce field")
    return _FAMILIES[family](shape)


def hubspot_family(shape: FieldShape) -> str | None:
    """The row of the table that a HubSpot property belongs to, named as HubSpot's users know it; None: no row."""
    kind, form = shape.hubspot_type, shape.hubspot_field_type
    if form == "file":
        return None
    if kind == "bool" or (kind == "enumeration" and form == "booleancheckbox"):
        return "single checkbox"
    if kind == "enumeration":
        if shape.hubspot_reference == "OWNER":
            return "user"
        return "multiple checkboxes" if form == "checkbox" else "dropdown"
    if kind == "string":
        return "multi-line text" if form in ("textarea", "html") else "single-line text"
    return {"phone_number": "single-line text", "number": "number", "date": "date picker", "datetime": "datetime"}.get(
        kind
    )


def _single_line(shape: FieldShape) -> Codec | Mismatch:
    kind = shape.salesforce_type
    if kind == "email":
        length = shape.length or SALESFORCE_EMAIL_LENGTH
        return EmailCodec(length=length, placeholder=shape.placeholder, nillable=shape.nillable)
    if kind in _LINE or kind == "textarea":
        return TextCodec(length=shape.length, placeholder=shape.placeholder, nillable=shape.nillable)
    if shape.default_pair and kind == "picklist":
        allowed = frozenset(shape.picklist) if shape.restricted and shape.picklist else None
        return TextCodec(length=shape.length, allowed=allowed, nillable=shape.nillable)
    if shape.default_pair and kind in _NUMBERS:
        return _number(shape)
    return _no_pair(shape, "single-line text")


def _multi_line(shape: FieldShape) -> Codec | Mismatch:
    if shape.salesforce_type == "textarea":
        return TextCodec(length=shape.length, placeholder=shape.placeholder, nillable=shape.nillable)
    if shape.salesforce_type in _LINE or shape.salesforce_type == "email":
        return Mismatch(
            FIELD_FORMAT_MISMATCH,
            f"multi-line text does not fit into a single-line Salesforce field ({shape.salesforce_type})",
        )
    return _no_pair(shape, "multi-line text")


def _number(shape: FieldShape) -> Codec | Mismatch:
    if shape.salesforce_type not in _NUMBERS:
        return _no_pair(shape, "number")
    integer = shape.salesforce_type == "int"
    scale = 0 if shape.salesforce_type == "long" else shape.scale
    return NumberCodec(precision=shape.precision, scale=scale, integer=integer, nillable=shape.nillable)


def _checkbox(shape: FieldShape) -> Codec | Mismatch:
    return FlagCodec() if shape.salesforce_type == "boolean" else _no_pair(shape, "single checkbox")


def _dropdown(shape: FieldShape) -> Codec | Mismatch:
    if shape.salesforce_type == "multipicklist":
        return Mismatch(FIELD_FORMAT_MISMATCH, "a dropdown holds one option, a multi-select picklist several")
    if shape.salesforce_type not in ("picklist", "reference"):
        return _no_pair(shape, "dropdown")
    return _nothing_in_common(shape) or ChoiceCodec(
        hubspot_options=shape.hubspot_options,
        picklist=shape.picklist,
        joined=shape.joined,
        restricted=shape.restricted,
        length=shape.length,
        nillable=shape.nillable,
    )


def _checkboxes(shape: FieldShape) -> Codec | Mismatch:
    if shape.salesforce_type == "picklist":
        return Mismatch(FIELD_FORMAT_MISMATCH, "multiple checkboxes hold several options, a picklist one")
    if shape.salesforce_type != "multipicklist":
        return _no_pair(shape, "multiple checkboxes")
    # No length: describe names that of the stored set, which is the picklist's own affair.
    return _nothing_in_common(shape) or ChoicesCodec(
        hubspot_options=shape.hubspot_options,
        picklist=shape.picklist,
        joined=shape.joined,
        restricted=shape.restricted,
        nillable=shape.nillable,
    )


def _nothing_in_common(shape: FieldShape) -> Mismatch | None:
    """Two lists without a common option would fail on every record; one word about the mapping is better."""
    hubspot, salesforce = shape.hubspot_options, shape.picklist
    if not hubspot or not salesforce or set(hubspot) & set(salesforce) or align(hubspot, salesforce, shape.joined):
        return None
    return Mismatch(
        FIELD_FORMAT_MISMATCH,
        f'no HubSpot option ("{hubspot[0]}", ...) is a value of the Salesforce picklist ("{salesforce[0]}", ...): '
        "give the two lists common values",
    )


def _date(shape: FieldShape) -> Codec | Mismatch:
    if shape.salesforce_type == "date":
        return DateCodec(nillable=shape.nillable)
    if shape.salesforce_type == "datetime":
        return DateToDatetimeCodec(time_zone=shape.time_zone, nillable=shape.nillable)
    return _no_pair(shape, "date picker")


def _datetime(shape: FieldShape) -> Codec | Mismatch:
    if shape.salesforce_type == "datetime":
        return InstantCodec(nillable=shape.nillable)
    if shape.salesforce_type == "date":
        return DatetimeToDateCodec(time_zone=shape.time_zone, nillable=shape.nillable)
    return _no_pair(shape, "date picker")


def _no_pair(shape: FieldShape, family: str) -> Mismatch:
    return Mismatch(
        MISMATCHED_TYPES,
        f"a HubSpot {family} property cannot be joined with a Salesforce {shape.salesforce_type} field",
    )


_FAMILIES: dict[str, Callable[[FieldShape], Codec | Mismatch]] = {
    "single-line text": _single_line,
    "multi-line text": _multi_line,
    "number": _number,
    "single checkbox": _checkbox,
    "dropdown": _dropdown,
    "multiple checkboxes": _checkboxes,
    "date picker": _date,
    "datetime": _datetime,
}
