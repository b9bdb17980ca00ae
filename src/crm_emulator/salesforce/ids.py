"""Salesforce record ids: the 15-character base-62 form, its 18-character form with a case checksum, and a maker of
new ones.

It knows the algorithm and the key prefixes' length, nothing of which objects exist. Everything is deterministic: a
maker
counts up from a start that its seeded generator chose, so that two orgs do not share ids.
"""

from __future__ import annotations

import random

# ASCII order, so that ids made later sort later.
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ALLOWED = frozenset(_DIGITS)
_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_COUNTER_LENGTH = 9


def checksum(id15: str) -> str:
    """The three characters that make an id safe for case-insensitive software: bit i of block b is set where the i-th
    character of that block of five is an upper-case letter."""
    suffix = ""
    for start in (0, 5, 10):
        bits = 0
        for offset in range(5):
            if id15[start + offset] in _UPPER:
                bits |= 1 << offset
        suffix += _SUFFIX[bits]
    return suffix


def to_18(text: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None where the text is no id (a wrong checksum included)."""
    length = len(text)
    if length == 18:
        return text if _ALLOWED.issuperset(text) and checksum(text[:15]) == text[15:] else None
    if length == 15:
        return text + checksum(text) if _ALLOWED.issuperset(text) else None
    return None


def base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits


class IdMaker:
    """New ids per key prefix. `pod` are the characters 4 to 6, which in a real org name the instance."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"salesforce-ids:{seed}")
        self.pod = base62(self._random.randrange(62 * 62), 2) + "0"
        self._next: dict[str, int] = {}

    def make(self, prefix: str) -> str:
        number = self._next.get(prefix)
        if number is None:
            # Real orgs are some thousands to millions of records in, never at zero.
            number = self._random.randrange(62**3, 62**4)
        self._next[prefix] = number + 1
        id15 = prefix + self.pod + base62(number, _COUNTER_LENGTH)
        return id15 + checksum(id15)
