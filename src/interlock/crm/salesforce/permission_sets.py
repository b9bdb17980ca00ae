"""Who has a permission set: rows of PermissionSetAssignment. What a set grants is deployed as metadata (deploy.py).

Both can be run again after any failure. Set-up calls: they raise CrmError, they give no outcomes.
"""

from __future__ import annotations

from interlock.crm.calls import Calls, Declined, Reply
from interlock.crm.errors import ServerFault
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.queries import query_all_rows
from interlock.crm.salesforce.requests import NO_AUTO_ASSIGN, encode, parse_failures, sobject_path

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
