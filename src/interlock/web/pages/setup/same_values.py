"""Which HubSpot options and Salesforce values are called the same, list by list: a control for each option without a namesake."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from interlock.app.errors import BadInput
from interlock.app.options import Compared
from interlock.app.setup import connecting, properties, same_values
from interlock.app.setup.connecting import Found
from interlock.app.setup.same_values import Joined, Values, slug
from interlock.web import forms
from interlock.web.pages.property_options import JOIN, SELECT_MOST
from interlock.web.pages.setup import looking
from interlock.web.pages.setup.frame import At, Page
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _

# As many controls as a form may hold; further lists have their place in the settings.
MOST_CONTROLS = 1_500


class Listed(msgspec.Struct, frozen=True):
    """A pair of lists. `controls`: (field, option); `values`: what an option can be called."""

    id: str
    title: str
    fields: str
    controls: list[tuple[str, str]]
    values: list[str]
    many: bool


async def show(at: At, form: forms.Shown) -> Response:
    found, form = await looking.found_or_why(at, form)
    listed: list[Listed] = []
    more = 0
    if found is not None:
        joined = await same_values.standing(at.interlock, at.setup, found)
        lists = same_values.lists(found, properties.draft_of(at.setup, found), joined)
        filled = {f"{JOIN}{key}:{option}": value for key in lists for option, value in joined.get(key, {}).items()}
        form = forms.Shown({**filled, **form.values}, form.refused)
        every = [_listed(number, key, each) for number, (key, each) in enumerate(lists.items())]
        listed = _as_many_as_fit(every)
        more = len(every) - len(listed)
    return at.page("setup/values.html", form, found=found, listed=listed, more=more)


def _listed(number: int, key: str, each: Compared) -> Listed:
    options, values = [*each.joined, *each.to_join[0]], [*each.joined.values(), *each.to_join[1]]
    title = f"{object_names()[each.object]}: {each.property}"
    controls = [(f"{JOIN}{key}:{option}", option) for option in options]
    return Listed(f"list-{number}", title, ", ".join(each.fields), controls, values, len(values) >= SELECT_MOST)


def _as_many_as_fit(every: list[Listed]) -> list[Listed]:
    shown: list[Listed] = []
    for each in every:
        if sum(len(one.controls) for one in [*shown, each]) <= MOST_CONTROLS:
            shown.append(each)
    return shown


async def send(at: At) -> Response:
    kept, typed = same_values.values_of(at.setup), _typed(at)
    if at.leaves:
        # Nobody has looked whether it can be so: what is not as it was is still to be looked at.
        same = all({o: v for o, v in said.items() if v} == kept.joined.get(key, {}) for key, said in typed.items())
        await at.save(kept if same else msgspec.structs.replace(kept, typed=typed))
        return at.leave()
    if at.asked.field("go") == "again":
        await connecting.found_anew(at.interlock, at.by, at.setup)
        return await show(at, forms.Shown(_fields(at)))
    found = await looking.found(at)
    draft = properties.draft_of(at.setup, found)
    try:
        joined = {**kept.joined, **same_values.checked(found, draft, typed)}
    except BadInput as error:
        response = await show(at, forms.Shown(_fields(at), [forms.Refused(None, forms.said(error.failure))]))
        response.status_code = forms.status_of(error)
        return response
    stand = await same_values.standing(at.interlock, at.setup, found)
    # A list of which nobody ever said anything is left as it is.
    await at.save(Values({key: said for key, said in joined.items() if said or stand.get(key)}))
    return at.go()


def _fields(at: At) -> dict[str, str]:
    return {name: text for name, text in at.asked.form.items() if name.startswith(JOIN)}


def _typed(at: At) -> Joined:
    typed: Joined = {}
    for name, text in _fields(at).items():
        key, _colon, option = name.removeprefix(JOIN).partition(":")
        typed.setdefault(key, {})[option] = text.strip()
    return typed


def lines(at: At, found: Found) -> list[str]:
    """What is called the same, for the review."""
    draft, names = properties.draft_of(at.setup, found), object_names()
    said = _("%(object)s, %(property)s: %(option)s in HubSpot is %(value)s in Salesforce.")
    return [
        said % {"object": names[on], "property": row.property, "option": option, "value": value}
        for on in draft.objects
        for row in draft.rows[on]
        for option, value in {o: v for each in (row.values or {}).values() for o, v in each.items()}.items()
    ]


PAGE = Page(slug, show, send)
