"""Turning the syncing of one object on and off. What of it syncs is what_syncs.py.

Turning on an object that was never mapped makes its key fields and its shipped mappings, as connecting does; turning it off
keeps both, its pairs and what is known of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from interlock.app import key_fields, what_syncs
from interlock.app.compile import Compiler
from interlock.app.connect import map_objects
from interlock.app.connections import check_objects, fresh, is_on, objects_on
from interlock.app.errors import Stale
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas, read_schemas
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.objects.registry import SPECS
from interlock.store import Store, connections, directory, schedule
from interlock.store.connections import Connection


async def turn_on(
    store: Store,
    connection: Connection,
    slug: str,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
    by: By,
    edition: str | None = None,
) -> None:
    """`edition`: of what of it syncs, as it was seen. Raises BadInput, CrmError, PackageFailed, Stale when it is another now."""
    check_objects([slug])
    _check_edition(connection, slug, edition)  # before anything is made in a CRM
    schemas = await _prepared(connection, slug, hubspot, salesforce, clock_us)
    await _turn(store, connection, slug, True, schemas, by, edition)


async def turn_off(store: Store, connection: Connection, slug: str, by: By) -> None:
    """Raises BadInput."""
    check_objects([slug])
    await _turn(store, connection, slug, False, None, by)


def _check_edition(connection: Connection, slug: str, edition: str | None) -> None:
    if edition is not None and what_syncs.chosen(connection, slug).edition != edition:
        raise Stale


async def _turn(
    store: Store,
    connection: Connection,
    slug: str,
    on: bool,
    schemas: Schemas | None,
    by: By,
    edition: str | None = None,
) -> None:
    assert connection.id is not None
    async with store.write(connection.id) as tx:
        now = await fresh(tx, connection.id)
        if is_on(now, slug) == on:
            return
        _check_edition(now, slug, edition)
        await connections.update(tx, connection.id, settings=with_object(now, slug, on))
        if schemas is not None:
            await directory.put(tx, SCHEMAS, msgspec.to_builtins(schemas))
            await map_objects(tx, Compiler(schemas), (slug,))
        await schedule.ring(tx)
        subject = f"connection:{connection.id}"
        if on:
            await record(tx, by, "object_turned_on", subject, object=slug)
        else:
            await record(tx, by, "object_turned_off", subject, object=slug)


def with_object(connection: Connection, slug: str, on: bool = True) -> dict[str, Any]:
    """Its settings with the object on, or off."""
    wanted = [each for each in SPECS if (on if each == slug else is_on(connection, each))]
    return {**connection.settings, "objects": wanted}


async def _prepared(
    connection: Connection,
    slug: str,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
) -> Schemas:
    """The schemas of all that then syncs, with the key fields made."""
    on = {*objects_on(connection), slug}
    slugs = [each for each in SPECS if each in on]
    schemas = await read_schemas(hubspot, salesforce, slugs)
    needed = key_fields.missing(schemas, tuple(slugs))
    if not needed:
        return schemas
    identity = await salesforce.identity()
    await key_fields.make(hubspot, salesforce, identity.user_id, needed, clock_us, lambda _: None)
    return await read_schemas(hubspot, salesforce, slugs)
