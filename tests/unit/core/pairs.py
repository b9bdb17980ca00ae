"""A linked pair with one field, for tests that tell what happened to it and ask what becomes of it."""

from __future__ import annotations

from typing import Self

import msgspec

from interlock.core.codec import TextCodec
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Base, ConflictReason, Observation, RecordKey, Side, SyncRule
from interlock.core.reconcile import RecordMerge, merge_record
from interlock.core.values import BLANK, Text, Value, fingerprint

HUBSPOT = RecordKey(Side.HUBSPOT, "contacts", "1")
SALESFORCE = RecordKey(Side.SALESFORCE, "Contact", "0031")


class SetHubSpot(msgspec.Struct, frozen=True):
    value: Value
    lost: Value | None = None
    reason: ConflictReason | None = None


class SetSalesforce(msgspec.Struct, frozen=True):
    value: Value
    lost: Value | None = None
    reason: ConflictReason | None = None


def title(rule: SyncRule, **facts: object) -> FieldMapping:
    return FieldMapping(
        **{"id": 7, "property": "jobtitle", "field": "Title", "rule": rule, "codec": TextCodec(), **facts}
    )  # type: ignore[arg-type]


class Pair:
    """`agreed`, `hubspot` and `salesforce` say what both agreed on and what each holds now; `merge` asks."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        self.base: Base = {}
        self.values: dict[Side, str | None] = {}
        self.newest: Side | None = None
        self.hidden: set[Side] = set()

    def agreed(self, value: str | None) -> Self:
        print_ = fingerprint(BLANK if value is None else Text(value))
        self.base = {7: (print_, print_)}
        self.values = {Side.HUBSPOT: value, Side.SALESFORCE: value}
        return self

    def hubspot(self, value: str | None) -> Self:
        self.values[Side.HUBSPOT] = value
        return self

    def salesforce(self, value: str | None) -> Self:
        self.values[Side.SALESFORCE] = value
        return self

    def edited_last_in(self, side: Side) -> Self:
        self.newest = side
        return self

    def unreadable_in(self, side: Side) -> Self:
        self.hidden.add(side)
        return self

    def seen(self, side: Side) -> Observation:
        field = title(SyncRule.TWO_WAY, **self.facts)
        values = {} if side in self.hidden else {field.name(side): self.values.get(side)}
        return Observation(HUBSPOT if side is Side.HUBSPOT else SALESFORCE, values, 0, 0, 0)

    def record_merge(self, rule: SyncRule) -> RecordMerge:
        mapping = ObjectMapping(1, "contacts", "Contact", (title(rule, **self.facts),))
        return merge_record(mapping, self.base, self.seen(Side.HUBSPOT), self.seen(Side.SALESFORCE), self.newest)

    def merge(self, rule: SyncRule) -> SetHubSpot | SetSalesforce | None:
        merged = self.record_merge(rule)
        if not merged.writes:
            assert not merged.conflicts
            return None
        (decision,) = merged.writes
        conflict = decision.merge.conflict
        told = SetHubSpot if decision.merge.write is Side.HUBSPOT else SetSalesforce
        if conflict is None:
            return told(decision.merge.value)
        return told(decision.merge.value, conflict.lost, conflict.reason)
