"""Stories of one field that users would tell, in the order in which the rules are explained to them."""

from __future__ import annotations

import pytest
from tests.unit.core.pairs import HUBSPOT, SALESFORCE, Pair, SetHubSpot, SetSalesforce, title

from interlock.core.codec import NumberCodec
from interlock.core.invariants import InvariantBroken, check_write
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import ConflictReason, Observation, Side, SyncRule
from interlock.core.reconcile import Because, FieldConflict, FieldDecision, FieldMerge, merge_record, merge_set
from interlock.core.values import BLANK, UNKNOWN, Text, fingerprint

PREFER_SALESFORCE, ALWAYS_SALESFORCE = SyncRule.PREFER_SALESFORCE, SyncRule.ALWAYS_SALESFORCE
PREFER_HUBSPOT, ALWAYS_HUBSPOT = SyncRule.PREFER_HUBSPOT, SyncRule.ALWAYS_HUBSPOT
TWO_WAY = SyncRule.TWO_WAY
CTO, CEO, CFO = Text("CTO"), Text("CEO"), Text("CFO")


@pytest.fixture
def pair() -> Pair:
    return Pair()


# --- prefer Salesforce unless blank -------------------------------------------------------------------------------------------


def test_a_value_just_cleared_in_salesforce_clears_hubspot(pair):
    pair.agreed("CTO").salesforce(None)
    assert pair.merge(PREFER_SALESFORCE) == SetHubSpot(BLANK)


def test_a_value_that_salesforce_never_had_is_filled_from_hubspot(pair):
    pair.agreed(None).hubspot("CTO")
    assert pair.merge(PREFER_SALESFORCE) == SetSalesforce(CTO)


def test_a_value_cleared_in_hubspot_comes_back_from_salesforce(pair):
    pair.agreed("CTO").hubspot(None)
    assert pair.merge(PREFER_SALESFORCE) == SetHubSpot(CTO, BLANK, ConflictReason.RULE)


def test_an_edit_in_hubspot_is_given_back_with_its_value_in_the_conflict_log(pair):
    pair.agreed("CTO").hubspot("CEO")
    assert pair.merge(PREFER_SALESFORCE) == SetHubSpot(CTO, CEO, ConflictReason.RULE)


def test_an_edit_in_hubspot_while_salesforce_was_cleared_is_cleared_and_logged(pair):
    pair.agreed("CTO").hubspot("CEO").salesforce(None)
    assert pair.merge(PREFER_SALESFORCE) == SetHubSpot(BLANK, CEO, ConflictReason.BOTH_CHANGED)


def test_on_first_meeting_salesforce_wins_and_the_value_of_hubspot_is_logged(pair):
    pair.hubspot("CEO").salesforce("CTO")
    assert pair.merge(PREFER_SALESFORCE) == SetHubSpot(CTO, CEO, ConflictReason.FIRST_LINK)


# --- always -------------------------------------------------------------------------------------------------------------------


def test_always_salesforce_leaves_a_value_alone_that_salesforce_never_had(pair):
    pair.hubspot("CTO").salesforce(None)
    assert pair.merge(ALWAYS_SALESFORCE) is None


def test_a_value_that_the_rule_left_alone_is_logged_when_salesforce_gets_one_of_its_own(pair):
    # Nobody in Salesforce ever saw "CTO": replacing it without a word would lose it.
    pair.hubspot("CTO").salesforce(None)
    left_alone = pair.record_merge(ALWAYS_SALESFORCE)
    pair.base = left_alone.agreed
    pair.salesforce("CFO")
    assert pair.merge(ALWAYS_SALESFORCE) == SetHubSpot(CFO, CTO, ConflictReason.RULE)


def test_a_value_that_always_salesforce_left_alone_survives_a_change_to_two_way(pair):
    pair.agreed(None).hubspot("CTO")
    pair.base = pair.record_merge(ALWAYS_SALESFORCE).agreed
    assert pair.merge(TWO_WAY) == SetSalesforce(CTO)
    pair.salesforce("CFO")
    assert pair.merge(TWO_WAY) == SetHubSpot(CFO, CTO, ConflictReason.UNEQUAL)


def test_always_salesforce_clears_hubspot_when_salesforce_was_cleared(pair):
    pair.agreed("CTO").salesforce(None)
    assert pair.merge(ALWAYS_SALESFORCE) == SetHubSpot(BLANK)


def test_always_hubspot_never_takes_anything_from_salesforce(pair):
    pair.agreed("CTO").salesforce("CEO")
    assert pair.merge(ALWAYS_HUBSPOT) == SetSalesforce(CTO, CEO, ConflictReason.RULE)
    pair.agreed(None).salesforce("CEO")
    assert pair.merge(ALWAYS_HUBSPOT) is None


