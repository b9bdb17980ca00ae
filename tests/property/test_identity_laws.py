"""The laws of telling who is who, drawn: normal forms are final, likeness has no direction, and every verdict has its reasons."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.core.identity import duplicates
from interlock.core.identity.candidates import BLOCK_MOST_RECORDS, NEIGHBOURS, Keyed, between, within
from interlock.core.identity.evidence import Likeness, Trait
from interlock.core.identity.pairing import Judged, pair_up
from interlock.core.identity.rules import COMPANY, PERSON, Rules
from interlock.core.identity.verdict import Found, Verdict, judge
from interlock.core.model import RecordKey, Side
from interlock.objects.block_keys import company_keys, person_keys, sound
from interlock.objects.comparing import COMPANIES, CONTACTS
from interlock.objects.likeness import alike_companies, alike_persons
from interlock.objects.normalise import (
    company_domain,
    fold_text,
    normal_company_name,
    normal_email,
    normal_person_name,
    normal_phone,
    registrable_domain,
)
from interlock.objects.profiles import (
    Company,
    Person,
    company_of,
    normal_date,
    normal_place,
    normal_postcode,
    person_of,
    phone_digits,
)

anything = st.text(max_size=30)
words = st.text(st.sampled_from("abcdeo '.-&,ßéŁ株1"), max_size=18)

FORMS: dict[str, tuple[Callable[[str], str | None], st.SearchStrategy[str]]] = {
    "email": (normal_email, st.emails() | anything),
    "domain": (
        registrable_domain,
        st.from_regex(r"(https?://)?[a-zé.]{1,12}\.(com|co\.uk|de)", fullmatch=True) | anything,
    ),
    "company_domain": (company_domain, st.sampled_from(["https://www.acme.co.uk/x", "ada@acme.com"]) | anything),
    "text": (fold_text, anything),
    "company": (
        normal_company_name,
        words | st.sampled_from(["The A. B. Co. & Co. KG", "S p A", "the the"]) | anything,
    ),
    "person": (normal_person_name, words | st.sampled_from(["Dr. Mr. Ada MD PhD", "MA, Yo Yo", "a, b"]) | anything),
    "phone": (normal_phone, st.from_regex(r"\+[0-9]{8,13}( ext\. [0-9]{1,4})?", fullmatch=True) | anything),
    "digits": (phone_digits, st.from_regex(r"[0-9 ()-]{6,16}(x[0-9]{1,3})?", fullmatch=True) | anything),
    "place": (normal_place, words | anything),
    "postcode": (normal_postcode, words | anything),
    "date": (normal_date, st.dates().map(str) | anything),
}


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_what_is_normal_already_stays_as_it_is(form: str, data: st.DataObject):
    normal, drawn = FORMS[form]
    once = normal(data.draw(drawn))
    if once:
        assert normal(once) == once


names = st.sampled_from(["", "ada", "ada augusta", "bob", "robert", "li", "lovelace", "lovelase", "o neil", "a"])
streets = st.sampled_from(["", "12 st james s square", "12 st jamess quare", "1 high street", "high street 1"])
cities = st.sampled_from(["", "london", "lodnon", "los angeles", "l"])
codes = st.sampled_from(["", "sw1y4jh", "90210", "902101234", "90211"])
phones = st.lists(st.sampled_from(["+14155552671", "4155552671", "+442079460018", "+14155552671;ext=1"]), max_size=2)
emails = st.lists(
    st.sampled_from(["ada@example.com", "ada1@example.com", "lovelace@a.com", "lovelace@b.org", "info@a.com"]),
    max_size=2,
)
persons = st.builds(
    Person,
    emails=emails.map(tuple),
    given=names,
    family=names,
    phones=phones.map(tuple),
    born=st.sampled_from(["", "1980-03-07", "1980-07-03", "1815-12-10"]),
    street=streets,
    city=cities,
    postcode=codes,
    employer=st.sampled_from(["", "acme", "edge communications", "edge communications europe"]),
)
companies = st.builds(
    Company,
    name=st.sampled_from(["", "acme", "edge communications", "edge communication", "edge communications europe"]),
    domains=st.lists(st.sampled_from(["acme.com", "edge.com"]), max_size=2).map(tuple),
    shared_domains=st.lists(st.sampled_from(["facebook.com"]), max_size=1).map(tuple),
    phones=phones.map(tuple),
    street=streets,
    city=cities,
    postcode=codes,
)


@settings(deadline=None, max_examples=500)
@given(one=persons, other=persons)
def test_two_people_are_as_alike_as_the_other_way_round(one: Person, other: Person):
    assert alike_persons(one, other) == alike_persons(other, one)
    assert CONTACTS.judge(one, other) == CONTACTS.judge(other, one)


@settings(deadline=None, max_examples=500)
@given(one=companies, other=companies)
def test_two_companies_are_as_alike_as_the_other_way_round(one: Company, other: Company):
    assert alike_companies(one, other) == alike_companies(other, one)
    assert COMPANIES.judge(one, other) == COMPANIES.judge(other, one)


@settings(deadline=None)
@given(person=persons)
def test_nobody_is_unlike_themselves(person: Person):
    assert Likeness.UNLIKE not in alike_persons(person, person).values()


@settings(deadline=None)
@given(company=companies)
def test_no_company_is_unlike_itself(company: Company):
    assert Likeness.UNLIKE not in alike_companies(company, company).values()


@settings(deadline=None)
@given(
    values=st.dictionaries(st.sampled_from(["email", "firstname", "phone", "date_of_birth", "zip", "domain"]), anything)
)
def test_whatever_stands_in_a_record_makes_a_profile_and_keys(values: dict[str, str]):
    person_keys(person_of(Side.HUBSPOT, values))
    company_keys(company_of(Side.HUBSPOT, values))


@settings(deadline=None)
@given(name=words)
def test_a_sound_is_short_and_the_same_every_time(name: str):
    assert sound(name) == sound(name)
    assert len(sound(name)) <= 4


def evidence_for(rules: Rules) -> st.SearchStrategy[dict[Trait, Likeness]]:
    return st.fixed_dictionaries({}, optional={trait: st.sampled_from(list(Likeness)) for trait in rules.points})


@pytest.mark.parametrize("rules", [PERSON, COMPANY], ids=["person", "company"])
@settings(deadline=None, max_examples=500)
@given(data=st.data())
def test_what_is_linked_or_suggested_says_what_speaks_for_it(rules: Rules, data: st.DataObject):
    verdict = judge(data.draw(evidence_for(rules)), rules)
    if verdict.found is not Found.NOTHING:
        assert any(reason.points > 0 for reason in verdict.reasons)
    assert verdict.points == sum(reason.points for reason in verdict.reasons)
    assert [reason.points for reason in verdict.reasons] == sorted((r.points for r in verdict.reasons), reverse=True)


@pytest.mark.parametrize("rules", [PERSON, COMPANY], ids=["person", "company"])
@settings(deadline=None, max_examples=500)
@given(data=st.data())
def test_nothing_that_is_not_known_makes_a_verdict_weightier(rules: Rules, data: st.DataObject):
    evidence = data.draw(evidence_for(rules))
    known = {trait: likeness for trait, likeness in evidence.items() if likeness is not Likeness.UNKNOWN}
    assert judge(evidence, rules) == judge(known, rules)


@pytest.mark.parametrize("rules", [PERSON, COMPANY], ids=["person", "company"])
@settings(deadline=None, max_examples=500)
@given(data=st.data())
def test_one_more_likeness_never_takes_a_link_back(rules: Rules, data: st.DataObject):
    evidence = data.draw(evidence_for(rules))
    trait = data.draw(st.sampled_from(sorted(rules.points)))
    ranks = [Found.NOTHING, Found.SUGGESTION, Found.LINK]
    before = judge({**evidence, trait: Likeness.UNLIKE}, rules).found
    after = judge({**evidence, trait: Likeness.SAME}, rules).found
    assert ranks.index(after) >= ranks.index(before)


# --- candidates, pairs and groups --------------------------------------------------------------------------------------------


@st.composite
def keyed_records(draw: st.DrawFn, side: Side) -> list[Keyed]:
    held = draw(st.lists(st.frozensets(st.sampled_from("abcd"), max_size=3), max_size=80))
    records = []
    for number, keys in enumerate(held):
        order = draw(st.sampled_from("xyz"))
        records.append(Keyed(RecordKey(side, "t", f"{number:03d}"), tuple(("k", each) for each in sorted(keys)), order))
    return records


@settings(deadline=None, max_examples=60)
@given(here=keyed_records(Side.HUBSPOT), there=keyed_records(Side.SALESFORCE), data=st.data())
def test_candidates_share_a_key_come_once_and_do_not_depend_on_the_order(
    here: list[Keyed], there: list[Keyed], data: st.DataObject
):
    keys = {each.record: set(each.keys) for each in [*here, *there]}
    for pairs, again in (
        (list(within(here)), within(data.draw(st.permutations(here)))),
        (list(between(here, there)), between(data.draw(st.permutations(here)), there[::-1])),
    ):
        assert len(pairs) == len(set(pairs))
        assert all(one < other and keys[one] & keys[other] for one, other in pairs)
        assert set(pairs) == set(again)


@settings(deadline=None, max_examples=60)
@given(here=keyed_records(Side.HUBSPOT))
def test_no_pair_that_shares_a_key_is_left_out_unless_the_key_is_crowded(here: list[Keyed]):
    counts: dict[object, int] = {}
    for each in here:
        for key in each.keys:
            counts[key] = counts.get(key, 0) + 1
    rare = {key for key, n in counts.items() if n <= BLOCK_MOST_RECORDS}
    wanted = {
        (one.record, other.record)
        for one in here
        for other in here
        if one.record < other.record and set(one.keys) & set(other.keys) & rare
    }
    found = list(within(here))
    assert wanted <= set(found)
    assert len(found) <= sum(min(n * BLOCK_MOST_RECORDS, n * n) for n in counts.values()) + len(here) * NEIGHBOURS


@st.composite
def judged_pairs(draw: st.DrawFn, across: bool) -> list[Judged]:
    ids = st.integers(0, 7)
    found = {}
    for a, b in draw(st.lists(st.tuples(ids, ids), max_size=25)):
        one = RecordKey(Side.HUBSPOT, "t", str(min(a, b)))
        other = RecordKey(Side.SALESFORCE if across else Side.HUBSPOT, "t", str(max(a, b)))
        if one != other:
            verdict = Verdict(draw(st.sampled_from(list(Found))), draw(st.integers(10, 60)), ())
            found[one, other] = Judged(one, other, verdict)
    return list(found.values())


@settings(deadline=None)
@given(judged=judged_pairs(across=True), data=st.data())
def test_a_record_is_linked_once_and_nothing_found_is_lost(judged: list[Judged], data: st.DataObject):
    refused = {each.key for each in judged if data.draw(st.booleans())}
    pairing = pair_up(judged, refused)
    linked = [key for each in pairing.links for key in (each.one, each.other)]
    assert len(linked) == len(set(linked))
    told = sorted(each.key for each in (*pairing.links, *pairing.suggestions))
    assert told == sorted(
        each.key for each in judged if each.verdict.found is not Found.NOTHING and each.key not in refused
    )


@settings(deadline=None)
@given(judged=judged_pairs(across=False), data=st.data())
def test_a_record_is_in_one_group_and_every_pair_is_told_once(judged: list[Judged], data: st.DataObject):
    found = duplicates.report(judged, ())
    members = [key for group in found.groups for key in group.members]
    assert len(members) == len(set(members))
    assert all(len(group.members) >= 2 for group in found.groups)
    told = [each.key for group in found.groups for each in group.pairs] + [each.key for each in found.beside]
    assert sorted(told) == sorted(each.key for each in judged if each.verdict.found is not Found.NOTHING)
    assert found == duplicates.report(data.draw(st.permutations(judged)), ())
