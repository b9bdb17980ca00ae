"""The address of a record's page, for a property of its HubSpot record. It goes along with a write that is made anyway, so it costs
no call of its own, and is put right in the same way when the pages move. Pure."""

from __future__ import annotations

from interlock.core.model import Observation, RecordKey
from interlock.engine.context import HUBSPOT_LINK_PROPERTY, Cycle, ObjectRuntime


def link_along(
    ctx: Cycle, runtime: ObjectRuntime, salesforce: RecordKey, hubspot: Observation | None = None
) -> dict[str, str]:
    """By the Salesforce record: a HubSpot record that is just being made has no id yet. `hubspot` None: it holds none so far."""
    if not ctx.settings.pages_at or not runtime.shows_link:
        return {}
    address = f"{ctx.settings.pages_at}/connections/{ctx.connection_id}/records/{salesforce}"
    holds = None if hubspot is None else hubspot.values.get(HUBSPOT_LINK_PROPERTY)
    return {} if holds == address else {HUBSPOT_LINK_PROPERTY: address}
