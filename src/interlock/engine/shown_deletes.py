"""Showing in HubSpot that the Salesforce record of a pair was deleted while the HubSpot record stays: a yes/no property, ticked
while the pair rests for it and taken back once the two sync again. People see it and filter by it; nothing is decided by it. Pure.

It is written where it is not so yet, and so it costs one write for each time that it changes. A record that was merged away or
converted lives on and was not deleted; of one that is just not seen nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable

from interlock.core.model import Gone, GoneHow, LinkState, Observation, Side
from interlock.engine.context import HUBSPOT_DELETED_PROPERTY
from interlock.engine.work import SideWrite, Work


def show_deletes(works: Iterable[Work]) -> None:
    """Once all else is decided for them: a record that is to go with its counterpart has nothing to show any more."""
    for work in works:
        says = _says(work)
        if says is not None:
            _write(work, "true" if says else "false")


def _says(work: Work) -> bool | None:
    """What HubSpot is to say of it; None where that stands there, or is for nobody to say now."""
    here = work.hubspot
    if work.link is None or work.undoing or not isinstance(here, Observation):
        return None
    if HUBSPOT_DELETED_PROPERTY not in here.values:
        return None  # its property was taken away
    ticked = str(here.values[HUBSPOT_DELETED_PROPERTY]).lower() == "true"
    deleted = _rests_for_it(work)
    if not (deleted or work.merged) or ticked == deleted:
        return None
    return deleted


def _rests_for_it(work: Work) -> bool:
    assert work.link is not None
    state, there = work.state or work.link.state, work.salesforce
    rests = state is LinkState.SALESFORCE_DELETED and work.deletion is None and work.included is True
    return rests and isinstance(there, Gone) and there.how is GoneHow.DELETED


def _write(work: Work, value: str) -> None:
    link = work.link
    assert link is not None
    for write in work.writes:
        if write.side is Side.HUBSPOT and not write.creates:
            write.extra[HUBSPOT_DELETED_PROPERTY] = value
            return
    key = link.hubspot
    work.writes.append(SideWrite(Side.HUBSPOT, key.type, key.id, "", [], {HUBSPOT_DELETED_PROPERTY: value}))
