"""Who may own a record, and to whom assignment rules give it.

Users own anything while they are active; queues own records of the objects that they are set up for (QueueSobject), and
public groups nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_emulator.salesforce.errors import RecordError
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.rules import Rules
from crm_emulator.salesforce.schema import SObject
from crm_emulator.salesforce.store import Record, Value

ASSIGNABLE = frozenset({"Lead", "Case", "Account"})


def check(org: Org, sobject: SObject, owner: Record) -> None:
    if owner.table.sobject.name == "User" and not owner.values.get("IsActive"):
        # As quoted by users of several tools: "... as owner of contact", "... of lead".
        message = f"operation performed with inactive user [{owner.id}] as owner of {sobject.label.lower()}"
        raise RecordError("INACTIVE_OWNER_OR_USER", message, ["OwnerId"])
    if owner.table.sobject.name == "Group" and not _is_queue_of(org, owner, sobject):
        # As quoted in public clients' code: INVALID_OPERATION: Queue not associated with this SObject type.
        raise RecordError("INVALID_OPERATION", "Queue not associated with this SObject type", ["OwnerId"])


def _is_queue_of(org: Org, group: Record, sobject: SObject) -> bool:
    served = org.tables["QueueSobject"].indexes["QueueId"].find(group.id)
    return group.values.get("Type") == "Queue" and any(row.values.get("SobjectType") == sobject.name for row in served)


def assign(
    rules: Rules, sobject: str, chosen: str | None, values: Mapping[str, Any], changes: dict[str, Value | None]
) -> None:
    """Run the active rule, or the one that the call chose ("can be active or inactive": AssignmentRuleHeader). Where no
    entry matches, or no rule is active, the default owner takes the record if the settings name one (Lead Settings,
    Default Lead Owner; Salesforce help 000395506)."""
    entries = rules.assignments.get(sobject, [])
    for entry in entries:
        wanted = entry.rule_id == chosen if chosen is not None else entry.active
        if wanted and entry.applies(values):
            changes["OwnerId"] = entry.owner_id
            return
    if entries and sobject in rules.default_owners:
        changes["OwnerId"] = rules.default_owners[sobject]
