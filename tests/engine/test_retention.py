"""What is over is let go of a year later, about once a day, and what a person still has to see is not."""

from __future__ import annotations

import asyncio

from interlock.engine.context import Settings
from tests.world import World

RETENTION_S = Settings().audit_retention_us / 1_000_000
TOO_LONG = "x" * 200


def test_a_resolved_issue_and_its_value_go_with_the_history_and_an_open_one_stays(tell):
    async def story(world: World) -> None:
        await world.connect()
        ada = world.person("ada@example.com", jobtitle=TOO_LONG)
        world.person("bob@example.com", jobtitle=TOO_LONG)
        await world.sync()
        world.hugo.update("contacts", ada, {"jobtitle": "Countess"})
        await world.sync_later()
        assert sorted(each.status for each in await of_every_status(world)) == ["open", "resolved"]

        await asyncio.sleep(RETENTION_S - 86_400)
        await world.sync()
        assert sorted(each.status for each in await of_every_status(world)) == ["open", "resolved"]

        await asyncio.sleep(3 * 86_400)
        await world.sync()
        [left] = await of_every_status(world)
        assert (left.status, left.label) == ("open", "Person <bob@example.com>")

    tell(story)


async def of_every_status(world: World):
    return await world.issues(status=("open", "waiting", "resolved"))
