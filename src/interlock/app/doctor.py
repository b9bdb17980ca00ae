"""The preflight: what in either CRM, or between them and us, stands in the way of a sync, each with what to do. Changes nothing.

One small function per thing that is looked at. A CRM that does not answer is a finding like any other, and what cannot be
looked at without it is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from interlock.app import key_fields, mappings, native_integration
from interlock.app.connections import HALTED
from interlock.app.schemas import Schemas, keep_schemas, read_schemas
from interlock.core.model import Side
from interlock.crm.errors import NAMES, CrmError, MissingScope
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.context import SALESFORCE_CREATION_KEY
from interlock.objects.registry import SPECS
from interlock.store import Store
from interlock.store.connections import Connection

OK, WARNING, ERROR = "ok", "warning", "error"

CLOCK_WARNING_S, CLOCK_ERROR_S = 5.0, 120.0
# Of the org's daily limit, by everybody.
API_WARNING_SHARE, API_ERROR_SHARE = 0.8, 0.98
# Salesforce: Group Edition has no API; the other small ones have it as an add-on.
EDITIONS_WITHOUT_API = ("Group Edition",)


class Check(msgspec.Struct, frozen=True):
    code: str
    side: Side | None
    level: str
    message: str
    fix: str | None = None


class Patient(msgspec.Struct):
    """Everything that the checks may look at."""

    store: Store
    connection: Connection
    hubspot: HubSpotClient
    salesforce: SalesforceClient
    clock_us: Callable[[], int]
    schemas: Schemas | None = None

    @property
    def objects(self) -> list[str]:
        chosen = self.connection.settings.get("objects", list(SPECS))
        return [slug for slug in SPECS if slug in chosen]


async def examine(patient: Patient) -> list[Check]:
    """Every finding, HubSpot's first. Raises no CrmError."""
    checks, reached = await examine_sides(patient, tuple(Side))
    checks = [_state(patient), *checks]
    if len(reached) == len(Side):
        checks += await _safely("schemas", None, _schemas, patient)
    return [*checks, *_clocks(patient, reached)]


async def examine_sides(patient: Patient, sides: tuple[Side, ...]) -> tuple[list[Check], list[Side]]:
    """What can be said before there is a connection, and which of these sides answered. Raises no CrmError."""
    checks: list[Check] = []
    reached: list[Side] = []
    for side, greet in ((Side.HUBSPOT, _greet_hubspot), (Side.SALESFORCE, _greet_salesforce)):
        if side not in sides:
            continue
        check = await _safely("sign_in", side, greet, patient)
        checks += check
        if all(each.level != ERROR for each in check):
            reached.append(side)
    if Side.HUBSPOT in reached:
        checks += await _safely("permissions", Side.HUBSPOT, _hubspot_permissions, patient)
        checks += await _safely("inclusion_list", Side.HUBSPOT, _inclusion_lists, patient)
    if Side.SALESFORCE in reached:
        checks += await _safely("permissions", Side.SALESFORCE, _salesforce_permissions, patient)
        checks += await _safely("api_allocation", Side.SALESFORCE, _salesforce_allocation, patient)
        checks += await _safely("native_integration", Side.SALESFORCE, _native_in_salesforce, patient)
    if Side.HUBSPOT in reached:
        checks += await _safely("api_allocation", Side.HUBSPOT, _hubspot_allocation, patient)
        checks += await _safely("native_integration", Side.HUBSPOT, _native_in_hubspot, patient)
    return checks, reached


def as_document(checks: Sequence[Check]) -> dict[str, Any]:
    return {
        "checks": [
            {
                "code": each.code,
                "side": each.side.value if each.side is not None else None,
                "level": each.level,
                "message": each.message,
                "fix": each.fix,
            }
            for each in checks
        ]
    }


Look = Callable[[Patient], AsyncIterator[Check]]


