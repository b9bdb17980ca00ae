"""A suggestion that a person refused stays refused: known by its two records alone, whatever is found of them later. Pure.

Not by the reasons: a changed phone number or a new version of the rules must not ask the same question again. When one of the
records is merged or converted, what was said of it holds for the record that it lives on as.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from interlock.core.codec.reference import salesforce_id_18
from interlock.core.model import RecordKey, Side


class Refusal(msgspec.Struct, frozen=True):
    """These two are not one: said by `by` at `at_us`."""

    one: RecordKey
    other: RecordKey
    at_us: int
    by: str

    @property
    def key(self) -> str:
        return suggestion_key(self.one, self.other)


def suggestion_key(one: RecordKey, other: RecordKey) -> str:
    """The same text for the same two records, in whichever order they come. Raises ValueError for a record and itself."""
    first, second = sorted((_whole(one), _whole(other)))
    if first == second:
        raise ValueError(f"{first} twice")
    return f"{first}|{second}"


def _whole(key: RecordKey) -> RecordKey:
    """A Salesforce id of 15 characters, as reports and address bars show it, is the same record as its 18."""
    if key.side is Side.SALESFORCE and len(key.id) == 15:
        return RecordKey(key.side, key.type, salesforce_id_18(key.id))
    return key


def follow(refusals: Iterable[Refusal], gone: RecordKey, successor: RecordKey) -> list[Refusal]:
    """`gone` lives on as `successor`. Two that were merged into one against the refusal are one: that refusal is spent."""
    kept: dict[str, Refusal] = {}
    for refusal in refusals:
        one = successor if refusal.one == gone else refusal.one
        other = successor if refusal.other == gone else refusal.other
        if one != other:
            followed = msgspec.structs.replace(refusal, one=one, other=other)
            kept.setdefault(followed.key, followed)
    return list(kept.values())
