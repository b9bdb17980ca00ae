"""Reviewing suggestions: the list, and what a person says of one. Accepted, the next sync links the two, and decides their fields
as of any new pair; refused, they are not suggested again. Writes to no CRM itself."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from interlock.app.errors import BadInput, Missing, Stopped
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.times import rfc3339
from interlock.core.identity.reasons import SENTENCES
from interlock.core.identity.rules import COMPANY, PERSON
from interlock.core.model import Reason, RecordKey
from interlock.store import Store, Tx, dirty, links, schedule, suggestions, unlinked
from interlock.store.suggestions import ACCEPTED, OPEN, REFUSED, Suggestion

Json = dict[str, Any]
State = Literal["open", "accepted", "refused"]
STATES = (OPEN, ACCEPTED, REFUSED)
ACCEPT, REFUSE = "accept", "refuse"
_STATE_AFTER = {ACCEPT: ACCEPTED, REFUSE: REFUSED}
_RULES = {"contacts": PERSON, "companies": COMPANY}


class Listed(msgspec.Struct, frozen=True):
    rows: list[Json]
    total: int
    counts: dict[str, int]  # by state
    next_offset: int | None


async def list_(
    store: Store, connection_id: int, state: str = OPEN, object_: str | None = None, offset: int = 0, limit: int = 50
) -> Listed:
    """The likeliest first. Raises BadInput for a state or an object that there is none of."""
    if state not in STATES:
        raise BadInput(f"{state!r} is no state.", code="no_such_state", fix=f"There are: {', '.join(STATES)}.")
    if object_ is not None and object_ not in _RULES:
        raise BadInput(
            f"No suggestions are made for {object_}.", code="no_such_object", fix=f"There are: {', '.join(_RULES)}."
        )
    async with store.read(connection_id) as tx:
        counted = await suggestions.counts(tx)
        found = await suggestions.page(tx, state, object_, offset, limit)
        labels = await _labels(tx, found)
    of_state = counted.get(state, {})
    total = sum(n for slug, n in of_state.items() if object_ in (None, slug))
    next_ = offset + len(found)
    return Listed(
        [document(each, labels) for each in found],
        total,
        {each: sum(counted.get(each, {}).values()) for each in STATES},
        next_ if next_ < total else None,
    )


async def _labels(tx: Tx, found: list[Suggestion]) -> dict[RecordKey, str]:
    rows = await unlinked.by_keys(tx, [key for each in found for key in (each.hubspot, each.salesforce)])
    return {key: each.label for key, each in rows.items()}


def document(each: Suggestion, labels: dict[RecordKey, str]) -> Json:
    points = _RULES[each.object].points
    return {
        "suggestion": each.key,
        "object": each.object,
        "state": each.state,
        "hubspot": str(each.hubspot),
        "hubspot_label": labels.get(each.hubspot) or None,
        "salesforce": str(each.salesforce),
        "salesforce_label": labels.get(each.salesforce) or None,
        "sure": each.sure,
        "points": each.points,
        "rivals": each.rivals,
        "reasons": [
            {
                "trait": trait.value,
                "likeness": likeness.value,
                "points": points[trait].get(likeness, 0),
                "text": SENTENCES[trait, likeness],
            }
            for trait, likeness in each.reasons
        ],
        "found_at": rfc3339(each.found_at_us),
        "decided_at": rfc3339(each.decided_at_us),
        "decided_by": each.decided_by,
    }


async def decide(store: Store, connection_id: int, key: str, decision: str, now_us: int, by: By = BY_COMMAND) -> Json:
    """The same said again changes nothing. A refusal can be taken back by accepting, and what was accepted be refused until it is
    linked. Raises BadInput, Missing, Stopped."""
    if decision not in _STATE_AFTER:
        raise BadInput(f"{decision!r} is no decision.", code="no_such_decision", fix="There are: accept, refuse.")
    async with store.write(connection_id) as tx:
        found = await suggestions.get(tx, key)
        if found is None:
            raise Missing(
                f"There is no suggestion {key}.",
                code="no_such_suggestion",
                fix="One of the two may have been linked or deleted meanwhile. Look at the list again.",
            )
        state = _STATE_AFTER[decision]
        labels = await _labels(tx, [found])
        if found.state != state:
            if state == ACCEPTED:
                await _check_alone(tx, found)
            # A refusal may answer a question as well. For neither is a record to be made.
            await dirty.mark(tx, found.object, [found.hubspot, found.salesforce], Reason.EXISTING_LINK_ONLY, now_us)
            await schedule.ring(tx)
            await suggestions.decide(tx, key, state, by.actor)
            if state == ACCEPTED:
                await record(tx, by, "suggestion_accepted", f"connection:{connection_id}", suggestion=key)
            else:
                await record(tx, by, "suggestion_refused", f"connection:{connection_id}", suggestion=key)
            found = await suggestions.get(tx, key) or found
    return document(found, labels)


async def _check_alone(tx: Tx, found: Suggestion) -> None:
    """Raises Stopped where one of the two has a counterpart by now."""
    here = await links.by_hubspot(tx, found.object, [found.hubspot.id])
    there = await links.by_salesforce(tx, found.object, [found.salesforce.id])
    for link in (*here.values(), *there.values()):
        taken = found.hubspot if link.hubspot == found.hubspot else found.salesforce
        other = link.key(taken.side.other)
        raise Stopped(
            f"{taken} is linked with {other} by now.",
            code="linked_meanwhile",
            fix="Look at both. If the pair is wrong, merge the duplicates.",
        )


def list_document(listed: Listed) -> Json:
    return {
        "total": listed.total,
        "counts": listed.counts,
        "suggestions": listed.rows,
        "next_offset": listed.next_offset,
    }
