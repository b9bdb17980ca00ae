"""Canonical values: what a field holds, free of either CRM's way to write it, and fingerprints of them.

Blank (empty), Unknown (not readable) and Absent records are different things: taking one for another wipes data, so they
are different types. A fingerprint stands for a value in the base; it is stable across processes and releases, because it
is stored for years.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec


class Blank(msgspec.Struct, frozen=True, gc=False, tag="blank"):
    """The field is readable and empty."""


class Unknown(msgspec.Struct, frozen=True, gc=False, tag="unknown"):
    """We could not read the field, or could not make sense of it. It says nothing about the value."""

    why: str = ""


class Text(msgspec.Struct, frozen=True, gc=False, tag="text"):
    value: str


class Number(msgspec.Struct, frozen=True, gc=False, tag="number"):
    """A plain decimal string in shortest form: no exponent, no trailing zeros, no `-0`."""

    value: str


class Flag(msgspec.Struct, frozen=True, gc=False, tag="flag"):
    value: bool


class Date(msgspec.Struct, frozen=True, gc=False, tag="date"):
    """ISO `YYYY-MM-DD`."""

    value: str


class Instant(msgspec.Struct, frozen=True, gc=False, tag="instant"):
    """Microseconds UTC."""

    us: int


class Choice(msgspec.Struct, frozen=True, gc=False, tag="choice"):
    """One option, by its stored value."""

    value: str


class Choices(msgspec.Struct, frozen=True, gc=False, tag="choices"):
    """A set of options, sorted: order says nothing in a multi-picklist."""

    values: tuple[str, ...]


class Ref(msgspec.Struct, frozen=True, gc=False, tag="ref"):
    """Another record or person, by an id that means the same on both sides (`kind` says which: `companies`, `owner`)."""

    kind: str
    id: str


Value = Blank | Unknown | Text | Number | Flag | Date | Instant | Choice | Choices | Ref

BLANK = Blank()
UNKNOWN = Unknown()

# The fingerprint of a blank is a constant, so that "its base is blank" is a question that the base itself answers.
BLANK_FINGERPRINT = 0


def fingerprint(value: Value) -> int:
    """A 63-bit stand-in for a readable value. Raises ValueError for Unknown, which has no fingerprint: nothing was seen."""
    kind = type(value)
    if kind is Blank:
        return BLANK_FINGERPRINT
    if kind is Text:
        return _digest("t", value.value)  # type: ignore[union-attr]
    if kind is Unknown:
        raise ValueError("an unreadable value has no fingerprint")
    return _digest(*_parts(value))


def _parts(value: Value) -> tuple[str, str]:
    match value:
        case Number():
            return "n", value.value
        case Flag():
            return "b", "1" if value.value else "0"
        case Date():
            return "d", value.value
        case Instant():
            return "i", str(value.us)
        case Choice():
            return "c", value.value
        case Choices():
            return "m", "\x1f".join(value.values)
        case Ref():
            return "r", f"{value.kind}\x1f{value.id}"
        case _:
            raise ValueError(f"no fingerprint for {value!r}")


@lru_cache(maxsize=65_536)
def _digest(tag: str, text: str) -> int:
    # surrogatepass: HubSpot may hand us lone surrogates from a cut emoji; a fingerprint must still exist for them.
    digest = hashlib.blake2b(f"{tag}{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    # Never 0, which is the blank's; 63 bits fit a signed column.
    return (int.from_bytes(digest, "big") >> 1) or 1
