"""From judged pairs of records of both sides to links and suggestions: a record has one counterpart, or a person decides. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import msgspec

from interlock.core.identity.refusals import suggestion_key
from interlock.core.identity.verdict import Found, Verdict
from interlock.core.model import RecordKey


class Judged(msgspec.Struct, frozen=True):
    """Two records and what is made of them. `rivals`: others that fit one of the two as well, which is why it is no link."""

    one: RecordKey
    other: RecordKey
    verdict: Verdict
    rivals: tuple[RecordKey, ...] = ()

    @property
    def key(self) -> str:
        return suggestion_key(self.one, self.other)


class Pairing(msgspec.Struct, frozen=True):
    links: tuple[Judged, ...]
    suggestions: tuple[Judged, ...]  # the likeliest first


def pair_up(judged: Iterable[Judged], refused: Collection[str]) -> Pairing:
    """`refused`: keys of suggestions that a person refused. Such a pair is neither linked nor suggested, and rivals nobody."""
    standing = [each for each in judged if each.verdict.found is not Found.NOTHING and each.key not in refused]
    fitting: dict[RecordKey, list[RecordKey]] = defaultdict(list)
    for each in standing:
        if each.verdict.found is Found.LINK:
            fitting[each.one].append(each.other)
            fitting[each.other].append(each.one)
    links, suggestions = [], []
    for each in standing:
        rivals = [key for key in fitting[each.one] if key != each.other] + [
            key for key in fitting[each.other] if key != each.one
        ]
        if each.verdict.found is Found.LINK and not rivals:
            links.append(each)
        else:
            suggestions.append(msgspec.structs.replace(each, rivals=tuple(sorted(rivals))))
    return Pairing(tuple(sorted(links, key=_rank)), tuple(sorted(suggestions, key=_rank)))


def _rank(judged: Judged) -> tuple[int, RecordKey, RecordKey]:
    return -judged.verdict.points, judged.one, judged.other
