"""The merge of one field, over every pattern of equal, different and blank values, every rule, and either side newest.

Which values are equal is all that matters, not what they are: the patterns are written with the letters w, x, y, z in order
of appearance, and the test runs every other spelling too (`spellings`) and finds its line (`pattern`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from interlock.core.model import FieldBase, Side, SyncRule
from interlock.core.reconcile import FieldMerge, merge_field
from interlock.core.values import BLANK, UNKNOWN, Text, Unknown, Value, fingerprint

LETTERS = "wxyz"
BLANK_SIGN, UNKNOWN_SIGN, UNSET_SIGN = "-", "?", "unset"
NEWEST: tuple[Side | None, ...] = (None, Side.SALESFORCE, Side.HUBSPOT)

# base in HubSpot, base in Salesforce (both `unset` for no base), HubSpot now, Salesforce now
Case = tuple[str, str, str, str]

HEADING = """\
What becomes of one field of one linked pair (core/reconcile.py, merge_field). Generated: make golden.

  base       what HubSpot and Salesforce held when they last agreed; unset: they never did
  now        what HubSpot and Salesforce hold
  w x y z    values: the same letter, the same value      -   blank      ?   could not be read
  H:=x S:=x  HubSpot, Salesforce is changed to x
  logs x     a conflict: x is replaced, and kept in the conflict log with the reason in brackets
  agreed     what is there becomes the base
"""


def value_of(sign: str) -> Value:
    return {BLANK_SIGN: BLANK, UNKNOWN_SIGN: UNKNOWN}.get(sign) or Text(sign)


def sign_of(value: Value) -> str:
    if type(value) is Unknown:
        return UNKNOWN_SIGN
    return value.value if isinstance(value, Text) else BLANK_SIGN


def base_of(case: Case) -> FieldBase | None:
    if case[0] == UNSET_SIGN:
        return None
    return fingerprint(value_of(case[0])), fingerprint(value_of(case[1]))


def merged(case: Case, rule: SyncRule, newest: Side | None) -> FieldMerge:
    return merge_field(base_of(case), value_of(case[2]), value_of(case[3]), rule, newest)


def spellings() -> Iterator[Case]:
    """Every case there is: base unset or any two of five values, and any two of six (unreadable too) now."""
    held = (BLANK_SIGN, *LETTERS)
    bases = [(UNSET_SIGN, UNSET_SIGN), *product(held, held)]
    for (base_hubspot, base_salesforce), hubspot, salesforce in product(
        bases, (*held, UNKNOWN_SIGN), (*held, UNKNOWN_SIGN)
    ):
        yield base_hubspot, base_salesforce, hubspot, salesforce


def pattern(case: Case) -> Case:
    """The case with its letters renamed in order of appearance."""
    names: dict[str, str] = {}
    renamed = [names.setdefault(sign, LETTERS[len(names)]) if sign in LETTERS else sign for sign in case]
    return renamed[0], renamed[1], renamed[2], renamed[3]


def render() -> str:
    readable = [case for case in dict.fromkeys(map(pattern, spellings())) if UNKNOWN_SIGN not in case]
    readable.sort(key=lambda case: (case[0] != UNSET_SIGN, case[0] != case[1]))
    return HEADING + "".join(block(rule, readable) for rule in SyncRule)


def block(rule: SyncRule, readable: list[Case]) -> str:
    lines = [f"\n== {rule.value} ==\n\n  base              now\n  HubSpot Salesf.   HubSpot Salesf.\n"]
    unreadable = {outcome(case, rule) for case in spellings() if UNKNOWN_SIGN in case}
    assert len(unreadable) == 1, "what cannot be read says nothing, whatever else is known"
    lines.append(row(("any", "any", "?", "any"), unreadable.pop()))
    lines.append(row(("any", "any", "any", "?"), "the same"))
    told_readable = [row(case, outcome(case, rule)) for case in readable]
    if rule is SyncRule.DONT_SYNC:
        assert len({outcome(case, rule) for case in readable}) == 1
        told_readable = [row(("any", "any", "any", "any"), outcome(readable[0], rule))]
    return "".join(lines + told_readable)


def row(signs: Case, text: str) -> str:
    base_hubspot, base_salesforce, hubspot, salesforce = signs
    return f"  {base_hubspot:<8}{base_salesforce:<10}{hubspot:<8}{salesforce:<10}{text}\n"


def outcome(case: Case, rule: SyncRule) -> str:
    tie, salesforce, hubspot = (told(merged(case, rule, newest)) for newest in NEWEST)
    if tie == salesforce == hubspot:
        return tie
    assert tie == salesforce, "where nobody knows who was last, Salesforce stands"
    return f"{tie}\n{'':38}if HubSpot was edited last: {hubspot}"


def told(merge: FieldMerge) -> str:
    words = []
    if merge.write is not None:
        words.append(f"{'H' if merge.write is Side.HUBSPOT else 'S'}:={sign_of(merge.value)}")
    if merge.agree:
        words.append("agreed")
    words.append(f"({merge.because.value})")
    if merge.conflict is not None:
        assert merge.conflict.loser is merge.write
        assert merge.conflict.kept == merge.value
        words.append(f"logs {sign_of(merge.conflict.lost)} ({merge.conflict.reason.value})")
    return " ".join(words)
