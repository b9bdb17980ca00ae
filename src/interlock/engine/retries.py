"""Trying again by itself what was refused: every 20 minutes for the first ten tries, then every midnight UTC.

The rhythm is the native integration's (reference: its retries of errored records). A cause often ends without any change of
the record: a validation rule is corrected, a permission granted, a picklist value added. What an automation fights over is
not sent again (safety), nor is a person's question answered by asking it again (matching). Only a dispatcher that runs does
this: a single `sync` takes what changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import Issue, IssueCategory, Reason, RecordKey, Side
from interlock.engine.context import Cycle
from interlock.store import dirty, issues

EVERY_US = 20 * 60 * 1_000_000
# Retries must not eat what new changes need: from here on they wait, as the native integration's do.
USED_SHARE_MOST = 0.75
# More come with the next poll.
AT_ONCE_ISSUES = 1_000

_RETRIED = frozenset(
    {
        IssueCategory.ASSOCIATIONS,
        IssueCategory.CUSTOM_CODE,
        IssueCategory.DUPLICATES,
        IssueCategory.FIELD_MAPPING,
        IssueCategory.PERMISSIONS,
        IssueCategory.PROPERTY_VALUES,
    }
)


def plan_retries(raised: Sequence[Issue], now_us: int) -> None:
    """When each is tried again; store/issues.py makes it the next midnight after the first tries."""
    for issue in raised:
        if issue.category in _RETRIED and issue.severity == "error":
            issue.next_try_us = now_us + EVERY_US


async def retry_refused(ctx: Cycle) -> int:
    """Make due what is to be tried again by now. How many issues' records that are."""
    async with ctx.store.read(ctx.connection_id) as tx:
        if not await issues.any_due(tx, list(ctx.objects)):
            return 0
    governor = ctx.salesforce.governor
    if sum((await governor.used_24h()).values()) >= USED_SHARE_MOST * governor.allocated:
        return 0
    now = ctx.clock_us()
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        await dirty.take_turn(tx)
        found = await issues.take_due(tx, list(ctx.objects), now + EVERY_US, AT_ONCE_ISSUES)
        by_object: dict[str, list[RecordKey]] = {}
        for object_, hubspot_id, salesforce_type, salesforce_id in found:
            if hubspot_id is not None:
                by_object.setdefault(object_, []).append(RecordKey(Side.HUBSPOT, object_, hubspot_id))
            elif salesforce_type is not None and salesforce_id is not None:
                by_object.setdefault(object_, []).append(RecordKey(Side.SALESFORCE, salesforce_type, salesforce_id))
        for object_, keys in by_object.items():
            await dirty.mark(tx, object_, keys, Reason.TRY_AGAIN, now)
    return len(found)
