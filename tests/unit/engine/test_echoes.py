"""Our own writes are recognised when detection meets them, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.world import World, two_crms

from interlock.app.runtime import open_cycle
from interlock.core.model import Observation
from interlock.engine.context import Cycle
from interlock.engine.cycle import poll

EMAIL = "ada@example.com"


def played(path: Path, story: Callable[[World], Awaitable[None]]) -> None:
    loop = VirtualTimeLoop(random.Random(0))
    asyncio.set_event_loop(loop)

    async def whole() -> None:
        async with two_crms(path / "interlock.db", loop.now_us, existing="link") as world:
            world.hubspot.seed({"contacts": [{"email": EMAIL, "jobtitle": "Nurse"}]})
            world.salesforce.seed({"Contact": [{"Email": EMAIL, "LastName": "Lovelace", "Title": "Countess"}]})
            await world.connect()
            await story(world)

    try:
        loop.run_until_complete(whole())
    finally:
        loop.close()
        asyncio.set_event_loop(None)


@asynccontextmanager
async def synced(world: World) -> AsyncIterator[Cycle]:
    """A cycle in which the pair was just linked and its HubSpot record written."""
    assert world.store is not None
    assert world.connection is not None
    async with open_cycle(world.store, world.connection, *world.clients(), world.clock_us, owner="test") as ctx:
        await poll(ctx)
        yield ctx


async def row(ctx: Cycle) -> Observation:
    runtime = ctx.objects["contacts"]
    page = await ctx.hubspot.list_page("contacts", runtime.hubspot_properties, None, 100, purpose="detect")
    (seen,) = page.records
    return seen


def test_a_record_that_holds_just_what_we_wrote_is_not_looked_up(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with synced(world) as ctx:
            seen = await row(ctx)
            assert seen.values["jobtitle"] == "Countess"
            assert ctx.echoes.others(ctx.objects["contacts"], [seen]) == []

    played(tmp_path, story)


def test_a_record_that_differs_in_one_value_is(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with synced(world) as ctx:
            seen = await row(ctx)
            for changed in ({"jobtitle": "Duchess"}, {"jobtitle": None}, {"hs_email_optout": "true"}):
                other = msgspec.structs.replace(seen, values={**seen.values, **changed})
                assert ctx.echoes.others(ctx.objects["contacts"], [other]) == [other]

    played(tmp_path, story)


def test_a_value_that_can_no_longer_be_read_is_not_one_that_is_blank(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with synced(world) as ctx:
            seen = await row(ctx)
            assert seen.values["fax"] is None
            hidden = {name: value for name, value in seen.values.items() if name != "fax"}
            other = msgspec.structs.replace(seen, values=hidden)
            assert ctx.echoes.others(ctx.objects["contacts"], [other]) == [other]

    played(tmp_path, story)


def test_what_a_person_does_to_a_record_that_we_wrote_is_noticed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        (contact,) = world.sally.ids("Contact")
        async with synced(world) as ctx:
            world.hugo.update("contacts", world.hugo.ids("contacts")[0], {"fax": "12"})
            await asyncio.sleep(60)
            await poll(ctx)
            assert world.sally.get("Contact", contact)["Fax"] == "12"
            await asyncio.sleep(60)
            world.hugo.update("contacts", world.hugo.ids("contacts")[0], {"fax": ""})
            await asyncio.sleep(60)
            await poll(ctx)
            # Salesforce is preferred: what was emptied in HubSpot alone is given back.
            assert world.contact(world.hugo.ids("contacts")[0])["fax"] == "12"

    played(tmp_path, story)
