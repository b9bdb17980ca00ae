"""Ring 2: a base and two records drawn apart, decided, planned, pretended applied, and planned again until empty."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st
from tests.property.planning import KINDS, Lost, PairInMemory, pairs

from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Side, SyncRule
from interlock.core.reconcile import decide_fields, merge_record, merge_set
from interlock.core.values import BLANK, Text, fingerprint

last_editor = st.sampled_from([None, Side.HUBSPOT, Side.SALESFORCE])

# --- I1, I2, I3: converges, and is silent then --------------------------------------------------------------------------------


@given(pairs(), last_editor, last_editor)
def test_after_one_round_the_plan_is_empty_whoever_was_last(pair: PairInMemory, first, second):
    pair.sync(first)
    remembered = (dict(pair.base), dict(pair.held), list(pair.conflicts), copy.deepcopy(pair.values))
    assert pair.sync(second) == []
    assert (pair.base, pair.held, pair.conflicts, pair.values) == remembered


@given(pairs(), last_editor, st.data())
def test_a_field_that_the_target_refuses_is_sent_once_and_the_others_arrive(pair: PairInMemory, newest, data):
    names = [(side, field.name(side)) for side in Side for field in pair.fields]
    refused = data.draw(st.frozensets(st.sampled_from(names)))
    by_id = {field.id: field for field in pair.fields}
    whole = copy.deepcopy(pair).sync(newest)
    expected = [each for each in whole if (each.side, by_id[each.field].name(each.side)) not in refused]
    assert pair.sync(newest, refused) == expected
    assert pair.sync(newest, refused) == []


@given(
    pairs(rules=(SyncRule.TWO_WAY, SyncRule.PREFER_SALESFORCE, SyncRule.ALWAYS_SALESFORCE), kinds=("text",)),
    last_editor,
    last_editor,
)
def test_a_salesforce_flow_that_rewrites_what_is_saved_is_followed_within_two_rounds(pair: PairInMemory, first, second):
    flow = {Side.SALESFORCE: lambda raw: raw.upper() if raw else raw}
    pair.sync(first, saves=flow)
    pair.sync(second, saves=flow)
    assert pair.sync(first, saves=flow) == []


@given(pairs(), last_editor, last_editor)
def test_a_write_whose_outcome_we_lost_is_adopted_and_not_repeated(pair: PairInMemory, first, second):
    """I8 as far as the core goes: the write landed, and we crashed before we could record it."""
    landed = pair.sync(first, forgets=True)
    again = pair.sync(second)
    assert not {each.field for each in again} & {each.field for each in landed}
    assert pair.sync(first) == []


# --- I5: nothing invented, I4: nothing lost silently ----------------------------------------------------------------------------


@given(pairs(), last_editor)
def test_every_written_value_was_read_on_the_other_side(pair: PairInMemory, newest):
    by_id = {field.id: field for field in pair.fields}
    before = copy.deepcopy(pair)
    for written in pair.sync(newest):
        field = by_id[written.field]
        assert written.value == before.read(field, written.side.other)
        assert pair.read(field, written.side) == written.value


@given(pairs(), last_editor)
def test_a_replaced_value_was_agreed_on_or_is_in_the_conflict_log(pair: PairInMemory, newest):
    known = dict(pair.base)
    for written in pair.sync(newest):
        if written.before == BLANK:
            continue
        print_ = fingerprint(written.before)
        agreed = known.get(written.field) == (print_, print_)
        assert agreed or Lost(written.field, written.side, written.before) in pair.conflicts


edits = st.lists(st.tuples(st.sampled_from(list(Side)), st.booleans()), max_size=3)


@given(
    st.sampled_from(list(SyncRule)),
    st.lists(st.tuples(edits, last_editor, st.sampled_from([*SyncRule, None])), min_size=1, max_size=8),
)
def test_the_fate_of_every_edit_is_known_over_a_whole_history(rule, history):
    """I4 as users feel it. Each edit is a token of its own; rules change on the way, as an admin might."""
    pair = PairInMemory([FieldMapping(1, "p1", "F1", rule, KINDS["text"].codec)], ["text"])
    count = 0
    seen_on_both: set[str] = set()
    for typing, newest, new_rule in history:
        if new_rule is not None:
            pair.fields = [FieldMapping(1, "p1", "F1", new_rule, KINDS["text"].codec)]
        for side, clears in typing:
            count += 1
            # Typing over one's own side's value is a person's choice: only what is there when we look can be lost by us.
            pair.edit(pair.fields[0], side, "" if clears else f"token{count}")
        before = {side: pair.read(pair.fields[0], side) for side in Side}
        logged = len(pair.conflicts)
        pair.sync(newest)
        after = [pair.read(pair.fields[0], side) for side in Side]
        for side, value in before.items():
            if isinstance(value, Text) and value not in after:
                assert value.value in seen_on_both or Lost(1, side, value) in pair.conflicts[logged:]
        if after[0] == after[1] and isinstance(after[0], Text):
            seen_on_both.add(after[0].value)


# --- I11: the arguments decide, and nothing else --------------------------------------------------------------------------------


@given(pairs(), last_editor, st.randoms(use_true_random=False))
def test_the_order_of_the_fields_is_irrelevant(pair: PairInMemory, newest, random):
    shuffled = list(pair.fields)
    random.shuffle(shuffled)
    other = copy.deepcopy(pair)
    other.fields = shuffled
    assert sorted(pair.sync(newest), key=repr) == sorted(other.sync(newest), key=repr)
    assert (pair.base, pair.held, sorted(pair.conflicts, key=repr)) == (
        other.base,
        other.held,
        sorted(other.conflicts, key=repr),
    )


@given(pairs(), last_editor)
def test_deciding_changes_none_of_its_arguments_and_answers_the_same_again(pair: PairInMemory, newest):
    arguments = (pair.mapping, dict(pair.base), pair.seen(Side.HUBSPOT), pair.seen(Side.SALESFORCE))
    untouched = copy.deepcopy(arguments[1:])
    first = merge_record(*arguments, newest)
    assert merge_record(*arguments, newest) == first
    assert arguments[1:] == untouched


@given(pairs(), last_editor, st.data())
def test_what_cannot_be_read_is_never_written_and_changes_nothing_else(pair: PairInMemory, newest, data):
    hidden = data.draw(st.frozensets(st.tuples(st.sampled_from(list(Side)), st.sampled_from(pair.fields)), min_size=1))
    whole = {each.mapping.id: each for each in decide_fields(*arguments_of(pair), newest)}
    for side, field in hidden:
        pair.values[side].pop(field.name(side))
    blind = {field.id for _, field in hidden}
    for decision in decide_fields(*arguments_of(pair), newest):
        if decision.mapping.id in blind:
            assert (decision.merge.write, decision.merge.agree, decision.merge.conflict) == (None, False, None)
        else:
            assert decision == whole[decision.mapping.id]


def arguments_of(pair: PairInMemory):
    return pair.mapping, pair.base, pair.seen(Side.HUBSPOT), pair.seen(Side.SALESFORCE)


prints = st.sampled_from([fingerprint(BLANK), *(fingerprint(Text(letter)) for letter in "abc")])


@given(
    st.sampled_from(list(SyncRule)),
    st.none() | st.tuples(prints, prints),
    st.sampled_from("abc-"),
    st.sampled_from("abc-"),
    last_editor,
)
def test_even_a_base_that_is_wrong_loses_nothing_silently(rule, base, hubspot, salesforce, newest):
    """merge_record itself refuses a write that breaks I4 or I5 (core/invariants.py): none is ever decided."""
    field = FieldMapping(1, "p1", "F1", rule, KINDS["text"].codec)
    pair = PairInMemory([field], ["text"])
    pair.base = {} if base is None else {1: base}
    pair.edit(field, Side.HUBSPOT, hubspot.replace("-", ""))
    pair.edit(field, Side.SALESFORCE, salesforce.replace("-", ""))
    merge_record(ObjectMapping(1, "contacts", "Lead", (field,)), pair.base, *arguments_of(pair)[2:], newest)
    pair.sync(newest)
    assert pair.sync(newest) == []


# --- sets of references -------------------------------------------------------------------------------------------------------

members = st.sets(st.integers(1, 6))
bases = st.none() | members.map(sorted)


@given(bases, members, members)
def test_a_merged_set_is_the_same_on_both_sides_and_then_needs_nothing(base, hubspot, salesforce):
    merged = merge_set(base, hubspot, salesforce)
    here = (hubspot | set(merged.add_in_hubspot)) - set(merged.remove_in_hubspot)
    there = (salesforce | set(merged.add_in_salesforce)) - set(merged.remove_in_salesforce)
    assert here == there == set(merged.agreed)
    assert merge_set(list(merged.agreed), here, there).nothing_to_do


@given(bases, members, members)
def test_a_merged_set_honours_both_sides_changes_and_invents_no_member(base, hubspot, salesforce):
    known = set(base or ())
    agreed = set(merge_set(base, hubspot, salesforce).agreed)
    assert agreed <= hubspot | salesforce
    assert (hubspot | salesforce) - known <= agreed, "what a side added stays"
    assert not agreed & ((known - hubspot) | (known - salesforce)), "what a side removed goes"
    assert hubspot & salesforce <= agreed, "what both have stays"


@given(bases, members, members)
def test_a_merged_set_does_not_care_which_side_is_which(base, hubspot, salesforce):
    here, there = merge_set(base, hubspot, salesforce), merge_set(base, salesforce, hubspot)
    assert here.agreed == there.agreed
    assert (here.add_in_hubspot, here.remove_in_hubspot) == (there.add_in_salesforce, there.remove_in_salesforce)
