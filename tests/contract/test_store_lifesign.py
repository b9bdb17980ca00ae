"""A process that was killed is not waited for; one that lives, or that nobody can tell of, is."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.conftest import Clock

from interlock.app.handing_over import running
from interlock.store import Fenced, HeldByOther, Store, cursors, heartbeat, lease
from interlock.store.lifesign import LifeSigns, new_owner

pytestmark = pytest.mark.anyio

ORG = "00D000000000001EAA"

# Takes the lease for an hour, beats like a dispatcher, says so, and is there until it is killed.
HOLDER = """
import asyncio, sys
from interlock.store import Store, heartbeat, lease

async def main(path, owner, now_us):
    store = await Store.open(path, clock_us=lambda: now_us)
    await lease.take(store, sys.argv[4], owner, now_us, term_s=3600)
    await heartbeat.beat(store, owner, now_us)
    print("here", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "interlock.db"


@pytest.fixture
async def store(path: Path, clock: Clock) -> AsyncIterator[Store]:
    opened = await Store.open(str(path), clock_us=clock)
    yield opened
    await opened.close()


async def holder(path: Path, owner: str, clock: Clock) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(path), owner, str(clock()), ORG, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"here\n"
    return process


async def test_an_org_whose_owner_was_killed_is_taken_at_once_and_with_a_higher_fence(
    store: Store, path: Path, clock: Clock
) -> None:
    owner = new_owner("killed")
    process = await holder(path, owner, clock)
    try:
        with pytest.raises(HeldByOther):
            await lease.take(store, ORG, new_owner("next"), clock())
        assert await running(store, clock())
        # Frozen is not dead: it may wake and go on.
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(HeldByOther):
            await lease.take(store, ORG, new_owner("next"), clock())
        assert await running(store, clock())
    finally:
        process.kill()
        await process.wait()
    assert (await lease.take(store, ORG, new_owner("next"), clock())).fence == 2
    assert not await running(store, clock()), "a dispatcher that was killed a moment ago would be handed work"


async def test_taking_over_from_the_dead_fences_whoever_still_acts_in_their_name(
    store: Store, path: Path, clock: Clock
) -> None:
    """Should a sign of life ever lie, the fence still stands between two owners."""
    believed_dead = await Store.open(str(path), clock_us=clock)
    held = await lease.take(believed_dead, ORG, new_owner("alive"), clock())
    await believed_dead.close()  # what the kernel does to the locks of a process that dies
    reopened = await Store.open(str(path), clock_us=clock)
    await lease.take(store, ORG, new_owner("next"), clock())
    with pytest.raises(Fenced):
        async with reopened.write(1, held) as tx:
            await cursors.set(tx, "c", {"written": "too late"})
    await reopened.close()


async def test_an_owner_that_gives_no_sign_is_waited_for(store: Store, clock: Clock) -> None:
    await lease.take(store, ORG, "a name without a sign", clock())
    with pytest.raises(HeldByOther):
        await lease.take(store, ORG, new_owner("next"), clock.advance(lease.TERM_S - 1))
    await heartbeat.beat(store, "a name without a sign", clock())
    assert await running(store, clock())


def test_signs_are_told_apart_and_end_with_their_process(tmp_path: Path) -> None:
    first, second = LifeSigns(tmp_path / "interlock.db"), LifeSigns(tmp_path / "interlock.db")
    one, other, two = new_owner("one"), new_owner("other"), new_owner("two")
    first.show(one)
    first.show(other)
    second.show(two)
    assert [first.has_died(each) for each in (one, other, two)] == [False, False, False]
    assert [second.has_died(each) for each in (one, other, two)] == [False, False, False]
    first.close()
    assert [second.has_died(each) for each in (one, other, two)] == [True, True, False]
    second.close()


def test_nobody_is_called_dead_where_no_locks_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that says yes to every lock and keeps none."""
    signs = LifeSigns(tmp_path / "interlock.db")
    monkeypatch.setattr("interlock.store.lifesign._is_locked", lambda descriptor, place: False)
    assert not signs.has_died(new_owner("somebody"))
    signs.close()
