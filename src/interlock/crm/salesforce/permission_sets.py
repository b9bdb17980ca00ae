"""Who has a permission set: rows of PermissionSetAssignment. What a set grants is deployed as metadata (deploy.py).

Both can be run again after any failure. Set-up calls: they raise CrmError, they give no outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import Refused, Written
from interlock.crm.calls import Calls, Declined, Reply
from interlock.crm.errors import ServerFault
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.model import SalesforceInsert
from interlock.crm.salesforce.queries import query_all_rows
from interlock.crm.salesforce.requests import NO_AUTO_ASSIGN, encode, parse_failures, sobject_path
from interlock.crm.salesforce.writes import insert

_ASSIGNMENT = "PermissionSetAssignment"
# A set is assigned to a user once.
_EXISTS = "DUPLICATE_VALUE"


async def assign(calls: Calls, set_id: str, user_id: str, purpose: str) -> None:
    """Nothing happens to a user who has it."""
    body = {"AssigneeId": soql.record_id(user_id), "PermissionSetId": soql.record_id(set_id)}
    answer = await calls.write("POST", sobject_path(_ASSIGNMENT), encode(body), purpose=purpose, headers=NO_AUTO_ASSIGN)
    if isinstance(answer, Declined):
        if all(failure.code != _EXISTS for failure in parse_failures(answer.reply.body)):
            raise answer.error
    elif not isinstance(answer, Reply):
        raise ServerFault(calls.side, f"Salesforce did not say whether the permission set was assigned: {answer.why}")


async def assign_to(calls: Calls, set_id: str, user_ids: Sequence[str], purpose: str) -> dict[str, str]:
    """To many at once. Who may not have it (a licence that does not allow what it grants) stops nobody else; given is why."""
    text = f"SELECT AssigneeId FROM {_ASSIGNMENT} WHERE PermissionSetId = '{soql.record_id(set_id)}'"
    have = {soql.record_id(row["AssigneeId"]) for row in await query_all_rows(calls, text, False, purpose)}
    lacking = [user_id for user_id in dict.fromkeys(map(soql.record_id, user_ids)) if user_id not in have]
    rows = [SalesforceInsert(id_, {"AssigneeId": id_, "PermissionSetId": soql.record_id(set_id)}) for id_ in lacking]
    refused: dict[str, str] = {}
    for user_id, outcome in (await insert(calls, _ASSIGNMENT, rows, purpose)).items():
        if isinstance(outcome, Refused):
            if outcome.code != _EXISTS:  # somebody else gave it meanwhile
                refused[user_id] = outcome.message
        elif not isinstance(outcome, Written):
            raise ServerFault(calls.side, f"Salesforce did not say whether the permission set was assigned: {outcome}")
    return refused


async def unassign_all(calls: Calls, set_id: str, purpose: str) -> list[str]:
    """Whom it was taken from."""
    had: list[str] = []
    text = f"SELECT Id, AssigneeId FROM {_ASSIGNMENT} WHERE PermissionSetId = '{soql.record_id(set_id)}'"
    for row in await query_all_rows(calls, text, False, purpose):
        path = f"{sobject_path(_ASSIGNMENT)}/{soql.record_id(row['Id'])}"
        answer = await calls.write("DELETE", path, None, purpose=purpose)
        if isinstance(answer, Declined) and answer.reply.status != 404:  # 404: somebody else took it
            raise answer.error
        if not isinstance(answer, (Reply, Declined)):
            raise ServerFault(calls.side, f"Salesforce did not say whether the row was deleted: {answer.why}")
        had.append(row["AssigneeId"])
    return had
