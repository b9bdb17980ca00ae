"""When the local dispatcher works on what, in virtual time and against a desk that only notes what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.simulation.virtual_time import run

from interlock.engine.dispatch.local import GRACE_S, LocalDispatcher, Standing, Work
from interlock.store import StoreBusy


class Notes:
    """A desk whose turns take as long as told. `turns`: (second, connection, work)."""

    def __init__(self, *standings: Standing, interval_s: float = 60.0, takes_s: float = 0.0) -> None:
        self.now = list(standings)
        self.interval_s, self.takes_s = interval_s, takes_s
        self.turns: list[tuple[int, int, Work]] = []
        self.beats: list[int] = []
        self.at_once = 0
        self.most_at_once = 0
        self.cancelled = 0
        self.asked_to_end = 0
        self.gave_way: list[tuple[int, int, bool]] = []
        self.after_turn: Callable[[], None] = lambda: None

    async def standings(self) -> list[Standing]:
        return self.now

    async def turn(self, connection_id: int, work: Work) -> float:
        self.turns.append((round(asyncio.get_running_loop().time()), connection_id, work))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.takes_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.at_once -= 1
        self.after_turn()
        return self.interval_s

    def end_turns(self) -> None:
        self.asked_to_end += 1

    def give_way(self, connection_id: int, end: bool) -> None:
        self.gave_way.append((round(asyncio.get_running_loop().time()), connection_id, end))

    async def beat(self) -> None:
        self.beats.append(round(asyncio.get_running_loop().time()))


def dispatched(desk: Notes, seconds: float, meanwhile: Callable[[], Awaitable[None]] | None = None) -> float:
    """Let the dispatcher run for so long, then stop it. The second at which it had ended."""

    async def main() -> float:
        loop: Any = asyncio.get_running_loop()
        stop = asyncio.Event()
        running = asyncio.create_task(LocalDispatcher(desk, loop.now_us, stop).run())
        if meanwhile is not None:
            await meanwhile()
        await asyncio.sleep(seconds - loop.time())
        stop.set()
        await running
        return float(loop.time())

    return run(main(), seed=3)


IDLE = Standing(1, "org", due=False, rung=False)


def test_an_idle_connection_is_polled_at_once_and_then_at_its_own_pace() -> None:
    desk = Notes(IDLE, interval_s=60)
    dispatched(desk, 185)
    assert desk.turns == [(0, 1, Work.POLL), (60, 1, Work.POLL), (120, 1, Work.POLL), (180, 1, Work.POLL)]


def test_a_due_record_is_taken_without_a_poll_and_the_pace_stays() -> None:
    desk = Notes(IDLE)

    async def meanwhile() -> None:
        await asyncio.sleep(30)
        desk.now = [Standing(1, "org", due=True, rung=False)]
        desk.after_turn = lambda: desk.now.__setitem__(0, IDLE)

    dispatched(desk, 70, meanwhile)
    assert [(work, second) for second, _, work in desk.turns] == [
        (Work.POLL, 0),
        (Work.DUE, 30),
        (Work.POLL, 60),
    ]


def test_what_stays_due_is_not_tried_in_a_tight_loop() -> None:
    desk = Notes(Standing(1, "org", due=True, rung=False))
    dispatched(desk, 60)
    assert len(desk.turns) <= 13


def test_a_bell_is_answered_within_a_second_whatever_the_pace() -> None:
    desk = Notes(IDLE, interval_s=3_600)

    async def meanwhile() -> None:
        await asyncio.sleep(100)
        desk.now = [Standing(1, "org", due=False, rung=True)]
        desk.after_turn = lambda: desk.now.__setitem__(0, IDLE)

    dispatched(desk, 200, meanwhile)
    assert [(second, work) for second, _, work in desk.turns] == [(0, Work.POLL), (100, Work.BELL)]


def test_connections_of_one_org_take_turns_and_those_of_two_do_not_wait_for_each_other() -> None:
    same = Notes(IDLE, Standing(2, "org", False, False), takes_s=10)
    dispatched(same, 25)
    assert same.most_at_once == 1
    assert {id_ for _, id_, _ in same.turns} == {1, 2}
    apart = Notes(IDLE, Standing(2, "other org", False, False), takes_s=10)
    dispatched(apart, 25)
    assert apart.most_at_once == 2


def test_it_beats_every_two_seconds_also_during_a_long_turn() -> None:
    desk = Notes(IDLE, takes_s=20)
    dispatched(desk, 21)
    assert desk.beats == list(range(0, 22, 2))


def test_a_stop_lets_a_short_turn_end_and_cuts_a_long_one_short() -> None:
    short = Notes(IDLE, takes_s=6)
    assert dispatched(short, 3) == 6
    assert (short.cancelled, short.asked_to_end) == (0, 1)
    long = Notes(IDLE, takes_s=3_600)
    assert dispatched(long, 3) == 3 + GRACE_S
    assert long.cancelled == 1


def test_a_database_that_is_away_for_a_while_ends_nothing() -> None:
    desk = Notes(IDLE, interval_s=10)
    there = desk.standings

    async def standings() -> list[Standing]:
        if asyncio.get_running_loop().time() < 30:
            raise StoreBusy("locked")
        return await there()

    desk.standings = standings  # type: ignore[method-assign]
    dispatched(desk, 45)
    assert [second for second, _, _ in desk.turns] == [30, 40]


def test_a_connection_that_appears_is_taken_up_and_one_that_goes_is_left_alone() -> None:
    desk = Notes(interval_s=10)

    async def meanwhile() -> None:
        await asyncio.sleep(4.5)
        desk.now = [IDLE]
        await asyncio.sleep(12)
        desk.now = []

    dispatched(desk, 60, meanwhile)
    assert [second for second, _, _ in desk.turns] == [5, 15]


def test_a_turn_that_another_of_its_org_waits_for_is_told_so_and_ended_after_its_slice() -> None:
    desk = Notes(IDLE, Standing(2, "org", False, False), Standing(3, "other org", False, False), takes_s=30)
    dispatched(desk, 20)
    assert {connection for _, connection, _ in desk.gave_way} == {1}
    assert [second for second, _, end in desk.gave_way if not end] == list(range(10))
    assert [second for second, _, end in desk.gave_way if end] == list(range(10, 21))


def test_a_turn_that_answers_a_bell_is_told_and_not_ended() -> None:
    desk = Notes(Standing(1, "org", False, True), Standing(2, "org", False, False), takes_s=30)
    dispatched(desk, 20)
    assert desk.gave_way
    assert not any(end for _, _, end in desk.gave_way)


def test_of_two_that_always_have_work_neither_waits_for_ever() -> None:
    desk = Notes(
        Standing(1, "org", due=True, rung=False), Standing(2, "org", due=True, rung=False), interval_s=0, takes_s=5
    )
    dispatched(desk, 100)
    turns = [connection for _, connection, _ in desk.turns]
    assert abs(turns.count(1) - turns.count(2)) <= 1
