"""What the CRMs themselves say before anything is joined: permissions, editions, limits, whether HubSpot's own integration lives.

Looked at after each sign-in and kept with the set-up, so that pages show it without a call. The looks are the doctor's. Nothing
here stops the set-up: what is in the way is said, with what to do, and the step that needs it refuses.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from interlock.app import doctor
from interlock.app.doctor import Check, Patient
from interlock.app.people.visitor import By
from interlock.app.setup import connect, state
from interlock.app.times import rfc3339
from interlock.core.model import Side
from interlock.crm.budget import IDLE_SHARE
from interlock.crm.errors import CrmError
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.objects.registry import SPECS
from interlock.store import Store
from interlock.store.connections import Connection
from interlock.store.setups import Setup

slug = "findings"
# docs/scale.md, by benchmarks/calls.py: calls a record of a first sync of many records. What comes before and between them
# (schemas, looking for changes) is what `interlock demo` counts at some hundred records.
SALESFORCE_CALLS_PER_RECORD, SALESFORCE_CALLS_ANYHOW = 0.0037, 100
NATIVE_CALLS_PER_RECORD = 4  # "up to 4": HubSpot, Install the HubSpot-Salesforce integration


class Found(msgspec.Struct, frozen=True):
    code: str
    side: str | None
    level: str  # ok | warning | error
    message: str
    fix: str | None = None


class Forecast(msgspec.Struct, frozen=True):
    """Salesforce API calls. `allocated`: what Interlock may use of a day."""

    records: int
    allocated: int

    @property
    def first_sync(self) -> int:
        return SALESFORCE_CALLS_ANYHOW + round(self.records * SALESFORCE_CALLS_PER_RECORD)

    @property
    def idle_a_day(self) -> int:
        return int(self.allocated * IDLE_SHARE)

    @property
    def native(self) -> int:
        return self.records * NATIVE_CALLS_PER_RECORD


class Findings(msgspec.Struct, frozen=True):
    """`at` empty: nobody has signed in yet."""

    found: tuple[Found, ...] = ()
    forecast: Forecast | None = None
    at: str = ""

    def of(self, side: str) -> tuple[Found, ...]:
        """What is in the way or worth knowing of one side: all but what is fine."""
        return tuple(each for each in self.found if each.side == side and each.level != doctor.OK)

    @property
    def native(self) -> bool:
        """HubSpot's own integration is there, or was lately."""
        return any(each.code == "native_integration" and each.level != doctor.OK for each in self.found)


def findings_of(setup: Setup) -> Findings:
    return state.kept(setup, slug, Findings)


async def look(
    store: Store,
    by: By,
    setup: Setup,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
) -> Setup:
    """Look at the sides that are signed in to, and keep it. A CRM that does not answer is a finding. Raises Stale, Missing."""
    values = connect.values_of(setup)
    patient = Patient(store, _to_be(values), hubspot, salesforce, clock_us)
    signed_in = {Side.HUBSPOT: values.hubspot, Side.SALESFORCE: values.salesforce}
    checks, reached = await doctor.examine_sides(patient, tuple(side for side in Side if signed_in[side] is not None))
    forecast = await _forecast(salesforce) if Side.SALESFORCE in reached else None
    findings = Findings(tuple(_found(each) for each in checks), forecast, rfc3339(clock_us()) or "")
    return await state.change(store, by, setup.id, slug, Findings, lambda _before: findings)


def _found(check: Check) -> Found:
    return Found(check.code, None if check.side is None else check.side.value, check.level, check.message, check.fix)


def _to_be(values: connect.Values) -> Connection:
    """The connection that this would become, as far as it is known: what the doctor compares with."""
    hubspot, salesforce = values.hubspot, values.salesforce
    return Connection(
        name="default",
        state="setting_up",
        state_since_us=0,
        hubspot_url="",
        hubspot_account_id=hubspot.identity.account_id if hubspot is not None else "",
        hubspot_name="",
        salesforce_url="",
        salesforce_org_id=salesforce.identity.account_id if salesforce is not None else "",
        salesforce_name="",
        settings={"objects": list(SPECS)},
    )


async def _forecast(salesforce: SalesforceClient) -> Forecast | None:
    """Two calls. None where the org does not let its records be counted."""
    types = sorted({type_ for spec in SPECS.values() for type_ in spec.salesforce_types})
    try:
        await salesforce.limits()
        counted = await salesforce.query_many([f"SELECT COUNT() FROM {each}" for each in types], purpose="setup")
    except CrmError:
        return None
    return Forecast(sum(each.total for each in counted), salesforce.governor.allocated)
