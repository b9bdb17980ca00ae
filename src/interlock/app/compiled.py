"""The compiled mappings of one connection, kept from turn to turn for as long as what they were made from stays as it was.

Reading both schemas back from the store and compiling every mapping is most of what a poll that finds nothing costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.app import mapping_drift
from interlock.app.compile import Compiler
from interlock.app.opportunity_choice import show_newest_opportunity
from interlock.app.owner_choices import choose_owners, directory_of, kept_queues, names_owners, show_owners
from interlock.app.schemas import MAX_AGE_US, Schemas, kept_schemas
from interlock.app.schemas import NAME as SCHEMAS
from interlock.core.model import Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import Queue
from interlock.engine import lifecycle
from interlock.engine.context import ObjectRuntime, Settings
from interlock.objects.choices import LIFECYCLE_TRANSITIONS, ON
from interlock.objects.registry import SPECS
from interlock.store import Store, directory, mappings
from interlock.store.lease import Lease
from interlock.store.mappings import FieldMappingRow, ObjectMappingRow

Objects = dict[str, ObjectRuntime]


class Compiled:
    """Not for two cycles at once: what a cycle learns about references is kept in the objects until the next one forgets it."""

    def __init__(self) -> None:
        self._made_from: Any = None
        self._objects: Objects = {}

    async def objects(
        self,
        store: Store,
        connection_id: int,
        hubspot: HubSpotClient,
        salesforce: SalesforceClient,
        slugs: Sequence[str],
        settings: Settings,
        lease: Lease,
    ) -> Objects:
        """All of `slugs`, in their order. Raises CrmError when schemas have to be read and cannot be."""
        ingredients = await _ingredients(store, connection_id)
        if ingredients[0] is None or (ingredients, slugs, settings) != self._made_from:
            read_anew = ingredients[0] is None
            schemas = await kept_schemas(store, connection_id, hubspot, salesforce, list(slugs), lease)
            # Read again: the schemas may have been put there just now.
            ingredients = await _ingredients(store, connection_id)
            queues = await kept_queues(store, connection_id, salesforce, lease) if names_owners(settings) else []
            self._objects = _compiled(schemas, *ingredients[1:], slugs, settings, queues)
            if read_anew:
                await mapping_drift.note(store, connection_id, schemas, slugs, lease)
            self._made_from = (ingredients, slugs, settings)
        return dict(self._objects)


async def compile_objects(
    store: Store, connection_id: int, schemas: Schemas, slugs: Sequence[str], settings: Settings
) -> Objects:
    """For one look, with schemas that the caller has."""
    _, object_rows, field_rows = await _ingredients(store, connection_id)
    queues = await kept_queues(store, connection_id, None) if names_owners(settings) else []
    return _compiled(schemas, object_rows, field_rows, slugs, settings, queues)


def _compiled(
    schemas: Schemas,
    object_rows: Sequence[ObjectMappingRow],
    field_rows: Sequence[FieldMappingRow],
    slugs: Sequence[str],
    settings: Settings,
    queues: Sequence[Queue],
) -> Objects:
    compiler = Compiler(schemas, settings.pipelines)
    objects = {
        slug: compiler.runtime(
            slug,
            object_rows,
            field_rows,
            slugs,
            _created_as(slug, settings),
            settings.creates_in(Side.HUBSPOT, slug),
            settings.inclusion.get(slug) or None,
            settings.native_ids,
            settings.salesforce_filters,
            # Where nothing is to be created, no rule creates anything.
            settings.person_rules if slug == "contacts" and _created_as(slug, settings) is not None else (),
        )
        for slug in slugs
    }
    directory = directory_of(schemas, settings)
    for slug, runtime in objects.items():
        choose_owners(runtime, directory, settings)
        show_owners(runtime, schemas, settings, queues)
        show_newest_opportunity(runtime, schemas, settings)
        if settings.chosen(LIFECYCLE_TRANSITIONS, slug) == ON:
            _follow_opportunities(runtime, schemas)
    return objects


def _follow_opportunities(runtime: ObjectRuntime, schemas: Schemas) -> None:
    """Not where no contact has roles: leads alone sync."""
    stages = schemas.property_named(runtime.spec.hubspot_type, lifecycle.PROPERTY)
    if stages is None or not runtime.syncs("Contact"):
        return
    runtime.stages = tuple(option.value for option in stages.options)
    # Known where companies sync.
    of_companies = schemas.property_named("companies", lifecycle.PROPERTY)
    runtime.company_stages = tuple(option.value for option in of_companies.options) if of_companies is not None else ()
    if lifecycle.PROPERTY not in runtime.hubspot_properties:
        runtime.hubspot_properties.append(lifecycle.PROPERTY)


async def _ingredients(
    store: Store, connection_id: int
) -> tuple[int | None, list[ObjectMappingRow], list[FieldMappingRow]]:
    """When the schemas were read, if they are young enough, and the rows of the mappings."""
    async with store.read(connection_id) as tx:
        return (
            await directory.put_at_us(tx, SCHEMAS, MAX_AGE_US),
            await mappings.object_mappings(tx),
            await mappings.field_mappings(tx),
        )


def _created_as(slug: str, settings: Settings) -> str | None:
    """The Salesforce type that a new HubSpot record becomes; None: none is created."""
    if not settings.creates_in(Side.SALESFORCE, slug):
        return None
    return settings.create_person_as or None if slug == "contacts" else SPECS[slug].salesforce_types[0]
