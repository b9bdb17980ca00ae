"""The page Role labels of the tab Deals: which roles of opportunities' contacts have no label in HubSpot, and making these."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app import missing_labels, what_syncs
from interlock.app.errors import AppError
from interlock.crm.errors import CrmError
from interlock.objects.choices import BOTH, ROLE_LABELS
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked

SLUG, ROLE = "deals", "role:"


async def show(asked: Asked) -> Response:
    return await _page(asked, await settings.connection_of(asked), forms.Shown())


async def make(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    chosen = [name.removeprefix(ROLE) for name in asked.form if name.startswith(ROLE)]
    site = asked.site
    try:
        async with site.interlock.clients(connection) as clients:
            await missing_labels.make(
                site.store, connection, chosen, clients.hubspot, clients.salesforce, site.clock_us(), asked.by
            )
    except (AppError, CrmError) as error:
        return await _page(asked, connection, forms.Shown({}, [forms.Refused(None, settings.said_by(error))]), error)
    return settings.back(connection, f"{SLUG}/role-labels", "labels")


async def _page(
    asked: Asked, connection: Connection, form: forms.Shown, error: AppError | CrmError | None = None
) -> Response:
    found, unread = None, ""
    try:
        async with asked.site.interlock.clients(connection, note=False) as clients:
            found = await missing_labels.compare(clients.hubspot, clients.salesforce)
    except (AppError, CrmError) as unreadable:
        unread = settings.said_by(unreadable)
    return settings.shown(
        asked,
        connection,
        SLUG,
        "role_labels.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        found=found,
        unread=unread,
        form=form,
        role=ROLE,
        in_step=what_syncs.chosen(connection, SLUG).choices.get(ROLE_LABELS.name) == BOTH,
        made=asked.request.query_params.get("done") == "labels",
    )
