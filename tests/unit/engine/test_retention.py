"""Values are kept for a year and a day, and then go; an open conflict stays until a person has chosen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.simulation.virtual_time import run
from tests.world import two_crms

DAY_S = 86_400.0


def test_old_values_go_and_open_conflicts_stay(tmp_path: Path) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        async with two_crms(tmp_path / "interlock.db", loop.now_us, existing="all") as world:
            await world.connect()
            await world.rule("contacts", "jobtitle", "two_way")
            here = world.person("ada@example.com", jobtitle="Engineer")
            await world.settle()
            world.hugo.update("contacts", here, {"jobtitle": "CTO"})
            world.sally.update("Contact", world.counterpart("contacts", here), {"Title": "CEO"})
            await world.settle()
            kinds = {row.kind.value for row in await world.audit()}
            assert {"create", "update", "conflict"} <= kinds

            await world.sync_later(365 * DAY_S)
            assert {row.kind.value for row in await world.audit()} == kinds
            await world.sync_later(2 * DAY_S)
            assert [row.kind.value for row in await world.audit()] == ["conflict"]

    run(main(), seed=1)
