"""Teaching reference codecs what the records at hand point to: which company id of one side is which of the other. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

from interlock.core.model import LinkState, Observation, Side
from interlock.engine.context import Cycle, ObjectRuntime
from interlock.store import links


async def learn_references(ctx: Cycle, runtime: ObjectRuntime, seen: Iterable[Observation]) -> None:
    """Look up every reference that these observations hold and whose pair is not known yet."""
    rows = list(seen)
    for reference in runtime.references:
        hubspot_ids = _pointed(rows, Side.HUBSPOT, reference.property, reference.hubspot_to_common)
        salesforce_ids = _pointed(rows, Side.SALESFORCE, reference.field, reference.salesforce_to_common)
        if not hubspot_ids and not salesforce_ids:
            continue
        async with ctx.store.read(ctx.connection_id) as tx:
            found = [
                *(await links.by_hubspot(tx, reference.object, hubspot_ids)).values(),
                *(await links.by_salesforce(tx, reference.object, salesforce_ids)).values(),
            ]
        for link in found:
            if link.state is LinkState.LINKED:
                reference.learn(link.hubspot_id, link.salesforce_id)


def _pointed(rows: list[Observation], side: Side, name: str, known: dict[str, str]) -> list[str]:
    ids = {
        str(row.values[name]): None
        for row in rows
        if row.key.side is side and row.values.get(name) and str(row.values[name]) not in known
    }
    return list(ids)