async def _safely(code: str, side: Side | None, look: Look, patient: Patient) -> list[Check]:
    found = []
    try:
        async for check in look(patient):
            found.append(check)
    except CrmError as error:
        found.append(Check(code, side or error.side, ERROR, error.message, error.fix))
    return found


def _state(patient: Patient) -> Check:
    connection = patient.connection
    if connection.state not in HALTED:
        return Check("state", None, OK, f"The connection {connection.name} is {connection.state.replace('_', ' ')}.")
    why = connection.state_reason or "no reason was given."
    level = WARNING if connection.state == "paused" else ERROR
    message = f"The connection {connection.name} is {HALTED[connection.state]}: {why}"
    return Check("state", None, level, message, connection.state_fix or "Run `interlock resume`.")


# --- sign-in, permissions, limits ----------------------------------------------------------------------------------------


async def _greet_hubspot(patient: Patient) -> AsyncIterator[Check]:
    account = await patient.hubspot.account()
    if account.account_id != patient.connection.hubspot_account_id:
        yield Check(
            "sign_in",
            Side.HUBSPOT,
            ERROR,
            f"The token is of HubSpot account {account.account_id}, and this connection is of"
            f" {patient.connection.hubspot_account_id}.",
            "Connect again with a token of the right account.",
        )
        return
    yield Check("sign_in", Side.HUBSPOT, OK, f"Signed in to HubSpot account {account.account_id}.")


async def _greet_salesforce(patient: Patient) -> AsyncIterator[Check]:
    identity = await patient.salesforce.identity()
    organization = await patient.salesforce.organization()
    if organization.id != patient.connection.salesforce_org_id:
        yield Check(
            "sign_in",
            Side.SALESFORCE,
            ERROR,
            f"Signed in to {organization.name} ({organization.id}), and this connection is of"
            f" {patient.connection.salesforce_org_id}.",
            "Connect again with a sign-in of the right org.",
        )
        return
    kind = "sandbox" if organization.is_sandbox else "production"
    yield Check("sign_in", Side.SALESFORCE, OK, f"Signed in to {organization.name} ({kind}) as {identity.username}.")
    edition = organization.type or "unknown"
    if edition in EDITIONS_WITHOUT_API:
        yield Check(
            "edition",
            Side.SALESFORCE,
            ERROR,
            f"The org is of {edition}, which has no API for syncing.",
            "Use Professional Edition with API access, Enterprise, Unlimited, Performance or Developer Edition.",
        )
    else:
        yield Check("edition", Side.SALESFORCE, OK, f"The org is of {edition}.")


async def _hubspot_permissions(patient: Patient) -> AsyncIterator[Check]:
    """What the scopes allow where HubSpot tells them (private apps), else what reading shows; writing cannot be tried."""
    needed = {f"crm.objects.{slug}.{verb}" for slug in patient.objects for verb in ("read", "write")}
    needed |= {f"crm.schemas.{slug}.read" for slug in patient.objects} | {"crm.objects.owners.read"}
    needed |= {"communication_preferences.read_write" for slug in patient.objects if SPECS[slug].opt_out is not None}
    needed |= {"crm.lists.read"} if any(patient.connection.settings.get("inclusion", {}).values()) else set()
    info = await patient.hubspot.token_info()
    if info is not None and info.scopes:
        lacking = sorted(needed - set(info.scopes))
        if lacking:
            fix = MissingScope.default_fix
            yield Check("permissions", Side.HUBSPOT, ERROR, f"The sign-in lacks the scopes {', '.join(lacking)}.", fix)
        else:
            message = f"The sign-in has every scope that the synced objects need: {', '.join(sorted(needed))}."
            yield Check("permissions", Side.HUBSPOT, OK, message)
        return
    refused: list[CrmError] = []
    for slug in patient.objects:
        refused += await _refusal(patient.hubspot.list_page(slug, [], limit=1, purpose="setup"))
        refused += await _refusal(patient.hubspot.properties(slug))
    refused += await _refusal(patient.hubspot.owners())
    for error in refused:
        yield Check("permissions", Side.HUBSPOT, ERROR, error.message, error.fix)
    if not refused:
        yield Check(
            "permissions",
            Side.HUBSPOT,
            OK,
            f"{', '.join(patient.objects)} and owners can be read. (HubSpot does not tell this token's scopes: what is"
            " missing for writing shows at the first write.)",
        )


