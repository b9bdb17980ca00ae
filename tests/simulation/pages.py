"""What somebody sets or asks for in Interlock while it runs: the pages of a story's themes, used up to three times each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from interlock.app.errors import AppError
from interlock.crm.errors import CrmError
from interlock.store import Store
from tests.simulation.themes.theme import Page

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.simulation.world import World


def used(world: World, busy_s: float) -> Iterator[Coroutine[Any, Any, None]]:
    for theme in world.recipe.told:
        chance = world.recipe.chance(f"pages:{theme.name}")
        for number in range(chance.choice((0, 1, 2, 3)) if theme.pages else 0):
            (page,) = chance.choices(list(theme.pages), list(theme.pages.values()))
            yield _use(world, page, f"{theme.name}:{number}", chance.uniform(5.0, busy_s))


async def _use(world: World, page: Page, number: str, moment_s: float) -> None:
    await asyncio.sleep(moment_s)

    async def using(world: World, store: Store) -> None:
        world.network.note(page.__name__, number)
        try:
            await page(world, store)
        except (AppError, CrmError) as refused:
            world.network.note(f"{page.__name__} refused", str(refused))
            return
        world.story.pages.append(page.__name__)

    world.operate(using)
