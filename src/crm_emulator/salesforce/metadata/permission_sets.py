"""PermissionSet: what a permission set grants, replaced by what its file says.

Fields, objects and user permissions become rows of FieldPermissions and ObjectPermissions and columns of PermissionSet,
as they are in a real org's data model. What the file does not name is taken back, as it is since API version 40.0.
"""

from __future__ import annotations

import re
from typing import Any

from crm_emulator.salesforce.metadata.draft import Change, Draft, Hands
from crm_emulator.salesforce.metadata.plan import Component
from crm_emulator.salesforce.metadata.problems import (
    Problem,
    bad_developer_name,
    missing,
    no_component,
    too_long,
)
from crm_emulator.salesforce.metadata.xml import Node, Spec, read
from crm_emulator.salesforce.org import Org
from crm_emulator.salesforce.store import Record, Value

_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*\Z")
_LONGEST_NAME = _LONGEST_LABEL = 80
_LONGEST_DESCRIPTION = 255
# Elements that name components which this org does not have -> the element with the name, and the component's type.
_REFERENCES = {
    "applicationVisibilities": ("application", "CustomApplication"),
    "classAccesses": ("apexClass", "ApexClass"),
    "customMetadataTypeAccesses": ("name", "CustomObject"),
    "customPermissions": ("name", "CustomPermission"),
    "customSettingAccesses": ("name", "CustomObject"),
    "externalDataSourceAccesses": ("externalDataSource", "ExternalDataSource"),
    "flowAccesses": ("flow", "FlowDefinition"),
    "pageAccesses": ("apexPage", "ApexPage"),
    "recordTypeVisibilities": ("recordType", "RecordType"),
    "tabSettings": ("tab", "CustomTab"),
}
_SPEC: Spec = {
    "label": str,
    "description": str,
    "license": str,
    "hasActivationRequired": bool,
    "fieldPermissions": None,
    "objectPermissions": None,
    "userPermissions": None,
    **dict.fromkeys(_REFERENCES),
}
_FIELD_SPEC: Spec = {"editable": bool, "field": str, "readable": bool}
# Element -> the column of ObjectPermissions, and what it depends on.
_OBJECT_RIGHTS = {
    "allowCreate": ("PermissionsCreate", "Create", ("allowRead",)),
    "allowRead": ("PermissionsRead", "Read", ()),
    "allowEdit": ("PermissionsEdit", "Edit", ("allowRead",)),
    "allowDelete": ("PermissionsDelete", "Delete", ("allowRead", "allowEdit")),
    "viewAllRecords": ("PermissionsViewAllRecords", "View All", ("allowRead",)),
    "modifyAllRecords": (
        "PermissionsModifyAllRecords",
        "Modify All",
        ("allowRead", "allowEdit", "allowDelete", "viewAllRecords"),
    ),
}
_OBJECT_SPEC: Spec = {"object": str, "viewAllFields": bool, **dict.fromkeys(_OBJECT_RIGHTS, bool)}
# Who may read these reads their accounts.
_NEEDS_ACCOUNT = frozenset({"Contact", "Opportunity"})
# Real user permissions that nothing in this org depends on: taken, and without effect.
_WITHOUT_EFFECT_NAMES = (
    "ActivateContract AssignPermissionSets BulkApiHardDelete ChatterInternalUser CreateAuditFields EditEvent EditTask "
    "EditReadonlyFields EmailMass EmailSingle ExportReport ImportLeads LightningExperienceUser ManageRemoteAccess "
    "ManageUsers PasswordNeverExpires RunReports TransferAnyEntity TransferAnyLead UpdateWithInactiveOwner "
    "ViewAllUsers ViewHelpLink ViewRoles"
)
_WITHOUT_EFFECT = frozenset(_WITHOUT_EFFECT_NAMES.split())