# --- two-way ------------------------------------------------------------------------------------------------------------------


def test_two_way_carries_a_change_and_a_clearing_over(pair):
    pair.agreed("CTO").hubspot("CEO")
    assert pair.merge(TWO_WAY) == SetSalesforce(CEO)
    pair.agreed("CTO").hubspot(None)
    assert pair.merge(TWO_WAY) == SetSalesforce(BLANK)


def test_of_two_edits_the_newest_wins_and_the_other_is_logged(pair):
    pair.agreed("CTO").hubspot("CEO").salesforce("CFO").edited_last_in(Side.HUBSPOT)
    assert pair.merge(TWO_WAY) == SetSalesforce(CEO, CFO, ConflictReason.BOTH_CHANGED)


def test_of_two_edits_at_the_same_time_salesforce_wins(pair):
    pair.agreed("CTO").hubspot("CEO").salesforce("CFO")
    assert pair.merge(TWO_WAY) == SetHubSpot(CFO, CEO, ConflictReason.BOTH_CHANGED)


def test_the_same_edit_on_both_sides_is_adopted_without_a_write(pair):
    pair.agreed("CTO").hubspot("CEO").salesforce("CEO")
    merged = pair.record_merge(TWO_WAY)
    assert not merged.writes
    assert merged.agreed == {7: (fingerprint(CEO), fingerprint(CEO))}


def test_two_values_that_differ_although_neither_changed_are_a_conflict(pair):
    pair.base = {7: (fingerprint(CEO), fingerprint(CFO))}
    pair.hubspot("CEO").salesforce("CFO")
    assert pair.merge(TWO_WAY) == SetHubSpot(CFO, CEO, ConflictReason.UNEQUAL)


def test_a_side_that_is_blank_and_was_blank_is_filled_not_followed(pair):
    pair.base = {7: (fingerprint(CTO), fingerprint(BLANK))}
    pair.hubspot("CTO").salesforce(None)
    assert pair.merge(TWO_WAY) == SetSalesforce(CTO)


# --- what cannot be read, what is not synced ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("rule", SyncRule)
def test_a_field_that_a_side_does_not_answer_is_left_alone(pair, side, rule):
    pair.agreed("CTO").hubspot("CEO").salesforce("CFO").unreadable_in(side)
    assert pair.record_merge(rule).nothing_to_do


def test_an_echo_of_our_own_write_is_no_change(pair):
    pair.agreed("CTO").hubspot("CEO")
    assert pair.merge(TWO_WAY) == SetSalesforce(CEO)
    pair.agreed("CEO")
    assert pair.record_merge(TWO_WAY).nothing_to_do


def test_another_spelling_of_the_same_value_is_no_change():
    pair = Pair(codec=NumberCodec(precision=18, scale=2))
    pair.hubspot("10.5").salesforce("10.50")
    merged = pair.record_merge(TWO_WAY)
    assert not merged.writes
    pair.base = merged.agreed
    pair.hubspot("1.05e1")
    assert pair.record_merge(TWO_WAY).nothing_to_do


# --- what cannot be written ---------------------------------------------------------------------------------------------------

FORMULA = {"salesforce_createable": False, "salesforce_updateable": False}
CALCULATED = {"hubspot_writable": False}


@pytest.mark.parametrize("rule", [PREFER_SALESFORCE, ALWAYS_SALESFORCE, TWO_WAY, PREFER_HUBSPOT])
def test_a_salesforce_formula_is_only_read_from(rule):
    assert title(rule, **FORMULA).effective_rule is ALWAYS_SALESFORCE


@pytest.mark.parametrize("rule", [PREFER_SALESFORCE, TWO_WAY, PREFER_HUBSPOT, ALWAYS_HUBSPOT])
def test_a_calculated_hubspot_property_is_only_read_from(rule):
    assert title(rule, **CALCULATED).effective_rule is ALWAYS_HUBSPOT


def test_always_is_never_turned_round_by_a_side_that_cannot_be_written():
    # "Always use HubSpot" onto a formula: taking the formula's value into HubSpot would overwrite what is always right.
    assert title(ALWAYS_HUBSPOT, **FORMULA).effective_rule is SyncRule.DONT_SYNC
    assert title(ALWAYS_SALESFORCE, **CALCULATED).effective_rule is SyncRule.DONT_SYNC


@pytest.mark.parametrize("rule", SyncRule)
def test_two_sides_that_cannot_be_written_are_not_synced(rule):
    assert title(rule, **FORMULA, **CALCULATED).effective_rule is SyncRule.DONT_SYNC


# --- the record ---------------------------------------------------------------------------------------------------------------


