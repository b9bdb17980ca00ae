"""*Undo*: of one record or of everything since a time, with its preview, what is never undone, and the count that is typed where
records would be deleted again. Both the preview and the undo run behind the page; each is a job with an address of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import RedirectResponse, Response

from interlock.app import times
from interlock.app.connections import HALTED, check_objects
from interlock.app.errors import AppError, BadInput, Missing
from interlock.app.jobs import Job, Lists
from interlock.app.keys import check_key
from interlock.app.once import chosen_objects
from interlock.app.typed_count import is_typed
from interlock.app.undo.documents import as_csv, page_of
from interlock.store.connections import Connection
from interlock.web import forms, settings, undoing
from interlock.web.access import Asked
from interlock.web.downloads import download
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _

_DEFAULT_SINCE = "2h"
Json = dict[str, Any]
PAGE_ROWS = 50
_LISTS = ("fields", "records")


class Rows(msgspec.Struct, frozen=True):
    """One page of a list. `previous` and `next`: the queries of the pages beside it."""

    rows: list[Json]
    first: int
    total: int
    previous: str | None
    next: str | None


async def show(asked: Asked) -> Response:
    """From when on, and of what. `?record=`: of that record's pair alone."""
    connection = await settings.connection_of(asked)
    values = {"since": _DEFAULT_SINCE, "object": "", "record": asked.request.query_params.get("record", "")}
    return _form(asked, connection, forms.Shown(values))


def _form(asked: Asked, connection: Connection, form: forms.Shown, status_code: int = 200) -> Response:
    names = object_names()
    on = [(slug, names[slug]) for slug in chosen_objects(connection, None)]
    return settings.shown(
        asked,
        connection,
        "records",
        "undo.html",
        status_code,
        form=form,
        objects=[("", _("All that sync")), *on],
        runs=connection.state not in HALTED,
    )


async def look(asked: Asked) -> Response:
    """*Show what it would take back*."""
    connection = await settings.connection_of(asked)
    values = {name: asked.field(name).strip() for name in ("since", "object", "record")}
    try:
        if not values["since"]:
            raise BadInput(_("Say since when."), code="no_time", fix=_("For example 2h, 3d, or 2026-03-01."))
        wanted = undoing.Wanted(
            times.since_us(values["since"], asked.site.clock_us()),
            chosen_objects(connection, check_objects([values["object"]])) if values["object"] else [],
            check_key(values["record"]) if values["record"] else None,
            plan=True,
        )
        job = await undoing.begin(asked.site, connection, wanted, asked.by)
    except AppError as error:
        field = "object" if error.failure.code == "object_off" else "since"
        form = forms.Shown(values, [forms.Refused(field, settings.said_by(error))])
        return _form(asked, connection, form, forms.status_of(error))
    return settings.back(connection, f"undo/{job.id}")


async def job(asked: Asked) -> Response:
    """The preview or the undo, as far as it is."""
    connection = await settings.connection_of(asked)
    return _job(asked, connection, await _job_of(asked, connection), forms.Shown())


async def _job_of(asked: Asked, connection: Connection) -> Job:
    """Raises Missing."""
    found = await asked.site.jobs.find(str(asked.request.path_params["job"]))
    if found is None or found.connection != connection.name or found.kind != undoing.KIND:
        raise Missing(
            _("This undo is not known any more: a person was erased meanwhile, or it ended more than a day ago."),
            code="no_such_job",
            fix=_("What it had taken back until then stays taken back. To see what is left, begin it again."),
        )
    return found


def _job(asked: Asked, connection: Connection, found: Job, form: forms.Shown, status_code: int = 200) -> Response:
    starts = {name: _start(asked.request.query_params.get(name, "")) for name in _LISTS}
    return settings.shown(
        asked,
        connection,
        "records",
        "undo_job.html",
        status_code,
        job=found.document(),
        planned=found.asked["plan"],
        pages={name: _rows(undoing.lists(asked.site, found), name, starts) for name in _LISTS},
        whole=undoing.is_known_whole(asked.site, found),
        form=form,
        runs=connection.state not in HALTED,
    )


def _start(text: str) -> int:
    """Where a page begins; what is no place begins at the first."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0


def _rows(lists: Lists, name: str, starts: dict[str, int]) -> Rows:
    total = len(lists.get(name, ()))
    first = starts[name] if starts[name] < total else 0
    rows = page_of(lists, name, first, PAGE_ROWS)

    def query(start: int) -> str:
        return urlencode({each: at for each, at in {**starts, name: start}.items() if at}) + f"#{name}"

    after, before = first + PAGE_ROWS, max(0, first - PAGE_ROWS)
    return Rows(rows, first, total, query(before) if first else None, query(after) if after < total else None)


async def export(asked: Asked) -> Response:
    """All of a preview or of what became of an undo, of which the page shows some."""
    connection = await settings.connection_of(asked)
    lines = as_csv(undoing.whole(asked.site, await _job_of(asked, connection)))
    return await download(asked, connection.id, lines, "text/csv; charset=utf-8", "interlock-undo.csv")


async def run(asked: Asked) -> Response:
    """*Undo*, of what the preview has shown."""
    connection = await settings.connection_of(asked)
    seen = await _job_of(asked, connection)
    if not seen.asked["plan"] or seen.result is None:
        return settings.back(connection, f"undo/{seen.id}")
    typed = asked.field("count").strip()
    try:
        count = confirmed(typed, seen.result["records_deleted"])
        wanted = msgspec.structs.replace(undoing.wanted_of(seen), delete=count, plan=False, up_to=seen.result["up_to"])
        begun = await undoing.begin(asked.site, connection, wanted, asked.by)
    except AppError as error:
        form = forms.refused(error, {"count": typed}, ("count",))
        return _job(asked, connection, seen, form, forms.status_of(error))
    return RedirectResponse(f"/connections/{connection.id}/undo/{begun.id}", 303)


def confirmed(typed: str, records: int) -> int | None:
    """How many created records are to be deleted: the number that was typed, which must be the one shown; None where nothing was
    typed: they stay. Raises BadInput."""
    if not typed:
        return None
    if not is_typed(typed, records):
        raise BadInput(
            _("%(typed)s is not %(records)s. Nothing was changed.") % {"typed": typed, "records": records},
            code="count_not_typed",
            field="count",
            fix=_("Type %(records)s to delete them, or nothing to keep them.") % {"records": records},
        )
    return records
