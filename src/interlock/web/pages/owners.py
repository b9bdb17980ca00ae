"""Who is whom among the owners of both CRMs, and pairing two people by hand."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app import owner_pairs
from interlock.app.errors import AppError
from interlock.app.owner_pairs import BY_HAND
from interlock.app.people.roles import Action
from interlock.crm.errors import CrmError
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.texts import _

_FIELDS = ("hubspot_owner", "salesforce_user")


async def show(asked: Asked) -> Response:
    return await _page(asked, await settings.connection_of(asked), forms.Shown())


async def pair(asked: Asked) -> Response:
    connection, site = await settings.connection_of(asked), asked.site
    values = {name: asked.field(name) for name in _FIELDS}
    try:
        await owner_pairs.pair(site.interlock, connection, values["hubspot_owner"], values["salesforce_user"], asked.by)
    except (AppError, CrmError) as error:
        return await _page(asked, connection, _refused(error, values), error)
    return settings.back(connection, "owners", "paired")


async def part(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    await owner_pairs.part(asked.site.interlock, connection, asked.field("hubspot_owner"), asked.by)
    return settings.back(connection, "owners", "parted")


def _refused(error: AppError | CrmError, values: dict[str, str]) -> forms.Shown:
    if isinstance(error, AppError):
        return forms.refused(error, values, _FIELDS)
    return forms.Shown(values, [forms.Refused(None, settings.said_by(error))])


async def _page(
    asked: Asked, connection: Connection, form: forms.Shown, error: AppError | CrmError | None = None
) -> Response:
    said = {"paired": _("The two are one owner from now on."), "parted": _("The pair is taken apart.")}
    found, may_configure = None, asked.who.may(Action.CONFIGURE)
    try:
        # Whoever pairs two people has often just made one of them.
        people = await owner_pairs.people(asked.site.interlock, connection, anew=may_configure)
        found = owner_pairs.lines(connection, people)
    except (AppError, CrmError) as unread:
        form = forms.Shown(form.values, [*form.refused, forms.Refused(None, settings.said_by(unread))])
    return settings.shown(
        asked,
        connection,
        "connection",
        "owners.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        form=form,
        said=said.get(asked.request.query_params.get("done", ""), ""),
        found=found,
        by_hand=BY_HAND,
        may_configure=may_configure,
    )
