"""Making one HubSpot property for a Salesforce field that has none, as the wizard makes them for all (new_properties.py): of the
field's type and with its values, in the group Salesforce Information, named like the field in small letters. Mapping it is another
step.
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.app import key_fields
from interlock.app.connections import objects_on
from interlock.app.errors import BadInput
from interlock.app.mapping_drift import note_in
from interlock.app.new_properties import Offer, offers
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas, read_schemas
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.objects.registry import SPECS
from interlock.store import Store, directory, mappings
from interlock.store.connections import Connection
from interlock.store.tx import Tx


async def offered(store: Store, connection_id: int, slug: str) -> list[Offer]:
    """By the schemas as they were last read; none where they were never. Calls no CRM."""
    async with store.read(connection_id) as tx:
        kept = await directory.get(tx, SCHEMAS)
        return [] if kept is None else await _offered(tx, msgspec.convert(kept, Schemas, strict=False), slug)


async def _offered(tx: Tx, schemas: Schemas, slug: str) -> list[Offer]:
    """Those that are to be made, and of which no field is mapped already."""
    types = {row.id: row.salesforce_type for row in await mappings.object_mappings(tx) if row.object == slug}
    mapped = {(types.get(row.object_mapping_id), row.field) for row in await mappings.field_mappings(tx)}
    found = [each for each in offers(schemas, slug, {}) if each.new is not None]
    return sorted(
        (each for each in found if not mapped & set(each.fields.items())),
        key=lambda each: (each.label.lower(), each.property),
    )


async def make(
    store: Store,
    connection: Connection,
    slug: str,
    property_: str,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    by: By = BY_COMMAND,
) -> Offer:
    """Asked again it is there already, and refused. Raises BadInput, CrmError (also where the
    account has as many properties as it may have)."""
    assert connection.id is not None
    spec, slugs = SPECS[slug], objects_on(connection)
    schemas = await read_schemas(hubspot, salesforce, slugs)
    async with store.read(connection.id) as tx:
        offer = next((each for each in await _offered(tx, schemas, slug) if each.property == property_), None)
    if offer is None or offer.new is None:
        raise BadInput(
            f"No property {property_} is to be made: HubSpot has it, its field is mapped, or there is no such field.",
            code="nothing_to_make",
            field="property",
            fix="Load the page again: it offers what is missing.",
        )
    await hubspot.create_group(spec.hubspot_type, key_fields.GROUP, key_fields.GROUP_LABEL)
    await hubspot.create_property(spec.hubspot_type, offer.new)
    schemas = await read_schemas(hubspot, salesforce, slugs)
    async with store.write(connection.id) as tx:
        await directory.put(tx, SCHEMAS, msgspec.to_builtins(schemas))
        await note_in(tx, schemas, slugs)
        await record(tx, by, "property_made", f"connection:{connection.id}", object=slug, property=property_)
    return offer


def document(slug: str, found: list[Offer], made: str | None = None) -> dict[str, Any]:
    return {
        "object": slug,
        "made": made,
        "missing": [
            {
                "property": each.property,
                "label": each.label,
                "type": each.new.type,
                "field_type": each.new.field_type,
                "options": len(each.new.options),
                "fields": [f"{type_}.{field}" for type_, field in each.fields.items()],
                "encrypted": each.sensitive == "encrypted",
            }
            for each in found
            if each.new is not None
        ],
    }
