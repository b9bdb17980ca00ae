"""*Connect to a new sandbox*, from the tab Connection: away to Salesforce and back, what going over would mean, and the way there.

nothing offered    *Sign in to the new sandbox*
offered            what will happen, *Connect to this sandbox*, *Stay with the old one*
moved, running     how far it is; htmx asks again, without script there is a link
moved, failed      what to do, *Try again*
moved, done        the preview, *Existing records*, *Begin to sync with the new sandbox*

What it does is app/new_org's.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.responses import Response

from interlock.app import sign_in
from interlock.app.crms import save_app
from interlock.app.errors import AppError, BadInput
from interlock.app.new_org import begin as beginning
from interlock.app.new_org import kept, offer, prepare
from interlock.app.new_org.kept import Run
from interlock.app.new_org.switch import switch
from interlock.app.package.parts import address_of
from interlock.app.setup.review import MANY_CREATES
from interlock.app.sign_in_checks import check_may_move
from interlock.core.model import Side
from interlock.crm.errors import CrmError
from interlock.store import crm_apps
from interlock.store.connections import Connection
from interlock.store.errors import StoreError
from interlock.web import cookies, forms, settings
from interlock.web.access import Asked
from interlock.web.pages import sign_in_again
from interlock.web.pages.setup.connect import pressed_cookie
from interlock.web.texts import _

PATH = "new-sandbox"
# In the cookie that says which button a browser pressed.
_OURS = "sandbox-"
_NUMBER = re.compile(r"sandbox-([0-9]{1,15})")
_ORDER = ("contacts", "companies", "deals")


async def show(asked: Asked) -> Response:
    return await page(asked, await settings.connection_of(asked), forms.Shown())


async def page(
    asked: Asked, connection: Connection, form: forms.Shown, error: AppError | CrmError | StoreError | None = None
) -> Response:
    site, now = asked.site, kept.of(connection)
    here = await site.own_address(connection.id)
    look, run, unread, refused = None, None, "", ""
    if now is None:
        try:
            check_may_move(connection)
        except BadInput as may_not:
            refused = settings.said_by(may_not)
    elif now.stage == "offered":
        try:
            look = await offer.look(site.interlock, connection)
        except (AppError, CrmError) as trouble:
            unread = settings.said_by(trouble)
    else:
        run = await prepare.standing(site.interlock, connection, here)
    address = address_of(here)
    return settings.shown(
        asked,
        connection,
        "connection",
        "new_sandbox.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        form=form,
        now=now,
        look=look,
        run=run,
        unread=unread,
        refused=refused,
        steps=_steps(),
        counts=_counts(run),
        count_titles=count_titles(),
        too_early=run is not None and site.clock_us() < run.ready_at_us,
        many=MANY_CREATES,
        host="" if address.origin is None else urlsplit(address.origin).netloc,
        said=_done().get(asked.request.query_params.get("done", ""), ""),
    )


def _done() -> dict[str, str]:
    return {
        "signed_in": _("Signed in. Nothing has been changed yet."),
        "given_up": _("The sign-in to the new sandbox was ended. Nothing was changed."),
        "connected": _("The connection belongs to the new sandbox now. It is paused until you begin."),
    }


def _steps() -> dict[str, str]:
    return {
        "package": _("The Salesforce package is being installed in the new sandbox."),
        "permissions": _("The sync user is being given the mapped fields."),
        "waiting": _("Writes that were under way when the connection went over are being waited for."),
        "ids": _("The ids that HubSpot holds are being compared with the new sandbox."),
        "preview": _("Both sides are being read, to count what a first sync would do."),
        "done": _("Done."),
    }


def count_titles() -> dict[str, str]:
    return {
        "create_in_hubspot": _("New in HubSpot"),
        "create_in_salesforce": _("New in Salesforce"),
        "update_in_hubspot": _("Changed in HubSpot"),
        "update_in_salesforce": _("Changed in Salesforce"),
        "matched": _("Matched"),
        "ambiguous": _("Ambiguous"),
        "blocked": _("Blocked"),
        "conflicts": _("Conflicts"),
    }


def _counts(run: Run | None) -> list[tuple[str, dict[str, object]]]:
    objects = {} if run is None else run.preview.get("objects", {})
    return [(each, objects[each]) for each in _ORDER if each in objects]


# --- away and back -------------------------------------------------------------------------------------------------------


async def begin_sign_in(asked: Asked) -> Response:
    connection, site = await settings.connection_of(asked), asked.site
    typed = asked.field("my_domain").strip()
    try:
        check_may_move(connection)
        request = sign_in.SignInRequest(
            Side.SALESFORCE,
            await _app_id(asked, connection),
            await asked.site.own_address(connection.id),
            browser=cookies.read(asked.request, sign_in.COOKIE),
            sandbox=True,
            my_domain=typed or None,
            # A browser that is signed in to the old sandbox would come straight back with it.
            as_somebody_else=True,
            deploys=True,
            objects=tuple(connection.settings.get("objects", ())),
            moves=connection.id,
        )
        async with site.interlock.crms() as crms:
            begun = await sign_in.begin(site.store, crms, request)
    except (AppError, CrmError) as error:
        field = "my_domain" if isinstance(error, CrmError) else None
        form = forms.Shown(
            {"my_domain": typed, "client_id": asked.field("client_id")}, [forms.Refused(field, settings.said_by(error))]
        )
        return await page(asked, connection, form, error)
    response = asked.page("setup/leaving.html", address=begun.address, name="Salesforce")
    response.headers["Refresh"] = f"0; url={begun.address}"
    cookies.write(response, sign_in.COOKIE, begun.browser)
    cookies.write(response, pressed_cookie(Side.SALESFORCE), f"{_OURS}{connection.id}")
    return response


async def _app_id(asked: Asked, connection: Connection) -> int:
    """The one that was typed, where the new sandbox has another; else that of the connection. Raises BadInput."""
    client_id, secret = asked.field("client_id").strip(), asked.field("client_secret").strip()
    if not client_id:
        return await sign_in_again.app_id(asked, connection, Side.SALESFORCE)
    async with asked.site.store.read(None) as tx:
        known = {name: id_ for id_, name in await crm_apps.ids(tx, Side.SALESFORCE.value)}
    # One that is known keeps its secret where none was typed: other connections sign in with it.
    if client_id in known and not secret:
        return known[client_id]
    return await save_app(asked.site.store, Side.SALESFORCE, client_id, secret or None)


def connection_in(cookie: str | None) -> int | None:
    """Of whose page the button was pressed; None: another button, or none."""
    found = _NUMBER.fullmatch(cookie or "")
    return None if found is None else int(found[1])


async def came_back(asked: Asked, side: Side, connection_id: int) -> Response:
    """The address is open to everybody, so who came is asked here."""
    found = await sign_in_again.who_came(asked, connection_id)
    if isinstance(found, Response):
        return found
    site, connection = asked.site, found
    browser = cookies.read(asked.request, sign_in.COOKIE)
    response: Response
    try:
        async with site.interlock.crms() as crms:
            query = dict(asked.request.query_params)
            finished = await sign_in.finish(
                site.store, crms, side, query, browser, lambda request: request.moves == connection_id, asked.by
            )
        await offer.note(site.interlock, asked.by, finished)
    except (AppError, CrmError) as error:
        response = await page(asked, connection, forms.Shown({}, [forms.Refused(None, settings.said_by(error))]), error)
    else:
        response = settings.back(connection, PATH, "signed_in")
    cookies.clear(response, pressed_cookie(side))
    return response


# --- going over ----------------------------------------------------------------------------------------------------------


async def connect(asked: Asked) -> Response:
    """What the page has shown, and only if it still is what would happen."""
    connection, site = await settings.connection_of(asked), asked.site
    try:
        if asked.field("agreed") != "yes":
            raise BadInput(
                _("Say that you have read what becomes of the old sandbox."), code="not_agreed", field="agreed"
            )
        trusts = asked.field("trusts_address") == "yes"
        await switch(site.interlock, asked.by, connection, asked.field("seen"), trusts_address=trusts)
        connection = await settings.connection_of(asked)
        await prepare.begin(site.interlock, asked.by, connection, await site.own_address(connection.id))
    except (AppError, CrmError, StoreError) as error:
        return await _refused(asked, error, ("agreed",))
    return settings.back(connection, PATH, "connected")


async def give_up(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    assert connection.id is not None
    try:
        await offer.give_up(asked.site.interlock, asked.by, connection.id)
    except AppError as error:
        return await _refused(asked, error)
    return settings.back(connection, PATH, "given_up")


async def again(asked: Asked) -> Response:
    """*Try again*, and *Count again*."""
    connection = await settings.connection_of(asked)
    try:
        await prepare.begin(asked.site.interlock, asked.by, connection, await asked.site.own_address(connection.id))
    except AppError as error:
        return await _refused(asked, error)
    return settings.back(connection, PATH)


async def begin(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    try:
        await beginning.begin(asked.site.interlock, asked.by, connection, asked.field("existing"), asked.field("count"))
    except AppError as error:
        return await _refused(asked, error, ("existing", "count"))
    return settings.back(connection, "overview")


async def _refused(asked: Asked, error: AppError | CrmError | StoreError, fields: tuple[str, ...] = ()) -> Response:
    connection = await settings.connection_of(asked)
    typed = {name: value for name, value in asked.form.items() if name != "csrf"}
    if isinstance(error, AppError):
        return await page(asked, connection, forms.refused(error, typed, fields), error)
    return await page(asked, connection, forms.Shown(typed, [forms.Refused(None, settings.said_by(error))]), error)