def test_each_field_of_a_record_is_decided_by_itself():
    fields = (
        FieldMapping(1, "jobtitle", "Title", TWO_WAY, title(TWO_WAY).codec),
        FieldMapping(2, "phone", "Phone", PREFER_SALESFORCE, title(TWO_WAY).codec),
        FieldMapping(3, "fax", "Fax", SyncRule.DONT_SYNC, title(TWO_WAY).codec),
        FieldMapping(4, "city", "City", TWO_WAY, title(TWO_WAY).codec),
    )
    hubspot = Observation(HUBSPOT, {"jobtitle": "CTO", "phone": "1", "fax": "2", "city": "Oslo"}, 0, 0, 0)
    salesforce = Observation(SALESFORCE, {"Title": None, "Phone": "3", "Fax": "4", "City": "Oslo"}, 0, 0, 0)
    merged = merge_record(ObjectMapping(1, "contacts", "Contact", fields), {}, hubspot, salesforce, None)
    assert [(each.mapping.id, each.merge.write) for each in merged.writes] == [(1, Side.SALESFORCE), (2, Side.HUBSPOT)]
    assert list(merged.agreed) == [4]
    assert [each.mapping.id for each in merged.conflicts] == [2]


# --- sets of references -------------------------------------------------------------------------------------------------------


def test_members_added_on_both_sides_are_all_kept():
    merged = merge_set([1], {1, 2}, {1, 3})
    assert (merged.add_in_hubspot, merged.add_in_salesforce) == ((3,), (2,))
    assert merged.agreed == (1, 2, 3)


def test_a_member_removed_on_one_side_is_removed_on_the_other():
    merged = merge_set([1, 2], {1}, {1, 2})
    assert (merged.remove_in_salesforce, merged.add_in_hubspot) == ((2,), ())


def test_without_a_base_nothing_was_ever_removed():
    merged = merge_set(None, {1}, {2})
    assert (merged.remove_in_hubspot, merged.remove_in_salesforce, merged.agreed) == ((), (), (1, 2))


# --- the invariants that stand guard in production ------------------------------------------------------------------------------


def decided(merge: FieldMerge, rule: SyncRule = TWO_WAY, hubspot=CTO, salesforce=CEO) -> FieldDecision:
    return FieldDecision(title(rule), merge, hubspot, salesforce)


AGREED = (fingerprint(CTO), fingerprint(CTO))


def test_a_decision_to_write_what_nobody_holds_is_stopped():
    invented = decided(FieldMerge(Because.HUBSPOT_CHANGED, Side.SALESFORCE, CFO))
    with pytest.raises(
        InvariantBroken, match=r"jobtitle <-> Title \(two_way\): a value that the other side does not hold"
    ):
        check_write(AGREED, invented)


def test_a_decision_to_replace_an_unseen_value_without_a_conflict_is_stopped():
    silent = decided(FieldMerge(Because.HUBSPOT_CHANGED, Side.SALESFORCE, CTO))
    with pytest.raises(InvariantBroken, match="never agreed on"):
        check_write(AGREED, silent)
    with pytest.raises(InvariantBroken, match="never agreed on"):
        check_write(None, silent)


def test_a_decision_against_the_rule_is_stopped():
    conflict = FieldConflict(ConflictReason.RULE, Side.SALESFORCE, CEO, CTO)
    against = decided(FieldMerge(Because.HUBSPOT_CHANGED, Side.SALESFORCE, CTO, conflict=conflict), ALWAYS_SALESFORCE)
    with pytest.raises(InvariantBroken, match="the rule does not allow"):
        check_write(AGREED, against)


def test_a_decision_on_an_unreadable_side_is_stopped():
    blind = decided(FieldMerge(Because.HUBSPOT_CHANGED, Side.SALESFORCE, CTO), salesforce=UNKNOWN)
    with pytest.raises(InvariantBroken, match="could not be read"):
        check_write(AGREED, blind)


def test_a_conflict_that_logs_another_value_than_the_one_lost_is_stopped():
    wrong = FieldConflict(ConflictReason.BOTH_CHANGED, Side.SALESFORCE, CFO, CTO)
    with pytest.raises(InvariantBroken, match="another value than the one replaced"):
        check_write(AGREED, decided(FieldMerge(Because.BOTH_CHANGED, Side.SALESFORCE, CTO, conflict=wrong)))


def test_the_message_of_a_broken_invariant_holds_no_value():
    with pytest.raises(InvariantBroken) as broken:
        check_write(None, decided(FieldMerge(Because.HUBSPOT_CHANGED, Side.SALESFORCE, CTO)))
    assert "CTO" not in str(broken.value)
    assert "CEO" not in str(broken.value)
