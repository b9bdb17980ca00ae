"""Many processes that share all connections: a queue in the same PostgreSQL of which each job is "drain this org".

`Worker` is one of them. Every worker enqueues what is due (store/schedule.py) and every worker takes jobs, so there is no
scheduler to die. The queue only spreads the work and wakes whoever is idle (LISTEN/NOTIFY). It decides nothing: a job that is
lost comes due again, one that runs twice finds the org owned by another (engine/ownership.py). docs/adr/0012.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.schema import SchemaManager
from psycopg import sql

from interlock.engine.dispatch.desk import US, Appointment, Desk, Standing, Work
from interlock.engine.dispatch.local import BEAT_S, GRACE_S, SLICE_S, TICK_S
from interlock.engine.ownership import Ownership, own
from interlock.store import Fenced, HeldByOther, Store, StoreError, StoreUnavailable, cursors, schedule
from interlock.store.lease import TERM_S

QUEUE = "drains"
# Orgs that one worker drains at the same time. Each holds a connection to the database now and then; the store has eight.
AT_ONCE = 8
# Enqueued again after this long, should whoever was to drain the org have come to nothing: their lease has run out then.
AGAIN_US = TERM_S * US
ENQUEUE_MOST = 100
# A dead worker's jobs are taken away from it after this long without a sign of it. Measured, with Procrastinate's own
# defaults it takes 39 s.
WORKER_LOST_S = 8.0
COMPLETE_EVERY_S = 60.0
RESTART_S = 1.0
_CONNECT_TIMEOUT_S = 10
# Any number: the same for all workers that could make the queue at once.
_ADVISORY_LOCK = 4_201_867
_APPOINTMENT = "turns"
DAY_US = 86_400 * US


class _Jobs(JobManager):
    """Takes it that a job which ran is gone already: a worker that froze was taken for dead, and its jobs were taken away."""

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        try:
            await super().finish_job(job, status, delete_job)
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise


class Worker:
    """`stop` may be set from a signal handler; `run` then returns when the drains under way have ended."""

    def __init__(
        self,
        desk: Desk,
        store: Store,
        address: str,
        owner: str,
        clock_us: Callable[[], int],
        stop: asyncio.Event,
        say: Callable[[str], None],
        at_once: int = AT_ONCE,
    ) -> None:
        """`address`: of the store's PostgreSQL, as psycopg takes it."""
        self._desk = desk
        self._store = store
        self._address = address
        self._owner = owner
        self._clock_us = clock_us
        self._stop = stop
        self._say = say
        self._at_once = at_once
        self._schema = _schema_name()
        connector = PsycopgConnector(
            conninfo=address,
            kwargs={
                "options": f"-c search_path={self._schema} -c timezone=UTC -c application_name=interlock-queue",
                "connect_timeout": _CONNECT_TIMEOUT_S,
            },
            min_size=1,
            max_size=4,
        )
        self._app = App(connector=connector)
        self._app.job_manager = _Jobs(connector)
        self._app.task(name="drain", queue=QUEUE)(self._drain)
        self._away = False
        self._draining: set[str] = set()

    async def run(self) -> None:
        """Raises StoreUnavailable when the queue cannot be made."""
        await self._make_queue()
        async with self._app.open_async(), asyncio.TaskGroup() as group:
            sides = [
                group.create_task(self._every(seconds, work))
                for seconds, work in (
                    (BEAT_S, self._desk.beat),
                    (COMPLETE_EVERY_S, self._complete),
                    (TICK_S, self._enqueue_due),
                    (BEAT_S, self._clear_the_lost),
                )
            ]
            try:
                while not self._stop.is_set():
                    await self._take_jobs()
                    await self._wait(RESTART_S)
            finally:
                for side in sides:
                    side.cancel()

    async def _every(self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A task of its own for each: a long drain must not look like a dead worker."""
        while True:
            try:
                await work()
            except (StoreError, ConnectorException) as error:
                # To end here would end the sync of everybody.
                self._database_is_away(error)
            else:
                self._away = False
            await asyncio.sleep(seconds)

    def _database_is_away(self, error: BaseException) -> None:
        """Said once, not by everything that needs it."""
        if not self._away:
            text = str(error.__cause__ or error).strip()
            self._say(f"The database cannot be used: {text} It is tried again every second.")
        self._away = True

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    # --- the queue ---------------------------------------------------------------------------------------------------

    async def _make_queue(self) -> None:
        """In a schema of its own, by whichever worker is first. What another version of Procrastinate made is left alone:
        nothing of the queue need outlive it."""
        table = f"{self._schema}.procrastinate_jobs"
        try:
            async with await psycopg.AsyncConnection.connect(
                self._address, connect_timeout=_CONNECT_TIMEOUT_S
            ) as connection:
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
                found = await (await connection.execute("SELECT to_regclass(%s)", (table,))).fetchone()
                if found is not None and found[0] is not None:
                    return
                name = sql.Identifier(self._schema)
                await connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
                await connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(name))
                await connection.execute(SchemaManager.get_schema())
        except psycopg.Error as error:
            raise StoreUnavailable(f"The queue of the workers cannot be made: {str(error).strip()}") from error

    async def _take_jobs(self) -> None:
        """Until told to stop, or until Procrastinate gives up: it does when it cannot reach the database for a moment."""
        working = asyncio.create_task(
            self._app.run_worker_async(
                queues=[QUEUE],
                name=self._owner,
                concurrency=self._at_once,
                install_signal_handlers=False,
                delete_jobs="always",
                update_heartbeat_interval=BEAT_S,
                shutdown_graceful_timeout=GRACE_S,
            )
        )
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            # Its jobs may end, for so long; then they are cancelled, and each gives its lease back on the way out.
            self._desk.end_turns()
            working.cancel()
        stopping.cancel()
        (ended,) = await asyncio.gather(working, return_exceptions=True)
        if isinstance(ended, (ConnectorException, psycopg.Error)):
            self._database_is_away(ended)
        elif isinstance(ended, Exception):
            raise ended

    async def _enqueue_due(self) -> None:
        while not self._stop.is_set():
            async with self._store.write(None) as tx:
                orgs = await schedule.take_due(tx, ENQUEUE_MOST, tx.now_us + AGAIN_US)
            for org_id in orgs:
                # It waits to be drained already.
                with contextlib.suppress(AlreadyEnqueued):
                    await self._app.configure_task("drain", queueing_lock=org_id).defer_async(org_id=org_id)
            if len(orgs) < ENQUEUE_MOST:
                return

    async def _complete(self) -> None:
        async with self._store.write(None) as tx:
            await schedule.complete(tx)

    async def _clear_the_lost(self) -> None:
        """Take away the jobs of workers that have died, and have their orgs drained by others.

        Taken away, not given to another as they are (`retry_job`): a worker that only froze would, when it wakes, end the
        job that another one runs.
        """
        manager = self._app.job_manager
        for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=WORKER_LOST_S):
            async with self._store.write(None) as tx:
                await schedule.ring_org(tx, str(job.task_kwargs["org_id"]))
            await manager.finish_job(job, Status.ABORTED, delete_job=True)

    # --- a drain -----------------------------------------------------------------------------------------------------

    async def _drain(self, org_id: str) -> None:
        """What a job is. An org that is drained already stays with whoever does, here or elsewhere: it is due again soon."""
        if org_id in self._draining:
            # The lease would not keep us from taking over from ourselves.
            return
        self._draining.add(org_id)
        try:
            await self._drain_org(org_id)
        finally:
            self._draining.discard(org_id)

    async def _drain_org(self, org_id: str) -> None:
        """However this ends but by a `put`, the org is due again soon."""
        try:
            async with self._store.read(None) as tx:
                seen = await schedule.get(tx, org_id)
            if seen is None:
                return
            if self._stop.is_set():
                async with self._store.write(None) as tx:
                    await schedule.put_off(tx, seen, self._clock_us())
                return
            try:
                async with own(self._store, org_id, self._owner, self._clock_us) as ownership:
                    next_us = await self._drain_as(ownership)
                    async with self._store.write(None, ownership.lease) as tx:
                        await schedule.put(tx, seen, next_us)
            except HeldByOther as held:
                async with self._store.write(None) as tx:
                    await schedule.put_off(tx, seen, held.until_us)
        except Fenced as fenced:
            self._say(f"{fenced} Nothing more was written here.")
        except StoreError as error:
            self._database_is_away(error)

    async def _drain_as(self, ownership: Ownership) -> int:
        """A turn for each connection of the org that wants one, who has waited longest first. When the next is wanted."""
        org_id = ownership.lease.org_id
        appointments = await self._appointments(await self._desk.standings(org_id))
        for standing, appointment in sorted(appointments, key=lambda each: each[1].not_before_us):
            work = appointment.wanted(standing, self._clock_us())
            if work is None or self._stop.is_set():
                continue
            next_s = await self._turn(standing, work, ownership, len(appointments) > 1)
            appointment.after(work, next_s, self._clock_us())
            async with self._store.write(standing.connection_id, ownership.lease) as tx:
                await cursors.set(tx, _APPOINTMENT, msgspec.to_builtins(appointment))
        if self._stop.is_set():
            return self._clock_us()
        now_us = self._clock_us()
        left = await self._appointments(await self._desk.standings(org_id))
        # Nobody works on a connection that is halted: `resume` rings.
        return min((appointment.next_us(standing, now_us) for standing, appointment in left), default=now_us + DAY_US)

    async def _appointments(self, standings: list[Standing]) -> list[tuple[Standing, Appointment]]:
        found = []
        for standing in standings:
            async with self._store.read(standing.connection_id) as tx:
                kept = await cursors.get(tx, _APPOINTMENT)
            found.append((standing, Appointment() if kept is None else msgspec.convert(kept, Appointment)))
        return found

    async def _turn(self, standing: Standing, work: Work, ownership: Ownership, shared: bool) -> float:
        """With `shared`, for as long as others of the org can bear to wait (see SLICE_S)."""
        async with _ended_with(self._desk.turn(standing.connection_id, work, ownership)) as turn:
            began_us = self._clock_us()
            while shared and not (await asyncio.wait({turn}, timeout=TICK_S))[0]:
                if await self._somebody_waits(standing):
                    # Somebody waits for the answer to a bell, whole: that one is not cut.
                    spent = self._clock_us() - began_us >= SLICE_S * US
                    self._desk.give_way(standing.connection_id, end=spent and work is not Work.BELL)
            return await turn

    async def _somebody_waits(self, standing: Standing) -> bool:
        now_us = self._clock_us()
        others = [
            each for each in await self._desk.standings(standing.lane) if each.connection_id != standing.connection_id
        ]
        return any(appointment.wanted(each, now_us) for each, appointment in await self._appointments(others))


@asynccontextmanager
async def _ended_with(work: Coroutine[Any, Any, float]) -> AsyncIterator[asyncio.Task[float]]:
    """As a task, which ends with this block at the latest."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _schema_name() -> str:
    """Its own for each schema that Procrastinate had, so that old and new workers run side by side while they are replaced."""
    newest = max(path.name for path in Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    return f"interlock_queue_{newest.partition('_')[0].replace('.', '_')}"
