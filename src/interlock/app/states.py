"""How a connection's state moves while it syncs: begun, working, at rest, halted. Between the states of a healthy connection only.

A healthy one may be held up: a CRM does not answer, or its calls are used up. It tries again by itself, and until a sync
comes through its reason stands here, with the side and since when.

What a person or a safety net has set is theirs: nothing here takes a connection out of it (`connections.resume` does). With
a lease, whoever lost it says nothing more about a connection that another process works on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from interlock.app import first_sync
from interlock.app.connections import BRAKE_RELEASED, HALTED, fresh
from interlock.app.errors import Failure, Stopped, as_failure
from interlock.app.times import rfc3339
from interlock.crm.errors import CrmError, SchemaChanged, SignInRefused
from interlock.store import Store, connections, directory, schedule, setups
from interlock.store.connections import Connection
from interlock.store.lease import Lease
from interlock.store.tx import Tx

_HELD_UP = "held_up"


class HeldUp(msgspec.Struct, frozen=True):
    """Why a connection that nobody has stopped does not get on. `side` None: it is neither CRM's doing."""

    side: str | None
    since_us: int
    reason: str
    fix: str

    def document(self) -> dict[str, str | None]:
        return {"side": self.side, "since": rfc3339(self.since_us), "reason": self.reason, "fix": self.fix or None}


async def begin(store: Store, connection: Connection) -> Connection:
    """The first sync was asked for: from now on the connection syncs. What counts is what changed since it was joined.

    Raises Stopped for one that a set-up has joined and not finished: its rules are not chosen yet, and nobody has seen a preview.
    """
    assert connection.id is not None
    if connection.begun_at_us is not None:
        return connection
    async with store.write(connection.id) as tx:
        if await is_being_set_up(tx, connection.id):
            raise Stopped(
                f"{connection.name} is being set up on the pages: nothing syncs before that is finished.",
                code="setup_not_finished",
                fix="Finish the set-up, or give it up, on the page Set up.",
            )
        begun_at_us = (await fresh(tx, connection.id)).created_at_us
        await connections.update(tx, connection.id, begun_at_us=begun_at_us, state="first_sync")
        await first_sync.forget(tx)
        await schedule.ring(tx)
        return await fresh(tx, connection.id)


async def is_being_set_up(tx: Tx, connection_id: int) -> bool:
    return not set(await setups.of_connection(tx, connection_id)).isdisjoint(await setups.open_ids(tx))


@asynccontextmanager
async def working(store: Store, connection_id: int, *, first: bool, lease: Lease | None = None) -> AsyncIterator[None]:
    """Show the connection as working while the block runs, and at the end as what became of it."""
    await _move(store, connection_id, "first_sync" if first else "syncing", lease)
    try:
        yield
    except SignInRefused as error:
        await halt(store, connection_id, "signed_out", error.message, error.fix, lease)
        raise
    except CrmError as error:
        # After a changed schema the next try leaves out what went away.
        if error.meaning == "issue" and not isinstance(error, SchemaChanged):
            await halt(store, connection_id, "suspended", error.message, error.fix, lease)
        else:
            await _note(store, connection_id, "idle", as_failure(error), lease)
        raise
    except BaseException:
        # Ended from outside, or by a fault of ours: nothing has come through.
        await _move(store, connection_id, "idle", lease)
        raise
    await _note(store, connection_id, "idle", lease=lease)


async def halt(store: Store, connection_id: int, state: str, reason: str, fix: str, lease: Lease | None = None) -> None:
    """Stop the connection until a person resumes it."""
    async with store.write(connection_id, lease) as tx:
        if (await fresh(tx, connection_id)).state not in HALTED:
            await connections.update(tx, connection_id, state=state, state_reason=reason, state_fix=fix)


async def hold_up(store: Store, connection_id: int, failure: Failure, lease: Lease | None = None) -> None:
    """It did not come through and will try again by itself: say why until it has."""
    await _note(store, connection_id, None, failure, lease)


async def go_on(store: Store, connection_id: int, lease: Lease | None = None) -> None:
    """A sync came through: nothing holds the connection up any more."""
    await _note(store, connection_id, None, None, lease)


async def held_up(tx: Tx, connection: Connection) -> HeldUp | None:
    """What holds the transaction's connection up."""
    if connection.state in HALTED or connection.state_reason is None:
        return None
    kept = await directory.get(tx, _HELD_UP) or {"side": None, "since_us": connection.state_since_us}
    return HeldUp(kept["side"], kept["since_us"], connection.state_reason, connection.state_fix or "")


async def halted(store: Store, connection_id: int) -> str | None:
    """Why the connection does not sync, if it does not."""
    async with store.read(None) as tx:
        now = await connections.get(tx, connection_id)
    if now is None:
        return "The connection is gone."
    return (now.state_reason or HALTED[now.state]) if now.state in HALTED else None


async def arm_brake(store: Store, connection_id: int, lease: Lease | None = None) -> None:
    """What a person let pass has passed: the next time it trips again."""
    async with store.write(connection_id, lease) as tx:
        settings = (await fresh(tx, connection_id)).settings
        settings = {name: value for name, value in settings.items() if name != BRAKE_RELEASED}
        await connections.update(tx, connection_id, settings=settings)


async def _move(store: Store, connection_id: int, state: str, lease: Lease | None) -> None:
    """What held it up stands until it has come through."""
    async with store.write(connection_id, lease) as tx:
        now = await fresh(tx, connection_id)
        if now.state not in HALTED and now.state != state:
            await connections.update(tx, connection_id, state=state)


async def _note(
    store: Store,
    connection_id: int,
    state: str | None,
    failure: Failure | None = None,
    lease: Lease | None = None,
) -> None:
    """`state` None: it stays what it is."""
    reason, fix = (None, None) if failure is None else (failure.message, failure.fix)
    async with store.write(connection_id, lease) as tx:
        now = await fresh(tx, connection_id)
        state = now.state if state is None else state
        if now.state in HALTED or (now.state, now.state_reason) == (state, reason):
            return
        await connections.update(tx, connection_id, state=state, state_reason=reason, state_fix=fix)
        if failure is not None:
            # Another reason on the way, even the other CRM's, does not make it begin anew: since then nothing came through.
            before = await held_up(tx, now)
            since_us = tx.now_us if before is None else before.since_us
            await directory.put(tx, _HELD_UP, {"side": failure.side, "since_us": since_us})
