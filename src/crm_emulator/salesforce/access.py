"""Who may see and edit which field: field-level security, as permission sets and profiles grant it.

A custom field made through an API is invisible to everybody until a FieldPermissions row of a permission set that the
user
has (or that belongs to the user's profile) grants it; invisible means INVALID_FIELD, as if the field did not exist.
Standard
fields are open unless `set_field_permission` closed them for a user. Views are cached until the schema or a grant
changes.
"""

from __future__ import annotations

from crm_emulator.salesforce.schema import Field, SObject
from crm_emulator.salesforce.store import Table


class View:
    """One object as one user sees it: the readable fields, and which of them the user may write."""

    __slots__ = ("by_lower", "createable", "fields", "updateable")

    def __init__(self, sobject: SObject, readable: list[Field], editable: frozenset[str]) -> None:
        self.fields = {field.name: field for field in readable}
        self.by_lower = {field.name.lower(): field for field in readable}
        self.createable = {field.name: field for field in readable if field.createable and field.name in editable}
        self.updateable = {field.name: field for field in readable if field.updateable and field.name in editable}

    def field(self, name: str) -> Field | None:
        return self.fields.get(name) or self.by_lower.get(name.lower())

    def relationship(self, sobject: SObject, name: str) -> Field | None:
        field = sobject.by_relationship.get(name.lower())
        return field if field is not None and field.name in self.fields else None


class Access:
    def __init__(self, tables: dict[str, Table]) -> None:
        self._tables = tables
        self._overrides: dict[tuple[str, str, str], tuple[bool, bool]] = {}
        self._views: dict[tuple[str, str], View] = {}
        self._system_rights: dict[tuple[str, str], bool] = {}

    def changed(self) -> None:
        """Forget what was worked out: the schema or a grant has changed."""
        self._views.clear()
        self._system_rights.clear()

    def override(self, user_id: str, sobject: str, field: str, *, read: bool, edit: bool) -> None:
        self._overrides[user_id, sobject, field] = (read, edit and read)
        self.changed()

    def view(self, user_id: str, sobject: SObject) -> View:
        key = (user_id, sobject.name)
        found = self._views.get(key)
        if found is None:
            found = self._views[key] = self._work_out(user_id, sobject)
        return found

    def has_right(self, user_id: str, right: str) -> bool:
        """A system permission (`PermissionsApiEnabled`), by profile or by permission set."""
        found = self._system_rights.get((user_id, right))
        if found is None:
            rows = self._tables["PermissionSet"].rows
            sets = self._permission_sets_of(user_id)
            found = any(bool(rows[each].values.get(right)) for each in sets if each in rows)
            self._system_rights[user_id, right] = found
        return found

    def _work_out(self, user_id: str, sobject: SObject) -> View:
        grants = self._grants(user_id, sobject.name)
        readable: list[Field] = []
        editable: set[str] = set()
        for field in sobject.fields.values():
            read, edit = self._rights(user_id, sobject.name, field, grants)
            if read:
                readable.append(field)
            if edit:
                editable.add(field.name)
        return View(sobject, readable, frozenset(editable))

    def _rights(
        self, user_id: str, sobject: str, field: Field, grants: dict[str, tuple[bool, bool]]
    ) -> tuple[bool, bool]:
        override = self._overrides.get((user_id, sobject, field.name))
        if override is not None:
            return override
        if not field.custom or field.open_to_all or not field.permissionable:
            return True, True
        return grants.get(field.name, (False, False))

    def _grants(self, user_id: str, sobject: str) -> dict[str, tuple[bool, bool]]:
        sets = self._permission_sets_of(user_id)
        grants: dict[str, tuple[bool, bool]] = {}
        for row in self._tables["FieldPermissions"].rows.values():
            values = row.values
            if row.deleted or values.get("ParentId") not in sets or values.get("SobjectType") != sobject:
                continue
            # `Field` is written `Account.HubSpot_Id__c`.
            name = str(values.get("Field", "")).partition(".")[2]
            read, edit = grants.get(name, (False, False))
            edit = edit or bool(values.get("PermissionsEdit"))
            grants[name] = (read or edit or bool(values.get("PermissionsRead")), edit)
        return grants

    def _permission_sets_of(self, user_id: str) -> frozenset[str]:
        assigned = {
            str(row.values.get("PermissionSetId"))
            for row in self._tables["PermissionSetAssignment"].rows.values()
            if not row.deleted and row.values.get("AssigneeId") == user_id
        }
        user = self._tables["User"].rows.get(user_id)
        profile = user.values.get("ProfileId") if user is not None else None
        if profile is not None:
            assigned.update(
                row.id
                for row in self._tables["PermissionSet"].rows.values()
                if row.values.get("IsOwnedByProfile") and row.values.get("ProfileId") == profile
            )
        return frozenset(assigned)
