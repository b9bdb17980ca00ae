"""Undo behind the pages and the JSON API: its preview and its run are jobs, which whoever asked looks after."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from interlock.app import keys, once, times
from interlock.app.documents import with_head
from interlock.app.jobs import Job
from interlock.app.people.visitor import By
from interlock.app.sync import INTERRUPTED
from interlock.app.undo import documents
from interlock.app.undo import plan as planning
from interlock.app.undo import run as running
from interlock.core.model import RecordKey
from interlock.engine.context import Cycle
from interlock.store.connections import Connection
from interlock.web.site import Site

Json = dict[str, Any]
PLAN, RUN = "undo-plan", "undo"


class UnderWay:
    """The cycle of a job, to be ended between two batches."""

    def __init__(self) -> None:
        self.cycle: Cycle | None = None

    def note(self, cycle: Cycle) -> None:
        self.cycle = cycle

    def stop(self) -> None:
        if self.cycle is not None:
            self.cycle.stop = self.cycle.stop or INTERRUPTED


def begin_plan(site: Site, connection: Connection, since: str, only: Sequence[str], record: str | None) -> Job:
    """What would be taken back; writes nothing. `since`: an age, a date, RFC 3339. Raises BadInput, Missing, Busy."""
    asked = _asked(site, connection, since, only, record)
    return site.jobs.begin(PLAN, connection.name, asked, partial(_plan, site, connection, asked))


def begin_run(
    site: Site,
    connection: Connection,
    since: str,
    only: Sequence[str],
    record: str | None,
    delete_records: int | None,
    by: By,
) -> Job:
    """`delete_records`: as app.undo.run takes it. Raises BadInput, Missing, Busy."""
    asked = _asked(site, connection, since, only, record) | {"delete_records": delete_records}
    under_way = UnderWay()
    work = partial(_run, site, connection, asked, by, under_way)
    return site.jobs.begin(RUN, connection.name, asked, work, under_way.stop)


def _asked(site: Site, connection: Connection, since: str, only: Sequence[str], record: str | None) -> Json:
    return {
        "since": times.rfc3339(times.since_us(since, site.clock_us())),
        "objects": once.chosen_objects(connection, only) if only else [],
        "record": str(keys.check_key(record)) if record else None,
    }


async def _plan(site: Site, connection: Connection, asked: Json) -> Json:
    found = await _found(site, connection, asked)
    return with_head(documents.planned(found), "undo", site.clock_us())


async def _found(site: Site, connection: Connection, asked: Json) -> planning.UndoPlan:
    async with site.interlock.clients(connection) as clients:
        return await planning.plan(
            site.store,
            connection,
            clients.hubspot,
            clients.salesforce,
            site.clock_us,
            since_us=times.since_us(asked["since"], site.clock_us()),
            only=asked["objects"],
            key=_key(asked),
        )


async def _run(site: Site, connection: Connection, asked: Json, by: By, under_way: UnderWay) -> Json:
    assert connection.id is not None
    found = await _found(site, connection, asked)
    result = await running.run(
        site.store,
        connection,
        site.interlock.clients,
        site.clock_us,
        since_us=found.since_us,
        only=asked["objects"],
        key=_key(asked),
        delete_records=asked["delete_records"],
        by=by,
        on_cycle=under_way.note,
    )
    document = documents.done(result, await once.open_issues(site.store, connection.id), found)
    return with_head(document, "undo", site.clock_us())


def _key(asked: Json) -> RecordKey | None:
    return None if asked["record"] is None else RecordKey.parse(asked["record"])
