"""One's own account: who one is, a new password, and the language of the pages in this browser."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError, BadInput
from interlock.app.people import signing_in
from interlock.app.people.errors import HeldBack, SignInRefused
from interlock.web import cookies, forms, texts
from interlock.web.access import Asked
from interlock.web.pages.people import role_names
from interlock.web.texts import _

_AS_THE_BROWSER = "browser"


async def show(asked: Asked) -> Response:
    said = {
        "password": _("The password is changed. You are signed out everywhere else."),
        "elsewhere": _("You are signed out everywhere else."),
        "language": _("The pages are in this language now."),
    }
    return await _form(asked, forms.Shown(), said=said.get(asked.request.query_params.get("done", ""), ""))


async def sign_out_elsewhere(asked: Asked) -> Response:
    if asked.session is not None:
        await signing_in.sign_out_elsewhere(asked.site.store, asked.by, asked.session)
    return RedirectResponse("/account?done=elsewhere", 303)


async def choose_language(asked: Asked) -> Response:
    """Of this browser, not of the account: the sign-in page has it too, and a shared account has many readers."""
    language = asked.field("language")
    if language not in texts.LANGUAGES and language != _AS_THE_BROWSER:
        shown = forms.Shown(
            {}, [forms.Refused("language", _("There is no such language here. Choose one of the list."))]
        )
        return await _form(asked, shown, status_code=422)
    response = RedirectResponse("/account?done=language", 303)
    if language == _AS_THE_BROWSER:
        cookies.clear(response, cookies.LANGUAGE)
    else:
        cookies.keep(response, cookies.LANGUAGE, language)
    return response


async def change_password(asked: Asked) -> Response:
    site = asked.site
    try:
        token = await signing_in.change_password(
            site.store,
            site.passwords,
            asked.who,
            asked.field("current"),
            asked.field("password"),
            asked.address,
            cookies.read(asked.request, cookies.KNOWN),
        )
    except SignInRefused as error:
        shown = forms.Shown({}, [forms.Refused("current", _("This is not your current password."))])
        return await _form(asked, shown, error)
    except (BadInput, HeldBack) as error:
        return await _form(asked, forms.refused(error, {}, ("current", "password")), error)
    return await asked.signed_in(token, "/account?done=password")


async def _form(
    asked: Asked, shown: forms.Shown, error: AppError | None = None, said: str = "", status_code: int = 200
) -> Response:
    if error is not None:
        status_code = forms.status_of(error)
    chosen = cookies.read(asked.request, cookies.LANGUAGE) or ""
    shown.values.setdefault("language", chosen if chosen in texts.LANGUAGES else _AS_THE_BROWSER)
    role = dict(role_names())[asked.who.role]
    response = asked.page(
        "account.html",
        status_code,
        form=shown,
        said=said,
        role=role,
        languages=[(_AS_THE_BROWSER, _("As the browser asks for")), *texts.LANGUAGES.items()],
        places_signed_in=await signing_in.places(asked.site.store, asked.who),
    )
    if error is not None:
        response.headers.update(forms.headers_of(error))
    return response
