"""The tab Sync health: why a connection stands still, how the API calls go, issues by category, and why records are not synced."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app import allocation, api_use, connections, issues, reconciliation, states, status
from interlock.app.connections import HALTED
from interlock.app.disconnect import NOT_CONNECTED
from interlock.app.errors import AppError, BadInput, NotConnected, Stopped
from interlock.app.people.roles import Action
from interlock.app.words import why_not
from interlock.core.model import Side
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.downloads import download
from interlock.web.pages.issue_texts import category_texts
from interlock.web.texts import _

TAB = "health"
_NAMES = {Side.SALESFORCE: "Salesforce", Side.HUBSPOT: "HubSpot"}


async def show(asked: Asked) -> Response:
    return await _page(asked, await settings.connection_of(asked), forms.Shown())


async def allocate(asked: Asked) -> Response:
    """Its effect is at once; see app/allocation.py."""
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    typed = {"allocated": asked.field("allocated")}
    try:
        await allocation.change(asked.site.store, connection.id, allocation.parsed(typed["allocated"]), asked.by)
    except BadInput as error:
        return await _page(asked, connection, forms.refused(error, typed, ("allocated",)), error)
    return settings.back(connection, "health", "allocated")


async def clear(asked: Asked) -> Response:
    """What stopped the connection is cleared by somebody who was shown just that."""
    connection = await settings.connection_of(asked)
    if connection.state not in HALTED:
        return settings.back(connection, "health", "not_stopped")
    try:
        seen_since_us = settings.seen_since_us(asked)
        await connections.resume(
            asked.site.store, connection, None, plan=False, by=asked.by, seen_since_us=seen_since_us
        )
    except (Stopped, NotConnected) as error:
        connection = await settings.connection_of(asked)
        return await _page(asked, connection, forms.refused(error, {}, ()), error)
    return settings.back(connection, "health", "resumed" if connection.state == "paused" else "cleared")


async def _page(asked: Asked, connection: Connection, form: forms.Shown, error: AppError | None = None) -> Response:
    site, id_ = asked.site, connection.id
    assert id_ is not None
    range_ = asked.request.query_params.get("range", "week")
    range_ = range_ if range_ in api_use.RANGES else "week"
    if "allocated" not in form.values:
        form.values["allocated"] = str(allocation.of(connection) or "")
    async with site.store.read(id_) as tx:
        held_up = await states.held_up(tx, connection)
    affected = await issues.affected(site.store, id_)
    used = await api_use.read(site.store, id_, range_, site.clock_us())
    said = {
        "allocated": _("The allocation is saved, and counts from now on."),
        "not_stopped": _("The connection is not stopped any more."),
        "cleared": _("The suspension is cleared: syncing goes on."),
        "resumed": _("Syncing goes on."),
    }
    return settings.shown(
        asked,
        connection,
        TAB,
        "health.html",
        200 if error is None else forms.status_of(error),
        form=form,
        said=said.get(asked.request.query_params.get("done", ""), ""),
        worker=await status.worker(site.store, site.clock_us()),
        halted=HALTED.get(connection.state),
        way_on=_way_on(connection),
        held_up=held_up,
        sides=[(side.value, _NAMES[side], used[side]) for side in used],
        range_=range_,
        ranges=[("day", _("24 hours")), ("week", _("7 days")), ("quarter", _("90 days"))],
        purposes=purpose_names(),
        categories=[(slug, name, cause, affected[slug]) for slug, (name, cause) in category_texts().items()],
        reports=await reconciliation.report(site.store, id_),
        verdicts=verdict_names(),
        may_configure=asked.who.may(Action.CONFIGURE),
        may_operate=asked.who.may(Action.OPERATE),
    )


def _way_on(connection: Connection) -> str:
    """What ends its standing still: clear | resume here, or on another page, where clearing it would be of no use."""
    if connection.state in (NOT_CONNECTED, "signed_out"):
        return connection.state
    if connections.waits_in_new_org(connection):
        return "new_sandbox"
    return "resume" if connection.state == "paused" else "clear"


async def not_synced(asked: Asked) -> Response:
    """The records of one object that are not synced for one reason."""
    connection = await settings.connection_of(asked)
    asking = asked.request.query_params
    object_, why = asking.get("object", ""), asking.get("why", "")
    assert connection.id is not None
    if not object_ or not why:
        # The list of reasons is there.
        return settings.back(connection, "health")
    page = await reconciliation.page(asked.site.store, connection.id, object_, why, asking.get("after"))
    return settings.shown(
        asked, connection, TAB, "not_synced.html", page=page, object=object_, why=why, reason=why_not(why)
    )


async def export_not_synced(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    asking = asked.request.query_params
    assert connection.id is not None
    object_ = asking.get("object") or None
    if object_ is not None and object_ not in SPECS:
        raise BadInput(f"{object_!r} is not an object that syncs.", code="no_such_object", field="object")
    lines = reconciliation.as_csv(asked.site.store, connection.id, object_, asking.get("why") or None)
    return await download(asked, connection.id, lines, "text/csv; charset=utf-8", f"not-synced-{object_ or 'all'}.csv")


def purpose_names() -> dict[str, str]:
    return {
        "detect": _("Looking for changes"),
        "fetch": _("Reading records"),
        "match": _("Finding counterparts"),
        "write": _("Writing records"),
        "verify": _("Checking what was written"),
        "setup": _("Reading settings of the CRM"),
    }


def verdict_names() -> dict[str, str]:
    return {
        reconciliation.BLOCKED: _("blocked"),
        reconciliation.WAITING: _("waiting"),
        reconciliation.NOT_ELIGIBLE: _("not eligible"),
        reconciliation.RESTING: _("resting"),
    }
