"""PostgreSQL as the tests in virtual time use it: no threads, and a crash takes with it exactly what was not committed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.contract.conftest import Clock, a_connection

from interlock.store import Store, connections, cursors


class NoThreads(asyncio.SelectorEventLoop):
    """As the simulator's loop: what would leave it is an error."""

    def run_in_executor(self, *_: Any) -> Any:  # type: ignore[override]  # whatever is asked for is refused
        raise AssertionError("a thread was asked for")


def run(story: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=NoThreads) as runner:
        runner.run(story)


class Processes:
    def __init__(self, url: str) -> None:
        self.url = url
        self.id = 0

    async def one(self) -> Store:
        return await Store.open(self.url, clock_us=Clock(), threadless=True)

    async def first(self) -> Store:
        store = await self.one()
        async with store.write(None) as tx:
            self.id = await connections.create(tx, a_connection())
        return store

    async def set(self, store: Store, n: int) -> None:
        async with store.write(self.id) as tx:
            await cursors.set(tx, "c", {"n": n})

    async def get(self, store: Store) -> dict[str, Any] | None:
        async with store.read(self.id) as tx:
            return await cursors.get(tx, "c")


@pytest.fixture
def processes(postgres_url: str) -> Processes:
    return Processes(postgres_url)


async def let_run(task: asyncio.Task[Any]) -> None:
    for _ in range(200):
        await asyncio.sleep(0)
    assert not task.done()


def test_it_works_and_starts_no_thread(processes: Processes) -> None:
    async def story() -> None:
        before = threading.enumerate()
        store = await processes.first()
        await processes.set(store, 1)
        assert await processes.get(store) == {"n": 1}
        assert threading.enumerate() == before
        await store.close()

    run(story())


def test_it_makes_the_schema_where_there_is_none(empty_postgres_url: str) -> None:
    async def story() -> None:
        processes = Processes(empty_postgres_url)
        await (await processes.first()).close()

    run(story())


def test_a_crash_at_any_step_leaves_the_old_or_the_new_and_the_crashed_never_learns(processes: Processes) -> None:
    async def crash_after(steps: int) -> tuple[str, str]:
        crashing = await processes.one()
        await processes.set(crashing, 1)
        task = asyncio.create_task(processes.set(crashing, 2))
        for _ in range(steps):
            await asyncio.sleep(0)
        told = task.done()
        crashing.freeze()
        if not told:
            await let_run(task)
        survivor = await processes.one()
        found = await processes.get(survivor)
        await survivor.close()
        task.cancel()
        return ("new" if found == {"n": 2} else "old"), ("told" if told else "never told")

    async def story() -> None:
        await (await processes.first()).close()
        outcomes = [await crash_after(steps) for steps in range(12)]
        # In time: before the commit, between the commit and the caller's next step, after.
        assert list(dict.fromkeys(outcomes)) == [("old", "never told"), ("new", "never told"), ("new", "told")]

    run(story())


@pytest.mark.parametrize("call", ["write", "read", "close"])
def test_no_call_of_a_frozen_store_ever_returns(processes: Processes, call: str) -> None:
    async def story() -> None:
        store = await processes.first()
        store.freeze()
        calls: dict[str, Coroutine[Any, Any, Any]] = {
            "write": processes.set(store, 1),
            "read": processes.get(store),
            "close": store.close(),
        }
        task = asyncio.create_task(calls.pop(call))
        for unused in calls.values():
            unused.close()
        await let_run(task)
        task.cancel()

    run(story())


def test_a_second_process_waits_for_the_writer_and_not_for_one_that_crashed(processes: Processes) -> None:
    async def story() -> None:
        first, second = await processes.first(), await processes.one()
        held = asyncio.Event()

        async def hold() -> None:
            async with first.write(processes.id) as tx:
                await cursors.set(tx, "c", {"n": 1})
                held.set()
                await asyncio.get_running_loop().create_future()

        holder = asyncio.create_task(hold())
        await held.wait()
        waiting = asyncio.create_task(processes.set(second, 2))
        await let_run(waiting)
        first.freeze()
        await waiting
        assert await processes.get(second) == {"n": 2}
        await second.close()
        holder.cancel()

    run(story())


def test_a_process_that_crashed_while_it_waited_to_write_keeps_nobody_waiting(processes: Processes) -> None:
    async def story() -> None:
        first, crashing, third = await processes.first(), await processes.one(), await processes.one()
        release, held = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with first.write(processes.id):
                held.set()
                await release.wait()

        holder = asyncio.create_task(hold())
        await held.wait()
        waiting = asyncio.create_task(processes.set(crashing, 1))
        await let_run(waiting)
        crashing.freeze()
        release.set()
        await holder
        await processes.set(third, 3)
        assert await processes.get(third) == {"n": 3}
        for store in (first, third):
            await store.close()
        waiting.cancel()

    run(story())
