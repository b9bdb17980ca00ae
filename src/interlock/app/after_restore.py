"""Nothing is given back by a restore that was taken from people, programs and connections since the backup was made.

`restore` (backup.py) does it before the backup takes the place of the database. Where other tools have put the database back
(pg_restore, a snapshot of a disk) `interlock after-restore` does it, by what the database knows that was there before. Without that
one nothing is known of what was taken; who was signed in then is not believed in any case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from interlock.app import erased_since
from interlock.app.connections import SINCE_THE_BACKUP, SINCE_THE_BACKUP_FIX
from interlock.app.errors import BadInput, Busy
from interlock.app.handing_over import running
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.store import Keyring, Store, connections, restored
from interlock.store.errors import SecretUnreadable
from interlock.store.sealed import reseal_all


class Settled(msgspec.Struct, frozen=True):
    """`withdrawn`: how many of each were taken again; None: nothing was known. `readable`: the key file opens the sign-ins."""

    connections: int
    withdrawn: dict[str, int] | None
    readable: bool


async def settle(
    database: str,
    replaced: str | None,
    keys: Keyring,
    clock_us: Callable[[], int],
    *,
    by: By = BY_COMMAND,
    open_store: Callable[..., Awaitable[Store]] = Store.open,
) -> Settled:
    """`replaced`: the address of the database that was there before. Raises BadInput, Busy, StoreError."""
    if replaced == database:
        raise BadInput(
            "The database that was put back and the one that was there before are the same.",
            code="same_database",
            field="replaced",
            fix="Restore into a new database, name that one in interlock.yaml, and the old one here.",
        )
    store = await open_store(database, clock_us=clock_us, keyring=keys)
    try:
        if await running(store, clock_us()):
            raise Busy(
                "Interlock is running on this database, or was until a moment ago.",
                code="running",
                fix="Stop `interlock serve`, `worker` and `sync`, wait a minute, then run this again.",
            )
        async with store.read(None) as tx:
            made_at_us = await restored.last_deed_us(tx)
        if replaced is None:
            await withdraw_again(store, None, made_at_us, by)
            withdrawn = None
        else:
            before = await open_store(replaced, clock_us=clock_us, keyring=keys)
            try:
                withdrawn = await withdraw_again(store, before, made_at_us, by)
            finally:
                await before.close()
        listed, readable = await sealed_anew(store, keys)
        return Settled(listed, withdrawn, readable)
    finally:
        await store.close()


async def withdraw_again(store: Store, replaced: Store | None, made_at_us: int, by: By) -> dict[str, int]:
    """`replaced`: the database that was there. It knows who was erased, disabled or paused since. How many of each there were."""
    known = restored.Withdrawn()
    if replaced is not None:
        async with store.read(None) as tx:
            first_deed = await restored.first_deed_of(tx)
        async with replaced.read(None) as tx:
            known = await restored.withdrawn(tx, first_deed)
    async with store.write(None) as tx:
        await restored.forget_what_was_running(tx)
        again = await restored.withdraw_again(tx, known, SINCE_THE_BACKUP, SINCE_THE_BACKUP_FIX)
        await record(tx, by, "restored", "installation", made_at_us=made_at_us, withdrawn=again)
    if replaced is not None:
        await erased_since.forget_again(replaced, store)
    return again


async def sealed_anew(store: Store, keys: Keyring) -> tuple[int, bool]:
    """How many connections there are, and whether the key file opens everything sealed. What it opens is sealed anew with its
    first key, so that none of it needs the key of the backup any more."""
    async with store.read(None) as tx:
        listed = await connections.list_(tx)
    try:
        await reseal_all(store, keys)
    except SecretUnreadable:
        return len(listed), False
    return len(listed), True
