"""What our permission sets grant in an org besides what their files name. Reads only.

A permission set that is deployed grants what its file names and nothing else (Metadata API developer guide, PermissionSet,
since API version 40.0). An administrator who lets the sync user at objects does it in *Interlock Integration*: whatever is
deployed over it has to name that again. What a set grants of apps, tabs, record types and Apex classes is not read.
"""

from __future__ import annotations

from interlock.app.package import parts
from interlock.app.package.parts import OBJECT_RIGHTS, Rights
from interlock.app.package.plan import Plan
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.client import SalesforceClient

_COLUMN = "Permissions"  # that a column of these tables is a right


async def held(salesforce: SalesforceClient, found: Plan) -> dict[str, Rights]:
    """By the set's name. Empty, without a call, where the org has neither set. Raises CrmError."""
    sets = {parts.PERMISSION_SET: found.permission_set_id, parts.USER_SET: found.user_set_id}
    names = {soql.record_id(id_): name for name, id_ in sets.items() if id_ is not None}
    if not names:
        return {}
    among = ", ".join(f"'{id_}'" for id_ in names)
    fields: dict[str, list[tuple[str, bool]]] = {id_: [] for id_ in names}
    text = f"SELECT ParentId, Field, PermissionsEdit FROM FieldPermissions WHERE ParentId IN ({among})"
    for row in await salesforce.query_all_rows(text, purpose="setup"):
        fields[soql.record_id(row["ParentId"])].append((row["Field"], bool(row["PermissionsEdit"])))
    objects = await _objects(salesforce, names, among)
    user = await _user_permissions(salesforce, names)
    return {name: Rights(tuple(sorted(fields[id_])), objects[id_], user[id_]) for id_, name in names.items()}


async def _objects(
    salesforce: SalesforceClient, names: dict[str, str], among: str
) -> dict[str, tuple[tuple[str, frozenset[str]], ...]]:
    """Object -> what may be done with it. Which rights there are depends on the release."""
    known = {field.name for field in await salesforce.describe("ObjectPermissions")}
    columns = {column: element for element, column in OBJECT_RIGHTS.items() if column in known}
    text = f"SELECT ParentId, SobjectType, {', '.join(columns)} FROM ObjectPermissions WHERE ParentId IN ({among})"
    found: dict[str, list[tuple[str, frozenset[str]]]] = {id_: [] for id_ in names}
    for row in await salesforce.query_all_rows(text, purpose="setup"):
        allowed = frozenset(element for column, element in columns.items() if row[column])
        found[soql.record_id(row["ParentId"])].append((row["SobjectType"], allowed))
    return {id_: tuple(sorted(rows, key=lambda each: each[0])) for id_, rows in found.items()}


async def _user_permissions(salesforce: SalesforceClient, names: dict[str, str]) -> dict[str, tuple[str, ...]]:
    described = await salesforce.describe("PermissionSet")
    columns = [each.name for each in described if each.name.startswith(_COLUMN) and each.type == "boolean"]
    # Some hundreds of columns: more than a query has room for.
    rows = await salesforce.retrieve("PermissionSet", list(names), columns, purpose="setup")
    return {
        id_: tuple(sorted(name.removeprefix(_COLUMN) for name in columns if id_ in rows and rows[id_].values.get(name)))
        for id_ in names
    }
