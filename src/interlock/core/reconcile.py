"""The three-way merge: what one field, and one linked pair, should become. Pure; the heart of the promise.

A field is decided from five things and nothing else: its base (what both sides held when they last agreed), what each side
holds now, the rule, and which side was edited last. Who wrote a value plays no part: an echo of our own write equals its
base and so is no change. docs/guarantees.md holds the same table in words, and a test keeps the two equal.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from interlock.core.invariants import check_write
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Base, ConflictReason, FieldBase, Observation, Raw, Side, SyncRule
from interlock.core.values import BLANK, BLANK_FINGERPRINT, Unknown, Value, fingerprint


class Because(enum.StrEnum):
    """Why a field was decided as it was. Shown by `explain`; each is a branch that the tests must hit."""

    NOT_SYNCED = "not_synced"
    UNREADABLE = "unreadable"
    EQUAL = "equal"
    FILLED_BLANK = "filled_blank"
    MAY_DIFFER = "may_differ"
    FIRST_LINK = "first_link"
    HUBSPOT_CHANGED = "hubspot_changed"
    SALESFORCE_CHANGED = "salesforce_changed"
    RULE_KEEPS_SALESFORCE = "rule_keeps_salesforce"
    RULE_KEEPS_HUBSPOT = "rule_keeps_hubspot"
    BOTH_CHANGED = "both_changed"
    UNEQUAL = "unequal"
    GAVE_WAY = "gave_way"  # an owner whom the other side does not know (owner_merge.py)
    PERSON_CHOSE = "person_chose"
    PERSON_UNDID = "person_undid"


class FieldConflict(msgspec.Struct, frozen=True):
    """A value that is about to be replaced although nobody who wrote the other one could see it."""

    reason: ConflictReason
    loser: Side
    lost: Value
    kept: Value


class FieldMerge(msgspec.Struct, frozen=True):
    """One field decided. `write`: the side to change, to `value`. `agree`: what is there now may become the base.

    `both`: the other side is changed to `value` as well, which only a person's choice does.
    """

    because: Because
    write: Side | None = None
    value: Value = BLANK
    agree: bool = False
    conflict: FieldConflict | None = None
    both: bool = False

    def writes(self, side: Side) -> bool:
        return self.write is side or (self.both and self.write is not None)


_UNREADABLE = FieldMerge(Because.UNREADABLE)
_NOT_SYNCED = FieldMerge(Because.NOT_SYNCED)
_EQUAL = FieldMerge(Because.EQUAL, agree=True)
# The base then holds two different halves: both were looked at, and they never agreed.
_MAY_DIFFER = FieldMerge(Because.MAY_DIFFER, agree=True)


def merge_field(
    base: FieldBase | None, hubspot: Value, salesforce: Value, rule: SyncRule, newest: Side | None = None
) -> FieldMerge:
    """Decide one field of one linked pair.

    `newest` is the side edited last, or None when the two clocks are too close to tell. Both values are canonical, so `==`
    is the question "do both sides hold the same".
    """
    if rule is SyncRule.DONT_SYNC:
        return _NOT_SYNCED
    # A side that we cannot read says nothing about its value: to treat it as blank would wipe the other side.
    if type(hubspot) is Unknown or type(salesforce) is Unknown:
        return _UNREADABLE
    # From here on both sides are readable.
    if hubspot == salesforce:
        return _EQUAL
    # From here on they differ.
    if base is None:
        return _first_meeting(hubspot, salesforce, rule, newest)
    hubspot_changed = fingerprint(hubspot) != base[0]
    salesforce_changed = fingerprint(salesforce) != base[1]
    if rule is SyncRule.TWO_WAY:
        merge = _two_way(hubspot, salesforce, hubspot_changed, salesforce_changed, newest)
    else:
        merge = _one_side_leads(hubspot, salesforce, hubspot_changed, salesforce_changed, rule)
    return merge if base[0] == base[1] else _nothing_unseen_lost(merge, hubspot, salesforce, rule)


def _first_meeting(hubspot: Value, salesforce: Value, rule: SyncRule, newest: Side | None) -> FieldMerge:
    """The pair differs and never agreed on this field: a new link or a new mapping."""
    if hubspot == BLANK:
        # "Always use HubSpot" carries HubSpot's values, and a value that was never there is none.
        return _MAY_DIFFER if rule is SyncRule.ALWAYS_HUBSPOT else _fill(hubspot, salesforce)
    if salesforce == BLANK:
        return _MAY_DIFFER if rule is SyncRule.ALWAYS_SALESFORCE else _fill(hubspot, salesforce)
    return _overwrite(Because.FIRST_LINK, ConflictReason.FIRST_LINK, _winner(rule, newest), hubspot, salesforce)


def _two_way(
    hubspot: Value, salesforce: Value, hubspot_changed: bool, salesforce_changed: bool, newest: Side | None
) -> FieldMerge:
    if hubspot_changed and not salesforce_changed:
        return FieldMerge(Because.HUBSPOT_CHANGED, Side.SALESFORCE, hubspot)
    if salesforce_changed and not hubspot_changed:
        return FieldMerge(Because.SALESFORCE_CHANGED, Side.HUBSPOT, salesforce)
    winner = _winner(SyncRule.TWO_WAY, newest)
    if hubspot_changed:
        return _overwrite(Because.BOTH_CHANGED, ConflictReason.BOTH_CHANGED, winner, hubspot, salesforce)
    # Neither changed since we looked, and yet they differ: the rule let them then, or our base is wrong. A side that is
    # blank and was blank then was never cleared, so filling it loses nothing; two values are a conflict, never silent.
    if BLANK in (hubspot, salesforce):
        return _fill(hubspot, salesforce)
    return _overwrite(Because.UNEQUAL, ConflictReason.UNEQUAL, winner, hubspot, salesforce)


def _one_side_leads(
    hubspot: Value, salesforce: Value, hubspot_changed: bool, salesforce_changed: bool, rule: SyncRule
) -> FieldMerge:
    """Prefer and always, for either side. Written once for a leader and a follower; Salesforce leads in the native rules."""
    leads = _winner(rule, None)
    if leads is Side.SALESFORCE:
        leader, leader_changed = salesforce, salesforce_changed
        follower, follower_changed = hubspot, hubspot_changed
        changed, keeps = Because.SALESFORCE_CHANGED, Because.RULE_KEEPS_SALESFORCE
    else:
        leader, leader_changed = hubspot, hubspot_changed
        follower, follower_changed = salesforce, salesforce_changed
        changed, keeps = Because.HUBSPOT_CHANGED, Because.RULE_KEEPS_HUBSPOT
    follows = leads.other

    # "Was just emptied" and "is empty" are told apart by the base alone: only the first clears the follower.
    if leader == BLANK and not leader_changed:
        # The leader has no value and had none. The follower holds one, since the two differ.
        if rule in (SyncRule.ALWAYS_SALESFORCE, SyncRule.ALWAYS_HUBSPOT):
            return _MAY_DIFFER
        return FieldMerge(Because.FILLED_BLANK, leads, follower)

    # The leader holds a value or was just emptied, and the follower holds another value or none.
    if leader_changed and not follower_changed:
        return FieldMerge(changed, follows, leader)
    if leader_changed:
        conflict = FieldConflict(ConflictReason.BOTH_CHANGED, follows, follower, leader)
        return FieldMerge(Because.BOTH_CHANGED, follows, leader, conflict=conflict)
    if not follower_changed and follower == BLANK:
        return _fill(hubspot, salesforce)
    reason = ConflictReason.RULE if follower_changed else ConflictReason.UNEQUAL
    because = keeps if follower_changed else Because.UNEQUAL
    return FieldMerge(because, follows, leader, conflict=FieldConflict(reason, follows, follower, leader))


def _nothing_unseen_lost(merge: FieldMerge, hubspot: Value, salesforce: Value, rule: SyncRule) -> FieldMerge:
    """The two never agreed: the rule let them differ. So an unchanged value is one that nobody on the other side has seen,
    and to replace it like one that was agreed on would lose it without a word."""
    if merge.write is None or merge.conflict is not None:
        return merge
    lost = hubspot if merge.write is Side.HUBSPOT else salesforce
    if lost == BLANK:
        return merge
    reason = ConflictReason.UNEQUAL if rule is SyncRule.TWO_WAY else ConflictReason.RULE
    return FieldMerge(
        merge.because, merge.write, merge.value, conflict=FieldConflict(reason, merge.write, lost, merge.value)
    )


def _fill(hubspot: Value, salesforce: Value) -> FieldMerge:
    """One of the two is blank and takes the other's value: nothing is lost."""
    if hubspot == BLANK:
        return FieldMerge(Because.FILLED_BLANK, Side.HUBSPOT, salesforce)
    return FieldMerge(Because.FILLED_BLANK, Side.SALESFORCE, hubspot)


