"""Nothing is given back by a restore that was taken from people, programs and connections since the backup was made.

`restore` (backup.py) does it before the backup takes the place of the database. Where other tools have put the database back
(pg_restore, a snapshot of a disk) `interlock after-restore` does it, by what the database knows that was there before. Without that
one nothing is known of what was taken; who was signed in then is not believed in any case.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from interlock.app import erased_since, left_running, let_in
from interlock.app.connections import BY_THE_REPLACED, SINCE_THE_BACKUP, SINCE_THE_BACKUP_FIX
from interlock.app.errors import BadInput, Busy
from interlock.app.handing_over import running
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.store import Keyring, Store, connections, copy, heartbeat, restored
from interlock.store.errors import NotOurs, SecretUnreadable, StoreError
from interlock.store.lifesign import new_owner
from interlock.store.sealed import reseal_all

OpenStore = Callable[..., Awaitable[Store]]
_NAME_IT = "Name the database that was there before, as interlock.yaml named it."


class Settled(msgspec.Struct, frozen=True):
    """`withdrawn`: how many of each were taken again; None: nothing was known. `readable`: the key file opens the sign-ins.
    `lets_in`: who gets in now."""

    connections: int
    withdrawn: dict[str, int] | None
    readable: bool
    lets_in: let_in.LetIn


class Planned(msgspec.Struct, frozen=True):
    """As of `Settled`."""

    withdrawn: dict[str, int] | None
    lets_in: let_in.LetIn


async def settle(
    database: str,
    replaced: str | None,
    keys: Keyring,
    clock_us: Callable[[], int],
    *,
    by: By = BY_COMMAND,
    open_store: OpenStore = Store.open,
) -> Settled:
    """`replaced`: the address of the database that was there before. Raises BadInput, Busy, StoreError."""
    async with _checked(database, replaced, keys, clock_us, open_store) as (store, before):
        async with store.read(None) as tx:
            made_at_us = await restored.last_deed_us(tx)
        again = await withdraw_again(store, before, made_at_us, by)
        listed, readable = await sealed_anew(store, keys)
        async with store.read(None) as tx:
            lets_in = await let_in.by(tx)
        return Settled(listed, None if before is None else again, readable, lets_in)


async def plan(
    database: str,
    replaced: str | None,
    clock_us: Callable[[], int],
    *,
    open_store: OpenStore = Store.open,
) -> Planned:
    """What `settle` would do. Raises as that does."""
    async with _checked(database, replaced, None, clock_us, open_store) as (store, before):
        known = restored.Withdrawn() if before is None else await _known(store, before)
        planned: list[Planned] = []
        with contextlib.suppress(_NotMeant):
            async with store.write(None) as tx:
                again = await restored.withdraw_again(tx, known, SINCE_THE_BACKUP, SINCE_THE_BACKUP_FIX)
                planned.append(Planned(None if before is None else again, await let_in.by(tx)))
                raise _NotMeant
        return planned[0]


class _NotMeant(Exception):
    """Rolls back what was only to be counted."""


@asynccontextmanager
async def _checked(
    database: str,
    replaced: str | None,
    keys: Keyring | None,
    clock_us: Callable[[], int],
    open_store: OpenStore,
) -> AsyncIterator[tuple[Store, Store | None]]:
    """Both databases, once it is certain that they are two of one installation and nothing runs on either: from any other one
    people would get passwords and roles that were never theirs here. Only then is either brought to this version's schema."""
    _check_files(database, replaced)
    async with AsyncExitStack() as stack:

        async def opened(address: str, as_it_is: bool) -> Store:
            store = await open_store(address, clock_us=clock_us, keyring=keys, as_it_is=as_it_is)
            stack.push_async_callback(store.close)
            return store

        own = await opened(database, True)
        await _check_stopped(own, "this database", clock_us())
        if replaced is None:
            yield await opened(database, False), None
            return
        try:
            other = await opened(replaced, True)
        except NotOurs as error:
            raise BadInput(str(error), code=error.code, field="replaced", fix=_NAME_IT) from error
        await _check_stopped(other, "the database that was there before", clock_us())
        await _check_same_installation(own, other)
        store, before = await opened(database, False), await opened(replaced, False)
        if await _are_one(store, before, clock_us()):
            raise _same()
        yield store, before


