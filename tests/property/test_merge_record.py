"""A pair is merged by a short cut for the fields that are the same on both sides; field by field, it decides no differently."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from interlock.core.codec.simple import FlagCodec, TextCodec
from interlock.core.mapping import FieldMapping, ObjectMapping
from interlock.core.model import Observation, RecordKey, Side, SyncRule
from interlock.core.reconcile import decide_fields, merge_record, print_of, read_hubspot, read_salesforce
from interlock.core.values import Flag, Text, Unknown, fingerprint

CODECS = {"title": TextCodec(), "checked": FlagCodec(), "family": TextCodec(placeholder="[unknown]", nillable=False)}

raws = st.sampled_from([None, "", "x", " x ", "y", "true", "[unknown]", 7])
sides = st.dictionaries(st.sampled_from(sorted(CODECS)), raws)
prints = st.sampled_from([0, fingerprint(Text("x")), fingerprint(Text("y")), fingerprint(Flag(False)), 12])


def seen(side: Side, values: dict[str, object]) -> Observation:
    return Observation(RecordKey(side, "any", "1"), dict(values), 1, 1, 2)


@given(
    sides,
    sides,
    st.dictionaries(st.integers(1, 3), st.tuples(prints, prints)),
    st.lists(st.sampled_from(SyncRule), min_size=3, max_size=3),
    st.sampled_from([None, *Side]),
    st.booleans(),
)
def test_merging_a_pair_says_of_each_field_what_deciding_that_field_says(
    hubspot: dict[str, object],
    salesforce: dict[str, object],
    base: dict[int, tuple[int, int]],
    rules: list[SyncRule],
    newest: Side | None,
    writable: bool,
) -> None:
    mapping = ObjectMapping(
        1,
        "contacts",
        "Contact",
        tuple(
            FieldMapping(id_, name, name, rule, codec, hubspot_writable=writable)
            for id_, ((name, codec), rule) in enumerate(zip(CODECS.items(), rules, strict=True), 1)
        ),
    )
    left, right = seen(Side.HUBSPOT, hubspot), seen(Side.SALESFORCE, salesforce)
    merged = merge_record(mapping, base, left, right, newest)
    one_by_one = decide_fields(mapping, base, left, right, newest)
    assert merged.writes == [each for each in one_by_one if each.merge.write is not None]
    assert merged.conflicts == [each for each in one_by_one if each.merge.conflict is not None]
    agreed = {
        each.mapping.id: (fingerprint(each.hubspot), fingerprint(each.salesforce))
        for each in one_by_one
        if each.merge.write is None and each.merge.agree
    }
    assert merged.agreed == {id_: pair for id_, pair in agreed.items() if base.get(id_) != pair}


@given(sides)
def test_a_fingerprint_taken_from_a_row_is_that_of_the_value_that_is_read(values: dict[str, object]) -> None:
    for name, codec in CODECS.items():
        field = FieldMapping(1, name, name, SyncRule.TWO_WAY, codec)
        for side, read in ((Side.HUBSPOT, read_hubspot), (Side.SALESFORCE, read_salesforce)):
            value = read(field, seen(side, values))
            assert print_of(field, side, values) == (None if type(value) is Unknown else fingerprint(value))
