"""What a one-time link opens: the first person's form, choosing a password, or a button that signs in."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app import connections
from interlock.app.errors import AppError, BadInput
from interlock.app.people import links, signing_in
from interlock.app.people.errors import HeldBack, LinkVoid
from interlock.app.people.roles import Action
from interlock.store.one_time_links import FIRST_PERSON, SIGN_IN
from interlock.web import forms
from interlock.web.access import Asked
from interlock.web.texts import _


async def show(asked: Asked) -> Response:
    """Changes nothing: mail scanners open links too."""
    return await _form(asked, forms.Shown())


async def send(asked: Asked) -> Response:
    try:
        token = await _accepted(asked)
        return await asked.signed_in(token, await _first_page(asked, token))
    except LinkVoid:
        return _void(asked)
    except (BadInput, HeldBack) as error:
        values = {name: asked.field(name) for name in ("name", "email")}
        return await _form(asked, forms.refused(error, values, ("name", "email", "password")), error)


async def _first_page(asked: Asked, session: str) -> str:
    """Where nothing is connected yet, whoever may connect something begins with that."""
    store = asked.site.store
    visitor = await signing_in.whose(store, session)
    if visitor is None or not visitor.may(Action.CONFIGURE) or await connections.all_(store, None):
        return "/"
    return "/setup"


async def _accepted(asked: Asked) -> str:
    """The token of the new session."""
    site, token = asked.site, asked.request.path_params["token"]
    opened = await links.open_link(site.store, token)
    if opened.purpose == SIGN_IN:
        return await links.sign_in_by_link(site.store, token, asked.address)
    password = asked.field("password")
    if opened.purpose == FIRST_PERSON:
        name, email = asked.field("name"), asked.field("email")
        return await links.make_first_person(site.store, site.passwords, token, name, email, password, asked.address)
    return await links.choose_password(site.store, site.passwords, token, password, asked.address)


async def _form(asked: Asked, shown: forms.Shown, error: AppError | None = None) -> Response:
    try:
        opened = await links.open_link(asked.site.store, asked.request.path_params["token"])
    except LinkVoid:
        return _void(asked)
    status_code = 200 if error is None else forms.status_of(error)
    response = asked.page("welcome.html", status_code, form=shown, purpose=opened.purpose, person=opened.person)
    if error is not None:
        response.headers.update(forms.headers_of(error))
    return response


def _void(asked: Asked) -> Response:
    text = _(
        "It was used, a newer one replaced it, or its time is over. Ask an admin for a new one."
        " For the very first person, run `interlock setup-link` where Interlock runs."
    )
    return asked.page("message.html", 404, title=_("This link works no more"), text=text)
