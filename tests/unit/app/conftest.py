"""Stories for the use cases: a fresh world per test, told in virtual time by a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.virtual_time import run
from tests.world import World, two_crms

Story = Callable[[World], Awaitable[None]]
Tell = Callable[..., None]


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Run a story in a world of its own; options go to the connection, for example `existing="all"`."""

    def tell_(story: Story, **options: Any) -> None:
        async def main() -> None:
            loop: Any = asyncio.get_running_loop()
            async with two_crms(tmp_path / "interlock.db", loop.now_us, **options) as world:
                await story(world)

        run(main(), seed=1)

    return tell_
