"""A sync that somebody asks for where `interlock serve` runs: handed to the dispatcher, never done beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interlock.app import once, states
from interlock.app.errors import Busy
from interlock.app.handing_over import hand_over
from interlock.app.sync import SyncResult
from interlock.core.model import RecordKey
from interlock.store import Store
from interlock.store.connections import Connection


async def sync_now(
    store: Store,
    connection: Connection,
    clock_us: Callable[[], int],
    *,
    only: Sequence[str] | None = None,
    keys: Sequence[RecordKey] = (),
) -> SyncResult:
    """These records, else whatever changed. Raises Stopped, SignedOut, Missing, Busy where no dispatcher runs, and what the
    dispatcher failed at."""
    slugs = once.check_runs(connection, only)
    connection = await states.begin(store, connection)
    result = await hand_over(store, connection, keys, slugs if only else (), clock_us=clock_us)
    if result is None:
        raise Busy(
            "No dispatcher is running, so nobody takes up the work.",
            code="no_dispatcher",
            fix="Run `interlock serve`, or `interlock sync --once` on the machine itself.",
        )
    assert connection.id is not None
    await once.check_found(store, connection.id, keys)
    return result
