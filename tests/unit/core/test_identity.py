"""From judged pairs to links, suggestions, refusals and the duplicate report."""

from __future__ import annotations

import pytest

from interlock.core.identity import duplicates
from interlock.core.identity.candidates import BLOCK_MOST_RECORDS, NEIGHBOURS, Keyed, between, within
from interlock.core.identity.evidence import Likeness, Trait
from interlock.core.identity.pairing import Judged, pair_up
from interlock.core.identity.reasons import SENTENCES
from interlock.core.identity.refusals import Refusal, follow, suggestion_key
from interlock.core.identity.rules import COMPANY, PERSON
from interlock.core.identity.verdict import Found, Verdict, judge
from interlock.core.model import RecordKey, Side


def hubspot(id_: str) -> RecordKey:
    return RecordKey(Side.HUBSPOT, "contacts", id_)


def salesforce(id_: str) -> RecordKey:
    return RecordKey(Side.SALESFORCE, "Contact", id_)


def judged(one: RecordKey, other: RecordKey, found: Found = Found.LINK, points: int = 30) -> Judged:
    return Judged(one, other, Verdict(found, points, ()))


# --- reasons -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [PERSON, COMPANY], ids=["person", "company"])
def test_whatever_counts_has_a_sentence(rules):
    for trait, points in rules.points.items():
        for likeness in points:
            assert SENTENCES[trait, likeness].endswith(".")


def test_what_speaks_for_a_pair_is_told_before_what_speaks_against_it():
    verdict = judge(
        {
            Trait.CITY: Likeness.UNLIKE,
            Trait.EMAIL: Likeness.SAME,
            Trait.FAMILY: Likeness.SAME,
            Trait.BORN: Likeness.UNKNOWN,
        },
        PERSON,
    )
    assert [reason.sentence for reason in verdict.reasons] == [
        "They have an e-mail address in common.",
        "The same last name.",
        "Different cities.",
    ]
    assert verdict.points == sum(reason.points for reason in verdict.reasons)


def test_a_couple_at_one_address_is_no_question():
    couple = {
        Trait.GIVEN: Likeness.UNLIKE,
        **dict.fromkeys((Trait.FAMILY, Trait.PHONE, Trait.STREET, Trait.CITY, Trait.POSTCODE), Likeness.SAME),
    }
    assert judge(couple, PERSON).found is Found.NOTHING


def test_a_couple_that_reads_one_mailbox_is_a_question_and_no_link():
    couple = {Trait.EMAIL: Likeness.SAME, Trait.GIVEN: Likeness.UNLIKE, Trait.FAMILY: Likeness.SAME}
    assert judge(couple, PERSON).found is Found.SUGGESTION


def test_twins_are_a_question_and_no_link():
    twins = {
        Trait.GIVEN: Likeness.CLOSE,
        **dict.fromkeys((Trait.FAMILY, Trait.BORN, Trait.STREET, Trait.CITY, Trait.POSTCODE), Likeness.SAME),
    }
    assert judge(twins, PERSON).found is Found.SUGGESTION


def test_a_married_name_does_not_part_a_person_from_their_mailbox():
    married = {Trait.EMAIL: Likeness.SAME, Trait.GIVEN: Likeness.SAME, Trait.FAMILY: Likeness.UNLIKE}
    assert judge(married, PERSON).found is Found.LINK


def test_companies_of_one_site_and_two_names_are_a_question():
    branch = {Trait.DOMAIN: Likeness.SAME, Trait.NAME: Likeness.UNLIKE}
    assert judge(branch, COMPANY).found is Found.SUGGESTION


# --- candidates --------------------------------------------------------------------------------------------------------------


def keyed(key: RecordKey, *keys: str) -> Keyed:
    return Keyed(key, tuple(("kind", each) for each in keys), key.id)


def test_records_that_share_a_key_are_compared_once_however_many_they_share():
    people = [keyed(hubspot("1"), "a", "b"), keyed(hubspot("2"), "a", "b"), keyed(hubspot("3"), "c")]
    assert list(within(people)) == [(hubspot("1"), hubspot("2"))]


def test_across_the_sides_no_two_records_of_one_side_are_compared():
    here = [keyed(hubspot("1"), "a"), keyed(hubspot("2"), "a")]
    there = [keyed(salesforce("3"), "a"), keyed(salesforce("4"), "b")]
    assert sorted(between(here, there)) == [(hubspot("1"), salesforce("3")), (hubspot("2"), salesforce("3"))]


def test_of_a_crowded_key_only_neighbours_are_compared():
    crowd = [keyed(hubspot(f"{n:04d}"), "smith") for n in range(BLOCK_MOST_RECORDS * 4)]
    pairs = list(within(crowd))
    assert len(pairs) < len(crowd) * NEIGHBOURS
    assert (hubspot("0000"), hubspot("0001")) in pairs
    assert (hubspot("0000"), hubspot("0199")) not in pairs


def test_a_crowded_key_takes_nothing_from_a_rare_one():
    crowd = [keyed(hubspot(f"{n:04d}"), "smith", *(["rare"] if n in (0, 199) else [])) for n in range(200)]
    assert (hubspot("0000"), hubspot("0199")) in list(within(crowd))


