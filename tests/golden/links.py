"""What becomes of a link, over every state it may be in and everything that may be seen of its two records."""

from __future__ import annotations

from itertools import product
from typing import Any

from interlock.core.link import RESTS, LinkDecision, LinkMove, decide_link
from interlock.core.model import Gone, GoneHow, LinkedBy, LinkState, Observation, RecordKey, RecordLink, Side

HEADING = """\
What becomes of a linked pair (core/link.py, decide_link). Generated: make golden.

  there       read, with its values          deleted     proven: in the archive or the bin
  lives on    merged into another record, or a lead that became a contact
  silent      could not be read and nothing proves why
  outside     read, and not in the HubSpot list that limits what syncs
  unsaid      read, and HubSpot did not say whether it is in that list

  merge       both are there: decide their fields      rest     nothing to do
  wait        an issue; nothing is done until the record can be read again
  -> state    the pair changes to that state           follow   the pair moves on to the record that lives on
  delete      the record on that side goes, where a person chose that; the pair then changes to that state
"""

HUBSPOT = RecordKey(Side.HUBSPOT, "contacts", "1")
SALESFORCE = RecordKey(Side.SALESFORCE, "Lead", "00Q1")
SURVIVOR = {
    Side.HUBSPOT: RecordKey(Side.HUBSPOT, "contacts", "2"),
    Side.SALESFORCE: RecordKey(Side.SALESFORCE, "Contact", "0032"),
}
SEEN = ("there", "deleted", "lives on", "silent")
# Only HubSpot records are in a list or outside of one.
SEEN_HERE = (*SEEN, "outside", "unsaid")
INCLUDED = {"outside": False, "unsaid": None}


def link_in(state: LinkState) -> RecordLink:
    return RecordLink("contacts", HUBSPOT.id, "Lead", SALESFORCE.id, state, LinkedBy.EMAIL, 0, {}, {}, id=1)


def seen_as(word: str, key: RecordKey) -> Observation | Gone | None:
    match word:
        case "there" | "outside" | "unsaid":
            return Observation(key, {}, 0, 0, 0)
        case "deleted":
            return Gone(key, GoneHow.DELETED)
        case "lives on":
            how = GoneHow.CONVERTED if key.type == "Lead" else GoneHow.MERGED
            return Gone(key, how, SURVIVOR[key.side])
        case _:
            return None


def render() -> str:
    lines = [HEADING]
    for state in LinkState:
        lines += _section(state.value, state)
    for state in LinkState:
        lines += _section(f"{state.value}, deletes are carried over both ways", state, carries=tuple(Side))
    for ours in Side:
        title = f"{RESTS[ours.other].value}, and we deleted the {ours.value} record with it"
        lines += _section(title, RESTS[ours.other], carries=tuple(Side), ours=ours)
    for side, state in RESTS.items():
        title = f"{state.value}, and the {side.other.value} record waits to go"
        lines += _section(title, state, carries=tuple(Side), waits=True)
    return "".join(lines)


def _section(title: str, state: LinkState, **chosen: Any) -> list[str]:
    lines = [f"\n== {title} ==\n\n  HubSpot   Salesforce\n"]
    for hubspot, salesforce in product(SEEN_HERE, SEEN):
        here, there = seen_as(hubspot, HUBSPOT), seen_as(salesforce, SALESFORCE)
        decision = decide_link(link_in(state), here, there, INCLUDED.get(hubspot, True), **chosen)
        lines.append(f"  {hubspot:<10}{salesforce:<12}{told(decision)}\n")
    return lines


def told(decision: LinkDecision) -> str:
    words = {"set_state": f"-> {decision.state.value if decision.state else ''}"}.get(
        decision.move.value, decision.move.value
    )
    if decision.move is LinkMove.DELETE and decision.side is not None and decision.state is not None:
        words += f" in {decision.side.value} -> {decision.state.value}"
    if decision.successor is not None:
        words += f" {decision.successor}"
    return f"{words} ({decision.cause})" if decision.cause else words
