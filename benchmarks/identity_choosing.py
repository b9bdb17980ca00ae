"""What points and thresholds the half to choose by would suggest, printed by `benchmarks/identity.py --choose`.

A point doubles the odds: log2 of how much oftener a likeness is seen in pairs of one person than in pairs of two, drawn at random.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator

from benchmarks.labelled import Labelled, share

from interlock.core.identity import candidates
from interlock.core.identity.evidence import Likeness, Trait
from interlock.core.identity.verdict import Verdict
from interlock.objects.comparing import CONTACTS

STRANGERS = 40_000
THRESHOLDS = range(6, 32, 2)

Counts = Counter[tuple[Trait, Likeness]]


def choosing(labelled: Labelled) -> Iterator[str]:
    yield f"{labelled.name}, {len(labelled.people)} records, {len(labelled.true_pairs())} true pairs"
    yield from _points(labelled)
    yield from _thresholds(labelled)


def _points(labelled: Labelled) -> Iterator[str]:
    one: Counts = Counter()
    for a, b in labelled.true_pairs():
        one.update(CONTACTS.alike(labelled.people[a], labelled.people[b]).items())
    two: Counts = Counter()
    chance, keys = random.Random(1), sorted(labelled.people)
    for _ in range(STRANGERS):
        a, b = chance.sample(keys, 2)
        if labelled.entity[a] != labelled.entity[b]:
            two.update(CONTACTS.alike(labelled.people[a], labelled.people[b]).items())
    for trait in Trait:
        told = [
            f"{likeness.value} {_odds(one, two, trait, likeness):+.1f}"
            for likeness in Likeness
            if likeness is not Likeness.UNKNOWN and (one[trait, likeness] or two[trait, likeness])
        ]
        if told:
            yield f"  {trait.value:<10} {', '.join(told)}"


def _odds(one: Counts, two: Counts, trait: Trait, likeness: Likeness) -> float:
    """Half a pair is added to each count, so that what was never seen is rare and not impossible."""

    def frequency(counts: Counts) -> float:
        known = sum(n for (of, what), n in counts.items() if of is trait and what is not Likeness.UNKNOWN)
        return (counts[trait, likeness] + 0.5) / (known + 1)

    return math.log2(frequency(one) / frequency(two))


def _thresholds(labelled: Labelled) -> Iterator[str]:
    true = labelled.true_pairs()
    judged: list[tuple[Verdict, bool]] = [
        (CONTACTS.judge(labelled.people[a], labelled.people[b]), (a, b) in true)
        for a, b in candidates.within(CONTACTS.keyed(labelled.people))
    ]
    for least in THRESHOLDS:
        found = [is_true for verdict, is_true in judged if verdict.points >= least]
        yield (
            f"  from {least:>2} points: {share(sum(found), len(found)):.4f} right,"
            f" {share(sum(found), len(true)):.4f} found"
        )
