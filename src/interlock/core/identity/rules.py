"""What each likeness is worth, and from where on two records are linked or suggested: one table for persons, one for companies.

A point is a doubling: one likeness is worth as many points as it doubles the odds that two records are one. The points were
taken from how often each likeness is seen in pairs of one person and of two (the halves of the labelled sets that
`benchmarks/identity.py` chooses by, never those it reports), rounded, and lowered where one likeness brings another along: who
shares a street shares a town. Telephone, employer and companies are in no labelled set: theirs are judged, and cautious.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from interlock.core.identity.evidence import Likeness, Trait

SAME, CLOSE, CROSSED = Likeness.SAME, Likeness.CLOSE, Likeness.CROSSED
SHARED, UNLIKE, UNKNOWN = Likeness.SHARED, Likeness.UNLIKE, Likeness.UNKNOWN

# Each of these traits as alike as one of those.
Proof = Mapping[Trait, frozenset[Likeness]]


# What speaks against it, and the proofs any one of which excuses it.
Objections = Mapping[tuple[Trait, Likeness], tuple[Proof, ...]]


class Rules(msgspec.Struct, frozen=True):
    """A link takes a proof, no doubt, and `link_from` points. A suggestion takes `suggest_from` points and nothing that parts
    the two; or one trait of `asks`."""

    points: Mapping[Trait, Mapping[Likeness, int]]
    link_from: int
    suggest_from: int
    proofs: tuple[Proof, ...]
    doubts: Objections  # no link without a person
    parts: Objections  # not even a suggestion
    asks: frozenset[Trait]  # the same in this: a person sees it, whatever else speaks against


PERSON = Rules(
    points={
        # One mailbox in the world, but for those that a couple or an office reads together.
        Trait.EMAIL: {SAME: 24, CLOSE: 9, SHARED: 2, UNLIKE: -2},
        # A household or a switchboard has one for many.
        Trait.PHONE: {SAME: 6, CLOSE: 5, UNLIKE: -1},
        Trait.BORN: {SAME: 12, CLOSE: 4, UNLIKE: -4},
        Trait.GIVEN: {SAME: 6, CLOSE: 4, CROSSED: 6, UNLIKE: -6},
        # Marriages change it.
        Trait.FAMILY: {SAME: 7, CLOSE: 6, CROSSED: 7, UNLIKE: -5},
        Trait.STREET: {SAME: 9, CLOSE: 6, UNLIKE: -2},
        Trait.CITY: {SAME: 4, CLOSE: 3, UNLIKE: -2},
        Trait.POSTCODE: {SAME: 6, CLOSE: 2, UNLIKE: -2},
        Trait.EMPLOYER: {SAME: 4, CLOSE: 2, UNLIKE: -1},
    },
    link_from=20,
    suggest_from=14,
    proofs=(
        {Trait.EMAIL: frozenset({SAME})},
        # Not a given name that is only close: twins have such, and every other likeness too.
        {
            Trait.BORN: frozenset({SAME}),
            Trait.GIVEN: frozenset({SAME, CROSSED}),
            Trait.FAMILY: frozenset({SAME, CLOSE, CROSSED}),
        },
        {Trait.PHONE: frozenset({SAME}), Trait.GIVEN: frozenset({SAME}), Trait.FAMILY: frozenset({SAME})},
    ),
    # Couples and parents share all but these. A last name changes with a marriage, a first name hardly ever.
    doubts={
        (Trait.GIVEN, UNLIKE): (),
        (Trait.BORN, UNLIKE): (),
        (Trait.FAMILY, UNLIKE): ({Trait.GIVEN: frozenset({SAME, CLOSE})},),
    },
    # A household has one street, phone and last name for all, and a person must not be asked about every couple.
    parts={(Trait.GIVEN, UNLIKE): ({Trait.BORN: frozenset({SAME, CLOSE})}, {Trait.EMAIL: frozenset({SAME, CLOSE})})},
    asks=frozenset({Trait.EMAIL}),
)

COMPANY = Rules(
    points={
        Trait.DOMAIN: {SAME: 16, SHARED: 0, UNLIKE: -8},
        Trait.NAME: {SAME: 16, CLOSE: 9, UNLIKE: -8},
        Trait.PHONE: {SAME: 8, CLOSE: 6, UNLIKE: -1},
        Trait.STREET: {SAME: 6, CLOSE: 3, UNLIKE: -1},
        # A company has more places than one.
        Trait.CITY: {SAME: 2, CLOSE: 1, UNLIKE: -1},
        Trait.POSTCODE: {SAME: 4, CLOSE: 1, UNLIKE: 0},
    },
    link_from=16,
    suggest_from=14,
    proofs=(
        # The branches of a company share its site, and their names are close.
        {Trait.DOMAIN: frozenset({SAME}), Trait.NAME: frozenset({SAME, UNKNOWN})},
        {Trait.NAME: frozenset({SAME}), Trait.PHONE: frozenset({SAME})},
        {Trait.NAME: frozenset({SAME}), Trait.STREET: frozenset({SAME, CLOSE}), Trait.POSTCODE: frozenset({SAME})},
    ),
    doubts={(Trait.DOMAIN, UNLIKE): ()},
    parts={},
    asks=frozenset({Trait.DOMAIN}),
)
