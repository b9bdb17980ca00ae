"""What a page or the JSON API has begun and answers later: what was asked, and the document or the failure it ended with.

In the store (store/jobs.py), since a poll may be served by another process, or by the same one started again. Whichever process
began a job works on it and says every few seconds that it lives. One whose process is gone has ended: what it did to records is as
safe as any sync (background.py), only its answer is lost, and it is begun again.

An answer may hold values of records. So what was begun before a person was erased, by whichever process, is shown no more.
What is too long for an answer stays with the process that worked it out, and is gone with it. Nobody needs to ask for any of it
again for it to go: each process that serves looks for that every minute (`tidy`).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from interlock.app.background import Background, failure_of
from interlock.app.documents import error_document
from interlock.app.errors import Busy, Failure, Missing
from interlock.app.times import rfc3339
from interlock.store import Store, StoreError, erasures, jobs
from interlock.store.connections import Connection
from interlock.store.jobs import WITHOUT_VALUES, StoredJob

Json = dict[str, Any]
Lists = Mapping[str, Sequence[Any]]

RUNNING_MOST, KEPT_MOST = 8, 200
LISTS_MOST = 20
KEPT_US = 24 * 3_600 * 1_000_000
# A process says so often that it lives, and is taken for gone after so long where nothing else tells (PostgreSQL).
LIVE_S = 5.0
GONE_US = 60_000_000
# How it ended is said again after so long where the store did not take it, doubled up to the most.
END_AGAIN_S, END_AGAIN_MOST_S = 0.5, 30.0
# How often what is to be known no longer is let go of.
TIDY_S = 60.0
# How often one that another process works on is looked at, by who waits for it.
LOOK_AGAIN_S = 0.5
_INTERRUPTED = Failure("interrupted", "Interlock ended while this ran.", 130, fix="Begin it again.")

_log = logging.getLogger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """What a job ends with: its document, and what is too long for that by name, to be read from any place on."""

    document: Json
    lists: Lists


Work = Callable[[], Coroutine[Any, Any, Json | Answer]]


class Job(msgspec.Struct, frozen=True):
    """`connection`: its name. `asked`: what it was begun with."""

    id: str
    kind: str  # plan | sync | import | undo | disconnect | erase
    connection: str
    asked: Json
    begun_at_us: int
    ended_at_us: int | None = None
    result: Json | None = None
    failure: Failure | None = None

    @property
    def state(self) -> str:
        if self.ended_at_us is None:
            return "running"
        return "failed" if self.failure is not None else "done"

    def document(self) -> Json:
        return {
            "id": self.id,
            "kind": self.kind,
            "connection": self.connection,
            "asked": self.asked,
            "state": self.state,
            "begun_at": rfc3339(self.begun_at_us),
            "ended_at": rfc3339(self.ended_at_us),
            "result": self.result,
            "error": None if self.failure is None else error_document(self.failure)["error"],
        }


class Jobs:
    """Of one process."""

    def __init__(self, store: Store, background: Background, clock_us: Callable[[], int]) -> None:
        self._store = store
        self._background = background
        self._clock_us = clock_us
        self._running: set[str] = set()
        self._lists: dict[str, Lists] = {}  # of the newest that ended with some

    async def begin(
        self, kind: str, connection: Connection, asked: Json, work: Work, stop: Callable[[], None] | None = None
    ) -> Job:
        """The same asked again while it runs is the same job. `stop` asks it to end between two batches. Raises Busy when too
        much runs already, or when the process ends."""
        assert connection.id is not None
        asked = msgspec.to_builtins(asked)
        # With the connection in it: who asks after a job need not know whose it is.
        id_ = f"{connection.id}-{secrets.token_urlsafe(12)}"
        # Before the row is there: nobody is to take it for one whose process has gone.
        self._running.add(id_)
        begun = False
        try:
            row = await self._put(connection.id, id_, kind, asked)
            if row.id != id_:
                return self._job(row)
            begun = self._background.start(_name(id_), partial(self._run, connection.id, row, work), stop)
        finally:
            if not begun:
                self._running.discard(id_)
        if not begun:
            async with self._store.write(connection.id) as tx:
                await jobs.drop(tx, id_)
            raise Busy("Interlock is ending.", code="ending", fix="Ask again once it was started.")
        return self._job(row)

    async def _put(self, connection_id: int, id_: str, kind: str, asked: Json) -> StoredJob:
        """The one that runs already, where the same was asked. Raises Busy."""
        self._store.show_life(self._background.owner)
        async with self._store.write(connection_id) as tx:
            await jobs.lock(tx)
            await jobs.drop_older(tx, self._clock_us() - KEPT_US, KEPT_MOST)
            for row in await jobs.running(tx):
                if (row.kind, row.asked) == (kind, asked) and not self._is_gone(row):
                    return row
            if (running := len(self._running) - 1) >= RUNNING_MOST:
                raise Busy(
                    f"{running} jobs are running already.",
                    code="too_many_jobs",
                    fix="Wait until one has ended.",
                )
            await jobs.put(tx, id_, kind, asked, self._background.owner, self._clock_us())
            put = await jobs.get(tx, id_)
        assert put is not None
        return put

    async def find(self, id_: str) -> Job | None:
        connection_id = connection_of(id_)
        if connection_id is None:
            return None
        async with self._store.read(connection_id) as tx:
            row = await jobs.get(tx, id_)
            # One that runs says nothing yet.
            gone = (
                row is not None and row.answer is not None and _is_about_the_erased(row, await erasures.newest_us(tx))
            )
        if row is None or gone or self._is_old(row):
            self._lists.pop(id_, None)
            return None
        return self._job(row)

    async def tidy(self) -> None:
        """What was kept for a day goes, of every connection, and so do the long lists of what is not answered any more: its day
        is over, or somebody was erased since, by whichever process. Raises StoreError."""
        before_us = self._clock_us() - KEPT_US
        async with self._store.read(None) as tx:
            found = await jobs.with_older(tx, before_us)
        for connection_id in found:
            async with self._store.write(connection_id) as tx:
                await jobs.lock(tx)
                await jobs.drop_older(tx, before_us, KEPT_MOST)
        for id_ in list(self._lists):
            await self.find(id_)

    async def keep_tidy(self) -> None:
        """For as long as this process serves."""
        while True:
            try:
                await self.tidy()
            except Exception as error:  # noqa: BLE001  (a store that is away now is there at a later turn; a defect is logged)
                failure_of(error)
            await asyncio.sleep(TIDY_S)

    def lists(self, job: Job) -> Lists | None:
        """None: another process worked it out, or this one before it was started again, or many others ended since."""
        return self._lists.get(job.id)

    async def get(self, id_: str) -> Job:
        """Raises Missing."""
        job = await self.find(id_)
        if job is None:
            raise Missing(
                f"There is no job {id_}.",
                code="no_such_job",
                fix="Jobs are forgotten after a day, or when a person was erased: begin it once more.",
            )
        return job

    async def wait(self, id_: str, seconds: float) -> Job:
        """The job when it has ended, else as it is after so long. Raises Missing."""
        job = await self.get(id_)
        if self._background.runs(_name(id_)):
            await self._background.wait(_name(id_), seconds)
            return await self.get(id_)
        until_us = self._clock_us() + round(seconds * 1_000_000)
        while job.state == "running" and self._clock_us() < until_us:
            await asyncio.sleep(LOOK_AGAIN_S)
            job = await self.get(id_)
        return job

    def _job(self, row: StoredJob) -> Job:
        answer, ended_at_us = row.answer or {}, row.ended_at_us
        failure = None if answer.get("failure") is None else msgspec.convert(answer["failure"], Failure)
        if ended_at_us is None and self._is_gone(row):
            failure, ended_at_us = _INTERRUPTED, row.lived_us
        return Job(
            row.id, row.kind, row.connection, row.asked, row.begun_at_us, ended_at_us, answer.get("result"), failure
        )

    def _is_gone(self, row: StoredJob) -> bool:
        """Whether no process works on it any more. One that froze and wakes says how it ended all the same."""
        if row.owner == self._background.owner:
            return row.id not in self._running
        return self._store.has_died(row.owner) or self._clock_us() - row.lived_us > GONE_US

    def _is_old(self, row: StoredJob) -> bool:
        return self._clock_us() - row.lived_us > KEPT_US and (row.ended_at_us is not None or self._is_gone(row))

    async def _run(self, connection_id: int, row: StoredJob, work: Work) -> None:
        living = asyncio.create_task(self._live(connection_id, row.id))
        result: Json | None = None
        lists: Lists | None = None
        failure: Failure | None = None
        try:
            ended = await work()
            result, lists = (ended.document, ended.lists) if isinstance(ended, Answer) else (ended, None)
        except asyncio.CancelledError:
            failure = _INTERRUPTED
            raise
        except Exception as error:  # noqa: BLE001  (the outermost place of a job: every error ends as its failure)
            failure = failure_of(error)
        finally:
            try:
                # Before it is seen to have ended: whoever sees that reads them too.
                self._keep(row.id, lists)
                if not await self._end_at_last(connection_id, row, result, failure):
                    self._lists.pop(row.id, None)
            finally:
                # Until then it lives, for whoever waits for it at another process.
                living.cancel()
                await asyncio.gather(living, return_exceptions=True)
                self._running.discard(row.id)

    def _keep(self, id_: str, lists: Lists | None) -> None:
        if lists is not None:
            self._lists[id_] = lists
            for older in list(self._lists)[:-LISTS_MOST]:
                del self._lists[older]

    async def _live(self, connection_id: int, id_: str) -> None:
        while True:
            await asyncio.sleep(LIVE_S)
            try:
                async with self._store.write(connection_id) as tx:
                    await jobs.live(tx, id_, self._clock_us())
            except StoreError:
                continue  # busy or away: some tries are left before it is taken for gone

    async def _end_at_last(
        self, connection_id: int, row: StoredJob, result: Json | None, failure: Failure | None
    ) -> bool:
        """`_end`, tried until the store takes it or this process ends: what was done is not to be called interrupted because the
        database was away at that moment."""
        wait_s = END_AGAIN_S
        while True:
            try:
                return await self._end(connection_id, row, result, failure)
            except StoreError as error:
                _log.error("What came of a job could not be kept.", exc_info=error)
                if failure is _INTERRUPTED:
                    return False  # nobody waits for a process that ends
            except Exception as error:
                if result is None:
                    raise
                result, failure = None, failure_of(error)  # an answer that cannot be kept is how it ended
                continue
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, END_AGAIN_MOST_S)

    async def _end(self, connection_id: int, row: StoredJob, result: Json | None, failure: Failure | None) -> bool:
        """Whether it is kept: one that may have read a person before they were erased answers nothing."""
        answer = {"result": result, "failure": None if failure is None else msgspec.to_builtins(failure)}
        async with self._store.write(connection_id) as tx:
            await jobs.lock(tx)
            if _is_about_the_erased(row, await erasures.newest_us(tx)):
                await jobs.drop(tx, row.id)
                return False
            await jobs.end(tx, row.id, answer, self._clock_us())
        return True


def _name(id_: str) -> str:
    return f"job:{id_}"


def connection_of(id_: str) -> int | None:
    """Of the id of a job."""
    digits = id_.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 16 else None


def _is_about_the_erased(row: StoredJob, newest_us: int | None) -> bool:
    return newest_us is not None and row.kind not in WITHOUT_VALUES and row.begun_at_us <= newest_us
