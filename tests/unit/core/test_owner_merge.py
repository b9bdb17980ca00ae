"""Who owns a pair, by HubSpot's own table of owners (native integration, "owner assignment") and beyond it."""

from __future__ import annotations

import pytest

from interlock.core.model import Side, SyncRule
from interlock.core.owner_merge import merge_owner
from interlock.core.reconcile import Because, FieldMerge
from interlock.core.values import BLANK, Unknown, Value, fingerprint
from interlock.objects.owners import Person, match_owners

HUBSPOT, SALESFORCE = Side.HUBSPOT, Side.SALESFORCE
OWNERS = [
    Person("1", "olga@example.com"),
    Person("2", "piet@example.com"),
    Person("3", "nobody@example.com"),
    Person("4", "gone@example.com"),
]
USERS = [
    Person("005000000000001AAA", "olga@example.com"),
    Person("005000000000002AAA", "piet@example.com"),
    Person("005000000000004AAA", "gone@example.com", active=False),
    Person("005000000000005AAA", "alone@example.com"),
    Person("005000000000006AAA", "left@example.com", active=False),
]
QUEUE = "00G000000000001AAA"
APART = match_owners(OWNERS, USERS).codec(apart=True)
OLGA, PIET, NOBODY, GONE = (APART.from_hubspot(str(id_)) for id_ in (1, 2, 3, 4))
ALONE, LEFT, WAITING = (APART.from_salesforce(id_) for id_ in ("005000000000005AAA", "005000000000006AAA", QUEUE))


def decided(
    hubspot: Value,
    salesforce: Value,
    base: tuple[Value, Value] | None = None,
    rule: SyncRule = SyncRule.TWO_WAY,
    newest: Side | None = None,
    gives_way: bool = True,
) -> FieldMerge:
    prints = None if base is None else (fingerprint(base[0]), fingerprint(base[1]))
    return merge_owner(APART, gives_way, prints, hubspot, salesforce, rule, newest)


def test_linking_two_records_leaves_salesforces_owner_whoever_was_edited_last():
    for gives_way in (True, False):
        for newest in (*Side, None):
            merge = decided(OLGA, PIET, newest=newest, gives_way=gives_way)
            assert (merge.write, merge.value, merge.conflict is not None) == (HUBSPOT, PIET, True)


def test_an_inactive_owner_in_salesforce_gives_the_record_to_hubspots_when_they_are_linked():
    for theirs in (GONE, LEFT):
        merge = decided(OLGA, theirs)
        assert (merge.write, merge.value, merge.conflict is not None) == (SALESFORCE, OLGA, True)


def test_the_most_recent_change_wins_later():
    assert decided(PIET, OLGA, (OLGA, OLGA)).write is SALESFORCE
    assert decided(OLGA, PIET, (OLGA, OLGA)).write is HUBSPOT
    assert decided(PIET, GONE, (OLGA, OLGA), newest=HUBSPOT).write is SALESFORCE


def test_an_owner_who_cannot_own_there_gives_way_and_is_logged():
    for cannot in (NOBODY, GONE):
        for base in ((OLGA, OLGA), (cannot, OLGA), None):
            merge = decided(cannot, OLGA, base)
            assert (merge.because, merge.write, merge.value) in (
                (Because.GAVE_WAY, HUBSPOT, OLGA),
                (Because.FIRST_LINK, HUBSPOT, OLGA),
            )
            assert merge.conflict is not None


def test_an_owner_cannot_be_taken_away():
    merge = decided(BLANK, OLGA, (OLGA, OLGA))
    assert (merge.write, merge.value, merge.conflict) == (HUBSPOT, OLGA, None)


def test_a_queue_or_a_user_without_a_hubspot_owner_leaves_hubspots_alone_until_somebody_changes_either():
    for theirs in (ALONE, WAITING):
        apart = decided(OLGA, theirs, (OLGA, OLGA))
        assert (apart.write, apart.agree) == (None, True)
        for newest in (*Side, None):
            assert decided(OLGA, theirs, (OLGA, theirs), newest=newest).write is None
        # Somebody in HubSpot takes it over.
        assert decided(PIET, theirs, (OLGA, theirs)).write is SALESFORCE
        assert decided(BLANK, theirs, (OLGA, theirs)).write is None
        assert decided(NOBODY, theirs, (OLGA, theirs)).write is None


def test_who_is_matched_later_is_no_change_and_salesforces_owner_arrives():
    later = match_owners([*OWNERS, Person("5", "alone@example.com")], USERS).codec(apart=True)
    there = later.from_salesforce("005000000000005AAA")
    base = (fingerprint(OLGA), fingerprint(ALONE))
    merge = merge_owner(later, True, base, OLGA, there, SyncRule.TWO_WAY, HUBSPOT)
    assert (merge.write, merge.value) == (HUBSPOT, there)


def test_pairing_somebody_by_hand_hands_over_no_record_by_itself():
    paired = match_owners(OWNERS, USERS, {"1": "005000000000005AAA"}).codec(apart=True)
    here, there = paired.from_hubspot("1"), paired.from_salesforce("005000000000001AAA")
    both = fingerprint(OLGA)
    assert merge_owner(paired, True, (both, both), here, there, SyncRule.TWO_WAY, HUBSPOT).write is None
    assert paired.from_salesforce("005000000000005AAA") == here
    assert paired.to_salesforce(here) == "005000000000005AAA"


@pytest.mark.parametrize(("gives_way", "rule"), [(True, SyncRule.PREFER_HUBSPOT), (False, SyncRule.TWO_WAY)])
def test_two_who_were_left_apart_stay_so_when_one_of_them_is_paired_by_hand(gives_way, rule):
    paired = match_owners(OWNERS, USERS, {"3": "005000000000005AAA"}).codec(apart=gives_way)
    here, there = paired.from_hubspot("3"), paired.from_salesforce("005000000000001AAA")
    base = (fingerprint(NOBODY), fingerprint(OLGA))
    for newest in (*Side, None):
        assert merge_owner(paired, gives_way, base, here, there, rule, newest).write is None
    # Whoever changes the owner next hands the record over.
    assert merge_owner(paired, gives_way, (fingerprint(OLGA),) * 2, here, there, rule, HUBSPOT).write is SALESFORCE


def test_a_record_that_is_about_to_be_made_gets_nobody_who_cannot_own_it():
    assert decided(OLGA, BLANK).write is SALESFORCE
    for cannot in (NOBODY, GONE):
        assert (decided(cannot, BLANK).write, decided(cannot, BLANK).agree) == (None, False)


def test_where_only_hubspot_may_change_owners_nobody_gives_way():
    merge = decided(NOBODY, OLGA, (OLGA, OLGA), rule=SyncRule.PREFER_HUBSPOT)
    assert (merge.write, merge.agree) == (None, True)


def test_an_owner_whom_hubspot_does_not_name_is_unreadable():
    assert type(APART.from_hubspot("99")) is Unknown
    assert decided(APART.from_hubspot("99"), OLGA, (OLGA, OLGA)).write is None


def test_without_it_whom_one_side_alone_knows_is_unreadable_as_ever():
    keeps = match_owners(OWNERS, USERS).codec()
    assert type(keeps.from_hubspot("3")) is Unknown
    assert type(keeps.from_salesforce(QUEUE)) is Unknown
