"""The duplicate report, below the tab Records and from the review of the set-up: which records of one CRM are one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError
from interlock.app.jobs import Job
from interlock.app.people.roles import Action
from interlock.core.model import Side
from interlock.store.connections import Connection
from interlock.web import duplicate_report, forms, settings
from interlock.web.access import Asked
from interlock.web.texts import _

GROUPS_SHOWN = 50
# A group may hold thousands, all of one shared address: in the table its first ones, on a page of its own all, page by page.
MEMBERS_SHOWN, MEMBERS_A_PAGE = 20, 100


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


def _group(asked: Asked, job: Job) -> dict[str, Any] | None:
    """The group that is asked for, a page of it. None: all groups are shown."""
    query = asked.request.query_params
    slug, side, number = (*query.get("group", "").split(":"), "", "")[:3]
    found = (job.document()["result"] or {}).get("objects", {}).get(slug, {}).get(side, {}).get("groups", [])
    place = _number(number)
    if not number or place >= len(found):
        return None
    group, first = found[place], _number(query.get("page", "")) * MEMBERS_A_PAGE
    everybody = group["members"]
    members = everybody[first : first + MEMBERS_A_PAGE]

    def at(page: int) -> str:
        return urlencode({"job": job.id, "group": f"{slug}:{side}:{place}", "page": page})

    page = first // MEMBERS_A_PAGE
    return {
        "object": slug,
        "side": side,
        "by": group["by"],
        "all": len(everybody),
        "members": members,
        "first": first + 1,
        "last": first + len(members),
        "previous": at(page - 1) if page else "",
        "next": at(page + 1) if first + len(members) < len(everybody) else "",
    }


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


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
        members_shown=MEMBERS_SHOWN,
        group=None if job is None else _group(asked, job),
        by={
            "email": _("the same e-mail address"),
            "domain": _("the same domain"),
            "name": _("the same name"),
            "likeness": _("alike"),
        },
        may_operate=asked.who.may(Action.OPERATE),
        form=form,
    )
