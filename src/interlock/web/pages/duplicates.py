"""The duplicate report, below the tab Records and from the review of the set-up: which records of one CRM are one."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError
from interlock.app.people.roles import Action
from interlock.core.model import Side
from interlock.store.connections import Connection
from interlock.web import duplicate_report, forms, settings
from interlock.web.access import Asked
from interlock.web.texts import _

GROUPS_SHOWN = 50


async def show(asked: Asked) -> Response:
    return await _page(asked, await settings.connection_of(asked))


async def look(asked: Asked) -> Response:
    """*Look for duplicates*."""
    connection = await settings.connection_of(asked)
    try:
        job = await duplicate_report.begin(asked.site, connection, (), tuple(Side))
    except AppError as error:
        return await _page(asked, connection, error)
    return RedirectResponse(f"/connections/{connection.id}/duplicates?{urlencode({'job': job.id})}", 303)


async def _page(asked: Asked, connection: Connection, error: AppError | None = None) -> Response:
    sent = asked.request.query_params.get("job", "")
    job = await asked.site.jobs.find(sent) if sent else None
    if job is not None and (job.kind, job.connection) != (duplicate_report.KIND, connection.name):
        job = None
    form = forms.Shown(dict(asked.form))
    if error is not None:
        form.refused.append(forms.Refused(None, settings.said_by(error)))
    return settings.shown(
        asked,
        connection,
        "records",
        "duplicates.html",
        200 if error is None else forms.status_of(error),
        job=None if job is None else job.document(),
        shown=GROUPS_SHOWN,
        by={
            "email": _("the same e-mail address"),
            "domain": _("the same domain"),
            "name": _("the same name"),
            "likeness": _("alike"),
        },
        may_operate=asked.who.may(Action.OPERATE),
        form=form,
    )
