"""Turning the syncing of one object on and off. What of it syncs is what_syncs.py.

Turning on an object that was never mapped makes its key fields and its shipped mappings, as connecting does; turning it off
keeps both, its pairs and what is known of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from interlock.app import key_fields, mapping_drift, what_syncs
from interlock.app.compile import Compiler
from interlock.app.connect import forget_asked, map_objects
from interlock.app.connections import check_objects, fresh, is_on
from interlock.app.disconnect import NOT_CONNECTED
from interlock.app.errors import Stale, Stopped
from interlock.app.package.deploy import Progress
from interlock.app.package.kept import Keeping
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
    deploys: SalesforceClient,
    clock_us: Callable[[], int],
    by: By,
    *,
    edition: str | None,
    keeper: Keeping,
    progress: Progress,
) -> None:
    """`salesforce`: as whom the sync works, who gets what is made; `deploys`: as an administrator where one has signed in.
    `edition`: of what of it syncs, as it was seen. Can be run again. Raises BadInput, CrmError, PackageFailed, Stopped,
    Stale when it is another now."""
    check_objects([slug])
    if is_on(connection, slug):
        return  # by the same before, which did not come to its end
    check_edition(connection, slug, edition)  # before anything is made in a CRM
    schemas = await _read(connection, slug, hubspot, salesforce)
    if needed := key_fields.missing_with_shown(
        schemas, tuple(_with(connection, slug)), connection.settings.get("pages_at")
    ):
        user_id = (await salesforce.identity()).user_id
        await key_fields.make(hubspot, deploys, user_id, needed, clock_us, progress, keeper)
        schemas = await _read(connection, slug, hubspot, salesforce)
    await _turn(store, connection, slug, True, schemas, by, edition)


async def turn_off(store: Store, connection: Connection, slug: str, by: By) -> None:
    """Raises BadInput."""
    check_objects([slug])
    await _turn(store, connection, slug, False, None, by)


def check_edition(connection: Connection, slug: str, edition: str | None) -> None:
    """Raises Stale."""
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
        if now.salesforce_org_id != connection.salesforce_org_id:
            raise Stale(
                f"{now.name} has gone over to another org meanwhile, so nothing of {slug} was changed.",
                fix="Look at the tab as it is now, then ask again.",
            )
        if on and now.state == NOT_CONNECTED:
            raise Stopped(
                f"{now.name} was disconnected meanwhile, so {slug} were not turned on.",
                code=NOT_CONNECTED,
                fix="Connect it again, then turn them on.",
            )
        check_edition(now, slug, edition)
        await connections.update(tx, connection.id, settings=with_object(now, slug, on))
        if schemas is not None:
            await directory.put(tx, SCHEMAS, msgspec.to_builtins(schemas))
            await map_objects(tx, Compiler(schemas), (slug,))
            await mapping_drift.note_in(tx, schemas, (slug,))
        await schedule.ring(tx)
        subject = f"connection:{connection.id}"
        if on:
            await record(tx, by, "object_turned_on", subject, object=slug)
        else:
            # Else it would go on beside what the preview of turning it on has shown, however long after.
            await forget_asked(tx, slug)
            await record(tx, by, "object_turned_off", subject, object=slug)


def with_object(connection: Connection, slug: str, on: bool = True) -> dict[str, Any]:
    """Its settings with the object on, or off."""
    wanted = [each for each in SPECS if (on if each == slug else is_on(connection, each))]
    return {**connection.settings, "objects": wanted}


def _with(connection: Connection, slug: str) -> list[str]:
    """All that then syncs."""
    return [each for each in SPECS if each == slug or is_on(connection, each)]


async def _read(connection: Connection, slug: str, hubspot: HubSpotClient, salesforce: SalesforceClient) -> Schemas:
    return await read_schemas(hubspot, salesforce, _with(connection, slug))
