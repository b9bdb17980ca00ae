"""What takes longer than an answer should: a plan, a sync, an import. Begun here, and asked after by the job's address."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from interlock.app import asked_for, connections, import_, keys, once, preview, resync
from interlock.app import sync as syncing
from interlock.app.documents import with_head
from interlock.app.errors import BadInput
from interlock.app.people.visitor import By
from interlock.app.sync_now import sync_now
from interlock.app.turns import WAIT_S
from interlock.core.model import RecordKey as Key
from interlock.engine.context import Cycle
from interlock.engine.load import Since as When
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
    all: Annotated[
        bool, msgspec.Meta(description="Every record of these objects, on both sides, whether or not it changed.")
    ] = False
    list_id: (
        Annotated[
            str,
            msgspec.Meta(pattern="^[0-9]+$", max_length=20, description="The members of this HubSpot list, likewise."),
        ]
        | None
    ) = None


class Importing(msgspec.Struct, forbid_unknown_fields=True):
    objects: Annotated[Objects, msgspec.Meta(min_length=1)]
    since: Since | None = None
    created_since: Annotated[Since, msgspec.Meta(description="Only what was created since, likewise.")] | None = None


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
    if (bool(records), wanted.all, wanted.list_id is not None).count(True) > 1:
        raise BadInput(
            "A sync is of these records, of a list, or of all.",
            code="which_records",
            field="records",
            fix="Leave out two of `records`, `all` and `list_id`.",
        )
    asked: Json = {"objects": only or [], "records": [str(each) for each in records]}
    begun = partial(_sync, called.site, chosen, only, records, called.by)
    if wanted.all or wanted.list_id is not None:
        asked |= {"all": wanted.all, "list_id": wanted.list_id}
        begun = partial(_resync, called.site, chosen, only, wanted.list_id, called.by)
    return await called.begin("sync", chosen, asked, begun)


async def _resync(site: Site, chosen: Connection, only: list[str] | None, list_id: str | None, by: By) -> Json:
    slugs = await resync.check(chosen, only, list_id, site.interlock.clients)
    await resync.ask(site.store, chosen, slugs, list_id, by)
    return await _synced(site, chosen, only, [])


async def _sync(site: Site, chosen: Connection, only: list[str] | None, records: list[Key], by: By) -> Json:
    assert chosen.id is not None
    await asked_for.note_sync(site.store, chosen.id, only, records, by)
    return await _synced(site, chosen, only, records)


async def _synced(site: Site, chosen: Connection, only: list[str] | None, records: list[Key]) -> Json:
    assert chosen.id is not None
    result = await sync_now(site.store, chosen, site.clock_us, only=only, keys=records)
    document = syncing.as_document(result, await once.open_issues(site.store, chosen.id))
    return with_head(document, "sync", site.clock_us())


async def import_from_salesforce(called: Called) -> Response:
    wanted, chosen, site = called.body(Importing), await called.connection(), called.site
    only = connections.check_objects(wanted.objects)
    since = import_.since_of(wanted.since, wanted.created_since, site.clock_us())
    slugs = once.check_runs(chosen, only)
    under_way = UnderWay()
    work = partial(_import, site, chosen, slugs, since, under_way, called.by)
    asked = {"objects": slugs, "since": wanted.since, "created_since": wanted.created_since}
    return await called.begin("import", chosen, asked, work, under_way.stop)


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
    site: Site, chosen: Connection, slugs: list[str], since: When | None, under_way: UnderWay, by: By
) -> Json:
    assert chosen.id is not None
    await asked_for.note_import(site.store, chosen.id, slugs, since, by)
    wanted = import_.Import(since)
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
