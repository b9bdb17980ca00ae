"""Whether the native integration of HubSpot still runs beside us."""

from __future__ import annotations

from collections.abc import AsyncIterator

from interlock.app import native_integration
from interlock.app.doctor.checkup import ERROR, OK, WARNING, Check, Patient
from interlock.core.model import Side

# In the order of docs/migrate.md, and of the step Migrate.
_SWITCH_OFF = (
    "Two syncs of the same records undo each other's work. In HubSpot, Settings, Integrations, Connected Apps, Salesforce: export"
    " its field mappings first, since uninstalling deletes them; then switch off the sync of each object; uninstall it last, once"
    " Interlock syncs. *Migrate* in the set-up, and docs/migrate.md, lead through it. Interlock reads the ids it left, so pairs"
    " stay pairs."
)


async def native_in_salesforce(patient: Patient) -> AsyncIterator[Check]:
    names = await native_integration.package_objects(patient.salesforce)
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
    if "contacts" not in patient.objects:
        return
    since_us = patient.clock_us() - native_integration.LOOK_BACK_US
    found = await native_integration.writes_since(patient.hubspot, since_us)
    written = found.wrote
    if written:
        yield Check(
            "native_integration",
            Side.HUBSPOT,
            ERROR,
            f"HubSpot's own Salesforce integration is running: it wrote to {len(written)} of the {found.looked} contacts"
            f" looked at, for example {written[0]}.",
            _SWITCH_OFF,
        )
    else:
        yield Check(
            "native_integration", Side.HUBSPOT, OK, "HubSpot's own Salesforce integration wrote nothing in 7 days."
        )
