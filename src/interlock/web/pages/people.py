"""The page of people: list, add, change the role, disable and enable, give a link for a new password."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError, BadInput, Missing
from interlock.app.people import links, manage
from interlock.app.people.roles import Role, role_of
from interlock.store.people import Person
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.texts import _

_FIELDS = ("email", "name", "role")


async def show(asked: Asked) -> Response:
    return await _list(asked, forms.Shown(), done=asked.request.query_params.get("done", ""))


async def add(asked: Asked) -> Response:
    values = {name: asked.field(name) for name in _FIELDS}
    try:
        role = role_of(values["role"])
        person, token = await manage.add(asked.site.store, asked.by, values["email"], values["name"], role)
    except BadInput as error:
        return await _list(asked, forms.refused(error, values, _FIELDS), error)
    assert token is not None  # without a password there is a link to choose one
    return await _link(asked, person, token)


async def change_role(asked: Asked) -> Response:
    try:
        await manage.change_role(asked.site.store, asked.by, _id(asked), role_of(asked.field("role")))
    except (BadInput, Missing) as error:
        return await _list(asked, forms.refused(error, {}, ()), error)
    return _back("role_changed")


async def disable(asked: Asked) -> Response:
    try:
        await manage.disable(asked.site.store, asked.by, _id(asked))
    except (BadInput, Missing) as error:
        return await _list(asked, forms.refused(error, {}, ()), error)
    return _back("disabled")


async def enable(asked: Asked) -> Response:
    try:
        await manage.enable(asked.site.store, asked.by, _id(asked))
    except (BadInput, Missing) as error:
        return await _list(asked, forms.refused(error, {}, ()), error)
    return _back("enabled")


async def reset_password(asked: Asked) -> Response:
    try:
        person, token = await manage.reset_password(asked.site.store, asked.by, _id(asked))
    except (BadInput, Missing) as error:
        return await _list(asked, forms.refused(error, {}, ()), error)
    return await _link(asked, person, token)


def _id(asked: Asked) -> int:
    return int(asked.request.path_params["id"])


def _back(done: str) -> Response:
    return RedirectResponse(f"/people?done={done}", 303)


async def _link(asked: Asked, person: Person, token: str) -> Response:
    """Shown in the answer itself and kept nowhere: the store has its hash only."""
    days = manage.PASSWORD_LINK_LASTS_US // (24 * 3600 * 1_000_000)
    link = links.address_of(await asked.site.own_address(), token)
    return asked.page("person_link.html", person=person, link=link, days=days)


async def _list(asked: Asked, shown: forms.Shown, error: AppError | None = None, done: str = "") -> Response:
    said = {
        "role_changed": _("The role is changed. It counts from the person's next page."),
        "disabled": _("The person is disabled and signed out everywhere. Tokens that the person made are revoked."),
        "enabled": _("The person can sign in again."),
    }
    return asked.page(
        "people.html",
        200 if error is None else forms.status_of(error),
        people=await manage.list_(asked.site.store),
        roles=role_names(),
        form=shown,
        said=said.get(done, ""),
        **await settings.installation_tabs(asked, "people"),
    )


def role_names() -> list[tuple[Role, str]]:
    return [(Role.VIEWER, _("Viewer")), (Role.OPERATOR, _("Operator")), (Role.ADMIN, _("Admin"))]
