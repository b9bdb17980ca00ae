"""Reading records to compare them: profiles by record key, page by page. Writes nothing, keeps no value beyond the profile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

import msgspec

from interlock.app.schemas import Schemas
from interlock.core.identity.candidates import Pair
from interlock.core.identity.pairing import Judged
from interlock.core.identity.verdict import Found
from interlock.core.model import Observation, RecordKey, Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.soql import fields, name, record_id
from interlock.objects.comparing import COMPANIES, CONTACTS, Comparing
from interlock.objects.profiles import Company, Person, read_for
from interlock.objects.registry import SPECS

PURPOSE = "match"
PAGE_ROWS = 2_000
HUBSPOT_LIST_ROWS = 100
# Somebody else's turn comes after as many comparisons.
BREATHE_PAIRS = 500

Profile = Person | Company
# Objects that are compared. Deals of one name are many.
COMPARED: dict[str, Comparing[Person] | Comparing[Company]] = {"contacts": CONTACTS, "companies": COMPANIES}


class Read(msgspec.Struct, frozen=True):
    profile: Profile
    label: str


class Reader:
    """Of one connection's CRMs. `schemas` say which of the fields there are."""

    def __init__(self, schemas: Schemas, hubspot: HubSpotClient, salesforce: SalesforceClient) -> None:
        self._schemas, self._hubspot, self._salesforce = schemas, hubspot, salesforce

    def names(self, slug: str, side: Side, type_: str) -> list[str]:
        wanted = dict.fromkeys(read_for(side, type_))
        if side is Side.HUBSPOT:
            known = {each.name for each in self._schemas.properties.get(SPECS[slug].hubspot_type, ())}
        else:
            known = {each.name for each in self._schemas.fields.get(type_, ())}
        return [each for each in wanted if each in known]

    def reads(self, type_: str) -> bool:
        """Whether the org has this object and shows it."""
        return bool(self._schemas.fields.get(type_))

    async def these(self, slug: str, keys: Sequence[RecordKey]) -> dict[RecordKey, Read]:
        """Of one side and type. What is gone, or never syncs, is left out. Raises CrmError."""
        if not keys:
            return {}
        side, type_ = keys[0].side, keys[0].type
        ids, names = [key.id for key in keys], self.names(slug, side, type_)
        if side is Side.HUBSPOT:
            found = await self._hubspot.read(type_, ids, names, purpose=PURPOSE)
        else:
            found = await self._salesforce.retrieve(type_, ids, ["Id", *names], purpose=PURPOSE)
        return dict(_read(slug, found.values()))

    async def every(self, slug: str, side: Side) -> AsyncIterator[dict[RecordKey, Read]]:
        """All of an object in one CRM, page by page. Raises CrmError."""
        spec = SPECS[slug]
        if side is Side.SALESFORCE:
            for type_ in spec.salesforce_types:
                if self.reads(type_):
                    async for page in self._rows(slug, type_):
                        yield page
            return
        names, after = self.names(slug, side, spec.hubspot_type), None
        while True:
            listed = await self._hubspot.list_page(spec.hubspot_type, names, after, HUBSPOT_LIST_ROWS, purpose=PURPOSE)
            yield dict(_read(slug, listed.records))
            after = listed.next
            if after is None:
                return

    async def _rows(self, slug: str, type_: str) -> AsyncIterator[dict[RecordKey, Read]]:
        wanted, after = self.names(slug, Side.SALESFORCE, type_), ""
        while True:
            where = f" WHERE Id > '{record_id(after)}'" if after else ""
            soql = f"SELECT {fields(wanted, 'Id')} FROM {name(type_)}{where} ORDER BY Id LIMIT {PAGE_ROWS}"
            (page,) = await self._salesforce.query_many([soql], purpose=PURPOSE)
            records = list(page.records)
            while page.next_url is not None:
                (page,) = await self._salesforce.query_more([page.next_url], purpose=PURPOSE)
                records += page.records
            if not records:
                return
            rows = [self._salesforce.to_observation(type_, row, page.read_us, wanted) for row in records]
            after = rows[-1].key.id
            yield dict(_read(slug, rows))


def _read(slug: str, rows: Iterable[Observation]) -> Iterator[tuple[RecordKey, Read]]:
    spec, comparing = SPECS[slug], COMPARED[slug]
    for row in rows:
        side = row.key.side
        # A converted lead lives on as its contact, a person account as its person.
        if side is Side.SALESFORCE and spec.why_not_eligible(side, row.values) is not None:
            continue
        yield row.key, Read(comparing.profile(side, row.values, None), spec.label(side, row.values))


async def judged(slug: str, pairs: Iterable[Pair], records: dict[RecordKey, Read]) -> list[Judged]:
    """What is made of each pair, of all that are worth a word."""
    comparing = COMPARED[slug]
    found: list[Judged] = []
    for number, (one, other) in enumerate(pairs, 1):
        verdict = comparing.judge(records[one].profile, records[other].profile)  # type: ignore[arg-type]
        if verdict.found is not Found.NOTHING:
            found.append(Judged(one, other, verdict))
        if not number % BREATHE_PAIRS:
            await asyncio.sleep(0)
    return found
