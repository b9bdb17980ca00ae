"""Suggestions, below the tab Records: two records that may be one, with the reasons, to accept or to refuse."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError
from interlock.app.identity import review
from interlock.app.people.roles import Action
from interlock.store.connections import Connection
from interlock.web import forms, settings, suggesting
from interlock.web.access import Asked
from interlock.web.texts import _

PAGE_ROWS = 50


async def show(asked: Asked) -> Response:
    done = asked.request.query_params.get("done", "")
    return await _list(asked, await settings.connection_of(asked), said=_said().get(done, ""))


def _said() -> dict[str, str]:
    return {
        review.ACCEPT: _("The two are linked with the next sync, which decides their fields as of any new pair."),
        review.REFUSE: _("Noted. These two are not suggested again."),
    }


async def look(asked: Asked) -> Response:
    """*Look for suggestions*."""
    connection = await settings.connection_of(asked)
    try:
        job = await suggesting.begin(asked.site, connection, suggesting.objects_of(connection), asked.by)
    except AppError as error:
        return await _list(asked, connection, error)
    return RedirectResponse(f"{_address(connection)}?{urlencode({'job': job.id})}", 303)


async def decide(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    site, decision = asked.site, asked.field("decision")
    try:
        await review.decide(site.store, connection.id, asked.field("suggestion"), decision, site.clock_us(), asked.by)
    except AppError as error:
        return await _list(asked, connection, error)
    return RedirectResponse(f"{_address(connection)}?{urlencode({**_query(asked.form), 'done': decision})}", 303)


def _address(connection: Connection) -> str:
    return f"/connections/{connection.id}/suggestions"


def _query(values: dict[str, str]) -> dict[str, str]:
    """What the list is limited to, as an address says it."""
    state = values.get("state", "")
    return {"state": state} if state in review.STATES and state != review.STATES[0] else {}


async def _list(asked: Asked, connection: Connection, error: AppError | None = None, said: str = "") -> Response:
    assert connection.id is not None
    sent = dict(asked.request.query_params)
    query = _query(sent or asked.form)
    state = query.get("state", review.STATES[0])
    offset = int(sent.get("offset", "")) if sent.get("offset", "").isdecimal() and len(sent["offset"]) < 10 else 0
    found = await review.list_(asked.site.store, connection.id, state, None, offset, PAGE_ROWS)
    job = await asked.site.jobs.find(sent["job"]) if sent.get("job") else None
    if job is not None and (job.kind, job.connection) != (suggesting.KIND, connection.name):
        job = None
    form = forms.Shown(dict(asked.form))
    if error is not None:
        form.refused.append(forms.Refused(None, settings.said_by(error)))
    return settings.shown(
        asked,
        connection,
        "records",
        "suggestions.html",
        200 if error is None else forms.status_of(error),
        found=found,
        state=state,
        filtered=query,
        job=None if job is None else job.document(),
        next_page=f"?{urlencode({**query, 'offset': found.next_offset})}" if found.next_offset else "",
        may_operate=asked.who.may(Action.OPERATE),
        objects=suggesting.objects_of(connection),
        form=form,
        said=said,
    )
