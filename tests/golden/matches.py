"""First linking, over every set of candidates that matters: none, one or two of each type, by each proof, free or taken."""

from __future__ import annotations

from itertools import product

from interlock.core.match import Ambiguous, Candidate, Decision, Match, choose
from interlock.core.model import LinkedBy, RecordKey, Side

HEADING = """\
Which record becomes the counterpart of a HubSpot contact (core/match.py, choose). Generated: make golden.

  found        by sync key (our own, written with the record), then by e-mail; each: Contacts, then Leads
  -            none                          1   one, free
  taken        one, linked to another record 2   two, free

  link         the pair is made, with the proof in brackets
  ask          an issue with these candidates; nothing is created and nothing is linked
  none fits    a counterpart may be created
"""

PREFERRED = ("Contact", "Lead")
COUNTS = ("-", "1", "taken", "2")
OTHER = RecordKey(Side.HUBSPOT, "contacts", "9")


def candidates(type_: str, by: LinkedBy, count: str) -> list[Candidate]:
    number = {"-": 0, "1": 1, "taken": 1, "2": 2}[count]
    return [
        Candidate(
            RecordKey(Side.SALESFORCE, type_, f"{type_}-{by.value}-{place + 1}"),
            by,
            OTHER if count == "taken" else None,
        )
        for place in range(number)
    ]


def render() -> str:
    lines = [HEADING, "\n  by sync key           by e-mail\n  Contacts   Leads      Contacts   Leads\n"]
    for by_key, by_email in ordered():
        found = [
            *candidates("Contact", LinkedBy.SYNC_KEY, by_key[0]),
            *candidates("Lead", LinkedBy.SYNC_KEY, by_key[1]),
            *candidates("Contact", LinkedBy.EMAIL, by_email[0]),
            *candidates("Lead", LinkedBy.EMAIL, by_email[1]),
        ]
        signs = "".join(f"{sign:<11}" for sign in (*by_key, *by_email))
        lines.append(f"  {signs}{told(choose(found, PREFERRED))}\n")
    return "".join(lines)


def ordered() -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Every pair of counts by one proof, then the stronger proof against the strongest finds of the weaker one."""
    pairs = list(product(COUNTS, COUNTS))
    none = ("-", "-")
    alone = [(none, pair) for pair in pairs] + [(pair, none) for pair in pairs if pair != none]
    return alone + [(pair, ("1", "2")) for pair in pairs if pair != none]


def told(decision: Decision) -> str:
    match decision:
        case Match(key=key, by=by):
            return f"link {key.id} ({by.value})"
        case Ambiguous(keys=keys, code=code, by=by):
            return f"ask {', '.join(key.id for key in keys)} ({code}, {by.value})"
        case _:
            return "none fits"
