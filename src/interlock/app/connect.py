"""Joining a HubSpot account and a Salesforce org: checks, key fields, the Recommended mappings. Changes no record. Idempotent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from interlock.app.compile import Compiler
from interlock.app.schemas import Schemas, keep_schemas, read_schemas
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import AccountInfo, NewProperty, Option
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import Identity, Organization
from interlock.engine.context import HUBSPOT_ID_PROPERTY, SALESFORCE_CREATION_KEY
from interlock.objects.registry import SPECS
from interlock.objects.spec import ObjectSpec
from interlock.store import Store, connections, mappings
from interlock.store.connections import Connection
from interlock.store.mappings import ObjectMappingRow

GROUP = "salesforceinformation"
GROUP_LABEL = "Salesforce Information"
CREATION_KEY_LENGTH = 100


class ConnectRefused(Exception):
    """The two cannot be joined. `code` for scripts, `fix` for the person."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix


class ConnectRequest(msgspec.Struct, frozen=True):
    hubspot_url: str
    salesforce_url: str
    name: str = "default"
    objects: tuple[str, ...] = ("companies", "contacts", "deals")
    existing: str = "none"
    create_person_as: str = "Contact"
    sandbox: bool | None = None  # None: take whichever the org is
    settings: dict[str, Any] = {}


async def connect(
    store: Store,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    request: ConnectRequest,
    clock_us: Callable[[], int],
) -> Connection:
    """Raises ConnectRefused for two that may not be joined, CrmError when a CRM cannot be reached or refuses."""
    account = await hubspot.account()
    identity = await salesforce.identity()
    organization = await salesforce.organization()
    known = await _known(store, account)
    _check(request, known, account, organization)
    await make_key_fields(hubspot, salesforce, identity, request.objects)
    schemas = await read_schemas(hubspot, salesforce, list(request.objects))
    if await make_default_properties(hubspot, schemas, request.objects):
        schemas = await read_schemas(hubspot, salesforce, list(request.objects))
    connection_id = await _save(store, request, known, account, organization, clock_us())
    await keep_schemas(store, connection_id, schemas)
    await _map(store, connection_id, Compiler(schemas), request.objects)
    async with store.read(None) as tx:
        saved = await connections.get(tx, connection_id)
    assert saved is not None
    return saved


async def _known(store: Store, account: AccountInfo) -> Connection | None:
    async with store.read(None) as tx:
        return await connections.by_hubspot_account(tx, account.account_id)


def _check(request: ConnectRequest, known: Connection | None, account: AccountInfo, organization: Organization) -> None:
    if known is not None and known.salesforce_org_id != organization.id:
        raise ConnectRefused(
            "account_already_joined",
            f"HubSpot account {account.account_id} is already joined to the Salesforce org"
            f" {known.salesforce_name} ({known.salesforce_org_id}).",
            "A HubSpot account syncs with one org. Disconnect that connection first, or sign in to the other account.",
        )
    if request.sandbox is not None and request.sandbox != organization.is_sandbox:
        is_, told = ("a sandbox", "a production org") if organization.is_sandbox else ("a production org", "a sandbox")
        raise ConnectRefused(
            "wrong_kind_of_org",
            f"{organization.name} is {is_}, but {told} was asked for.",
            "Sign in to the other org, or change the sandbox option.",
        )


async def make_key_fields(
    hubspot: HubSpotClient, salesforce: SalesforceClient, identity: Identity, objects: tuple[str, ...]
) -> None:
    """Both halves of the sync key: a unique property in HubSpot, a unique external id in Salesforce."""
    grants = []
    for slug in objects:
        spec = SPECS[slug]
        await hubspot.create_group(spec.hubspot_type, GROUP, GROUP_LABEL)
        await hubspot.create_property(
            spec.hubspot_type,
            NewProperty(
                HUBSPOT_ID_PROPERTY,
                "Interlock Salesforce ID",
                group=GROUP,
                description="The Salesforce record that this record is linked with. Written by Interlock.",
                has_unique=True,
            ),
        )
        for type_ in spec.salesforce_types:
            await salesforce.create_custom_field(
                type_,
                SALESFORCE_CREATION_KEY,
                "Interlock Creation Key",
                length=CREATION_KEY_LENGTH,
                unique=True,
                external_id=True,
            )
            grants.append(f"{type_}.{SALESFORCE_CREATION_KEY}")
    await salesforce.grant_field_access(grants, identity.user_id)


async def make_default_properties(hubspot: HubSpotClient, schemas: Schemas, objects: tuple[str, ...]) -> int:
    """Create the HubSpot properties that shipped mappings need and HubSpot does not ship; returns how many were missing."""
    made = 0
    for slug in objects:
        spec = SPECS[slug]
        for default in spec.mappings:
            new = default.new_property
            if new is None or schemas.property_named(spec.hubspot_type, default.property) is not None:
                continue
            options = _options(schemas, spec, default.fields) if new.type == "enumeration" else ()
            if new.type == "enumeration" and not options:
                continue
            await hubspot.create_property(
                spec.hubspot_type,
                NewProperty(default.property, new.label, new.type, new.field_type, GROUP, options=options),
            )
            made += 1
    return made


def _options(schemas: Schemas, spec: ObjectSpec, fields: dict[str, str]) -> tuple[Option, ...]:
    found: dict[str, Option] = {}
    for type_, name in fields.items():
        field = schemas.field_named(type_, name)
        for value, label in field.picklist_values if field is not None else ():
            found.setdefault(value, Option(value, label))
    return tuple(found.values())


async def _save(
    store: Store,
    request: ConnectRequest,
    known: Connection | None,
    account: AccountInfo,
    organization: Organization,
    now_us: int,
) -> int:
    settings = {
        "existing": request.existing,
        "create_person_as": request.create_person_as,
        "objects": list(request.objects),
        **request.settings,
    }
    async with store.write(None) as tx:
        if known is not None and known.id is not None:
            changes = {"hubspot_url": request.hubspot_url, "salesforce_url": request.salesforce_url}
            await connections.update(tx, known.id, **changes, settings={**known.settings, **settings})
            return known.id
        return await connections.create(
            tx,
            Connection(
                name=request.name,
                state="idle",
                state_since_us=now_us,
                hubspot_url=request.hubspot_url,
                hubspot_account_id=account.account_id,
                hubspot_name=account.name,
                salesforce_url=request.salesforce_url,
                salesforce_org_id=organization.id,
                salesforce_name=organization.name,
                sandbox=organization.is_sandbox,
                settings=settings,
                created_at_us=now_us,
                begun_at_us=now_us,
            ),
        )


async def _map(store: Store, connection_id: int, compiler: Compiler, objects: tuple[str, ...]) -> None:
    """Add what is missing; what a person changed stays."""
    async with store.write(connection_id) as tx:
        object_rows = {(row.object, row.salesforce_type): row for row in await mappings.object_mappings(tx)}
        field_rows = await mappings.field_mappings(tx)
        for slug in objects:
            spec = SPECS[slug]
            for type_ in spec.salesforce_types:
                row = object_rows.get((slug, type_))
                row_id = row.id if row is not None else None
                if row_id is None:
                    row_id = await mappings.save_object_mapping(
                        tx, ObjectMappingRow(object=slug, salesforce_type=type_)
                    )
                mapped = {(each.property, each.field) for each in field_rows if each.object_mapping_id == row_id}
                for default in compiler.default_rows(spec, row_id, type_):
                    if (default.property, default.field) not in mapped:
                        await mappings.save_field_mapping(tx, default)
