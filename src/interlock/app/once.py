"""A sync that somebody asked for: by the dispatcher that runs, or by this process under the org's lease.

Refuses what is halted, waits for the lease as long as it was told to, begins a connection that never synced, and leaves the
connection's state as what became of the sync.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import cache

from interlock.app import states
from interlock.app.connections import HALTED, active_objects, objects_on
from interlock.app.errors import AppError, Missing, Stopped
from interlock.app.handing_over import hand_over
from interlock.app.keys import object_of
from interlock.app.runtime import open_cycle
from interlock.app.schemas import NAME as SCHEMAS
from interlock.app.serve import Clients, OpenClients
from interlock.app.sync import SyncResult, calls_of, result_of, sync
from interlock.app.turns import when_free
from interlock.core.model import RecordKey, Side
from interlock.crm.errors import BudgetSpent, SchemaChanged
from interlock.engine.context import Cycle
from interlock.engine.cycle import drain
from interlock.engine.load import loading
from interlock.store import Store, directory, dirty, issues, links, unlinked
from interlock.store.connections import Connection
from interlock.store.lifesign import new_owner

WorkOn = Callable[[Cycle], Awaitable[object]]


class SignedOut(AppError):
    """The CRM refused the sign-in before, and nobody has signed in since."""

    code = "sign_in_refused"
    exit_code = 3


@cache
def owner_name() -> str:
    """Of this process, which is what an owner of a lease is."""
    return new_owner(f"{socket.gethostname()}:{os.getpid()}")


def chosen_objects(connection: Connection, only: Sequence[str] | None) -> list[str]:
    """What this connection syncs, paused or not, or the part that was asked for. Raises Missing."""
    chosen = objects_on(connection)
    off = [slug for slug in only or () if slug not in chosen]
    if off:
        raise Missing(
            f"{', '.join(off)}: this connection does not sync them.",
            code="object_off",
            fix=f"Name others ({', '.join(chosen)}), or switch them on in the settings.",
        )
    return [slug for slug in chosen if not only or slug in only]


def check_runs(connection: Connection, only: Sequence[str] | None) -> list[str]:
    """The objects to work on. Raises Stopped when there is nothing that may sync, SignedOut, Missing."""
    if connection.state == "signed_out":
        raise SignedOut(
            f"{connection.name} is signed out: {connection.state_reason}",
            fix=f"{connection.state_fix or 'Sign in again.'} Then run `interlock resume`.",
        )
    if connection.state in HALTED:
        raise Stopped(
            f"{connection.name} is {HALTED[connection.state]}: {connection.state_reason or 'no reason was given.'}",
            code=connection.state,
            fix=connection.state_fix or "Run `interlock resume`.",
        )
    chosen_objects(connection, only)
    slugs = [slug for slug in active_objects(connection) if not only or slug in only]
    if not slugs:
        what = ", ".join(only) if only else "Every object"
        raise Stopped(f"{what} is paused.", code="paused", fix="Run `interlock resume`.")
    return slugs


async def once(
    store: Store,
    connection: Connection,
    open_clients: OpenClients,
    clock_us: Callable[[], int],
    *,
    only: Sequence[str] | None = None,
    keys: Sequence[RecordKey] = (),
    wait_s: float = 0.0,
    work: WorkOn = drain,
    on_cycle: Callable[[Cycle], None] | None = None,
) -> SyncResult:
    """Until nothing is due now and a detection pass found nothing new; with `keys` these records alone.

    `work`: something else than a drain, which no dispatcher can be handed. `on_cycle` is given the cycle, whose `stop` ends
    the work. Raises AppError, CrmError, HeldByOther when another process holds the org for longer than `wait_s`.
    """
    slugs = check_runs(connection, only)
    connection = await states.begin(store, connection)
    assert connection.id is not None
    if work is drain:
        handed = await hand_over(store, connection, keys, slugs if only else (), clock_us=clock_us)
        if handed is not None:
            await check_found(store, connection.id, keys)
            return handed
    async with open_clients(connection) as clients:
        tries = 2
        while True:
            tries -= 1
            try:
                return await _under_lease(store, connection, clients, clock_us, slugs, keys, wait_s, work, on_cycle)
            except SchemaChanged as error:
                # A property or field went away since the schemas were read: mappings that need it are then left out.
                if not tries:
                    await states.halt(store, connection.id, "suspended", error.message, error.fix)
                    raise
                async with store.write(connection.id) as tx:
                    await directory.drop(tx, SCHEMAS)


async def _under_lease(
    store: Store,
    connection: Connection,
    clients: Clients,
    clock_us: Callable[[], int],
    slugs: Sequence[str],
    keys: Sequence[RecordKey],
    wait_s: float,
    work: WorkOn,
    on_cycle: Callable[[Cycle], None] | None,
) -> SyncResult:
    assert connection.id is not None
    connection_id = connection.id

    async def attempt() -> SyncResult:
        async with open_cycle(
            store, connection, clients.hubspot, clients.salesforce, clock_us, owner_name(), slugs
        ) as ctx:
            if on_cycle is not None:
                on_cycle(ctx)
            started_us, before = clock_us(), calls_of(ctx)
            try:
                async with states.working(store, connection_id, first=await loading(ctx), lease=ctx.lease):
                    result = await sync(ctx, keys, work)
                    await check_found(store, connection_id, keys)
                    return result
            except BudgetSpent as spent:
                return await result_of(ctx, started_us, before, "stopped", spent.message)

    return await when_free(attempt, clock_us, wait_s)


async def check_found(store: Store, connection_id: int, keys: Sequence[RecordKey]) -> None:
    """After a sync of records that a person named: one that neither CRM nor we know. Raises Missing."""
    for key in keys:
        slug = object_of(key)
        async with store.read(connection_id) as tx:
            by_id = links.by_hubspot if key.side is Side.HUBSPOT else links.by_salesforce
            known = (
                await by_id(tx, slug, [key.id]) or await unlinked.by_keys(tx, [key]) or await dirty.by_keys(tx, [key])
            )
        if not known:
            raise Missing(
                f"{key} was not found: it is not there, or the sync user may not see it.",
                code="no_such_record",
                record=str(key),
                fix="`interlock find TEXT` looks for a name, an e-mail or an id.",
            )


async def open_issues(store: Store, connection_id: int) -> int:
    """How many things need a person."""
    async with store.read(connection_id) as tx:
        return (await issues.counts(tx)).total
