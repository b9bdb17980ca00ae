"""Where the CRMs send the browser back to. Open to everybody, as a colleague has no account: who came is told by the browser's own
cookies, and the sign-in itself by its one-time state (app/sign_in.py). What was refused is said beside the button that was pressed.
"""

from __future__ import annotations

import msgspec
from starlette.responses import RedirectResponse, Response

from interlock.app import sign_in
from interlock.app.errors import AppError, Missing
from interlock.app.people import signing_in as people
from interlock.app.people.roles import Action
from interlock.app.setup import colleagues, connect, signing_in, state
from interlock.core.model import Side
from interlock.crm.errors import CrmError
from interlock.web import cookies
from interlock.web.access import Asked
from interlock.web.pages import new_sandbox, sign_in_again
from interlock.web.pages.setup.connect import WINDOW, came_back, look_around, pressed_cookie
from interlock.web.pages.setup.frame import At
from interlock.web.texts import _


async def hubspot(asked: Asked) -> Response:
    return await _came_back(asked, Side.HUBSPOT)


async def salesforce(asked: Asked) -> Response:
    return await _came_back(asked, Side.SALESFORCE)


async def _came_back(asked: Asked, side: Side) -> Response:
    pressed = cookies.read(asked.request, pressed_cookie(side))
    if (connection_id := sign_in_again.connection_in(pressed)) is not None:
        return await sign_in_again.came_back(asked, side, connection_id)
    if (connection_id := new_sandbox.connection_in(pressed)) is not None:
        return await new_sandbox.came_back(asked, side, connection_id)
    setup_id, part, window, token = _pressed(pressed)
    if part not in signing_in.PARTS or signing_in.PARTS[part] is not side:
        await _note_refused(asked, side)
        text = _(
            "This browser began no such sign-in, or it keeps no cookies of Interlock. Begin it on the page Connect."
        )
        return asked.page("message.html", 400, title=_("Not signed in"), text=text)
    browser = cookies.read(asked.request, sign_in.COOKIE)
    at = await _whose(asked, setup_id, token, browser)
    if at is None:
        await _note_refused(asked, side)
        text = _("You were signed out of Interlock meanwhile. Sign in, open the set-up, and begin this sign-in again.")
        return asked.page("message.html", 403, title=_("Not signed in"), text=text)
    refused = None
    try:
        async with at.interlock.crms() as crms:
            query = dict(asked.request.query_params)
            await signing_in.finish(at.store, crms, at.by, at.setup.id, part, query, browser)
            if at.link is None and part == side.value:
                # Done without the colleague: a link that is still out there shows nobody what was signed in to.
                await colleagues.take_back(at.store, at.by, at.setup.id, side)
        await look_around(at)
    except (AppError, CrmError) as error:
        refused = str(error)  # kept by `finish`, which the page we lead to says beside its button
    response = came_back(asked, refused) if window == WINDOW else RedirectResponse(at.address(connect.slug), 303)
    cookies.clear(response, pressed_cookie(side))
    return response


async def _note_refused(asked: Asked, side: Side) -> None:
    # Without a state nobody has come back from a sign-in: somebody has only looked at the address.
    if "state" in asked.request.query_params:
        await asked.site.denials.callback(side.value, asked.address)


def _pressed(cookie: str | None) -> tuple[int, str, str, str]:
    """(set-up, part, window or tab, a colleague's token or empty)."""
    parts = (cookie or "").split(".")
    if len(parts) != 4 or not (parts[0].isascii() and parts[0].isdecimal()) or len(parts[0]) > 15:
        return 0, "", "", ""
    return int(parts[0]), parts[1], parts[2], parts[3]


async def _whose(asked: Asked, setup_id: int, token: str, browser: str | None) -> At | None:
    """The set-up as the admin or the colleague who pressed the button. None: neither may any more."""
    store = asked.site.store
    if token:
        try:
            opened = await colleagues.opened(store, token, browser)
        except Missing:
            return None
        if opened.link.setup_id != setup_id:
            return None
        return At(asked, opened.setup, connect.slug, True, link=opened.link, token=token)
    visitor = None if asked.session is None else await people.whose(store, asked.session)
    if visitor is None or not visitor.may(Action.CONFIGURE):
        return None
    found = await state.under_way(store)
    setup = next((each for each in found if each.id == setup_id), None)
    if setup is None:
        return None
    asked = msgspec.structs.replace(asked, visitor=visitor)
    return At(asked, setup, connect.slug, len(found) == 1)
