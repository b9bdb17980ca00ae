"""Who owns a pair: what its owner is decided by beside the rule of the field. Pure.

Salesforce requires an owner, and only somebody whom it knows and who is active may own there. HubSpot holds only its own owners,
which no program can make. So what a rule would carry over may not be able to arrive:

- At their first meeting Salesforce's owner stays, unless they are inactive: to link two records hands over none.
- `gives_way`: a HubSpot owner who cannot own in Salesforce, or none at all, is replaced by the owner that Salesforce has; who is
  replaced is logged. A Salesforce owner whom HubSpot does not know is not carried over, and HubSpot keeps its own until one of the
  two is changed.
"""

from __future__ import annotations

from interlock.core.codec.owner import OwnerCodec
from interlock.core.model import ConflictReason, FieldBase, Side, SyncRule
from interlock.core.reconcile import Because, FieldConflict, FieldMerge, merge_field
from interlock.core.values import BLANK, Unknown, Value, fingerprint

# The rules under which HubSpot may be told who owns the record in Salesforce although nobody changed it there.
_MAY_GIVE_WAY = frozenset({SyncRule.TWO_WAY, SyncRule.PREFER_SALESFORCE, SyncRule.ALWAYS_SALESFORCE})
_LEFT_APART = FieldMerge(Because.MAY_DIFFER, agree=True)
_NOT_YET = FieldMerge(Because.MAY_DIFFER)


def merge_owner(
    codec: OwnerCodec,
    gives_way: bool,
    base: FieldBase | None,
    hubspot: Value,
    salesforce: Value,
    rule: SyncRule,
    newest: Side | None,
) -> FieldMerge:
    base = _as_named_now(codec, base, hubspot, salesforce)
    merge = merge_field(base, hubspot, salesforce, rule, newest)
    if rule is SyncRule.DONT_SYNC or Unknown in (type(hubspot), type(salesforce)) or hubspot == salesforce:
        return merge
    # From here on both are readable and differ.
    if base is None and BLANK not in (hubspot, salesforce) and rule is SyncRule.TWO_WAY:
        merge = _first_meeting(codec, hubspot, salesforce)
    apart = base is not None and _nobody_changed(base, hubspot, salesforce)
    if apart and not (gives_way and rule in _MAY_GIVE_WAY) and BLANK not in (hubspot, salesforce):
        # They were left apart since one of them could not be carried over. That they can by now is no change.
        return _LEFT_APART
    if not gives_way:
        return merge
    if salesforce == BLANK:
        # Of a record that is about to be made: somebody will own it, and is known when it is looked at next.
        return merge if merge.write is None or codec.can_own(Side.SALESFORCE, hubspot) else _NOT_YET
    if apart and rule in _MAY_GIVE_WAY:
        # They were left apart since one of them could not be carried over, which was Salesforce's.
        merge = _to_hubspot(hubspot, salesforce)
    if merge.write is Side.SALESFORCE and not codec.can_own(Side.SALESFORCE, hubspot):
        merge = _to_hubspot(hubspot, salesforce) if rule in _MAY_GIVE_WAY else _LEFT_APART
    if merge.write is Side.HUBSPOT and not codec.can_own(Side.HUBSPOT, salesforce):
        return _LEFT_APART
    return merge


def _as_named_now(codec: OwnerCodec, base: FieldBase | None, hubspot: Value, salesforce: Value) -> FieldBase | None:
    """That somebody was matched, or paired by hand, since is no change of who owns the record."""
    if base is None or Unknown in (type(hubspot), type(salesforce)):
        return base
    here, there = base
    if codec.is_same(hubspot, here):
        here = fingerprint(hubspot)
    if codec.is_same(salesforce, there):
        there = fingerprint(salesforce)
    return here, there


def _nobody_changed(base: FieldBase, hubspot: Value, salesforce: Value) -> bool:
    return base == (fingerprint(hubspot), fingerprint(salesforce))


def _first_meeting(codec: OwnerCodec, hubspot: Value, salesforce: Value) -> FieldMerge:
    if codec.is_active(salesforce) or not codec.can_own(Side.SALESFORCE, hubspot):
        conflict = FieldConflict(ConflictReason.FIRST_LINK, Side.HUBSPOT, hubspot, salesforce)
        return FieldMerge(Because.FIRST_LINK, Side.HUBSPOT, salesforce, conflict=conflict)
    conflict = FieldConflict(ConflictReason.FIRST_LINK, Side.SALESFORCE, salesforce, hubspot)
    return FieldMerge(Because.FIRST_LINK, Side.SALESFORCE, hubspot, conflict=conflict)


def _to_hubspot(hubspot: Value, salesforce: Value) -> FieldMerge:
    conflict = None if hubspot == BLANK else FieldConflict(ConflictReason.RULE, Side.HUBSPOT, hubspot, salesforce)
    return FieldMerge(Because.GAVE_WAY, Side.HUBSPOT, salesforce, conflict=conflict)
