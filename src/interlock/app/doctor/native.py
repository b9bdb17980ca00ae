"""Whether the native integration of HubSpot still runs beside us."""

from __future__ import annotations

from collections.abc import AsyncIterator

from interlock.app.doctor.checkup import ERROR, OK, WARNING, Check, Patient
from interlock.core.model import Side
from interlock.crm.errors import CallRefused
from interlock.crm.hubspot.client import HubSpotClient
from interlock.objects.registry import SPECS

NATIVE_LOOK_BACK_US = 7 * 86_400_000_000
NATIVE_NAMESPACE = "HubSpot_Inc__"  # of its managed package
NATIVE_SOURCE = "SALESFORCE"  # of what it writes, in HubSpot's property history
NATIVE_SAMPLE = 50
_SWITCH_OFF = (
    "Two syncs of the same records undo each other's work. In HubSpot, Settings, Integrations, Salesforce: pause the"
    " integration, then uninstall it. Interlock reads the ids it left, so pairs stay pairs."
)


async def native_in_salesforce(patient: Patient) -> AsyncIterator[Check]:
    names = [each.name for each in await patient.salesforce.objects() if each.name.startswith(NATIVE_NAMESPACE)]
    if names:
        yield Check(
            "native_integration",
            Side.SALESFORCE,
            WARNING,
            f"HubSpot's own integration is installed in this org (package namespace HubSpot_Inc: {names[0]}).",
            _SWITCH_OFF,
        )
    else:
        yield Check(
            "native_integration", Side.SALESFORCE, OK, "HubSpot's own integration is not installed in this org."
        )


async def native_in_hubspot(patient: Patient) -> AsyncIterator[Check]:
    """The history of properties names who wrote them, so a live integration shows in what changed lately."""
    if "contacts" not in patient.objects:
        return
    since_us = patient.clock_us() - NATIVE_LOOK_BACK_US
    page = await patient.hubspot.search_changed("contacts", [], since_us, limit=NATIVE_SAMPLE, purpose="setup")
    ids = [row.key.id for row in page.records]
    histories = {}
    if ids:
        names = [each.property for each in SPECS["contacts"].mappings if each.new_property is None]
        histories = await _history(patient.hubspot, ids, names)
    written = [
        id_
        for id_, properties in histories.items()
        if any(
            entry.source_type == NATIVE_SOURCE and entry.at_us >= since_us
            for entries in properties.values()
            for entry in entries
        )
    ]
    if written:
        yield Check(
            "native_integration",
            Side.HUBSPOT,
            ERROR,
            f"HubSpot's own Salesforce integration is running: it wrote to {len(written)} of the {len(ids)} contacts"
            f" looked at, for example hubspot:contacts:{written[0]}.",
            _SWITCH_OFF,
        )
    else:
        yield Check(
            "native_integration", Side.HUBSPOT, OK, "HubSpot's own Salesforce integration wrote nothing in 7 days."
        )


async def _history(hubspot: HubSpotClient, ids: list[str], names: list[str]):  # type: ignore[no-untyped-def]
    try:
        return await hubspot.read_history("contacts", ids, names, purpose="setup")
    except CallRefused:
        # An account may lack one of the shipped properties; these two it cannot lack.
        return await hubspot.read_history("contacts", ids, ["email", "lastname"], purpose="setup")
