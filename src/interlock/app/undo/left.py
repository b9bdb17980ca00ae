"""What was done since and is not taken back: each with its reason, all of them counted. Reads nothing and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from interlock.app.undo.words import WHY_LEFT
from interlock.core.model import RecordKey, RecordLink, Side
from interlock.engine.undo_history import Left
from interlock.store.aside import Listed
from interlock.store.undos import UndoRow


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
        self.by_why[left.why] = self.by_why.get(left.why, 0) + 1
        self.examples.setdefault(left.why, left)

    def take(self, found: Iterable[Left]) -> None:
        for each in found:
            self.add(left_alone(each))

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
