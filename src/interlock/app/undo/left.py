"""What was done since and is not taken back: each with its reason, all of them counted. Reads nothing and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice

import msgspec

from interlock.app.undo.words import WHY_LEFT
from interlock.core.model import RecordKey, RecordLink, Side
from interlock.engine.undo_history import Left
from interlock.store.aside import Listed
from interlock.store.undos import UndoRow

PAGE = 1_000


class LeftAlone(msgspec.Struct, frozen=True):
    """What was done since and stays. `why` is a code, `because` its sentence; `property` None: the record as a whole."""

    object: str
    hubspot: str | None
    salesforce_id: str | None
    side: Side | None
    property: str | None
    why: str
    because: str


class AllLeft(Listed[LeftAlone]):
    """`by_why`: how many of each reason; `examples`: the first of each."""

    def __init__(self) -> None:
        super().__init__(LeftAlone)
        self.by_why: dict[str, int] = {}
        self.examples: dict[str, LeftAlone] = {}

    def add(self, left: LeftAlone) -> None:
        self.append(left)
        self._count(left)

    def _count(self, left: LeftAlone) -> None:
        self.by_why[left.why] = self.by_why.get(left.why, 0) + 1
        self.examples.setdefault(left.why, left)

    def take(self, found: Iterable[Left]) -> None:
        taken = [left_alone(each) for each in found]
        self.extend(taken)
        for left in taken:
            self._count(left)

    async def take_page_by_page(self, found: Iterable[Left]) -> None:
        """However many there are, whatever else runs has its turn between two pages: what renews the lease, the pages."""
        pages = iter(found)
        while page := list(islice(pages, PAGE)):
            self.take(page)
            if len(page) == PAGE:
                await asyncio.sleep(0)

    def first(self, most: int) -> list[LeftAlone]:
        """So many of them, every reason among them."""
        shown = self[:most]
        missing = [each for why, each in self.examples.items() if all(one.why != why for one in shown)]
        return shown[: most - len(missing)] + missing


def left_of(link: RecordLink, row: UndoRow, why: str) -> LeftAlone:
    property_ = None if row.of_record() else row.property
    return left_alone(Left(link.object, link.hubspot_id, link.salesforce_id, why, row.side, property_))


def left_alone(left: Left) -> LeftAlone:
    hubspot = None if left.hubspot_id is None else str(RecordKey(Side.HUBSPOT, left.object, left.hubspot_id))
    because = WHY_LEFT[left.why]
    return LeftAlone(left.object, hubspot, left.salesforce_id, left.side, left.property, left.why, because)
