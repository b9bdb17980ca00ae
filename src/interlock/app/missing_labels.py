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
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.role_labels import JUNCTION, MOST_LABELS, NAME, OWN, ROLE_WITHOUT_LABEL
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
    assert connection.id is not None
    found = await compare(hubspot, salesforce)
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
    names = _names([*found.labelled, *found.missing])
    made: list[str] = []
    try:
        for role in chosen:
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