def _winner(rule: SyncRule, newest: Side | None) -> Side:
    if rule in (SyncRule.PREFER_HUBSPOT, SyncRule.ALWAYS_HUBSPOT):
        return Side.HUBSPOT
    if rule is SyncRule.TWO_WAY and newest is not None:
        return newest
    return Side.SALESFORCE


def _overwrite(because: Because, reason: ConflictReason, winner: Side, hubspot: Value, salesforce: Value) -> FieldMerge:
    kept, lost = (hubspot, salesforce) if winner is Side.HUBSPOT else (salesforce, hubspot)
    return FieldMerge(because, winner.other, kept, conflict=FieldConflict(reason, winner.other, lost, kept))


class Choice(msgspec.Struct, frozen=True):
    """What a person chose for a conflict: `chosen` is to stand on both sides in place of any of `others`."""

    chosen: Value
    others: tuple[Value, ...]


def merge_chosen(hubspot: Value, salesforce: Value, choice: Choice) -> FieldMerge | None:
    """Decide one field by a person's choice. None when the choice no longer holds: decide as if there were none."""
    if type(hubspot) is Unknown or type(salesforce) is Unknown:
        return _UNREADABLE
    # The person saw these values. Any other was written by somebody after that, and is not theirs to overwrite.
    seen = (choice.chosen, *choice.others)
    if hubspot not in seen or salesforce not in seen:
        return None
    if hubspot == salesforce == choice.chosen:
        return _EQUAL
    side = Side.SALESFORCE if hubspot == choice.chosen else Side.HUBSPOT
    neither_holds_it = choice.chosen not in (hubspot, salesforce)
    return FieldMerge(Because.PERSON_CHOSE, side, choice.chosen, both=neither_holds_it)