async def _check_stopped(store: Store, what: str, now_us: int) -> None:
    """Raises Busy."""
    if await running(store, now_us):
        raise Busy(
            f"Interlock is running on {what}, or was until a moment ago.",
            code="running",
            fix="Stop `interlock serve`, `worker` and `sync`, wait a minute, then run this again.",
        )


def _check_files(database: str, replaced: str | None) -> None:
    """Opening a file that is not there would make an empty one, which knows of nothing that was taken. Raises BadInput."""
    own, other = copy.file_of(database), None if replaced is None else copy.file_of(replaced)
    if own is not None and not own.exists():
        raise BadInput(
            f"There is no database {own}, which interlock.yaml names.",
            code="no_such_database",
            fix="Put the database back first, or correct `database` in interlock.yaml. Then run this again.",
        )
    if other is None:
        return
    if not other.exists():
        raise BadInput(
            f"There is no database {other}. Nothing was changed.",
            code="no_such_database",
            field="replaced",
            fix=_NAME_IT,
        )
    if own is not None and own.samefile(other):
        raise _same()
    try:
        copy.revision_of(other)
    except StoreError as error:
        raise BadInput(
            f"{other} cannot be used: {error}",
            code="no_such_database",
            field="replaced",
            fix=_NAME_IT,
        ) from error


async def _are_one(store: Store, before: Store, now_us: int) -> bool:
    """Whether two addresses lead to one database, however they are spelt: what is written in one is seen in the other."""
    probe = new_owner("after-restore")
    await heartbeat.beat(store, probe, now_us)
    try:
        seen = await heartbeat.last_beat(before)
        return seen is not None and seen.owner == probe
    finally:
        await heartbeat.end(store, probe)


def _same() -> BadInput:
    return BadInput(
        "The database that was put back and the one that was there before are the same.",
        code="same_database",
        field="replaced",
        fix="Restore into a new database, name that one in interlock.yaml, and the old one here.",
    )


async def _check_same_installation(store: Store, before: Store) -> None:
    """Raises BadInput."""
    here, there = await restored.begins_with(store), await restored.begins_with(before)
    if here is None or here != there:
        raise BadInput(
            "The two databases are not of one installation, by the beginnings of their audit logs. Nothing was changed.",
            code="another_installation",
            field="replaced",
            fix="Name the database that was there before this one was put back. If it is gone, leave --replaced out.",
        )


async def _known(store: Store, replaced: Store) -> restored.Withdrawn:
    async with store.read(None) as tx:
        first_deed = await restored.first_deed_of(tx)
    async with replaced.read(None) as tx:
        return await restored.withdrawn(tx, first_deed)


async def withdraw_again(
    store: Store, replaced: Store | None, made_at_us: int, by: By, *, same: bool = True
) -> dict[str, int]:
    """`replaced`: the database that was there. It knows who was erased, disabled or paused since. How many of each there were.

    Without `same` it is another installation's: whoever has the e-mail of somebody there may be somebody else, and has a password
    and a role by another admin, so that neither counts here. A pause and an erasure there hold for the same HubSpot account.
    """
    known = restored.Withdrawn() if replaced is None else await _known(store, replaced)
    if not same:
        known = restored.Withdrawn(accounts=known.accounts)
    await left_running.end(store)
    async with store.write(None) as tx:
        await restored.forget_what_was_running(tx)
        why = SINCE_THE_BACKUP if same else BY_THE_REPLACED
        again = await restored.withdraw_again(tx, known, why, SINCE_THE_BACKUP_FIX)
        taken = {f"{name}_taken_again": number for name, number in again.items() if number}
        over = None if same else "the database of another installation"
        await record(tx, by, "restored", "installation", made_at_us=made_at_us, over=over, **taken)
    if replaced is not None:
        await erased_since.forget_again(replaced, store, same=same)
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
