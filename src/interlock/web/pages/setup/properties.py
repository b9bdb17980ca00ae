"""Which objects sync, and the rule of each pair: tick rows, choose a rule, *Set rule for selected*. A tab for each object."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app.errors import BadInput
from interlock.app.setup import drift, properties
from interlock.app.setup.draft import Row
from interlock.app.setup.properties import slug
from interlock.objects.registry import SPECS
from interlock.web import forms
from interlock.web.pages.rule_texts import rule_choices, rule_names
from interlock.web.pages.setup import barred, looking
from interlock.web.pages.setup.frame import At, Page
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _

_ROW = "row:"
_TABS = ("contacts", "companies", "deals")


async def show(at: At, form: forms.Shown) -> Response:
    values, query = properties.values_of(at.setup), at.asked.request.query_params
    asked = at.asked.field("tab") or query.get("tab", "")
    tab = asked if asked in _TABS else _TABS[0]
    search = (at.asked.field("search") or query.get("search", "")).strip()
    found, form = await looking.found_or_why(at, form)
    rows: list[Row] = [] if found is None else properties.draft_of(at.setup, found).rows.get(tab, [])
    return at.page(
        "setup/properties.html",
        form,
        tab=tab,
        tabs=[(object_names()[each], at.address(slug, **_kept(at, tab=each))) for each in _TABS],
        here=at.address(slug, **_kept(at, tab=tab)),
        values=values,
        found=found,
        rows=[row for row in rows if not search or _holds(row, search.casefold())],
        search=search,
        rules=rule_choices(),
        rule_names=rule_names(),
        why_off=[] if found is None else barred.lines(found.barred, tab),
        switches=[
            (each, each in values.objects, _enable(each))
            for each in _TABS
            if each != properties.ALWAYS_ON and (found is None or each not in found.barred)
        ],
        row_prefix=_ROW,
    )


def _kept(at: At, **query: str) -> dict[str, str]:
    return {**query, **({"back": at.back} if at.back else {})}


def _holds(row: Row, text: str) -> bool:
    return any(text in each.casefold() for each in (row.label, row.property, *row.fields.values()))


def _enable(object_: str) -> str:
    return {"companies": _("Enable company sync"), "deals": _("Enable deal sync")}[object_]


async def send(at: At) -> Response:
    values = properties.values_of(at.setup)
    if at.leaves:
        # Switches and rules are kept where they are pressed: there is nothing more on the page.
        return at.leave()
    found = await looking.found(at)
    await at.save(properties.Values(values.objects, values.rules, saved=True))
    await drift.remember(at.interlock, at.setup, found)
    return at.go()


async def switch(at: At) -> Response:
    """*Enable company sync*, *Enable deal sync*."""
    object_ = at.asked.field("object")
    values = properties.with_object(properties.values_of(at.setup), object_, at.asked.field("on") == "yes")
    await at.save(values)
    return RedirectResponse(at.address(slug, **_kept(at, tab=object_ if object_ in SPECS else _TABS[0])), 303)


async def set_rule(at: At) -> Response:
    """*Set rule for selected*."""
    keys = [name.removeprefix(_ROW) for name in at.asked.form if name.startswith(_ROW)]
    if not keys:
        raise BadInput(
            _("No row is ticked."), code="no_row", field="rule", fix=_("Tick the rows, then choose the rule.")
        )
    draft = properties.draft_of(at.setup, await looking.found(at))
    chosen = dict.fromkeys(keys, at.asked.field("rule"))
    await at.save(properties.with_rules(properties.values_of(at.setup), draft, chosen))
    query = {"tab": at.asked.field("tab"), "search": at.asked.field("search")}
    return RedirectResponse(at.address(slug, **_kept(at, **{name: text for name, text in query.items() if text})), 303)


PAGE = Page(slug, show, send, more=(("object", switch), ("rule", set_rule)))
