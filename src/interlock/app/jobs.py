"""What the JSON API has begun and answers later: what was asked, and the document or the failure it ended with. In memory only.

What a job does to records is as safe as any sync: when the process ends it is asked to stop between two batches, and what it
did is saved (background.py). Only what it would have answered is lost, and a job that nobody knows any more is begun again.

An answer may hold values of records. So what was begun before a person was erased, by whichever process, is shown no more.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from interlock.app.background import Background, failure_of
from interlock.app.documents import error_document
from interlock.app.errors import Busy, Failure, Missing
from interlock.app.times import rfc3339
from interlock.store import Store, erasures

Json = dict[str, Any]

RUNNING_MOST, KEPT_MOST = 8, 200
KEPT_US = 24 * 3_600 * 1_000_000
# Their answers count and name, and whoever erases is to see what became of it.
WITHOUT_VALUES = ("erase", "disconnect")


class Answer(msgspec.Struct, frozen=True):
    """What a job ends with: its document, and what is too long for that by name, to be read from any place on."""

    document: Json
    lists: Mapping[str, Sequence[Any]]


class Job(msgspec.Struct):
    """`asked`: what it was begun with. `lists`: of its Answer."""

    id: str
    kind: str  # plan | sync | import | undo | disconnect | erase
    connection: str
    asked: Json
    begun_at_us: int
    ended_at_us: int | None = None
    result: Json | None = None
    failure: Failure | None = None
    lists: Mapping[str, Sequence[Any]] = {}

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


Work = Callable[[], Coroutine[Any, Any, Json | Answer]]


def _name(id_: str) -> str:
    return f"job:{id_}"


class Jobs:
    def __init__(self, store: Store, background: Background, clock_us: Callable[[], int]) -> None:
        self._store = store
        self._background = background
        self._clock_us = clock_us
        self._jobs: dict[str, Job] = {}

    def begin(
        self,
        kind: str,
        connection: str,
        asked: Json,
        work: Work,
        stop: Callable[[], None] | None = None,
    ) -> Job:
        """The same asked again while it runs is the same job. `stop` asks it to end between two batches. Raises Busy when too
        much runs already, or when the process ends."""
        self._forget()
        running = [each for each in self._jobs.values() if each.state == "running"]
        for job in running:
            if (job.kind, job.connection, job.asked) == (kind, connection, asked):
                return job
        if len(running) >= RUNNING_MOST:
            raise Busy(
                f"{len(running)} jobs are running already.", code="too_many_jobs", fix="Wait until one has ended."
            )
        job = Job(secrets.token_urlsafe(12), kind, connection, asked, self._clock_us())
        if not self._background.start(_name(job.id), partial(self._run, job, work), stop):
            raise Busy("Interlock is ending.", code="ending", fix="Ask again once it was started.")
        self._jobs[job.id] = job
        return job

    async def find(self, id_: str) -> Job | None:
        self._forget()
        await self.forget_erased()
        return self._jobs.get(id_)

    async def forget_erased(self) -> None:
        """One that runs may have read the person before they were erased: it is forgotten once it has ended."""
        ended = [each for each in self._jobs.values() if each.ended_at_us is not None]
        if not ended:
            return
        async with self._store.read(None) as tx:
            newest_us = await erasures.newest_us(tx)
        for job in ended:
            if job.kind not in WITHOUT_VALUES and job.begun_at_us <= newest_us.get(job.connection, -1):
                self._jobs.pop(job.id, None)

    async def get(self, id_: str) -> Job:
        """Raises Missing."""
        job = await self.find(id_)
        if job is None:
            raise Missing(
                f"There is no job {id_}.",
                code="no_such_job",
                fix="Jobs are forgotten after a day, when a person was erased, or when Interlock was started again: begin it once"
                " more.",
            )
        return job

    async def wait(self, id_: str, seconds: float) -> Job:
        """The job when it has ended, else as it is after so long. Raises Missing."""
        job = await self.get(id_)
        if seconds > 0 and job.state == "running":
            await self._background.wait(_name(id_), seconds)
            return await self.get(id_)
        return job

    async def _run(self, job: Job, work: Work) -> None:
        try:
            ended = await work()
            job.result, job.lists = (ended.document, ended.lists) if isinstance(ended, Answer) else (ended, {})
        except asyncio.CancelledError:
            job.failure = Failure("interrupted", "Interlock ended while this ran.", 130, fix="Begin it again.")
            raise
        except Exception as error:  # noqa: BLE001  (the outermost place of a job: every error ends as its failure)
            job.failure = failure_of(error)
        finally:
            job.ended_at_us = self._clock_us()

    def _forget(self) -> None:
        ended = [each for each in self._jobs.values() if each.ended_at_us is not None]
        too_many = max(0, len(ended) - KEPT_MOST)
        for place, job in enumerate(ended):
            if place < too_many or self._clock_us() - (job.ended_at_us or 0) > KEPT_US:
                del self._jobs[job.id]
