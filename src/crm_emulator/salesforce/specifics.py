"""What single standard objects do by themselves when a row is saved: defaults that follow from other fields, and the
side
effects on other rows (one primary contact role, a role for an opportunity's contact).

Called by the save pipeline before the checks (`before_save`) and after the row is in place (`after_save`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm_emulator.salesforce import times
from crm_emulator.salesforce.errors import RecordError
from crm_emulator.salesforce.features import currencies
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.store import Record, Value
from crm_emulator.salesforce.transaction import Transaction

Changes = dict[str, Value | None]


def before_save(org: Org, sobject: str, old: Mapping[str, Value] | None, changes: Changes) -> None:
    """Add to `changes` what follows from them. `old` is None on create."""
    handler = _BEFORE.get(sobject)
    if handler is not None:
        handler(org, old, changes)


def after_save(org: Org, tx: Transaction, record: Record, changed: Mapping[str, Any]) -> None:
    handler = _AFTER.get(record.table.sobject.name)
    if handler is not None:
        handler(org, tx, record, changed)


def _opportunity(org: Org, old: Mapping[str, Value] | None, changes: Changes) -> None:
    stage_name = changes.get("StageName")
    if stage_name is None or (old is not None and old.get("StageName") == stage_name):
        return
    stage = org.stage(stage_name)
    if stage is None:
        return
    # A new stage brings its probability and forecast category, unless the same save names others.
    if changes.get("Probability") is None:
        changes["Probability"] = stage.values.get("DefaultProbability", 0.0)
    if changes.get("ForecastCategoryName") is None:
        changes["ForecastCategoryName"] = stage.values.get("ForecastCategoryName")


def _event(org: Org, old: Mapping[str, Value] | None, changes: Changes) -> None:
    if old is None:
        _check_event(changes)
    start = changes.get("StartDateTime") or changes.get("ActivityDateTime")
    end = changes.get("EndDateTime")
    minutes = changes.get("DurationInMinutes")
    if start is None:
        return
    changes["StartDateTime"] = changes["ActivityDateTime"] = start
    changes.setdefault("ActivityDate", str(start)[:10])
    start_s = times.parse_seconds(str(start)) or 0
    if minutes is None and end is not None:
        changes["DurationInMinutes"] = ((times.parse_seconds(str(end)) or start_s) - start_s) // 60
    elif minutes is not None:
        changes["EndDateTime"] = times.render_seconds(start_s + int(minutes) * 60)


def _check_event(changes: Changes) -> None:
    """An event needs a start and a length, or a day if it takes the whole day (object reference, Event)."""
    if changes.get("IsAllDayEvent"):
        if not any(changes.get(name) for name in ("ActivityDate", "StartDateTime", "ActivityDateTime")):
            raise _missing(["ActivityDate"])
        return
    missing = []
    if not (changes.get("DurationInMinutes") or changes.get("EndDateTime")):
        missing.append("DurationInMinutes")
    if not (changes.get("StartDateTime") or changes.get("ActivityDateTime")):
        missing.append("ActivityDateTime")
    if missing:
        raise _missing(missing)


def _missing(names: list[str]) -> RecordError:
    return RecordError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", names)


def _task(org: Org, old: Mapping[str, Value] | None, changes: Changes) -> None:
    if "Status" not in changes:
        return
    was_closed = old is not None and old.get("Status") == "Completed"
    is_closed = changes["Status"] == "Completed"
    if is_closed != was_closed:
        changes["CompletedDateTime"] = times.render_seconds(org.now_s()) if is_closed else None


def _case(org: Org, old: Mapping[str, Value] | None, changes: Changes) -> None:
    if old is None:
        changes["CaseNumber"] = f"{len(org.tables['Case'].rows) + 1_000:08d}"
    if changes.get("Status") == "Closed" and (old is None or old.get("Status") != "Closed"):
        changes["ClosedDate"] = times.render_seconds(org.now_s())


def _lead(org: Org, old: Mapping[str, Value] | None, changes: Changes) -> None:
    if old is None and changes.get("IsUnreadByOwner") is None:
        changes["IsUnreadByOwner"] = True  # recorded: a lead made by API is unread


def _field_permissions(org: Org, old: Mapping[str, Value] | None, changes: Changes) -> None:
    if old is not None:
        return
    shown = str(changes.get("Field", ""))
    sobject = org.sobject(shown.partition(".")[0])
    field = sobject.field(shown.partition(".")[2]) if sobject is not None else None
    if field is None or not field.grantable:
        raise RecordError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"Field Name: bad value for restricted picklist field: {shown}",
            ["Field"],
        )
    key = (changes.get("ParentId"), shown)
    for row in org.tables["FieldPermissions"].rows.values():
        if not row.deleted and (row.values.get("ParentId"), row.values.get("Field")) == key:
            raise RecordError(
                "DUPLICATE_VALUE",
                "duplicate value found: <unknown> duplicates value on record with id: <unknown>",
                [],
            )
    if changes.get("PermissionsEdit") and not changes.get("PermissionsRead"):
        raise RecordError("FIELD_INTEGRITY_EXCEPTION", "Edit permission needs Read permission", ["PermissionsEdit"])


def _permission_set_assignment(org: Org, old: Mapping[str, Value] | None, changes: Changes) -> None:
    """A user has a set once (the first words are quoted by users of several tools)."""
    key = (changes.get("AssigneeId"), changes.get("PermissionSetId"))
    for row in org.tables["PermissionSetAssignment"].rows.values():
        if not row.deleted and (row.values.get("AssigneeId"), row.values.get("PermissionSetId")) == key:
            assignee, permission_set = (str(part)[:15] for part in key)
            raise RecordError(
                "DUPLICATE_VALUE",
                f"Duplicate PermissionSetAssignment. Assignee: {assignee}; Permission Set: {permission_set}",
                [],
            )


def _one_primary_role(org: Org, tx: Transaction, record: Record, changed: Mapping[str, Any]) -> None:
    if not record.values.get("IsPrimary") or not changed.get("IsPrimary"):
        return
    opportunity = record.values.get("OpportunityId")
    for other in record.table.indexes["OpportunityId"].find(opportunity):
        if other is not record and other.values.get("IsPrimary"):
            tx.before_write(other)
            record.table.set_value(other, "IsPrimary", False)
            tx.touch(other)
            tx.journal(other, "update", ["IsPrimary"], [True], [False])


def _access_changed(org: Org, tx: Transaction, record: Record, changed: Mapping[str, Any]) -> None:
    org.access.changed()


def _currency_changed(org: Org, tx: Transaction, record: Record, changed: Mapping[str, Any]) -> None:
    currencies.refresh(org)


_BEFORE: dict[str, Callable[[Org, Mapping[str, Value] | None, Changes], None]] = {
    "Opportunity": _opportunity,
    "Event": _event,
    "Task": _task,
    "Case": _case,
    "Lead": _lead,
    "FieldPermissions": _field_permissions,
    "PermissionSetAssignment": _permission_set_assignment,
}
_AFTER: dict[str, Callable[[Org, Transaction, Record, Mapping[str, Any]], None]] = {
    "CurrencyType": _currency_changed,
    "OpportunityContactRole": _one_primary_role,
    "FieldPermissions": _access_changed,
    "PermissionSet": _access_changed,
    "PermissionSetAssignment": _access_changed,
    "Profile": _access_changed,
    "User": _access_changed,
}
