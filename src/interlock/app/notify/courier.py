"""The courier of a process that serves: looks for what is worth telling, and sends what is in the outbox until it has arrived.

A delivery is taken by moving its due time past the longest that a try can last, so that another process does not take it too,
and one that dies with it costs a second try: a message arrives at least once, and carries an id by which the receiver knows it
again. Trouble here never ends a sync.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from interlock.app.notify import installs, watch
from interlock.app.notify.post import Post
from interlock.app.notify.sending import TAKEN_US, WAITS_US, NotDelivered
from interlock.store import Store, StoreError, channels, connections, notices
from interlock.store.connections import Connection
from interlock.store.notices import Delivery

EVERY_S = 15.0
AT_ONCE = 8


class Courier:
    def __init__(self, store: Store, post: Post, clock_us: Callable[[], int], say: Callable[[str], None]) -> None:
        self._store = store
        self._post = post
        self._clock_us = clock_us
        self._say = say
        self._said: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.round()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await stop.wait()

    async def round(self) -> None:
        """One look, and everything that is due sent once."""
        try:
            await watch.look(self._store, self._clock_us())
            await installs.tell(self._store, self._post, self._clock_us())
            async with self._store.read(None) as tx:
                found = await connections.list_(tx)
            for connection in found:
                await self._send_all(connection)
            self._said = None
        except StoreError as error:
            self._tell(f"Notifications wait: {error}")
        except Exception as error:  # noqa: BLE001  (a defect here must not end the sync; it is said)
            # Its words may hold what is secret.
            self._tell(f"A defect of Interlock stopped a round of notifications: {type(error).__name__}.")

    def _tell(self, text: str) -> None:
        """Once, not every few seconds."""
        if text != self._said:
            self._say(text)
        self._said = text

    async def _send_all(self, connection: Connection) -> None:
        while taken := await self._take(connection):
            await asyncio.gather(*(self._send(connection, each) for each in taken))

    async def _take(self, connection: Connection) -> list[Delivery]:
        assert connection.id is not None
        async with self._store.read(connection.id) as tx:
            if not await notices.any_due(tx):
                return []
        taken: list[Delivery] = []
        async with self._store.write(connection.id) as tx:
            while len(taken) < AT_ONCE and (one := await notices.take(tx, tx.now_us + TAKEN_US)) is not None:
                taken.append(one)
        return taken

    async def _send(self, connection: Connection, delivery: Delivery) -> None:
        assert connection.id is not None
        async with self._store.read(connection.id) as tx:
            notice = await notices.get(tx, delivery.notice_id)
            channel = await channels.get(tx, delivery.channel_id)
        why, again = "This place is told no more.", False
        if notice is not None and channel is not None and not channel.person_disabled:
            # With its time, since numbers come again: in another installation, and after a restore.
            id_ = f"notice-{connection.id}-{notice.id}-{channel.id}-{notice.at_us:x}"
            whose = (connection.id, connection.name)
            try:
                await self._post.send(self._store, channel, notice, whose, id_, self._clock_us())
            except NotDelivered as error:
                why, again = str(error), error.again
            else:
                async with self._store.write(connection.id) as tx:
                    await notices.sent(tx, delivery.id)
                return
        async with self._store.write(connection.id) as tx:
            last = delivery.tries > len(WAITS_US)
            again_us = None if last or not again else tx.now_us + WAITS_US[delivery.tries - 1]
            await notices.not_sent(tx, delivery.id, why, again_us)


@asynccontextmanager
async def delivering(
    store: Store, post: Post, clock_us: Callable[[], int], say: Callable[[str], None]
) -> AsyncIterator[None]:
    """Within the block what is worth telling is told. At its end a message that is on its way is waited for no more: its
    delivery comes due again."""
    stop = asyncio.Event()
    task = asyncio.create_task(Courier(store, post, clock_us, say).run(stop))
    try:
        yield
    finally:
        stop.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
