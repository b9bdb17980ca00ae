"""Whether HubSpot's own Salesforce integration is there, by its package in the org, and whether it runs, by what it wrote."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.crm.errors import CallRefused
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import HistoryEntry
from interlock.crm.salesforce.client import SalesforceClient
from interlock.objects.registry import SPECS

# It is running when it wrote within this time.
LOOK_BACK_US = 7 * 86_400_000_000
NAMESPACE = "HubSpot_Inc__"  # of its managed package
SOURCE = "SALESFORCE"  # of what it writes, in HubSpot's property history
SAMPLE = 50


class NativeWrites(msgspec.Struct, frozen=True):
    """`looked`: how many contacts that changed were looked at, `wrote`: keys of those that it had written to."""

    looked: int
    wrote: list[str]


async def package_objects(salesforce: SalesforceClient) -> list[str]:
    """Objects of its managed package that the user sees. Raises CrmError."""
    return [each.name for each in await salesforce.objects() if each.name.startswith(NAMESPACE)]


async def writes_since(hubspot: HubSpotClient, since_us: int) -> NativeWrites:
    """The history of properties names who wrote them: looked at in the first contacts that changed since. Raises CrmError."""
    page = await hubspot.search_changed("contacts", [], since_us, limit=SAMPLE, purpose="setup")
    ids = [row.key.id for row in page.records]
    histories: dict[str, dict[str, list[HistoryEntry]]] = {}
    if ids:
        names = [each.property for each in SPECS["contacts"].mappings if each.new_property is None]
        histories = await _history(hubspot, ids, names)
    wrote = [
        f"hubspot:contacts:{id_}"
        for id_, properties in histories.items()
        if any(
            entry.source_type == SOURCE and entry.at_us >= since_us
            for entries in properties.values()
            for entry in entries
        )
    ]
    return NativeWrites(len(ids), wrote)


async def _history(
    hubspot: HubSpotClient, ids: Sequence[str], names: Sequence[str]
) -> dict[str, dict[str, list[HistoryEntry]]]:
    try:
        return await hubspot.read_history("contacts", ids, names, purpose="setup")
    except CallRefused:
        # An account may lack one of the shipped properties; these two it cannot lack.
        return await hubspot.read_history("contacts", ids, ["email", "lastname"], purpose="setup")
