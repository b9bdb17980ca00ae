"""The record-level state table: what becomes of a link when one of its records is deleted, merged, converted or restored. Pure.

Until a setting says otherwise a delete unlinks and never deletes, a merge relinks to the survivor, a restore relinks, and
a converted lead's link moves to its contact. Where a person chose it, the counterpart of what was deleted goes as well: only of
a pair that syncs, only when the delete is proven, and never because of a delete of ours.

A record whose counterpart was deleted is remembered as such, so that the
next edit does not bring the deleted one back. Where a list limits what syncs, a pair whose HubSpot record is outside of it
stays a pair and rests (`excluded`): nothing is written, unlinked or forgotten, and it goes on when the record enters.
"""

from __future__ import annotations

import enum
from collections.abc import Collection

import msgspec

from interlock.core.model import Base, FieldBase, Gone, GoneHow, LinkState, Observation, RecordKey, RecordLink, Side


class LinkMove(enum.StrEnum):
    MERGE = "merge"  # both are there: decide the fields
    REST = "rest"  # nothing to do while the counterpart is away
    SET_STATE = "set_state"
    FOLLOW = "follow"  # the record lives on under another id
    WAIT = "wait"  # a side could not be read
    DELETE = "delete"  # the record on `side` goes, because its counterpart was deleted


class LinkDecision(msgspec.Struct, frozen=True):
    move: LinkMove
    state: LinkState | None = None
    side: Side | None = None
    successor: RecordKey | None = None
    cause: str = ""


# Both records are there and are each other's counterpart, whether or not the pair syncs now.
WHOLE = frozenset({LinkState.LINKED, LinkState.EXCLUDED, LinkState.OTHER_PIPELINE})
# Left alone in both directions until they are back where records sync.
OUTSIDE = frozenset({LinkState.EXCLUDED, LinkState.OTHER_PIPELINE})
PIPELINE = "a pipeline that syncs"
RESTS = {Side.HUBSPOT: LinkState.HUBSPOT_DELETED, Side.SALESFORCE: LinkState.SALESFORCE_DELETED}
_NAMES = {Side.HUBSPOT: "HubSpot", Side.SALESFORCE: "Salesforce"}

# Base entry of a pair of which we deleted one record because the other had been (field mapping ids start at 1). Without it a
# restore of the other would be matched anew, and what a person did on one side would be taken for two people's deeds.
DELETED_WITH = -7
# The same entry while that delete waits for what would go with the record: the pair rests meanwhile. And when it is given up.
WAITS_TO_GO: Base = {DELETED_WITH: (2, 2)}
STAYS: Base = {DELETED_WITH: (0, 0)}
_DELETED: dict[Side, FieldBase] = {Side.HUBSPOT: (1, 0), Side.SALESFORCE: (0, 1)}

# Base entry of a pair that rests since its Salesforce record was merged into another: the HubSpot record into which a person
# confirmed that this one is to be merged, (its id, 0).
MERGE_WANTED = -8
# What is known of a pair while it rests, and ends with that.
OF_RESTING = (DELETED_WITH, MERGE_WANTED)

Seen = Observation | Gone | None


def merge_wanted(into: str) -> Base:
    """Raises ValueError for what is no id of HubSpot's."""
    return {MERGE_WANTED: (int(into), 0)}


def merge_confirmed(base: Base) -> str | None:
    """Id of the HubSpot record into which this pair's is to be merged, as a person confirmed."""
    into, _ = base.get(MERGE_WANTED, (0, 0))
    return str(into) if into else None


def as_deleted(side: Side) -> Base:
    """What the base of a pair says once we have deleted its record on that side."""
    return {DELETED_WITH: _DELETED[side]}


def deleted_by_us(base: Base) -> Side | None:
    """The side whose record we deleted because its counterpart had been."""
    known = base.get(DELETED_WITH)
    return next((side for side, entry in _DELETED.items() if entry == known), None)


def waits_to_go(base: Base) -> bool:
    return base.get(DELETED_WITH) == WAITS_TO_GO[DELETED_WITH]


