"""After the switch, behind the page: the new org made ready, HubSpot's stored ids set straight, and a preview. No record of
Salesforce is written, and of HubSpot's nothing but ids of the old org.

    package      fields, permission set and sites of this Interlock
    permissions  the mapped fields, for the sync user
    waiting      until no write that was under way at the switch can land in HubSpot any more
    ids          stored_ids.py
    preview      what *Link and create missing* would do, which is the most that can happen

Each step can be run again: after a failure, or a process that died, it starts from the first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from interlock.app import key_fields, owned_work, preview
from interlock.app.background import failure_of
from interlock.app.compiled import compile_objects
from interlock.app.connections import fresh
from interlock.app.errors import AppError, Stale, Stopped
from interlock.app.new_org import kept, stored_ids
from interlock.app.new_org.kept import Ids, Opened, Run
from interlock.app.once import chosen_objects
from interlock.app.package import permit
from interlock.app.package.install import install
from interlock.app.package.kept import Keeper
from interlock.app.package.parts import address_of
from interlock.app.people.visitor import By
from interlock.app.runtime import settings_of
from interlock.app.schemas import keep_schemas, read_schemas
from interlock.app.times import US
from interlock.engine.window import BEGUN_EARLIER_US
from interlock.objects.registry import SPECS
from interlock.store import connections
from interlock.store.connections import Connection
from interlock.store.lease import Lease


def task_name(connection_id: int) -> str:
    return f"new_org:{connection_id}"


async def begin(interlock: Opened, by: By, connection: Connection, public_url: str) -> None:
    """From the first step on. While one runs, nothing happens. Raises Stopped."""
    assert connection.id is not None
    moved = kept.moved(connection)
    before = await kept.run_of(interlock.store, connection)
    if before is not None and before.state == "running" and await owned_work.runs(interlock, task_name(connection.id)):
        return
    emptying = moved.emptied or (before is not None and before.emptying)
    # What was emptied before counts on: a second look finds nothing left to empty.
    emptied = before.ids.emptied if before is not None and before.of == moved.grant else 0
    run = Run("running", "package", moved.grant, by.actor, interlock.clock_us(), emptying=emptying, ids=Ids(0, emptied))
    await kept.keep_run(interlock.store, connection.id, run)
    _start(interlock, by, connection.id, public_url)


async def standing(interlock: Opened, connection: Connection, public_url: str) -> Run | None:
    """As it stands, live where it runs in this process and some seconds old where it does in another; one that a process left is
    continued. None: never begun."""
    assert connection.id is not None
    run = await kept.run_of(interlock.store, connection)
    name = task_name(connection.id)
    interlock.background.raise_defect(name)
    if run is None or run.state != "running":
        return run
    if not interlock.background.runs(name):
        _start(interlock, By(run.by), connection.id, public_url)
    return interlock.background.told(name) or run


async def go_on_with_what_was_left(interlock: Opened, address: Callable[[int], Awaitable[str]]) -> None:
    """Preparations that a process left when it died: whoever confirmed was told that the page may be left. `address`: of this
    Interlock's pages, for a connection."""
    async with interlock.store.read(None) as tx:
        found = await connections.list_(tx)
    for connection in found:
        moved = kept.of(connection)
        if connection.id is not None and moved is not None and moved.stage == "moved":
            await standing(interlock, connection, await address(connection.id))


async def wait(interlock: Opened, connection_id: int) -> None:
    await interlock.background.wait(task_name(connection_id))


def _start(interlock: Opened, by: By, connection_id: int, public_url: str) -> None:
    async def load() -> Run | None:
        async with interlock.store.read(None) as tx:
            connection = await connections.get(tx, connection_id)
        return None if connection is None else await kept.run_of(interlock.store, connection)

    async def work(run: Run, lease: Lease) -> None:
        who = by if by.actor == run.by else By(run.by)
        await _Preparation(interlock, who, connection_id, run, public_url, lease).finish()

    owned_work.carry_on(interlock, task_name(connection_id), load, work)


