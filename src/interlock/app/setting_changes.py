"""What a change of what syncs would do, before it is saved: an object turned on, other rules for new records, another list.

The next sync is played on a copy that has the change; nothing is written to a CRM or to the connection. Saving is object_rules.py
and what_syncs.py. The page that shows it saves only what a person has typed the number of creates of, where that is a large number;
a program that calls the API may ask for the same preview, and is not made to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from interlock.app import key_fields, preview, what_syncs
from interlock.app.compile import Compiler
from interlock.app.connect import map_objects
from interlock.app.connections import is_on, objects_on
from interlock.app.disconnect import NOT_CONNECTED
from interlock.app.documents import with_head
from interlock.app.errors import AppError, BadInput, as_failure
from interlock.app.mapping_effect import permissions_of
from interlock.app.new_properties import with_properties
from interlock.app.object_rules import with_object
from interlock.app.package import permit
from interlock.app.preview import Planned
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas, read_schemas
from interlock.app.setup.opened import Opened
from interlock.app.setup.review import MANY_CREATES
from interlock.app.typed_count import is_typed
from interlock.app.what_syncs import Choice, WhatSyncs
from interlock.crm.errors import CrmError
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.objects.choices import choices_of
from interlock.objects.registry import SPECS
from interlock.store import Store, WriteTx, directory, mappings
from interlock.store.connections import Connection

# Linked pairs that the preview of a backfill looks at: some hundred calls to HubSpot.
BACKFILL_PAIRS_MOST = 10_000
# The kind of the job that plays it.
JOB = "plan"


class Change(msgspec.Struct, frozen=True):
    """Of one object: it is turned on (`on`), or another choice of what of it syncs. `edition`: of what the person had seen, of
    a backfill that of the mappings."""

    object: str
    on: bool = False
    choice: Choice = Choice()
    edition: str | None = None
    # Whether more may sync or be created than before. What only narrows that can do no harm, and may be saved unseen.
    widens: bool = True
    # Nothing of it is set otherwise: its linked pairs take up the mappings that are saved.
    backfill: bool = False


def is_shown(connection: Connection, change: Change) -> bool:
    """Whether there is anything to look at: it syncs, or will once a person lets it. What is set for an object that is off does
    nothing until it is turned on, and is seen then."""
    syncs = connection.begun_at_us is not None and connection.state != NOT_CONNECTED
    return syncs and (change.on or is_on(connection, change.object))


def turned_on(connection: Connection, slug: str) -> Change:
    return Change(slug, on=True, edition=what_syncs.chosen(connection, slug).edition)


def chosen(connection: Connection, slug: str, choice: Choice, edition: str | None) -> Change | None:
    """None: it is like this already. Raises BadInput."""
    before = what_syncs.chosen(connection, slug)
    after = what_syncs.chosen(_copy(connection, what_syncs.settings_with(connection, slug, choice)), slug)
    return None if after == before else Change(slug, False, choice, edition, _widens(before, after))


def _widens(before: WhatSyncs, after: WhatSyncs) -> bool:
    other_list = before.list_id is not None and after.list_id != before.list_id
    other_filter = any(after.filters.get(type_) != text for type_, text in before.filters.items())
    creates = after.create_in_salesforce not in (what_syncs.NOTHING, before.create_in_salesforce)
    return (
        other_list
        or other_filter
        or after.person_rules != before.person_rules
        or creates
        or (after.create_in_hubspot and not before.create_in_hubspot)
        or after.pipelines != before.pipelines
        or _chose_more(before, after)
    )


def _chose_more(before: WhatSyncs, after: WhatSyncs) -> bool:
    return any(
        after.choices[each.name] != before.choices[each.name] and after.choices[each.name] in each.widening
        for each in choices_of(after.object)
    )


def _copy(connection: Connection, settings: dict[str, Any]) -> Connection:
    return msgspec.structs.replace(connection, settings=settings)


async def plan(
    store: Store,
    connection: Connection,
    change: Change,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
) -> Planned:
    """What the next sync of the object would do. Raises CrmError."""
    slug, schemas = change.object, None
    unmade: dict[str, list[str]] = {}
    if change.backfill:
        return await preview.plan_backfill(
            store, connection, hubspot, salesforce, clock_us, [slug], BACKFILL_PAIRS_MOST
        )
    if change.on:
        schemas = await _schemas_to_be(connection, slug, hubspot, salesforce)
        settings = with_object(connection, slug)
    else:
        settings = what_syncs.settings_with(connection, slug, change.choice)
        if new := what_syncs.properties_to_make(connection, slug, change.choice):
            there = await read_schemas(hubspot, salesforce, objects_on(connection))
            unmade = {
                slug: [each.name for each in new if not there.property_named(SPECS[slug].hubspot_type, each.name)]
            }
            schemas = with_properties(there, [(SPECS[slug].hubspot_type, each) for each in new])

    async def prepare(tx: WriteTx) -> None:
        if change.on and schemas is not None:
            await map_objects(tx, Compiler(schemas), (slug,))
        if change.choice.pipelines is not msgspec.UNSET:
            # Those that were made a moment ago are not in it.
            await directory.drop(tx, SCHEMAS)

    return await preview.plan(
        store,
        _copy(connection, settings),
        hubspot,
        salesforce,
        clock_us,
        only=[slug],
        schemas=schemas,
        unmade=unmade,
        prepare=prepare,
    )


async def document(
    opened: Opened, connection: Connection, change: Change, clock_us: Callable[[], int]
) -> dict[str, Any]:
    """The answer of the job that shows it. Raises AppError, CrmError."""
    async with opened.clients(connection) as clients:
        found = await plan(opened.store, connection, change, clients.hubspot, clients.salesforce, clock_us)
        permissions = None
        if change.on:
            permissions = await _permissions(opened.store, connection, change.object, clients.salesforce)
    return with_head({**preview.as_document(found), "permissions": permissions}, JOB, clock_us())


async def _permissions(store: Store, connection: Connection, slug: str, salesforce: SalesforceClient) -> dict[str, Any]:
    """What turning it on adds to the permission set, for the mappings that it has, or gets."""
    assert connection.id is not None
    try:
        fields = await _mapped_then(store, connection.id, slug, salesforce)
        wanted = await permit.wanted(salesforce, (await salesforce.identity()).user_id, fields)
    except (AppError, CrmError) as error:
        return permissions_of(None, as_failure(error))
    return permissions_of(wanted, None)


async def _mapped_then(
    store: Store, connection_id: int, slug: str, salesforce: SalesforceClient
) -> list[permit.MappedField]:
    spec = SPECS[slug]
    async with store.read(connection_id) as tx:
        mapped = {each.salesforce_type for each in await mappings.object_mappings(tx) if each.object == slug}
    fields = [each for each in await permit.mapped_fields(store, connection_id) if each.sobject in mapped]
    for type_ in spec.salesforce_types:
        if type_ not in mapped:
            names = {each.name for each in await salesforce.describe(type_)}
            fields += permit.shipped(spec, type_, names)
    return fields


def asked_of(change: Change) -> dict[str, Any]:
    """What the job says that it was asked."""
    return {"objects": [change.object], "limit": None, "change": msgspec.to_builtins(change)}


async def _schemas_to_be(
    connection: Connection, slug: str, hubspot: HubSpotClient, salesforce: SalesforceClient
) -> Schemas:
    """With the properties that turning it on makes. Interlock's own id property is not among them: see setup/draft.py."""
    slugs = [each for each in SPECS if each == slug or is_on(connection, each)]
    schemas = await read_schemas(hubspot, salesforce, slugs)
    spec = SPECS[slug]
    new = [(spec.hubspot_type, each) for each in key_fields.default_properties(schemas, spec)]
    return with_properties(schemas, new)


def creates_of(document: dict[str, Any]) -> int:
    """Of the document of a plan."""
    return sum(each["create_in_hubspot"] + each["create_in_salesforce"] for each in document["objects"].values())


def must_be_typed(document: dict[str, Any]) -> bool:
    return creates_of(document) > MANY_CREATES


def check_count(document: dict[str, Any], typed: str) -> None:
    """Raises BadInput."""
    creates = creates_of(document)
    if must_be_typed(document) and not is_typed(typed, creates):
        raise BadInput(
            f"{creates:,} records would be created.",
            code="count_not_typed",
            field="count",
            fix=f"Type {creates} to confirm.",
        )
