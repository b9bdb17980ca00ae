"""The schemas of both CRMs as the mappings need them: read once, kept in the store, read again when they grow old."""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import Owner, Pipeline, PropertyDef
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import FieldDef, User
from interlock.objects.registry import SPECS
from interlock.store import Store, directory
from interlock.store.lease import Lease

NAME = "schemas"
# A field made or changed in either CRM is known after this long at the latest; `doctor` and `connect` read at once.
MAX_AGE_US = 6 * 3_600_000_000


class Schemas(msgspec.Struct):
    """`properties` by HubSpot object, `fields` by Salesforce object (absent: the org does not have it, or hides it)."""

    properties: dict[str, list[PropertyDef]]
    fields: dict[str, list[FieldDef]]
    owners: list[Owner]
    users: list[User]
    pipelines: list[Pipeline]
    time_zone: str = "UTC"  # the account's: the day on which a moment falls is the day its people see
    currency: str | None = None  # the account's own, in which a deal is that names none

    def property_named(self, object_: str, name: str) -> PropertyDef | None:
        return next((each for each in self.properties.get(object_, ()) if each.name == name), None)

    def field_named(self, type_: str, name: str) -> FieldDef | None:
        return next((each for each in self.fields.get(type_, ()) if each.name == name), None)


async def read_schemas(hubspot: HubSpotClient, salesforce: SalesforceClient, slugs: list[str]) -> Schemas:
    """Ask both CRMs. About a dozen calls, counted as set-up."""
    properties: dict[str, list[PropertyDef]] = {}
    fields: dict[str, list[FieldDef]] = {}
    for slug in slugs:
        spec = SPECS[slug]
        properties[spec.hubspot_type] = await hubspot.properties(spec.hubspot_type)
        for type_ in spec.salesforce_types:
            fields[type_] = await salesforce.describe(type_)
    pipelines = await hubspot.pipelines("deals") if "deals" in slugs else []
    account = await hubspot.account()
    owners, users = await hubspot.owners(), await salesforce.users()
    return Schemas(properties, fields, owners, users, pipelines, account.timezone or "UTC", account.currency)


async def kept_schemas(
    store: Store,
    connection_id: int,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    slugs: list[str],
    lease: Lease | None = None,
) -> Schemas:
    """The kept ones while they are young enough, else fresh ones, which are then kept."""
    async with store.read(connection_id) as tx:
        kept: Any = await directory.get(tx, NAME, MAX_AGE_US)
    if kept is not None:
        schemas = msgspec.convert(kept, Schemas, strict=False)
        if all(SPECS[slug].hubspot_type in schemas.properties for slug in slugs):
            return schemas
    schemas = await read_schemas(hubspot, salesforce, slugs)
    await keep_schemas(store, connection_id, schemas, lease)
    return schemas


async def keep_schemas(store: Store, connection_id: int, schemas: Schemas, lease: Lease | None = None) -> None:
    async with store.write(connection_id, lease) as tx:
        await directory.put(tx, NAME, msgspec.to_builtins(schemas))


async def read_at_us(store: Store, connection_id: int) -> int | None:
    """When the kept ones were read. None: none are kept, or they are too old to be used."""
    async with store.read(connection_id) as tx:
        return await directory.put_at_us(tx, NAME, MAX_AGE_US)
