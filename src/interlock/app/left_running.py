"""Work behind pages that a backup holds as under way: after a restore none of it goes on by itself.

Whatever it was to do may have been done since, or be wanted no more: it ends as failed, and a person begins it again. Of a set-up
that is over only a sign-in is left to end, which goes on: that takes away, and gives nothing.
"""

from __future__ import annotations

import contextlib

import msgspec

from interlock.app.errors import Failure, Stale, Stopped
from interlock.app.new_org import kept
from interlock.app.org_work import kept as org_work
from interlock.app.package.failures import Trouble
from interlock.app.setup import finish, package, state
from interlock.store import Store, connections, setup_work, setups
from interlock.store.tx import WriteTx

WHY = "A backup was restored that was made while this was under way. It was not gone on with."
FIX = "Look at what is there by now, then try again."


async def end(store: Store) -> None:
    async with store.write(None) as tx:
        for setup_id in await setups.open_ids(tx):
            await _end_install(tx, setup_id)
            await _end_finish(tx, setup_id)
        listed = await connections.list_(tx)
    for connection in listed:
        assert connection.id is not None
        await _end_org_work(store, connection.id)
        run = await kept.run_of(store, connection)
        if run is not None and run.state == "running":
            ended = msgspec.structs.replace(run, state="failed", message=WHY, fix=FIX, ended_at_us=tx.now_us)
            with contextlib.suppress(Stale, Stopped):
                await kept.keep_run(store, connection.id, ended)


async def _end_org_work(store: Store, connection_id: int) -> None:
    """An administrator's sign-in that was for it alone is ended by whoever serves next (sign_offs.end_left_deploying)."""
    async with store.write(connection_id) as tx:
        for run in await org_work.runs(tx):
            if run.state == "running":
                why = Failure("restored", WHY, 1, fix=FIX)
                ended = msgspec.structs.replace(run, state="failed", failure=why, ended_at_us=tx.now_us)
                await org_work.put(tx, ended)


async def _end_install(tx: WriteTx, setup_id: int) -> None:
    content = await setup_work.get(tx, setup_id, package.WORK)
    if content is not None and content["state"] == "running":
        run = msgspec.convert(content, package.Run)
        troubles = [Trouble(None, None, WHY, FIX)]
        ended = msgspec.structs.replace(run, state="failed", troubles=troubles, ended_at_us=tx.now_us)
        await setup_work.put(tx, setup_id, package.WORK, msgspec.to_builtins(ended))


async def _end_finish(tx: WriteTx, setup_id: int) -> None:
    content = await setup_work.get(tx, setup_id, state.FINISH)
    if content is not None and content["state"] == "running":
        ended = msgspec.structs.replace(msgspec.convert(content, finish.Run), state="failed", message=WHY, fix=FIX)
        await setup_work.put(tx, setup_id, state.FINISH, msgspec.to_builtins(ended))
