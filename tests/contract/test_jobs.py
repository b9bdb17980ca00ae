"""What somebody began over a page or the API, seen by whichever process serves the next request, after a restart, and once a person
was erased."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.contract.conftest import Clock, a_connection

from interlock.app import jobs
from interlock.app.background import Background
from interlock.app.errors import AppError, Busy, Missing
from interlock.app.jobs import Answer, Job, Jobs
from interlock.core.model import RecordKey, Side
from interlock.store import Store, StoreError, connections, erasures, restored
from interlock.store import jobs as stored
from interlock.store.connections import Connection
from interlock.store.errors import StoreBusy

pytestmark = pytest.mark.anyio

ASKED = {"objects": ["contacts"], "limit": None}
ADA = RecordKey(Side.HUBSPOT, "contacts", "501")


class Process:
    """One that serves pages."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.background = Background()
        self.jobs = Jobs(store, self.background, clock)
        self.let_on = asyncio.Event()
        self.began = 0

    async def work(self) -> dict[str, Any]:
        self.began += 1
        await self.let_on.wait()
        return {"created": 7}

    async def begin(self, connection: Connection, kind: str = "plan") -> Job:
        return await self.jobs.begin(kind, connection, ASKED, self.work)


@pytest.fixture
async def connection(store: Store) -> Connection:
    async with store.write(None) as tx:
        id_ = await connections.create(tx, a_connection())
    async with store.read(None) as tx:
        found = await connections.get(tx, id_)
    assert found is not None
    return found


@pytest.fixture
async def one(store: Store, clock: Clock) -> AsyncIterator[Process]:
    made = Process(store, clock)
    yield made
    await made.background.close()


