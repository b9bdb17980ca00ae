"""Roles of a contact whose pair has moved to another one with the same address (latest.py): they remain roles of the pair.

Nobody took them away, and nobody gave the other contact one. Were they nobody's, the deal in HubSpot would lose its contact because
another record was edited. They are the pair's until somebody takes them away, or the contact has a pair of its own again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from interlock.core.link import WHOLE
from interlock.core.model import RecordKey, RecordLink
from interlock.core.values import Ref, fingerprint
from interlock.engine.context import Cycle
from interlock.engine.work import Work
from interlock.store import Tx, links

# Among the sets of a pair: the contacts that it has moved away from.
GAVE_WAY = "gave_way"


def remember_who_gave_way(work: Work, successor: RecordKey) -> None:
    """Of a pair that moves to the one that was edited last. A lead has no roles."""
    link = work.link
    if link is None or link.salesforce_type != "Contact":
        return
    left = {*link.sets.get(GAVE_WAY, ()), _print_of(link.salesforce_id)} - {_print_of(successor.id)}
    work.sets = {**work.sets, GAVE_WAY: sorted(left)}


async def stand_ins(
    tx: Tx, contacts: Iterable[str], known: Mapping[int | None, RecordLink], further: Iterable[int]
) -> dict[str, RecordLink]:
    """Contact -> the pair that moved away from it. `contacts`: those that have or had a role, and no pair; `known`, `further`: the
    pairs, and the ids of others, that may have."""
    alone = list(contacts)
    if not alone:
        return {}
    missing = sorted(set(further) - known.keys())
    pairs = [*known.values(), *(await links.by_id(tx, missing)).values()] if missing else list(known.values())
    moved = {each: link for link in pairs if link.state in WHOLE for each in link.sets.get(GAVE_WAY, ())}
    return {id_: moved[_print_of(id_)] for id_ in alone if _print_of(id_) in moved}


async def deleted_of(ctx: Cycle, contacts: Collection[str]) -> set[str]:
    """Those that are not there any more. A role goes with its contact, and nobody has taken it away then. Raises CrmError."""
    if not contacts:
        return set()
    there = await ctx.salesforce.retrieve("Contact", sorted(contacts), ["Id"], purpose="fetch")
    return set(contacts) - there.keys()


def _print_of(contact: str) -> int:
    return fingerprint(Ref("Contact", contact))
