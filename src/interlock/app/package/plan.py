"""What of the package an org holds: nothing, some, an older version, all of it. Asks the org, changes nothing.

Fields are looked up through the Tooling API: a describe hides what no permission set grants yet.

    state     components            version in the org
    none      nothing is there      none
    older     any                   below ours
    newer     any                   above ours: another, newer Interlock put it there
    partly    one is missing or is of another address, or is there without a version
    current   all are there, and granted    ours
"""

from __future__ import annotations

from typing import Literal

import msgspec

from interlock.app.package import parts
from interlock.app.package.parts import Address, Grant
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.client import SalesforceClient

State = Literal["none", "partly", "older", "newer", "current"]


class Component(msgspec.Struct, frozen=True):
    """`state`: there, missing, or different (it is of another address, or grants less than it has to)."""

    type: str
    name: str
    state: Literal["there", "missing", "different"]


class Plan(msgspec.Struct, frozen=True):
    """What is there, what an install would do. `further`: what the permission set grants besides the key fields."""

    state: State
    version: int
    version_there: int | None
    components: list[Component]
    address: Address
    further: tuple[Grant, ...]
    sites: tuple[str, ...]  # metadata types of our sites in the org, whatever address they are of
    permission_set_id: str | None
    assigned: bool  # the permission set, to the sync user
    user_set_id: str | None = None

    @property
    def complete(self) -> bool:
        return self.state == "current" and self.assigned

    def missing_fields(self) -> list[str]:
        """`Object.Field`."""
        return [each.name for each in self.components if each.type == "CustomField" and each.state == "missing"]

    def there(self) -> list[tuple[str, str]]:
        """(type, full name) of all that is ours in the org, sites that another address left there too."""
        listed = [(each.type, each.name) for each in self.components if each.state != "missing"]
        return list(dict.fromkeys([*listed, *((kind, parts.SITE) for kind in self.sites)]))


async def look(salesforce: SalesforceClient, user_id: str, address: Address) -> Plan:
    """Raises CrmError."""
    fields = await _fields(salesforce)
    sites = await _sites(salesforce)
    held = await _permission_set(salesforce, user_id)
    set_id, there, grants = held.id, held.version, held.grants
    listed = []
    for kind, name in parts.components(address):
        state: Literal["there", "missing", "different"]
        if kind == "CustomField":
            state = "there" if name in fields else "missing"
        elif name == parts.USER_SET:
            seen = parts.user_fields() <= held.people_see
            state = "missing" if held.user_set_id is None else "there" if seen else "different"
        elif kind == "PermissionSet":
            all_granted = all(grants.get(field) for field in parts.key_fields())
            state = "missing" if set_id is None else "there" if all_granted else "different"
        else:
            url = sites.get(kind)
            state = "missing" if url is None else "there" if url == address.origin else "different"
        listed.append(Component(kind, name, state))
    own = set(parts.key_fields())
    return Plan(
        _state(listed, there),
        parts.version(),
        there,
        listed,
        address,
        tuple(sorted((field, editable) for field, editable in grants.items() if field not in own)),
        tuple(sites),
        set_id,
        held.assigned,
        held.user_set_id,
    )


def _state(listed: list[Component], there: int | None) -> State:
    if all(each.state == "missing" for each in listed):
        return "none"
    if there is not None and there != parts.version():
        return "older" if there < parts.version() else "newer"
    return "current" if there is not None and all(each.state == "there" for each in listed) else "partly"


async def _fields(salesforce: SalesforceClient) -> set[str]:
    names = sorted({name.partition(".")[2].removesuffix("__c") for name in parts.key_fields()})
    wanted = ", ".join(soql.quote(name) for name in names)
    rows = await salesforce.tooling_rows(
        f"SELECT DeveloperName, TableEnumOrId, NamespacePrefix FROM CustomField WHERE DeveloperName IN ({wanted})"
    )
    return {f"{row['TableEnumOrId']}.{row['DeveloperName']}__c" for row in rows if not row["NamespacePrefix"]}


async def _sites(salesforce: SalesforceClient) -> dict[str, str]:
    """Metadata type -> the address that our site of that type trusts."""
    found: dict[str, str] = {}
    for kind, table, name in (
        (parts.REMOTE_SITE, "RemoteProxy", "SiteName"),
        (parts.TRUSTED_SITE, "CspTrustedSite", "DeveloperName"),
    ):
        rows = await salesforce.tooling_rows(f"SELECT EndpointUrl FROM {table} WHERE {name} = {soql.quote(parts.SITE)}")
        for row in rows:
            found[kind] = str(row["EndpointUrl"]).rstrip("/")
    return found


class _PermissionSet(msgspec.Struct):
    id: str | None
    version: int | None
    grants: dict[str, bool]  # `Object.Field` -> whether it may be edited
    assigned: bool
    user_set_id: str | None
    people_see: frozenset[str]


async def _permission_set(salesforce: SalesforceClient, user_id: str) -> _PermissionSet:
    """Three queries, one API call."""
    name, user = soql.quote(parts.PERMISSION_SET), soql.record_id(user_id)
    both = f"{name}, {soql.quote(parts.USER_SET)}"
    found, granted, assigned = await salesforce.query_many(
        [
            f"SELECT Id, Name, Description FROM PermissionSet WHERE Name IN ({both})",
            f"SELECT ParentId, Field, PermissionsEdit FROM FieldPermissions WHERE Parent.Name IN ({both})",
            f"SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Name = {name} AND AssigneeId = '{user}'",
        ],
        purpose="setup",
    )
    rows = granted.records
    while granted.next_url is not None:
        [granted] = await salesforce.query_more([granted.next_url], purpose="setup")
        rows.extend(granted.records)
    sets = {row["Name"]: row for row in found.records}
    ids = {each: soql.record_id(row["Id"]) for each, row in sets.items()}
    own, users = ids.get(parts.PERMISSION_SET), ids.get(parts.USER_SET)
    by_set: dict[str, dict[str, bool]] = {}
    for row in rows:
        by_set.setdefault(soql.record_id(row["ParentId"]), {})[row["Field"]] = bool(row["PermissionsEdit"])
    return _PermissionSet(
        own,
        parts.version_in(sets[parts.PERMISSION_SET]["Description"]) if own is not None else None,
        by_set.get(own, {}) if own is not None else {},
        bool(assigned.records),
        users,
        frozenset(by_set.get(users, {})) if users is not None else frozenset(),
    )
