"""Work that outlives the request that asked for it: at most one of a name at a time, ended with the process.

What such a work reports as it goes along is kept here for whoever looks, in memory; how it ended is the work's own to remember
in the store, since a process may die. `close` cancels what still runs and waits for it, before the store is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None]]


class Background:
    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, Any] = {}
        self._closed = False

    def start(self, name: str, work: Work) -> bool:
        """Whether it began: not while one of this name runs, nor when the process is ending."""
        if self._closed or self.runs(name):
            return False
        self._told.pop(name, None)
        self._tasks[name] = asyncio.create_task(work(), name=name)
        return True

    def runs(self, name: str) -> bool:
        task = self._tasks.get(name)
        return task is not None and not task.done()

    def tell(self, name: str, what: Any) -> None:
        """The newest word about a work, in place of the one before."""
        self._told[name] = what

    def told(self, name: str) -> Any:
        """None: nothing was told since it began."""
        return self._told.get(name)

    def raise_defect(self, name: str) -> None:
        """A work catches what can go wrong and remembers it. What it did not foresee is raised here once, for the log."""
        task = self._tasks.get(name)
        if task is not None and task.done() and not task.cancelled() and (error := task.exception()) is not None:
            del self._tasks[name]
            raise error

    async def wait(self, name: str) -> None:
        """Until it has ended, whatever became of it."""
        task = self._tasks.get(name)
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    async def cancel(self, name: str) -> None:
        """What it was for has changed: it ends, and leaves what it was doing where it is."""
        task = self._tasks.get(name)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
