"""Text, e-mail, number and flag: values that mean the same on both sides once their spelling is settled."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

from interlock.core.codec.base import Codec, CodecError, not_of_this_codec, sendable
from interlock.core.model import Raw
from interlock.core.values import BLANK, Blank, Flag, Number, Text, Unknown, Value

# HubSpot text properties hold 65,536 characters (HubSpot knowledge base, property field types).
HUBSPOT_TEXT_LENGTH = 65_536
# Salesforce e-mail fields hold 80 characters (describe of Contact.Email, Lead.Email).
SALESFORCE_EMAIL_LENGTH = 80

_NOT_TEXT = Unknown("not text")


class TextCodec(Codec):
    """Text, trimmed at both ends (Salesforce trims on save; "" is stored as null), with `\\n` for every line end.

    `placeholder` is how a blank is written where Salesforce requires a value, and is read back as blank: it never
    travels to HubSpot, and clearing the HubSpot property of a required field has an answer.
    """

    __slots__ = ("allowed", "length", "placeholder")

    kind = "text"

    def __init__(
        self,
        *,
        length: int | None = None,
        allowed: frozenset[str] | None = None,
        placeholder: str | None = None,
        nillable: bool = True,
    ) -> None:
        super().__init__(nillable=nillable)
        self.length = length or None
        self.allowed = allowed
        self.placeholder = placeholder

    def from_hubspot(self, raw: Raw) -> Value:
        if not raw:
            return BLANK if raw is None or raw == "" else _NOT_TEXT
        if raw.__class__ is not str:
            return _NOT_TEXT
        text = raw.strip()
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text or text == self.placeholder:
            return BLANK
        return Text(text)

    from_salesforce = from_hubspot

    def canon(self, value: Value) -> Value:
        return self.from_hubspot(value.value) if type(value) is Text else value

    def render_hubspot(self, value: Value) -> str:
        return self._fitting(value, HUBSPOT_TEXT_LENGTH, "HubSpot")

    def render_salesforce(self, value: Value) -> Raw:
        text = self._fitting(value, self.length, "the Salesforce field")
        if self.allowed is not None and text not in self.allowed:
            raise CodecError("INVALID_OPTION", f'"{shown(text)}" is not a value of the Salesforce picklist')
        return text

    def blank_in_salesforce(self) -> Raw:
        return super().blank_in_salesforce() if self.placeholder is None else self.placeholder

    def _fitting(self, value: Value, length: int | None, holder: str) -> str:
        if type(value) is not Text:
            raise not_of_this_codec(self, value)
        text = value.value
        if length is not None and len(text) > length:
            raise CodecError("STRING_TOO_LONG", f"{len(text):,} characters, {holder} holds {length:,}")
        return sendable(text)


# What Salesforce takes in an e-mail field: a dot-atom, and a host with at least one dot; ASCII only
# (Salesforce Help, "Valid email address characters").
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
)


def is_email(address: str) -> bool:
    """Whether both CRMs take it as an e-mail address, spelling of capitals and surrounding blanks aside."""
    return _EMAIL.fullmatch(address.strip().lower()) is not None


class EmailCodec(TextCodec):
    """An e-mail address, in lower case: HubSpot stores it so, and both CRMs find records by it whatever the case."""

    __slots__ = ()

    kind = "email"

    def from_hubspot(self, raw: Raw) -> Value:
        value = super().from_hubspot(raw)
        if type(value) is Text:
            lower = value.value.lower()
            return value if lower == value.value else Text(lower)
        return value

    from_salesforce = from_hubspot

    def render_hubspot(self, value: Value) -> str:
        # HubSpot refuses the whole batch for one bad address, so it is not sent there either.
        return self._valid(self._fitting(value, HUBSPOT_TEXT_LENGTH, "HubSpot"))

    def render_salesforce(self, value: Value) -> Raw:
        return self._valid(self._fitting(value, self.length or SALESFORCE_EMAIL_LENGTH, "the Salesforce field"))

    def _valid(self, text: str) -> str:
        if is_email(text):
            return text
        raise CodecError("INVALID_EMAIL", f'"{shown(text)}" is not an e-mail address')


def shown(text: str) -> str:
    """Enough of a value to recognise it in a message."""
    return text if len(text) <= 80 else text[:77] + "..."


_NOT_A_NUMBER = Unknown("not a number")
# Wide enough that rounding never meets the context's own precision.
_ARITHMETIC = Context(prec=80, rounding=ROUND_HALF_UP)
# Neither CRM holds more than 18 digits before the point (describe `precision` is at most 18); beyond this a value is
# no quantity any more, and writing it out would take memory without bound ("1e999999").
_MOST_INTEGER_DIGITS = 40
# Where the shape names no scale. Salesforce knows at most 17 decimals with precision 18.
_MOST_DECIMALS = 18
# Salesforce `int` is a 32-bit integer (SOAP type xsd:int).
_INT_MAX = 2**31 - 1


class NumberCodec(Codec):
    """A decimal number, rounded half up to the scale of the Salesforce field. Never through binary floating point."""

    __slots__ = ("_is_canonical", "_quantum", "integer", "precision", "scale")

    kind = "number"

    def __init__(
        self, *, precision: int | None = None, scale: int | None = None, integer: bool = False, nillable: bool = True
    ) -> None:
        super().__init__(nillable=nillable)
        self.integer = integer
        self.scale = 0 if integer else (_MOST_DECIMALS if scale is None else scale)
        self.precision = precision or None
        self._quantum = Decimal(1).scaleb(-self.scale)
        decimals = rf"\.[0-9]{{0,{self.scale - 1}}}[1-9]" if self.scale > 0 else ""
        below_one = f"|0{decimals}" if decimals else ""
        whole = f"[1-9][0-9]{{0,{_MOST_INTEGER_DIGITS - 1}}}"
        optional = f"(?:{decimals})?" if decimals else ""
        # What is in canonical form already is most of what is read, and needs no arithmetic (a sixth of the time).
        self._is_canonical = re.compile(f"0|-?(?:{whole}{optional}{below_one})").fullmatch

    def from_hubspot(self, raw: Raw) -> Value:
        kind = raw.__class__
        if kind is str:
            text = raw.strip()
            return self._rounded(text) if text else BLANK
        if raw is None:
            return BLANK
        if kind is int or kind is Decimal:
            return self._rounded(str(raw))
        if kind is float:
            # The shortest text that reads back as this float is the one that was sent; a whole one ends in `.0`.
            return self._rounded(repr(raw).removesuffix(".0"))
        return _NOT_A_NUMBER

    from_salesforce = from_hubspot

    def canon(self, value: Value) -> Value:
        return self._rounded(value.value) if type(value) is Number else value

    def _rounded(self, text: str) -> Value:
        if self._is_canonical(text):
            return Number(text)
        # Decimal also reads "1_000" and digits of other scripts; no CRM writes them, so they are not numbers here.
        if not text.isascii() or "_" in text or len(text) > 1_000:
            return _NOT_A_NUMBER
        try:
            number = Decimal(text)
        except InvalidOperation:
            return _NOT_A_NUMBER
        if not number.is_finite() or (number and number.adjusted() >= _MOST_INTEGER_DIGITS):
            return _NOT_A_NUMBER
        return Number(plain(number.quantize(self._quantum, context=_ARITHMETIC)))

    def render_hubspot(self, value: Value) -> str:
        if type(value) is not Number:
            raise not_of_this_codec(self, value)
        return value.value

    def render_salesforce(self, value: Value) -> Raw:
        if type(value) is not Number:
            raise not_of_this_codec(self, value)
        text = value.value
        whole, _, decimals = text.partition(".")
        self._check_range(whole.lstrip("-"), text)
        if not decimals:
            return int(text)
        # A JSON number where its text is exact, else the digits as a string, which Salesforce converts itself.
        number = float(text)
        return number if Decimal(repr(number)) == Decimal(text) else text

    def _check_range(self, digits: str, text: str) -> None:
        if self.integer and int(digits) > _INT_MAX:
            raise CodecError(
                "NUMBER_OUTSIDE_RANGE", f"{text} is outside of what the Salesforce field holds ({_INT_MAX:,})"
            )
        if self.precision is None:
            return
        room = self.precision if self.integer else self.precision - self.scale
        if digits != "0" and len(digits) > room:
            raise CodecError(
                "NUMBER_OUTSIDE_RANGE", f"{text}: the Salesforce field holds {room} digits before the point"
            )


def plain(number: Decimal) -> str:
    """Shortest plain form: no exponent, no trailing zeros, no `-0`."""
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


_TRUE, _FALSE = Flag(True), Flag(False)
_NOT_A_FLAG = Unknown("neither true nor false")


class FlagCodec(Codec):
    """A check box. Salesforce's is never null, so an empty HubSpot check box and `false` are the same value."""

    __slots__ = ()

    kind = "flag"
    null_is_blank = False

    def from_hubspot(self, raw: Raw) -> Value:
        if raw is True:
            return _TRUE
        if raw is None or raw is False:
            return _FALSE
        if raw.__class__ is not str:
            return _NOT_A_FLAG
        text = raw.strip().lower()
        if text == "true":
            return _TRUE
        return _FALSE if text in ("", "false") else _NOT_A_FLAG

    from_salesforce = from_hubspot

    def canon(self, value: Value) -> Value:
        return _FALSE if type(value) is Blank else value

    def to_hubspot(self, value: Value) -> str:
        return self.render_hubspot(self.canon(value))

    def to_salesforce(self, value: Value) -> Raw:
        return self.render_salesforce(self.canon(value))

    def render_hubspot(self, value: Value) -> str:
        return "true" if self.render_salesforce(value) else "false"

    def render_salesforce(self, value: Value) -> Raw:
        if type(value) is not Flag:
            raise not_of_this_codec(self, value)
        return value.value
