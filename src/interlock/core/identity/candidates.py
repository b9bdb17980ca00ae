"""Which records are compared with each other: those that share a key. Never all with all, whatever the records hold. Pure.

A key that many records share (a common name in a large city) would be all pairs again: there each is compared with its
neighbours in order only. So the number of pairs grows with the number of records, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations

import msgspec

from interlock.core.model import RecordKey

# (kind, text): two records with an equal one are worth comparing.
Key = tuple[str, str]
Pair = tuple[RecordKey, RecordKey]

# More records than these on one key: neighbours only.
BLOCK_MOST_RECORDS = 50
NEIGHBOURS = 10


class Keyed(msgspec.Struct, frozen=True):
    """`order`: where a record stands among others with the same key; what is alike should stand side by side."""

    record: RecordKey
    keys: tuple[Key, ...]
    order: str


def within(records: Iterable[Keyed]) -> Iterator[Pair]:
    """Pairs of one side, each once, the smaller key first."""
    return _pairs(_members(records), across=False)


def between(hubspot: Iterable[Keyed], salesforce: Iterable[Keyed]) -> Iterator[Pair]:
    """Pairs of a record of each side, each once, HubSpot's first."""
    return _pairs(_members([*hubspot, *salesforce]), across=True)


def _members(records: Iterable[Keyed]) -> list[Keyed]:
    # In an order of their own, so that which pairs come of a crowded key does not depend on who read the records.
    return sorted(records, key=lambda each: (each.order, each.record))


def _pairs(members: list[Keyed], across: bool) -> Iterator[Pair]:
    blocks: dict[Key, list[int]] = defaultdict(list)
    for place, each in enumerate(members):
        for key in each.keys:
            blocks[key].append(place)
    crowded = {key for key, places in blocks.items() if len(places) > BLOCK_MOST_RECORDS}
    known = [frozenset(each.keys) for each in members]
    near: set[tuple[int, int]] = set()
    for key, places in blocks.items():
        for one, other in _neighbours(places) if key in crowded else combinations(places, 2):
            if across and members[one].record.side is members[other].record.side:
                continue
            common = known[one] & known[other]
            first = min((each for each in common if each not in crowded), default=None)
            if first is None:
                # They meet on crowded keys only, in each of which they may or may not be neighbours.
                if (one, other) in near:
                    continue
                near.add((one, other))
            elif key != first:
                # The pair comes from the least of its common keys: remembering all pairs would take their memory.
                continue
            yield _pair(members[one].record, members[other].record)


def _neighbours(places: list[int]) -> Iterator[tuple[int, int]]:
    for at, one in enumerate(places):
        for other in places[at + 1 : at + 1 + NEIGHBOURS]:
            yield one, other


def _pair(one: RecordKey, other: RecordKey) -> Pair:
    return (one, other) if one < other else (other, one)
