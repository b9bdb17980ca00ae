"""`explain`: one record, told whole: both sides, every field with its decision and why, our writes, open issues, why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.app.errors import BadInput, Missing
from interlock.app.find import Found, find
from interlock.app.keys import object_of, parse_key
from interlock.app.look import Clients, Look
from interlock.app.times import rfc3339
from interlock.app.words import because, cause, why_not
from interlock.core.mapping import FieldMapping
from interlock.core.model import AuditKind, AuditRow, Gone, Observation, RecordKey, Side
from interlock.core.plain import plain
from interlock.core.plan import plan_side
from interlock.core.reconcile import FieldDecision
from interlock.core.values import Blank, Unknown, Value, fingerprint
from interlock.engine.filtered import FILTER_UNKNOWN, OUTSIDE_FILTER
from interlock.engine.inclusion import MEMBERSHIP_UNKNOWN, NOT_IN_LIST
from interlock.engine.pipelines import PIPELINE_NOT_SYNCED
from interlock.objects.registry import SPECS
from interlock.store import Store
from interlock.store.connections import Connection

Json = dict[str, Any]


async def explain(
    store: Store, connection: Connection, text: str, clients: Clients | None, clock_us: Callable[[], int]
) -> Json:
    """`clients` None: read neither CRM. Raises Missing, BadInput."""
    assert connection.id is not None
    key = parse_key(text) or await _searched(store, connection.id, text, clients)
    look = Look(store, connection, clients, clock_us, object_of(key), key)
    await look.look()
    return _Document(look).whole()


async def _searched(store: Store, connection_id: int, text: str, clients: Clients | None) -> RecordKey:
    """The one record that `text` finds. Of several the linked pair, if there is just one."""
    found = (await find(store, connection_id, text, clients)).found
    if not found:
        raise Missing(
            f"Nothing is known of {text!r}.",
            code="no_such_record",
            fix="Give its record key, a Salesforce id, an e-mail, or the address of its page in either CRM.",
        )
    linked = [each for each in found if each.link is not None]
    if len(found) > 1 and len(linked) != 1:
        raise BadInput(
            f"{text!r} finds several records: {', '.join(map(_name, found))}.",
            code="several_found",
            fix="Name one of them by its key.",
        )
    chosen = linked[0] if len(found) > 1 else found[0]
    return chosen.keys.get(Side.HUBSPOT) or chosen.keys[Side.SALESFORCE]


def _name(found: Found) -> str:
    return str(found.keys.get(Side.HUBSPOT) or found.keys[Side.SALESFORCE])


class _Document:
    """What a look found, as the JSON of the interface."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.link = look.link
        self.work = look.work

    def whole(self) -> Json:
        keys = {side: self._key(side) for side in Side}
        return {
            "object": self.look.slug,
            "label": self.work.label() if self.work is not None else None,
            "hubspot": str(keys[Side.HUBSPOT]) if keys[Side.HUBSPOT] else None,
            "salesforce": str(keys[Side.SALESFORCE]) if keys[Side.SALESFORCE] else None,
            "link": self._link_document(),
            "eligible": self._eligible(),
            "why_not": self.look.whys,
            "why_not_because": [why_not(code) for code in self.look.whys],
            "read": {side.value: self.look.read[side] for side in Side},
            "fields": self._fields(),
            "history": [_history(row) for row in self.look.history],
            "issues": self.look.issue_ids,
        }

    def _key(self, side: Side) -> RecordKey | None:
        if self.link is not None:
            return self.link.key(side)
        if self.look.key.side is side:
            return self.look.key
        # Not linked yet: the record with which the next sync would link it.
        return self.work.key(side) if self.work is not None and self.work.new_link else None

    def _link_document(self) -> Json | None:
        if self.link is None:
            return None
        return {
            "state": self.link.state.value,
            "linked_by": self.link.linked_by.value,
            "linked_at": rfc3339(self.link.linked_at_us),
            "last_synced_at": rfc3339(self.link.synced_at_us),
        }

    def _eligible(self) -> bool | None:
        if {NOT_IN_LIST, OUTSIDE_FILTER, PIPELINE_NOT_SYNCED} & set(self.look.whys):
            return False
        if MEMBERSHIP_UNKNOWN in self.look.whys or FILTER_UNKNOWN in self.look.whys:
            return None
        if self.link is not None:
            return True
        seen = self.work.seen(self.look.key.side) if self.work is not None else None
        if not isinstance(seen, Observation):
            return False if isinstance(seen, Gone) else None
        return SPECS[self.look.slug].why_not_eligible(self.look.key.side, seen.values) is None

    def _fields(self) -> list[Json]:
        if self.look.decisions:
            held = self._held()
            return [self._field(each, held) for each in self.look.decisions]
        if self.look.runtime is None:
            return []
        type_ = self._salesforce_type()
        return [self._undecided(field) for field in self.look.runtime.mapping_for(type_).fields] if type_ else []

    def _salesforce_type(self) -> str | None:
        assert self.look.runtime is not None
        if self.link is not None:
            type_: str | None = self.link.salesforce_type
        else:
            becomes = self.work.create_type if self.work is not None else self.look.runtime.create_type
            type_ = self.look.key.type if self.look.key.side is Side.SALESFORCE else becomes
        return type_ if type_ in self.look.runtime.mappings else None

    def _held(self) -> set[int]:
        """Fields that the other side cannot hold, or refused before."""
        link = self.link
        known = link.held if link is not None else {}
        held: set[int] = set()
        for side in Side:
            plan = plan_side(side, self.look.decisions, {}, creating=link is None, resend_held=True)
            held |= {each.mapping.id for each in plan.held}
            held |= {each.mapping.id for each in plan.fields if known.get(each.mapping.id) == each.seen}
        return held

    def _field(self, decided: FieldDecision, held: set[int]) -> Json:
        field, merge = decided.mapping, decided.merge
        is_held = field.id in held and merge.write is not None
        decision = "held" if is_held else _decision(decided)
        base = self.link.base.get(field.id) if self.link is not None else None
        return {
            **self._names(field),
            "hubspot": _shown(decided.hubspot),
            "salesforce": _shown(decided.salesforce),
            "base_hubspot": self._base(field, base, 0, decided.hubspot),
            "base_salesforce": self._base(field, base, 1, decided.salesforce),
            "decision": decision,
            "because": because(merge, held=is_held),
            "code": merge.because.value,
        }

    def _undecided(self, field: FieldMapping) -> Json:
        """A side was not read: what is known of the field, without a decision."""
        base = self.link.base.get(field.id) if self.link is not None else None
        seen = self._seen_values(field)
        return {
            **self._names(field),
            "hubspot": seen[Side.HUBSPOT],
            "salesforce": seen[Side.SALESFORCE],
            "base_hubspot": self._base(field, base, 0, None),
            "base_salesforce": self._base(field, base, 1, None),
            "decision": "unknown",
            "because": "Both sides must be read to decide, and one was not.",
            "code": "not_read",
        }

    def _seen_values(self, field: FieldMapping) -> dict[Side, str | None]:
        values: dict[Side, str | None] = {}
        for side in Side:
            seen = self.work.seen(side) if self.work is not None else None
            parse = field.codec.from_hubspot if side is Side.HUBSPOT else field.codec.from_salesforce
            name = field.name(side)
            held = isinstance(seen, Observation) and name in seen.values
            values[side] = _shown(parse(seen.values[name])) if held and isinstance(seen, Observation) else None
        return values

    @staticmethod
    def _names(field: FieldMapping) -> Json:
        return {"property": field.property, "field": field.field, "rule": field.effective_rule.value}

    def _base(self, field: FieldMapping, base: tuple[int, int] | None, place: int, now: Value | None) -> str | None:
        """The value behind a fingerprint: the one that is there now, or one that the history shows. None: not known."""
        if base is None:
            return None
        if now is not None and not isinstance(now, Unknown) and fingerprint(now) == base[place]:
            return _shown(now)
        return next((text for value, text in self._past(field) if fingerprint(value) == base[place]), None)

    def _past(self, field: FieldMapping) -> list[tuple[Value, str]]:
        """Values that this field is known to have had, newest first; always also blank."""
        texts: list[Any] = [""]
        for row in self.look.history:
            if (row.property, row.field) == (field.property, field.field):
                texts += [row.new, row.old]
            elif row.kind is AuditKind.CREATE and isinstance(row.new, dict):
                texts += [row.new.get(field.property), row.new.get(field.field)]
        past = []
        for text in texts:
            for parse in (field.codec.from_hubspot, field.codec.from_salesforce):
                value = parse(text)
                shown = _shown(value)
                if shown is not None:
                    past.append((value, shown))
        return past


def _decision(decided: FieldDecision) -> str:
    merge = decided.merge
    if isinstance(decided.hubspot, Unknown) or isinstance(decided.salesforce, Unknown):
        return "unknown"
    if merge.both:
        return "to_both"
    return {None: "none", Side.HUBSPOT: "to_hubspot", Side.SALESFORCE: "to_salesforce"}[merge.write]


def _shown(value: Value) -> str | None:
    """Text for a value, "" for a blank, None for what is not known."""
    if isinstance(value, Blank):
        return ""
    return None if isinstance(value, Unknown) else plain(value)


def _history(row: AuditRow) -> Json:
    created = row.kind is AuditKind.CREATE
    return {
        "at": rfc3339(row.at_us),
        "kind": row.kind.value,
        "side": row.side.value if row.side else None,
        "property": row.property,
        "field": row.field,
        "old": plain(row.old),
        "new": None if created else plain(row.new),
        "values": {name: plain(value) for name, value in row.new.items()} if isinstance(row.new, dict) else None,
        "cause": cause(row.cause),
        "cause_code": row.cause,
        "rule": row.rule,
        "by": "person" if row.cause in ("person_chose", "person_undid") else "interlock",
    }