class _Preparation:
    def __init__(self, interlock: Opened, by: By, connection_id: int, run: Run, public_url: str, lease: Lease) -> None:
        self._interlock = interlock
        self._by = by
        self._connection_id = connection_id
        self._public_url = public_url
        self._run = run
        self._lease = lease
        self._counted_from_us = 0

    def _tell(self, **changes: Any) -> None:
        self._run = msgspec.structs.replace(self._run, **changes)
        self._interlock.background.tell(task_name(self._connection_id), self._run)

    async def finish(self) -> None:
        try:
            async with owned_work.shared(lambda: self._run, self._keep):
                await self._prepare()
        except Exception as error:  # noqa: BLE001  (what nobody remembers would be begun anew by every look)
            failure = failure_of(error)
            self._tell(state="failed", message=failure.message, fix=failure.fix, ended_at_us=self._interlock.clock_us())
        await owned_work.at_last(lambda: self._keep(self._run))

    async def _keep(self, run: Run) -> None:
        with contextlib.suppress(Stale, Stopped):
            await kept.keep_run(
                self._interlock.store,
                self._connection_id,
                run,
                self._lease,
                self._counted_from_us if run.preview else None,
            )

    async def _prepare(self) -> None:
        connection = await self._connection()
        moved = kept.moved(connection)
        await self._package(connection, moved.trusts_address)
        self._tell(step="waiting")
        await asyncio.sleep(max(0, moved.landed_at_us - self._interlock.clock_us()) / 1_000_000)
        self._tell(step="ids")
        ids = await self._ids(connection)
        ids = msgspec.structs.replace(ids, emptied=ids.emptied + self._run.ids.emptied)
        self._tell(step="preview", ids=ids, ready_at_us=self._ready_at_us(connection))
        await kept.keep_run(self._interlock.store, self._connection_id, self._run, self._lease)
        self._tell(preview=await self._preview(connection))
        self._tell(state="done", step="done", ended_at_us=self._interlock.clock_us())

    async def _connection(self) -> Connection:
        async with self._interlock.store.read(None) as tx:
            return await fresh(tx, self._connection_id)

    async def _package(self, connection: Connection, trusts_address: bool) -> None:
        interlock, slugs = self._interlock, chosen_objects(connection, None)
        address = address_of(self._public_url) if trusts_address else key_fields.WITHOUT_SITES
        keeper = Keeper(interlock.store, self._connection_id)
        async with interlock.clients(connection, deploying=True) as clients:
            user_id = (await clients.salesforce.identity()).user_id
            await install(clients.salesforce, keeper, user_id, address, interlock.clock_us, lambda _: None)
            self._tell(step="permissions")
            fields = await permit.mapped_fields(interlock.store, self._connection_id)
            described = {type_ for slug in slugs for type_ in SPECS[slug].salesforce_types}
            fields = [each for each in fields if each.sobject in described]
            await permit.permit(clients.salesforce, keeper, user_id, fields, lambda _: None)
            schemas = await read_schemas(clients.hubspot, clients.salesforce, slugs)
        lacking = key_fields.missing(schemas, slugs).creation_keys
        unfit = [name for side, name in key_fields.unfit(schemas, slugs) if side == "salesforce"]
        if lacking or unfit:
            raise AppError(
                f"{', '.join(lacking or unfit)}: the sync user does not see the creation key there, or it is no unique"
                " external id.",
                code="package_missing" if lacking else "key_field_unfit",
                side="salesforce",
                fix="Let the user see it, or rename a field of that name that is not Interlock's; then try again.",
            )
        await keep_schemas(interlock.store, self._connection_id, schemas)

    async def _ids(self, connection: Connection) -> Ids:
        interlock, slugs = self._interlock, chosen_objects(connection, None)

        async def before_emptying() -> None:
            self._tell(emptying=True)
            await kept.keep_run(interlock.store, self._connection_id, self._run, self._lease)

        async with interlock.clients(connection) as clients:
            schemas = await read_schemas(clients.hubspot, clients.salesforce, slugs)
            objects = await compile_objects(
                interlock.store, self._connection_id, schemas, slugs, settings_of(connection)
            )
            return await stored_ids.set_straight(
                interlock.store, self._connection_id, connection.hubspot_account_id, clients, objects, before_emptying
            )

    def _ready_at_us(self, connection: Connection) -> int:
        """An emptied id is a change of its record. A sync that begins looks back so far, and would take it for news of it."""
        if not self._run.emptying:
            return 0
        ready_at_us = self._interlock.clock_us() + BEGUN_EARLIER_US + settings_of(connection).hubspot_overlap_us
        return -(-ready_at_us // US) * US  # as it is said to people

    async def _preview(self, connection: Connection) -> dict[str, Any]:
        # What exists is looked at as the widest choice would; on a copy, like all of this.
        connection.settings = {**connection.settings, "existing": "all"}
        self._counted_from_us = self._interlock.clock_us()
        async with self._interlock.clients(connection) as clients:
            found = await preview.plan(
                self._interlock.store,
                connection,
                clients.hubspot,
                clients.salesforce,
                self._interlock.clock_us,
                only=chosen_objects(connection, None),
            )
        return preview.as_document(found)
