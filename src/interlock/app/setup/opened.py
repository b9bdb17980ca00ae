"""What the steps behind the sign-ins need of the opened installation (wiring.Interlock is one), and what they keep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

import msgspec

from interlock.app.background import Background
from interlock.app.crms import Crms
from interlock.app.package.alone import alone_in
from interlock.app.package.kept import Kept
from interlock.app.serve import Clients
from interlock.store import Store, setup_work
from interlock.store.connections import Connection
from interlock.store.lease import Lease
from interlock.store.setups import Setup

Content = TypeVar("Content", bound=msgspec.Struct)
_DEPLOYMENT = "deployment"


class Opened(Protocol):
    @property
    def store(self) -> Store: ...

    @property
    def clock_us(self) -> Callable[[], int]: ...

    @property
    def background(self) -> Background: ...

    def setup_clients(self, setup: Setup, *, deploying: bool = False) -> AbstractAsyncContextManager[Clients]:
        """Clients of both sign-ins of a set-up. `deploying`: as the admin, where the sync runs as somebody else."""
        ...

    def clients(
        self, connection: Connection, *, note: bool = True, deploying: bool = False, administrator: int | None = None
    ) -> AbstractAsyncContextManager[Clients]: ...

    def crms(self) -> AbstractAsyncContextManager[Crms]: ...

    async def told_address(self, connection_id: int | None = None) -> str | None:
        """By which people come to the pages, where anybody said it."""
        ...


def task_name(setup_id: int, name: str) -> str:
    """In the background, one of a set-up and name at a time."""
    return f"setup:{setup_id}:{name}"


async def load(store: Store, setup_id: int, name: str, type_: type[Content]) -> Content | None:
    async with store.read(None) as tx:
        found = await setup_work.get(tx, setup_id, name)
    return None if found is None else msgspec.convert(found, type_)


async def keep(store: Store, setup_id: int, name: str, content: msgspec.Struct, lease: Lease | None = None) -> None:
    """Raises Fenced where `lease` is another's by now."""
    async with store.write(None, lease) as tx:
        await setup_work.put(tx, setup_id, name, msgspec.to_builtins(content))


class SetupKeeper:
    """The deployment of a set-up, remembered before it is asked for (package/kept.py): there is no connection to keep it by."""

    def __init__(self, store: Store, setup_id: int) -> None:
        self._store = store
        self._setup_id = setup_id

    async def load(self) -> Kept | None:
        return await load(self._store, self._setup_id, _DEPLOYMENT, Kept)

    async def keep(self, kept: Kept) -> None:
        await keep(self._store, self._setup_id, _DEPLOYMENT, kept)

    async def forget(self) -> None:
        async with self._store.write(None) as tx:
            await setup_work.drop(tx, self._setup_id, _DEPLOYMENT)

    def alone(self, org_id: str) -> AbstractAsyncContextManager[None]:
        return alone_in(self._store, org_id)
