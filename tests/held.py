"""A use case that waits until a test lets it on: how a page looks meanwhile, and what a death in the middle leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest


class Held:
    """In its place: it waits, then does what that does. Who came is counted."""

    def __init__(self, patched: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self.came, self.is_there, self.let_on = 0, asyncio.Event(), asyncio.Event()
        self._held: Callable[..., Any] = getattr(module, name)
        patched.setattr(module, name, self)

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.came += 1
        self.is_there.set()
        await self.let_on.wait()
        return await self._held(*arguments, **named)
