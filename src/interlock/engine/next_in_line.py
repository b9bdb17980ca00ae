"""What becomes of several leads or contacts with one address when one half of their pair is deleted. Reads only.

The others have no counterpart of their own: the HubSpot contact stands for all of them, and is not deleted while one of them
is there. Where the one edited last syncs (latest.py), nobody has to be asked who of them is meant; so when somebody deletes it,
it is made for none of them again.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import LinkState, Observation, RecordKey
from interlock.engine.addresses import addresses_of
from interlock.engine.candidates import Finder, own_seen
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.engine.fetch import converted
from interlock.engine.latest import moves_to_latest
from interlock.engine.work import Work
from interlock.store import links


async def next_in_line(ctx: Cycle, runtime: ObjectRuntime, works: Sequence[Work]) -> list[tuple[Work, list[RecordKey]]]:
    """Of these, whose HubSpot contact is to go, those of which somebody is left in Salesforce: who. Raises CrmError."""
    if not works or "email" not in runtime.spec.identity:
        return []
    by_work = [(work, addresses_of(runtime, work.hubspot)) for work in works if isinstance(work.hubspot, Observation)]
    asked = sorted({address for _, addresses in by_work for address in addresses})
    found: dict[str, list[RecordKey]] = {}
    for type_ in runtime.salesforce_types if asked else ():
        fields = runtime.salesforce_fields[type_]
        for seen in await ctx.salesforce.query_where_in(type_, fields, {"Email": asked}, purpose="verify"):
            if isinstance(converted(seen.key, seen), Observation):
                found.setdefault(str(seen.values.get("Email") or "").lower(), []).append(seen.key)
    async with ctx.store.read(ctx.connection_id) as tx:
        ids = [key.id for keys in found.values() for key in keys]
        taken = await links.by_salesforce(tx, runtime.slug, sorted(set(ids))) if ids else {}
    left = [(work, {key for each in addresses for key in found.get(each, ())}) for work, addresses in by_work]
    free = [(work, sorted(key for key in keys if key.id not in taken)) for work, keys in left]
    return [(work, keys) for work, keys in free if keys]


async def leave_with_the_deleted(ctx: Cycle, finder: Finder, works: Sequence[Work]) -> None:
    """Of records that nothing in HubSpot fits, those that share an address with one whose HubSpot contact was deleted."""
    if not moves_to_latest(finder):
        return
    alone = [work for work in works if work.why_not is None and not finder.candidates_of(work)]
    others = {id(work): _of_one_address(finder, work) for work in alone}
    ids = sorted({key.id for keys in others.values() for key in keys})
    if not ids:
        return
    async with ctx.store.read(ctx.connection_id) as tx:
        known = await links.by_salesforce(tx, finder.runtime.slug, ids)
    rest = {id_ for id_, link in known.items() if link.state is LinkState.HUBSPOT_DELETED}
    for work in alone:
        if any(key.id in rest for key in others[id(work)]):
            work.why_not = "counterpart_deleted"


def _of_one_address(finder: Finder, work: Work) -> set[RecordKey]:
    """Those in the recycle bin too."""
    own = own_seen(work)
    addresses = addresses_of(finder.runtime, own)
    there = [finder.salesforce_by_email.get(each, []) + finder.in_the_bin.get(each, []) for each in addresses]
    return {key for keys in there for key in keys} - {own.key}
