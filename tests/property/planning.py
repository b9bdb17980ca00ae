"""One linked pair in memory: two records that store what they are told in a spelling of their own, and what is remembered.

`sync` is the production decision and plan with a pretended apply: no engine, no store, no network. It keeps to the rules of
the engine for bases (R) and refused fields, so that what converges here converges there for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from hypothesis import strategies as st

from interlock.core.codec import Codec, FieldShape, codec_for
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Base, Observation, Raw, RecordKey, Side, SyncRule
from interlock.core.plan import base_after, plan_side
from interlock.core.reconcile import merge_record
from interlock.core.values import Blank, Unknown, Value, fingerprint

KEYS = {
    Side.HUBSPOT: RecordKey(Side.HUBSPOT, "contacts", "1"),
    Side.SALESFORCE: RecordKey(Side.SALESFORCE, "Lead", "00Q"),
}


def _codec(hubspot: str, field_type: str, salesforce: str, **facts: object) -> Codec:
    found = codec_for(
        FieldShape(hubspot_type=hubspot, hubspot_field_type=field_type, salesforce_type=salesforce, **facts)
    )  # type: ignore[arg-type]
    assert isinstance(found, Codec), found
    return found


class Kind(NamedTuple):
    """A pair of field types, what people type into it, and other spellings under which either CRM may store a value."""

    codec: Codec
    typed: tuple[Raw, ...]
    respell: Callable[[Raw], Raw]


def _padded(raw: Raw) -> Raw:
    return f" {raw}\r\n" if raw else raw


def _with_zeros(raw: Raw) -> Raw:
    return f"{raw}0" if isinstance(raw, str) and "." in raw else raw


def _reversed_options(raw: Raw) -> Raw:
    return ";".join(reversed(raw.split(";"))) if isinstance(raw, str) else raw


KINDS = {
    "text": Kind(_codec("string", "text", "string", length=12), ("", "a", "b", "c", "x" * 20, "nul\x00"), _padded),
    "required": Kind(
        _codec("string", "text", "string", length=12, nillable=False, placeholder="[unknown]"),
        ("", "a", "b", "[unknown]"),
        _padded,
    ),
    "number": Kind(
        _codec("number", "number", "double", precision=8, scale=2), ("", "0", "1", "1.005", "2.5", "9e9"), _with_zeros
    ),
    "flag": Kind(_codec("bool", "booleancheckbox", "boolean"), ("", "true", "false"), lambda raw: raw),
    "date": Kind(_codec("date", "date", "date"), ("", "2026-01-31", "2026-02-01", "0001-01-01"), lambda raw: raw),
    "choices": Kind(
        _codec(
            "enumeration",
            "checkbox",
            "multipicklist",
            hubspot_options=("p", "q", "r"),
            picklist=("p", "q", "r"),
            restricted=True,
        ),
        ("", "p", "p;q", "q;p", "r"),
        _reversed_options,
    ),
}


class Lost(NamedTuple):
    field: int
    side: Side
    value: Value


class Written(NamedTuple):
    field: int
    side: Side
    before: Value
    value: Value


class PairInMemory:
    def __init__(self, fields: list[FieldMapping], kinds: list[str]) -> None:
        self.fields = fields
        self.kinds = {field.id: KINDS[kind] for field, kind in zip(fields, kinds, strict=True)}
        self.values: dict[Side, dict[str, Raw]] = {side: {field.name(side): None for field in fields} for side in Side}
        self.base: Base = {}
        self.held: Base = {}
        self.conflicts: list[Lost] = []

    @property
    def mapping(self) -> ObjectMapping:
        return ObjectMapping(1, "contacts", "Lead", tuple(self.fields))

    def seen(self, side: Side) -> Observation:
        return Observation(KEYS[side], dict(self.values[side]), 0, 0, 0)

    def read(self, field: FieldMapping, side: Side) -> Value:
        raw = self.values[side].get(field.name(side))
        return field.codec.from_hubspot(raw) if side is Side.HUBSPOT else field.codec.from_salesforce(raw)

    def edit(self, field: FieldMapping, side: Side, typed: Raw) -> None:
        """A person types something; the CRM stores it, which for a check box or a number is not always what was typed."""
        value = field.codec.from_hubspot(typed)
        if isinstance(value, Unknown):
            self.values[side][field.name(side)] = typed
            return
        if side is Side.SALESFORCE and isinstance(value, Blank):
            self.values[side][field.name(side)] = None
            return
        self.values[side][field.name(side)] = typed

    def agree(self, field: FieldMapping, typed: Raw) -> None:
        for side in Side:
            self.edit(field, side, typed)
        here, there = (self.read(field, side) for side in Side)
        if here == there and not isinstance(here, Unknown):
            self.base[field.id] = (fingerprint(here), fingerprint(there))

    def sync(
        self,
        newest: Side | None = None,
        refused: frozenset[tuple[Side, str]] = frozenset(),
        saves: Mapping[Side, Callable[[Raw], Raw]] | None = None,
        forgets: bool = False,
    ) -> list[Written]:
        """One look at the pair. `saves`: what a CRM makes of a value on save. `forgets`: we crash before we record."""
        merged = merge_record(self.mapping, self.base, self.seen(Side.HUBSPOT), self.seen(Side.SALESFORCE), newest)
        base, held = {**self.base, **merged.agreed}, Base()
        wanted = {decision.mapping.id for decision in merged.writes}
        done: list[Written] = []
        conflicts: list[Lost] = []
        for side in Side:
            plan = plan_side(side, merged.writes, self.held, creating=False, resend_held=False)
            held |= {each.mapping.id: each.seen for each in plan.held}
            for write in plan.fields:
                if (side, write.name) in refused:
                    held[write.mapping.id] = write.seen
                    continue
                respell = self.kinds[write.mapping.id].respell
                save = (saves or {}).get(side, respell)
                self.values[side][write.name] = save(write.raw) if write.raw != "" else None
                base |= base_after([(side, [write])])
                done.append(Written(write.mapping.id, side, write.old, write.decision.merge.value))
                conflict = write.decision.merge.conflict
                if conflict is not None:
                    conflicts.append(Lost(write.mapping.id, conflict.loser, conflict.lost))
        if not forgets:
            written = {each.field for each in done}
            self.held = {id_: seen for id_, seen in self.held.items() if id_ in wanted - written} | held
            self.base = base
            self.conflicts += conflicts
        return done


@st.composite
def pairs(
    draw: st.DrawFn, rules: tuple[SyncRule, ...] = tuple(SyncRule), kinds: tuple[str, ...] = tuple(KINDS)
) -> PairInMemory:
    """A pair some of whose fields once agreed and whose two records were edited apart since."""
    drawn = draw(st.lists(st.tuples(st.sampled_from(kinds), st.sampled_from(rules)), min_size=1, max_size=4))
    fields = [
        FieldMapping(id_, f"p{id_}", f"F{id_}", rule, KINDS[kind].codec)
        for id_, (kind, rule) in enumerate(drawn, start=1)
    ]
    pair = PairInMemory(fields, [kind for kind, _ in drawn])
    for field, (kind, _) in zip(fields, drawn, strict=True):
        typed = st.sampled_from(KINDS[kind].typed)
        if draw(st.booleans()):
            pair.agree(field, draw(typed))
        for side in Side:
            if draw(st.booleans()):
                pair.edit(field, side, draw(typed))
    return pair
