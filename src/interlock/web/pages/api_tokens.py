"""The page of API tokens: list, make (the token is shown once), revoke."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError, BadInput, Missing
from interlock.app.people import programs
from interlock.app.people.roles import role_of
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages.people import role_names
from interlock.web.texts import _

_FIELDS = ("name", "role")


async def show(asked: Asked) -> Response:
    done = asked.request.query_params.get("done") == "revoked"
    return await _list(asked, forms.Shown(), said=_("The token is revoked and works no more.") if done else "")


async def make(asked: Asked) -> Response:
    values = {name: asked.field(name) for name in _FIELDS}
    try:
        token = await programs.make(asked.site.store, asked.by, values["name"], role_of(values["role"]))
    except BadInput as error:
        return await _list(asked, forms.refused(error, values, _FIELDS), error)
    return asked.page("token_made.html", name=values["name"], token=token)


async def revoke(asked: Asked) -> Response:
    try:
        await programs.revoke(asked.site.store, asked.by, int(asked.request.path_params["id"]))
    except Missing as error:
        return await _list(asked, forms.refused(error, {}, ()), error)
    return RedirectResponse("/api-tokens?done=revoked", 303)


async def _list(asked: Asked, shown: forms.Shown, error: AppError | None = None, said: str = "") -> Response:
    return asked.page(
        "api_tokens.html",
        200 if error is None else forms.status_of(error),
        tokens=await programs.list_(asked.site.store),
        roles=role_names(),
        form=shown,
        said=said,
        **await settings.installation_tabs(asked, "tokens"),
    )