class Undo(msgspec.Struct, frozen=True):
    """A write of ours that a person takes back: `side` is to hold `wanted` again in place of `written`. `both`: the other side
    was written as well, by a person's choice, and goes back with it. `done`: it holds it again, and the two stay apart."""

    side: Side
    wanted: Value
    written: Value
    both: bool = False
    done: bool = False


def merge_undone(hubspot: Value, salesforce: Value, undo: Undo) -> FieldMerge | None:
    """Decide one field by an undo. None when it no longer holds: decide as if there were none."""
    if type(hubspot) is Unknown or type(salesforce) is Unknown:
        return _UNREADABLE
    if undo.done:
        # What we carried over stays taken back, whatever the rule says, until somebody edits either side.
        return FieldMerge(Because.PERSON_UNDID, agree=True)
    # Only our own value is taken back. Where either side holds another one, somebody has edited it since.
    if hubspot != undo.written or salesforce != undo.written:
        return None
    return FieldMerge(Because.PERSON_UNDID, undo.side, undo.wanted, both=undo.both)


class FieldDecision(msgspec.Struct, frozen=True):
    mapping: FieldMapping
    merge: FieldMerge
    hubspot: Value
    salesforce: Value


class RecordMerge(msgspec.Struct):
    """The decision on one pair. `agreed` holds bases that may be recorded at once: nothing has to be written for them."""

    writes: list[FieldDecision]
    agreed: Base
    conflicts: list[FieldDecision]

    @property
    def nothing_to_do(self) -> bool:
        return not self.writes and not self.agreed and not self.conflicts


# What a person decided about a field, which stands above its rule.
Chosen = Choice | Undo
NO_CHOICES: Mapping[int, Chosen] = {}
_BY_A_PERSON = (Because.PERSON_CHOSE, Because.PERSON_UNDID)


def merge_record(
    mapping: ObjectMapping,
    base: Base,
    hubspot: Observation,
    salesforce: Observation,
    newest: Side | None,
    choices: Mapping[int, Chosen] = NO_CHOICES,
) -> RecordMerge:
    """Decide every mapped field of a pair. `newest`: the side edited last, None when the clocks are too close to tell.

    `choices`: field mapping id -> what a person chose for a conflict about this field, or undid.
    """
    result = RecordMerge([], {}, [])
    for field in mapping.fields:
        print_ = _same_on_both(field, hubspot.values, salesforce.values)
        if print_ is not None and field.id not in choices:
            # Nearly every field of nearly every pair ends here, as merge_field would end it: EQUAL.
            if base.get(field.id) != (print_, print_):
                result.agreed[field.id] = (print_, print_)
            continue
        decision = decide_field(field, base, hubspot, salesforce, newest, choices)
        merge = decision.merge
        if merge.write is not None:
            check_write(base.get(decision.mapping.id), decision, merge.because in _BY_A_PERSON)
            result.writes.append(decision)
        elif merge.agree:
            agreed = (fingerprint(decision.hubspot), fingerprint(decision.salesforce))
            if base.get(decision.mapping.id) != agreed:
                result.agreed[decision.mapping.id] = agreed
        if merge.conflict is not None:
            result.conflicts.append(decision)
    return result


