"""All else that can be chosen of an object, before its first sync: the controls of its tab, on one page, folded up by object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from interlock.app.errors import AppError, BadInput, as_failure
from interlock.app.missing_labels import Roles
from interlock.app.salesforce_filters import Counted, field_of
from interlock.app.setup import choices, connecting, properties
from interlock.app.setup.choices import CONTACTS, DEALS, OfObject, slug
from interlock.app.setup.connecting import Found
from interlock.crm.errors import CrmError
from interlock.objects.choices import choices_of
from interlock.objects.registry import SPECS
from interlock.web import forms
from interlock.web.pages import person_rule_rows
from interlock.web.pages.choice_texts import Offered, offered
from interlock.web.pages.object_filters import print_of
from interlock.web.pages.objects import creates
from interlock.web.pages.setup import looking
from interlock.web.pages.setup.frame import At, Page
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _

_ORDER = ("contacts", "companies", "deals")
_NOTHING = "nothing"
ROLE = "role:"
_ROLES_SHOWN = "roles_shown"


class Group(msgspec.Struct, frozen=True):
    """The controls of one object. `open`: something in it is chosen, searched or refused."""

    object: str
    name: str
    open: bool
    offered: list[tuple[str, Offered]]  # by field
    filters: list[tuple[str, str]]  # (field, Salesforce type)
    lists: list[tuple[str, str]] = []
    creates: list[tuple[str, str]] = []


async def show(
    at: At, form: forms.Shown, counts: list[Counted] | None = None, found_lists: Mapping[str, Any] | None = None
) -> Response:
    found, form = await looking.found_or_why(at, form)
    groups: list[Group] = []
    if found is not None:
        typed, values = form.values, dict[str, str]()
        for object_ in _on(at, found):
            values |= _filled(object_, choices.standing(at.setup, found.connection, object_))
        if any(name.startswith("when_") for name in typed):
            values = {name: text for name, text in values.items() if not name.partition("_")[2].isdecimal()}
        form = forms.Shown({**values, **typed}, form.refused)
        groups = [_group(object_, form, (found_lists or {}).get(object_)) for object_ in _on(at, found)]
    roles, no_roles = await _roles(at, found, [each.object for each in groups])
    return at.page(
        "setup/choices.html",
        form,
        found=found,
        roles=roles,
        no_roles=no_roles,
        role=ROLE,
        ticked=[] if found is None or roles is None else _ticked(at, found, form, roles),
        groups=groups,
        counts=counts,
        counted="" if counts is None else print_of({each.type: each.filter for each in counts}),
        **person_rule_rows.shown(form.values),
    )


async def _roles(at: At, found: Found | None, on: list[str]) -> tuple[Roles | None, str]:
    """Which labels HubSpot lacks, or why that is not known: all else can be chosen without them."""
    if found is None or DEALS not in on:
        return None, ""
    try:
        return await choices.roles(at.interlock, found), ""
    except (AppError, CrmError) as error:
        failure = as_failure(error)
        assert failure is not None
        return None, forms.said(failure)


def _ticked(at: At, found: Found, form: forms.Shown, roles: Roles) -> list[str]:
    """As it was typed, or chosen; else as many as HubSpot has room for."""
    if _ROLES_SHOWN in form.values:
        return [each for each in roles.missing if f"{ROLE}{each}" in form.values]
    kept = choices.standing(at.setup, found.connection, DEALS).labels
    return roles.missing[: roles.room] if kept is None else [each for each in roles.missing if each in kept]


def _on(at: At, found: Found) -> list[str]:
    on = properties.draft_of(at.setup, found).objects
    return [each for each in _ORDER if each in on]


def _filled(object_: str, chosen: OfObject) -> dict[str, str]:
    values = {f"choice:{object_}:{name}": value for name, value in chosen.choices.items()}
    values |= {field_of(type_): chosen.filters.get(type_, "") for type_ in SPECS[object_].salesforce_types}
    if object_ == CONTACTS:
        return values | person_rule_rows.filled(chosen.person_rules)
    type_ = SPECS[object_].salesforce_types[0]
    return values | {
        f"list:{object_}": chosen.list_id,
        f"create_in_salesforce:{object_}": type_ if chosen.create_in_salesforce else _NOTHING,
        f"create_in_hubspot:{object_}": "yes" if chosen.create_in_hubspot else "no",
    }


def _group(object_: str, form: forms.Shown, found: Any) -> Group:
    spec, values = SPECS[object_], form.values
    fields = [(f"choice:{object_}:{each.name}", each) for each in offered(object_)]
    filters = [(field_of(type_), type_) for type_ in spec.salesforce_types]
    usual = _filled(object_, OfObject(choices={each.name: each.default for each in choices_of(object_)}))
    rules = object_ == CONTACTS and any(name.startswith("when_") and text for name, text in values.items())
    refused = any(each.field is not None for each in form.refused)
    otherwise = any(values.get(name, text) != text for name, text in usual.items())
    names = object_names()
    group = Group(object_, names[object_], otherwise or rules or refused or found is not None, fields, filters)
    if object_ == CONTACTS:
        return group
    listed = [("", _("All of them"))]
    kept = values.get(f"list:{object_}", "")
    here = [] if found is None else [(each.id, each.name) for each in found.lists]
    if kept and kept not in dict(here):
        listed.append((kept, _("The list %(id)s, as chosen before") % {"id": kept}))
    told = creates()
    type_ = spec.salesforce_types[0]
    return msgspec.structs.replace(
        group, lists=[*listed, *here], creates=[(type_, told[type_]), (_NOTHING, told[_NOTHING])]
    )


async def send(at: At) -> Response:
    go = at.asked.field("go")
    if at.leaves:
        await _keep_typed(at)
        return at.leave()
    found = await looking.found(at)
    objects = _typed(at, _on(at, found))
    if go.startswith("search:"):
        object_ = go.removeprefix("search:")
        page = await choices.lists(at.interlock, found, object_, at.asked.field(f"search:{object_}"))
        return await show(at, _as_typed(at), found_lists={object_: page})
    filters = {type_: text for each in objects.values() for type_, text in each.filters.items()}
    rows = person_rule_rows.typed_rows(at.asked.field)
    try:
        counts = await choices.count(at.interlock, found, objects)
        new = _is_new(at, found, objects)
        if go == "count" or (new and at.asked.field("counted") != print_of({e.type: e.filter for e in counts})):
            return await show(at, _as_typed(at), counts)
        checked = await choices.check(at.interlock, found, objects)
    except AppError as error:
        field = person_rule_rows.row_of(error.failure.field, rows) or error.failure.field
        fields = {*at.asked.form, *(field_of(type_) for type_ in filters)}
        shown = forms.Shown(
            _as_typed(at).values, [forms.Refused(field if field in fields else None, forms.said(error.failure))]
        )
        response = await show(at, shown)
        response.status_code = forms.status_of(error)
        return response
    await at.save(choices.with_before(at.setup, found.connection, checked, saved=True))
    return at.go()


def _is_new(at: At, found: Found, objects: dict[str, OfObject]) -> bool:
    """Whether there is a filter that was not there: how many fit it is seen before it is kept. One that was only typed by who left
    is still to be seen."""
    saved = choices.values_of(at.setup).saved
    for object_, each in objects.items():
        held = (
            choices.standing(at.setup, found.connection, object_)
            if saved
            else choices.of_connection(found.connection, object_)
        )
        if any(text and text != held.filters.get(type_) for type_, text in each.filters.items()):
            return True
    return False


async def _keep_typed(at: At) -> None:
    """Whatever the CRMs say of it: it is still to be looked at, where it is another than what is kept."""
    before = choices.values_of(at.setup)
    typed = _typed(at, [each for each in _ORDER if f"choice:{each}:deletes" in at.asked.form])
    if typed == before.objects:
        await at.save(before)
        return
    stand = before.before
    if stand is None:
        stand = await _settings_before(at)
    await at.save(choices.Values(typed, stand))


async def _settings_before(at: At) -> dict[str, Any] | None:
    connection = await connecting.connection_of(at.interlock, at.setup)
    return None if connection is None else choices.with_before(at.setup, connection, {}, saved=False).before


def _as_typed(at: At) -> forms.Shown:
    return forms.Shown({name: value for name, value in at.asked.form.items() if name not in ("csrf", "go", "counted")})


def _typed(at: At, objects: list[str]) -> dict[str, OfObject]:
    """Raises BadInput for what no control of the page can say."""
    field, found = at.asked.field, {}
    for object_ in objects:
        chosen = {}
        for each in choices_of(object_):
            chosen[each.name] = field(f"choice:{object_}:{each.name}") or each.default
            if chosen[each.name] not in each.values:
                raise BadInput(_("This page has no such choice."), fix=_("Load the page again."))
        filters = {type_: text for type_ in SPECS[object_].salesforce_types if (text := field(field_of(type_)).strip())}
        if object_ == CONTACTS:
            rules = person_rule_rows.typed(field, person_rule_rows.typed_rows(field))
            found[object_] = OfObject(choices=chosen, filters=filters, person_rules=rules)
        else:
            found[object_] = OfObject(
                field(f"list:{object_}"),
                field(f"create_in_salesforce:{object_}") != _NOTHING,
                field(f"create_in_hubspot:{object_}") != "no",
                chosen,
                filters,
                labels=_labels(at) if object_ == DEALS else None,
            )
    return found


def _labels(at: At) -> tuple[str, ...] | None:
    """What was kept stays where the page could not show them."""
    if not at.asked.field(_ROLES_SHOWN):
        kept = choices.values_of(at.setup).objects.get(DEALS)
        return None if kept is None else kept.labels
    return tuple(name.removeprefix(ROLE) for name in at.asked.form if name.startswith(ROLE))


PAGE = Page(slug, show, send)
