"""From decided fields to the writes that carry them out: rendered, bounded to what the target accepts. Pure.

One field that cannot be expressed on the target never stops its record: it is left out, and the reason goes with the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from interlock.core.codec import CodecError
from interlock.core.mapping import FieldMapping
from interlock.core.model import Base, FieldBase, Raw, Side
from interlock.core.reconcile import FieldDecision
from interlock.core.values import Unknown, Value, fingerprint


class FieldWrite(msgspec.Struct, frozen=True):
    """One field of one record write. Fingerprints: what is written, what was read on the source, what was read on the target."""

    mapping: FieldMapping
    name: str
    raw: Raw
    written: int
    source: int
    target: int
    old: Value
    decision: FieldDecision

    @property
    def seen(self) -> FieldBase:
        return seen(self.decision)


class HeldField(msgspec.Struct, frozen=True):
    """A field left out of a write, with the reason a person must see. `seen`: what both sides hold, so that it waits."""

    mapping: FieldMapping
    side: Side
    code: str
    message: str
    seen: FieldBase
    value: Value


class SidePlan(msgspec.Struct):
    """What one side of one pair should be told."""

    side: Side
    fields: list[FieldWrite]
    held: list[HeldField]


def plan_side(
    side: Side, decisions: Iterable[FieldDecision], held: Mapping[int, FieldBase], creating: bool, resend_held: bool
) -> SidePlan:
    """The writes to `side`. `held`: what both sides held when a write was refused before.

    A refused field waits in both directions. Our own writes of its neighbours move a record's stamp, and with it which
    side was edited last: carried the other way for that, the older edit would replace the newer one.
    """
    plan = SidePlan(side, [], [])
    for decision in decisions:
        if not decision.merge.writes(side):
            continue
        mapping = decision.mapping
        source, target = _by_direction(decision, side)
        both = seen(decision)
        if not resend_held and held.get(mapping.id) == both:
            continue
        value = decision.merge.value
        if not _accepts(mapping, side, creating):
            if creating:
                # A field that can only be set later is blank until then, and is filled by the next look at the pair.
                continue
            plan.held.append(HeldField(mapping, side, *_NOT_UPDATEABLE, both, value))
            continue
        try:
            raw = mapping.codec.to_hubspot(value) if side is Side.HUBSPOT else mapping.codec.to_salesforce(value)
        except CodecError as refusal:
            plan.held.append(HeldField(mapping, side, refusal.code, refusal.message, both, value))
            continue
        plan.fields.append(
            FieldWrite(
                mapping,
                mapping.name(side),
                raw,
                fingerprint(value),
                fingerprint(source),
                0 if type(target) is Unknown else fingerprint(target),
                target,
                decision,
            )
        )
    return plan


# The code that Salesforce would answer; said before the request so that the other fields go through.
_NOT_UPDATEABLE = (
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "the sync user may set this field when a record is created, and not change it later",
)


def base_after(landed: Iterable[tuple[Side, Iterable[FieldWrite]]]) -> Base:
    """Rule R: a side's base is what was written there, else what was read there. Of a value for both sides either may have
    landed alone."""
    base: Base = {}
    for side, writes in landed:
        for write in writes:
            hubspot, salesforce = base.get(write.mapping.id, write.seen)
            base[write.mapping.id] = (write.written, salesforce) if side is Side.HUBSPOT else (hubspot, write.written)
    return base


def seen(decision: FieldDecision) -> FieldBase:
    """Both sides' values as they were read; a write is only decided where both could be."""
    return fingerprint(decision.hubspot), fingerprint(decision.salesforce)


def _accepts(mapping: FieldMapping, side: Side, creating: bool) -> bool:
    if side is Side.HUBSPOT:
        return mapping.hubspot_writable
    return mapping.salesforce_createable if creating else mapping.salesforce_updateable


def _by_direction(decision: FieldDecision, target: Side) -> tuple[Value, Value]:
    """(source, target)."""
    if target is Side.SALESFORCE:
        return decision.hubspot, decision.salesforce
    return decision.salesforce, decision.hubspot
