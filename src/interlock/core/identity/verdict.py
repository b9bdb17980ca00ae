"""What is made of two records that were compared: a link, a suggestion for a person, or nothing. Pure.

See `rules.py` for what counts how much, and tests/golden/persons.txt and companies.txt for what comes of it.
"""

from __future__ import annotations

import enum

import msgspec

from interlock.core.identity.evidence import Evidence, Likeness, Trait
from interlock.core.identity.reasons import SENTENCES
from interlock.core.identity.rules import Objections, Proof, Rules


class Found(enum.StrEnum):
    LINK = "link"  # one and the same: may be linked without a person
    SUGGESTION = "suggestion"  # a person looks at it, with the reasons
    NOTHING = "nothing"


class Reason(msgspec.Struct, frozen=True):
    """Why, in plain words and without values: who reads it sees both records beside it. Below zero: what speaks against it."""

    trait: Trait
    likeness: Likeness
    points: int
    sentence: str


class Verdict(msgspec.Struct, frozen=True):
    found: Found
    points: int
    reasons: tuple[Reason, ...]  # what speaks for it first, the weightiest first


def judge(evidence: Evidence, rules: Rules) -> Verdict:
    reasons = tuple(
        sorted(
            (
                _reason(trait, likeness, rules)
                for trait, likeness in evidence.items()
                if likeness in rules.points[trait]
            ),
            key=lambda reason: (-reason.points, reason.trait),
        )
    )
    points = sum(reason.points for reason in reasons)
    return Verdict(_found(evidence, points, rules), points, reasons)


def _found(evidence: Evidence, points: int, rules: Rules) -> Found:
    if points >= rules.link_from and _holds(evidence, rules.proofs) and not _stands(evidence, rules.doubts):
        return Found.LINK
    # Here something is missing, or something stands against it: nobody but a person may say that they are one.
    if any(evidence.get(trait) is Likeness.SAME for trait in rules.asks):
        return Found.SUGGESTION
    enough = points >= rules.suggest_from and not _stands(evidence, rules.parts)
    return Found.SUGGESTION if enough else Found.NOTHING


def _stands(evidence: Evidence, objections: Objections) -> bool:
    """Whether one of them is met that nothing excuses."""
    return any(
        evidence.get(trait) is likeness and not _holds(evidence, excuses)
        for (trait, likeness), excuses in objections.items()
    )


def _holds(evidence: Evidence, proofs: tuple[Proof, ...]) -> bool:
    """Whether one of them holds in all that it asks."""
    return any(
        all(evidence.get(trait, Likeness.UNKNOWN) in enough for trait, enough in proof.items()) for proof in proofs
    )


def _reason(trait: Trait, likeness: Likeness, rules: Rules) -> Reason:
    return Reason(trait, likeness, rules.points[trait][likeness], SENTENCES[trait, likeness])
