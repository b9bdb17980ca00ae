"""That somebody asked for what their role does not allow is in the log of deeds: once an hour for each such thing, since
whoever sends it again and again must not be able to fill the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from interlock.app.people.log import record
from interlock.app.people.roles import Action
from interlock.app.people.visitor import By
from interlock.store import Store

AGAIN_US = 3_600_000_000
_KNOWN_MOST = 1_000


class Denials:
    def __init__(self, store: Store, clock_us: Callable[[], int]) -> None:
        self._store = store
        self._clock_us = clock_us
        self._noted: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def note(self, by: By, actor: str, need: Action, path: str) -> None:
        """`path`: as it stands in the table of addresses, never as it was sent."""
        now_us, key = self._clock_us(), (actor, path)
        before_us = self._noted.get(key)
        if before_us is not None and now_us - before_us < AGAIN_US:
            return
        self._noted[key] = now_us
        self._noted.move_to_end(key)
        while len(self._noted) > _KNOWN_MOST:
            self._noted.popitem(last=False)
        async with self._store.write(None) as tx:
            await record(tx, by, "denied", path, needs=need)