def check_permission_set(draft: Draft, step: Component) -> Change:
    draft.need("ManageProfilesPermissionsets")
    if not _NAME.match(step.full_name):
        raise bad_developer_name("Permission Set Name")
    if len(step.full_name) > _LONGEST_NAME:
        raise too_long("Permission Set Name", step.full_name, _LONGEST_NAME)
    draft.first_time("PermissionSet", step.full_name)
    assert step.node is not None
    values = read(step.node, "PermissionSet", _SPEC, ("label",))
    for element, most in (("label", _LONGEST_LABEL), ("description", _LONGEST_DESCRIPTION)):
        if len(values.get(element) or "") > most:
            raise too_long(element.capitalize(), values[element], most)
    _check_references(values)
    fields = _field_rights(draft, values.get("fieldPermissions", ()))
    objects = _object_rights(draft, values.get("objectPermissions", ()))
    columns = _columns(draft, step.full_name, values)
    there = draft.permission_set(step.full_name)
    changed = there is None or _differs(draft, there, columns, fields, objects)

    def carry_out(hands: Hands) -> str | None:
        return _put(hands, there, columns, fields, objects)

    return Change(carry_out, created=there is None, changed=changed)


def _check_references(values: dict[str, Any]) -> None:
    for element, (name, kind) in _REFERENCES.items():
        for node in values.get(element, ()):
            referred = node.first(name)
            if not referred:
                raise missing(name)
            raise no_component(name, kind, referred)


def _field_rights(draft: Draft, nodes: list[Node] | tuple[()]) -> dict[str, dict[str, Value]]:
    """By `Object.Field`: the columns of its FieldPermissions row. A field without any right has no row."""
    rights: dict[str, dict[str, Value]] = {}
    for node in nodes:
        held = read(node, "PermissionSetFieldPermissions", _FIELD_SPEC, ("editable", "field"))
        full_name = held["field"]
        owner, _, name = full_name.partition(".")
        sobject = draft.org.objects.get(owner)
        field = draft.field_of(sobject, name) if sobject is not None else None
        if sobject is None or field is None:
            raise no_component("field", "CustomField", full_name)
        if not field.grantable:
            # A field that always has a value is open to everybody who may use the object. The first sentence is seen, of
            # Name, OwnerId and CreatedById too; that parts of names and addresses are simply not found is supposed.
            if not field.nillable:
                raise Problem(f"You cannot deploy to a required field: {full_name}")
            raise no_component("field", "CustomField", full_name)
        readable = held.get("readable", False)
        if held["editable"] and not readable:
            raise Problem(f"Permission Edit {full_name} depends on permission(s): Read {full_name}")
        if readable:
            rights[f"{sobject.name}.{field.name}"] = {"PermissionsRead": True, "PermissionsEdit": held["editable"]}
    return rights


def _object_rights(draft: Draft, nodes: list[Node] | tuple[()]) -> dict[str, dict[str, Value]]:
    given: dict[str, dict[str, Any]] = {}
    for node in nodes:
        held = read(node, "PermissionSetObjectPermissions", _OBJECT_SPEC, ("object", *list(_OBJECT_RIGHTS)))
        if held["object"] not in draft.org.objects:
            raise no_component("object", "CustomObject", held["object"])
        given[held["object"]] = held
    for name, held in given.items():
        for element, (_, label, needed) in _OBJECT_RIGHTS.items():
            lacking = [_OBJECT_RIGHTS[need][1] for need in needed if not held[need]]
            if held[element] and lacking:
                # Seen: "Permission Create X depends on permission(s): Read X".
                missing_rights = ", ".join(f"{right} {name}" for right in lacking)
                raise Problem(f"Permission {label} {name} depends on permission(s): {missing_rights}")
        if name in _NEEDS_ACCOUNT and held["allowRead"] and not given.get("Account", {}).get("allowRead"):
            raise Problem(f"Permission Read {name} depends on permission(s): Read Account")
    return {
        name: {column: held[element] for element, (column, _, _) in _OBJECT_RIGHTS.items()}
        for name, held in given.items()
        if held["allowRead"]
    }


