"""Who is whom among owners whom their e-mail address does not join: a table of them with a choice for each."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from interlock.app import owner_pairs
from interlock.app.errors import AppError, BadInput, Missing, as_failure
from interlock.app.owner_pairs import BY_EMAIL, Line, People
from interlock.app.setup import connecting, owners
from interlock.app.setup.connecting import Found
from interlock.app.setup.owners import slug
from interlock.crm.errors import CrmError
from interlock.crm.salesforce.model import User
from interlock.web import forms
from interlock.web.pages.property_options import SELECT_MOST
from interlock.web.pages.setup import looking
from interlock.web.pages.setup.frame import At, Page
from interlock.web.site import number
from interlock.web.texts import _, _n

FIELD = "owner:"
# As many as a form may hold; the rest keeps what it has, and has its place in the settings.
MOST_ROWS = 500
_MOST_LINES = 10


class Row(msgspec.Struct, frozen=True):
    """`why`: what their e-mail address says of them."""

    field: str
    owner: str
    why: str


async def show(at: At, form: forms.Shown) -> Response:
    found, form = await looking.found_or_why(at, form)
    if found is None:
        return at.page("setup/owners.html", form, found=None)
    people, kept = owners.people_of(found), owners.standing(at.setup, found.connection)
    undecided, users = owner_pairs.undecided(kept, people)
    offered = _offered(users, people, kept)
    many = len(offered) > SELECT_MOST
    form = forms.Shown(_filled(form.values, kept, offered, many), form.refused)
    lines = owner_pairs.lines_by(kept, people)
    addressed = {each.owner.id: each for each in owner_pairs.lines_by({}, people).lines}
    return at.page(
        "setup/owners.html",
        form,
        found=found,
        rows=[_row(addressed[each.owner.id]) for each in undecided[:MOST_ROWS]],
        more=max(0, len(undecided) - MOST_ROWS),
        offered=offered,
        many=many,
        by_email=_by_email(lines.lines, undecided),
        alone=lines.alone,
        inactive=owners.inactive(people),
        **await _queues(at, found),
    )


def _by_email(lines: list[Line], undecided: list[Line]) -> list[Line]:
    left = {each.owner.id for each in undecided}
    return [each for each in lines if each.matched_by == BY_EMAIL and each.owner.id not in left]


async def _queues(at: At, found: Found) -> dict[str, object]:
    """They are only told of: a page without them is still good for its choices."""
    try:
        return {"queues": await owners.queues(at.interlock, found), "no_queues": ""}
    except (AppError, CrmError) as error:
        failure = as_failure(error)
        assert failure is not None
        return {"queues": [], "no_queues": forms.said(failure)}


def _offered(users: list[User], people: People, kept: dict[str, str]) -> list[tuple[str, str]]:
    """(id, name) of everybody who can be chosen, and of who is chosen and cannot be any more."""
    listed = {each.id for each in users}
    gone = [user for id_ in kept.values() if id_ not in listed and (user := people.user(id_)) is not None]
    return [(each.id, name_of(each)) for each in users] + [
        (each.id, f"{name_of(each)}, {_('inactive')}") for each in gone if not each.is_active
    ]


def name_of(user: User) -> str:
    """No two of an org have the same: a username is somebody's alone."""
    return f"{user.name} ({user.username or user.email or user.id})"


def _filled(typed: dict[str, str], kept: dict[str, str], offered: list[tuple[str, str]], many: bool) -> dict[str, str]:
    names = dict(offered) if many else {}
    return {**{f"{FIELD}{owner}": names.get(user, user) for owner, user in kept.items()}, **typed}


def _row(line: Line) -> Row:
    owner = line.owner
    told = owner.name if not owner.email or owner.email == owner.name else f"{owner.name} ({owner.email})"
    names = ", ".join(each.name for each in line.users)
    active = sum(each.is_active for each in line.users)
    if not line.users and not owner.email:
        why = _("Without an e-mail address, as a queue or a team")
    elif not line.users:
        why = _("No Salesforce user has this address")
    elif not active:
        why = _("The address is of somebody inactive: %(names)s") % {"names": names}
    elif active > 1:
        why = _("Several have the address: %(names)s") % {"names": names}
    else:
        why = names
    return Row(f"{FIELD}{owner.id}", told, why)


