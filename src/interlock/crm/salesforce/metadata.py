"""Interlock's own traces in an org: its custom fields, and the permission set that makes them visible.

A field made by the API is invisible (INVALID_FIELD) until field-level security grants it. Every step looks first and
adds only what is missing, so it can be run again after any failure. Set-up calls: they raise CrmError, they give no
outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from interlock.core.model import Raw
from interlock.crm.calls import Calls, Declined, Reply
from interlock.crm.errors import ServerFault
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.queries import query_all_rows
from interlock.crm.salesforce.requests import DATA_PATH, NO_AUTO_ASSIGN, encode, parse_failures, sobject_path

PERMISSION_SET = "Interlock_Sync"
PERMISSION_SET_LABEL = "Interlock Sync"
_EXISTS = frozenset({"DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE"})


class _Saved(msgspec.Struct):
    id: str


async def create_custom_field(
    calls: Calls,
    sobject: str,
    name: str,
    label: str,
    length: int,
    unique: bool,
    external_id: bool,
    purpose: str,
) -> bool:
    # Custom fields of Task and Event are defined on Activity (Metadata API guide).
    owner = "Activity" if sobject in ("Task", "Event") else soql.name(sobject)
    metadata: dict[str, Any] = {
        "type": "Text",
        "label": label,
        "length": length,
        "externalId": external_id,
        "unique": unique,
    }
    if unique:
        metadata["caseSensitive"] = False
    body = {"FullName": f"{owner}.{soql.name(name)}", "Metadata": metadata}
    made = await _post(calls, f"{DATA_PATH}/tooling/sobjects/CustomField", body, purpose)
    return made is not None


async def grant_field_access(calls: Calls, fields: Sequence[str], user_id: str, purpose: str) -> None:
    set_id = await _permission_set(calls, purpose)
    granted = {
        row["Field"]: row
        for row in await _rows(
            calls, f"SELECT Id, Field, PermissionsEdit FROM FieldPermissions WHERE ParentId = '{set_id}'", purpose
        )
    }
    for field in dict.fromkeys(soql.name(item) for item in fields):
        if field not in granted:
            body = {
                "ParentId": set_id,
                "SobjectType": field.partition(".")[0],
                "Field": field,
                "PermissionsRead": True,
                "PermissionsEdit": True,
            }
            await _post(calls, sobject_path("FieldPermissions"), body, purpose)
        elif not granted[field]["PermissionsEdit"]:
            row = f"{sobject_path('FieldPermissions')}/{soql.record_id(granted[field]['Id'])}"
            await _patch(calls, row, {"PermissionsRead": True, "PermissionsEdit": True}, purpose)
    await assign(calls, set_id, user_id, purpose)


async def is_assigned(calls: Calls, set_id: str, user_id: str, purpose: str) -> bool:
    text = (
        f"SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = '{soql.record_id(set_id)}'"
        f" AND AssigneeId = '{soql.record_id(user_id)}'"
    )
    return bool(await _rows(calls, text, purpose))


async def assign(calls: Calls, set_id: str, user_id: str, purpose: str) -> None:
    if not await is_assigned(calls, set_id, user_id, purpose):
        body = {"AssigneeId": soql.record_id(user_id), "PermissionSetId": soql.record_id(set_id)}
        await _post(calls, sobject_path("PermissionSetAssignment"), body, purpose)


async def unassign_all(calls: Calls, set_id: str, purpose: str) -> list[str]:
    """Whom it was taken from."""
    had: list[str] = []
    text = f"SELECT Id, AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId = '{soql.record_id(set_id)}'"
    for row in await _rows(calls, text, purpose):
        path = f"{sobject_path('PermissionSetAssignment')}/{soql.record_id(row['Id'])}"
        answer = await calls.write("DELETE", path, None, purpose=purpose)
        if isinstance(answer, Declined) and answer.reply.status != 404:  # 404: somebody else took it
            raise answer.error
        if not isinstance(answer, (Reply, Declined)):
            raise ServerFault(calls.side, f"Salesforce did not say whether the row was deleted: {answer.why}")
        had.append(row["AssigneeId"])
    return had


async def _permission_set(calls: Calls, purpose: str) -> str:
    text = f"SELECT Id FROM PermissionSet WHERE Name = {soql.quote(PERMISSION_SET)}"
    for _ in range(2):
        found = await _rows(calls, text, purpose)
        if found:
            return soql.record_id(found[0]["Id"])
        body = {"Name": PERMISSION_SET, "Label": PERMISSION_SET_LABEL}
        made = await _post(calls, sobject_path("PermissionSet"), body, purpose)
        if made is not None:
            return soql.record_id(made)
    raise ServerFault(
        calls.side, f"Salesforce says that the permission set {PERMISSION_SET} exists and does not show it."
    )


async def _rows(calls: Calls, text: str, purpose: str) -> list[dict[str, Raw]]:
    return await query_all_rows(calls, text, False, purpose)


async def _post(calls: Calls, path: str, body: dict[str, Any], purpose: str) -> str | None:
    """The new row's id; None when it exists already. Raises CrmError."""
    answer = await calls.write("POST", path, encode(body), purpose=purpose, headers=NO_AUTO_ASSIGN)
    if isinstance(answer, Reply):
        try:
            return msgspec.json.decode(answer.body, type=_Saved).id
        except msgspec.MsgspecError as error:
            raise calls.garbled("the id of a new row") from error
    if isinstance(answer, Declined):
        failures = parse_failures(answer.reply.body)
        if any(failure.code in _EXISTS or "already" in failure.message for failure in failures):
            return None
        raise answer.error
    raise ServerFault(calls.side, f"Salesforce did not say whether the row was made: {answer.why}")


async def _patch(calls: Calls, path: str, body: dict[str, Any], purpose: str) -> None:
    """Raises CrmError."""
    answer = await calls.write("PATCH", path, encode(body), purpose=purpose, headers=NO_AUTO_ASSIGN)
    if isinstance(answer, Declined):
        raise answer.error
    if not isinstance(answer, Reply):
        raise ServerFault(calls.side, f"Salesforce did not say whether the row was changed: {answer.why}")
