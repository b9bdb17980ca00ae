"""Somebody has signed in to another sandbox: what going over to it would mean, before anything is changed; or giving it up.

What is shown is read from the new org and from the store each time, and bears a fingerprint: whoever confirms, confirms just that.
"""

from __future__ import annotations

import hashlib

import msgspec

from interlock.app import sign_offs, what_syncs
from interlock.app.compile import Compiler
from interlock.app.connections import fresh
from interlock.app.key_fields import WITHOUT_SITES
from interlock.app.mappings import kept_compiler, status_of
from interlock.app.new_org import kept
from interlock.app.new_org.kept import NewOrg, Opened
from interlock.app.once import chosen_objects
from interlock.app.package import permit
from interlock.app.package import plan as package
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.app.pipelines import OPPORTUNITY
from interlock.app.schemas import Schemas, read_schemas
from interlock.app.sign_in import Finished
from interlock.app.sign_in_checks import check_other_sandbox
from interlock.core.codec.stage import MASTER
from interlock.core.model import SyncRule
from interlock.crm.salesforce.client import SalesforceClient
from interlock.objects.pipelines import ANY
from interlock.objects.registry import SPECS
from interlock.store import another_org, connections, mappings
from interlock.store.another_org import SetAside
from interlock.store.connections import Connection


class Lacking(msgspec.Struct, frozen=True):
    """A mapping that works with the old org and cannot be used in the new one as it is, and why. It is kept, and left out until
    it can."""

    id: int
    object: str
    property: str
    field: str
    salesforce_object: str
    reason: str


class LostPipeline(msgspec.Struct, frozen=True):
    """A HubSpot pipeline that stands for a record type which the new org does not offer the sync user."""

    id: str
    label: str
    record_type: str


class Look(msgspec.Struct, frozen=True):
    """`fingerprint`: of all that a person is shown."""

    aside: SetAside
    package: package.Plan
    lacking: list[Lacking]
    pipelines: list[LostPipeline]
    schemas: Schemas
    native_ids: bool
    fingerprint: str


async def note(interlock: Opened, by: By, finished: Finished) -> NewOrg:
    """The sign-in is remembered as the connection's offer; one that it replaces is ended at its CRM. Nothing else has changed.
    Raises SignInStopped, BadInput: then this one is ended again."""
    connection_id = finished.moves
    assert connection_id is not None
    replaced = None
    try:
        async with interlock.store.write(connection_id) as tx:
            now = await fresh(tx, connection_id)
            check_other_sandbox(now, finished.identity)
            before = kept.of(now)
            if before is not None and before.stage == "offered":
                replaced, before = before.grant, before.before
            offer = NewOrg("offered", finished.identity, finished.grant_id, by.actor, finished.joined_to, before=before)
            await kept.put(tx, now, offer)
            account = offer.identity.account_id
            await record(tx, by, "new_sandbox_offered", f"connection:{connection_id}", salesforce=account)
    except BaseException:
        async with interlock.crms() as crms:
            await sign_offs.revoke(interlock.store, crms, finished.grant_id)
        raise
    if replaced is not None and replaced != offer.grant:
        async with interlock.crms() as crms:
            await sign_offs.revoke(interlock.store, crms, replaced)
    return offer


async def give_up(interlock: Opened, by: By, connection_id: int) -> None:
    """The sign-in is ended at Salesforce, and all is as it was. Raises Stopped."""
    async with interlock.store.write(connection_id) as tx:
        now = await fresh(tx, connection_id)
        offer = kept.offered(now)
        if offer.before is not None:
            await kept.put(tx, now, offer.before)
        else:
            await connections.update(tx, connection_id, settings=kept.without(now.settings))
        await record(
            tx, by, "new_sandbox_given_up", f"connection:{connection_id}", salesforce=offer.identity.account_id
        )
    async with interlock.crms() as crms:
        await sign_offs.revoke(interlock.store, crms, offer.grant)


async def look(interlock: Opened, connection: Connection) -> Look:
    """Asks the new org, and changes nothing. Raises Stopped, CrmError, Missing."""
    assert connection.id is not None
    offer = kept.offered(connection)
    fields = await permit.mapped_fields(interlock.store, connection.id)
    async with interlock.clients_with(connection, offer.grant) as clients:
        found = await package.look(clients.salesforce, offer.identity.user_id, WITHOUT_SITES)
        schemas = await read_schemas(clients.hubspot, clients.salesforce, chosen_objects(connection, None))
        fields = [each for each in fields if each.sobject in schemas.fields]
        allowed = await permit.choose_in(clients.salesforce, fields)
        pipelines = await _lost_pipelines(connection, clients.salesforce, schemas)
    hidden = {name for name, _ in allowed.grants}
    async with interlock.store.read(connection.id) as tx:
        aside = await another_org.counts(tx)
    lacking = await _lacking(interlock, connection, schemas, hidden)
    native_ids = bool(connection.settings.get("native_ids"))
    # The counts move while the old org syncs on, and nobody decides by the last pair.
    of = [
        connection.salesforce_org_id,
        offer.identity.account_id,
        offer.grant,
        found.state,
        native_ids,
        lacking,
        pipelines,
    ]
    fingerprint = hashlib.sha256(msgspec.json.encode(of)).hexdigest()[:16]
    return Look(aside, found, lacking, pipelines, schemas, native_ids, fingerprint)


async def _lost_pipelines(connection: Connection, salesforce: SalesforceClient, schemas: Schemas) -> list[LostPipeline]:
    """One call, where pipelines stand for record types. Raises CrmError."""
    chosen = what_syncs.chosen(connection, "deals").pipelines
    named = {id_: each.record_type for id_, each in chosen.items() if each.record_type not in (ANY, MASTER)}
    if not named or not schemas.pipelines:
        return []
    there = {each.id for each in await salesforce.record_types(OPPORTUNITY)}
    labels = {each.id: each.label for each in schemas.pipelines}
    return [LostPipeline(id_, labels.get(id_, id_), type_) for id_, type_ in named.items() if type_ not in there]


async def _lacking(interlock: Opened, connection: Connection, schemas: Schemas, hidden: set[str]) -> list[Lacking]:
    """`hidden`: fields that the package's permission set shows to the sync user, whether or not they are seen now."""
    assert connection.id is not None
    compiler = Compiler(schemas)
    async with interlock.store.read(connection.id) as tx:
        types = {row.id: row for row in await mappings.object_mappings(tx)}
        rows = await mappings.field_mappings(tx)
        old = await kept_compiler(tx)
    found = []
    for row in rows:
        of = types[row.object_mapping_id]
        if row.rule == SyncRule.DONT_SYNC or of.salesforce_type not in schemas.fields or row.id is None:
            continue
        unseen = schemas.field_named(of.salesforce_type, row.field) is None
        if unseen and f"{of.salesforce_type}.{row.field}" in hidden:
            continue
        status = compiler.check(SPECS[of.object], of.salesforce_type, row.property, row.field)
        # What does not work with the old org either is no news of the new one.
        if status.status == "broken" and status_of(old, of, row).status != "broken":
            reason = status.reason or "they cannot be joined"
            found.append(Lacking(row.id, of.object, row.property, row.field, of.salesforce_type, reason))
    return found
