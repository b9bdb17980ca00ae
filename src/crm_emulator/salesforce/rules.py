"""What an administrator sets up in an org that gets in the way of a save: validation rules, duplicate rules, assignment
rules, automation that rewrites fields, and locks that other users' transactions hold on rows.

Each rule is a small object that the save pipeline asks; none of them writes a row itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_emulator.salesforce.errors import RecordError
from crm_emulator.salesforce.store import Record, Table, Value

Values = Mapping[str, Any]


@dataclass(slots=True)
class ValidationRule:
    """Refuses a save where `broken` holds for the values as they would be. `field_name` is where the page shows it."""

    sobject: str
    name: str
    broken: Callable[[Values], bool]
    message: str
    field_name: str | None = None
    active: bool = True

    def check(self, values: Values) -> None:
        if self.active and self.broken(values):
            where = [self.field_name] if self.field_name else []
            raise RecordError("FIELD_CUSTOM_VALIDATION_EXCEPTION", self.message, where)


@dataclass(slots=True)
class DuplicateRule:
    """Finds rows with the same values in all of `match_fields`. `block` cannot be overridden by the caller's header."""

    sobject: str
    name: str
    match_fields: tuple[str, ...]
    block: bool = False
    on_update: bool = False
    message: str = "You're creating a duplicate record. We recommend you use an existing record instead."
    active: bool = True

    def matches(self, table: Table, values: Values, own_id: str | None) -> list[Record]:
        first, *others = self.match_fields
        if any(values.get(name) is None for name in self.match_fields):
            return []
        index = table.index(table.sobject.fields[first])
        return [
            row
            for row in index.find(values[first])
            if row.id != own_id and all(_same(row.values.get(name), values[name]) for name in others)
        ]

    def error(self, found: list[Record], base: str) -> RecordError:
        """The body is the one quoted in several clients' code; its inner record holds only the id."""
        records = [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {
                    "attributes": {"type": self.sobject, "url": f"{base}/sobjects/{self.sobject}/{row.id}"},
                    "Id": row.id,
                },
            }
            for row in found
        ]
        result = {
            "allowSave": not self.block,
            "duplicateRule": self.name,
            "duplicateRuleEntityType": self.sobject,
            "errorMessage": self.message,
            "matchResults": [
                {
                    "entityType": self.sobject,
                    "errors": [],
                    "matchEngine": "ExactMatchEngine",
                    "matchRecords": records,
                    "rule": f"{self.name}_Match",
                    "size": len(records),
                    "success": True,
                }
            ],
        }
        return RecordError("DUPLICATES_DETECTED", self.message, None, extra={"duplicateResult": result})


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    return bool(left == right)


@dataclass(slots=True)
class AssignmentRule:
    """An entry of a rule: gives a lead, case or account to `owner_id` (a user or a queue) where `applies` holds, on create
    and on update, unless the caller switched assignment rules off. `rule_id` is its AssignmentRule row."""

    sobject: str
    owner_id: str
    applies: Callable[[Values], bool]
    rule_id: str = ""
    active: bool = True


@dataclass(slots=True)
class Automation:
    """Rewrites one field inside every save, as a before-save flow does. `rewrite` gets the values as they would be."""

    sobject: str
    field_name: str
    rewrite: Callable[[Values], Value | None]
    on: tuple[str, ...] = ("create", "update")


@dataclass(slots=True)
class Rules:
    validations: dict[str, list[ValidationRule]] = field(default_factory=dict)
    duplicates: dict[str, list[DuplicateRule]] = field(default_factory=dict)
    assignments: dict[str, list[AssignmentRule]] = field(default_factory=dict)
    default_owners: dict[str, str] = field(default_factory=dict)  # who gets what no entry matches, per object
    automations: dict[str, list[Automation]] = field(default_factory=dict)
    # Row id -> how many more refusals; None: until it is unlocked.
    locks: dict[str, int | None] = field(default_factory=dict)
    # "Map Lead Fields": object -> {custom field of the lead: field of that object}.
    lead_fields: dict[str, dict[str, str]] = field(default_factory=dict)

    def users_of(self, sobject: str, field_name: str) -> list[str]:
        """What works with a field, as "Kind - Name": it cannot be deleted before these."""
        found = [
            f"Validation Rule - {rule.name}"
            for rule in self.validations.get(sobject, ())
            if rule.field_name == field_name
        ]
        found += [
            f"Duplicate Rule - {rule.name}"
            for rule in self.duplicates.get(sobject, ())
            if field_name in rule.match_fields
        ]
        found += [
            f"Flow - {sobject}_{field_name}"
            for automation in self.automations.get(sobject, ())
            if automation.field_name == field_name
        ]
        return found

    def check_lock(self, row_id: str) -> None:
        if row_id not in self.locks:
            return
        left = self.locks[row_id]
        if left is not None:
            if left <= 1:
                del self.locks[row_id]
            else:
                self.locks[row_id] = left - 1
        raise locked(row_id)


def locked(row_id: str) -> RecordError:
    return RecordError(
        "UNABLE_TO_LOCK_ROW", f"unable to obtain exclusive access to this record or 1 records: {row_id}", []
    )
