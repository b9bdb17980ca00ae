"""Under which keys a record is compared with others: those that share none are never compared, so nothing is all pairs.

A slip in one value must not hide a pair, so each key is made of two values, and there are several. `(kind, key)`, as in the
identity index, where the keys of one record find its candidates.
"""

from __future__ import annotations

import re

from interlock.objects.normalise import is_role_address
from interlock.objects.profiles import LEAST_DIGITS, Company, Person

Key = tuple[str, str]


def person_keys(person: Person) -> list[Key]:
    letters = dict.fromkeys(name[0] for name in (person.given, person.family) if name)
    sounds = dict.fromkeys(sound(name) for name in (person.given, person.family) if name)
    keys: list[Key] = [("email", email) for email in person.emails if not is_role_address(email)]
    keys += [("mailbox", mailbox) for email in person.emails if (mailbox := _mailbox(email))]
    keys += [("phone", _end(number)) for number in person.phones]
    if person.born:
        keys += [("born", f"{person.born} {letter}") for letter in letters]
        keys += [("born_at", f"{person.born} {part}") for part in (person.postcode, person.city[:4]) if part]
    if len(sounds) == 2:
        keys.append(("names", " ".join(sorted(sounds))))
    if person.postcode:
        keys += [("name_at", f"{person.postcode} {name}") for name in sounds]
        keys += [("street", f"{person.postcode} {word}") for word in _street_words(person.street)]
    if person.city:
        keys += [("name_in", f"{person.city[:4]} {name}") for name in sounds]
        keys += [("street_in", f"{person.city[:4]} {word}") for word in _street_words(person.street)]
    if person.employer:
        keys += [("name_of", f"{person.employer} {name}") for name in sounds]
    return list(dict.fromkeys(keys))


def company_keys(company: Company) -> list[Key]:
    keys: list[Key] = [("domain", domain) for domain in company.domains]
    keys += [("phone", _end(number)) for number in company.phones]
    words = company.name.split()
    if words:
        keys.append(("name", company.name.replace(" ", "")[:8]))
        keys.append(("words", " ".join(sorted(words, key=lambda word: (-len(word), word))[:2])))
        keys += [("name_at", f"{company.postcode} {sound(words[0])}")] if company.postcode else []
    if company.postcode:
        keys += [("street", f"{company.postcode} {word}") for word in _street_words(company.street)]
    return list(dict.fromkeys(keys))


def _mailbox(email: str) -> str:
    """What a slip in the host leaves: long enough to be somebody's, and no function's."""
    local = email.rpartition("@")[0]
    return local if len(local) >= 5 and not is_role_address(email) else ""


def _end(number: str) -> str:
    return re.sub(r"\D", "", number.partition(";")[0])[-LEAST_DIGITS:]


def _street_words(street: str) -> list[str]:
    """The number and the longest word: each of them may be misspelt."""
    words = sorted(street.split(), key=lambda word: (-len(word), word))
    numbers = [word for word in words if word.isdigit()][:1]
    return [*(word[:4] for word in words[:2] if not word.isdigit()), *(f"{n}" for n in numbers)]


# Letters that sound alike, and slips between them, are one; vowels after the first letter say little.
_SOUNDS = str.maketrans(
    {"c": "k", "q": "k", "g": "k", "z": "s", "x": "s", "v": "f", "w": "f", "d": "t", "p": "b", "m": "n"}
)
_SILENT = re.compile(r"[aeiouyh]")
_TWICE = re.compile(r"(.)\1+")


def sound(name: str) -> str:
    """`stubbs` and `stubs`, `phillips` and `filips` are one; of other scripts the first letters remain."""
    plain = name.replace(" ", "").replace("ph", "f").translate(_SOUNDS)
    return _TWICE.sub(r"\1", plain[:1] + _SILENT.sub("", plain[1:]))[:4]
