"""The connection of a set-up: there as soon as both sign-ins and the package are, so that mappings can be drafted and previewed.

It is made as `connect` makes one, but for what is missing in HubSpot, which waits for the finish; and it is not begun, so that
nothing syncs (docs/adr/0019). What the wizard chose is laid over it as a whole before each preview and at the finish: until
then the steps of the set-up are the truth, and the connection only their picture.
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.app import credentials, pipelines, sign_offs
from interlock.app import mappings as mapping_documents
from interlock.app.compile import Compiler
from interlock.app.connect import ConnectRefused, ConnectRequest, join
from interlock.app.disconnect import NOT_CONNECTED
from interlock.app.errors import BadInput
from interlock.app.new_properties import classified
from interlock.app.people.visitor import By
from interlock.app.pipelines import SalesProcess
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.schemas import Schemas, keep_schemas, read_schemas
from interlock.app.setup import connect, joining, permitted, state
from interlock.app.setup.draft import Choices, Draft, schemas_to_be
from interlock.app.setup.draft import draft as make_draft
from interlock.app.setup.opened import Opened
from interlock.app.setup.permitted import Barred
from interlock.core.model import Side
from interlock.crm.errors import CallRefused, CrmError, Forbidden
from interlock.crm.hubspot.client import HubSpotClient
from interlock.crm.hubspot.model import Filter, PropertyRoom
from interlock.crm.salesforce.client import SalesforceClient
from interlock.objects.registry import SPECS
from interlock.store import Store, connections, directory, grants, links, setups
from interlock.store.connections import Connection
from interlock.store.setups import Setup

_FOUND = "setup_found"
_MAX_AGE_US = 3_600_000_000
# A call each, and HubSpot lets few a second search.
PIPELINES_COUNTED = 20


class Found(msgspec.Struct):
    """What the steps choose from. `room`: how many properties each HubSpot object has left; empty where HubSpot does not tell.
    `barred`: objects that the sign-ins may not read and write; `schemas` are of the others. `processes`: through which stages
    opportunities go. `deals`: how many there are in each HubSpot pipeline. `drafted`: see `draft`."""

    connection: Connection
    schemas: Schemas
    kept_back: dict[str, str]
    room: dict[str, int]
    barred: Barred = {}
    processes: list[SalesProcess] = []
    deals: dict[str, int] = {}
    drafted: list[tuple[Choices, Draft]] = []

    @property
    def pipelines(self) -> pipelines.Offer:
        return pipelines.Offer(self.schemas.pipelines, self.processes)

    def draft(self, choices: Choices) -> Draft:
        """Made once for each: a page asks several times, and with a thousand fields it takes a while."""
        made = next((draft for of, draft in self.drafted if of == choices), None)
        if made is None:
            made = make_draft(self.schemas, self.kept_back, choices)
            self.drafted.append((choices, made))
        return made


class _Kept(msgspec.Struct):
    kept_back: dict[str, str]
    room: dict[str, int]
    barred: Barred = {}
    processes: list[SalesProcess] = []
    deals: dict[str, int] = {}


async def found(interlock: Opened, by: By, setup: Setup) -> Found:
    """Makes the connection where it is not there yet; reads what is older than an hour. Raises ConnectRefused, CrmError."""
    connection, anew = await _joined(interlock, by, setup)
    assert connection.id is not None
    if anew:
        # Another sign-in may see and be granted something else.
        return await look_again(interlock, connection)
    async with interlock.store.read(connection.id) as tx:
        schemas = await directory.get(tx, SCHEMAS, _MAX_AGE_US)
        kept = await directory.get(tx, _FOUND, _MAX_AGE_US)
    if schemas is not None and kept is not None:
        rest = msgspec.convert(kept, _Kept)
        return _found(connection, msgspec.convert(schemas, Schemas, strict=False), rest)
    return await look_again(interlock, connection)


async def found_anew(interlock: Opened, by: By, setup: Setup, read: Found | None = None) -> Found:
    """As `found`, read now. `read`: what was read a moment ago, and is as good as long as nobody has signed in anew since. Raises
    ConnectRefused, CrmError."""
    connection, anew = await _joined(interlock, by, setup)
    if read is not None and not anew and read.connection.id == connection.id:
        return msgspec.structs.replace(read, connection=connection)
    return await look_again(interlock, connection)


async def _joined(interlock: Opened, by: By, setup: Setup) -> tuple[Connection, bool]:
    """And whether it was joined just now."""
    connection = await connection_of(interlock, setup)
    if connection is not None and not _is_of(connection, setup):
        await drop(interlock.store, setup)
        connection = None
    if connection is None or not await _signs_in_so(interlock, connection, setup):
        return await _join(interlock, by, setup), True
    return connection, False


async def look_again(interlock: Opened, connection: Connection) -> Found:
    """Raises CrmError."""
    assert connection.id is not None
    async with interlock.store.read(connection.id) as tx:
        grant = (await grants.in_use(tx)).get(Side.HUBSPOT.value)
    async with interlock.clients(connection) as clients:
        barred = await permitted.look(clients.hubspot, clients.salesforce, None if grant is None else grant.scopes)
        slugs = [slug for slug in SPECS if slug not in barred]
        schemas = await read_schemas(clients.hubspot, clients.salesforce, slugs)
        types = [type_ for slug in slugs for type_ in SPECS[slug].salesforce_types]
        kept_back = await classified(clients.salesforce, types)
        try:
            room = await clients.hubspot.property_room()
        except CrmError:
            room = {}  # not every account and scope is told: then HubSpot refuses what is too much, by name
        processes = await _processes(clients.salesforce) if "deals" in slugs else []
        deals = await _deals(clients.hubspot, schemas)
    await keep_schemas(interlock.store, connection.id, schemas)
    kept = _Kept(kept_back, _by_object(room), barred, processes, deals)
    async with interlock.store.write(connection.id) as tx:
        await directory.put(tx, _FOUND, msgspec.to_builtins(kept))
    return _found(connection, schemas, kept)


def _found(connection: Connection, schemas: Schemas, kept: _Kept) -> Found:
    return Found(connection, schemas, kept.kept_back, kept.room, kept.barred, kept.processes, kept.deals)


async def _processes(salesforce: SalesforceClient) -> list[SalesProcess]:
    try:
        return await pipelines.sales_processes(salesforce)
    except (CallRefused, Forbidden):
        return []  # an org that does not let it be read syncs by equal labels, as without a wizard


async def _deals(hubspot: HubSpotClient, schemas: Schemas) -> dict[str, int]:
    """How many deals are in each pipeline, where HubSpot counts them: it only tells people what a choice leaves out."""
    counted = {}
    for each in schemas.pipelines[:PIPELINES_COUNTED]:
        try:
            counted[each.id] = await hubspot.count("deals", [[Filter("pipeline", "EQ", each.id)]], purpose="setup")
        except CrmError:
            break
    return counted


def _by_object(room: dict[str, PropertyRoom]) -> dict[str, int]:
    return {slug: room[spec.hubspot_type_id].left for slug, spec in SPECS.items() if spec.hubspot_type_id in room}


async def connection_of(interlock: Opened, setup: Setup) -> Connection | None:
    if setup.connection_id is None:
        return None
    async with interlock.store.read(None) as tx:
        return await connections.get(tx, setup.connection_id)


def _is_of(connection: Connection, setup: Setup) -> bool:
    """Somebody may have signed in to another account since."""
    values = connect.values_of(setup)
    assert values.hubspot is not None
    assert values.salesforce is not None
    own = (connection.hubspot_account_id, connection.salesforce_org_id)
    return own == (values.hubspot.identity.account_id, values.salesforce.identity.account_id)


async def _signs_in_so(interlock: Opened, connection: Connection, setup: Setup) -> bool:
    """Whether it works with the sign-ins that the set-up has now; somebody may have signed in anew, or chosen the sync user."""
    assert connection.id is not None
    async with interlock.store.read(connection.id) as tx:
        held = [*await grants.all_in_use(tx, grants.SYNC), *await grants.all_in_use(tx, grants.ADMIN)]
    parts = await joining.parts(interlock.store, setup)
    keys = await credentials.load(interlock.store, connection.id)
    wanted = msgspec.structs.asdict(parts.secrets) if parts.secrets is not None else {}
    same_keys = all(value is None or value == getattr(keys, name) for name, value in wanted.items())
    return same_keys and {each.id for each in held} >= set(parts.grants)


async def drop(store: Store, setup: Setup) -> None:
    """Forget the connection of a set-up that never began. One that has links synced before, and was disconnected: it is so again,
    since joining the same two once more must make nothing twice. Raises BadInput for one that syncs."""
    if setup.connection_id is None:
        return
    async with store.write(setup.connection_id) as tx:
        now = await connections.get(tx, setup.connection_id)
        if now is not None and now.begun_at_us is not None:
            raise BadInput("This connection syncs already.", code="already_begun", fix="Disconnect it instead.")
        await setups.part(tx, setup.id)
        for side in Side:
            await grants.release(tx, side.value)
        if await links.counts(tx):
            for side in Side:
                await sign_offs.drop_other_ways(tx, side)
            await connections.update(
                tx,
                setup.connection_id,
                state=NOT_CONNECTED,
                state_reason="Its set-up was given up.",
                state_fix="Set it up again, or run `interlock connect`.",
            )
        else:
            await connections.delete(tx, tx.connection_id)


async def _join(interlock: Opened, by: By, setup: Setup) -> Connection:
    parts = await joining.parts(interlock.store, setup)
    signed_in = connect.values_of(setup).hubspot
    assert signed_in is not None
    account = signed_in.identity.account_id
    async with interlock.store.read(None) as tx:
        known = await connections.by_hubspot_account(tx, account)
        named = {each.name for each in await connections.list_(tx)}
    if known is not None and known.begun_at_us is not None and known.state != NOT_CONNECTED:
        raise ConnectRefused(
            "account_already_joined",
            f"HubSpot account {account} is connected already, as {known.name!r}, and syncs.",
            "Change that connection under its settings, or go back to Connect and sign in to another account.",
            side="hubspot",
        )
    async with interlock.store.read(None) as tx:
        signed = [await grants.get(tx, each) for each in parts.grants]
    scopes = next((each.scopes for each in signed if each is not None and each.side == Side.HUBSPOT.value), None)
    async with interlock.setup_clients(setup) as clients:
        barred = await permitted.look(clients.hubspot, clients.salesforce, scopes)
    request = ConnectRequest(
        parts.hubspot_url,
        parts.salesforce_url,
        name=known.name if known is not None else f"hubspot-{account}" if "default" in named else None,
        objects=tuple(slug for slug in SPECS if slug not in barred),
        sandbox=parts.sandbox,
        start=False,
        secrets=parts.secrets,
        by=by,
        grants=parts.grants,
        make=False,
    )
    async with interlock.setup_clients(setup) as clients:
        joined = await join(interlock.store, clients.hubspot, clients.salesforce, request, interlock.clock_us)
    assert joined.connection.id is not None
    async with interlock.store.write(None) as tx:
        await state.joined(tx, setup.id, joined.connection.id)
    async with interlock.crms() as crms:
        await sign_offs.revoke_superseded(interlock.store, crms, joined.connection.id)
    return joined.connection


async def lay_over(
    interlock: Opened, connection: Connection, draft: Draft, schemas: Schemas, settings: dict[str, Any]
) -> Connection:
    """Make the connection the picture of what was chosen, in one transaction. Raises BadInput once it has begun."""
    assert connection.id is not None
    async with interlock.store.write(connection.id) as tx:
        now = await connections.get(tx, connection.id)
        if now is None or now.begun_at_us is not None:
            raise BadInput(
                "This connection syncs already: the set-up changes it no more.",
                code="already_begun",
                fix="Change it under its settings.",
            )
        await mapping_documents.apply_in(
            tx, draft.document(), Compiler(schemas_to_be(schemas, draft)), lambda path: "/".join(path)
        )
        now.settings = {**now.settings, **settings, "objects": [slug for slug in SPECS if slug in draft.objects]}
        await connections.update(tx, connection.id, settings=now.settings)
    return now