def decide_link(
    link: RecordLink,
    hubspot: Seen,
    salesforce: Seen,
    included: bool | None = True,
    limit: str = "list",
    *,
    outside: LinkState = LinkState.EXCLUDED,
    carries: Collection[Side] = (),
    ours: Side | None = None,
    waits: bool = False,
) -> LinkDecision:
    """`None` means that a side could not be read this time, which by itself proves nothing.

    `included`: whether the pair is inside of what limits what syncs, if anything does; None: the CRM did not say. `limit`: what it
    is outside of or has entered, for the log.
    `outside`: the state of what is outside of it; deals can be in a pipeline that does not sync.
    `carries`: the sides on which a person chose that a record goes when its counterpart was deleted. `ours`: the side whose
    record we deleted for that reason. `waits`: the pair rests, and its other record is to go yet.
    """
    if link.state is LinkState.UNLINKED:
        # The pair ended and is history. If both records come back, they are matched anew, by their sync key first.
        return LinkDecision(LinkMove.REST)
    # The proof was had when the state was set; the archive and the bin forget what they held after a while.
    known = {side for side, state in RESTS.items() if link.state is state}
    if known and ours is not None:
        known.add(ours)
    if hubspot is None and Side.HUBSPOT in known:
        hubspot = Gone(link.hubspot, GoneHow.DELETED)
    if salesforce is None and Side.SALESFORCE in known:
        salesforce = Gone(link.salesforce, GoneHow.DELETED)
    if hubspot is None or salesforce is None:
        return _one_unseen(link, Side.SALESFORCE if hubspot is None else Side.HUBSPOT, hubspot or salesforce)
    for side, seen in ((Side.HUBSPOT, hubspot), (Side.SALESFORCE, salesforce)):
        if isinstance(seen, Gone) and seen.successor is not None:
            return LinkDecision(LinkMove.FOLLOW, side=side, successor=seen.successor, cause=seen.how.value)
    if isinstance(hubspot, Gone) and isinstance(salesforce, Gone):
        if ours is not None:
            # They went together, and stay a pair: should a person restore one of them, it is known whose counterpart it is.
            return _to(link, RESTS[ours.other], ours.other, f"deleted in {_NAMES[ours.other]}")
        return _to(link, LinkState.UNLINKED, None, "both records were deleted")
    for side, seen in ((Side.HUBSPOT, hubspot), (Side.SALESFORCE, salesforce)):
        if isinstance(seen, Gone):
            carried = included is True and side is not ours and side.other in carries
            return _one_gone(link, side, seen, carried, waits)
    # Both records are there.
    if included is None:
        return LinkDecision(LinkMove.REST)
    if not included:
        where = f"the {limit}" if outside is LinkState.EXCLUDED else PIPELINE
        return _to(link, outside, None, f"{'left' if link.state is LinkState.LINKED else 'outside'} {where}")
    if link.state in OUTSIDE:
        where = f"the {limit}" if link.state is LinkState.EXCLUDED else PIPELINE
        return _to(link, LinkState.LINKED, None, f"entered {where}")
    if link.state is LinkState.LINKED:
        return LinkDecision(LinkMove.MERGE)
    return _to(link, LinkState.LINKED, None, "restored")


def _one_gone(link: RecordLink, side: Side, seen: Gone, carried: bool, waits: bool) -> LinkDecision:
    """The record on `side` is gone and the other is there. A pair that rests, or that the list leaves out, goes nowhere any
    more, and what was erased for ever is no example to follow: nobody could restore what would go with it."""
    cause = f"{seen.how.value} in {_NAMES[side]}"
    goes_yet = link.state is LinkState.LINKED or (waits and link.state is RESTS[side])
    if carried and seen.how is GoneHow.DELETED and goes_yet:
        return LinkDecision(LinkMove.DELETE, state=RESTS[side], side=side.other, cause=cause)
    return _to(link, RESTS[side], side, cause)


def _one_unseen(link: RecordLink, side: Side, seen: Seen) -> LinkDecision:
    """`side` is the other one's. Where that one was deleted the pair rests, whatever became of the record that is not seen."""
    if isinstance(seen, Gone) and seen.successor is None and link.state in WHOLE:
        return _to(link, RESTS[side], side, f"{seen.how.value} in {_NAMES[side]}")
    return LinkDecision(LinkMove.WAIT)


def _to(link: RecordLink, state: LinkState, side: Side | None, cause: str) -> LinkDecision:
    if link.state is state:
        return LinkDecision(LinkMove.REST, state=state)
    return LinkDecision(LinkMove.SET_STATE, state=state, side=side, cause=cause)
