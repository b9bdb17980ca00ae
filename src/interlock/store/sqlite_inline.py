"""A threadless aiosqlite connection for the simulator, and the crash: `freeze`.

aiosqlite (pinned to 0.22) hands each function to a thread through a queue. Here the queue's `put_nowait` calls the
function at once, in the caller's thread, so that one seed is one trace. Frozen, it never answers again, and the raw
connection is closed without commit, as when the process was killed. Never used where a server runs: a call that waits
for the disk stops the loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from typing import Any

import aiosqlite

_Work = tuple[asyncio.Future[Any] | None, Callable[[], Any]]


class _InlineQueue:
    """Looks like the SimpleQueue of aiosqlite 0.22 to the only method that it calls on the sending side."""

    def __init__(self) -> None:
        self.frozen = False

    def put_nowait(self, work: _Work) -> None:
        if self.frozen:
            return  # the future is never resolved: who waits for it waits for ever
        future, function = work
        result: Any = None
        error: Exception | None = None
        try:
            result = function()
        except Exception as raised:  # noqa: BLE001  (every error belongs to the caller, who gets it from the future)
            error = raised
        if future is not None:
            future.get_loop().call_soon(self._answer, future, result, error)

    def _answer(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        """A step of the loop later, so that a crash can fall between a statement and whoever waits for it."""
        if self.frozen or future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


class InlineConnection(aiosqlite.Connection):
    """Same behaviour as aiosqlite.Connection without its thread."""

    def __init__(self, connector: Callable[[], sqlite3.Connection], iter_chunk_size: int = 64) -> None:
        super().__init__(connector, iter_chunk_size)
        self._queue = _InlineQueue()
        self._tx = self._queue  # type: ignore[assignment]  # stands in for the SimpleQueue, see above

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        # The parent starts its thread here.
        return self._connect().__await__()

    def __del__(self) -> None:
        # The parent warns of connections that were not closed; a frozen one was.
        if not self._queue.frozen:
            super().__del__()  # type: ignore[no-untyped-call]

    def freeze(self) -> None:
        """Crash: what is not committed is gone, and no call ever returns."""
        self._queue.frozen = True
        if self._connection is not None:
            # A connection that is closed while one of its statements is still referred to lives on, with its locks: the
            # kernel takes them from a killed process. The attribute stays set, or the next call would raise where it must
            # wait for ever.
            self._connection.rollback()
            self._connection.close()
