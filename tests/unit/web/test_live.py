"""Live progress: what is sent to whom and when, in virtual time, and through the door of the pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path

import pytest
from tests.asgi_browser import Browser
from tests.contract.conftest import a_connection
from tests.office import PASSWORD, an_office
from tests.simulation.virtual_time import run

from interlock.app.people.roles import Role
from interlock.app.status import ConnectionStatus
from interlock.store import StoreUnavailable, connections
from interlock.web import live as module
from interlock.web.app import make_app
from interlock.web.live import Live, TooMany


class World:
    """A store that answers with a number, and how often it was asked."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.due, self.asked, self.costs_s, self.signed_in = 0, 0, 0.0, True
        self.broken: Exception | None = None
        self.there = True
        self.live = Live(self._read, loop.time)
        self.now_s = loop.time

    async def _read(self, ids: Collection[int]) -> dict[int, ConnectionStatus]:
        self.asked += 1
        await asyncio.sleep(self.costs_s)
        if self.broken is not None:
            raise self.broken
        return {id_: ConnectionStatus({"due": self.due}, 0, True, None, False) for id_ in ids if self.there}

    def stream(self) -> AsyncIterator[bytes]:
        async def still() -> bool:
            return self.signed_in

        return self.live.stream(1, lambda found: f"due {found.document['due']}", still)


def told(story: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        await story(World())

    run(main(), seed=1)


async def heard(events: AsyncIterator[bytes], seconds: float) -> list[str]:
    """The events of this long."""
    found: list[str] = []

    async def listen() -> None:
        async for event in events:
            found.append(event.decode())

    task = asyncio.create_task(listen())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return found


def names(events: list[str]) -> list[str]:
    return [event.partition("\n")[0].removeprefix("event: ") for event in events]


def test_what_changes_is_sent_within_a_second_and_what_does_not_is_not_sent_again() -> None:
    async def story(world: World) -> None:
        listening = asyncio.create_task(heard(world.stream(), 4.5))
        await asyncio.sleep(2.2)
        world.due = 7
        assert await listening == ["event: status\ndata: due 0\n\n", "event: status\ndata: due 7\n\n"]

    told(story)


def test_a_quiet_stream_beats_so_that_a_browser_can_tell_quiet_from_lost() -> None:
    async def story(world: World) -> None:
        assert names(await heard(world.stream(), 16)) == ["status", "beat", "beat", "beat"]

    told(story)


def test_a_hundred_viewers_cost_one_reading_a_second_and_none_when_they_have_gone() -> None:
    async def story(world: World) -> None:
        everybody = await asyncio.gather(*(heard(world.stream(), 10.5) for _ in range(100)))
        assert all(names(each)[0] == "status" for each in everybody)
        assert 10 <= world.asked <= 12
        asked = world.asked
        await asyncio.sleep(30)
        assert (world.asked, world.live.viewers) == (asked, 0)

    told(story)


def test_a_reading_that_takes_long_is_made_for_a_tenth_of_the_time_only() -> None:
    async def story(world: World) -> None:
        world.costs_s = 2.0
        await heard(world.stream(), 61)
        assert world.asked == 4

    told(story)


def test_a_stream_ends_with_its_session() -> None:
    async def story(world: World) -> None:
        listening = asyncio.create_task(heard(world.stream(), 60))
        await asyncio.sleep(7)
        world.signed_in = False
        await asyncio.sleep(module.HEARTBEAT_S + 1)
        assert world.live.viewers == 0
        assert names(await listening)[-1] == "over"

    told(story)


@pytest.mark.parametrize("trouble", [StoreUnavailable("The database is away."), KeyError("a defect")])
def test_a_reading_that_fails_is_said_and_the_numbers_come_back_with_the_next(trouble: Exception) -> None:
    async def story(world: World) -> None:
        listening = asyncio.create_task(heard(world.stream(), 9.5))
        await asyncio.sleep(1.5)
        world.broken = trouble
        await asyncio.sleep(1)
        world.broken = None
        assert [name for name in names(await listening) if name != "beat"] == ["status", "failed", "status"]

    told(story)


def test_a_reading_that_does_not_come_back_is_not_called_new() -> None:
    async def story(world: World) -> None:
        listening = asyncio.create_task(heard(world.stream(), 60))
        await asyncio.sleep(1.5)
        world.costs_s = 1_000.0
        beats = names(await listening).count("beat")
        assert beats * module.HEARTBEAT_S <= module.EVERY_S + module.LATE_S + module.HEARTBEAT_S

    told(story)


def test_a_connection_that_is_not_there_any_more_ends_its_stream_with_that_word() -> None:
    async def story(world: World) -> None:
        listening = asyncio.create_task(heard(world.stream(), 60))
        await asyncio.sleep(2.2)
        world.there = False
        await asyncio.sleep(2)
        assert world.live.viewers == 0
        assert names(await listening) == ["status", "gone"]

    told(story)


def test_there_are_never_more_streams_than_a_process_bears() -> None:
    async def story(world: World) -> None:
        open_ones = [asyncio.create_task(heard(world.stream(), 5)) for _ in range(module.VIEWERS_MOST)]
        await asyncio.sleep(1)
        try:
            await anext(world.stream())
        except TooMany:
            refused = True
        else:
            refused = False
        assert refused
        await asyncio.gather(*open_ones)

    told(story)


def test_when_the_server_stops_every_stream_ends() -> None:
    async def story(world: World) -> None:
        listening = asyncio.create_task(heard(world.stream(), 100))
        await asyncio.sleep(2)
        world.live.close()
        await asyncio.sleep(0.1)
        assert world.live.viewers == 0
        await listening

    told(story)


def test_the_overview_is_streamed_to_whoever_may_see_it_and_the_stream_ends_with_the_tab(tmp_path: Path) -> None:
    async def story() -> None:
        async with an_office(tmp_path) as office:
            await office.add("Vera", Role.VIEWER)
            async with office.store.write(None) as tx:
                await connections.create(tx, a_connection(begun_at_us=1))
            app = make_app(office.interlock, "http://127.0.0.1:8090", office.passwords)
            vera = Browser(app)
            await vera.sign_in("vera@example.com", PASSWORD)
            answer = await vera.get("/connections/1/live")
            assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            assert answer.body.startswith("event: status\ndata: ")
            assert "In agreement" in answer.body
            assert app.state.live.viewers == 0
            assert (await Browser(app).get("/connections/1/live")).to == "/sign-in?next=%2Fconnections%2F1%2Flive"

    asyncio.run(story())
