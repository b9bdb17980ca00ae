"""Labels of deals and contacts that HubSpot lacks for roles of Salesforce: what would be made is seen, chosen and then made.
Deals whose roles waited for one are looked at again."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from interlock.app import issues
from interlock.app.errors import BadInput
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import AssociationLabel
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.role_labels import JUNCTION, MOST_LABELS, NAME, OWN, ROLE_WITHOUT_LABEL, names_of
from interlock.store import Store, directory
from interlock.store.connections import Connection


class Roles(msgspec.Struct, frozen=True):
    """Role -> the label that is called the same, and those without one, in Salesforce's order. `used`: labels that the account made
    for deals and contacts, whatever they are for."""

    labelled: dict[str, str]
    missing: list[str]
    used: int

    @property
    def most(self) -> int:
        return MOST_LABELS

    @property
    def room(self) -> int:
        return max(0, MOST_LABELS - self.used)

    def document(self, made: Sequence[str] = ()) -> dict[str, Any]:
        return {
            "labelled": self.labelled,
            "missing": self.missing,
            "used": self.used,
            "most": MOST_LABELS,
            "made": list(made),
        }


async def compare(hubspot: HubSpotClient, salesforce: SalesforceClient) -> Roles:
    """One call to each. Raises CrmError."""
    fields = await salesforce.describe(JUNCTION, purpose="setup")
    labels = await hubspot.association_labels("deals", "contacts", purpose="setup")
    role = next((each for each in fields if each.name == "Role"), None)
    values = [value for value, _ in role.picklist_values] if role is not None else []
    there = {each.label.casefold(): each.label for each in labels if each.label}
    return Roles(
        {value: there[value.casefold()] for value in values if value.casefold() in there},
        [value for value in values if value.casefold() not in there],
        sum(each.type[0] == OWN for each in labels),
    )


async def make(
    store: Store,
    connection: Connection,
    roles: Collection[str],
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    now_us: int,
    by: By = BY_COMMAND,
) -> Roles:
    """What there is then. Raises BadInput, CrmError: what was made before it is there, and logged."""
    found = await compare(hubspot, salesforce)
    check(found, roles)
    return await _make(store, connection, found, roles, hubspot, salesforce, now_us, by)


async def make_those_left(
    store: Store,
    connection: Connection,
    roles: Collection[str],
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    now_us: int,
    by: By = BY_COMMAND,
) -> None:
    """As `make`, and can be run again: what is there by now, or is no role any more, is not made. Raises BadInput, CrmError."""
    found = await compare(hubspot, salesforce)
    left = [each for each in found.missing if each in roles]
    if left:
        check(found, left)
        await _make(store, connection, found, left, hubspot, salesforce, now_us, by)


async def names_to_be(roles: Collection[str], hubspot: HubSpotClient, salesforce: SalesforceClient) -> dict[str, Any]:
    """What a sync will know of roles and labels once these are made, as the directory keeps it. No record can have one of their ids
    yet. Raises CrmError."""
    fields = await salesforce.describe(JUNCTION, purpose="setup")
    there = await hubspot.association_labels("deals", "contacts", purpose="setup")
    named = {each.label.casefold() for each in there if each.label}
    made = [
        AssociationLabel((OWN, -number), role) for number, role in enumerate(roles, 1) if role.casefold() not in named
    ]
    return {"names": msgspec.to_builtins(names_of(fields, [*there, *made]))}


def check(found: Roles, roles: Collection[str]) -> None:
    """Whether labels can be made for these. Raises BadInput."""
    chosen = [each for each in found.missing if each in roles]
    if not chosen or len(chosen) < len(set(roles)):
        raise BadInput(
            "No label is to be made for these: HubSpot has it, or Salesforce has no such role.",
            code="nothing_to_make",
            field="roles",
            fix="Load the page again: it offers what is missing.",
        )
    if len(chosen) > found.room:
        raise BadInput(
            f"HubSpot allows {MOST_LABELS} labels for deals and contacts, and there are {found.used}:"
            f" {len(chosen)} more do not fit.",
            code="no_room_for_labels",
            field="roles",
            fix="Choose fewer, or delete labels in HubSpot that are not needed.",
        )


async def _make(
    store: Store,
    connection: Connection,
    found: Roles,
    roles: Collection[str],
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    now_us: int,
    by: By,
) -> Roles:
    assert connection.id is not None
    names = _names([*found.labelled, *found.missing])
    made: list[str] = []
    try:
        for role in [each for each in found.missing if each in roles]:
            await hubspot.create_label("deals", "contacts", names[role], role)
            made.append(role)
    finally:
        if made:
            async with store.write(connection.id) as tx:
                await directory.drop(tx, NAME)
                await record(tx, by, "labels_made", f"connection:{connection.id}", labels=made)
    await issues.resync_all(store, connection.id, issues.Query(code=ROLE_WITHOUT_LABEL), now_us, by)
    return await compare(hubspot, salesforce)


def _names(roles: Sequence[str]) -> dict[str, str]:
    """What HubSpot calls the label inside: no hyphens, no digit first (associations API), and no two the same."""
    names: dict[str, str] = {}
    for role in roles:
        plain = "role_" + (re.sub(r"[^a-z0-9]+", "_", role.lower()).strip("_") or "other")
        name, number = plain, 2
        while name in names.values():
            name, number = f"{plain}_{number}", number + 1
        names[role] = name
    return names
