"""How often links without a person are wrong, and suggestions wrong or missing: `python benchmarks/identity.py [--data DIR]`.

On public sets of which it is known who is who. Points and thresholds (core/identity/rules.py) were chosen on one half of the
people; what is told here is the other half. Without `--data` it reads the excerpts of tests/labelled. `--choose` prints, of the
half to choose by, what each likeness would be worth and what each threshold would give.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import product
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bars import Figure, tell
from benchmarks.identity_choosing import choosing
from benchmarks.labelled import EXCERPTS, Labelled, Pair, names, read, share

from interlock.core.identity import candidates
from interlock.core.identity.verdict import Found
from interlock.core.model import RecordKey, Side
from interlock.objects.comparing import CONTACTS
from interlock.objects.profiles import Person

WRONG_LINKS_MOST = 0.001  # a precision of 0.999
WRONG_SUGGESTIONS_MOST = 0.05
MISSED_MOST = 0.05
# Only of this set is it asked how much is found: in fake 1000 too little is left of many records.
FOUND_IN = "febrl 3"
CROWD = 5_000
GROWTH_MOST = 1.3


class Measured(msgspec.Struct):
    """`wrong` and `right`: pairs by what was made of them. `compared`: pairs that were looked at."""

    true: int
    compared: int
    right: dict[Found, set[Pair]]
    wrong: dict[Found, set[Pair]]

    def wrong_share(self, *found: Found) -> float:
        wrong = sum(len(self.wrong[each]) for each in found)
        return share(wrong, wrong + sum(len(self.right[each]) for each in found))

    def found_share(self, *found: Found) -> float:
        return share(sum(len(self.right[each]) for each in found), self.true)


def measure(labelled: Labelled) -> Measured:
    true = labelled.true_pairs()
    right: dict[Found, set[Pair]] = {found: set() for found in Found}
    wrong: dict[Found, set[Pair]] = {found: set() for found in Found}
    compared = 0
    for pair in candidates.within(CONTACTS.keyed(labelled.people)):
        compared += 1
        verdict = CONTACTS.judge(labelled.people[pair[0]], labelled.people[pair[1]])
        (right if pair in true else wrong)[verdict.found].add(pair)
    return Measured(len(true), compared, right, wrong)


def figures_of(labelled: Labelled) -> list[Figure]:
    of = measure(labelled.half(chosen_by=False))
    whole = measure(labelled)
    both = (Found.LINK, Found.SUGGESTION)
    name = labelled.name
    asked = name == FOUND_IN
    report = CONTACTS.duplicates(labelled.half(chosen_by=False).people)
    grouped = {pair for group in report.groups for pair in _pairs_of(group.members)}
    true = labelled.half(chosen_by=False).true_pairs()
    return [
        Figure(
            f"{name}: wrong among links", of.wrong_share(Found.LINK), "", WRONG_LINKS_MOST, note=_counts(of, Found.LINK)
        ),
        Figure(
            f"{name}: wrong among suggestions alone",
            of.wrong_share(Found.SUGGESTION),
            "",
            WRONG_SUGGESTIONS_MOST if asked else None,
            note=_counts(of, Found.SUGGESTION),
        ),
        Figure(
            f"{name}: wrong among links and suggestions",
            of.wrong_share(*both),
            "",
            WRONG_SUGGESTIONS_MOST if asked else None,
        ),
        Figure(f"{name}: missed by both", 1 - of.found_share(*both), "", MISSED_MOST if asked else None),
        Figure(f"{name}: true pairs linked without a person", of.found_share(Found.LINK), ""),
        Figure(f"{name}: wrong among links, both halves together", whole.wrong_share(Found.LINK), "", WRONG_LINKS_MOST),
        Figure(f"{name}: wrong pairs in the duplicate report", share(len(grouped - true), len(grouped)), ""),
        Figure(f"{name}: true pairs missing in the duplicate report", 1 - share(len(grouped & true), len(true)), ""),
    ]


def _pairs_of(members: tuple[RecordKey, ...]) -> list[Pair]:
    return [(one, other) for one, other in product(members, members) if one < other]


def _counts(of: Measured, found: Found) -> str:
    return f"{len(of.wrong[found])} of {len(of.wrong[found]) + len(of.right[found])}; {of.true} pairs are true"


def crowd_figures(labelled: list[Labelled], crowd: int) -> list[Figure]:
    """In a crowd of few names and places, pairs grow with the records, not with their square."""
    known = names(person for each in labelled for person in each.people.values())
    small, large = _pairs_a_record(_crowd(known, crowd)), _pairs_a_record(_crowd(known, 2 * crowd))
    return [
        Figure(f"pairs compared a record, crowd of {2 * crowd:,}", large, ""),
        Figure(f"the same as a multiple of a crowd of {crowd:,}", large / small, "x", GROWTH_MOST),
    ]


def _crowd(known: list[tuple[str, str]], size: int) -> dict[RecordKey, Person]:
    """Thirty-one first names, seventeen last names, seven towns: every key is shared by many."""
    given, family = [each[0] for each in known[:31]], [each[1] for each in known[:17]]
    return {
        RecordKey(Side.SALESFORCE, "Contact", f"{number:07d}"): Person(
            given=given[number % len(given)],
            family=family[number % len(family)],
            born=f"19{number % 97:02d}-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            city=f"town {number % 7}",
            postcode=f"{number % 7:05d}",
        )
        for number in range(size)
    }


def _pairs_a_record(people: dict[RecordKey, Person]) -> float:
    return sum(1 for _ in candidates.within(CONTACTS.keyed(people))) / len(people)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=EXCERPTS, help="folder with the labelled sets")
    parser.add_argument("--choose", action="store_true", help="print what the half to choose by would say, and stop")
    asked = parser.parse_args()
    labelled = read(asked.data)
    if asked.choose:
        print("\n".join(line for each in labelled for line in choosing(each.half(chosen_by=True))))
        return 0
    began = time.process_time()
    figures = [figure for each in labelled for figure in figures_of(each)]
    figures += [Figure("CPU of comparing all three", time.process_time() - began, "s"), *crowd_figures(labelled, CROWD)]
    about = {each.name: {"records": len(each.people), "people": len(set(each.entity.values()))} for each in labelled}
    return tell("identity", figures, sets=about, told="the half that nothing was chosen by, where not said otherwise")


if __name__ == "__main__":
    sys.exit(main())