def _columns(draft: Draft, name: str, values: dict[str, Any]) -> dict[str, Value | None]:
    """The set's own columns: every user permission that the org knows is there, granted or not."""
    known = [field for field in draft.org.objects["PermissionSet"].fields if field.startswith("Permissions")]
    columns: dict[str, Value | None] = {
        "Name": name,
        "Label": values["label"],
        "Description": values.get("description") or None,
        **dict.fromkeys(known, False),
    }
    for node in values.get("userPermissions", ()):
        held = read(node, "PermissionSetUserPermission", {"enabled": bool, "name": str}, ("enabled", "name"))
        column = f"Permissions{held['name']}"
        if column in columns:
            columns[column] = held["enabled"]
        elif held["name"] not in _WITHOUT_EFFECT:
            raise Problem(f"Unknown user permission: {held['name']}")  # seen
    return columns


def _rows_of(org: Org, table: str, set_id: str, key: str) -> dict[str, Record]:
    return {
        str(row.values.get(key)): row
        for row in org.tables[table].rows.values()
        if not row.deleted and row.values.get("ParentId") == set_id
    }


def _differs(
    draft: Draft,
    there: Record,
    columns: dict[str, Value | None],
    fields: dict[str, dict[str, Value]],
    objects: dict[str, dict[str, Value]],
) -> bool:
    if any((there.values.get(name) or None) != (value or None) for name, value in columns.items()):
        return True
    for table, key, wanted in (("FieldPermissions", "Field", fields), ("ObjectPermissions", "SobjectType", objects)):
        held = _rows_of(draft.org, table, there.id, key)
        if held.keys() != wanted.keys():
            return True
        for name, row in held.items():
            if any(bool(row.values.get(column)) != bool(value) for column, value in wanted[name].items()):
                return True
    return False


def _put(
    hands: Hands,
    there: Record | None,
    columns: dict[str, Value | None],
    fields: dict[str, dict[str, Value]],
    objects: dict[str, dict[str, Value]],
) -> str:
    saver, tx, tables = hands.saver, hands.tx, hands.org.tables
    if there is None:
        record = saver.create(tx, tables["PermissionSet"], dict(columns))
    else:
        record = there
        saver.update(tx, record, dict(columns))
    for table, key, wanted in (("FieldPermissions", "Field", fields), ("ObjectPermissions", "SobjectType", objects)):
        held = _rows_of(hands.org, table, record.id, key)
        for name, row in held.items():
            if name not in wanted:
                hands.remover.delete(tx, row)
        for name, rights in wanted.items():
            row_there = held.get(name)
            if row_there is not None:
                saver.update(tx, row_there, dict(rights))
                continue
            new: dict[str, Value | None] = {"ParentId": record.id, "SobjectType": name.partition(".")[0], **rights}
            saver.create(tx, tables[table], {**new, key: name})
    return record.id


def check_deletion(draft: Draft, step: Component) -> Change:
    """A set that somebody has stays (Salesforce help, article 000386289; the sentence is supposed)."""
    draft.need("ManageProfilesPermissionsets")
    draft.first_time("destructive PermissionSet", step.full_name)
    there = draft.permission_set(step.full_name)
    if there is None:
        raise Problem(f"No PermissionSet named: {step.full_name} found", warning=True)
    rows = draft.org.tables["PermissionSetAssignment"].rows.values()
    if any(not row.deleted and row.values.get("PermissionSetId") == there.id for row in rows):
        raise Problem(
            "You can't delete this permission set because it's assigned to users: remove its assignments first"
        )
    draft.gone.add(("PermissionSet", step.full_name.lower()))

    def carry_out(hands: Hands) -> str | None:
        for table, key in (("FieldPermissions", "Field"), ("ObjectPermissions", "SobjectType")):
            for row in _rows_of(hands.org, table, there.id, key).values():
                hands.remover.delete(hands.tx, row)
        hands.remover.delete(hands.tx, there)
        return there.id

    return Change(carry_out, changed=True, deleted=True)
