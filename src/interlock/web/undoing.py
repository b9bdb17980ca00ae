"""Undo behind the pages and the JSON API: its preview and its run are jobs, which whoever asked looks after."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from interlock.app import once, times
from interlock.app.documents import with_head
from interlock.app.errors import Missing
from interlock.app.jobs import Answer, Job, Lists
from interlock.app.people.visitor import By
from interlock.app.undo import plan as planning
from interlock.app.undo import run as running
from interlock.app.undo.documents import begun_lists, is_whole, lists_of, plan_document, result_document
from interlock.core.model import RecordKey
from interlock.store.connections import Connection
from interlock.web.api.work import UnderWay
from interlock.web.site import Site

Json = dict[str, Any]
KIND = "undo"


class Wanted(msgspec.Struct, frozen=True):
    """`plan`: only what would be taken back. `delete`: how many created records a person has confirmed to delete; None: none.
    `up_to`: of the preview that was shown; what a sync has written since then stays."""

    since_us: int
    only: list[str] = []
    key: RecordKey | None = None
    delete: int | None = None
    plan: bool = False
    up_to: int | None = None

    def asked(self) -> Json:
        return {
            "since": times.rfc3339(self.since_us),
            "objects": self.only,
            "record": None if self.key is None else str(self.key),
            "delete": self.delete,
            "plan": self.plan,
            "up_to": self.up_to,
        }


def wanted_of(job: Job) -> Wanted:
    """What it was begun with."""
    asked = job.asked
    key = None if asked["record"] is None else RecordKey.parse(asked["record"])
    return Wanted(
        times.since_us(asked["since"], job.begun_at_us), asked["objects"], key, asked["delete"], asked["plan"]
    )


async def begin(site: Site, connection: Connection, wanted: Wanted, by: By) -> Job:
    """Raises Busy."""
    under_way = UnderWay()
    work = partial(_undo, site, connection, wanted, by, under_way)
    return await site.jobs.begin(KIND, connection, wanted.asked(), work, under_way.stop)


def lists(site: Site, job: Job) -> Lists:
    """What the page shows in parts: all of it where this process worked it out, else what its document begins."""
    if job.result is None:
        return {}
    return site.jobs.lists(job) or begun_lists(job.result)


def is_known_whole(site: Site, job: Job) -> bool:
    return job.result is not None and (site.jobs.lists(job) is not None or is_whole(job.result))


def whole(site: Site, job: Job) -> Lists:
    """Raises Missing."""
    if not is_known_whole(site, job):
        raise Missing(
            "Only the beginning of this list is known here: another process worked it out, or Interlock was started again since.",
            code="no_such_file",
            fix="Begin it again for all of it.",
        )
    return lists(site, job)


async def _undo(site: Site, connection: Connection, wanted: Wanted, by: By, under_way: UnderWay) -> Answer:
    assert connection.id is not None
    found = await _plan(site, connection, wanted)
    if wanted.plan or not (found.fields or found.records):
        document = plan_document(found, plan=wanted.plan)
        return Answer(with_head(document, KIND, site.clock_us()), lists_of(found))
    result = await running.run(
        site.store,
        connection,
        site.interlock.clients,
        site.clock_us,
        since_us=wanted.since_us,
        only=wanted.only,
        key=wanted.key,
        delete_records=wanted.delete,
        up_to=wanted.up_to,
        by=by,
        on_cycle=under_way.note,
    )
    document = result_document(found, result, await once.open_issues(site.store, connection.id))
    # What went back is told by numbers: of what the preview had, some may have been edited meanwhile.
    return Answer(with_head(document, KIND, site.clock_us()), {"left": result.left})


async def _plan(site: Site, connection: Connection, wanted: Wanted) -> planning.UndoPlan:
    async with site.interlock.clients(connection) as clients:
        return await planning.plan(
            site.store,
            connection,
            clients.hubspot,
            clients.salesforce,
            site.clock_us,
            since_us=wanted.since_us,
            only=wanted.only,
            key=wanted.key,
            up_to=wanted.up_to,
        )
