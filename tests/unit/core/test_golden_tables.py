"""The written-out decisions equal the functions that make them, in the golden files and in docs/guarantees.md alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.golden import links, merge
from tests.golden.files import TABLES
from tests.golden.merge import NEWEST, UNSET_SIGN, Case, merged, pattern, sign_of, spellings

from interlock.core.link import LinkMove, decide_link
from interlock.core.model import LinkState, Side, SyncRule
from interlock.core.reconcile import Because, FieldMerge
from interlock.core.values import BLANK, Unknown, fingerprint

ROOT = Path(__file__).parents[3]
GUARANTEES = ROOT / "docs" / "guarantees.md"

MIRRORED = {
    SyncRule.PREFER_SALESFORCE: SyncRule.PREFER_HUBSPOT,
    SyncRule.ALWAYS_SALESFORCE: SyncRule.ALWAYS_HUBSPOT,
    SyncRule.PREFER_HUBSPOT: SyncRule.PREFER_SALESFORCE,
    SyncRule.ALWAYS_HUBSPOT: SyncRule.ALWAYS_SALESFORCE,
    SyncRule.TWO_WAY: SyncRule.TWO_WAY,
    SyncRule.DONT_SYNC: SyncRule.DONT_SYNC,
}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_the_golden_file_is_what_the_function_decides(path):
    # A difference is a changed promise. If it is meant: `make golden`, and read docs/guarantees.md again.
    assert path.read_text(encoding="utf-8") == TABLES[path]()


def test_every_spelling_of_a_situation_is_decided_like_its_line_in_the_golden_file():
    for case in spellings():
        renamed = dict(zip(pattern(case), case, strict=True))
        for rule in SyncRule:
            for newest in NEWEST:
                assert shape(merged(case, rule, newest)) == shape(merged(pattern(case), rule, newest), renamed), case


def shape(found: FieldMerge, renamed: dict[str, str] | None = None) -> tuple[object, ...]:
    conflict = found.conflict
    lost, kept = (sign_of(conflict.lost), sign_of(conflict.kept)) if conflict is not None else ("", "")
    signs = [sign_of(found.value) if found.write is not None else "", lost, kept]
    if renamed is not None:
        signs = [renamed.get(sign, sign) for sign in signs]
    return (found.because, found.write, found.agree, conflict and (conflict.reason, conflict.loser), *signs)


def test_both_sides_are_treated_alike_under_mirrored_rules():
    for case in spellings():
        base_hubspot, base_salesforce, hubspot, salesforce = case
        mirrored = (base_salesforce, base_hubspot, salesforce, hubspot)
        for rule, mirrored_rule in MIRRORED.items():
            for newest in Side:
                here, there = merged(case, rule, newest), merged(mirrored, mirrored_rule, newest.other)
                assert here.write == (there.write.other if there.write is not None else None), (case, rule)
                assert (here.value, here.agree) == (there.value, there.agree), (case, rule)
                assert (here.conflict is None) == (there.conflict is None), (case, rule)


def test_what_is_left_after_a_decision_is_carried_out_needs_no_other_decision():
    for case in spellings():
        for rule in SyncRule:
            for newest in NEWEST:
                found = merged(case, rule, newest)
                if found.write is None:
                    continue
                print_ = fingerprint(found.value)
                now = sign_of(found.value)
                again = merge.merge_field((print_, print_), found.value, found.value, rule, newest)
                assert again.write is None, (case, rule, now)
                assert again.conflict is None, (case, rule, now)


# --- docs/guarantees.md, tables 1 and 2 --------------------------------------------------------------------------------------

COLUMNS = {
    "Prefer Salesforce unless blank": SyncRule.PREFER_SALESFORCE,
    "Always use Salesforce": SyncRule.ALWAYS_SALESFORCE,
    "Two-way": SyncRule.TWO_WAY,
    "Prefer HubSpot unless blank": SyncRule.PREFER_HUBSPOT,
    "Always use HubSpot": SyncRule.ALWAYS_HUBSPOT,
}


def table(number: int) -> list[dict[str, str]]:
    text = GUARANTEES.read_text(encoding="utf-8")
    found = re.search(rf"<!-- table {number}:begin -->\n(.*?)<!-- table {number}:end -->", text, re.DOTALL)
    assert found is not None, f"docs/guarantees.md has lost the marks of its table {number}"
    head, _, *rows = (
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in found[1].strip().splitlines()
    )
    return [dict(zip(head, row, strict=True)) for row in rows]


def applies(row: dict[str, str], case: Case) -> bool:
    if case[0] == UNSET_SIGN:
        times = ("any", "never")
    else:
        times = ("any", "either", "agreed" if case[0] == case[1] else "differed")
    if row["Last time"] not in times:
        return False
    return holds(row["HubSpot now"], case, Side.HUBSPOT) and holds(row["Salesforce now"], case, Side.SALESFORCE)


def holds(words: str, case: Case, side: Side) -> bool:
    here, there = (case[2], case[3]) if side is Side.HUBSPOT else (case[3], case[2])
    base = case[0] if side is Side.HUBSPOT else case[1]
    if words in ("unreadable", "anything"):
        return words == "anything" or here == merge.UNKNOWN_SIGN
    if merge.UNKNOWN_SIGN in (here, there):
        return False
    if words == "the same as the other":
        return here == there
    if here == there:
        return False
    facts = {
        "empty": here == merge.BLANK_SIGN,
        "a value": here != merge.BLANK_SIGN,
        "changed": here != base,
        "unchanged": here == base,
    }
    return all(facts[fact] for fact in words.split(", "))


def in_words(case: Case, rule: SyncRule) -> str:
    tie, hubspot = merged(case, rule, None), merged(case, rule, Side.HUBSPOT)
    if tie.write is not hubspot.write:
        assert tie.conflict is not None
        assert hubspot.conflict is not None
        return "newest wins, logged"
    if tie.write is None:
        return "left as they are" if tie.because is Because.MAY_DIFFER else "nothing"
    where = "to HubSpot" if tie.write is Side.HUBSPOT else "to Salesforce"
    return f"{where}, logged" if tie.conflict is not None else where


def test_table_1_of_the_guarantees_has_one_row_for_every_situation_and_says_what_the_function_does():
    rows = table(1)
    hit = set()
    for case in spellings():
        fitting = [number for number, row in enumerate(rows) if applies(row, case)]
        if merge.UNKNOWN_SIGN in case:
            # Both unreadable rows hold when neither side can be read; they say the same.
            fitting = fitting[:1]
        assert len(fitting) == 1, f"{case} is described by rows {fitting} of table 1"
        hit.update(fitting)
        for name, rule in COLUMNS.items():
            assert rows[fitting[0]][name] == in_words(case, rule), (case, rule)
    assert hit == set(range(len(rows))), "a row of table 1 describes nothing that can happen"


SEEN = {
    "is there": "there",
    "was deleted": "deleted",
    "was merged into another": "lives on",
    "was merged, or its lead converted": "lives on",
    "cannot be seen, and nothing proves why": "silent",
}
MOVES = {
    "its fields are decided (table 1)": (LinkMove.MERGE, None),
    "the pair rests; the HubSpot record stays and is not created in Salesforce again": (
        LinkMove.SET_STATE,
        LinkState.SALESFORCE_DELETED,
    ),
    "the pair rests; the Salesforce record stays and is not created in HubSpot again": (
        LinkMove.SET_STATE,
        LinkState.HUBSPOT_DELETED,
    ),
    "the pair ends": (LinkMove.SET_STATE, LinkState.UNLINKED),
    "the pair moves to the survivor": (LinkMove.FOLLOW, None),
    "the pair moves to the survivor, or to the contact": (LinkMove.FOLLOW, None),
    "an issue; nothing is written until it can be seen": (LinkMove.WAIT, None),
}


def test_table_2_of_the_guarantees_says_what_becomes_of_a_linked_pair():
    told = set()
    for row in table(2):
        hubspot, salesforce = SEEN[row["The HubSpot record"]], SEEN[row["The Salesforce record"]]
        decision = decide_link(
            links.link_in(LinkState.LINKED),
            links.seen_as(hubspot, links.HUBSPOT),
            links.seen_as(salesforce, links.SALESFORCE),
        )
        assert (decision.move, decision.state) == MOVES[row["What happens"]], row
        told.add((hubspot, salesforce))
    one_side = {("there", word) for word in links.SEEN} | {(word, "there") for word in links.SEEN}
    assert told >= one_side, "table 2 leaves out something that may happen to one of the records"


def test_dont_sync_does_nothing_whatever_the_values():
    for case in spellings():
        found = merged(case, SyncRule.DONT_SYNC, Side.HUBSPOT)
        assert (found.write, found.agree, found.conflict) == (None, False, None)


def test_a_blank_is_told_from_what_cannot_be_read():
    assert Unknown() != BLANK
    with pytest.raises(ValueError, match="no fingerprint"):
        fingerprint(Unknown())
