"""Merges in HubSpot that a sync proposes (issue `counterpart_merged`): which they are, and confirming them. Nothing is merged
here: what was confirmed is noted with the pair, and the next sync carries it out (engine/merging.py)."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.app.connections import fresh
from interlock.app.errors import BadInput
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.runtime import settings_of
from interlock.core.link import RESTS, merge_wanted
from interlock.core.model import Issue, Reason, RecordKey, Side
from interlock.engine.merging import PROPOSAL
from interlock.objects.choices import MERGES, NOTHING
from interlock.store import Store, WriteTx, dirty, issues, links, schedule


def proposal_of(issue: Issue) -> tuple[RecordKey, RecordKey] | None:
    """(what would become a part, what of), where the issue proposes that."""
    if issue.code != PROPOSAL or issue.hubspot_id is None or issue.value is None:
        return None
    return RecordKey(Side.HUBSPOT, issue.object, issue.hubspot_id), RecordKey.parse(issue.value)


async def confirm(store: Store, connection_id: int, chosen: Sequence[Issue], now_us: int, by: By = BY_COMMAND) -> None:
    """The next sync merges what these propose, if that is still so. All of them, or none. Raises BadInput."""
    async with store.write(connection_id) as tx:
        settings = settings_of(await fresh(tx, connection_id))
        for issue in chosen:
            pair = proposal_of(issue)
            if pair is None or settings.chosen(MERGES, issue.object) == NOTHING:
                raise _no_proposal(f"Issue {issue.id} proposes no merge in HubSpot.")
            await _confirm(tx, issue, *pair)
            await dirty.mark(tx, issue.object, [pair[0]], Reason.RESOLVED, now_us)
        named = [issue.id for issue in chosen if issue.id is not None]
        await issues.set_waiting(tx, named, now_us)
        await schedule.ring(tx)
        await record(tx, by, "merges_confirmed", f"connection:{connection_id}", issues=named)


async def _confirm(tx: WriteTx, issue: Issue, goes: RecordKey, into: RecordKey) -> None:
    link = (await links.by_hubspot(tx, issue.object, [goes.id])).get(goes.id)
    if link is None or link.id is None or link.state is not RESTS[Side.SALESFORCE]:
        raise _no_proposal(f"What issue {issue.id} proposes is over: the pair is another by now.")
    await links.update_base(tx, [(link.id, link.base | merge_wanted(into.id), link.sets, link.synced_at_us)])


def _no_proposal(why: str) -> BadInput:
    return BadInput(
        why,
        code="no_proposal",
        field="which",
        fix="Look at the list again, and choose those that say that two records were merged in Salesforce.",
    )
