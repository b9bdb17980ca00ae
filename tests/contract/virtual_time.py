"""An event loop whose time moves only when everybody waits: sleeping takes no time, concurrent sleepers keep order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
START_US = 1_780_000_000_000_000


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__()

    def time(self) -> float:
        return self._now_s

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._now_s = max(self._now_s, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


class Time:
    """The clock of a story: reads the loop it runs in; tests move it with `pass_us`."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self._passed_us = START_US

    def __call__(self) -> int:
        return self._passed_us + round(self.loop.time() * 1_000_000)

    def pass_us(self, us: int) -> None:
        self._passed_us += us

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        try:
            return self.loop.run_until_complete(story)
        finally:
            self.loop.close()