@pytest.fixture
async def other(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    monkeypatch.setattr(jobs, "LOOK_AGAIN_S", 0.001)
    made = Process(store, clock)
    yield made
    await made.background.close()


async def test_a_poll_that_another_process_answers_says_that_it_runs_and_then_what_came_of_it(
    connection: Connection, one: Process, other: Process
) -> None:
    begun = await one.begin(connection)
    seen = await other.jobs.get(begun.id)
    assert (seen.state, seen.document()) == ("running", begun.document())
    waiting = asyncio.create_task(other.jobs.wait(begun.id, 20))
    await asyncio.sleep(0)
    one.let_on.set()
    ended = await waiting
    assert (ended.state, ended.result, ended.connection, ended.asked) == ("done", {"created": 7}, "main", ASKED)
    assert ended == await one.jobs.get(begun.id)


async def test_the_same_asked_of_another_process_while_it_runs_is_the_same_job(
    connection: Connection, one: Process, other: Process
) -> None:
    begun = await asyncio.gather(one.begin(connection), other.begin(connection))
    assert begun[0].id == begun[1].id
    await asyncio.sleep(0)
    assert one.began + other.began == 1


async def test_what_is_too_long_for_an_answer_stays_with_whoever_worked_it_out_until_a_person_is_erased(
    store: Store, connection: Connection, one: Process, other: Process
) -> None:
    async def much() -> Answer:
        return Answer({"number": 3}, {"rows": [1, 2, 3]})

    ended = await one.jobs.wait((await one.jobs.begin("undo", connection, ASKED, much)).id, 5)
    assert (ended.result, one.jobs.lists(ended)) == ({"number": 3}, {"rows": [1, 2, 3]})
    assert other.jobs.lists(await other.jobs.get(ended.id)) is None
    async with store.write(connection.id) as tx:
        await erasures.put(tx, [str(ADA)])
        await erasures.clear(tx, "contacts", [ADA], [])
    with pytest.raises(Missing):
        await one.jobs.get(ended.id)
    assert one.jobs.lists(ended) is None


async def test_a_job_that_failed_says_why_to_whoever_asks(connection: Connection, one: Process, other: Process) -> None:
    async def refused() -> dict[str, Any]:
        raise AppError("HubSpot refused.", code="refused_so", fix="Sign in again.")

    begun = await one.jobs.begin("plan", connection, ASKED, refused)
    await one.jobs.wait(begun.id, 5)
    seen = (await other.jobs.get(begun.id)).document()
    assert (seen["state"], seen["error"]["code"], seen["error"]["fix"]) == ("failed", "refused_so", "Sign in again.")


async def test_after_a_restart_what_ended_is_known_and_what_ran_is_said_to_have_been_interrupted(
    connection: Connection, one: Process, other: Process
) -> None:
    one.let_on.set()
    done = await one.begin(connection)
    await one.jobs.wait(done.id, 5)
    one.let_on.clear()
    cut = await one.begin(connection, "import")
    await asyncio.sleep(0)
    await one.background.close()
    assert (await other.jobs.get(done.id)).result == {"created": 7}
    seen = (await other.jobs.get(cut.id)).document()
    assert (seen["state"], seen["error"]["code"]) == ("failed", "interrupted")
    assert seen["error"]["message"] == "Interlock ended while this ran."


async def test_a_job_whose_process_was_killed_has_ended_as_soon_as_that_can_be_told_and_can_be_begun_anew(
    connection: Connection, one: Process, other: Process, clock: Clock
) -> None:
    begun = await one.begin(connection)
    clock.advance(jobs.GONE_US / 1_000_000 - 1)
    assert (await other.jobs.get(begun.id)).state == "running"
    clock.advance(2)
    seen = await other.jobs.get(begun.id)
    assert (seen.state, seen.ended_at_us) == ("failed", begun.begun_at_us)
    assert (await other.begin(connection)).id != begun.id


async def test_a_process_that_works_for_long_says_that_it_lives(
    connection: Connection, one: Process, other: Process, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived = asyncio.Event()
    live = stored.live

    async def noticed(*arguments: Any) -> None:
        await live(*arguments)
        lived.set()

    monkeypatch.setattr(jobs, "LIVE_S", 0.001)
    monkeypatch.setattr(stored, "live", noticed)
    begun = await one.begin(connection)
    clock.advance(3_600)
    for _ in range(3):  # the first may be of before, and the last is not committed yet
        lived.clear()
        await lived.wait()
    assert (await other.jobs.get(begun.id)).state == "running"


async def test_what_succeeded_is_said_to_have_once_the_store_is_there_again_and_lives_until_then(
    connection: Connection, one: Process, other: Process, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, asked, end = True, asyncio.Event(), stored.end

    async def ended(*arguments: Any) -> None:
        asked.set()
        if away:
            raise StoreBusy("The database is restarting.")
        await end(*arguments)

    monkeypatch.setattr(jobs, "LIVE_S", 0.001)
    monkeypatch.setattr(jobs, "END_AGAIN_S", 0.001)
    monkeypatch.setattr(stored, "end", ended)
    one.let_on.set()
    begun = await one.begin(connection, "erase")
    for _ in range(3):
        asked.clear()
        await asyncio.wait_for(asked.wait(), 5)
    assert [(await each.jobs.get(begun.id)).state for each in (one, other)] == ["running", "running"]
    away = False
    seen = await one.jobs.wait(begun.id, 20)
    assert (seen.state, seen.result) == ("done", {"created": 7})
    assert one.jobs._running == set()


async def test_an_answer_that_cannot_be_kept_ends_as_a_failure_and_holds_nobody_s_place(
    connection: Connection, one: Process
) -> None:
    async def work() -> dict[str, Any]:
        return {"no": object()}

    begun = await one.jobs.begin("erase", connection, ASKED, work)
    seen = await one.jobs.wait(begun.id, 5)
    assert (seen.state, seen.failure and seen.failure.code) == ("failed", "defect")
    assert one.jobs._running == set()


async def test_a_process_that_ends_does_not_wait_for_a_store_that_is_away(
    connection: Connection, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise StoreBusy("The database is restarting.")

    monkeypatch.setattr(stored, "end", away)
    await one.begin(connection)
    await asyncio.sleep(0)
    one.let_on.set()
    await one.begin(connection, "erase")
    await asyncio.sleep(0)
    await asyncio.wait_for(one.background.close(), 5)
    assert one.jobs._running == set()


async def test_no_more_than_some_run_at_once_and_nothing_begins_in_a_process_that_ends(
    connection: Connection, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "RUNNING_MOST", 1)
    await one.begin(connection)
    with pytest.raises(Busy, match="1 jobs are running"):
        await one.begin(connection, "import")
    await one.background.close()
    with pytest.raises(Busy, match="is ending"):
        await one.begin(connection)


async def test_a_job_is_forgotten_after_a_day_and_one_that_never_was_is_not_known(
    connection: Connection, one: Process, clock: Clock
) -> None:
    one.let_on.set()
    begun = await one.begin(connection)
    await one.jobs.wait(begun.id, 5)
    clock.advance(jobs.KEPT_US / 1_000_000 + 1)
    for id_ in (begun.id, "1-none", "none", "-", "9" * 40):
        with pytest.raises(Missing):
            await one.jobs.get(id_)
    await one.begin(connection, "import")
    async with one.jobs._store.read(connection.id) as tx:
        assert await stored.get(tx, begun.id) is None


async def test_a_day_later_the_answer_is_in_no_table_and_its_list_in_no_memory_though_nobody_asks(
    store: Store, connection: Connection, one: Process, clock: Clock
) -> None:
    async def much() -> Answer:
        return Answer({"number": 3}, {"rows": [1, 2, 3]})

    for kind in ("undo", "erase"):
        await one.jobs.wait((await one.jobs.begin(kind, connection, ASKED, much)).id, 5)
    runs = await one.begin(connection)
    await asyncio.sleep(0)
    one.jobs._running.discard(runs.id)  # as of a process that died over it
    await one.jobs.tidy()
    assert len(one.jobs._lists) == 2
    clock.advance(jobs.KEPT_US / 1_000_000 + 1)
    await one.jobs.tidy()
    assert one.jobs._lists == {}
    async with store.read(connection.id) as tx:
        assert await tx.rows("SELECT * FROM job") == []


async def test_the_long_list_of_an_answer_goes_with_an_erasure_though_nobody_asks(
    store: Store, connection: Connection, one: Process, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def much() -> Answer:
        return Answer({"number": 1}, {"fields": ["ada@example.com"]})

    turns: asyncio.Queue[None] = asyncio.Queue()
    tidy = one.jobs.tidy

    async def noticed() -> None:
        await tidy()
        turns.put_nowait(None)
        if turns.qsize() == 1:
            raise StoreError("away")  # which ends no later turn

    monkeypatch.setattr(jobs, "TIDY_S", 0.001)
    monkeypatch.setattr(one.jobs, "tidy", noticed)
    await one.jobs.wait((await one.jobs.begin("undo", connection, ASKED, much)).id, 5)
    one.background.start("tidy jobs", one.jobs.keep_tidy)
    await turns.get()
    assert len(one.jobs._lists) == 1
    clock.advance(1)
    async with store.write(connection.id) as tx:
        await erasures.put(tx, [str(ADA)])
        await erasures.clear(tx, "contacts", [ADA], [])
    while not turns.empty():
        turns.get_nowait()
    for _ in range(2):  # the first may have begun before
        await turns.get()
    assert one.jobs._lists == {}


async def test_what_a_work_told_on_its_way_is_held_by_nobody_once_it_has_ended(one: Process) -> None:
    async def work() -> None:
        one.background.tell("work", ["ada@example.com"])
        await one.let_on.wait()

    one.background.start("work", work)
    await asyncio.sleep(0)
    assert one.background.told("work") == ["ada@example.com"]
    one.let_on.set()
    await one.background.wait("work")
    await asyncio.sleep(0)
    assert (one.background.told("work"), one.background._told) == (None, {})


async def test_what_was_answered_before_a_person_was_erased_is_gone_and_what_runs_answers_nothing(
    store: Store, connection: Connection, one: Process, other: Process, clock: Clock
) -> None:
    one.let_on.set()
    ended = await one.begin(connection)
    ending = await one.begin(connection, "erase")
    for job in (ended, ending):
        await one.jobs.wait(job.id, 5)
    one.let_on.clear()
    runs = await one.begin(connection, "undo")
    clock.advance(1)
    async with store.write(connection.id) as tx:
        await erasures.put(tx, [str(ADA)])
        await erasures.clear(tx, "contacts", [ADA], [])
    one.let_on.set()
    await one.background.wait(f"job:{runs.id}")
    for job in (ended, runs):
        assert await other.jobs.find(job.id) is None
        async with store.read(connection.id) as tx:
            assert await stored.get(tx, job.id) is None
    assert (await other.jobs.get(ending.id)).state == "done"


async def test_a_restored_backup_knows_no_job(store: Store, connection: Connection, one: Process) -> None:
    one.let_on.set()
    begun = await one.begin(connection)
    await one.jobs.wait(begun.id, 5)
    async with store.write(None) as tx:
        await restored.forget_what_was_running(tx)
    assert await one.jobs.find(begun.id) is None


async def test_a_job_goes_with_its_connection(store: Store, connection: Connection, one: Process) -> None:
    one.let_on.set()
    begun = await one.begin(connection)
    await one.jobs.wait(begun.id, 5)
    async with store.write(None) as tx:
        await connections.delete(tx, connection.id or 0)
        assert await tx.rows("SELECT * FROM job") == []
    assert await one.jobs.find(begun.id) is None
