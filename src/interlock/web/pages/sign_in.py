"""Signing in and out."""

from __future__ import annotations

import re

from starlette.responses import RedirectResponse, Response

from interlock.app.people import manage, signing_in
from interlock.app.people.errors import HeldBack, SignInRefused
from interlock.web import cookies, forms
from interlock.web.access import Asked

# Where a person may be led on to: a page of ours by its plain path, never `//host` or anything else that leaves.
_OWN_PATH = re.compile(r"(?:/[a-z0-9-]+)+")


async def show(asked: Asked) -> Response:
    return await _form(asked, forms.Shown(), _next(asked.request.query_params.get("next", "")))


async def send(asked: Asked) -> Response:
    site, email = asked.site, asked.field("email")
    to = _next(asked.field("next"))
    try:
        token = await signing_in.sign_in(
            site.store,
            site.passwords,
            email,
            asked.field("password"),
            asked.address,
            asked.session,
            cookies.read(asked.request, cookies.KNOWN),
        )
    except (SignInRefused, HeldBack) as error:
        shown = forms.refused(error, {"email": email}, ("email", "password"))
        response = await _form(asked, shown, to, forms.status_of(error))
        response.headers.update(forms.headers_of(error))
        return response
    return await asked.signed_in(token, to)


async def sign_out(asked: Asked) -> Response:
    if asked.session is not None:
        await signing_in.sign_out(asked.site.store, asked.session, asked.address)
    response = RedirectResponse("/sign-in", 303)
    cookies.clear(response, cookies.SESSION)
    return response


async def _form(asked: Asked, shown: forms.Shown, to: str, status_code: int = 200) -> Response:
    somebody = await manage.anybody(asked.site.store)
    return asked.page("sign_in.html", status_code, form=shown, next=to, somebody=somebody)


def _next(path: str) -> str:
    return path if _OWN_PATH.fullmatch(path) else "/"
