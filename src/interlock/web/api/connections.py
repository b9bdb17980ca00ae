"""Connections and how they are doing: list, status, pause and resume, the preflight."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from interlock.app import connections, doctor, times
from interlock.app import status as status_use_case
from interlock.app.package import export
from interlock.store.connections import Connection
from interlock.web.api.called import Called
from interlock.web.api.shapes import Objects
from interlock.web.downloads import download


class Pausing(msgspec.Struct, forbid_unknown_fields=True):
    objects: Annotated[Objects, msgspec.Meta(description="None of them named: the whole connection.")] = []
    plan: Annotated[bool, msgspec.Meta(description="Say what would change, and change nothing.")] = False


class Resuming(Pausing):
    since: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=50,
                description="`state_since` of the connection as a person was shown it. Refused where it stands still for another"
                " reason by now, which nobody has read; null: whatever the reason is.",
            ),
        ]
        | None
    ) = None


async def list_(called: Called) -> Response:
    return await _documents(called, await connections.all_(called.site.store, None))


async def show(called: Called) -> Response:
    return await _documents(called, [await called.connection()])


async def _documents(called: Called, found: list[Connection]) -> Response:
    documents = [await connections.document(called.site.store, each) for each in found]
    return called.answer("connections", {"connections": documents})


async def status_of_all(called: Called) -> Response:
    return await _status(called, await connections.all_(called.site.store, None))


async def status(called: Called) -> Response:
    return await _status(called, [await called.connection()])


async def _status(called: Called, found: list[Connection]) -> Response:
    store, now_us = called.site.store, called.site.clock_us()
    results = await status_use_case.status(store, found, now_us)
    worker = await status_use_case.worker(store, now_us)
    return called.answer("status", {"connections": [each.document for each in results], "worker": worker})


async def pause(called: Called) -> Response:
    wanted, chosen = called.body(Pausing), await called.connection()
    objects = connections.check_objects(wanted.objects)
    change = await connections.pause(called.site.store, chosen, objects, plan=wanted.plan, by=called.by)
    return called.answer("pause", change.document(plan=wanted.plan))


async def resume(called: Called) -> Response:
    wanted, chosen = called.body(Resuming), await called.connection()
    objects = connections.check_objects(wanted.objects)
    seen_since_us = None if wanted.since is None else times.since_us(wanted.since, called.site.clock_us())
    change = await connections.resume(
        called.site.store, chosen, objects, plan=wanted.plan, by=called.by, seen_since_us=seen_since_us
    )
    return called.answer("resume", change.document(plan=wanted.plan))


async def examine(called: Called) -> Response:
    site, chosen = called.site, await called.connection()
    async with site.interlock.clients(chosen) as clients:
        checks = await doctor.examine(
            doctor.Patient(site.store, chosen, clients.hubspot, clients.salesforce, site.clock_us)
        )
    return called.answer("doctor", doctor.as_document(checks))


async def links(called: Called) -> Response:
    chosen = await called.connection()
    lines = export.lines(called.site.store, chosen.salesforce_org_id)
    return await download(called, chosen.id, lines, "text/csv; charset=utf-8", "links.csv")
