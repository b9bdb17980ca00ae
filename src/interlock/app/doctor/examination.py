"""The preflight: what in either CRM, or between them and us, stands in the way of a sync, each with what to do. Changes nothing.

One small function per thing that is looked at, in the modules beside this one. A CRM that does not answer is a finding like any
other, and what cannot be looked at without it is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from interlock.app.connections import HALTED
from interlock.app.doctor import access, fields, native
from interlock.app.doctor.checkup import ERROR, OK, WARNING, Check, Patient
from interlock.core.model import Side
from interlock.crm.errors import CrmError


async def examine(patient: Patient) -> list[Check]:
    """Every finding, HubSpot's first. Raises no CrmError."""
    checks, reached = await examine_sides(patient, tuple(Side))
    checks = [_state(patient), *checks]
    if len(reached) == len(Side):
        checks += await _safely("schemas", None, fields.schemas, patient)
    return [*checks, *access.clocks(patient, reached)]


async def examine_sides(patient: Patient, sides: tuple[Side, ...]) -> tuple[list[Check], list[Side]]:
    """What can be said before there is a connection, and which of these sides answered. Raises no CrmError."""
    checks: list[Check] = []
    reached: list[Side] = []
    for side, greet in ((Side.HUBSPOT, access.greet_hubspot), (Side.SALESFORCE, access.greet_salesforce)):
        if side not in sides:
            continue
        check = await _safely("sign_in", side, greet, patient)
        checks += check
        if all(each.level != ERROR for each in check):
            reached.append(side)
    if Side.HUBSPOT in reached:
        checks += await _safely("permissions", Side.HUBSPOT, access.hubspot_permissions, patient)
        checks += await _safely("inclusion_list", Side.HUBSPOT, access.inclusion_lists, patient)
    if Side.SALESFORCE in reached:
        checks += await _safely("permissions", Side.SALESFORCE, access.salesforce_permissions, patient)
        checks += await _safely("inclusion_filter", Side.SALESFORCE, access.salesforce_filters, patient)
        checks += await _safely("api_allocation", Side.SALESFORCE, access.salesforce_allocation, patient)
        checks += await _safely("native_integration", Side.SALESFORCE, native.native_in_salesforce, patient)
    if Side.HUBSPOT in reached:
        checks += await _safely("api_allocation", Side.HUBSPOT, access.hubspot_allocation, patient)
        checks += await _safely("native_integration", Side.HUBSPOT, native.native_in_hubspot, patient)
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
