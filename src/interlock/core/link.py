"""The record-level state table: what becomes of a link when one of its records is deleted, merged, converted or restored. Pure.

Until a setting says otherwise a delete unlinks and never deletes, a merge relinks to the survivor, a restore relinks, and
a converted lead's link moves to its contact. A record whose counterpart was deleted is remembered as such, so that the
next edit does not bring the deleted one back. Where a list limits what syncs, a pair whose HubSpot record is outside of it
stays a pair and rests (`excluded`): nothing is written, unlinked or forgotten, and it goes on when the record enters.
"""

from __future__ import annotations

import enum

import msgspec

from interlock.core.model import Gone, GoneHow, LinkState, Observation, RecordKey, RecordLink, Side


class LinkMove(enum.StrEnum):
    MERGE = "merge"  # both are there: decide the fields
    REST = "rest"  # nothing to do while the counterpart is away
    SET_STATE = "set_state"
    FOLLOW = "follow"  # the record lives on under another id
    WAIT = "wait"  # a side could not be read


class LinkDecision(msgspec.Struct, frozen=True):
    move: LinkMove
    state: LinkState | None = None
    side: Side | None = None
    successor: RecordKey | None = None
    cause: str = ""


# Both records are there and are each other's counterpart, whether or not the pair syncs now.
WHOLE = frozenset({LinkState.LINKED, LinkState.EXCLUDED, LinkState.OTHER_PIPELINE})
# Left alone in both directions until they are back where records sync.
OUTSIDE = {LinkState.EXCLUDED: "the list", LinkState.OTHER_PIPELINE: "a pipeline that syncs"}
RESTS = {Side.HUBSPOT: LinkState.HUBSPOT_DELETED, Side.SALESFORCE: LinkState.SALESFORCE_DELETED}
_NAMES = {Side.HUBSPOT: "HubSpot", Side.SALESFORCE: "Salesforce"}

Seen = Observation | Gone | None


def decide_link(
    link: RecordLink,
    hubspot: Seen,
    salesforce: Seen,
    included: bool | None = True,
    outside: LinkState = LinkState.EXCLUDED,
) -> LinkDecision:
    """`None` means that a side could not be read this time, which by itself proves nothing.

    `included`: whether the list that limits what syncs, if there is one, holds the HubSpot record; None: HubSpot did not say.
    `outside`: the state of what is not included; deals can be in a pipeline that does not sync.
    """
    if link.state is LinkState.UNLINKED:
        # The pair ended and is history. If both records come back, they are matched anew, by their sync key first.
        return LinkDecision(LinkMove.REST)
    if hubspot is None and link.state is LinkState.HUBSPOT_DELETED:
        # The proof was had when the state was set; the archive and the bin forget what they held after a while.
        hubspot = Gone(link.hubspot, GoneHow.DELETED)
    if salesforce is None and link.state is LinkState.SALESFORCE_DELETED:
        salesforce = Gone(link.salesforce, GoneHow.DELETED)
    if hubspot is None or salesforce is None:
        return _one_unseen(link, Side.SALESFORCE if hubspot is None else Side.HUBSPOT, hubspot or salesforce)
    for side, seen in ((Side.HUBSPOT, hubspot), (Side.SALESFORCE, salesforce)):
        if isinstance(seen, Gone) and seen.successor is not None:
            return LinkDecision(LinkMove.FOLLOW, side=side, successor=seen.successor, cause=seen.how.value)
    if isinstance(hubspot, Gone) and isinstance(salesforce, Gone):
        return _to(link, LinkState.UNLINKED, None, "both records were deleted")
    if isinstance(hubspot, Gone):
        return _to(link, RESTS[Side.HUBSPOT], Side.HUBSPOT, f"{hubspot.how.value} in {_NAMES[Side.HUBSPOT]}")
    if isinstance(salesforce, Gone):
        return _to(
            link, RESTS[Side.SALESFORCE], Side.SALESFORCE, f"{salesforce.how.value} in {_NAMES[Side.SALESFORCE]}"
        )
    # Both records are there.
    if included is None:
        return LinkDecision(LinkMove.REST)
    if not included:
        cause = f"{'left' if link.state is LinkState.LINKED else 'outside'} {OUTSIDE[outside]}"
        return _to(link, outside, None, cause)
    if link.state in OUTSIDE:
        return _to(link, LinkState.LINKED, None, f"entered {OUTSIDE[link.state]}")
    if link.state is LinkState.LINKED:
        return LinkDecision(LinkMove.MERGE)
    return _to(link, LinkState.LINKED, None, "restored")


def _one_unseen(link: RecordLink, side: Side, seen: Seen) -> LinkDecision:
    """`side` is the other one's. Where that one was deleted the pair rests, whatever became of the record that is not seen."""
    if isinstance(seen, Gone) and seen.successor is None and link.state in WHOLE:
        return _to(link, RESTS[side], side, f"{seen.how.value} in {_NAMES[side]}")
    return LinkDecision(LinkMove.WAIT)


def _to(link: RecordLink, state: LinkState, side: Side | None, cause: str) -> LinkDecision:
    if link.state is state:
        return LinkDecision(LinkMove.REST, state=state)
    return LinkDecision(LinkMove.SET_STATE, state=state, side=side, cause=cause)
