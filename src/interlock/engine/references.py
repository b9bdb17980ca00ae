"""Teaching reference codecs what the records at hand point to: which company id of one side is which of the other. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from interlock.core.link import WHOLE
from interlock.core.model import Observation, Raw, Side
from interlock.core.reconcile import FieldDecision
from interlock.core.values import BLANK
from interlock.engine.context import Cycle, ObjectRuntime, Reference
from interlock.store import links


async def learn_references(
    ctx: Cycle, runtime: ObjectRuntime, seen: Iterable[Observation], wanted: Iterable[tuple[str, str]] = ()
) -> None:
    """Look up every reference that these observations hold and whose pair is not known yet. `wanted`: (property, Salesforce
    id) of references that no record holds now and that are to be written all the same."""
    wanted = list(wanted)
    rows = list(seen)
    for reference in runtime.references:
        hubspot_ids = _pointed(rows, Side.HUBSPOT, reference.property, reference.hubspot_to_common)
        salesforce_ids = _pointed(rows, Side.SALESFORCE, reference.field, reference.salesforce_to_common)
        salesforce_ids += [
            id_
            for property_, id_ in wanted
            if property_ == reference.property and id_ not in reference.salesforce_to_common
        ]
        if not hubspot_ids and not salesforce_ids:
            continue
        async with ctx.store.read(ctx.connection_id) as tx:
            found = [
                *(await links.by_hubspot(tx, reference.object, hubspot_ids)).values(),
                *(await links.by_salesforce(tx, reference.object, salesforce_ids)).values(),
            ]
        for link in found:
            if link.state in WHOLE:
                reference.learn(link.hubspot_id, link.salesforce_id)
            else:
                reference.learn_resting(link.hubspot_id, link.salesforce_id)


def leads_nowhere(reference: Reference, decision: FieldDecision, raws: Mapping[Side, Raw]) -> bool:
    """Whether to carry this over would write a record that is gone, or clear what points to one: a delete of a company
    on one side takes its people away there, and must not on the other."""
    side = decision.merge.write
    if side is None:
        return False
    at_source, at_target = (str(raws[each]) in reference.resting for each in (side.other, side))
    return at_source or (at_target and decision.merge.value == BLANK)


def _pointed(rows: list[Observation], side: Side, name: str, known: dict[str, str]) -> list[str]:
    ids = {
        str(row.values[name]): None
        for row in rows
        if row.key.side is side and row.values.get(name) and str(row.values[name]) not in known
    }
    return list(ids)
