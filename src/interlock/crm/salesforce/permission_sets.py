"""Who has a permission set, and fields added to what it grants: rows of PermissionSetAssignment and FieldPermissions. A set
itself is deployed as metadata (deploy.py).

All can be run again after any failure. Set-up calls: they raise CrmError, they give no outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.core.model import Outcome, Refused, Written
from interlock.crm.calls import Calls, Declined, Reply
from interlock.crm.errors import CallRefused, ServerFault
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.model import SalesforceInsert, SalesforceWrite
from interlock.crm.salesforce.queries import query_all_rows
from interlock.crm.salesforce.requests import NO_AUTO_ASSIGN, encode, parse_failures, sobject_path
from interlock.crm.salesforce.writes import delete, insert, update_with_before

_ASSIGNMENT = "PermissionSetAssignment"
_FIELDS = "FieldPermissions"
# A set is assigned to a user once, and has one row a field.
_EXISTS = "DUPLICATE_VALUE"
# Looks at the set until it grants what it should: somebody else may add the same field in between.
_ROUNDS = 3


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


async def grant_fields(calls: Calls, set_id: str, grants: Mapping[str, bool], purpose: str) -> dict[str, Refused]:
    """`Object.Field` -> whether it may be edited. Nothing that the set grants is taken back. Gives what was refused."""
    set_id = soql.record_id(set_id)
    refused: dict[str, Refused] = {}
    for _ in range(_ROUNDS):
        text = f"SELECT Id, Field, PermissionsEdit FROM {_FIELDS} WHERE ParentId = '{set_id}'"
        rows = {row["Field"]: row for row in await query_all_rows(calls, text, False, purpose)}
        wanted = {field: editable for field, editable in grants.items() if field not in refused}
        new = [field for field in wanted if field not in rows]
        wider = [field for field in wanted if wanted[field] and field in rows and not rows[field]["PermissionsEdit"]]
        if not new and not wider:
            return refused
        outcomes = await insert(calls, _FIELDS, [_new_row(set_id, field, wanted[field]) for field in new], purpose)
        ids = {field: soql.record_id(rows[field]["Id"]) for field in wider}
        changes = [SalesforceWrite(id_, {"PermissionsEdit": True}) for id_ in ids.values()]
        if changes:
            changed = await update_with_before(calls, _FIELDS, changes, [], purpose)
            outcomes |= {field: changed[id_] for field, id_ in ids.items()}
        refused |= _refusals(calls, outcomes)
    raise ServerFault(calls.side, "Salesforce took the fields into the permission set, and does not show them there.")


def _new_row(set_id: str, field: str, editable: bool) -> SalesforceInsert:
    values = {"ParentId": set_id, "SobjectType": field.partition(".")[0], "Field": field}
    return SalesforceInsert(field, {**values, "PermissionsRead": True, "PermissionsEdit": editable})


def _refusals(calls: Calls, outcomes: Mapping[str, Outcome]) -> dict[str, Refused]:
    found: dict[str, Refused] = {}
    for field, outcome in outcomes.items():
        if isinstance(outcome, Refused):
            if outcome.code != _EXISTS:  # somebody else added it meanwhile: looked at once more
                found[field] = outcome
        elif not isinstance(outcome, Written):
            raise ServerFault(calls.side, f"Salesforce did not say whether {field} was granted: {outcome.why}")
    return found


async def holders(calls: Calls, set_id: str, purpose: str) -> dict[str, str]:
    """Id of the assignment -> the user's."""
    text = f"SELECT Id, AssigneeId FROM {_ASSIGNMENT} WHERE PermissionSetId = '{soql.record_id(set_id)}'"
    rows = await query_all_rows(calls, text, False, purpose)
    return {soql.record_id(row["Id"]): soql.record_id(row["AssigneeId"]) for row in rows}


async def unassign(calls: Calls, assignments: Sequence[str], purpose: str) -> None:
    """Many at once: everybody of the org may have the set."""
    for outcome in (await delete(calls, _ASSIGNMENT, assignments, purpose)).values():
        if isinstance(outcome, Refused):
            if not outcome.gone:  # somebody else took it meanwhile
                raise CallRefused(
                    calls.side, f"Salesforce did not take the permission set from a user: {outcome.message}"
                )
        elif not isinstance(outcome, Written):
            raise ServerFault(calls.side, f"Salesforce did not say whether the row was deleted: {outcome.why}")
