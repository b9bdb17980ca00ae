"""All contacts are asked for by their ids once in a while, a few calls a day, wherever the process ended in between."""

from __future__ import annotations

import asyncio

from interlock.core.model import Side
from interlock.engine import walk as walking
from tests.world import World

DAY_S = 86_400.0


def reads(world: World) -> int:
    return world.calls(Side.HUBSPOT, "/batch/read")


def test_the_walk_takes_its_fortnight_however_often_is_polled(tell, monkeypatch):
    monkeypatch.setattr(walking, "ROWS_A_PAGE", 1)

    async def story(world: World) -> None:
        for number in range(12):
            world.person(f"p{number}@example.com")
        await world.settle()
        await world.sync_later(30 * DAY_S)
        days = []
        for _ in range(28):
            before = reads(world)
            for _ in range(8):
                await asyncio.sleep(DAY_S / 8)
                await world.poll()
            days.append(reads(world) - before)
        assert sum(days) == 24
        assert max(days) == 1

    tell(story, objects=("contacts",))


def test_a_run_makes_up_for_no_more_than_its_share_of_a_stop(tell, monkeypatch):
    monkeypatch.setattr(walking, "ROWS_A_PAGE", 1)
    monkeypatch.setattr(walking, "PAGES_A_RUN", 3)

    async def story(world: World) -> None:
        for number in range(12):
            world.person(f"p{number}@example.com")
        await world.settle()
        await world.poll()
        await asyncio.sleep(2.9 * DAY_S)
        monkeypatch.setattr(walking, "ROUND_US", walking.ROUND_US // 10)
        before = reads(world)
        await world.poll()
        assert reads(world) - before == 3
        await world.poll()
        assert reads(world) - before == 3

    tell(story, objects=("contacts",))
