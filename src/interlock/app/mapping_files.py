"""Mappings as a file that people keep: its YAML, the version it is of, and the schemas that are read when it is applied."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from interlock.app import mapping_drift, mappings
from interlock.app.connections import objects_on
from interlock.app.errors import Stale
from interlock.app.schemas import Schemas, keep_schemas, read_schemas
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.salesforce.client import SalesforceClient
from interlock.store import Store, jsontext
from interlock.store.connections import Connection
from interlock.store.tx import Tx

Json = dict[str, Any]


def as_yaml(document: Json, connection: Connection) -> str:
    """`document`: of `mappings.export`."""
    import yaml

    head = (
        f"# Mappings of {connection.name}: HubSpot account {connection.hubspot_account_id},"
        f" Salesforce org {connection.salesforce_org_id}.\n"
        "# Change it, then: interlock mappings diff FILE, interlock mappings apply FILE --plan, interlock mappings apply FILE\n"
    )
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


async def written(store: Store, connection: Connection) -> str:
    assert connection.id is not None
    return as_yaml(await mappings.export(store, connection.id), connection)


def version_of(document: Json) -> str:
    """The same for the same mappings, whoever wrote them and when: a fingerprint of their content."""
    return hashlib.sha256(jsontext.dump(document).encode()).hexdigest()[:32]


def unchanged_since(version: str) -> Callable[[Tx], Awaitable[None]]:
    """For `mappings.apply`: raises Stale where the mappings are not of this version any more."""

    async def guard(tx: Tx) -> None:
        if version_of(await mappings.export_in(tx)) != version:
            raise Stale

    return guard


async def fresh_schemas(
    store: Store, connection: Connection, hubspot: HubSpotClient, salesforce: SalesforceClient
) -> Schemas:
    """Read from both CRMs, and kept. Raises CrmError."""
    assert connection.id is not None
    slugs = objects_on(connection)
    schemas = await read_schemas(hubspot, salesforce, slugs)
    await keep_schemas(store, connection.id, schemas)
    await mapping_drift.note(store, connection.id, schemas, slugs)
    return schemas
