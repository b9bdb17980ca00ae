"""Contacts and companies compared as a whole: candidates, judged, and from them pairs of both sides or duplicates of one.

What core/identity decides, with what this room knows of names and addresses put in. No I/O: who calls brings the records.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Generic, TypeVar

import msgspec

from interlock.core.identity import candidates, duplicates
from interlock.core.identity.evidence import Evidence
from interlock.core.identity.pairing import Judged, Pairing, pair_up
from interlock.core.identity.rules import COMPANY, PERSON, Rules
from interlock.core.identity.verdict import Verdict, judge
from interlock.core.model import RecordKey, Side
from interlock.objects.block_keys import company_keys, person_keys
from interlock.objects.likeness import alike_companies, alike_persons
from interlock.objects.profiles import Company, Person, company_of, person_of
from interlock.objects.spec import Values

P = TypeVar("P", Person, Company)


class Comparing(msgspec.Struct, Generic[P], frozen=True):
    profile: Callable[[Side, Values, str | None], P]
    keys: Callable[[P], list[candidates.Key]]
    order: Callable[[P], str]
    alike: Callable[[P, P], Evidence]
    rules: Rules

    def judge(self, one: P, other: P) -> Verdict:
        return judge(self.alike(one, other), self.rules)

    def keyed(self, records: Mapping[RecordKey, P]) -> Iterable[candidates.Keyed]:
        for key, profile in records.items():
            yield candidates.Keyed(key, tuple(self.keys(profile)), self.order(profile))

    def pairs(
        self, hubspot: Mapping[RecordKey, P], salesforce: Mapping[RecordKey, P], refused: Collection[str] = ()
    ) -> Pairing:
        """What may be linked, and what a person is asked about. `refused`: keys of suggestions that were refused."""
        found = candidates.between(self.keyed(hubspot), self.keyed(salesforce))
        return pair_up((Judged(a, b, self.judge(hubspot[a], salesforce[b])) for a, b in found), refused)

    def duplicates(self, records: Mapping[RecordKey, P], refused: Collection[str] = ()) -> duplicates.Report:
        """Which records of one side look like one."""
        found = candidates.within(self.keyed(records))
        return duplicates.report((Judged(a, b, self.judge(records[a], records[b])) for a, b in found), refused)


CONTACTS = Comparing(
    person_of, person_keys, lambda person: f"{person.family} {person.given} {person.born}", alike_persons, PERSON
)
COMPANIES = Comparing(
    company_of, company_keys, lambda company: f"{company.name} {company.city}", alike_companies, COMPANY
)
