"""When what a batch has worked on is due again: at once, after a back-off, when a request can land no more, or not at all."""

from __future__ import annotations

from interlock.core.model import Reason, RecordKey, Side
from interlock.engine.context import Cycle
from interlock.engine.ledger import Ledger
from interlock.engine.work import Work


def backoff_us(ctx: Cycle, work: Work) -> int:
    attempts = max((each.attempts for each in work.dirty), default=0)
    return min(ctx.settings.retry_base_us << min(attempts, 20), ctx.settings.retry_most_us)


def keys_of(work: Work) -> list[RecordKey]:
    """Of what was due, and of both records of its pair."""
    keys = [each.key for each in work.dirty]
    if work.link is not None:
        keys += [work.link.hubspot, work.link.salesforce]
    return list(dict.fromkeys(keys))


def due_again(ctx: Cycle, ledger: Ledger, work: Work, now: int) -> None:
    if any(change.may_land for change in work.set_changes):
        _park_both(ctx, ledger, work, now)
        return
    if work.postpone_until_us is not None and work.postpone_reason is Reason.PARKED:
        _parked(ctx, ledger, work, work.postpone_until_us)
        return
    keys = [each.key for each in work.dirty]
    # Of a pair that was just found the other half may be due by itself, parked for a request that nobody has settled yet.
    if not work.new_link:
        keys = keys_of(work)
    if work.postpone_until_us is None:
        # What an undo left alone of a pair is still to be done: it stays due, whatever becomes of this process now.
        ledger.done += keys if not work.undoing else []
        return
    attempts = max((each.attempts for each in work.dirty), default=0) + 1
    first = work.dirty[0].key
    reason = work.postpone_reason
    if work.link is None and work.reason is Reason.EXISTING_LINK_ONLY:
        # However long it waits for an answer, what was there at install and is only to be linked is not created for it.
        reason = Reason.EXISTING_LINK_ONLY
    ledger.postponed.append((first, work.postpone_until_us, attempts, reason))
    ledger.awaits += [(first, awaited) for awaited in work.awaits]
    ledger.done += [key for key in keys if key != first]
    ctx.report.of(work.object).waiting += 1


def _park_both(ctx: Cycle, ledger: Ledger, work: Work, now: int) -> None:
    """No intent tells whoever looks at the other half of the pair that a row may still be added to its set: so that half waits
    as well, whether or not it was due."""
    until_us = max(now + ctx.settings.park_us(Side.SALESFORCE), work.postpone_until_us or 0)
    _parked(ctx, ledger, work, until_us)
    due = {each.key for each in work.dirty}
    ledger.park_too += [(key, until_us) for key in keys_of(work) if key not in due]


def _parked(ctx: Cycle, ledger: Ledger, work: Work, until_us: int) -> None:
    """Each half by itself. Nobody has looked at them, so the next pass of the drain finds both again: one whose park had been
    taken away would be due at once and take away the other's, and so on from pass to pass."""
    ledger.postponed += [(each.key, until_us, each.attempts + 1, Reason.PARKED) for each in work.dirty]
    ctx.report.of(work.object).waiting += 1
