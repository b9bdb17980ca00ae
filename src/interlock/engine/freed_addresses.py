"""Who gave way to another record of their address: a lead to the contact, or the older of two to the one edited last. Once that one
gets another address nothing of them has changed, and no search would show them again.

They are looked for as the pair's own new address is written, which replaces the old one on the side that still has it; and only
where anybody gave way at all. Where what was there at install is only to be linked they are left alone: to look at them as at
something new would make them. Asks Salesforce, and marks nothing itself: they are due with the record of the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from interlock.core.model import Observation, Side
from interlock.engine.context import EXISTING, Cycle
from interlock.engine.latest import NOT_LATEST
from interlock.engine.work import Batch, Work
from interlock.objects.normalise import normal_email
from interlock.store import unlinked

CONTACT_PREFERRED = "contact_preferred"
WHYS = (CONTACT_PREFERRED, NOT_LATEST)
_ADDRESS = {Side.HUBSPOT: "email", Side.SALESFORCE: "Email"}


def addresses_given_up(works: Iterable[Work]) -> list[str]:
    """That writes of these are about to replace."""
    return sorted({address for work in works for address in _replaced(work)})


def _replaced(work: Work) -> Iterator[str]:
    for write in work.writes:
        before, name = work.seen(write.side), _ADDRESS[write.side]
        if not write.creates and isinstance(before, Observation) and any(each.name == name for each in write.fields):
            old = normal_email(str(before.values.get(name) or ""))
            if old:
                yield old


async def wake_who_gave_way(ctx: Cycle, batch: Batch, addresses: list[str]) -> None:
    """Raises CrmError."""
    runtime = batch.runtime
    existing = EXISTING[ctx.settings.existing]
    if existing.load and not existing.create:
        return
    async with ctx.store.read(ctx.connection_id) as tx:
        somebody = [await unlinked.of_side(tx, runtime.slug, why, Side.SALESFORCE, "", 1) for why in WHYS]
    if not any(somebody):
        return
    found = [
        seen.key
        for type_ in runtime.salesforce_types
        for seen in await ctx.salesforce.query_where_in(type_, ["Id"], {"Email": addresses}, purpose="match")
    ]
    async with ctx.store.read(ctx.connection_id) as tx:
        alone = await unlinked.by_keys(tx, found)
    batch.also_due += [key for key, each in alone.items() if each.why in WHYS]
