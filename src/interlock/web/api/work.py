"""What takes longer than an answer should: a plan, a sync, an import. Begun here, and asked after by the job's address."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from interlock.app import asked_for, connections, import_, keys, once, preview, times
from interlock.app import sync as syncing
from interlock.app.documents import with_head
from interlock.app.people.visitor import By
from interlock.app.sync_now import sync_now
from interlock.app.turns import WAIT_S
from interlock.core.model import RecordKey as Key
from interlock.engine.context import Cycle
from interlock.store.connections import Connection
from interlock.web.api.called import Called
from interlock.web.api.shapes import WAIT_MOST_S, Objects, RecordKey, Since
from interlock.web.site import Site

Json = dict[str, Any]
RECORDS_MOST = 200


class Planning(msgspec.Struct, forbid_unknown_fields=True):
    objects: Annotated[Objects, msgspec.Meta(description="None of them named: every one that syncs.")] = []
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="Records of each object.")] | None = None


class Syncing(msgspec.Struct, forbid_unknown_fields=True):
    objects: Annotated[Objects, msgspec.Meta(description="None of them named: every one that syncs.")] = []
    records: Annotated[
        list[RecordKey],
        msgspec.Meta(max_length=RECORDS_MOST, description="Only these, whether or not they changed (*Sync now*)."),
    ] = []


class Importing(msgspec.Struct, forbid_unknown_fields=True):
    objects: Annotated[Objects, msgspec.Meta(min_length=1)]
    since: Since | None = None


class Waiting(msgspec.Struct, forbid_unknown_fields=True):
    wait_seconds: Annotated[
        int,
        msgspec.Meta(ge=0, le=WAIT_MOST_S, description="Answer when the job has ended, but after so long in any case."),
    ] = 0


async def plan(called: Called) -> Response:
    wanted, chosen = called.body(Planning), await called.connection()
    slugs = once.chosen_objects(chosen, connections.check_objects(wanted.objects))
    asked = {"objects": slugs, "limit": wanted.limit}
    return await called.begin("plan", chosen, asked, partial(_plan, called.site, chosen, slugs, wanted.limit))


async def _plan(site: Site, chosen: Connection, slugs: list[str], limit: int | None) -> Json:
    async with site.interlock.clients(chosen) as clients:
        found = await preview.plan(
            site.store, chosen, clients.hubspot, clients.salesforce, site.clock_us, only=slugs, limit=limit
        )
    return with_head(preview.as_document(found), "plan", site.clock_us())


async def sync(called: Called) -> Response:
    wanted, chosen = called.body(Syncing), await called.connection()
    only = connections.check_objects(wanted.objects)
    records = list(dict.fromkeys(keys.check_key(each) for each in wanted.records))
    once.check_runs(chosen, only)
    asked = {"objects": only or [], "records": [str(each) for each in records]}
    return await called.begin("sync", chosen, asked, partial(_sync, called.site, chosen, only, records, called.by))


async def _sync(site: Site, chosen: Connection, only: list[str] | None, records: list[Key], by: By) -> Json:
    assert chosen.id is not None
    await asked_for.note_sync(site.store, chosen.id, only, records, by)
    result = await sync_now(site.store, chosen, site.clock_us, only=only, keys=records)
    document = syncing.as_document(result, await once.open_issues(site.store, chosen.id))
    return with_head(document, "sync", site.clock_us())


async def import_from_salesforce(called: Called) -> Response:
    wanted, chosen, site = called.body(Importing), await called.connection(), called.site
    only = connections.check_objects(wanted.objects)
    since_us = None if wanted.since is None else times.since_us(wanted.since, site.clock_us())
    slugs = once.check_runs(chosen, only)
    under_way = UnderWay()
    work = partial(_import, site, chosen, slugs, since_us, under_way, called.by)
    return await called.begin("import", chosen, {"objects": slugs, "since": wanted.since}, work, under_way.stop)


class UnderWay:
    """The cycle of a job, to be ended between two batches."""

    def __init__(self) -> None:
        self.cycle: Cycle | None = None

    def note(self, cycle: Cycle) -> None:
        self.cycle = cycle

    def stop(self) -> None:
        if self.cycle is not None:
            self.cycle.stop = self.cycle.stop or syncing.INTERRUPTED


async def _import(
    site: Site, chosen: Connection, slugs: list[str], since_us: int | None, under_way: UnderWay, by: By
) -> Json:
    assert chosen.id is not None
    await asked_for.note_import(site.store, chosen.id, slugs, since_us, by)
    wanted = import_.Import(since_us)
    result = await once.once(
        site.store,
        chosen,
        site.interlock.clients,
        site.clock_us,
        only=slugs,
        wait_s=WAIT_S,
        work=wanted.work,
        on_cycle=under_way.note,
    )
    document = syncing.as_document(result, await once.open_issues(site.store, chosen.id))
    return with_head({**document, "marked": wanted.marked}, "import", site.clock_us())


async def show(called: Called) -> Response:
    job = await called.site.jobs.wait(str(called.request.path_params["job"]), called.query(Waiting).wait_seconds)
    return called.answer("job", job.document())
