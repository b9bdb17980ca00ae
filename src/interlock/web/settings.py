"""What every page of a connection's settings shares: the connection that its address names, the tabs, going back, and a CRM
that does not answer. Knows no page.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError, Missing, Stopped, as_failure
from interlock.crm.errors import CrmError
from interlock.store import connections
from interlock.store.connections import Connection
from interlock.store.errors import StoreError
from interlock.web import forms, tabs
from interlock.web.access import Asked
from interlock.web.texts import _


async def connection_of(asked: Asked) -> Connection:
    """Raises Missing."""
    return await connection_with(asked, int(asked.request.path_params["id"]))


async def connection_with(asked: Asked, id_: int) -> Connection:
    """Raises Missing."""
    async with asked.site.store.read(None) as tx:
        found = await connections.get(tx, id_)
    if found is None:
        raise Missing(_("There is no such connection."), code="no_such_connection", fix=_("/settings lists them."))
    return found


def shown(
    asked: Asked, connection: Connection, tab: str, template: str, status_code: int = 200, **values: object
) -> Response:
    return asked.page(
        template,
        status_code,
        connection=connection,
        at_address=f"/connections/{connection.id}",
        tab=tab,
        tabs=tabs.tabs_for(asked.who, connection.id),
        **values,
    )


async def installation_tabs(asked: Asked, tab: str) -> dict[str, Any]:
    """For a page that belongs to no connection: those of the only one are beside it, of several none."""
    async with asked.site.store.read(None) as tx:
        found = await connections.list_(tx)
    return {"tab": tab, "tabs": tabs.tabs_for(asked.who, found[0].id if len(found) == 1 else None)}


def back(connection: Connection, path: str, done: str = "") -> Response:
    query = f"?done={done}" if done else ""
    return RedirectResponse(f"/connections/{connection.id}/{path}{query}", 303)


def seen_since_us(asked: Asked) -> int:
    """Since when the state has been that the page showed beside its button. Raises Stopped."""
    since = asked.field("since")
    if not since.isascii() or not since.isdecimal() or len(since) > 18:
        raise Stopped(_("The form does not say what was shown. Read the reason, then clear it."), code="changed_since")
    return int(since)


def said_by(error: AppError | CrmError | StoreError) -> str:
    """What a use case or a CRM has refused, and what to do, on one line."""
    failure = as_failure(error)
    assert failure is not None
    return forms.said(failure)
