"""What a person chose for a conflict, as the merge sees it: carried out while only the two values stand, void after that."""

from __future__ import annotations

from interlock.core.codec import TextCodec
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Observation, RecordKey, Side, SyncRule
from interlock.core.plan import base_after, plan_side
from interlock.core.reconcile import Because, Choice, merge_chosen, merge_record
from interlock.core.values import BLANK, UNKNOWN, Text, fingerprint

ADA, BEA, EVE = Text("Ada"), Text("Bea"), Text("Eve")
ADA_FOR_BEA = Choice(chosen=ADA, others=(BEA,))


def test_the_chosen_value_goes_to_both_sides_when_neither_holds_it() -> None:
    merge = merge_chosen(BEA, BEA, ADA_FOR_BEA)
    assert merge is not None
    assert (merge.because, merge.value) == (Because.PERSON_CHOSE, ADA)
    assert [side for side in Side if merge.writes(side)] == [Side.HUBSPOT, Side.SALESFORCE]


def test_only_the_side_that_lacks_the_chosen_value_is_written() -> None:
    left, right = merge_chosen(ADA, BEA, ADA_FOR_BEA), merge_chosen(BEA, ADA, ADA_FOR_BEA)
    assert left is not None
    assert right is not None
    assert [side for side in Side if left.writes(side)] == [Side.SALESFORCE]
    assert [side for side in Side if right.writes(side)] == [Side.HUBSPOT]


def test_nothing_is_written_once_both_sides_hold_the_chosen_value() -> None:
    merge = merge_chosen(ADA, ADA, ADA_FOR_BEA)
    assert merge is not None
    assert (merge.write, merge.agree) == (None, True)


def test_a_value_that_the_person_did_not_choose_between_ends_the_choice() -> None:
    assert merge_chosen(EVE, BEA, ADA_FOR_BEA) is None
    assert merge_chosen(BEA, EVE, ADA_FOR_BEA) is None
    assert merge_chosen(BLANK, BEA, ADA_FOR_BEA) is None


def test_a_choice_that_may_replace_several_values_goes_to_each_side_that_holds_one_of_them() -> None:
    merge = merge_chosen(BEA, EVE, Choice(chosen=ADA, others=(BEA, EVE)))
    assert merge is not None
    assert [side for side in Side if merge.writes(side)] == [Side.HUBSPOT, Side.SALESFORCE]
    assert merge_chosen(BLANK, EVE, Choice(chosen=ADA, others=(BEA, EVE))) is None


def test_an_unreadable_side_neither_carries_out_nor_ends_a_choice() -> None:
    merge = merge_chosen(UNKNOWN, BEA, ADA_FOR_BEA)
    assert merge is not None
    assert merge.because is Because.UNREADABLE


def seen(side: Side, type_: str, **values: str) -> Observation:
    return Observation(RecordKey(side, type_, "1"), dict(values), 0, 0, 0)


FIELD = FieldMapping(7, "jobtitle", "Title", SyncRule.ALWAYS_SALESFORCE, TextCodec())
CONTACTS = ObjectMapping(1, "contacts", "Contact", (FIELD,))


def test_a_choice_stands_above_the_rule_and_the_base_of_both_sides_becomes_the_chosen_value() -> None:
    hubspot, salesforce = seen(Side.HUBSPOT, "contacts", jobtitle="Bea"), seen(Side.SALESFORCE, "Contact", Title="Bea")
    before = {7: (fingerprint(BEA), fingerprint(BEA))}
    merged = merge_record(CONTACTS, before, hubspot, salesforce, None, {7: ADA_FOR_BEA})
    plans = [plan_side(side, merged.writes, {}, creating=False, resend_held=True) for side in Side]
    assert [[field.raw for field in plan.fields] for plan in plans] == [["Ada"], ["Ada"]]
    ada, bea = fingerprint(ADA), fingerprint(BEA)
    for landed, base in ((plans, (ada, ada)), (plans[:1], (ada, bea)), (plans[1:], (bea, ada))):
        assert base_after((plan.side, plan.fields) for plan in landed) == {7: base}, "what did not arrive is no base"


def test_a_choice_that_has_ended_leaves_the_field_to_its_rule() -> None:
    hubspot, salesforce = seen(Side.HUBSPOT, "contacts", jobtitle="Bea"), seen(Side.SALESFORCE, "Contact", Title="Eve")
    merged = merge_record(CONTACTS, {7: (fingerprint(BEA),) * 2}, hubspot, salesforce, None, {7: ADA_FOR_BEA})  # type: ignore[dict-item]
    (decision,) = merged.writes
    assert (decision.merge.because, decision.merge.value) == (Because.SALESFORCE_CHANGED, EVE)
