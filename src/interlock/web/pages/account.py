"""One's own account: who one is, and a new password."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError, BadInput
from interlock.app.people import signing_in
from interlock.app.people.errors import HeldBack, SignInRefused
from interlock.web import forms
from interlock.web.access import Asked
from interlock.web.pages.people import role_names
from interlock.web.texts import _


async def show(asked: Asked) -> Response:
    said = {
        "password": _("The password is changed. You are signed out everywhere else."),
        "elsewhere": _("You are signed out everywhere else."),
    }
    return await _form(asked, forms.Shown(), said=said.get(asked.request.query_params.get("done", ""), ""))


async def sign_out_elsewhere(asked: Asked) -> Response:
    if asked.session is not None:
        await signing_in.sign_out_elsewhere(asked.site.store, asked.by, asked.session)
    return RedirectResponse("/account?done=elsewhere", 303)


async def change_password(asked: Asked) -> Response:
    site = asked.site
    try:
        token = await signing_in.change_password(
            site.store, site.passwords, asked.who, asked.field("current"), asked.field("password"), asked.address
        )
    except SignInRefused as error:
        shown = forms.Shown({}, [forms.Refused("current", _("This is not your current password."))])
        return await _form(asked, shown, error)
    except (BadInput, HeldBack) as error:
        return await _form(asked, forms.refused(error, {}, ("current", "password")), error)
    return asked.signed_in(token, "/account?done=password")


async def _form(asked: Asked, shown: forms.Shown, error: AppError | None = None, said: str = "") -> Response:
    status_code = 200 if error is None else forms.status_of(error)
    role = dict(role_names())[asked.who.role]
    response = asked.page(
        "account.html",
        status_code,
        form=shown,
        said=said,
        role=role,
        places=await signing_in.places(asked.site.store, asked.who),
    )
    if error is not None:
        response.headers.update(forms.headers_of(error))
    return response
