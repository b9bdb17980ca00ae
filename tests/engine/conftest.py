"""Stories are told in a world of both local CRMs and the production engine, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.virtual_time import run
from tests.world import World, two_crms

Story = Callable[[World], Awaitable[None]]


@pytest.fixture
def tell(tmp_path: Path) -> Callable[..., None]:
    """`tell(story, ...)` runs it in a new, connected world.

    `before(world)` furnishes the CRMs before they are connected, which is done `later_s` seconds after that.
    """

    def tell_(
        story: Story, before: Callable[[World], object] = lambda world: None, later_s: float = 0.0, **options: Any
    ) -> None:
        async def main() -> None:
            loop: Any = asyncio.get_running_loop()
            async with two_crms(tmp_path / "interlock.db", loop.now_us, **options) as world:
                before(world)
                await asyncio.sleep(later_s)
                await world.connect()
                await story(world)

        run(main(), seed=1)

    return tell_
