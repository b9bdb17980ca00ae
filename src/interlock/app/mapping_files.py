"""The mappings of a connection as the YAML that people edit, and that `mappings apply` reads."""

from __future__ import annotations

from typing import Any

from interlock.app import mappings
from interlock.store import Store
from interlock.store.connections import Connection


async def written(store: Store, connection: Connection) -> str:
    assert connection.id is not None
    return as_yaml(await mappings.export(store, connection.id), connection)


def as_yaml(document: dict[str, Any], connection: Connection) -> str:
    import yaml

    head = (
        f"# Mappings of {connection.name}: HubSpot account {connection.hubspot_account_id},"
        f" Salesforce org {connection.salesforce_org_id}.\n"
        "# Change it, then: interlock mappings diff FILE, interlock mappings apply FILE --plan, interlock mappings apply FILE\n"
    )
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
