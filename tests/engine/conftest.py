"""Stories are told in a world of both local CRMs and the production engine, on virtual time.

On which database: tests/databases.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.databases import POSTGRESQL, databases_of
from tests.postgres import Databases, postgres_server
from tests.simulation.virtual_time import run
from tests.world import World, two_crms

__all__ = ["postgres_server"]

Story = Callable[[World], Awaitable[None]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", databases_of(metafunc.definition.name), indirect=True)


@pytest.fixture(scope="session")
def databases(postgres_server: str) -> Databases:
    return Databases(postgres_server)


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the two the story is told on."""
    if request.param == POSTGRESQL:
        databases: Databases = request.getfixturevalue("databases")
        databases.forget()
        monkeypatch.setattr(World, "database_at", staticmethod(databases.at))
    return str(request.param)


@pytest.fixture
def tell(tmp_path: Path, database: str) -> Callable[..., None]:
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
