"""The filters of an object: which Salesforce records sync, as conditions in SOQL. How many fit is shown before they are saved."""

from __future__ import annotations

import hashlib
import json

from starlette.responses import Response

from interlock.app import salesforce_filters, what_syncs
from interlock.app.errors import AppError
from interlock.app.salesforce_filters import Counted, field_of
from interlock.crm.errors import CrmError
from interlock.objects.registry import SPECS
from interlock.store.connections import Connection
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.pages.objects import change_what_syncs, slug_of


async def show(asked: Asked) -> Response:
    connection, slug = await settings.connection_of(asked), slug_of(asked)
    kept = what_syncs.chosen(connection, slug).filters
    values = {field_of(type_): kept.get(type_, "") for type_ in SPECS[slug].salesforce_types}
    return _page(asked, connection, forms.Shown(values))


async def send(asked: Asked) -> Response:
    """What was counted is saved; anything else is counted first."""
    connection, slug = await settings.connection_of(asked), slug_of(asked)
    typed = {type_: asked.field(field_of(type_)) for type_ in SPECS[slug].salesforce_types}
    values = {field_of(type_): text for type_, text in typed.items()}
    try:
        filters = salesforce_filters.tidy(slug, {type_: text if text.strip() else "" for type_, text in typed.items()})
        async with asked.site.interlock.clients(connection, note=False) as clients:
            counts = [
                await salesforce_filters.count(clients.salesforce, type_, text) for type_, text in filters.items()
            ]
    except (AppError, CrmError) as error:
        at = error.failure.field if isinstance(error, AppError) and error.failure.field in values else None
        return _page(asked, connection, forms.Shown(values, [forms.Refused(at, settings.said_by(error))]), error=error)
    if asked.field("do") == "save" and asked.field("counted") == print_of(filters):
        return await change_what_syncs(asked, what_syncs.Choice(filters=filters))
    return _page(asked, connection, forms.Shown(values), counts, print_of(filters))


def print_of(filters: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()[:16]


def _page(
    asked: Asked,
    connection: Connection,
    form: forms.Shown,
    counts: list[Counted] | None = None,
    counted: str = "",
    error: AppError | CrmError | None = None,
) -> Response:
    slug = slug_of(asked)
    return settings.shown(
        asked,
        connection,
        slug,
        "object_filters.html",
        200 if error is None else forms.status_of(error) if isinstance(error, AppError) else 502,
        slug=slug,
        spec=SPECS[slug],
        edition=asked.field("edition") or what_syncs.chosen(connection, slug).edition,
        fields=[(type_, field_of(type_)) for type_ in SPECS[slug].salesforce_types],
        counts=counts,
        counted=counted,
        form=form,
    )