async def send(at: At) -> Response:
    if at.leaves:
        await _keep_typed(at)
        return at.leave()
    if at.asked.field("go") == "again":
        found = await connecting.found_anew(at.interlock, at.by, at.setup)
        return await show(at, forms.Shown(_typed_fields(at)))
    found = await looking.found(at)
    people, kept = owners.people_of(found), owners.standing(at.setup, found.connection)
    pairs = {each: user for each, user in kept.items() if people.owner(each) is not None} | _typed(at, people)
    pairs = {each: user for each, user in pairs.items() if user}
    try:
        owners.check(people, pairs)
    except (BadInput, Missing) as error:
        refused = forms.Refused(f"{FIELD}{error.failure.field}", forms.said(error.failure))
        response = await show(at, forms.Shown(_typed_fields(at), [refused]))
        response.status_code = forms.status_of(error)
        return response
    await at.save(owners.with_before(at.setup, found.connection, pairs, saved=True))
    return at.go()


def _typed_fields(at: At) -> dict[str, str]:
    return {name: text for name, text in at.asked.form.items() if name.startswith(FIELD)}


def _typed(at: At, people: People | None) -> dict[str, str]:
    """By owner; "" for nobody. Of many users a name is typed, and not an id."""
    ids = {} if people is None else {name_of(each): each.id for each in people.users}
    ids |= {f"{name}, {_('inactive')}": id_ for name, id_ in ids.items()}
    found = {name.removeprefix(FIELD): text.strip() for name, text in _typed_fields(at).items()}
    return {owner: ids.get(text, text) for owner, text in found.items()}


async def _keep_typed(at: At) -> None:
    """Whatever the CRMs say of it: it is still to be looked at, where it is another than what is kept."""
    connection = await connecting.connection_of(at.interlock, at.setup)
    if connection is None:
        await at.save(owners.values_of(at.setup))
        return
    kept = owners.standing(at.setup, connection)
    typed = {**kept, **_typed(at, await owner_pairs.kept_people(at.interlock, connection))}
    typed = {owner: user for owner, user in typed.items() if user}
    before = owners.values_of(at.setup)
    await at.save(before if typed == kept else owners.with_before(at.setup, connection, typed, saved=False))


# --- for the review --------------------------------------------------------------------------------------------------------


def lines(at: At, found: Found) -> list[str]:
    """Who is whom, for the review."""
    people, pairs = owners.people_of(found), owners.pairs_of(at.setup, found.connection)
    listed = owner_pairs.lines_by(pairs, people)
    told = [_line(people, *each) for each in owners.told(at.setup, found)]
    if len(told) > _MOST_LINES:
        rest = len(told) - _MOST_LINES
        told = [
            *told[:_MOST_LINES],
            _n("And %(num)s more pair made by hand.", "And %(num)s more pairs made by hand.", rest) % {"num": rest},
        ]
    nobody, _users = owner_pairs.undecided(pairs, people)
    same = len(_by_email(listed.lines, nobody))
    lacking = sum(each.owner.id not in pairs for each in nobody)
    return [
        *told,
        _n(
            "%(num)s HubSpot owner is a Salesforce user by e-mail address.",
            "%(num)s HubSpot owners are Salesforce users by e-mail address.",
            same,
        )
        % {"num": number(same)},
        *([] if not lacking else [_nobody_there(lacking)]),
        *([] if not listed.alone else [_nobody_here(len(listed.alone))]),
    ]


def _line(people: People, owner_id: str, user_id: str, can_be: bool) -> str:
    owner, user = people.owner(owner_id), people.user(user_id)
    filled = {"owner": owner.name if owner else owner_id, "user": user.name if user else user_id}
    if can_be:
        return _("%(owner)s in HubSpot is %(user)s in Salesforce.") % filled
    return _("%(owner)s in HubSpot was paired with %(user)s, who is gone or inactive: choose anew.") % filled


def _nobody_there(lacking: int) -> str:
    return _n(
        "%(num)s HubSpot owner is nobody in Salesforce who can own records.",
        "%(num)s HubSpot owners are nobody in Salesforce who can own records.",
        lacking,
    ) % {"num": number(lacking)}


def _nobody_here(alone: int) -> str:
    return _n(
        "%(num)s active Salesforce user is nobody in HubSpot.",
        "%(num)s active Salesforce users are nobody in HubSpot.",
        alone,
    ) % {"num": number(alone)}


PAGE = Page(slug, show, send)
