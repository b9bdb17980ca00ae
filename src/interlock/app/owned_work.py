"""Work behind pages whose record stands in the store until it has ended: the finish of a set-up, an install, getting a new sandbox
ready. However many processes serve the pages, one of them does it.

Whoever has the work's lease does it: a row like an org's (store/lease.py), named after the work. Any other process that is asked
about it stands by, and goes on with it should the one that had it die. What is worked on is the record as it stands once the lease
is had, so that of two that begin at once one record is left, and is worked on once. Who has lost the lease, because it froze, is
cancelled and can no longer say how it ended.

What a work has reached on the way is in the memory of the one that does it, and every few seconds in the record too (`shared`), so
that a page that another process serves does not stand still.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, TypeVar

from interlock.app.background import Background, failure_of
from interlock.engine.ownership import own
from interlock.store import Fenced, HeldByOther, Store, StoreBusy, StoreError
from interlock.store import lease as leases
from interlock.store.lease import Lease

# How often one that stands by looks whether the other has died, or has ended it.
LOOK_AGAIN_S = 2.0
# How often what was reached is put into the record.
SHARE_S = 2.0
# How often one that cannot say how it ended tries once more, for a minute and the waits of the database besides.
BUSY_TRIES = 30


class Opened(Protocol):
    @property
    def store(self) -> Store: ...

    @property
    def clock_us(self) -> Callable[[], int]: ...

    @property
    def background(self) -> Background: ...


class Record(Protocol):
    @property
    def state(self) -> str: ...


Kept = TypeVar("Kept", bound=Record)


async def runs(interlock: Opened, name: str) -> bool:
    """Whether some process has it in hand: this one, or another that holds its lease and may be alive."""
    if interlock.background.runs(name):
        return True
    async with interlock.store.read(None) as tx:
        held = await leases.read(tx, name)
    return held is not None and held.until_us > interlock.clock_us() and not interlock.store.has_died(held.owner)


def carry_on(
    interlock: Opened,
    name: str,
    load: Callable[[], Awaitable[Kept | None]],
    work: Callable[[Kept, Lease], Awaitable[None]],
) -> None:
    """Behind the page, as long as the record says `running`. `work` says under the lease how it ended. Asked while an earlier turn
    runs, that one looks again before it ends, however near to its end it was."""
    asked = f"{name}:asked"
    interlock.background.tell(asked, object())

    async def left() -> Kept | None:
        record = await load()
        return record if record is not None and record.state == "running" else None

    async def turn() -> None:
        task = asyncio.current_task()
        assert task is not None
        seen = None
        # Nothing is awaited between this look and the end of the task: whoever asks after it begins another.
        while (now := interlock.background.told(asked)) is not seen:
            seen = now
            await carried_on(task)

    async def carried_on(task: asyncio.Task[None]) -> None:
        while await left() is not None:
            try:
                async with own(interlock.store, name, interlock.background.owner, interlock.clock_us) as ownership:
                    ownership.after_loss = task.cancel
                    # Looked at again: another may have ended it before it gave the lease back.
                    if (record := await left()) is not None:
                        await work(record, ownership.lease)
                return
            except (HeldByOther, Fenced):
                await asyncio.sleep(LOOK_AGAIN_S)

    interlock.background.start(name, turn)


async def at_last(write: Callable[[], Awaitable[Any]]) -> None:
    """How the work ended, which nobody else can say: tried again while another keeps the database busy. Raises StoreError."""
    for _ in range(BUSY_TRIES):
        try:
            await write()
        except StoreBusy:
            await asyncio.sleep(LOOK_AGAIN_S)
        else:
            return
    await write()


@contextlib.asynccontextmanager
async def shared(reached: Callable[[], Kept], keep: Callable[[Kept], Awaitable[None]]) -> AsyncIterator[None]:
    """While the block runs, `keep` is given what was `reached`, whenever it is another than before and still `running`. How the
    work ended is not its to say: that is written after the block, and stays."""

    async def share() -> None:
        known = reached()
        while True:
            await asyncio.sleep(SHARE_S)
            now = reached()
            if now != known and now.state == "running":
                # Busy or away: it is tried again. Whoever lost the work is ended by what renews the lease.
                with contextlib.suppress(StoreError):
                    await keep(now)
                    known = now

    sharing = asyncio.create_task(share())
    try:
        yield
    finally:
        sharing.cancel()
        (ended,) = await asyncio.gather(sharing, return_exceptions=True)
        if isinstance(ended, Exception):
            failure_of(ended)  # for the log: the work itself is none the worse for it