def decide_fields(
    mapping: ObjectMapping,
    base: Base,
    hubspot: Observation,
    salesforce: Observation,
    newest: Side | None,
    choices: Mapping[int, Chosen] = NO_CHOICES,
) -> list[FieldDecision]:
    """Every mapped field with its decision, `explain`'s view of `merge_record`."""
    return [decide_field(field, base, hubspot, salesforce, newest, choices) for field in mapping.fields]


def decide_field(
    field: FieldMapping,
    base: Base,
    hubspot: Observation,
    salesforce: Observation,
    newest: Side | None,
    choices: Mapping[int, Chosen],
) -> FieldDecision:
    left = read_hubspot(field, hubspot)
    right = read_salesforce(field, salesforce)
    choice = choices.get(field.id)
    chosen = None
    if isinstance(choice, Undo):
        chosen = merge_undone(left, right, choice)
    elif choice is not None:
        chosen = merge_chosen(left, right, choice)
    decide = field.decided_by or merge_field
    merge = chosen or decide(base.get(field.id), left, right, field.effective_rule, newest)
    return FieldDecision(field, merge, left, right)


_ABSENT = object()


def _same_on_both(field: FieldMapping, hubspot: Mapping[str, Raw], salesforce: Mapping[str, Raw]) -> int | None:
    """The fingerprint of a value that both sides hold, of a field that syncs; None for every other field."""
    if field.effective_rule is SyncRule.DONT_SYNC:
        return None
    left, right = hubspot.get(field.property, _ABSENT), salesforce.get(field.field, _ABSENT)
    if left is None and right is None and field.codec.null_is_blank:
        return BLANK_FINGERPRINT
    if left is _ABSENT or right is _ABSENT:
        return None
    value = field.codec.from_hubspot(left)
    if type(value) is Unknown or value != field.codec.from_salesforce(right):
        return None
    return fingerprint(value)


NOT_ANSWERED = Unknown("the CRM did not return this field")


def read_hubspot(field: FieldMapping, seen: Observation) -> Value:
    # A property missing from the answer is not readable; None in the answer is blank.
    if field.property not in seen.values:
        return NOT_ANSWERED
    return field.codec.from_hubspot(seen.values[field.property])


def read_salesforce(field: FieldMapping, seen: Observation) -> Value:
    if field.field not in seen.values:
        return NOT_ANSWERED
    return field.codec.from_salesforce(seen.values[field.field])


def print_of(field: FieldMapping, side: Side, values: Mapping[str, Raw]) -> int | None:
    """The fingerprint of what `side` holds, None where it cannot be read: what a base is compared with."""
    raw = values.get(field.property if side is Side.HUBSPOT else field.field, _ABSENT)
    if raw is None and field.codec.null_is_blank:
        return BLANK_FINGERPRINT
    if raw is _ABSENT:
        return None
    value = field.codec.from_hubspot(raw) if side is Side.HUBSPOT else field.codec.from_salesforce(raw)
    return None if type(value) is Unknown else fingerprint(value)


class SetMerge(msgspec.Struct, frozen=True):
    """What a set of references (contact roles of an opportunity) needs on either side to agree again."""

    add_in_hubspot: tuple[int, ...]
    remove_in_hubspot: tuple[int, ...]
    add_in_salesforce: tuple[int, ...]
    remove_in_salesforce: tuple[int, ...]
    agreed: tuple[int, ...]

    @property
    def nothing_to_do(self) -> bool:
        return not (
            self.add_in_hubspot or self.remove_in_hubspot or self.add_in_salesforce or self.remove_in_salesforce
        )


def merge_set(base: list[int] | None, hubspot: set[int], salesforce: set[int]) -> SetMerge:
    """Three-way merge of a set, member by member, so that two people adding different members never conflict.

    A member that one side removed since they agreed is removed on the other; one that a side added is added on the other.
    Without a base nothing was ever removed: the union.
    """
    known = set(base or ())
    removed = (known - hubspot) | (known - salesforce)
    wanted = (hubspot | salesforce) - removed
    return SetMerge(
        add_in_hubspot=tuple(sorted(wanted - hubspot)),
        remove_in_hubspot=tuple(sorted(hubspot - wanted)),
        add_in_salesforce=tuple(sorted(wanted - salesforce)),
        remove_in_salesforce=tuple(sorted(salesforce - wanted)),
        agreed=tuple(sorted(wanted)),
    )