# --- pairing -----------------------------------------------------------------------------------------------------------------


def test_one_that_fits_and_no_other_is_linked():
    pairing = pair_up([judged(hubspot("1"), salesforce("2"))], ())
    assert [(each.one, each.other) for each in pairing.links] == [(hubspot("1"), salesforce("2"))]
    assert pairing.suggestions == ()


def test_two_that_fit_are_for_a_person_to_choose_from_and_each_names_the_other():
    pairing = pair_up([judged(hubspot("1"), salesforce("2")), judged(hubspot("1"), salesforce("3"), points=60)], ())
    assert pairing.links == ()
    assert [(each.other, each.rivals) for each in pairing.suggestions] == [
        (salesforce("3"), (salesforce("2"),)),
        (salesforce("2"), (salesforce("3"),)),
    ]


def test_a_mere_suggestion_does_not_stand_in_the_way_of_a_link():
    pairing = pair_up(
        [judged(hubspot("1"), salesforce("2")), judged(hubspot("1"), salesforce("3"), Found.SUGGESTION, 15)], ()
    )
    assert [each.other for each in pairing.links] == [salesforce("2")]
    assert [(each.other, each.rivals) for each in pairing.suggestions] == [(salesforce("3"), (salesforce("2"),))]


def test_a_refused_pair_is_neither_suggested_nor_linked_and_the_other_one_is_free():
    both = [judged(hubspot("1"), salesforce("2")), judged(hubspot("1"), salesforce("3"))]
    pairing = pair_up(both, {suggestion_key(salesforce("2"), hubspot("1"))})
    assert [each.other for each in pairing.links] == [salesforce("3")]
    assert pairing.suggestions == ()


# --- refusals ----------------------------------------------------------------------------------------------------------------


def test_a_refusal_is_known_whichever_record_comes_first():
    assert suggestion_key(hubspot("1"), salesforce("2")) == suggestion_key(salesforce("2"), hubspot("1"))


def test_a_short_salesforce_id_is_the_same_record():
    assert suggestion_key(hubspot("1"), salesforce("0036g000006Jced")) == suggestion_key(
        hubspot("1"), salesforce("0036g000006JcedAAC")
    )


def test_a_record_is_never_suggested_to_be_itself():
    with pytest.raises(ValueError, match="twice"):
        suggestion_key(hubspot("1"), hubspot("1"))


def test_a_refusal_follows_a_record_that_was_merged():
    refusals = [Refusal(hubspot("1"), salesforce("2"), 5, "ada@example.com")]
    (followed,) = follow(refusals, salesforce("2"), salesforce("9"))
    assert followed == Refusal(hubspot("1"), salesforce("9"), 5, "ada@example.com")


def test_what_was_merged_against_its_refusal_is_refused_no_more():
    assert follow([Refusal(hubspot("1"), hubspot("2"), 5, "ada@example.com")], hubspot("2"), hubspot("1")) == []


def test_two_refusals_that_become_one_are_kept_as_the_first():
    refusals = [Refusal(hubspot("1"), salesforce("2"), 5, "ada"), Refusal(hubspot("1"), salesforce("3"), 7, "grace")]
    assert follow(refusals, salesforce("2"), salesforce("3")) == [Refusal(hubspot("1"), salesforce("3"), 5, "ada")]


# --- the duplicate report ----------------------------------------------------------------------------------------------------


def test_records_that_all_resemble_each_other_are_one_group():
    trio = [judged(hubspot(a), hubspot(b)) for a, b in ("12", "13", "23")]
    found = duplicates.report(trio, ())
    (group,) = found.groups
    assert group.members == (hubspot("1"), hubspot("2"), hubspot("3"))
    assert group.found is Found.LINK
    assert found.extra_records == 2


def test_a_group_that_nobody_vouches_for_wholly_is_a_suggestion():
    trio = [judged(hubspot("1"), hubspot("2")), judged(hubspot("2"), hubspot("3"))]
    (group,) = duplicates.report(trio, ()).groups
    assert (len(group.members), group.found) == (3, Found.SUGGESTION)


def test_a_chain_of_likenesses_does_not_make_one_group_of_strangers():
    links = [judged(hubspot(a), hubspot(b), points=40) for a, b in ("12", "13", "23", "45", "46", "56")]
    bridge = judged(hubspot("3"), hubspot("4"), Found.SUGGESTION, 15)
    found = duplicates.report([*links, bridge], ())
    assert [len(group.members) for group in found.groups] == [3, 3]
    assert found.beside == (bridge,)


def test_a_refused_duplicate_leaves_the_report():
    pair = judged(hubspot("1"), hubspot("2"))
    assert duplicates.report([pair], {pair.key}) == duplicates.Report((), ())


def test_the_report_is_the_same_in_whatever_order_the_pairs_come():
    pairs = [judged(hubspot(a), hubspot(b), points=20 + int(a) * int(b)) for a, b in ("12", "13", "34", "45", "35")]
    assert duplicates.report(pairs, ()) == duplicates.report(pairs[::-1], ())
