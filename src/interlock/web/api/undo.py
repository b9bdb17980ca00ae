"""Undo: what would be taken back, and taking it back, as a job."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from interlock.app import connections, keys, times
from interlock.app.errors import Missing
from interlock.app.jobs import connection_of
from interlock.app.undo.documents import as_csv
from interlock.web import undoing
from interlock.web.api.called import Called
from interlock.web.api.shapes import Objects, RecordKey, Since
from interlock.web.downloads import download


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
    up_to: (
        Annotated[
            int,
            msgspec.Meta(
                ge=0,
                le=2**53,
                description="What the plan gave: nothing is taken back that was written after it was made.",
            ),
        ]
        | None
    ) = None


async def undo(called: Called) -> Response:
    sent, chosen = called.body(Undoing), await called.connection()
    wanted = undoing.Wanted(
        times.since_us(sent.since, called.site.clock_us()),
        connections.check_objects(sent.objects) or [],
        None if sent.record is None else keys.check_key(sent.record),
        sent.delete,
        sent.plan,
        sent.up_to,
    )
    return called.begun(await undoing.begin(called.site, chosen, wanted, called.by))


async def export(called: Called) -> Response:
    job = await called.site.jobs.get(str(called.request.path_params["job"]))
    if job.kind != undoing.KIND or job.result is None:
        raise Missing(
            f"{job.id} is no undo that has ended.",
            code="no_such_file",
            fix="Ask for the job until its state is done, then for the file.",
        )
    lines = as_csv(undoing.whole(called.site, job))
    return await download(called, connection_of(job.id), lines, "text/csv; charset=utf-8", "interlock-undo.csv")
