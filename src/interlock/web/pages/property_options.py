"""The options of a HubSpot property beside the values of its picklist: what would be added is seen, chosen and then added."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app import options
from interlock.app.errors import AppError, Missing
from interlock.crm.errors import CrmError
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages import objects

ADD, RENAME, JOIN = "add:", "rename:", "join:"
# Each option has a control: with a select that holds every value a page of long lists would grow by their product.
SELECT_MOST = 50


async def show(asked: Asked) -> Response:
    return await _page(asked, await settings.connection_of(asked), forms.Shown())


async def change(asked: Asked) -> Response:
    connection, slug = await settings.connection_of(asked), objects.slug_of(asked)
    if asked.field("do") == "join":
        return await _join(asked, connection, slug)
    try:
        async with asked.site.interlock.clients(connection) as clients:
            await options.change(
                asked.site.store,
                connection,
                slug,
                _property(asked),
                _ticked(asked, ADD),
                _ticked(asked, RENAME),
                clients.hubspot,
                clients.salesforce,
                asked.by,
            )
    except Missing:
        raise
    except (AppError, CrmError) as error:
        return await _page(asked, connection, forms.Shown({}, [forms.Refused(None, settings.said_by(error))]), error)
    return settings.back(connection, slug, "options")


async def _join(asked: Asked, connection: Connection, slug: str) -> Response:
    """Which options and values are the same, of those that have no namesake."""
    said = {name.removeprefix(JOIN): value.strip() for name, value in asked.form.items() if name.startswith(JOIN)}
    try:
        async with asked.site.interlock.clients(connection) as clients:
            await options.join(
                asked.site.store,
                connection,
                slug,
                _property(asked),
                said,
                clients.hubspot,
                clients.salesforce,
                asked.by,
            )
    except Missing:
        raise
    except (AppError, CrmError) as error:
        typed = forms.Shown(dict(asked.form), [forms.Refused(None, settings.said_by(error))])
        return await _page(asked, connection, typed, error)
    return settings.back(connection, slug, "joined")


def _ticked(asked: Asked, kind: str) -> list[str]:
    return [name.removeprefix(kind) for name in asked.form if name.startswith(kind)]


def _property(asked: Asked) -> str:
    return str(asked.request.path_params["property"])


async def _page(
    asked: Asked, connection: Connection, form: forms.Shown, error: AppError | CrmError | None = None
) -> Response:
    """Raises Missing."""
    slug, found, unread = objects.slug_of(asked), None, ""
    try:
        async with asked.site.interlock.clients(connection, note=False) as clients:
            found = await options.compare(
                asked.site.store, connection, slug, _property(asked), clients.hubspot, clients.salesforce
            )
    except Missing:
        raise
    except (AppError, CrmError) as unreadable:
        unread = settings.said_by(unreadable)
    return settings.shown(
        asked,
        connection,
        slug,
        "property_options.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        slug=slug,
        property=_property(asked),
        found=found,
        unread=unread,
        form=form,
        add=ADD,
        rename=RENAME,
        join=JOIN,
        select_most=SELECT_MOST,
    )
