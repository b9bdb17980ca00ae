"""What must hold of every decided write, stated a second time and apart from the code that decides. Pure.

`merge_record` asks before any write leaves the core, in production as in the tests. What is caught here is a defect of
ours, and to stop is then the only right thing: no other check stands between a wrong decision and a CRM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from interlock.core.model import FieldBase, Side, SyncRule
from interlock.core.values import BLANK, Unknown, fingerprint

if TYPE_CHECKING:
    from interlock.core.reconcile import FieldDecision

# The sides that a rule never writes, whatever the values are.
_NEVER_WRITES = {
    SyncRule.ALWAYS_SALESFORCE: (Side.SALESFORCE,),
    SyncRule.ALWAYS_HUBSPOT: (Side.HUBSPOT,),
    SyncRule.DONT_SYNC: (Side.HUBSPOT, Side.SALESFORCE),
}


class InvariantBroken(Exception):
    """A decision that must not be carried out. Names the field and the promise, never a value: values are personal data."""


def check_write(base: FieldBase | None, decision: FieldDecision, person_chose: bool = False) -> None:
    """Raises InvariantBroken unless this write keeps I4 and I5 (docs/guarantees.md). `decision.merge.write` is set.

    `person_chose`: a person looked at both values and chose, which stands above the rule and the base.
    """
    broken = _broken(base, decision, person_chose)
    if broken is not None:
        field = decision.mapping
        raise InvariantBroken(f"{field.property} <-> {field.field} ({field.effective_rule.value}): {broken}")


def _broken(base: FieldBase | None, decision: FieldDecision, person_chose: bool) -> str | None:
    merge, side = decision.merge, decision.merge.write
    if type(decision.hubspot) is Unknown or type(decision.salesforce) is Unknown:
        return "a write although a side could not be read"
    if person_chose:
        return None
    if side is None or side in _NEVER_WRITES.get(decision.mapping.effective_rule, ()):
        return "a write that the rule does not allow"
    target, source = decision.hubspot, decision.salesforce
    if side is Side.SALESFORCE:
        target, source = source, target
    # I5: nothing is written that was not read on the other side.
    if merge.value != source:
        return "a value that the other side does not hold"
    if merge.value == target:
        return "a write that changes nothing"
    # I4: what is replaced was agreed on by both sides, or is empty, or is in the conflict log.
    if merge.conflict is None:
        print_ = fingerprint(target)
        agreed = base == (print_, print_)
        return None if agreed or target == BLANK else "a value replaced that was never agreed on, without a conflict"
    if merge.conflict.loser is not side or merge.conflict.lost != target or merge.conflict.kept != source:
        return "a conflict that names another value than the one replaced"
    return None
