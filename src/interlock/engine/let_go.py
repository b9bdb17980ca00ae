"""Deletes that wait and are not to be carried over any more: what they were for is over, and the pair rests like any other.

A record waits to go while Salesforce would take others along (deleting.py). Where a person switches carrying over off meanwhile, it
stays, with an issue that says so; to switch it on again is about what is deleted from then on. Choosing lets go at once, in the
transaction that saves, and so does the next look at a pair whose choice came to be another in any other way.
"""

from __future__ import annotations

from collections.abc import Collection

from interlock.core.link import DELETED_WITH, RESTS, STAYS, waits_to_go
from interlock.core.model import Issue, RecordLink, Side
from interlock.engine.explanations import fix_for
from interlock.engine.work import Work
from interlock.store import WriteTx, dirty, issues, links

KEPT = "delete_not_carried_over"
PAGE_ROWS = 2_000
_CRM = {Side.HUBSPOT: "HubSpot", Side.SALESFORCE: "Salesforce"}


async def let_go(tx: WriteTx, object_: str, sides: Collection[Side]) -> int:
    """All pairs of the object with a record that waits to go on one of these sides; how many there were."""
    count = 0
    if sides:
        await dirty.take_turn(tx)
    for side in sides:
        state, after_id = RESTS[side.other], 0
        while page := await links.page_of_state(tx, object_, state, after_id, PAGE_ROWS):
            waiting = [link for link in page if waits_to_go(link.base) and link.id is not None]
            await links.update_base(
                tx,
                [(link.id or 0, {**link.base, **STAYS}, link.sets, link.synced_at_us or tx.now_us) for link in waiting],
            )
            await issues.raise_(tx, [_stays(link, side, None) for link in waiting])
            count += len(waiting)
            after_id = page[-1].id or 0
    return count


def let_go_of(work: Work, carried_in: Collection[Side]) -> None:
    """The same of one pair that is looked at."""
    link = work.link
    if link is None or DELETED_WITH not in link.base or not waits_to_go({**link.base, **work.landed}):
        return
    side = next((side for side in Side if link.state is RESTS[side.other]), None)
    if side is None or side in carried_in:
        return
    work.landed |= STAYS
    if work.state is None and work.follow is None:
        work.issues.append(_stays(link, side, work.label()))


def _stays(link: RecordLink, side: Side, label: str | None) -> Issue:
    here, there = _CRM[side], _CRM[side.other]
    category, fix = fix_for(KEPT)
    return Issue(
        category=category,
        code=KEPT,
        severity="warning",
        object=link.object,
        hubspot_id=link.hubspot_id,
        salesforce_id=link.salesforce_id,
        salesforce_type=link.salesforce_type,
        cause=(
            f"It was deleted in {there}. Its {here} record waited to be deleted too, and stays, since carrying over deletes was"
            " switched off meanwhile."
        ),
        fix=fix.format(crm=here),
        label=label,
    )
