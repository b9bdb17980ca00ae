"""Settling writes whose outcome a crash or a time-out kept from us, before their records are touched again (rule P).

A request that may still land is waited for. After that, creates are looked up by their key and never by search: one that
landed becomes a link, one that did not is forgotten. An update needs no look-up: the pair is read afresh, and if the write
landed the target holds what we wrote, which the merge sees as agreement; if it did not, the old base still tells the change.
"""

from __future__ import annotations

from collections import defaultdict

from interlock.core.model import (
    AuditKind,
    AuditRow,
    Intent,
    IntentKind,
    IntentState,
    LinkedBy,
    LinkState,
    Observation,
    Reason,
    RecordKey,
    RecordLink,
    Side,
)
from interlock.engine.context import HUBSPOT_ID_PROPERTY, SALESFORCE_CREATION_KEY, Cycle
from interlock.engine.work import Batch, Work
from interlock.store import intents, links


async def recover(ctx: Cycle, batch: Batch) -> None:
    """Works whose request may still land leave the batch's line (they are postponed); the others' intents are settled."""
    keys = [each.key for work in batch.works for each in work.dirty]
    keys += [work.link.key(side) for work in batch.works if work.link is not None for side in Side]
    async with ctx.store.read(ctx.connection_id) as tx:
        open_ = await intents.for_keys(tx, keys)
    if not open_:
        return
    now = ctx.clock_us()
    settled: list[Intent] = []
    creates: dict[Side, list[tuple[Work, Intent]]] = defaultdict(list)
    for work, intent in _assign(batch, open_):
        work.intents.append(intent)
        if intent.state is not IntentState.VERIFY and now < intent.park_until_us:
            work.wait(intent.park_until_us, Reason.PARKED)
        elif intent.kind is IntentKind.CREATE and work.link is None:
            creates[intent.target.side].append((work, intent))
        elif intent.state is not IntentState.VERIFY:
            settled.append(intent)
    await _settle_creates(ctx, creates)
    settled += [intent for pairs in creates.values() for _, intent in pairs]
    async with ctx.store.write(ctx.connection_id, ctx.lease) as tx:
        new = [work.link for pairs in creates.values() for work, _ in pairs if work.link is not None]
        for link, id_ in zip(new, await links.insert(tx, new), strict=True):
            link.id = id_
        await intents.settle(tx, [intent.id for intent in settled if intent.id is not None])
    batch.parked = [work for work in batch.works if work.postpone_until_us is not None]
    batch.works = [work for work in batch.works if work.postpone_until_us is None]


def _assign(batch: Batch, found: list[Intent]) -> list[tuple[Work, Intent]]:
    by_key: dict[RecordKey, Work] = {}
    for work in batch.works:
        for each in work.dirty:
            by_key[each.key] = work
        if work.link is not None:
            by_key[work.link.hubspot] = work
            by_key[work.link.salesforce] = work
    pairs = []
    for intent in found:
        owner = by_key.get(intent.source) or by_key.get(intent.target)
        if owner is not None:
            pairs.append((owner, intent))
    return pairs


async def _settle_creates(ctx: Cycle, creates: dict[Side, list[tuple[Work, Intent]]]) -> None:
    for side, pairs in creates.items():
        by_key = {intent.sync_key: (work, intent) for work, intent in pairs}
        runtime = pairs[0][0].runtime
        found: dict[str, Observation] = {}
        if side is Side.HUBSPOT:
            found = await ctx.hubspot.read(
                runtime.spec.hubspot_type,
                list(by_key),
                [HUBSPOT_ID_PROPERTY],
                id_property=HUBSPOT_ID_PROPERTY,
                purpose="verify",
            )
        else:
            for type_ in runtime.salesforce_types:
                rows = await ctx.salesforce.query_where_in(
                    type_, ["Id", SALESFORCE_CREATION_KEY], {SALESFORCE_CREATION_KEY: list(by_key)}, purpose="verify"
                )
                found.update({str(seen.values[SALESFORCE_CREATION_KEY]): seen for seen in rows})
        for key, seen in found.items():
            work, intent = by_key[key]
            _landed(ctx, work, intent, seen)


def _landed(ctx: Cycle, work: Work, intent: Intent, seen: Observation) -> None:
    """The create went through: the pair is linked with the base of what was written, and then read afresh like any other."""
    into_hubspot = intent.target.side is Side.HUBSPOT
    hubspot, salesforce = (seen.key, intent.source) if into_hubspot else (intent.source, seen.key)
    base = {}
    for id_, (_, written, source, _) in intent.fields.items():
        base[id_] = (written, source) if into_hubspot else (source, written)
    work.link = RecordLink(
        object=work.object,
        hubspot_id=hubspot.id,
        salesforce_type=salesforce.type,
        salesforce_id=salesforce.id,
        state=LinkState.LINKED,
        linked_by=LinkedBy.CREATED_IN_HUBSPOT if into_hubspot else LinkedBy.CREATED_IN_SALESFORCE,
        linked_at_us=ctx.clock_us(),
        base=base,
        sets={},
    )
    work.audit.append(
        AuditRow(
            at_us=ctx.clock_us(),
            kind=AuditKind.CREATE,
            object=work.object,
            hubspot_id=hubspot.id,
            salesforce_id=salesforce.id,
            side=intent.target.side,
            cause="settled by its key after an unknown outcome",
        )
    )
