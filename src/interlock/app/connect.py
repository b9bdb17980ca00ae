"""Joining a HubSpot account and a Salesforce org: checks, key fields, the Recommended mappings. Changes no record. Idempotent.

What the CRMs are asked and told comes first; what is remembered of it is one transaction at the end, so that a connection
is there as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from interlock.app import credentials, first_sync, key_fields, mapping_drift, sign_offs
from interlock.app import mappings as mapping_documents
from interlock.app.compile import Compiler
from interlock.app.connections import fresh
from interlock.app.credentials import Credentials
from interlock.app.errors import BadInput, Stale
from interlock.app.package import plan as package
from interlock.app.package.deploy import Progress
from interlock.app.package.kept import NothingKept
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas, read_schemas
from interlock.core.model import Side
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import AccountInfo
from interlock.crm.salesforce.client import SalesforceClient
from interlock.crm.salesforce.model import Identity, Organization
from interlock.engine import backfill, import_, resync
from interlock.engine.context import EXISTING
from interlock.objects.registry import SPECS
from interlock.store import Store, calls, census, connections, cursors, directory, grants, mappings, schedule, unlinked
from interlock.store.connections import Connection
from interlock.store.mappings import ObjectMappingRow
from interlock.store.tx import WriteTx

EXISTING_DEFAULT = "none"
_PAGE_ROWS = 500
# What says whether a connection syncs.
_BEGINNING = ("state", "begun_at_us")


class ConnectRefused(BadInput):
    """The two cannot be joined. `code` for scripts, `fix` for the person."""

    def __init__(self, code: str, message: str, fix: str, side: str | None = None, field: str | None = None) -> None:
        super().__init__(message, code=code, fix=fix, side=side, field=field)


class ConnectRequest(msgspec.Struct, frozen=True):
    hubspot_url: str
    salesforce_url: str
    name: str | None = None  # None: what the connection is called already, else "default"
    objects: tuple[str, ...] = ("companies", "contacts", "deals")
    existing: str | None = None  # None: what was chosen before, else "none"
    create_person_as: str | None = None  # None: what was chosen before, else Contact
    sandbox: bool | None = None  # None: take whichever the org is
    start: bool = True  # False: nothing syncs until somebody runs a sync or starts it
    settings: dict[str, Any] = {}
    config: tuple[mapping_documents.Document, mapping_documents.Where] | None = None
    secrets: Credentials | None = None
    by: By = BY_COMMAND
    grants: tuple[int, ...] = ()  # of sign-ins in the browser (sign_in.py)
    make: bool = True  # False: properties that HubSpot lacks are made later; the package has to be there


class Joined(msgspec.Struct):
    """What joining came to, or with `planned` would come to."""

    connection: Connection
    created: bool
    planned: bool
    made: dict[str, list[str]]  # fields and properties, by side
    schemas: Schemas


async def connect(
    store: Store,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    request: ConnectRequest,
    clock_us: Callable[[], int],
) -> Connection:
    """Raises ConnectRefused for two that may not be joined, CrmError when a CRM cannot be reached or refuses."""
    return (await join(store, hubspot, salesforce, request, clock_us)).connection


async def join(
    store: Store,
    hubspot: HubSpotClient,
    salesforce: SalesforceClient,
    request: ConnectRequest,
    clock_us: Callable[[], int],
    *,
    plan: bool = False,
    progress: Progress = lambda _: None,
) -> Joined:
    """As `connect`, and says what was made; `progress` is told how the deployment in Salesforce gets on.
    With `plan` nothing is made or remembered, and the connection has no id."""
    account = await hubspot.account()
    identity = await salesforce.identity()
    organization = await salesforce.organization()
    async with store.read(None) as tx:
        known = await connections.by_hubspot_account(tx, account.account_id)
        listed = await connections.list_(tx)
    # One that was disconnected may be joined to another org. Its links are those of the old one, and were written to a file.
    over = known is not None and known.state == "not_connected" and known.salesforce_org_id != organization.id
    if over and known is not None:
        listed = [each for each in listed if each.id != known.id]
    forget, known = (known, None) if over else (None, known)
    _check(request, known, listed, account, organization)
    schemas = await read_schemas(hubspot, salesforce, list(request.objects))
    _check_key_fields(schemas, request)
    wanted = _wanted(request, known, account, identity, organization, clock_us())
    needed = key_fields.missing_with_shown(schemas, request.objects, wanted.settings.get("pages_at"))
    if not request.make:
        _check_package(needed)
        needed = key_fields.Missing([], [])
    made = needed.names()
    if plan:
        if needed.creation_keys:
            found = await package.look(salesforce, identity.user_id, key_fields.WITHOUT_SITES)
            _add(made["salesforce"], found.missing_fields())
        return Joined(wanted, known is None, True, made, schemas)
    if needed:
        _add(
            made["salesforce"],
            await key_fields.make(
                hubspot, salesforce, identity.user_id, needed, clock_us, progress, NothingKept(store)
            ),
        )
        schemas = await read_schemas(hubspot, salesforce, list(request.objects))
        _check_key_fields(schemas, request)
    saved = await _save(store, request, known, wanted, schemas, (hubspot, salesforce), forget)
    return Joined(saved, known is None, False, made, schemas)


def _add(names: list[str], further: list[str]) -> None:
    """The package brings more than the keys that were missing."""
    names += [name for name in further if name not in names]


def _check(
    request: ConnectRequest,
    known: Connection | None,
    others: list[Connection],
    account: AccountInfo,
    organization: Organization,
) -> None:
    if known is not None and known.salesforce_org_id != organization.id:
        raise ConnectRefused(
            "account_already_joined",
            f"HubSpot account {account.account_id} is already joined to the Salesforce org"
            f" {known.salesforce_name} ({known.salesforce_org_id}).",
            "A HubSpot account syncs with one org. Disconnect that connection first, or sign in to the other account.",
            side="hubspot",
        )
    name = request.name
    if known is not None and name not in (None, known.name):
        raise ConnectRefused(
            "account_already_joined",
            f"HubSpot account {account.account_id} is already connected, as {known.name!r}.",
            f"Leave --connection out, or write --connection {known.name}.",
            side="hubspot",
        )
    if known is None and any(each.name == (name or "default") for each in others):
        raise ConnectRefused(
            "name_taken",
            f"There is a connection named {name or 'default'!r} already, of another HubSpot account.",
            "Give this one a name of its own with --connection NAME.",
        )
    if request.sandbox is not None and request.sandbox != organization.is_sandbox:
        is_, told = ("a sandbox", "a production org") if organization.is_sandbox else ("a production org", "a sandbox")
        raise ConnectRefused(
            "wrong_kind_of_org",
            f"{organization.name} ({organization.id}) is {is_}, but {told} was asked for.",
            "Sign in to the other org, or " + ("add --sandbox." if organization.is_sandbox else "leave --sandbox out."),
            side="salesforce",
        )


def _check_package(needed: key_fields.Missing) -> None:
    if needed.creation_keys:
        raise ConnectRefused(
            "package_missing",
            f"The sync user does not see the key fields of {', '.join(needed.creation_keys)}.",
            "Install the Salesforce package, which also grants them to that user.",
            side="salesforce",
        )


def _check_key_fields(schemas: Schemas, request: ConnectRequest) -> None:
    for side, name in key_fields.unfit(schemas, request.objects):
        raise ConnectRefused(
            "key_field_unfit",
            f"{name} exists and cannot serve as key: it is not "
            + ("a unique text property." if side == "hubspot" else "a unique external id."),
            "Rename or delete it, then connect again: Interlock makes the one it needs.",
            side=side,
            field=name,
        )


def _wanted(
    request: ConnectRequest,
    known: Connection | None,
    account: AccountInfo,
    identity: Identity,
    organization: Organization,
    now_us: int,
) -> Connection:
    """The connection as it shall be remembered. What was chosen before and is not asked for now stays."""
    before = known.settings if known is not None else {}
    settings = {
        **before,
        "existing": request.existing or before.get("existing", EXISTING_DEFAULT),
        "create_person_as": request.create_person_as or before.get("create_person_as", "Contact"),
        "objects": list(request.objects),
        "users": {"hubspot": None, "salesforce": identity.username},
        **request.settings,
    }
    wanted = known or Connection(
        name=request.name or "default",
        state="setting_up",
        state_since_us=now_us,
        hubspot_url="",
        hubspot_account_id=account.account_id,
        hubspot_name="",
        salesforce_url="",
        salesforce_org_id=organization.id,
        salesforce_name="",
        created_at_us=now_us,
    )
    # A set-up joins before its finish: one that was disconnected and is set up anew must not sync before that either.
    begun_at_us = wanted.begun_at_us if request.make else None
    # What counts is what changed since the two were joined, also when the first sync runs later.
    begun_at_us = begun_at_us or (wanted.created_at_us if request.start else None)
    state = wanted.state
    if state in ("setting_up", "not_connected", "signed_out"):
        state = "idle" if begun_at_us is not None else "setting_up"
    return msgspec.structs.replace(
        wanted,
        state=state,
        state_since_us=wanted.state_since_us if state == wanted.state else now_us,
        state_reason=wanted.state_reason if state == wanted.state else None,
        state_fix=wanted.state_fix if state == wanted.state else None,
        begun_at_us=begun_at_us,
        hubspot_url=request.hubspot_url,
        hubspot_name=account.name,
        salesforce_url=request.salesforce_url,
        salesforce_name=organization.name,
        sandbox=organization.is_sandbox,
        settings=settings,
    )


async def _save(
    store: Store,
    request: ConnectRequest,
    known: Connection | None,
    wanted: Connection,
    schemas: Schemas,
    clients: tuple[HubSpotClient, SalesforceClient],
    forget: Connection | None = None,
) -> Connection:
    """`forget`: goes in the same transaction, so that whatever is refused leaves it with its links."""
    async with store.write(None) as tx:
        if forget is not None:
            await _forget(tx, forget)
        if known is None:
            wanted.id = await connections.create(tx, wanted)
        else:
            await _change(tx, known, wanted)
        assert wanted.id is not None
        tx.go_on_as(wanted.id)
        if request.secrets is not None:
            await credentials.put(tx, request.secrets)
            for side in Side:
                await grants.supersede_all(tx, side.value)
        await _take_over(tx, wanted, request.grants)
        await directory.put(tx, SCHEMAS, msgspec.to_builtins(schemas))
        compiler = Compiler(schemas)
        await map_objects(tx, compiler, request.objects)
        if request.config is not None:
            await mapping_documents.apply_in(tx, request.config[0], compiler, request.config[1])
        await mapping_drift.note_in(tx, schemas, request.objects)
        if known is not None and known.settings.get("existing") != wanted.settings["existing"]:
            await load_again(tx, wanted.settings["existing"])
        if wanted.begun_at_us is not None:
            await schedule.ring(tx)
        if request.secrets is not None or request.grants:
            # Before there was a connection nothing could count these; one that counts for itself brings no secrets.
            for client in clients:
                for purpose, n in client.governor.counts.items():
                    await calls.add(tx, client.governor.side, purpose, n, tx.now_us)
        accounts = {"hubspot": wanted.hubspot_account_id, "salesforce": wanted.salesforce_org_id}
        await record(tx, request.by, "connected", f"connection:{wanted.id}", **accounts)
    return wanted


async def _forget(tx: WriteTx, seen: Connection) -> None:
    """Raises Missing; Stale where it was joined to its own org again while the other one was asked: its links are in use."""
    assert seen.id is not None
    now = await fresh(tx, seen.id)
    if (now.state, now.salesforce_org_id) != (seen.state, seen.salesforce_org_id):
        raise Stale(
            f"{seen.name} was connected again by somebody else meanwhile. Nothing was saved.",
            fix="Look at it as it is now. A HubSpot account syncs with one org: disconnect that one first.",
        )
    await connections.delete(tx, seen.id)


async def _change(tx: WriteTx, known: Connection, wanted: Connection) -> None:
    """What `wanted` makes of `known`, and no more: while the CRMs were asked, somebody else may have changed the rest. Raises
    Missing; Stale where two would begin it, or take it back to its set-up, at once."""
    assert known.id is not None
    now = await fresh(tx, known.id)
    changes = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value != getattr(known, name)}
    if not changes.keys().isdisjoint(_BEGINNING) and any(
        getattr(now, name) != getattr(known, name) for name in _BEGINNING
    ):
        raise Stale(
            f"{known.name} was changed by somebody else while it was being joined. Nothing was saved.",
            fix="Look at it as it is now, then go on.",
        )
    chosen = {name: value for name, value in wanted.settings.items() if value != known.settings.get(name)}
    wanted.settings = {**now.settings, **chosen}
    if "settings" in changes:
        changes["settings"] = wanted.settings
    if changes:
        await connections.update(tx, known.id, **changes)


async def _take_over(tx: WriteTx, wanted: Connection, grant_ids: tuple[int, ...]) -> None:
    """From now on the connection signs in with these; what they take the place of waits for `sign_offs.revoke_superseded`, which
    whoever joins calls afterwards."""
    users = await sign_offs.adopt(tx, grant_ids)
    if users and wanted.id is not None:
        names = {**wanted.settings["users"], **{side.value: identity.user_name for side, identity in users.items()}}
        wanted.settings = {**wanted.settings, "users": names}
        await connections.update(tx, wanted.id, settings=wanted.settings)


async def map_objects(tx: WriteTx, compiler: Compiler, objects: tuple[str, ...]) -> None:
    """Add what is missing; what a person changed stays."""
    object_rows = {(row.object, row.salesforce_type): row for row in await mappings.object_mappings(tx)}
    for slug in objects:
        spec = SPECS[slug]
        for type_ in spec.salesforce_types:
            # A type that is mapped already may lack a shipped pair because a person took it out.
            if (slug, type_) in object_rows:
                continue
            row_id = await mappings.save_object_mapping(tx, ObjectMappingRow(object=slug, salesforce_type=type_))
            for default in compiler.default_rows(spec, row_id, type_):
                await mappings.save_field_mapping(tx, default)


async def forget_asked(tx: WriteTx, slug: str) -> None:
    """An import, a resync or a backfill that is not done: whoever asked meant what syncs as it was."""
    await import_.forget(tx, slug)
    await resync.forget(tx, slug)
    await backfill.stop(tx, slug)


async def load_again(tx: WriteTx, existing: str) -> None:
    """Another choice for existing records: they are looked at once more, those too that the old choice left alone. What was asked
    for under that one and is not done would go on with all of them, and is forgotten."""
    await first_sync.forget(tx)
    for slug in SPECS:
        await forget_asked(tx, slug)
    if not EXISTING[existing].load:
        return
    await census.forget(tx)
    for slug in SPECS:
        await cursors.drop(tx, f"load:{slug}")
        while page := await unlinked.page(tx, slug, "existing_not_created", limit=_PAGE_ROWS):
            await unlinked.drop(tx, [each.key for each in page])
