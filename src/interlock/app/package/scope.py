"""Who of an org's people gets to see Interlock's fields: all, administrators, or the users of some profiles.

They get the set *Interlock User*, which shows the HubSpot id and lets nobody write anything: the set of the sync user, which may
write keys and every mapped field, goes to the sync user alone (docs/adr/0019). Users who join the org later get the set from
an administrator, or when this is run again. Nothing is taken from anybody.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from interlock.app.errors import BadInput
from interlock.crm.salesforce import soql
from interlock.crm.salesforce.client import SalesforceClient

Who = Literal["all", "admins", "profiles"]


class Scope(msgspec.Struct, frozen=True):
    """`profiles`: ids, for `who` "profiles"."""

    who: Who = "all"
    profiles: tuple[str, ...] = ()


class Profile(msgspec.Struct, frozen=True):
    """One that somebody has. `users`: active ones, partners and guests not counted."""

    id: str
    name: str
    users: int
    admin: bool


class Given(msgspec.Struct, frozen=True):
    """`refused`: by user, in Salesforce's words (a licence that may not have the set)."""

    users: int
    refused: dict[str, str] = {}


_USERS = "SELECT Id, Name, ProfileId FROM User WHERE IsActive = true AND UserType = 'Standard' ORDER BY Id"


async def profiles(salesforce: SalesforceClient) -> list[Profile]:
    """By name. Two API calls. Raises CrmError."""
    rows = await salesforce.query_all_rows(
        "SELECT Id, Name, PermissionsModifyAllData FROM Profile ORDER BY Name", purpose="setup"
    )
    counts: dict[str, int] = {}
    for user in await salesforce.query_all_rows(_USERS, purpose="setup"):
        counts[soql.record_id(user["ProfileId"])] = counts.get(soql.record_id(user["ProfileId"]), 0) + 1
    found = [
        Profile(id_, str(row["Name"]), counts[id_], bool(row["PermissionsModifyAllData"]))
        for row in rows
        if (id_ := soql.record_id(row["Id"])) in counts
    ]
    return sorted(found, key=lambda each: each.name.casefold())


def check(scope: Scope, there: list[Profile]) -> None:
    """Raises BadInput for a choice that names no profile, or one that the org does not have."""
    known = {each.id for each in there}
    if scope.who == "profiles" and not scope.profiles:
        raise BadInput(
            "No profile is chosen.", code="no_profile", field="profiles", fix="Tick a profile, or choose another scope."
        )
    if any(each not in known for each in scope.profiles):
        raise BadInput(
            "A profile that was chosen is not in this org any more.",
            code="unknown_profile",
            field="profiles",
            fix="Look at the list again.",
        )


async def give(salesforce: SalesforceClient, user_set_id: str, scope: Scope) -> Given:
    """Raises CrmError. Whoever has the set already keeps it, and is counted."""
    admins = {each.id for each in await profiles(salesforce) if each.admin} if scope.who == "admins" else set()
    chosen = admins if scope.who == "admins" else {soql.record_id(each) for each in scope.profiles}
    rows = await salesforce.query_all_rows(_USERS, purpose="setup")
    names = {
        soql.record_id(row["Id"]): str(row["Name"])
        for row in rows
        if scope.who == "all" or soql.record_id(row["ProfileId"]) in chosen
    }
    refused = await salesforce.assign_permission_set_to(user_set_id, list(names))
    return Given(len(names) - len(refused), {names[id_]: why for id_, why in refused.items()})
