"""Following a record that lives on under another id: a merge's survivor, or the contact that a lead became.

The link moves with it unless the survivor already has a counterpart of its own, in which case this pair ends: two links to
one record would let one overwrite the other.
"""

from __future__ import annotations

from interlock.core.model import Base, LinkState, RecordKey, RecordLink, Side
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.work import Batch, Work
from interlock.store import Tx, links


async def follow(ctx: Cycle, batch: Batch) -> None:
    moving = [work for work in batch.works if work.follow is not None]
    if not moving:
        return
    taken: set[RecordKey] = set()
    async with ctx.store.read(ctx.connection_id) as tx:
        for work in moving:
            assert work.follow is not None
            assert work.link is not None
            successor = work.follow
            if successor in taken or await _linked(tx, work, successor):
                work.state = LinkState.UNLINKED
                continue
            taken.add(successor)
            work.relink_to = successor
            work.link.base = carry_base(batch.runtime, work.link, successor)


async def _linked(tx: Tx, work: Work, successor: RecordKey) -> RecordLink | None:
    if successor.side is Side.HUBSPOT:
        return (await links.by_hubspot(tx, work.object, [successor.id])).get(successor.id)
    return (await links.by_salesforce(tx, work.object, [successor.id])).get(successor.id)


def carry_base(runtime: ObjectRuntime, link: RecordLink, successor: RecordKey) -> Base:
    """A lead and a contact have mappings of their own; what agreed on a property as a lead still agrees as a contact."""
    if successor.side is Side.HUBSPOT or successor.type == link.salesforce_type:
        return link.base
    before = {field.id: field.property for field in runtime.mapping_for(link.salesforce_type).fields}
    after = {field.property: field.id for field in runtime.mapping_for(successor.type).fields}
    carried = {after[before[id_]]: base for id_, base in link.base.items() if before.get(id_) in after}
    return carried | {id_: base for id_, base in link.base.items() if id_ not in before}
