"""Undo: what would be taken back, and taking it back, as a job."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from interlock.app import connections, keys, once, times
from interlock.app.documents import with_head
from interlock.app.undo import plan as planning
from interlock.app.undo import run as running
from interlock.app.undo.documents import plan_document, result_document
from interlock.core.model import RecordKey as Key
from interlock.store.connections import Connection
from interlock.web.api.called import Called
from interlock.web.api.shapes import Objects, RecordKey, Since
from interlock.web.api.work import UnderWay
from interlock.web.site import Site

Json = dict[str, Any]


class Undoing(msgspec.Struct, forbid_unknown_fields=True):
    since: Since
    objects: Annotated[Objects, msgspec.Meta(description="None of them named: every one.")] = []
    record: RecordKey | None = None
    delete: (
        Annotated[
            int,
            msgspec.Meta(
                ge=0,
                le=2**53,
                description="Also delete the records again that a sync created: their number, as the plan counted them.",
            ),
        ]
        | None
    ) = None
    plan: Annotated[bool, msgspec.Meta(description="Say what would be taken back, and change nothing.")] = False


class _Wanted(msgspec.Struct, frozen=True):
    since_us: int
    only: list[str]
    key: Key | None
    delete: int | None
    plan: bool


async def undo(called: Called) -> Response:
    sent, chosen = called.body(Undoing), await called.connection()
    wanted = _Wanted(
        times.since_us(sent.since, called.site.clock_us()),
        connections.check_objects(sent.objects) or [],
        None if sent.record is None else keys.check_key(sent.record),
        sent.delete,
        sent.plan,
    )
    under_way = UnderWay()
    asked = {
        "since": times.rfc3339(wanted.since_us),
        "objects": wanted.only,
        "record": None if wanted.key is None else str(wanted.key),
        "delete": wanted.delete,
        "plan": wanted.plan,
    }
    return called.begin("undo", chosen, asked, partial(_undo, called, chosen, wanted, under_way), under_way.stop)


async def _undo(called: Called, chosen: Connection, wanted: _Wanted, under_way: UnderWay) -> Json:
    site = called.site
    assert chosen.id is not None
    found = await _plan(site, chosen, wanted)
    if wanted.plan or not (found.fields or found.records):
        return with_head(plan_document(found, plan=wanted.plan), "undo", site.clock_us())
    result = await running.run(
        site.store,
        chosen,
        site.interlock.clients,
        site.clock_us,
        since_us=wanted.since_us,
        only=wanted.only,
        key=wanted.key,
        delete_records=wanted.delete,
        by=called.by,
        on_cycle=under_way.note,
    )
    document = result_document(found, result, await once.open_issues(site.store, chosen.id))
    return with_head(document, "undo", site.clock_us())


async def _plan(site: Site, chosen: Connection, wanted: _Wanted) -> planning.UndoPlan:
    async with site.interlock.clients(chosen) as clients:
        return await planning.plan(
            site.store,
            chosen,
            clients.hubspot,
            clients.salesforce,
            site.clock_us,
            since_us=wanted.since_us,
            only=wanted.only,
            key=wanted.key,
        )
