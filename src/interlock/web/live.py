"""Live progress: what a connection's Overview shows, sent to every browser that has it open, as server-sent events.

However many look, the store is asked once a second, and less often where the answer takes long: never for more than a tenth of
the time. A stream ends with the session that opened it. Knows no page: what is sent is made by whoever opens the stream, from the
newest status.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

import msgspec

from interlock.app.status import ConnectionStatus
from interlock.store.errors import StoreError

EVERY_S = 1.0
# The store is asked for at most this share of the time.
BUSY_SHARE = 0.1
# A browser that hears nothing for three of these says that the numbers are old; as often the session is looked up.
HEARTBEAT_S = 5.0
# A reading that is not there so long after it was due: no beat says any more that the numbers are new.
LATE_S = 10.0
# Streams of one process. Each is an open connection, which a browser holds for as long as a tab is open.
VIEWERS_MOST = 200

_log = logging.getLogger(__name__)

Read = Callable[[Collection[int]], Awaitable[dict[int, ConnectionStatus]]]


class TooMany(Exception):
    """No more streams are opened: the page can still be loaded again."""


class _Viewer(msgspec.Struct):
    """The newest status that this stream has not sent yet; an older one is of no use to anybody."""

    connection_id: int
    changed: asyncio.Event
    newest: ConnectionStatus | None = None
    failed: bool = False
    gone: bool = False


class Live:
    """One a process."""

    def __init__(self, read: Read, now_s: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._now_s = now_s
        self._viewers: list[_Viewer] = []
        self._known: dict[int, bytes] = {}
        self._reading: asyncio.Task[None] | None = None
        self._good_until_s = 0.0
        self._closed = asyncio.Event()

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def close(self) -> None:
        """End every stream: the server stops."""
        self._closed.set()
        for viewer in self._viewers:
            viewer.changed.set()

    async def stream(
        self,
        connection_id: int,
        shown: Callable[[ConnectionStatus], str],
        still_allowed: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[bytes]:
        """Events `status` (a piece of a page), `failed` (the database did not answer), `beat` (nothing has changed), and at the end
        `over`: the session ended, or `gone`: the connection is not there any more. Raises TooMany before the first."""
        if len(self._viewers) >= VIEWERS_MOST or self._closed.is_set():
            raise TooMany
        viewer = _Viewer(connection_id, asyncio.Event())
        self._viewers.append(viewer)
        # Whoever comes later gets what is known with the next reading, also where nothing has changed.
        self._known.pop(connection_id, None)
        try:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_on())
            async for event in self._events(viewer, shown, still_allowed):
                yield event
        finally:
            self._viewers.remove(viewer)
            if not self._viewers and self._reading is not None:
                self._reading.cancel()

    async def _events(
        self,
        viewer: _Viewer,
        shown: Callable[[ConnectionStatus], str],
        still_allowed: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[bytes]:
        checked_s = self._now_s()
        while not self._closed.is_set():
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await viewer.changed.wait()
            except TimeoutError:
                if self._now_s() < self._good_until_s:
                    yield event("beat", "")
            if self._now_s() - checked_s >= HEARTBEAT_S:
                checked_s = self._now_s()
                if not await still_allowed():
                    yield event("over", "")
                    return
            if viewer.gone:
                yield event("gone", "")
                return
            viewer.changed.clear()
            newest, viewer.newest = viewer.newest, None
            if newest is not None:
                yield event("status", shown(newest))
            elif viewer.failed:
                yield event("failed", "")

    async def _read_on(self) -> None:
        while self._viewers:
            began_s = self._now_s()
            ids = {viewer.connection_id for viewer in self._viewers}
            try:
                found = await self._read(ids)
            except StoreError:
                # The database is away for a moment: each page says so, and it is asked again.
                self._tell_failed()
            except Exception as error:  # noqa: BLE001  (nobody waits for this task: its pages would stand still as if all were well)
                _log.error("What an Overview shows could not be read, by a defect of Interlock.", exc_info=error)
                self._tell_failed()
            else:
                self._tell(found)
                self._tell_gone(ids - found.keys())
            spent_s = self._now_s() - began_s
            pause_s = max(EVERY_S, spent_s / BUSY_SHARE) - spent_s
            self._good_until_s = self._now_s() + pause_s + LATE_S
            await asyncio.sleep(pause_s)

    def _tell(self, found: dict[int, ConnectionStatus]) -> None:
        for id_, status in found.items():
            text = msgspec.json.encode(status)
            if self._known.get(id_) == text:
                continue
            self._known[id_] = text
            for viewer in self._viewers:
                if viewer.connection_id == id_:
                    viewer.newest, viewer.failed = status, False
                    viewer.changed.set()

    def _tell_gone(self, ids: Collection[int]) -> None:
        for viewer in self._viewers:
            if viewer.connection_id in ids:
                viewer.gone = True
                viewer.changed.set()

    def _tell_failed(self) -> None:
        self._known.clear()
        for viewer in self._viewers:
            viewer.failed = True
            viewer.changed.set()


def event(name: str, data: str) -> bytes:
    """As in the HTML standard, section 9.2: every line of the data is one of its own."""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {name}\n{lines}\n".encode()
