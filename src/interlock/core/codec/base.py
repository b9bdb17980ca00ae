"""What a codec is, what it is built from, and how it says no. No pair of types is decided here (see table.py)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import ClassVar

import msgspec

from interlock.core.model import Raw
from interlock.core.values import Blank, Value


class FieldShape(msgspec.Struct, frozen=True, kw_only=True):
    """Both ends of one mapping, as the two schemas describe them. Everything a codec may know."""

    hubspot_type: str
    hubspot_field_type: str
    salesforce_type: str  # describe `type`
    hubspot_options: tuple[str, ...] = ()  # internal values; empty: HubSpot does not list them
    hubspot_reference: str | None = None  # `referencedObjectType`, for example OWNER
    length: int | None = None  # describe `length`; 0 and None: not limited
    precision: int | None = None  # describe `precision`; for `int` its `digits`
    scale: int | None = None
    picklist: tuple[str, ...] = ()  # active API values
    joined: tuple[tuple[str, str], ...] = ()  # (HubSpot option, Salesforce value) that a person says are the same
    restricted: bool = False
    nillable: bool = True
    placeholder: str | None = None  # text that stands for "blank" where Salesforce refuses a blank, e.g. `[unknown]`
    time_zone: str = "UTC"  # the zone in which a moment becomes a day
    default_pair: bool = False  # one of the shipped default mappings, whose HubSpot type nobody can choose


class Mismatch(msgspec.Struct, frozen=True):
    """The two fields cannot be joined. `title` is the name people search for, `reason` a sentence."""

    title: str
    reason: str

    def __str__(self) -> str:
        return f"{self.title}: {self.reason}"


MISMATCHED_TYPES = "Mismatched Types"
FIELD_FORMAT_MISMATCH = "Field Format Mismatch"


class CodecError(Exception):
    """A readable value that the target cannot hold. It becomes an issue of that field; the other fields are written."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Codec(ABC):
    """One mapping's translation. `from_*` never raise; `to_*` raise CodecError for what the target cannot hold.

    Laws (tests/property/test_codec_laws.py), for every canonical value v and raw value x:
    from_hubspot(to_hubspot(v)) == v; from_salesforce(to_salesforce(v)) == v; canon(canon(v)) == canon(v);
    from_hubspot(to_hubspot(from_salesforce(x))) == from_salesforce(x). What cannot be read is Unknown, never Blank.
    """

    __slots__ = ("nillable",)

    kind: ClassVar[str]
    # Whether null reads as BLANK: so for all but check boxes, which are never blank. Most fields of most records are
    # null on both sides, and are settled by this without a call.
    null_is_blank: ClassVar[bool] = True
    # What stands for the value of a record that is not there yet: one whose every field is blank.
    absent: ClassVar[Raw] = None

    def __init__(self, *, nillable: bool = True) -> None:
        self.nillable = nillable

    @abstractmethod
    def from_hubspot(self, raw: Raw) -> Value: ...

    @abstractmethod
    def from_salesforce(self, raw: Raw) -> Value: ...

    @abstractmethod
    def canon(self, value: Value) -> Value:
        """The form in which both sides are comparable. `from_*` return it already."""

    def to_hubspot(self, value: Value) -> str:
        if type(value) is Blank:
            return ""  # HubSpot clears a property that is set to the empty string
        return self.render_hubspot(value)

    def to_salesforce(self, value: Value) -> Raw:
        if type(value) is Blank:
            return self.blank_in_salesforce()
        return self.render_salesforce(value)

    @abstractmethod
    def render_hubspot(self, value: Value) -> str: ...

    @abstractmethod
    def render_salesforce(self, value: Value) -> Raw: ...

    def blank_in_salesforce(self) -> Raw:
        if not self.nillable:
            # The code that Salesforce would answer; said before the request so that the other fields go through.
            raise CodecError(
                "REQUIRED_FIELD_MISSING", "Salesforce requires a value in this field, so it cannot be cleared"
            )
        return None


def not_of_this_codec(codec: Codec, value: Value) -> ValueError:
    """A defect of the caller: a value that was not read by this codec, or Unknown, which nobody may write."""
    return ValueError(f"a {codec.kind} codec cannot write {type(value).__name__}")


# NUL cannot be stored by either CRM. A lone surrogate (a cut emoji) has no UTF-8 form, so no request body can carry it.
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


def sendable(text: str) -> str:
    """`text` itself, or CodecError when no JSON request can carry it."""
    # isascii is a flag look-up: nearly all values leave here.
    if (text.isascii() and "\x00" not in text) or not _UNSENDABLE.search(text):
        return text
    bad = next(ord(character) for character in text if _UNSENDABLE.match(character))
    raise CodecError(
        "INVALID_CHARACTERS",
        f"The value contains half a character (U+{bad:04X}), usually a cut emoji, which cannot be sent"
        if bad
        else "The value contains a NUL character, which cannot be sent",
    )
