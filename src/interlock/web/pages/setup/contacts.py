"""Which contacts sync, and what becomes of new ones: a list of HubSpot's is searched for here, with its size and kind."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app.errors import AppError, BadInput
from interlock.app.setup import contacts
from interlock.app.setup.contacts import Values, slug
from interlock.crm.errors import CrmError
from interlock.crm.hubspot.model import ListPage, RecordList
from interlock.web import forms
from interlock.web.pages.setup import looking
from interlock.web.pages.setup.frame import At, Page
from interlock.web.texts import _

_NOTHING = "nothing"


async def show(at: At, form: forms.Shown) -> Response:
    values = contacts.values_of(at.setup)
    kept = {
        "which": "list" if values.list_id else "all",
        "list_id": values.list_id,
        "in_salesforce": values.in_salesforce or _NOTHING,
        "in_hubspot": "update" if values.in_hubspot else _NOTHING,
    }
    form = forms.Shown({**kept, **form.values}, form.refused)
    found: ListPage | None = None
    lists: list[tuple[str, str]] = []
    if form.values["which"] == "list":
        try:
            found = await contacts.lists(at.interlock, at.setup, form.values.get("search", ""))
            lists = [(each.id, _shown(each)) for each in found.lists]
        except (AppError, CrmError) as error:
            form = looking.said(error, form)
        chosen = form.values["list_id"]
        if chosen and chosen not in [id_ for id_, _label in lists]:
            lists.insert(0, (chosen, await _chosen(at, chosen, reachable=found is not None)))
    return at.page("setup/contacts.html", form, values=values, found=found, lists=lists, most=contacts.LISTS_SHOWN)


async def _chosen(at: At, list_id: str, *, reachable: bool) -> str:
    """The list that is chosen, where it is not among those found: it stays so until another one is."""
    values = contacts.values_of(at.setup)
    name = values.list_name if list_id == values.list_id and values.list_name else list_id
    if not reachable:
        return name
    try:
        return _shown(await contacts.chosen_list(at.interlock, at.setup, list_id))
    except BadInput:
        return _("%(name)s (not in the HubSpot account any more)") % {"name": name}
    except CrmError:
        return name


def _shown(each: RecordList) -> str:
    kinds = {"DYNAMIC": _("dynamic"), "MANUAL": _("manual"), "SNAPSHOT": _("fixed when it was made")}
    size = _("size not known") if each.size is None else str(each.size)
    return f"{each.name} ({kinds.get(each.kind, each.kind)}, {size})"


async def send(at: At) -> Response:
    field = at.asked.field
    if field("go") == "search":
        typed = {name: value for name, value in at.asked.form.items() if name not in ("csrf", "go")}
        return await show(at, forms.Shown({**typed, "which": "list"}))
    in_salesforce, in_hubspot = field("in_salesforce"), field("in_hubspot")
    if in_salesforce not in ("Contact", "Lead", _NOTHING) or in_hubspot not in ("update", _NOTHING):
        raise BadInput(_("This page has no such choice."), fix=_("Load the page again."))
    chosen = Values(
        in_salesforce="" if in_salesforce == _NOTHING else in_salesforce,  # type: ignore[arg-type]
        in_hubspot=in_hubspot == "update",
        saved=True,
    )
    if at.leaves:
        list_id = field("list_id") if field("which") == "list" else None
        await at.save(contacts.left(contacts.values_of(at.setup), chosen, list_id))
        return at.leave(whole=list_id != "")
    if field("which") == "list":
        if not field("list_id"):
            raise BadInput(
                _("No list is chosen."),
                code="no_list",
                field="search",
                fix=_("Search, then choose one; or All contacts."),
            )
        found = await contacts.chosen_list(at.interlock, at.setup, field("list_id"))
        chosen = Values(found.id, found.name, chosen.in_salesforce, chosen.in_hubspot, chosen.saved)
    await at.save(chosen)
    return at.go()


PAGE = Page(slug, show, send)
