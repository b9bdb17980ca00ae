"""What a person does with one record: *Sync now*. Finding it is find.py, telling all of it explain.py."""

from __future__ import annotations

from interlock.app.connections import HALTED, active_objects
from interlock.app.errors import Stopped
from interlock.app.handing_over import running
from interlock.app.keys import object_of
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.core.model import Reason, RecordKey
from interlock.store import Store, dirty, schedule
from interlock.store.connections import Connection


async def sync_now(store: Store, connection: Connection, key: RecordKey, now_us: int, by: By = BY_COMMAND) -> bool:
    """The record is due now, whether or not it changed, and whoever drains the connection takes it. False: nobody does at
    the moment. Raises Stopped while the connection or the object does not sync, BadInput for a type that never does."""
    assert connection.id is not None
    slug = object_of(key)
    if connection.state in HALTED:
        raise Stopped(
            f"{connection.name} is {HALTED[connection.state]}: {connection.state_reason or 'no reason was given.'}",
            code=connection.state,
            fix=connection.state_fix or "Resume it first.",
        )
    if slug not in active_objects(connection):
        raise Stopped(f"Syncing of {slug} is paused or off.", code="paused", fix="Resume it first.")
    async with store.write(connection.id) as tx:
        await dirty.mark(tx, slug, [key], Reason.RESYNC, now_us)
        await schedule.ring(tx)
        await record(tx, by, "record_synced", f"connection:{connection.id}", record=str(key))
    return await running(store, now_us)
