"""The deployment that is under way, remembered before it is asked for, so that a crash never loses sight of it.

{"id": null, "user_id": U, "since_us": T}    about to be sent by U, or sent and its answer lost
{"id": "0Af...", ...}                        sent; to be followed to its end
{"taken": {"0PS...": ["005..."]}, ...}       before it the sets were taken from these users, who get them back if it fails
(no row)                                     none is under way
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

import msgspec

from interlock.app.package.alone import alone_in
from interlock.store import Store, cursors

_NAME = "package_deployment"


class Kept(msgspec.Struct, frozen=True):
    id: str | None
    user_id: str
    since_us: int
    taken: dict[str, list[str]] = {}  # permission set -> users


class Keeping(Protocol):
    async def load(self) -> Kept | None: ...

    async def keep(self, kept: Kept) -> None: ...

    async def forget(self) -> None: ...

    def alone(self, org_id: str) -> AbstractAsyncContextManager[None]:
        """While the block runs, nobody else deploys or grants in the org."""
        ...


class NothingKept:
    """For two CRMs that are not joined yet, so that there is no row to keep it in. Whoever deploys again after a crash sends a
    second deployment, which waits in the org for the first and then changes nothing. `store`: where others of the org are known."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store

    async def load(self) -> Kept | None:
        return None

    async def keep(self, kept: Kept) -> None:
        return None

    async def forget(self) -> None:
        return None

    def alone(self, org_id: str) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._store is None else alone_in(self._store, org_id)


class Keeper:
    """Of one connection."""

    def __init__(self, store: Store, connection_id: int) -> None:
        self._store = store
        self._connection_id = connection_id

    async def load(self) -> Kept | None:
        async with self._store.read(self._connection_id) as tx:
            found = await cursors.get(tx, _NAME)
        return None if found is None else msgspec.convert(found, Kept)

    async def keep(self, kept: Kept) -> None:
        async with self._store.write(self._connection_id) as tx:
            await cursors.set(tx, _NAME, msgspec.to_builtins(kept))

    async def forget(self) -> None:
        async with self._store.write(self._connection_id) as tx:
            await cursors.drop(tx, _NAME)

    def alone(self, org_id: str) -> AbstractAsyncContextManager[None]:
        return alone_in(self._store, org_id)
