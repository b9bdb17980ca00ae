"""Fields that mean something only together: an amount and its currency, a pipeline and the stage in it. Pure.

Where the currency cannot be carried over, the amount waits with it: the same number in another currency is another amount. For
the same reason a currency waits for an amount that does not go along. A record is never created without what would be made up for
it there.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from interlock.core.codec import STAGE_NOT_IN_PIPELINE
from interlock.core.mapping import ObjectMapping
from interlock.core.model import Observation, Side, SyncRule
from interlock.core.plan import FieldWrite, HeldField, SidePlan
from interlock.core.reconcile import FieldDecision, read_hubspot, read_salesforce
from interlock.core.values import BLANK, Unknown
from interlock.objects.spec import ObjectSpec

CURRENCY_NOT_CARRIED = "CURRENCY_NOT_CARRIED"
# Why a record is not created, by the code of what is in the way.
_WHY_NOT = {STAGE_NOT_IN_PIPELINE: "stage_not_in_pipeline"}


def keep_together(
    spec: ObjectSpec,
    mapping: ObjectMapping,
    plans: Mapping[Side, SidePlan],
    writes: Sequence[FieldDecision],
    hubspot: Observation,
    salesforce: Observation,
    *,
    creates: bool = False,
) -> None:
    """Take out of the plans what follows a field that does not reach the side it goes to. `writes`: what was decided, of which
    the plans may hold a part back. `creates`: a record that is not there yet holds what its CRM gives it by itself."""
    for leader, follower in spec.together.items():
        held = any(each.mapping.property == leader for plan in plans.values() for each in plan.held)
        if creates and (held or follower in SAID_BY_THEIR_LEADER):
            # Without it the record is not created at all (`why_not_created`).
            continue
        field = next((each for each in mapping.fields if each.property == leader), None)
        if field is None or field.effective_rule is SyncRule.DONT_SYNC:
            continue
        followers = [each for each in writes if each.mapping.property == follower]
        if follower not in SAID_BY_THEIR_LEADER:
            if followers:
                _hold_leader(plans, leader, followers[0])
            elif _stays_another(mapping, plans, leader, follower, hubspot, salesforce):
                for plan in plans.values():
                    _hold(plan, leader, _APART)
        goes = [plan for plan in plans.values() if _goes(plan, follower)]
        if not goes or any(each.mapping.id == field.id for plan in plans.values() for each in plan.fields):
            continue
        left, right = read_hubspot(field, hubspot), read_salesforce(field, salesforce)
        for plan in goes:
            # The same stage is another one in another pipeline of HubSpot.
            moves = follower in SAID_BY_THEIR_LEADER and plan.side is Side.HUBSPOT
            if moves or left != right or type(left) is Unknown:
                _hold(plan, follower, _MESSAGE)


def _hold_leader(plans: Mapping[Side, SidePlan], leader: str, follower: FieldDecision) -> None:
    """Where the two go opposite ways, or the follower is held back: neither goes, or each would say another thing there."""
    name = follower.mapping.property
    told = [plan for plan in plans.values() if _goes(plan, leader)]
    # One that a person chose for both sides is theirs.
    if len(told) != 1 or _goes(told[0], name) or follower.merge.value == BLANK:
        return
    for plan in plans.values():
        _hold(plan, leader, _APART)
        _hold(plan, name, _APART)


def _stays_another(
    mapping: ObjectMapping,
    plans: Mapping[Side, SidePlan],
    leader: str,
    follower: str,
    hubspot: Observation,
    salesforce: Observation,
) -> bool:
    """Whether the leader goes alone to a side where the follower stays what it is on that side alone: an amount that a rule leaves
    beside a blank."""
    told = [side for side, plan in plans.items() if _goes(plan, leader)]
    field = next((each for each in mapping.fields if each.property == follower), None)
    if len(told) != 1 or field is None or field.effective_rule is SyncRule.DONT_SYNC:
        return False
    values = {Side.HUBSPOT: read_hubspot(field, hubspot), Side.SALESFORCE: read_salesforce(field, salesforce)}
    return values[told[0]] not in (BLANK, values[told[0].other])


def has_company_now(spec: ObjectSpec, held: Container[int], writes: Sequence[FieldDecision]) -> bool:
    """Whether one that was held back has what it goes together with to go along by now. `held`: ids of mappings."""
    ids = {each.mapping.property: each.mapping.id for each in writes}
    return any(
        (ids[leader] in held) != (ids[follower] in held)
        for leader, follower in spec.together.items()
        if leader in ids and follower in ids and follower not in SAID_BY_THEIR_LEADER
    )


def _goes(plan: SidePlan, name: str) -> bool:
    return any(each.mapping.property == name for each in plan.fields)


def _hold(plan: SidePlan, name: str, message: str) -> None:
    for write in [each for each in plan.fields if each.mapping.property == name]:
        plan.fields.remove(write)
        if name in SAID_BY_THEIR_LEADER:
            continue
        value = write.decision.merge.value
        plan.held.append(HeldField(write.mapping, plan.side, CURRENCY_NOT_CARRIED, message, write.seen, value))


_MESSAGE = "the two records are in different currencies, and the currency itself cannot be carried over"
_APART = "an amount and its currency go together, and one of the two cannot go with the other"
# It comes with the next look, once the stage can be written.
SAID_BY_THEIR_LEADER = frozenset({"pipeline"})


def why_not_created(spec: ObjectSpec, plan: SidePlan) -> str | None:
    """Of a record that is to be created: whether something is held that it may not be without."""
    held = next((each for each in plan.held if each.mapping.property in spec.never_without), None)
    return None if held is None else _WHY_NOT.get(held.code, "refused")


def with_followers(
    spec: ObjectSpec, fields: list[FieldWrite], refused: list[FieldWrite], *, creates: bool
) -> list[FieldWrite]:
    """What was refused of a write, and what of it goes with that. A new record has no amount yet that its currency could change."""
    names = {each.mapping.property for each in refused}
    along = {spec.together[name] for name in names if name in spec.together}
    if not creates:
        along |= {leader for leader, name in spec.together.items() if name in names - SAID_BY_THEIR_LEADER}
    return [each for each in fields if each in refused or each.mapping.property in along]


def may_go_without(spec: ObjectSpec, refused: list[FieldWrite]) -> bool:
    """Whether a record may be created without these."""
    return not any(each.mapping.property in spec.never_without for each in refused)
