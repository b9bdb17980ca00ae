"""Conflicts, below the tab Records: the list with its filter, one resolved, or all that the filter shows."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from interlock.app import conflicts, many_conflicts
from interlock.app.conflicts import Filter
from interlock.app.errors import AppError, BadInput
from interlock.app.many_conflicts import Left, Resolved
from interlock.app.people.roles import Action
from interlock.core.model import Side
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.texts import _, _n

PAGE_ROWS = 50
ALL = "all"


async def show(asked: Asked) -> Response:
    query = asked.request.query_params
    said = _("The choice is noted. The next sync writes the value to both sides.") if query.get("done") else ""
    return await _list(asked, await settings.connection_of(asked), _filter(dict(query)), said=said)


def _filter(values: dict[str, str]) -> Filter:
    """What is not given, or is no value of ours, filters nothing."""
    status = values.get("status") or "open"
    object_, property_ = values.get("object", ""), values.get("property", "").strip()
    return Filter(None if status == ALL else status, object_ if object_ in SPECS else None, property_ or None)


async def resolve(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    site, id_ = asked.site, int(asked.request.path_params["conflict"])
    which = _filter(asked.form)
    try:
        keep = _keep(asked.field("keep"))
        await conflicts.resolve(site.store, connection.id, id_, keep, now_us=site.clock_us(), plan=False, by=asked.by)
    except AppError as error:
        return await _list(asked, connection, which, error)
    return RedirectResponse(f"{_address(connection)}?{urlencode({**_query(which), 'done': 'yes'})}", 303)


async def resolve_all(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    site, which = asked.site, _filter(asked.form)
    try:
        keep = _keep(asked.field("keep"))
        counted = _counted(asked.field("counted"))
        done = await many_conflicts.resolve_all(
            site.store,
            connection.id,
            which,
            keep,
            now_us=site.clock_us(),
            counted=counted,
            cursor=asked.field("further") or None,
            by=asked.by,
        )
    except AppError as error:
        return await _list(asked, connection, which, error)
    # They stay open until a sync has carried them out, so that the next go must say where this one ended.
    return await _list(asked, connection, which, said=_told(done), left=done.left, further=done.cursor or "")


def _keep(text: str) -> Side:
    try:
        return Side(text)
    except ValueError as error:
        raise BadInput(_("Choose whose value to keep."), code="unknown_side", field="keep") from error


def _counted(text: str) -> int:
    if not text.strip().isdecimal() or len(text) > 12:
        raise BadInput(_("Type how many conflicts the list shows, as a number."), code="no_count", field="counted")
    return int(text)


def _told(done: Resolved) -> str:
    said = _n(
        "Noted for %(num)s conflict. The next sync writes the value to both sides.",
        "Noted for %(num)s conflicts. The next sync writes the values to both sides.",
        len(done.chosen),
    ) % {"num": len(done.chosen)}
    if done.further:
        said += " " + _n(
            "%(num)s more matches: do it again for it.", "%(num)s more match: do it again for them.", done.further
        ) % {"num": done.further}
    return said


def _query(which: Filter) -> dict[str, str]:
    values = {"status": which.status or ALL, "object": which.object or "", "property": which.property or ""}
    return {name: value for name, value in values.items() if value and (name, value) != ("status", "open")}


def _address(connection: Connection) -> str:
    return f"/connections/{connection.id}/conflicts"


async def _list(
    asked: Asked,
    connection: Connection,
    which: Filter,
    error: AppError | None = None,
    said: str = "",
    left: list[Left] | None = None,
    further: str | None = None,
) -> Response:
    """`further`: where the next go at all of them begins; None: where the form said."""
    assert connection.id is not None
    cursor = asked.request.query_params.get("cursor") or None
    found = await conflicts.list_(asked.site.store, connection.id, which, cursor, PAGE_ROWS)
    query = _query(which)
    form = forms.Shown(dict(asked.form))
    if error is not None:
        field = error.failure.field if error.failure.field in ("keep", "counted") else None
        form.refused.append(forms.Refused(field, settings.said_by(error)))
    return settings.shown(
        asked,
        connection,
        "records",
        "conflicts.html",
        200 if error is None else forms.status_of(error),
        conflicts=found.conflicts,
        matching=found.matching,
        which=which,
        filtered=query,
        next_page=f"?{urlencode({**query, 'cursor': found.next_cursor})}" if found.next_cursor else "",
        objects=list(SPECS),
        may_operate=asked.who.may(Action.OPERATE),
        form=form,
        further=asked.field("further") if further is None else further,
        said=said,
        refused=[(each.id, each.message) for each in left or []],
    )
