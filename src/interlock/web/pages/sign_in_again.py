"""*Sign in again* and *Connect a different user*, from the tab Connection: away to the CRM and back. The account or org stays the
one that the connection is with: another is refused by name (app/sign_in.py). A Salesforce user also gets the permission set, behind
the page (org_work.py).

Where the sync user may not extend the permission set, an administrator signs in for that alone: the sync goes on as it does, and
the administrator's sign-in, and no other, is ended as soon as it is done."""

from __future__ import annotations

import re

from starlette.responses import Response

from interlock.app import sign_in, sign_offs
from interlock.app.errors import AppError, BadInput, Missing
from interlock.app.people import signing_in as people
from interlock.app.people.roles import Action
from interlock.core.model import Side
from interlock.crm.errors import CrmError
from interlock.objects.registry import SPECS
from interlock.store import crm_apps, grants
from interlock.store.connections import Connection
from interlock.web import cookies, forms, settings
from interlock.web.access import Asked
from interlock.web.pages import org_work
from interlock.web.pages.setup.connect import pressed_cookie
from interlock.web.texts import _

# In the cookie that says which button a browser pressed; a set-up's own begins with its number.
_OURS = "connection-"
# What the button says for a sign-in that is to extend the permission set and nothing else.
ADMINISTRATOR = "administrator"
_NUMBER = re.compile(r"connection-([0-9]{1,15})")


async def begin(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    site, side = asked.site, _side(asked)
    administrator = side is Side.SALESFORCE and asked.field("as") == ADMINISTRATOR
    request = sign_in.SignInRequest(
        side,
        await app_id(asked, connection, side),
        await asked.site.own_address(connection.id),
        browser=cookies.read(asked.request, sign_in.COOKIE),
        as_somebody_else=administrator or asked.field("as") == "somebody_else",
        role=grants.ADMIN if administrator else grants.SYNC,
        part=asked.field("object") if asked.field("object") in SPECS else "connection",
        objects=tuple(connection.settings.get("objects", ())),
        connection_id=connection.id,
    )
    async with site.interlock.crms() as crms:
        begun = await sign_in.begin(site.store, crms, request)
    # A page that leads on, no redirect: the browser holds the redirects that follow a form against form-action.
    response = asked.page("setup/leaving.html", address=begun.address, name=_name(side))
    response.headers["Refresh"] = f"0; url={begun.address}"
    cookies.write(response, sign_in.COOKIE, begun.browser)
    cookies.write(response, pressed_cookie(side), f"{_OURS}{connection.id}")
    return response


def connection_in(cookie: str | None) -> int | None:
    """Whose button was pressed; None: a set-up's, or none."""
    found = _NUMBER.fullmatch(cookie or "")
    return None if found is None else int(found[1])


async def came_back(asked: Asked, side: Side, connection_id: int) -> Response:
    """For the address that both CRMs send the browser to: it is open to everybody, so who came is asked here."""
    from interlock.web.pages import connection as tab

    found = await who_came(asked, connection_id)
    if isinstance(found, Response):
        return found
    site, connection = asked.site, found
    browser = cookies.read(asked.request, sign_in.COOKIE)
    response: Response
    try:
        async with site.interlock.crms() as crms:
            query = dict(asked.request.query_params)
            finished = await sign_in.finish(
                site.store, crms, side, query, browser, lambda request: request.connection_id == connection_id, asked.by
            )
    except (AppError, CrmError) as error:
        response = await tab.page(
            asked, connection, forms.Shown({}, [forms.Refused(None, settings.said_by(error))]), error
        )
    else:
        response = await _goes_on(asked, await settings.connection_with(asked, connection_id), finished)
    cookies.clear(response, pressed_cookie(side))
    return response


async def _goes_on(asked: Asked, connection: Connection, finished: sign_in.Finished) -> Response:
    """A Salesforce user gets the permission set. By an administrator's sign-in, which ends with that, the sync user gets it, with
    all that is mapped."""
    if finished.role == grants.ADMIN:
        try:
            return await org_work.begin(
                asked, connection, "give", finished.part, mapped_fields=True, grant=finished.grant_id
            )
        except Exception:
            # Nothing was begun that would end it.
            async with asked.site.interlock.crms() as crms:
                await sign_offs.revoke(asked.site.store, crms, finished.grant_id)
            raise
    if finished.side is Side.SALESFORCE:
        return await org_work.begin(asked, connection, "give", "connection")
    return settings.back(connection, "connection", "signed_in")


async def who_came(asked: Asked, connection_id: int) -> Connection | Response:
    """The connection, for an admin who is still signed in here; else what to say instead. Raises Missing."""
    site = asked.site
    visitor = None if asked.session is None else await people.whose(site.store, asked.session)
    if visitor is None or not visitor.may(Action.CONFIGURE):
        text = _("You were signed out of Interlock meanwhile. Sign in, and begin this sign-in again.")
        return asked.page("message.html", 403, title=_("Not signed in"), text=text)
    connection = await settings.connection_with(asked, connection_id)
    asked.visitor = visitor
    asked.csrf = cookies.form_token(asked.session or "")
    return connection


def _side(asked: Asked) -> Side:
    try:
        return Side(str(asked.request.path_params["side"]))
    except ValueError as error:
        raise Missing(_("There is no such side."), code="no_such_side", fix=_("See the tab Connection.")) from error


def _name(side: Side) -> str:
    return "HubSpot" if side is Side.HUBSPOT else "Salesforce"


async def app_id(asked: Asked, connection: Connection, side: Side) -> int:
    """The app of the sign-in that is used now, else the one that was entered last. Raises BadInput where there is none."""
    async with asked.site.store.read(connection.id) as tx:
        used = (await grants.in_use(tx)).get(side.value)
        if used is not None:
            return used.app_id
        known = await crm_apps.ids(tx, side.value)
    if not known:
        raise BadInput(
            _("This connection signs in to %(name)s without an app, by a token or a key.") % {"name": _name(side)},
            code="no_app",
            fix=_("Enter an app in the set-up, or give a new token with `interlock connect`."),
        )
    return known[0][0]
