"""Whether two records are one: every likeness of what names a person or company, beside what of their whereabouts is alike."""

from __future__ import annotations

from itertools import product

from interlock.core.identity.evidence import Likeness, Trait
from interlock.core.identity.rules import COMPANY, PERSON, Rules
from interlock.core.identity.verdict import Found, judge

PERSONS_HEADING = """\
Whether two records are one person (core/identity, judge with PERSON). Generated: make golden.

  same      equal once both are normalised           close    differ as a slip of the pen or a short form would make them
  unlike    different                                crossed  first and last name stand the other way round
  -         one of the two has none

  beside    nothing: neither phone nor address is on both; phone: the same; address: the same street, city and postal code;
            both: phone and address; moved: three different ones
  LINK      one and the same: may be linked without a person
  ask       a suggestion, with its reasons
  .         nothing

"""

COMPANIES_HEADING = """\
Whether two records are one company (core/identity, judge with COMPANY). Generated: make golden.

  same      equal once both are normalised           close    differ by a slip or by a word at the end
  unlike    different                                shared   one domain, on which anybody gets a page
  -         one of the two has none

  beside, LINK, ask and . as in persons.txt

"""

SAME, CLOSE, CROSSED = Likeness.SAME, Likeness.CLOSE, Likeness.CROSSED
SHARED, UNLIKE, UNKNOWN = Likeness.SHARED, Likeness.UNLIKE, Likeness.UNKNOWN

SIGNS = {Found.LINK: "LINK", Found.SUGGESTION: "ask", Found.NOTHING: "."}
ADDRESS = (Trait.STREET, Trait.CITY, Trait.POSTCODE)
BESIDE = {
    "nothing": {},
    "phone": {Trait.PHONE: SAME},
    "address": dict.fromkeys(ADDRESS, SAME),
    "both": {Trait.PHONE: SAME, **dict.fromkeys(ADDRESS, SAME)},
    "moved": dict.fromkeys(ADDRESS, UNLIKE),
}

USUAL = (SAME, CLOSE, UNLIKE, UNKNOWN)
NAMES = [*product(USUAL, USUAL), (CROSSED, CROSSED)]


def persons() -> str:
    return PERSONS_HEADING + _table(
        PERSON,
        (Trait.EMAIL, Trait.GIVEN, Trait.FAMILY, Trait.BORN),
        [
            (email, *names, born)
            for email in (SAME, CLOSE, SHARED, UNLIKE, UNKNOWN)
            for names in NAMES
            for born in USUAL
        ],
    )


def companies() -> str:
    return COMPANIES_HEADING + _table(
        COMPANY, (Trait.DOMAIN, Trait.NAME), list(product((SAME, SHARED, UNLIKE, UNKNOWN), USUAL))
    )


def _table(rules: Rules, traits: tuple[Trait, ...], rows: list[tuple[Likeness, ...]]) -> str:
    lines = ["  " + "".join(f"{word:<9}" for word in (*traits, "|", *BESIDE)).rstrip()]
    for row in rows:
        evidence = dict(zip(traits, row, strict=True))
        found = [SIGNS[judge({**evidence, **beside}, rules).found] for beside in BESIDE.values()]
        words = ["-" if likeness is UNKNOWN else likeness.value for likeness in row]
        lines.append("  " + "".join(f"{word:<9}" for word in (*words, "|", *found)).rstrip())
    return "\n".join(lines) + "\n"
