"""*Disconnect*: what is removed and what stays, the files to keep, the phrase; then how it goes, and what a person still has to end
in a CRM. It runs behind the page, as a job."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from interlock.app import disconnect
from interlock.app.documents import with_head
from interlock.app.errors import AppError, BadInput, Missing
from interlock.app.package import export
from interlock.app.people.visitor import By
from interlock.crm.salesforce.deploy import Deployment
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.downloads import download
from interlock.web.site import Site
from interlock.web.texts import _

KIND = "disconnect"
REASON_MOST = 300


async def ask(asked: Asked) -> Response:
    """What it means, before anything happens."""
    return await _ask(asked, await settings.connection_of(asked), forms.Shown())


async def _ask(asked: Asked, connection: Connection, form: forms.Shown, status_code: int = 200) -> Response:
    return settings.shown(
        asked,
        connection,
        "connection",
        "disconnect.html",
        status_code,
        form=form,
        phrase=disconnect.PHRASE,
        other=await disconnect.shares_org(asked.site.store, connection),
        over=connection.state == disconnect.NOT_CONNECTED,
    )


async def begin(asked: Asked) -> Response:
    connection, site = await settings.connection_of(asked), asked.site
    values = {name: asked.field(name).strip() for name in ("reason", "keep", "phrase")}
    try:
        if connection.state == disconnect.NOT_CONNECTED:
            raise BadInput(
                _("This connection is disconnected already."), code="not_connected", fix=_("See the tab Connection.")
            )
        if values["phrase"] != disconnect.PHRASE:
            raise BadInput(
                _("These are not the words."),
                code="confirmation_needed",
                field="phrase",
                fix=_("Type %(phrase)s.") % {"phrase": disconnect.PHRASE},
            )
        keep, reason = values["keep"] == "yes", values["reason"][:REASON_MOST]
        work = partial(_work, site, connection, keep, reason, asked.by)
        begun = await site.jobs.begin(KIND, connection, {"keep_package": keep, "plan": False}, work)
    except AppError as error:
        form = forms.refused(error, values, ("reason", "keep", "phrase"))
        return await _ask(asked, connection, form, forms.status_of(error))
    return settings.back(connection, f"disconnect/{begun.id}")


async def _work(site: Site, connection: Connection, keep: bool, reason: str, by: By) -> dict[str, Any]:
    def progress(_: Deployment) -> None:
        """Nobody is shown the components one by one: there is nothing to choose any more."""

    done = await disconnect.disconnect(
        site.store,
        connection,
        partial(site.interlock.clients, deploying=True),
        site.interlock.crms,
        site.clock_us,
        site.interlock.home.path,
        keep_package=keep,
        reason=reason,
        progress=progress,
        by=by,
    )
    return with_head(done.document(), KIND, site.clock_us())


async def job(asked: Asked) -> Response:
    """How far it is; in the end what could not be ended."""
    connection = await settings.connection_of(asked)
    found = await asked.site.jobs.find(str(asked.request.path_params["job"]))
    if found is None or found.connection != connection.name or found.kind != KIND:
        raise Missing(
            _("This disconnecting is not known any more: it ended more than a day ago."),
            code="no_such_job",
            fix=_(
                "What was done until then stays done. The tab Connection says whether it is disconnected; if not, begin again."
            ),
        )
    return settings.shown(
        asked,
        connection,
        "connection",
        "disconnect_job.html",
        job=found.document(),
        how_far=disconnect.how_far(connection),
    )


async def links(asked: Asked) -> Response:
    """Which records are one, as a file: of every connection of the org, since the package is theirs too."""
    connection = await settings.connection_of(asked)
    lines = export.lines(asked.site.store, connection.salesforce_org_id)
    return await download(asked, connection.id, lines, "text/csv; charset=utf-8", "links.csv")
