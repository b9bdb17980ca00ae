"""Who may see and edit which field: field-level security, as permission sets and profiles grant it.

A custom field made through an API is invisible to everybody until a FieldPermissions row of a permission set that the
user
has (or that belongs to the user's profile) grants it; invisible means INVALID_FIELD, as if the field did not exist.
Standard
fields are open unless `set_field_permission` closed them for a user. Views are cached until the schema or a grant
changes.
"""

from __future__ import annotations

from typing import NamedTuple

from crm_emulator.salesforce.schema import Field, SObject
from crm_emulator.salesforce.store import Table


class ObjectRights(NamedTuple):
    """What a user may do with an object at all (profile or permission set, object permissions)."""

    read: bool = True
    create: bool = True
    edit: bool = True


_ALL_RIGHTS = ObjectRights()
_READ_WITH_ACCOUNT = ("Contact", "Opportunity")


class View:
    """One object as one user sees it: the readable fields, and which of them the user may write."""

    __slots__ = ("by_lower", "createable", "fields", "updateable")

    def __init__(self, sobject: SObject, readable: list[Field], editable: frozenset[str], rights: ObjectRights) -> None:
        self.fields = {field.name: field for field in readable}
        self.by_lower = {field.name.lower(): field for field in readable}
        written = [field for field in readable if field.name in editable]
        self.createable = {field.name: field for field in written if field.createable and rights.create}
        self.updateable = {field.name: field for field in written if field.updateable and rights.edit}

    def field(self, name: str) -> Field | None:
        return self.fields.get(name) or self.by_lower.get(name.lower())

    def relationship(self, sobject: SObject, name: str) -> Field | None:
        field = sobject.by_relationship.get(name.lower())
        return field if field is not None and field.name in self.fields else None


class Access:
    def __init__(self, tables: dict[str, Table]) -> None:
        self._tables = tables
        self._objects: dict[tuple[str, str], ObjectRights] = {}
        self._overrides: dict[tuple[str, str, str], tuple[bool, bool]] = {}
        self._views: dict[tuple[str, str], View] = {}
        self._permissions: dict[str, frozenset[str]] = {}

    def changed(self) -> None:
        """Forget what was worked out: the schema or a grant has changed."""
        self._views.clear()
        self._permissions.clear()

    def override(self, user_id: str, sobject: str, field: str, *, read: bool, edit: bool) -> None:
        self._overrides[user_id, sobject, field] = (read, edit and read)
        self.changed()

    def override_object(self, user_id: str, sobject: str, rights: ObjectRights) -> None:
        """Create and Edit depend on Read; Read on Contact and on Opportunity depends on Read on Account."""
        if not rights.read:
            rights = ObjectRights(False, False, False)
            for other in _READ_WITH_ACCOUNT if sobject == "Account" else ():
                self._objects[user_id, other] = rights
        self._objects[user_id, sobject] = rights
        self.changed()

    def rights(self, user_id: str, sobject: str) -> ObjectRights:
        return self._objects.get((user_id, sobject), _ALL_RIGHTS)

    def view(self, user_id: str, sobject: SObject) -> View:
        key = (user_id, sobject.name)
        found = self._views.get(key)
        if found is None:
            found = self._views[key] = self._work_out(user_id, sobject)
        return found

    def permits(self, user_id: str, permission: str) -> bool:
        """Whether the user's profile, or a permission set assigned to the user, has a permission ("ApiEnabled")."""
        held = self._permissions.get(user_id)
        if held is None:
            held = self._permissions[user_id] = self._held_by(user_id)
        return permission in held

    def _held_by(self, user_id: str) -> frozenset[str]:
        sets = self._permission_sets_of(user_id)
        # The set that Salesforce keeps behind a profile shows what the profile, which is asked below, gives.
        rows = [
            row
            for row in self._tables["PermissionSet"].rows.values()
            if row.id in sets and not row.deleted and not row.values.get("IsOwnedByProfile")
        ]
        user = self._tables["User"].rows.get(user_id)
        profile = self._tables["Profile"].rows.get(str(user.values.get("ProfileId"))) if user is not None else None
        if profile is not None:
            rows.append(profile)
        return frozenset(
            name.removeprefix("Permissions")
            for row in rows
            for name, value in row.values.items()
            if name.startswith("Permissions") and value is True
        )

    def _work_out(self, user_id: str, sobject: SObject) -> View:
        grants = self._grants(user_id, sobject.name)
        if sobject.name == "Account":
            # Level__pc of a person account is Level__c of its contact, and seen by who sees that.
            of_contact = self._grants(user_id, "Contact")
            grants.update({name.removesuffix("__c") + "__pc": granted for name, granted in of_contact.items()})
        readable: list[Field] = []
        editable: set[str] = set()
        for field in sobject.fields.values():
            read, edit = self._rights(user_id, sobject.name, field, grants)
            if read:
                readable.append(field)
            if edit:
                editable.add(field.name)
        return View(sobject, readable, frozenset(editable), self.rights(user_id, sobject.name))

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
