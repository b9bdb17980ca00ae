"""Records that we made and were not told of: what is known of them once it is clear that the create has landed.

That it has is found out in two ways. Whoever the record was made for is due again, and asks by its key (recover.py); or the
record shows up by itself before that, and is matched.
"""

from __future__ import annotations

from collections import defaultdict

from interlock.core.model import Intent, IntentKind, IntentState, LinkedBy, Observation, RecordKey, RecordLink, Side
from interlock.engine.context import HUBSPOT_ID_PROPERTY, Cycle
from interlock.engine.matching import made_for
from interlock.engine.work import Batch, Work
from interlock.store import WriteTx, audit, intents


async def learn_of_creates(ctx: Cycle, batch: Batch) -> None:
    """A record that we made and were never told of shows up by itself, and was matched while whoever it was made for still
    waits for the answer. It has what the create carried, as if the answer had come: without that base an edit made meanwhile, a
    cleared field above all, would meet our own value as a first link does. Where it was made for a record that lives on as
    another, the log tells of the create, and no more is known.

    Of several creates of one record that are open the last one made it: it was sent when those before it could land no more.
    """
    named = {key: work for work in batch.works for key in _made_for(ctx, work)}
    async with ctx.store.read(ctx.connection_id) as tx:
        open_ = await intents.for_keys(tx, list(named)) if named else []
    creates: dict[RecordKey, list[Intent]] = defaultdict(list)
    for intent in open_:
        if intent.kind is IntentKind.CREATE and intent.source in named:
            creates[intent.source].append(intent)
    for source, found in creates.items():
        work = named[source]
        assert work.link is not None
        intent = found[-1]
        if intent.target.side is source.side or any(each.id == intent.id for each in work.intents):
            continue
        as_it_was = source == work.link.key(source.side)
        made = work.link.key(source.side.other)
        # A pair that has moved to what was made says nothing of whoever it was made for.
        link = (
            work.link if work.new_link else RecordLink.between(source, made, LinkedBy.SYNC_KEY, ctx.clock_us(), base={})
        )
        know_what_it_holds(link, intent, made, as_it_was=as_it_was)
        work.intents.append(intent)
        work.audit += intent.rows


def _made_for(ctx: Cycle, work: Work) -> list[RecordKey]:
    """What our keys in either record name as the one that it was made for: of a pair that was just found, and of one that has
    moved to a record whose key it will replace."""
    if work.link is None:
        return []
    keys: list[RecordKey] = []
    if isinstance(work.hubspot, Observation):
        stored = str(work.hubspot.values.get(HUBSPOT_ID_PROPERTY) or "")
        keys += [RecordKey(Side.SALESFORCE, type_, stored) for type_ in work.runtime.salesforce_types if stored]
    if isinstance(work.salesforce, Observation) and (id_ := made_for(ctx, work.salesforce)):
        keys.append(RecordKey(Side.HUBSPOT, work.object, id_))
    return keys if work.new_link else [key for key in keys if key.id != work.link.key(key.side).id]


def know_what_it_holds(link: RecordLink, intent: Intent, made: RecordKey, *, as_it_was: bool = True) -> None:
    """The create went through: the pair has the base of what was written, and is then read afresh like any other. `as_it_was`:
    with the very record that it was made for."""
    into_hubspot = made.side is Side.HUBSPOT
    if as_it_was:
        link.linked_by = LinkedBy.CREATED_IN_HUBSPOT if into_hubspot else LinkedBy.CREATED_IN_SALESFORCE
        for id_, (_, written, source, _) in intent.fields.items():
            link.base[id_] = (written, source) if into_hubspot else (source, written)
    for row in intent.rows:
        row.hubspot_id, row.salesforce_id = link.hubspot_id, link.salesforce_id
    intent.target = made
    if into_hubspot:
        # It may have come twice, and the second time over somebody's edit: the history tells.
        intent.state = IntentState.VERIFY


async def tell_of_creates(tx: WriteTx, made: list[Intent], now_us: int) -> None:
    await audit.append(tx, [row for intent in made for row in intent.rows])
    for intent in made:
        intent.rows = []
    to_verify = [intent for intent in made if intent.state is IntentState.VERIFY]
    await intents.keep_rows(tx, to_verify)
    await intents.name_targets(tx, to_verify)
    await intents.update(tx, [intent.id for intent in to_verify if intent.id is not None], IntentState.VERIFY, now_us)
    await intents.settle(tx, [intent.id for intent in made if intent.id is not None and intent not in to_verify])
