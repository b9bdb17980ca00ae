"""Work that outlives the request that asked for it: at most one of a name at a time, ended with the process.

What such a work reports as it goes along is kept here for whoever looks, in memory; how it ended is the work's own to remember
in the store, since a process may die. `close` ends what still runs and waits for it, before the store is closed: first it asks
those that can be asked (a sync ends between two batches), then it cancels.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from interlock.app.errors import Failure, as_failure, defect
from interlock.store.lifesign import new_owner

Work = Callable[[], Coroutine[Any, Any, None]]

# What can be asked to end has this long to come to the end of its batch.
GRACE_S = 5.0

_log = logging.getLogger(__name__)


def failure_of(error: Exception) -> Failure:
    """How a work ended that did not come to its end. A defect of ours goes into the log, since nobody waits for the work."""
    known = as_failure(error)
    if known is None:
        _log.error("Work behind a page ended by a defect of Interlock.", exc_info=error)
    return known or defect(error)


class Background:
    def __init__(self) -> None:
        # Of leases of what is done here: there is one of these in a process.
        self.owner = new_owner(f"{socket.gethostname()}:{os.getpid()}")
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stops: dict[str, Callable[[], None]] = {}
        self._told: dict[str, Any] = {}
        self._closed = False

    def start(self, name: str, work: Work, stop: Callable[[], None] | None = None) -> bool:
        """Whether it began: not while one of this name runs, nor when the process is ending. `stop` asks it to end by itself."""
        if self._closed or self.runs(name):
            return False
        self._told.pop(name, None)
        task = self._tasks[name] = asyncio.create_task(work(), name=name)
        if stop is not None:
            self._stops[name] = stop
        task.add_done_callback(self._ended)
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Only what failed is still wanted, by `raise_defect`. What was told on the way may hold values of records, and how it
        ended is in the store."""
        name = task.get_name()
        if self._tasks.get(name) is task:
            self._stops.pop(name, None)
            self._told.pop(name, None)
            if task.cancelled() or task.exception() is None:
                del self._tasks[name]

    def runs(self, name: str) -> bool:
        task = self._tasks.get(name)
        return task is not None and not task.done()

    def tell(self, name: str, what: Any) -> None:
        """The newest word about a work, in place of the one before."""
        self._told[name] = what

    def told(self, name: str) -> Any:
        """None: nothing was told since it began, or it has ended."""
        return self._told.get(name)

    def raise_defect(self, name: str) -> None:
        """A work catches what can go wrong and remembers it. What it did not foresee is raised here once, for the log."""
        task = self._tasks.get(name)
        if task is not None and task.done() and not task.cancelled() and (error := task.exception()) is not None:
            del self._tasks[name]
            raise error

    async def wait(self, name: str, seconds: float | None = None) -> None:
        """Until it has ended, whatever became of it, but no longer than `seconds`."""
        task = self._tasks.get(name)
        if task is not None:
            await asyncio.wait([task], timeout=seconds)

    async def cancel(self, name: str) -> None:
        """What it was for has changed: it ends, and leaves what it was doing where it is."""
        task = self._tasks.get(name)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        self._closed = True
        asked = [self._tasks[name] for name in self._stops]
        for stop in list(self._stops.values()):
            stop()
        if asked:
            await asyncio.wait(asked, timeout=GRACE_S)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