async def _inclusion_lists(patient: Patient) -> AsyncIterator[Check]:
    """The lists that limit what syncs, if there are any."""
    for slug, list_id in patient.connection.settings.get("inclusion", {}).items():
        if list_id is None:
            continue
        found = await patient.hubspot.list_by_id(list_id, purpose="setup")
        if found is None:
            yield Check(
                "inclusion_list",
                Side.HUBSPOT,
                ERROR,
                f"HubSpot list {list_id}, which limits the {slug} that sync, is not there: none of them sync.",
                "Restore the list in HubSpot, which keeps deleted ones for 90 days, or choose another or none.",
            )
        else:
            holds = "" if found.size is None else f", which holds {found.size} now"
            message = f"Of {slug} those of the HubSpot list {found.name!r} sync ({found.kind.lower()}{holds})."
            yield Check("inclusion_list", Side.HUBSPOT, OK, message)


async def _refusal(call: Awaitable[object]) -> list[CrmError]:
    try:
        await call
    except CrmError as error:
        if error.meaning != "issue":
            raise
        return [error]
    return []


async def _salesforce_permissions(patient: Patient) -> AsyncIterator[Check]:
    visible = {each.name: each for each in await patient.salesforce.objects()}
    lacking = False
    for slug in patient.objects:
        for type_ in SPECS[slug].salesforce_types:
            found = visible.get(type_)
            if found is not None and found.queryable and found.createable:
                continue
            lacking = True
            what = "see" if found is None else "read" if not found.queryable else "create"
            yield Check(
                "permissions",
                Side.SALESFORCE,
                ERROR,
                f"The sync user may not {what} {type_} records.",
                f"Give the sync user read, create and edit access to {type_} (a permission set), or leave {slug} out.",
            )
    if not lacking:
        yield Check("permissions", Side.SALESFORCE, OK, "The sync user may read and create every synced object.")


async def _salesforce_allocation(patient: Patient) -> AsyncIterator[Check]:
    limit = (await patient.salesforce.limits()).get("DailyApiRequests")
    if limit is None or limit.max <= 0:
        yield Check(
            "api_allocation",
            Side.SALESFORCE,
            WARNING,
            "Salesforce does not say how many API calls are left today.",
            "Nothing to do if syncing works; its own limit headers are followed.",
        )
        return
    used = limit.max - limit.remaining
    ours = patient.salesforce.governor.allocated
    message = f"{used:,} of {limit.max:,} daily API calls are used by everybody; Interlock may use {ours:,} a day."
    share = used / limit.max
    level = ERROR if share >= API_ERROR_SHARE else WARNING if share >= API_WARNING_SHARE else OK
    fix = "Find what uses them: Setup, System Overview, API Usage. Calls come free 24 hours after they were made."
    yield Check("api_allocation", Side.SALESFORCE, level, message, None if level == OK else fix)


async def _hubspot_allocation(patient: Patient) -> AsyncIterator[Check]:
    limit = patient.hubspot.governor.allocated
    yield Check("api_allocation", Side.HUBSPOT, OK, f"HubSpot allows {limit:,} API calls a day.")


# --- fields and mappings -------------------------------------------------------------------------------------------------


async def _schemas(patient: Patient) -> AsyncIterator[Check]:
    patient.schemas = await read_schemas(patient.hubspot, patient.salesforce, patient.objects)
    assert patient.connection.id is not None
    await keep_schemas(patient.store, patient.connection.id, patient.schemas)
    for check in (*_key_fields(patient.schemas, patient.objects), *await _mappings(patient)):
        yield check


