"""Who we are in both CRMs, what they let us do, how many calls are left, and the clocks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable

from interlock.app.doctor.checkup import ERROR, OK, WARNING, Check, Patient
from interlock.app.runtime import settings_of
from interlock.core.model import Side
from interlock.crm.errors import NAMES, CallRefused, CrmError, Forbidden, MissingScope
from interlock.objects.choices import DELETES, DELETES_IN
from interlock.objects.registry import SPECS

CLOCK_WARNING_S, CLOCK_ERROR_S = 5.0, 120.0
# Of the org's daily limit, by everybody.
API_WARNING_SHARE, API_ERROR_SHARE = 0.8, 0.98
# Salesforce: Group Edition has no API; the other small ones have it as an add-on.
EDITIONS_WITHOUT_API = ("Group Edition",)
_MAY_NOT = {
    "see": "The sync user may not see {type} records.",
    "read": "The sync user may not read {type} records.",
    "create": "The sync user may not create {type} records.",
}
_MAY_NOT_DELETE = (
    "The sync user may not delete {type} records: they stay, with an issue each, where they should be deleted because their"
    " HubSpot records were."
)


async def greet_hubspot(patient: Patient) -> AsyncIterator[Check]:
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


async def greet_salesforce(patient: Patient) -> AsyncIterator[Check]:
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


async def hubspot_permissions(patient: Patient) -> AsyncIterator[Check]:
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


async def inclusion_lists(patient: Patient) -> AsyncIterator[Check]:
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


async def salesforce_filters(patient: Patient) -> AsyncIterator[Check]:
    """The filters that limit what syncs, if there are any."""
    for type_, condition in patient.connection.settings.get("salesforce_filters", {}).items():
        try:
            fitting = await patient.salesforce.count(type_, condition)
        except (CallRefused, Forbidden) as refused:
            yield Check(
                "inclusion_filter",
                Side.SALESFORCE,
                ERROR,
                f"Salesforce does not take the filter that limits which records of {type_} sync, so that none of them do:"
                f" {refused.message}",
                "Give the sync user access to the fields that it names, or correct the filter.",
            )
        else:
            message = f"Of {type_} those sync that fit the filter {condition} ({fitting} now)."
            yield Check("inclusion_filter", Side.SALESFORCE, OK, message)


async def _refusal(call: Awaitable[object]) -> list[CrmError]:
    try:
        await call
    except CrmError as error:
        if error.meaning != "issue":
            raise
        return [error]
    return []


async def salesforce_permissions(patient: Patient) -> AsyncIterator[Check]:
    visible = {each.name: each for each in await patient.salesforce.objects()}
    lacking = False
    settings = settings_of(patient.connection)
    for slug in patient.objects:
        carries_deletes = Side.SALESFORCE in DELETES_IN[settings.chosen(DELETES, slug)]
        for type_ in SPECS[slug].salesforce_types:
            found = visible.get(type_)
            if found is not None and found.queryable and found.createable:
                if carries_deletes and not found.deletable:
                    fix = f"Give the sync user delete access to {type_} (a permission set), or choose that nothing is deleted."
                    yield Check("permissions", Side.SALESFORCE, WARNING, _MAY_NOT_DELETE.format(type=type_), fix)
                continue
            lacking = True
            may_not = _MAY_NOT["see" if found is None else "read" if not found.queryable else "create"]
            yield Check(
                "permissions",
                Side.SALESFORCE,
                ERROR,
                may_not.format(type=type_),
                f"Give the sync user read, create and edit access to {type_} (a permission set), or leave {slug} out.",
            )
    if not lacking:
        yield Check("permissions", Side.SALESFORCE, OK, "The sync user may read and create every synced object.")


async def salesforce_allocation(patient: Patient) -> AsyncIterator[Check]:
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


async def hubspot_allocation(patient: Patient) -> AsyncIterator[Check]:
    limit = patient.hubspot.governor.allocated
    yield Check("api_allocation", Side.HUBSPOT, OK, f"HubSpot allows {limit:,} API calls a day.")


def clocks(patient: Patient, reached: list[Side]) -> list[Check]:
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
        off = f"{abs(ahead_s):,.0f} s"
        checks.append(
            Check(
                "clock",
                side,
                level,
                f"This machine's clock is {off} behind {NAMES[side]}'s."
                if ahead_s > 0
                else f"This machine's clock is {off} ahead of {NAMES[side]}'s.",
                "Switch on time synchronisation (NTP) on this machine.",
            )
        )
    return checks
