"""Bringing the package into the org of a connection, on request also the permissions for what is mapped; and taking it out again.

Each is written to the log of deeds before anything is asked of the org: it may come to its end although nobody is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from interlock.app.org_work.alone import alone
from interlock.app.package import deploy, install, permit, remove
from interlock.app.package.export import Exported
from interlock.app.package.install import Installed
from interlock.app.package.kept import Keeper
from interlock.app.package.parts import Address
from interlock.app.package.permit import Permitted
from interlock.app.package.remove import Removed
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.serve import Clients
from interlock.store import Store, connections
from interlock.store.connections import Connection


class Opens(Protocol):
    def __call__(self, connection: Connection, *, deploying: bool = False) -> AbstractAsyncContextManager[Clients]: ...


async def bring(
    store: Store,
    connection: Connection,
    open_clients: Opens,
    address: Address,
    clock_us: Callable[[], int],
    progress: deploy.Progress = lambda _: None,
    *,
    mapped_fields: bool,
    by: By = BY_COMMAND,
) -> tuple[Installed, Permitted]:
    """`mapped_fields`: also let the sync user see and write every field that is mapped. Raises PackageFailed, NotGranted,
    CrmError."""
    async with store.write(None) as tx:
        trusted = address.origin or "none"
        await record(tx, by, "package_installed", f"connection:{connection.id}", address=trusted)
    return await give(store, connection, open_clients, address, clock_us, progress, mapped_fields=mapped_fields)


async def give(
    store: Store,
    connection: Connection,
    open_clients: Opens,
    address: Address,
    clock_us: Callable[[], int],
    progress: deploy.Progress = lambda _: None,
    *,
    mapped_fields: bool,
) -> tuple[Installed, Permitted]:
    """As `bring`, where what was asked for is another thing, which is in the log of deeds by its own name: somebody has signed in.
    Raises as that does."""
    assert connection.id is not None
    # Whom the sync works as gets it; who deploys may be somebody else.
    async with open_clients(connection) as clients:
        user_id = (await clients.salesforce.identity()).user_id
    keeper = Keeper(store, connection.id)
    async with open_clients(connection, deploying=True) as clients:
        installed = await install.install(clients.salesforce, keeper, user_id, address, clock_us, progress)
        if not mapped_fields:
            return installed, Permitted((), ())
        fields = await permit.mapped_fields(store, connection.id)
        return installed, await permit.permit(clients.salesforce, keeper, user_id, fields, progress)


async def take_out(
    store: Store,
    connection: Connection,
    open_clients: Opens,
    exported: Exported,
    clock_us: Callable[[], int],
    progress: deploy.Progress = lambda _: None,
    *,
    by: By = BY_COMMAND,
) -> Removed:
    """`exported`: the links of every connection of the org. Raises BadInput (links_not_exported), Busy (org_work_running),
    PackageFailed, CrmError."""
    assert connection.id is not None
    async with store.read(None) as tx:
        of_org = await connections.of_org(tx, connection.salesforce_org_id)
    async with alone(store, of_org, clock_us):
        async with store.write(None) as tx:
            await record(tx, by, "package_removed", f"connection:{connection.id}", pairs=exported.pairs)
        async with open_clients(connection, deploying=True) as clients:
            keeper = Keeper(store, connection.id)
            return await remove.remove(store, clients.salesforce, keeper, exported, clock_us, progress)
