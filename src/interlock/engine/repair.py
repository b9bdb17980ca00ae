"""Putting right what a write replaced unseen, where the rule gives the value to the side that lost it (rule V).

"Prefer Salesforce" fills a blank in Salesforce from HubSpot; somebody who typed a value there between our read and our
write was to win. The value is then chosen as a person would choose it in the conflict log (choices.py): it goes back
through the same line, unless somebody has edited since. Under two-way no rule says who was to win: a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import AuditRow, Reason, RecordLink, Side, SyncRule
from interlock.engine.audit_rows import REPLACED_UNREAD
from interlock.store import WriteTx, audit, dirty, resolutions
from interlock.store.resolutions import Resolution

_WINS = {
    Side.SALESFORCE: (SyncRule.PREFER_SALESFORCE, SyncRule.ALWAYS_SALESFORCE),
    Side.HUBSPOT: (SyncRule.PREFER_HUBSPOT, SyncRule.ALWAYS_HUBSPOT),
}


async def log_lost_races(tx: WriteTx, object_: str, lost: Sequence[tuple[RecordLink, AuditRow]]) -> None:
    """Append the conflicts, and make those due that the rule decides for the loser. Links have their ids by now."""
    if lost:
        await dirty.take_turn(tx)
    await audit.append(tx, [row for _, row in lost if not _was_to_win(row)])
    for link, row in lost:
        if not _was_to_win(row):
            continue
        conflict_id = await audit.add(tx, row)
        await resolutions.put(tx, await _choice(tx, conflict_id, link, row))
        await dirty.mark(tx, object_, [link.hubspot], Reason.REPAIR, tx.now_us)


async def _choice(tx: WriteTx, conflict_id: int, link: RecordLink, row: AuditRow) -> Resolution:
    assert link.id is not None
    assert row.side is not None
    property_, field = row.property or "", row.field or ""
    others = [row.new]
    under_way = await resolutions.of_field(tx, link.id, property_, field)
    if under_way is not None and under_way.chosen == row.new:
        # The write that replaced it carried out an earlier choice, which the other side may not have taken yet.
        others += [each for each in under_way.others if each not in others]
    return Resolution(conflict_id, link.id, property_, field, row.side, row.old, tuple(others), tx.now_us)


def _was_to_win(row: AuditRow) -> bool:
    """Not where it cannot be read: nothing stands for it here, and a blank would empty both sides."""
    return row.side is not None and row.rule in _WINS[row.side] and row.cause != REPLACED_UNREAD
