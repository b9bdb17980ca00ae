"""A connection that knows records already begins anew with what changes from now on: one that was disconnected, or has tried some.

    record_link                 stays; every pair that is not history is due: an edit of either side meanwhile is carried over
    dirty, issue                of records without a pair gone, or resolved; but not where a request may still land
    unlinked                    gone: such records are known no better than those that were there before the first set-up
    cursor                      of the looks for changes, of members of lists, of the first load, and of the last look gone:
                                they begin at the connection's `begun_at_us`; what the first load had noted goes with it
    all else                    stays

What changed before of a record without a pair is so left alone as it is at a first set-up.
"""

from __future__ import annotations

from interlock.core.model import LinkState, Reason, RecordKey, Side
from interlock.store import census, dirty, intents, issues, links
from interlock.store.tx import Tx, WriteTx

PAGE_ROWS = 2_000
_LOOKS = ("hubspot:%", "salesforce:%", "joined:%", "load:%", "gap:%", "checked")
_EVER = 2**62


async def mark_pairs(tx: WriteTx, object: str, after_id: int) -> int | None:
    """A page of pairs is due; the id to go on from, None at the end. Also those that rest: a record may have been restored."""
    page = await links.page(tx, object, after_id, PAGE_ROWS)
    live = [link.hubspot for link in page if link.state is not LinkState.UNLINKED]
    if live:
        await dirty.mark(tx, object, live, Reason.CHANGED, tx.now_us)
    return page[-1].id if page else None


async def leave_the_rest(tx: WriteTx, object: str) -> None:
    await _clear_due(tx, object)
    await _resolve_issues(tx, object)


async def begin_looking(tx: WriteTx) -> None:
    await tx.run("DELETE FROM unlinked WHERE connection_id = ?", tx.connection_id)
    for name in _LOOKS:
        await tx.run("DELETE FROM cursor WHERE connection_id = ? AND name LIKE ?", tx.connection_id, name)
    await census.forget(tx)


async def _clear_due(tx: WriteTx, object: str) -> None:
    horizon = await dirty.horizon(tx)
    page = await dirty.claim(tx, object, _EVER, PAGE_ROWS)
    while page:
        keys = [each.key for each in page]
        stay = await _paired(tx, object, keys)
        for intent in await intents.for_keys(tx, keys):
            stay |= {intent.source, intent.target}
        # A request that may still land is waited for, whatever its record has: nothing is made twice.
        gone = [each.key for each in page if each.key not in stay and each.reason is not Reason.PARKED]
        await dirty.clear(tx, gone, horizon)
        page = await dirty.claim(tx, object, _EVER, PAGE_ROWS, page[-1])


async def _resolve_issues(tx: WriteTx, object: str) -> None:
    """Else what was refused long ago would be tried again, and made."""
    place: str | None = None
    while True:
        found, place = await issues.list_(tx, object=object, cursor=place, limit=PAGE_ROWS)
        about = {
            issue.id: _key(issue.object, issue.hubspot_id, issue.salesforce_type, issue.salesforce_id)
            for issue in found
        }
        paired = await _paired(tx, object, [key for key in about.values() if key is not None])
        over = [id_ for id_, key in about.items() if id_ is not None and key is not None and key not in paired]
        await issues.resolve_ids(tx, over)
        if place is None:
            return


def _key(object: str, hubspot_id: str | None, type_: str | None, salesforce_id: str | None) -> RecordKey | None:
    if hubspot_id is not None:
        return RecordKey(Side.HUBSPOT, object, hubspot_id)
    return RecordKey(Side.SALESFORCE, type_, salesforce_id) if type_ is not None and salesforce_id is not None else None


async def _paired(tx: Tx, object: str, keys: list[RecordKey]) -> set[RecordKey]:
    here = await links.by_hubspot(tx, object, [key.id for key in keys if key.side is Side.HUBSPOT])
    there = await links.by_salesforce(tx, object, [key.id for key in keys if key.side is Side.SALESFORCE])
    return {key for key in keys if key.id in (here if key.side is Side.HUBSPOT else there)}
