"""What a connection does with the records of one object: whether it syncs, and what a new record becomes on the other side.

The settings are those of engine/context.py. Turning on an object that was never mapped makes its key fields and its shipped
mappings, as connecting does; turning it off keeps both, its pairs and what is known of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from interlock.app import key_fields
from interlock.app.compile import Compiler
from interlock.app.connect import map_objects
from interlock.app.connections import check_objects, fresh
from interlock.app.errors import BadInput
from interlock.app.mapping_edits import Stale
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.runtime import settings_of
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas, read_schemas
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.engine.context import Settings
from interlock.objects.registry import SPECS
from interlock.store import Store, connections, directory, mappings, schedule
from interlock.store.connections import Connection
from interlock.store.tx import WriteTx

NOTHING = "nothing"


class Rules(msgspec.Struct, frozen=True):
    """`create_in_salesforce`: the Salesforce type that a new HubSpot record becomes, or `nothing`. `create_in_hubspot` holds for
    every object of the connection."""

    enabled: bool
    create_in_salesforce: str
    create_in_hubspot: bool

    @property
    def edition(self) -> str:
        """Another after any change: a form carries the one that it was filled in with."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


def rules(connection: Connection, slug: str) -> Rules:
    settings: Settings = settings_of(connection)
    own = SPECS[slug].salesforce_types[0]
    return Rules(
        slug in connection.settings.get("objects", list(SPECS)),
        (settings.create_person_as or NOTHING) if slug == "contacts" else own,
        settings.create_in_hubspot,
    )


def choices(slug: str) -> list[str]:
    """What `create_in_salesforce` may be."""
    return [*SPECS[slug].salesforce_types, NOTHING] if slug == "contacts" else [SPECS[slug].salesforce_types[0]]


async def save(
    store: Store,
    connection: Connection,
    slug: str,
    wanted: Rules,
    edition: str,
    clients: tuple[HubSpotClient, SalesforceClient] | None,
    clock_us: Callable[[], int],
    by: By,
) -> None:
    """`clients` may be None when the object's being on does not change. Raises BadInput, Stale, CrmError, PackageFailed."""
    assert connection.id is not None
    check_objects([slug])
    if wanted.create_in_salesforce not in choices(slug):
        raise BadInput(
            f"{wanted.create_in_salesforce!r} is nothing that a new HubSpot record can become.",
            code="unknown_choice",
            field="create_in_salesforce",
            fix=f"There are: {', '.join(choices(slug))}.",
        )
    schemas = None
    if wanted.enabled and not rules(connection, slug).enabled and clients is not None:
        schemas = await _prepared(connection, slug, *clients, clock_us)
    async with store.write(connection.id) as tx:
        now = await fresh(tx, connection.id)
        before = rules(now, slug)
        if before.edition != edition:
            raise Stale
        if wanted == before:
            return
        await _put(tx, now, slug, wanted, schemas)
        told = {name: value for name, value in msgspec.structs.asdict(wanted).items() if getattr(before, name) != value}
        await record(tx, by, "rules_changed", f"connection:{connection.id}", object=slug, **told)


async def _put(tx: WriteTx, now: Connection, slug: str, wanted: Rules, schemas: Schemas | None) -> None:
    assert now.id is not None
    on = set(now.settings.get("objects", list(SPECS)))
    on = on | {slug} if wanted.enabled else on - {slug}
    settings = {
        **now.settings,
        "objects": [each for each in SPECS if each in on],
        "create_in_hubspot": wanted.create_in_hubspot,
    }
    if slug == "contacts":
        settings["create_person_as"] = "" if wanted.create_in_salesforce == NOTHING else wanted.create_in_salesforce
    await connections.update(tx, now.id, settings=settings)
    if schemas is not None:
        await directory.put(tx, SCHEMAS, msgspec.to_builtins(schemas))
        await map_objects(tx, Compiler(schemas), (slug,))
    elif wanted.enabled and not any(row.object == slug for row in await mappings.object_mappings(tx)):
        raise BadInput(
            f"{slug} were never mapped, and the CRMs were not asked.",
            code="not_mapped",
            field="enabled",
            fix="Send the form again.",
        )
    await schedule.ring(tx)


async def _prepared(
    connection: Connection,
    slug: str,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    clock_us: Callable[[], int],
) -> Schemas:
    """The schemas of all that then syncs, with the key fields made."""
    on = {*connection.settings.get("objects", list(SPECS)), slug}
    slugs = [each for each in SPECS if each in on]
    schemas = await read_schemas(hubspot, salesforce, slugs)
    needed = key_fields.missing(schemas, tuple(slugs))
    if not needed:
        return schemas
    identity = await salesforce.identity()
    await key_fields.make(hubspot, salesforce, identity.user_id, needed, clock_us, lambda _: None)
    return await read_schemas(hubspot, salesforce, slugs)
