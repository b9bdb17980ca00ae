"""How a command hands its work to a dispatcher that runs, and waits for the result, instead of competing for the org's lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from interlock.app.errors import AppError, Busy, Failure
from interlock.app.status import BEAT_LOST_US
from interlock.app.sync import SyncResult
from interlock.core.model import RecordKey
from interlock.store import Store, handovers, heartbeat, schedule
from interlock.store.connections import Connection
from interlock.store.handovers import Handover

ASK_AGAIN_S = 0.2


class Answered(AppError):
    """What the dispatcher could not do, as it said so itself."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


async def running(store: Store, now_us: int) -> bool:
    """Whether a dispatcher is alive: it beats every two seconds, and takes its beat away when it ends."""
    beat = await heartbeat.last_beat(store)
    return beat is not None and now_us - beat.at_us < BEAT_LOST_US and not store.has_died(beat.owner)


async def hand_over(
    store: Store,
    connection: Connection,
    keys: Sequence[RecordKey] = (),
    objects: Sequence[str] = (),
    *,
    clock_us: Callable[[], int],
    wait_s: float | None = None,
) -> SyncResult | None:
    """Let the running dispatcher sync these records (none: whatever changed) and wait for its result.

    None: no dispatcher runs, or it died before it was done, so the caller has to do it itself. Raises AppError for what
    the dispatcher refused or failed at, Busy when `wait_s` was not enough (it goes on all the same).
    """
    if not await running(store, clock_us()):
        return None
    async with store.write(connection.id) as tx:
        id_ = await handovers.ask(tx, objects, keys)
        await schedule.ring(tx)
    try:
        async with asyncio.timeout(wait_s):
            async for answered in _looking(store, connection, id_):
                if answered is not None:
                    return _result(answered)
                if not await running(store, clock_us()):
                    return None
    except TimeoutError:
        raise Busy(
            f"`interlock serve` is at it and has not finished within {wait_s:g} s.",
            code="still_running",
            fix="It goes on. See `interlock status`.",
        ) from None
    finally:
        async with store.write(connection.id) as tx:
            await handovers.withdraw(tx, id_)
    return None


async def _looking(store: Store, connection: Connection, id_: int) -> AsyncIterator[Handover | None]:
    """The row once it is answered, None after every look before that. Ends when the row is gone."""
    while True:
        async with store.read(connection.id) as tx:
            row = await handovers.get(tx, id_)
        if row is None:
            return
        yield row if row.answer is not None else None
        await asyncio.sleep(ASK_AGAIN_S)


def _result(row: Handover) -> SyncResult:
    assert row.answer is not None
    if row.state == handovers.FAILED:
        raise Answered(msgspec.convert(row.answer, Failure))
    return msgspec.convert(row.answer, SyncResult)
