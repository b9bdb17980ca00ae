"""What an administrator sets up in the org: custom fields, rules, automation, permissions, locks. A part of the
emulator's
handle, kept apart because the API cannot do it (or does it elsewhere)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crm_emulator.salesforce.access import ObjectRights
from crm_emulator.salesforce.custom_fields import field_from_metadata, picklist_metadata
from crm_emulator.salesforce.customization import Customization
from crm_emulator.salesforce.ids import to_18
from crm_emulator.salesforce.metadata.deployments import Deployments, PlannedFailure
from crm_emulator.salesforce.people import UserHandle
from crm_emulator.salesforce.removal import Remover
from crm_emulator.salesforce.rules import AssignmentRule, Automation, DuplicateRule, ValidationRule
from crm_emulator.salesforce.store import Value

Values = Mapping[str, Any]


class Administration(Customization):
    remover: Remover

    @property
    @abstractmethod
    def deployments(self) -> Deployments: ...

    @abstractmethod
    def user(self, name: str | None = None) -> UserHandle: ...

    def add_custom_field(
        self,
        sobject: str,
        name: str,
        type: str = "Text",
        *,
        label: str | None = None,
        length: int = 255,
        unique: bool = False,
        external_id: bool = False,
        case_sensitive: bool = False,
        required: bool = False,
        precision: int = 18,
        scale: int = 0,
        picklist: Sequence[str] = (),
        restricted: bool = True,
        reference_to: str | None = None,
        visible: bool = True,
    ) -> str:
        """A custom field, by default visible to everybody; `type` is a Metadata API type. Returns its id."""
        metadata: dict[str, Any] = {
            "type": type,
            "label": label or name.removesuffix("__c").replace("_", " "),
            "length": length,
            "unique": unique,
            "externalId": external_id,
            "caseSensitive": case_sensitive,
            "required": required,
            "precision": precision,
            "scale": scale,
            "valueSet": picklist_metadata(tuple(picklist), restricted),
            "referenceTo": reference_to,
            "relationshipName": name.removesuffix("__c") + "s",
        }
        field = field_from_metadata(name, metadata, open_to_all=visible)
        return self.org.add_field(self.org.objects[sobject], field)

    def map_lead_field(self, field: str, sobject: str, target: str) -> None:
        """ "Map Lead Fields": a custom field of leads goes to `target` of the Account, Contact or Opportunity on conversion."""
        self.org.rules.lead_fields.setdefault(sobject, {})[field] = target

    def add_queue(self, name: str, *sobjects: str) -> str:
        """A queue that can own records of `sobjects` (leads and cases where none is named). Returns its id."""
        developer_name = name.replace(" ", "_")
        queue = self.org.insert_setup("Group", {"Name": name, "DeveloperName": developer_name, "Type": "Queue"})
        for sobject in sobjects or ("Lead", "Case"):
            self.org.insert_setup("QueueSobject", {"QueueId": queue.id, "SobjectType": sobject})
        return queue.id

    def add_validation_rule(
        self, sobject: str, broken: Callable[[Values], bool], message: str, *, field: str | None = None, name: str = ""
    ) -> ValidationRule:
        """Refuse saves where `broken` holds for the values as they would be."""
        rule = ValidationRule(sobject, name or message, broken, message, field)
        self.org.rules.validations.setdefault(sobject, []).append(rule)
        return rule

    def add_duplicate_rule(
        self,
        sobject: str,
        *fields: str,
        block: bool = False,
        on_update: bool = False,
        name: str | None = None,
        message: str | None = None,
    ) -> DuplicateRule:
        """Warn of (or, with `block`, refuse) a record that equals another one in all of `fields`."""
        rule = DuplicateRule(sobject, name or f"Standard_{sobject}_Duplicate_Rule", fields, block, on_update)
        if message is not None:
            rule.message = message
        self.org.rules.duplicates.setdefault(sobject, []).append(rule)
        return rule

    def add_assignment_rule(
        self,
        sobject: str,
        owner: str,
        applies: Callable[[Values], bool] = lambda values: True,
        *,
        name: str = "Standard",
        active: bool = True,
    ) -> AssignmentRule:
        """An entry of the assignment rule `name`: gives leads, cases or accounts to `owner` (a user's name, e-mail or id, or
        a queue's id) where `applies` holds. Entries are tried in the order in which they were added."""
        rules = self.org.rules.assignments.setdefault(sobject, [])
        rule_id = next((entry.rule_id for entry in rules if self._rule_name(entry.rule_id) == name), None)
        if rule_id is None:
            values: dict[str, Value] = {"Name": name, "SobjectType": sobject, "Active": active}
            rule_id = self.org.insert_setup("AssignmentRule", values, user_id=self.user().id).id
        entry = AssignmentRule(sobject, self._owner_id(owner), applies, rule_id, active)
        rules.append(entry)
        return entry

    def set_default_owner(self, sobject: str, owner: str) -> None:
        """Who gets a lead or case that no entry of the assignment rules matches (Lead Settings, Support Settings)."""
        self.org.rules.default_owners[sobject] = self._owner_id(owner)

    def _owner_id(self, owner: str) -> str:
        queue = self.org.tables["Group"].rows.get(to_18(owner) or "")
        return queue.id if queue is not None else self.user(owner).id

    def _rule_name(self, rule_id: str) -> object:
        return self.org.tables["AssignmentRule"].rows[rule_id].values["Name"]

    def add_automation(
        self,
        sobject: str,
        field: str,
        rewrite: Callable[[Values], Value | None],
        *,
        on: tuple[str, ...] = ("create", "update"),
    ) -> Automation:
        """Rewrite a field inside every save, as a before-save flow does."""
        rule = Automation(sobject, field, rewrite, on)
        self.org.rules.automations.setdefault(sobject, []).append(rule)
        return rule

    def set_field_permission(self, user: str, sobject: str, field: str, *, read: bool, edit: bool) -> None:
        """Field-level security of one user (by name, e-mail or id) for one field, standard ones too."""
        self.org.access.override(self.user(user).id, sobject, field, read=read, edit=edit)

    def set_object_permission(
        self, user: str, sobject: str, *, read: bool = True, create: bool = True, edit: bool = True
    ) -> None:
        """What one user (by name, e-mail or id) may do with an object, as object permissions of a profile say it."""
        self.org.access.override_object(self.user(user).id, sobject, ObjectRights(read, create, edit))

    def fail_deployment(self, type: str, full_name: str, problem: str, *, times: int | None = None) -> None:
        """A component of deployments that is going to fail with `problem`: in every one, or in the next `times`."""
        self.deployments.failures.append(PlannedFailure(type, full_name, problem, times))

    def break_deployment(self, message: str) -> None:
        """The next deployment is going to fail as a whole, with UNKNOWN_EXCEPTION and no component to blame."""
        self.deployments.broken.append(message)

    def lock_row(self, id: str, *, times: int | None = None) -> None:
        """Another transaction holds a row: writes to it, and to rows attached to it as a parent, are refused, `times`
        often or until `unlock_row`."""
        self.org.rules.locks[to_18(id) or id] = times

    def unlock_row(self, id: str) -> None:
        self.org.rules.locks.pop(to_18(id) or id, None)

    def empty_recycle_bin(self) -> None:
        self.remover.empty_bin()
