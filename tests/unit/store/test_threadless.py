"""The simulator's store: no threads, and a crash that takes with it exactly what was not committed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from interlock.store import Store, StoreBusy, connections, cursors
from interlock.store.connections import Connection

CONNECTION = Connection(
    name="main",
    state="idle",
    state_since_us=0,
    hubspot_url="http://hubspot.test",
    hubspot_account_id="111",
    hubspot_name="Account",
    salesforce_url="http://salesforce.test",
    salesforce_org_id="00D000000000001EAA",
    salesforce_name="Org",
)


def clock_us() -> int:
    return 1_700_000_000_000_000


class NoThreads(asyncio.SelectorEventLoop):
    """As the simulator's loop: what would leave it is an error."""

    def run_in_executor(self, *_: Any) -> Any:  # type: ignore[override]  # whatever is asked for is refused
        raise AssertionError("a thread was asked for")


def run(story: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=NoThreads) as runner:
        runner.run(story)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "interlock.db"


async def process(path: Path) -> Store:
    """A new process opens the file."""
    return await Store.open(str(path), clock_us=clock_us, synchronous="OFF", threadless=True)


async def connected(path: Path) -> Store:
    store = await process(path)
    async with store.write(None) as tx:
        assert await connections.create(tx, CONNECTION) == 1
    return store


async def set_cursor(store: Store, n: int) -> None:
    async with store.write(1) as tx:
        await cursors.set(tx, "c", {"n": n})


async def cursor(store: Store) -> dict[str, Any] | None:
    async with store.read(1) as tx:
        return await cursors.get(tx, "c")


async def let_run(task: asyncio.Task[Any]) -> None:
    for _ in range(200):
        await asyncio.sleep(0)
    assert not task.done()


def test_a_threadless_store_works_and_starts_no_thread(path: Path) -> None:
    async def story() -> None:
        before = threading.enumerate()
        store = await connected(path)
        await set_cursor(store, 1)
        assert await cursor(store) == {"n": 1}
        assert threading.enumerate() == before
        await store.close()

    run(story())


def test_what_a_threadless_store_wrote_a_threaded_one_reads(path: Path) -> None:
    async def story() -> None:
        store = await connected(path)
        await set_cursor(store, 1)
        await store.close()

    run(story())

    async def threaded() -> None:
        store = await Store.open(str(path), clock_us=clock_us)
        assert await cursor(store) == {"n": 1}
        await store.close()

    asyncio.run(threaded())


def test_a_crash_inside_a_transaction_takes_its_work_and_leaves_the_committed(path: Path) -> None:
    async def story() -> None:
        crashing = await connected(path)
        await set_cursor(crashing, 1)

        async def write_and_wait() -> None:
            async with crashing.write(1) as tx:
                await cursors.set(tx, "c", {"n": 2})
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(write_and_wait())
        await let_run(task)
        crashing.freeze()

        survivor = await process(path)
        assert await cursor(survivor) == {"n": 1}
        await set_cursor(survivor, 3)
        assert await cursor(survivor) == {"n": 3}
        await survivor.close()
        task.cancel()

    run(story())


def test_a_crash_at_any_step_leaves_the_old_or_the_new_and_the_crashed_never_learns(tmp_path: Path) -> None:
    async def crash_after(steps: int) -> tuple[str, str]:
        path = tmp_path / f"{steps}.db"
        crashing = await connected(path)
        await set_cursor(crashing, 1)
        task = asyncio.create_task(set_cursor(crashing, 2))
        for _ in range(steps):
            await asyncio.sleep(0)
        told = task.done()
        crashing.freeze()
        if not told:
            await let_run(task)

        survivor = await process(path)
        found = await cursor(survivor)
        await survivor.close()
        task.cancel()
        return ("new" if found == {"n": 2} else "old"), ("told" if told else "never told")

    async def story() -> None:
        outcomes = [await crash_after(steps) for steps in range(40)]
        # In time: before the commit, between the commit and the caller's next step, after.
        assert list(dict.fromkeys(outcomes)) == [("old", "never told"), ("new", "never told"), ("new", "told")]

    run(story())


@pytest.mark.parametrize("call", ["write", "read", "close"])
def test_no_call_of_a_frozen_store_ever_returns(path: Path, call: str) -> None:
    async def story() -> None:
        store = await connected(path)
        store.freeze()
        calls: dict[str, Coroutine[Any, Any, Any]] = {
            "write": set_cursor(store, 1),
            "read": cursor(store),
            "close": store.close(),
        }
        task = asyncio.create_task(calls.pop(call))
        for unused in calls.values():
            unused.close()
        await let_run(task)
        task.cancel()

    run(story())


def test_a_statement_under_way_when_the_process_froze_never_returns(path: Path) -> None:
    async def story() -> None:
        store = await connected(path)
        gate = asyncio.Event()

        async def read_later() -> None:
            async with store.read(1) as tx:
                await gate.wait()
                await cursors.get(tx, "c")

        task = asyncio.create_task(read_later())
        await let_run(task)
        store.freeze()
        gate.set()
        await let_run(task)
        task.cancel()

    run(story())


def test_a_second_process_waits_in_virtual_time_for_the_writer(path: Path) -> None:
    async def story() -> None:
        first = await connected(path)
        second = await process(path)
        held, release = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with first.write(1) as tx:
                await cursors.set(tx, "c", {"n": 1})
                held.set()
                await release.wait()

        holder = asyncio.create_task(hold())
        await held.wait()
        waiting = asyncio.create_task(set_cursor(second, 2))
        await let_run(waiting)
        release.set()
        await holder
        await waiting
        assert await cursor(first) == {"n": 2}
        await first.close()
        await second.close()

    run(story())


def test_the_wait_for_the_writer_is_bounded(path: Path) -> None:
    class Hurried(NoThreads):
        """Timers fire at once: time is virtual."""

        _now = 0.0

        def time(self) -> float:
            self._now += 1.0
            return self._now

    async def story() -> None:
        first = await connected(path)
        second = await process(path)
        async with first.write(1) as tx:
            await cursors.set(tx, "c", {"n": 1})
            with pytest.raises(StoreBusy):
                await asyncio.create_task(set_cursor(second, 2))
        await first.close()
        await second.close()

    with asyncio.Runner(loop_factory=Hurried) as runner:
        runner.run(story())


def test_only_a_threadless_store_can_be_frozen(path: Path) -> None:
    async def story() -> None:
        store = await Store.open(str(path), clock_us=clock_us)
        with pytest.raises(RuntimeError, match="threadless"):
            store.freeze()
        await store.close()

    asyncio.run(story())