def _key_fields(schemas: Schemas, objects: list[str]) -> list[Check]:
    checks = []
    for side, name in key_fields.unfit(schemas, objects):
        checks.append(
            Check(
                "key_field",
                Side(side),
                ERROR,
                f"{name} cannot serve as key: it must be unique"
                + (" and an external id." if side != "hubspot" else "."),
                "Rename or delete it, then run `interlock connect` again: it makes the one it needs.",
            )
        )
    again = "Run `interlock connect` again: it makes what is missing, and grants access to it."
    lacking = key_fields.missing(schemas, objects).names()
    for side, names in lacking.items():
        for name in names:
            hidden = " or the sync user may not see and write it" if name.endswith(SALESFORCE_CREATION_KEY) else ""
            checks.append(Check("key_field", Side(side), ERROR, f"{name} is missing{hidden}.", again))
    return checks or [Check("key_field", None, OK, "The key fields of both sides are there, and may be written.")]


async def _mappings(patient: Patient) -> list[Check]:
    assert patient.connection.id is not None
    listed = await mappings.list_(patient.store, patient.connection.id)
    checks = []
    for each in listed:
        if each["status"] == "ok" or each["rule"] == "dont_sync" or each["object"] not in patient.objects:
            continue
        pair = f"{each['object']}.{each['property']} and {each['salesforce_object']}.{each['field']}"
        # A shipped pair that an org cannot have is how it is; one that a person asked for does not do what they want.
        level = ERROR if each["status"] == "broken" and each["kind"] == "custom" else WARNING
        message = (
            f"{pair} do not sync: {each['status_reason']}."
            if each["status"] == "broken"
            else (f"{pair}: {each['status_reason']}.")
        )
        fix = "Correct the property or the field, or take the pair out with `interlock mappings apply`."
        checks.append(Check("mapping", None, level, message, fix))
    return checks or [Check("mapping", None, OK, f"All {len(listed)} mapped fields can sync.")]


# --- the native integration, clocks --------------------------------------------------------------------------------------

_SWITCH_OFF = (
    "Two syncs of the same records undo each other's work. In HubSpot, Settings, Integrations, Salesforce: pause the"
    " integration, then uninstall it. Interlock reads the ids it left, so pairs stay pairs."
)


async def _native_in_salesforce(patient: Patient) -> AsyncIterator[Check]:
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


async def _native_in_hubspot(patient: Patient) -> AsyncIterator[Check]:
    if "contacts" not in patient.objects:
        return
    since_us = patient.clock_us() - native_integration.LOOK_BACK_US
    written = await native_integration.writes_since(patient.hubspot, since_us)
    if written.wrote:
        yield Check(
            "native_integration",
            Side.HUBSPOT,
            ERROR,
            f"HubSpot's own Salesforce integration is running: it wrote to {len(written.wrote)} of the {written.looked}"
            f" contacts looked at, for example {written.wrote[0]}.",
            _SWITCH_OFF,
        )
    else:
        yield Check(
            "native_integration", Side.HUBSPOT, OK, "HubSpot's own Salesforce integration wrote nothing in 7 days."
        )


def _clocks(patient: Patient, reached: list[Side]) -> list[Check]:
    checks = []
    for side in reached:
        client = patient.hubspot if side is Side.HUBSPOT else patient.salesforce
        ahead_s = client.clock_ahead_s()
        if ahead_s is None:
            continue
        level = ERROR if abs(ahead_s) >= CLOCK_ERROR_S else WARNING if abs(ahead_s) >= CLOCK_WARNING_S else OK
        if level == OK:
            checks.append(Check("clock", side, OK, f"This machine's clock agrees with {NAMES[side]}'s."))
            continue
        way = "behind" if ahead_s > 0 else "ahead of"
        checks.append(
            Check(
                "clock",
                side,
                level,
                f"This machine's clock is {abs(ahead_s):,.0f} s {way} {NAMES[side]}'s.",
                "Switch on time synchronisation (NTP) on this machine.",
            )
        )
    return checks
