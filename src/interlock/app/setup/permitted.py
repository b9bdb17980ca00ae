"""Which objects the two sign-ins may read and write at all. Where one may not, a set-up leaves the object off and says why.

Salesforce tells it in the list of objects that the sync user sees: an object without Read is not in it, Create and Edit are its
flags (createable, updateable). HubSpot tells it as scopes: of a sign-in in the browser they came with it, of a private app they
can be asked for; of what tells neither, a read of the properties shows what is missing. Contacts are what all else hangs on: a
lack there is never passed over, it stops the step with the CRM's own words.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import msgspec

from interlock.app import sign_in
from interlock.core.model import Side
from interlock.crm.errors import MissingScope
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import SObjectName
from interlock.objects.registry import SPECS

# In Salesforce: what the sync user may not do with the object.
Lack = Literal["see", "create", "edit", "scopes"]


class Barrier(msgspec.Struct, frozen=True):
    """`names`: the Salesforce object, or the HubSpot scopes that are lacking."""

    side: Side
    lack: Lack
    names: tuple[str, ...]


Barred = dict[str, list[Barrier]]  # by object; one that is not in it may sync


async def look(hubspot: HubSpotClient, salesforce: SalesforceClient, scopes: Collection[str] | None) -> Barred:
    """`scopes`: of HubSpot's sign-in, None where it came without. Two or three calls. Raises CrmError."""
    optional = [slug for slug in SPECS if slug not in sign_in.ALWAYS_ON]
    seen = {each.name: each for each in await salesforce.objects()}
    if scopes is None:
        told = await hubspot.token_info()
        scopes = None if told is None else told.scopes or None
    found: Barred = {}
    for slug in optional:
        barriers = [*await _in_hubspot(hubspot, slug, scopes), *in_salesforce(seen, SPECS[slug].salesforce_types)]
        if barriers:
            found[slug] = barriers
    return found


async def _in_hubspot(hubspot: HubSpotClient, slug: str, scopes: Collection[str] | None) -> list[Barrier]:
    if scopes is not None:
        lacking = tuple(sorted(sign_in.object_scopes(slug) - set(scopes)))
        return [Barrier(Side.HUBSPOT, "scopes", lacking)] if lacking else []
    try:
        await hubspot.properties(SPECS[slug].hubspot_type)
    except MissingScope as error:
        return [Barrier(Side.HUBSPOT, "scopes", error.scopes or tuple(sorted(sign_in.object_scopes(slug))))]
    return []


def in_salesforce(seen: dict[str, SObjectName], types: Sequence[str]) -> list[Barrier]:
    """Pure."""
    found = []
    for type_ in types:
        each = seen.get(type_)
        if each is None or not each.queryable:
            found.append(Barrier(Side.SALESFORCE, "see", (type_,)))
        elif not each.createable:
            found.append(Barrier(Side.SALESFORCE, "create", (type_,)))
        elif not each.updateable:
            found.append(Barrier(Side.SALESFORCE, "edit", (type_,)))
    return found
