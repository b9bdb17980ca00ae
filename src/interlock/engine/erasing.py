"""People who were erased: what is remembered of them is cleared, and they are not made again from what the other side holds.

A contact that HubSpot has erased (GDPR delete) is found by the read that proves it to be gone. Its pair rests, as after any delete.
A record that was erased on a person's order is left out of the line; another that bears the same address is never made a new one
from, but may be linked with one that people made themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from interlock.core.model import Gone, GoneHow, Observation, Side
from interlock.engine.context import Cycle
from interlock.engine.work import Batch, Work
from interlock.objects.spec import ObjectSpec
from interlock.store import WriteTx, erasures
from interlock.store.known_as import known_as

RECORD, PERSON = "record", "person"


async def note_erased(ctx: Cycle, batch: Batch) -> None:
    """Which of the records without counterpart were erased, or bear the address of somebody who was."""
    alone = [work for work in batch.works if work.link is None]
    if not alone or "email" not in batch.runtime.spec.identity:
        return
    words = {
        id(work): (str(work.dirty[0].key), addresses(batch.runtime.spec, [work.seen(work.origin)])) for work in alone
    }
    async with ctx.store.read(ctx.connection_id) as tx:
        held = await erasures.held(tx, [word for key, mails in words.values() for word in (key, *mails)])
    if not held:
        return
    for work in alone:
        key, mails = words[id(work)]
        if key in held:
            work.erased = RECORD
        elif held.intersection(mails):
            work.erased = PERSON


def leave_erased(batch: Batch) -> None:
    """After matching: who found no counterpart is left alone, without a question that would tell of them. Who only bears the
    address may be somebody else, and the reason says what to do then."""
    for work in batch.works:
        if work.erased and work.link is None:
            work.why_not, work.issues = "erased" if work.erased == RECORD else "erased_address", []
            work.postpone_until_us = None


def addresses(spec: ObjectSpec, seen: Iterable[object]) -> list[str]:
    """As they are hashed."""
    return [
        f"email:{key}"
        for each in seen
        if isinstance(each, Observation)
        for kind, key in spec.identity_keys(each.key.side, each.values)
        if kind == "email"
    ]


def is_erased(work: Work) -> bool:
    return isinstance(work.hubspot, Gone) and work.hubspot.how is GoneHow.ERASED


async def forget_erased(tx: WriteTx, batch: Batch) -> None:
    """Last in the transaction that records the batch: what it has just written down of them goes too."""
    for work in batch.works:
        if is_erased(work):
            await _forget(tx, batch, work)


async def _forget(tx: WriteTx, batch: Batch, work: Work) -> None:
    link = work.link
    keys = list(dict.fromkeys(each.key for each in work.dirty))
    if link is not None:
        keys = list(dict.fromkeys([*keys, link.hubspot, link.salesforce]))
    # What was merged into the record was erased with it, and is remembered under ids of its own.
    known = await known_as(tx, work.object, keys)
    gone = [str(key) for key in known.keys if key.side is Side.HUBSPOT]
    await erasures.put(tx, [*gone, *addresses(batch.runtime.spec, [work.salesforce])])
    await erasures.clear(tx, work.object, known.keys, known.link_ids)
