"""The way into the settings: straight on where there is one connection, a choice where there are several."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app import connections
from interlock.web import tabs
from interlock.web.access import Asked


async def show(asked: Asked) -> Response:
    found = await connections.all_(asked.site.store, None)
    if len(found) == 1 and found[0].id is not None:
        return RedirectResponse(tabs.first_of(found[0].id), 303)
    listed = [(each, tabs.first_of(each.id)) for each in found if each.id is not None]
    return asked.page("settings.html", connections=listed, tabs=tabs.tabs_for(asked.who, None), tab="")
