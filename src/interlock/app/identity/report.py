"""The duplicate report: which records of one CRM are one person or company, before they are synced. Reads all of an object, and
writes and merges nothing.

Two with the same e-mail address or domain (companies: or name) would be a question to a sync. Who only looks like another is told
as well, with the reasons: such two would become two pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from interlock.app.identity.reading import COMPARED, Read, Reader, judged
from interlock.app.schemas import kept_schemas
from interlock.core.identity import candidates, duplicates
from interlock.core.identity.verdict import Found
from interlock.core.model import RecordKey, Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.store import Store
from interlock.store.connections import Connection

Json = dict[str, Any]

# Of an object in one CRM: they are held in memory together.
RECORDS_MOST = 100_000
# In one answer, the largest first.
GROUPS_MOST = 500
LIKENESS = "likeness"
_KINDS = {"contacts": ("email",), "companies": ("domain", "name")}


class Group(msgspec.Struct, frozen=True):
    """`by`: email, domain or name, which all have in common, or likeness. `sure`: nothing speaks against it."""

    by: str
    members: tuple[RecordKey, ...]
    sure: bool
    reasons: tuple[str, ...]


class Duplicates(msgspec.Struct):
    """Of one object in one CRM. `extra`: how many records there would be fewer, if every group were merged."""

    records: int
    left_out: int
    groups: list[Group]
    extra: int
    labels: dict[RecordKey, str]

    def document(self) -> Json:
        return {
            "records": self.records,
            "left_out": self.left_out,
            "extra_records": self.extra,
            "groups_in_all": len(self.groups),
            "groups": [
                {
                    "by": each.by,
                    "sure": each.sure,
                    "members": [{"record": str(key), "label": self.labels[key] or None} for key in each.members],
                    "reasons": list(each.reasons),
                }
                for each in self.groups[:GROUPS_MOST]
            ],
        }


async def report(
    store: Store,
    connection: Connection,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    only: Sequence[str],
    sides: Sequence[Side] = tuple(Side),
) -> dict[str, dict[Side, Duplicates]]:
    """By object, then by CRM. Raises CrmError."""
    assert connection.id is not None
    slugs = [slug for slug in only if slug in COMPARED]
    schemas = await kept_schemas(store, connection.id, hubspot, salesforce, slugs)
    reader = Reader(schemas, hubspot, salesforce)
    return {slug: {side: await _of_side(reader, slug, side) for side in sides} for slug in slugs}


def document(found: dict[str, dict[Side, Duplicates]]) -> Json:
    return {
        "objects": {
            slug: {side.value: each.document() for side, each in sides.items()} for slug, sides in found.items()
        }
    }


async def _of_side(reader: Reader, slug: str, side: Side) -> Duplicates:
    read: dict[RecordKey, Read] = {}
    left_out = 0
    async for page in reader.every(slug, side):
        room = max(0, RECORDS_MOST - len(read))
        read |= dict(list(page.items())[:room])
        left_out += len(page) - min(room, len(page))
    exact = list(_with_the_same(slug, read))
    comparing = COMPARED[slug]
    profiles: dict[RecordKey, Any] = {key: each.profile for key, each in read.items()}
    keyed = list(comparing.keyed(profiles))
    alike = duplicates.report(await judged(slug, candidates.within(keyed), read), ())
    known = _Sets()
    for group in exact:
        known.add(group.members)
    groups = [
        *exact,
        *(
            Group(LIKENESS, each.members, each.found is Found.LINK, _reasons(each))
            for each in alike.groups
            if not known.hold(each.members)
        ),
    ]
    groups.sort(key=lambda group: (-len(group.members), group.by == LIKENESS, group.members))
    labels = {key: read[key].label for group in groups for key in group.members}
    return Duplicates(len(read), left_out, groups, _extra(groups), labels)


class _Sets:
    """Sets of records, found by any of their members: of a hundred thousand records there may be as many sets."""

    def __init__(self) -> None:
        self._of: dict[RecordKey, list[frozenset[RecordKey]]] = defaultdict(list)

    def add(self, members: Sequence[RecordKey]) -> None:
        one = frozenset(members)
        for key in one:
            self._of[key].append(one)

    def hold(self, members: Sequence[RecordKey]) -> bool:
        """Whether all of these are together in one of them."""
        return any(one.issuperset(members) for one in self._of.get(members[0], ()))


def _with_the_same(slug: str, read: dict[RecordKey, Read]) -> Iterable[Group]:
    by_key: dict[tuple[str, str], list[RecordKey]] = defaultdict(list)
    for record, each in read.items():
        for key in each.keys:
            by_key[key].append(record)
    told = _Sets()
    # The stronger kind first: who has one domain need not be told for one name again.
    for kind in _KINDS[slug]:
        for (of_kind, _), records in sorted(by_key.items()):
            if of_kind == kind and len(records) > 1 and not told.hold(records):
                told.add(records)
                yield Group(kind, tuple(sorted(records)), True, ())


def _reasons(group: duplicates.Group) -> tuple[str, ...]:
    """Of the likeliest two of them, what speaks for it and against."""
    likeliest = max(group.pairs, key=lambda each: each.verdict.points)
    return tuple(reason.sentence for reason in likeliest.verdict.reasons)


def _extra(groups: Iterable[Group]) -> int:
    """A record may be in several groups: those that share one are one."""
    of: dict[RecordKey, set[RecordKey]] = {}
    for group in groups:
        joined: set[RecordKey] = set(group.members)
        for key in group.members:
            joined |= of.get(key, set())
        for key in joined:
            of[key] = joined
    return len(of) - len({id(each) for each in of.values()})
