"""What the dispatcher does meanwhile is in the store once it has committed: tests wait for its next commit, not for time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from interlock.store import Store

# Whoever is waited for is the real dispatcher on the machine's time, which polls every 15 seconds at the most often
# (engine/pace.py): a test that needs it to look at the CRMs asks it to (`Settled.sync`).
LONGEST_S = 60.0


class Commits:
    """Those of one store, from now on, whoever makes them."""

    def __init__(self, store: Store) -> None:
        self._next = asyncio.Event()
        write = store.write

        @asynccontextmanager
        async def told(*args: Any, **options: Any) -> AsyncIterator[Any]:
            async with write(*args, **options) as tx:
                yield tx
            self._next.set()
            self._next = asyncio.Event()

        setattr(store, "write", told)  # noqa: B010 - of this one store, which is the test's own

    async def until(self, held: Callable[[], Awaitable[bool]]) -> None:
        """Raises TimeoutError."""
        async with asyncio.timeout(LONGEST_S):
            committed = self._next
            while not await held():
                await committed.wait()
                committed = self._next
