"""*Migrate*: bring the mapping lists of HubSpot's own integration, keep its pairs, and switch it off in order."""

from __future__ import annotations

import msgspec
from starlette.responses import RedirectResponse, Response

from interlock.app.setup import migrate
from interlock.app.setup.findings import findings_of
from interlock.app.setup.migrate import Values, slug
from interlock.crm.errors import CrmError
from interlock.objects.registry import SPECS
from interlock.web import forms
from interlock.web.pages.rule_texts import rule_names
from interlock.web.pages.setup import looking
from interlock.web.pages.setup.frame import At, Page
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _

# Fields of the form with the file; the box of the step's own form is not in it.
_OBJECT, _FILE = "object", "file"


async def show(at: At, form: forms.Shown) -> Response:
    values = migrate.values_of(at.setup)
    found, form = await looking.found_or_why(at, form)
    counted: dict[str, int] = {}
    if found is not None:
        try:
            counted = await migrate.named_records(at.interlock, at.setup, found)
        except CrmError as error:
            form = looking.said(error, form)
    kept = {"relink": "yes" if values.relink else ""}
    return at.page(
        "setup/migrate.html",
        forms.Shown(kept | form.values if _OBJECT in form.values else form.values or kept, form.refused),
        values=values,
        found=found,
        lists={} if found is None else migrate.seen(at.setup, found),
        counted=counted,
        live=findings_of(at.setup).native,
        names=object_names(),
        objects=list(object_names().items()),
        rule_names=rule_names(),
    )


async def send(at: At) -> Response:
    """*Next*: what was brought stays, whether lists were or not."""
    values = migrate.values_of(at.setup)
    saved = values.saved or not at.leaves
    await at.save(msgspec.structs.replace(values, relink=at.asked.field("relink") == "yes", saved=saved))
    return at.go()


async def upload(at: At) -> Response:
    object_ = at.asked.field(_OBJECT)
    await at.save(migrate.with_list(migrate.values_of(at.setup), object_, at.asked.field(_FILE)))
    return _back(at)


async def remove(at: At) -> Response:
    await at.save(migrate.without_list(migrate.values_of(at.setup), at.asked.field(_OBJECT)))
    return _back(at)


async def check(at: At) -> Response:
    """*It is paused*, *Check again*."""
    pause = await migrate.look_whether_paused(at.interlock, at.setup, anew=at.asked.field("anew") == "yes")
    await at.save(msgspec.structs.replace(migrate.values_of(at.setup), pause=pause))
    return _back(at)


def _back(at: At) -> Response:
    return RedirectResponse(at.address(slug, **({"back": at.back} if at.back else {})), 303)


def lines_for_review(values: Values, live: bool) -> list[str]:
    """The card of the review, in words."""
    names = object_names()
    listed = [names[each] for each in SPECS if each in values.lists]
    told = [
        _("Mapping lists taken: %(names)s.") % {"names": ", ".join(listed)}
        if listed
        else _("No mapping list was taken."),
        _("Pairs that it made stay pairs, by the ids that it left.")
        if values.relink
        else _("The ids that it left are not looked at."),
    ]
    if migrate.is_paused(values):
        told.append(_("It has written nothing since you said that it is paused."))
    elif live:
        told.append(_("It is not known to be paused: two syncs of the same records undo each other's work."))
    return told


PAGE = Page(slug, show, send, more=(("list", upload), ("remove", remove), ("check", check)))
