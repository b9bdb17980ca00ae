"""Bringing the package into the org of a connection: the deployment, and on request also the permissions for what is mapped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from interlock.app.package import deploy, install, permit
from interlock.app.package.install import Installed
from interlock.app.package.kept import Keeper
from interlock.app.package.parts import Address
from interlock.app.package.permit import Permitted
from interlock.app.serve import Clients
from interlock.store import Store
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
) -> tuple[Installed, Permitted]:
    """`mapped_fields`: also let the sync user see and write every field that is mapped. Raises PackageFailed, CrmError."""
    assert connection.id is not None
    # Whom the sync works as gets it; who deploys may be somebody else.
    async with open_clients(connection) as clients:
        user_id = (await clients.salesforce.identity()).user_id
    keeper = Keeper(store, connection.id)
    async with open_clients(connection, deploying=True) as clients:
        installed = await install.install(clients.salesforce, keeper, user_id, address, clock_us, progress)
        if not mapped_fields:
            return installed, Permitted((), (), None)
        fields = await permit.mapped_fields(store, connection.id)
        return installed, await permit.permit(clients.salesforce, keeper, user_id, fields, clock_us, progress)
