"""What a person said of two records that may be one: accepted, they are linked; refused, nothing but an id joins them. Reads only,
but for taking a refusal along to what a record lives on as.

Accepted is a proof like an id: it comes before e-mail, domain and name, and after our own keys. Where the other record cannot be
read, nothing is made in its place before somebody knows what became of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from interlock.core.model import Gone, LinkedBy, Observation, Reason, RecordKey, Side
from interlock.engine.candidates import LOOK_AGAIN_US, Finder, own_seen, take_answer
from interlock.engine.context import Cycle
from interlock.engine.fetch import converted, hubspot_absence, salesforce_absence
from interlock.engine.work import Batch, Work
from interlock.store import Tx, WriteTx, suggestions
from interlock.store.suggestions import ACCEPTED, REFUSED


async def by_persons_word(ctx: Cycle, finder: Finder, works: Sequence[Work]) -> None:
    by_key = {own_seen(work).key: work for work in works}
    async with ctx.store.read(ctx.connection_id) as tx:
        if not await suggestions.any_decided(tx, finder.runtime.slug):
            return
        found = await suggestions.decided_of(tx, finder.runtime.slug, list(by_key))
    finder.asks_persons = True
    wanted: dict[tuple[Side, str], dict[str, list[Work]]] = defaultdict(lambda: defaultdict(list))
    for each in found:
        for own, other in ((each.hubspot, each.salesforce), (each.salesforce, each.hubspot)):
            if each.state == ACCEPTED and own in by_key and _syncs(finder, other):
                wanted[other.side, other.type][other.id].append(by_key[own])
    for (side, type_), by_id in wanted.items():
        answers = await _read(ctx, finder, side, type_, list(by_id))
        for id_, of_id in by_id.items():
            for work in of_id:
                if (answer := answers.get(id_)) is not None:
                    await _take(ctx, finder, work, answer)
                else:
                    work.why_not = "waiting"
                    work.wait(ctx.clock_us() + LOOK_AGAIN_US, Reason.WAITING)


def _syncs(finder: Finder, key: RecordKey) -> bool:
    return key.side is Side.HUBSPOT or finder.runtime.syncs(key.type)


async def _take(ctx: Cycle, finder: Finder, work: Work, answer: Gone | Observation) -> None:
    if isinstance(answer, Gone) and answer.successor is None:
        return  # it was deleted, and the word about it goes when it is looked at itself: this one is like any other again
    await take_answer(ctx, finder, work, answer, LinkedBy.PERSON)


async def _read(ctx: Cycle, finder: Finder, side: Side, type_: str, ids: list[str]) -> dict[str, Observation | Gone]:
    """Id -> the record, or what became of it; one that cannot be seen, and nothing says why, is left out."""
    runtime = finder.runtime
    seen: dict[str, Observation]
    if side is Side.HUBSPOT:
        seen = await ctx.hubspot.read(type_, ids, runtime.hubspot_properties, purpose="match")
        gone, _unasked = await hubspot_absence(ctx, runtime, [id_ for id_ in ids if id_ not in seen])
        return {**seen, **gone}
    seen = await ctx.salesforce.retrieve(type_, ids, runtime.salesforce_fields[type_], purpose="match")
    answers = {id_: converted(each.key, each) for id_, each in seen.items()}
    absent = await salesforce_absence(ctx, runtime, type_, [id_ for id_ in ids if id_ not in seen])
    return answers | {
        id_: converted(each.key, each) if isinstance(each, Observation) else each for id_, each in absent.items()
    }


async def note_refused(tx: Tx, finder: Finder, works: Sequence[Work]) -> None:
    """Of all that was found, and of whom it was found for."""
    if finder.asks_persons:
        keys = [*finder.seen, *(own_seen(work).key for work in works)]
        rows = await suggestions.decided_of(tx, finder.runtime.slug, keys)
        finder.refused |= {each.key for each in rows if each.state == REFUSED}


async def follow_refusals(tx: WriteTx, batch: Batch) -> None:
    """A record of this batch that lives on as another one takes along what was refused of it."""
    for work in batch.works:
        for seen in (work.hubspot, work.salesforce):
            if isinstance(seen, Gone) and seen.successor is not None:
                await suggestions.follow(tx, batch.runtime.slug, seen.key, seen.successor)
