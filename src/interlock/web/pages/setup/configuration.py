"""*Recommended* or *Advanced*, each with its values, and what becomes of fields that no property holds."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from interlock.app.errors import AppError, BadInput
from interlock.app.setup import configuration, connecting, drift, migrate, properties, review
from interlock.app.setup.configuration import Values, slug
from interlock.crm.errors import CrmError
from interlock.web import forms
from interlock.web.pages.setup import barred, looking
from interlock.web.pages.setup.frame import At, Page
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _

_OPTIONAL = ("companies", "deals")


async def show(at: At, form: forms.Shown) -> Response:
    values = configuration.values_of(at.setup)
    found, form = await looking.found_or_why(at, form)
    if found is not None and found.barred:
        # Whoever was told what is lacking grants it, and loads the page again.
        try:
            found = await connecting.found_anew(at.interlock, at.by, at.setup)
        except (AppError, CrmError) as error:
            form = looking.said(error, form)
    lacking = [] if found is None else configuration.lacking(found, migrate.lists_of(at.setup))
    names = object_names()
    kept: dict[str, str] = {"missing": values.missing}
    sensitive = []
    if found is not None:
        draft = properties.draft_of(at.setup, found)
        sensitive = [row for listed in draft.rows.values() for row in listed if row.kind == "custom" and row.why_not]
    return at.page(
        "setup/configuration.html",
        forms.Shown(form.values or kept, form.refused),
        values=values,
        found=found,
        lacking=lacking,
        names=names,
        count=sum(len(each.offers) for each in lacking),
        needed=0 if found is None else configuration.needed(found),
        sensitive=sensitive,
        synced=[names[each] for each in _OPTIONAL if found is None or each not in found.barred],
        why_off=[] if found is None else [line for each in _OPTIONAL for line in barred.lines(found.barred, each)],
    )


async def send(at: At) -> Response:
    before = configuration.values_of(at.setup)
    chosen = {"which": at.asked.field("which") or before.which, "missing": at.asked.field("missing") or before.missing}
    try:
        values = msgspec.convert(chosen, Values)
    except msgspec.ValidationError as error:
        raise BadInput(_("This page has no such choice."), fix=_("Load the page again.")) from error
    if at.leaves:
        await at.save(configuration.left(before, values))
        return at.leave()
    found = await looking.found(at)
    configuration.check(values, found, migrate.lists_of(at.setup))
    await at.save(values)
    await drift.remember(at.interlock, at.setup, found)
    return at.go(None if configuration.advanced(at.setup) else review.slug)


PAGE = Page(slug, show, send)
