"""How alike two profiles are, trait by trait. Here strings are compared; what follows from it is weighed in core/identity.

Symmetric: which of the two comes first never matters. The library that measures strings is loaded with the first call.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from interlock.core.identity.evidence import Evidence, Likeness, Trait
from interlock.objects.normalise import is_role_address
from interlock.objects.profiles import Company, Person
from interlock.objects.wordlists import SHORT_NAMES

SAME, CLOSE, CROSSED = Likeness.SAME, Likeness.CLOSE, Likeness.CROSSED
SHARED, UNLIKE, UNKNOWN = Likeness.SHARED, Likeness.UNLIKE, Likeness.UNKNOWN


def alike_persons(one: Person, other: Person) -> Evidence:
    given, family = _names(one, other)
    return {
        Trait.EMAIL: _emails(one.emails, other.emails),
        Trait.PHONE: _phones(one.phones, other.phones),
        Trait.BORN: _dates(one.born, other.born),
        Trait.GIVEN: given,
        Trait.FAMILY: family,
        Trait.STREET: _streets(one.street, other.street),
        Trait.CITY: _words(one.city, other.city),
        Trait.POSTCODE: _codes(one.postcode, other.postcode),
        Trait.EMPLOYER: _company_names(one.employer, other.employer),
    }


def alike_companies(one: Company, other: Company) -> Evidence:
    return {
        Trait.NAME: _company_names(one.name, other.name),
        Trait.DOMAIN: _domains(one, other),
        Trait.PHONE: _phones(one.phones, other.phones),
        Trait.STREET: _streets(one.street, other.street),
        Trait.CITY: _words(one.city, other.city),
        Trait.POSTCODE: _codes(one.postcode, other.postcode),
    }


# --- letters -----------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _measures() -> tuple[Callable[[str, str], int], Callable[[str, str], float], Callable[[str, str], float]]:
    """Edits (a letter more, less, other, or two swapped), Jaro-Winkler (0 to 1), and edits over sorted words (0 to 1)."""
    from rapidfuzz import fuzz
    from rapidfuzz.distance import OSA, JaroWinkler

    def sorted_words(one: str, other: str) -> float:
        return float(fuzz.token_sort_ratio(one, other)) / 100

    return OSA.distance, JaroWinkler.similarity, sorted_words


def edits(one: str, other: str) -> int:
    return _measures()[0](one, other)


def _a_slip_apart(one: str, other: str) -> bool:
    """One edit in a short word, one in four letters in a long one, or a beginning that much is the same after."""
    longer = max(len(one), len(other))
    if edits(one, other) <= max(1, longer // EDIT_EVERY_LETTERS):
        return True
    return longer >= 4 and _measures()[1](one, other) >= CLOSE_JARO_WINKLER


EDIT_EVERY_LETTERS = 4
EMAIL_EDIT_EVERY_LETTERS = 8
CLOSE_JARO_WINKLER = 0.9
SAME_STREET = 0.95
CLOSE_STREET = 0.72


def _squashed(text: str) -> str:
    return text.replace(" ", "")


def _words(one: str, other: str) -> Likeness:
    if not one or not other:
        return UNKNOWN
    a, b = _squashed(one), _squashed(other)
    if a == b:
        return SAME
    return CLOSE if _a_slip_apart(a, b) else UNLIKE


# --- traits ------------------------------------------------------------------------------------------------------------------


def _names(one: Person, other: Person) -> tuple[Likeness, Likeness]:
    given, family = _given(one.given, other.given), _words(one.family, other.family)
    if UNLIKE in (given, family):
        across = _words(one.given, other.family), _words(one.family, other.given)
        if UNLIKE not in across and across != (UNKNOWN, UNKNOWN):
            return CROSSED, CROSSED
    return given, family


def _given(one: str, other: str) -> Likeness:
    found = _words(one, other)
    return CLOSE if found is UNLIKE and _short_for(one, other) else found


def _short_for(one: str, other: str) -> bool:
    """`A.` or `Ada` for `Ada Augusta`, `Rob` or `Bob` for `Robert`."""
    a, b = one.split(" ")[0], other.split(" ")[0]
    if a == b or a.startswith(b) or b.startswith(a):
        return True
    return not SHORT_NAMES.get(a, frozenset()).isdisjoint(SHORT_NAMES.get(b, ()))


_DIGITS = re.compile(r"\d+")


def _emails(one: tuple[str, ...], other: tuple[str, ...]) -> Likeness:
    if not one or not other:
        return UNKNOWN
    common = set(one) & set(other)
    if any(not is_role_address(each) for each in common):
        return SAME
    if common:
        return SHARED
    return CLOSE if any(_same_mailbox(a, b) for a in one for b in other) else UNLIKE


def _same_mailbox(one: str, other: str) -> bool:
    """A slip in the typing, or the same person elsewhere: a mailbox of the same, not too short name."""
    if is_role_address(one) or is_role_address(other):
        return False
    (a, _, host_a), (b, _, host_b) = one.rpartition("@"), other.rpartition("@")
    if a == b:
        return len(a) >= 5 or edits(host_a, host_b) <= 2
    if _DIGITS.sub("", one) == _DIGITS.sub("", other):
        # ada1 and ada2 are two people: a number is there to tell them apart.
        return False
    return edits(one, other) <= max(1, min(len(one), len(other)) // EMAIL_EDIT_EVERY_LETTERS)


def _phones(one: tuple[str, ...], other: tuple[str, ...]) -> Likeness:
    if not one or not other:
        return UNKNOWN
    if any(number.startswith("+") for number in set(one) & set(other)):
        return SAME
    return CLOSE if any(_same_end(a, b) for a in one for b in other) else UNLIKE


def _same_end(one: str, other: str) -> bool:
    """At least one lacks its country: the shorter is the end of the other. Two whole numbers of two countries are two."""
    if one.startswith("+") and other.startswith("+"):
        return False
    short, long = sorted((one.lstrip("+").partition(";")[0], other.lstrip("+").partition(";")[0]), key=len)
    return long.endswith(short)


def _dates(one: str, other: str) -> Likeness:
    if not one or not other:
        return UNKNOWN
    if one == other:
        return SAME
    a, b = one.replace("-", ""), other.replace("-", "")
    day_and_month_swapped = a[:4] == b[:4] and a[4:6] == b[6:] and a[6:] == b[4:6]
    return CLOSE if day_and_month_swapped or edits(a, b) <= 1 else UNLIKE


def _codes(one: str, other: str) -> Likeness:
    if not one or not other:
        return UNKNOWN
    if one == other:
        return SAME
    # `12345-6789` is within `12345`.
    within = min(len(one), len(other)) >= 4 and (one.startswith(other) or other.startswith(one))
    return CLOSE if within or edits(one, other) <= 1 else UNLIKE


def _streets(one: str, other: str) -> Likeness:
    if not one or not other:
        return UNKNOWN
    if one == other:
        return SAME
    near = max(_measures()[2](one, other), _measures()[2](_squashed(one), _squashed(other)))
    return SAME if near >= SAME_STREET else CLOSE if near >= CLOSE_STREET else UNLIKE


def _company_names(one: str, other: str) -> Likeness:
    if not one or not other:
        return UNKNOWN
    a, b = _squashed(one), _squashed(other)
    if a == b:
        return SAME
    if min(len(a), len(b)) < 5:
        return UNLIKE
    words_a, words_b = one.split(), other.split()
    # `Edge Communications` and `Edge Communications Europe`; but one word alone is a beginning of too many.
    shorter, longer = sorted((words_a, words_b), key=len)
    if len(shorter) >= 2 and longer[: len(shorter)] == shorter:
        return CLOSE
    return CLOSE if edits(a, b) <= max(1, max(len(a), len(b)) // 8) else UNLIKE


def _domains(one: Company, other: Company) -> Likeness:
    if set(one.domains) & set(other.domains):
        return SAME
    if set(one.shared_domains) & set(other.shared_domains):
        return SHARED
    return UNLIKE if one.domains and other.domains else UNKNOWN
