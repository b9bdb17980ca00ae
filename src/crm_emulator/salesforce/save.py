"""The save pipeline: from the JSON of one record to a checked, stamped, journalled row.

Two steps, as in a real org. `read` turns JSON into values before anything is saved, so that JSON nobody can read
refuses
the whole call. `create` and `update` then run the order of execution: defaults, assignment rules, automation, required
fields, references, unique fields, validation rules, duplicate rules, row locks, write.
"""

from __future__ import annotations

from typing import Any

from crm_emulator.salesforce import choices, owners, specifics
from crm_emulator.salesforce.convert import convert
from crm_emulator.salesforce.errors import RecordError, RequestError, no_such_column
from crm_emulator.salesforce.features import currencies, persons, places
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.schema import Field, SObject
from crm_emulator.salesforce.store import Record, Table, Value
from crm_emulator.salesforce.transaction import Caller, Transaction

Changes = dict[str, Value | None]
# Object -> the permission that its rows are written with.
_OF_ADMINISTRATORS = {
    "CurrencyType": "CustomizeApplication",
    "FieldPermissions": "ManageProfilesPermissionsets",
    "ObjectPermissions": "ManageProfilesPermissionsets",
    "PermissionSet": "ManageProfilesPermissionsets",
}


class Saver:
    def __init__(self, org: Org) -> None:
        self.org = org

    # Reading a body

    def read(self, caller: Caller, table: Table, raw: dict[str, Any], *, create: bool) -> Changes:
        view = self.org.access.view(caller.user_id, table.sobject)
        allowed = view.createable if create else view.updateable
        pool = self.org.pool
        changes: Changes = {}
        closed: list[str] = []
        for key, given in raw.items():
            field = allowed.get(key)
            if field is None:
                if key == "attributes":
                    continue
                field, given = self._resolve(caller, table, key, given, allowed, closed)
                if field is None:
                    continue
            value = convert(field, given)
            if value is not None and field.pooled:
                value = pool.setdefault(value, value)
            changes[field.name] = value
        if closed:
            raise RecordError(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {', '.join(closed)}. Please check the security settings "
                "of this field and verify that it is read/write for your profile or permission set.",
                closed,
            )
        return changes

    def _resolve(
        self, caller: Caller, table: Table, key: str, given: Any, allowed: dict[str, Field], closed: list[str]
    ) -> tuple[Field | None, Any]:
        """A key that is not the exact name of a writable field: another case, a parent by external id, or an error."""
        sobject = table.sobject
        view = self.org.access.view(caller.user_id, sobject)
        field = view.field(key)
        if field is None and isinstance(given, (dict, type(None))):
            field = view.relationship(sobject, key)
            if field is not None:
                given = self._parent_by_external_id(field, given)
        if field is None:
            raise no_such_column(key, sobject.name)
        if field.name not in allowed:
            closed.append(field.name)
            return None, None
        return field, given

    def _parent_by_external_id(self, field: Field, given: dict[str, Any] | None) -> str | None:
        if given is None:
            return None
        names = [name for name in given if name != "attributes"]
        targets = [self.org.tables[name] for name in field.reference_to if name in self.org.tables]
        if len(names) != 1 or not targets:
            raise RequestError("INVALID_FIELD", f"Invalid foreign key relationship for field {field.name}")
        key, value = names[0], given[names[0]]
        for table in targets:
            parent_field = table.sobject.field(key)
            if parent_field is None or not (parent_field.external_id or parent_field.id_lookup):
                continue
            found = table.index(parent_field).find(value)
            if len(found) == 1:
                return found[0].id
            if len(found) > 1:
                raise RecordError("DUPLICATE_EXTERNAL_ID", f"{key}: more than one record found for external id", [key])
            raise RecordError(
                "INVALID_FIELD",
                f"Foreign key external ID: {value} not found for field {parent_field.name} "
                f"in entity {table.sobject.name}",
                [],
            )
        raise no_such_column(key, targets[0].sobject.name)

    # Writing

    def create(self, tx: Transaction, table: Table, changes: Changes, *, paired: bool = False) -> Record:
        """`paired`: as the other half of a person account that is being saved."""
        org, sobject = self.org, table.sobject
        self._check_administrator(tx, sobject.name)
        if not sobject.flags["createable"]:
            raise RequestError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {sobject.name} cannot be created")
        values: Changes = {
            field.name: field.default for field in sobject.fields.values() if field.default and field.createable
        }
        values.update(changes)
        if "OwnerId" in sobject.fields and values.get("OwnerId") is None:
            values["OwnerId"] = tx.caller.user_id
        if sobject.record_types:
            choices.settle_record_type(sobject, tx.caller.user_id, values, create=True)
        persons_too = org.features.person_accounts and not paired
        if persons_too:
            persons.prepare(org, sobject, values, changes)
        if "CurrencyIsoCode" in sobject.fields:
            currencies.settle(org, tx.caller.user_id, values, create=True)
        contact = values.pop("ContactId", None) if sobject.name == "Opportunity" else None
        if contact is not None:
            self._check_reference(sobject, sobject.fields["ContactId"], str(contact), None)
        self._compute(tx, table, None, values, ruled=not paired)
        self._check(tx, table, None, values, ruled=not paired)
        record = Record(table, org.ids.make(sobject.key_prefix), tx.caller.user_id, tx.stamp_s)
        record.values = {name: value for name, value in values.items() if value is not None and value is not False}
        table.insert(record)
        tx.created(table, record)
        tx.journal(record, "create", list(record.values), None, list(record.values.values()))
        specifics.after_save(org, tx, record, values)
        if persons_too and values.get("IsPersonAccount"):
            persons.make_contact(self, tx, record)
        if contact is not None:
            roles = org.tables["OpportunityContactRole"]
            self.create(tx, roles, {"OpportunityId": record.id, "ContactId": contact, "IsPrimary": True})
        return record

    def update(self, tx: Transaction, record: Record, changes: Changes) -> None:
        table = record.table
        self._check_administrator(tx, table.sobject.name)
        if not table.sobject.flags["updateable"]:
            raise RequestError(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {table.sobject.name} cannot be updated"
            )
        if record.deleted_s is not None:
            raise RecordError("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
        if record.values.get("IsConverted"):
            raise RecordError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
        if "RecordTypeId" in changes:
            choices.settle_record_type(table.sobject, tx.caller.user_id, changes, create=False)
        if self.org.features.person_accounts:
            persons.check_update(self.org, record, changes)
            account = persons.account_of(self.org, record)
            if account is not None:
                self.apply(tx, record, changes, paired=True)
                self.update(tx, account, persons.of_contact(self.org, changes))
                return
        if "CurrencyIsoCode" in changes:
            currencies.settle(self.org, tx.caller.user_id, changes, create=False)
        self._compute(tx, table, record, changes)
        if table.sobject.name == "Lead" and record.values.get("OwnerId") == tx.caller.user_id:
            changes.setdefault("IsUnreadByOwner", False)  # recorded: an edit by its owner makes a lead read
        self._check(tx, table, record, changes)
        self.apply(tx, record, changes)

    def _check_administrator(self, tx: Transaction, sobject: str) -> None:
        """What permission sets grant is changed by who may manage them (Salesforce help, permission sets; the code and the
        sentence are those of other rows that a user may not write, and supposed here)."""
        needed = _OF_ADMINISTRATORS.get(sobject)
        if needed is not None and not self.org.access.permits(tx.caller.user_id, needed):
            raise RecordError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])

    def apply(
        self, tx: Transaction, record: Record, changes: Changes, action: str = "update", *, paired: bool = False
    ) -> None:
        """Write checked values. The stamps move even where no value changes, as a real update does."""
        tx.before_write(record)
        table, values = record.table, record.values
        names: list[str | None] = []
        old: list[Value | None] = []
        new: list[Value | None] = []
        for name, value in changes.items():
            before = values.get(name)
            if before is None and (isinstance(value, bool) or table.sobject.fields[name].type == "boolean"):
                before = False
            if before == value:
                continue
            table.set_value(record, name, value)
            names.append(name)
            old.append(before)
            new.append(value)
        tx.touch(record)
        if names:
            tx.journal(record, action, names, old, new)
        specifics.after_save(self.org, tx, record, {str(name): value for name, value in zip(names, new, strict=True)})
        if self.org.features.person_accounts and not paired:
            persons.mirror(self, tx, record, changes)

    def _compute(
        self, tx: Transaction, table: Table, record: Record | None, changes: Changes, *, ruled: bool = True
    ) -> None:
        """What the org itself sets: values that follow from others, assignment rules, automation. `ruled`: the object's rules
        and automation count for this save."""
        name = table.sobject.name
        rules = self.org.rules
        old = None if record is None else record.values
        specifics.before_save(self.org, name, old, changes)
        if tx.caller.assign and name in owners.ASSIGNABLE:
            owners.assign(rules, name, tx.caller.assignment_rule, _merged(old, changes), changes)
        if self.org.features.states_and_countries:
            places.settle(table.sobject, old, changes)
        event = "create" if record is None else "update"
        for automation in rules.automations.get(name, ()) if ruled else ():
            if event in automation.on:
                changes[automation.field_name] = automation.rewrite(_merged(old, changes))
                specifics.before_save(self.org, name, old or {}, changes)

    def _check(
        self, tx: Transaction, table: Table, record: Record | None, changes: Changes, *, ruled: bool = True
    ) -> None:
        sobject, rules = table.sobject, self.org.rules
        self._check_required(table, record, changes)
        fields = sobject.fields
        if sobject.limits_choices:
            old = None if record is None else record.values
            choices.check_record_type(sobject, tx.caller.user_id, old, changes)
            choices.check_choices(sobject, old, changes)
        for name, value in changes.items():
            if value is None:
                continue
            field = fields[name]
            if field.type == "reference":
                self._check_reference(sobject, field, str(value), record)
            elif field.unique:
                self._check_unique(table, field, value, record)
        validations = rules.validations.get(sobject.name)
        duplicates = rules.duplicates.get(sobject.name)
        if ruled and (validations or duplicates):
            merged = _merged(None if record is None else record.values, changes)
            for validation in validations or ():
                validation.check(merged)
            for duplicate in duplicates or ():
                self._check_duplicates(tx, table, record, merged, duplicate)
        if rules.locks:
            self._check_locks(record, changes)

    def _check_required(self, table: Table, record: Record | None, changes: Changes) -> None:
        fields = table.sobject.fields
        if record is None:
            missing = [field.name for field in fields.values() if field.required and changes.get(field.name) is None]
        else:
            missing = [name for name, value in changes.items() if value is None and not fields[name].nillable]
        if missing:
            raise RecordError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)

    def _check_reference(self, sobject: SObject, field: Field, target_id: str, record: Record | None) -> None:
        if record is not None and record.values.get(field.name) == target_id:
            return
        target = self.org.table_of_id(target_id)
        if field.reference_to and (target is None or target.sobject.name not in field.reference_to):
            raise RecordError(
                "FIELD_INTEGRITY_EXCEPTION", f"{field.label}: id value of incorrect type: {target_id}", [field.name]
            )
        row = target.rows.get(target_id) if target is not None else None
        if row is None:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        if row.deleted_s is not None:
            raise RecordError(
                "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                f"insufficient access rights on cross-reference id: {target_id[:15]}",
                [],
            )
        if field.name == "OwnerId":
            owners.check(self.org, sobject, row)

    def _check_unique(self, table: Table, field: Field, value: Value, record: Record | None) -> None:
        for other in table.index(field).find(value):
            if other is not record:
                # Real messages show the 15-character id.
                raise RecordError(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {field.name} duplicates value on record with id: {other.id[:15]}",
                    [],
                )

    def _check_duplicates(self, tx: Transaction, table: Table, record: Record | None, merged: Any, rule: Any) -> None:
        if not rule.active or (record is not None and not rule.on_update):
            return
        if tx.caller.allow_duplicates and not rule.block:
            return
        found = rule.matches(table, merged, None if record is None else record.id)
        if found:
            raise rule.error(found, tx.caller.base)

    def _check_locks(self, record: Record | None, changes: Changes) -> None:
        """A write locks its row, and the parents that it is attached to."""
        if record is not None:
            self.org.rules.check_lock(record.id)
        for name in ("AccountId", "OpportunityId"):
            parent = changes.get(name) or (record.values.get(name) if record is not None else None)
            if parent is not None:
                self.org.rules.check_lock(str(parent))


def _merged(old: dict[str, Value] | None, changes: Changes) -> dict[str, Any]:
    return {**old, **changes} if old else dict(changes)
