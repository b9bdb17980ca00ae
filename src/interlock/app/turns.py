"""Waiting for an org that somebody else works on: a dispatcher gives it back between two drains."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from interlock.store import HeldByOther

T = TypeVar("T")

WAIT_S = 60.0
LOOK_AGAIN_S = 0.25


async def when_free(attempt: Callable[[], Awaitable[T]], clock_us: Callable[[], int], wait_s: float = WAIT_S) -> T:
    """What `attempt` gives. It takes the org's lease first of all, and is made again while somebody else has it.

    Raises HeldByOther after `wait_s`, and what `attempt` raises."""
    until_us = clock_us() + round(wait_s * 1_000_000)
    while True:
        try:
            return await attempt()
        except HeldByOther:
            if clock_us() >= until_us:
                raise
            await asyncio.sleep(LOOK_AGAIN_S)
