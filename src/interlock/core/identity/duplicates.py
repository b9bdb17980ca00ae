"""The duplicate report: which records of one side look like one person or company, before they are synced. Pure.

Of two that look alike and two more, one group comes only if most of each look like most of the other: a chain of small
likenesses ends with strangers. What is left between two groups is told beside them, and nothing is merged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import msgspec

from interlock.core.identity.pairing import Judged
from interlock.core.identity.verdict import Found
from interlock.core.model import RecordKey


class Group(msgspec.Struct, frozen=True):
    """`found`: LINK where every pair of them would be one without a person, else SUGGESTION. `pairs` hold the reasons."""

    members: tuple[RecordKey, ...]
    found: Found
    pairs: tuple[Judged, ...]


class Report(msgspec.Struct, frozen=True):
    groups: tuple[Group, ...]  # the largest first
    beside: tuple[Judged, ...]  # resemble each other, but belong to two groups

    @property
    def extra_records(self) -> int:
        """How many records there would be fewer of, if every group were merged."""
        return sum(len(group.members) - 1 for group in self.groups)


def report(judged: Iterable[Judged], refused: Collection[str]) -> Report:
    """`judged`: pairs of one side. A pair whose key is in `refused` holds nothing together."""
    pairs = sorted(
        (each for each in judged if each.verdict.found is not Found.NOTHING and each.key not in refused),
        key=lambda each: (-each.verdict.points, each.one, each.other),
    )
    joined = _Groups(pairs)
    for each in pairs:
        joined.join(each.one, each.other)
    inside: dict[RecordKey, list[Judged]] = defaultdict(list)
    beside = []
    for each in pairs:
        if joined.of[each.one] is joined.of[each.other]:
            inside[min(joined.of[each.one])].append(each)
        else:
            beside.append(each)
    groups = [_group(joined.of[first], held) for first, held in inside.items()]
    return Report(tuple(sorted(groups, key=lambda group: (-len(group.members), group.members))), tuple(beside))


def _group(members: set[RecordKey], pairs: list[Judged]) -> Group:
    every = len(members) * (len(members) - 1) // 2
    sure = len(pairs) == every and all(each.verdict.found is Found.LINK for each in pairs)
    return Group(tuple(sorted(members)), Found.LINK if sure else Found.SUGGESTION, tuple(pairs))


class _Groups:
    """Who is with whom so far. `of` gives the one set that all members of a group share."""

    def __init__(self, pairs: Iterable[Judged]) -> None:
        self._alike: dict[RecordKey, set[RecordKey]] = defaultdict(set)
        for each in pairs:
            self._alike[each.one].add(each.other)
            self._alike[each.other].add(each.one)
        self.of: dict[RecordKey, set[RecordKey]] = {key: {key} for key in self._alike}

    def join(self, one: RecordKey, other: RecordKey) -> None:
        small, large = sorted((self.of[one], self.of[other]), key=len)
        if small is large:
            return
        alike = sum(len(self._alike[member] & large) for member in small)
        if 2 * alike < len(small) * len(large):
            return
        large |= small
        for member in small:
            self.of[member] = large
