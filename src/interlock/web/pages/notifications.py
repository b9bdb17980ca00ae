"""The tab Notifications: what one is told of by e-mail, who else is told, trying it out; and the bell's list of notices."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app import connections as joined
from interlock.app.errors import AppError, BadInput, Missing
from interlock.app.notify import events, manage
from interlock.app.notify.watch import THRESHOLD, THRESHOLD_ISSUES
from interlock.app.people.roles import Action
from interlock.store import channels
from interlock.store import notices as stored
from interlock.store.notices import Notice
from interlock.web import forms, settings
from interlock.web.access import Asked
from interlock.web.texts import _

TAB = "notifications"
_EVENT = "event-"
_NOTICES = 100


async def show(asked: Asked) -> Response:
    return await _page(asked, forms.Shown())


async def save_mine(asked: Asked) -> Response:
    site = asked.site
    try:
        await manage.set_mine(site.store, site.post, asked.by, _chosen(asked))
    except BadInput as error:
        return await _page(asked, forms.refused(error, {}, ()), error)
    return _back("mine")


async def test_mine(asked: Asked) -> Response:
    mine = await manage.of_person(asked.site.store, asked.who.person_id or 0)
    return await _test(asked, 0 if mine is None else mine.id)


async def add(asked: Asked) -> Response:
    site, target = asked.site, asked.field("target")
    values = {"target": target, "kind": asked.field("kind")}
    try:
        if values["kind"] == channels.EMAIL:
            await manage.add_email(site.store, site.post, asked.by, target, _chosen(asked))
            return _back("added")
        _new, secret = await manage.add_webhook(site.store, site.post, asked.by, target, _chosen(asked))
    except BadInput as error:
        return await _page(asked, forms.refused(error, values, ("target",)), error)
    # Shown in the answer itself; the store keeps it sealed and shows it to nobody.
    return asked.page("webhook_made.html", secret=secret, target=target.strip())


async def change(asked: Asked) -> Response:
    try:
        await manage.set_events(asked.site.store, asked.by, _id(asked), _chosen(asked))
    except (BadInput, Missing) as error:
        return await _page(asked, forms.refused(error, {}, ()), error)
    return _back("changed")


async def remove(asked: Asked) -> Response:
    try:
        await manage.remove(asked.site.store, asked.by, _id(asked))
    except Missing as error:
        return await _page(asked, forms.refused(error, {}, ()), error)
    return _back("removed")


async def test(asked: Asked) -> Response:
    return await _test(asked, _id(asked))


async def save_threshold(asked: Asked) -> Response:
    # One form for each connection: what is refused is said at the field of the one that it is about.
    field, typed = f"threshold-{_id(asked)}", asked.field("threshold")
    try:
        await manage.set_threshold(asked.site.store, asked.by, _id(asked), typed)
    except BadInput as error:
        shown = forms.Shown({field: typed}, [forms.Refused(field, forms.said(error.failure))])
        return await _page(asked, shown, error)
    return _back("threshold")


async def notices(asked: Asked) -> Response:
    """Those of all connections and of none, the newest first, with where each leads: a set-up's to the wizard, for whoever may."""
    may_set_up = asked.who.may(Action.CONFIGURE)
    places = {stored.OF_NONE: "/setup" if may_set_up else ""}
    for each in await joined.all_(asked.site.store, None):
        assert each.id is not None
        places[each.id] = f"/connections/{each.id}/health"
    found: list[tuple[str, Notice]] = []
    for id_, place in places.items():
        async with asked.site.store.read(id_) as tx:
            found += [(place, notice) for notice in await stored.list_(tx, None, _NOTICES)]
    found.sort(key=lambda each: each[1].id, reverse=True)
    return asked.page("notices.html", notices=found[:_NOTICES], newest=found[0][1].id if found else 0)


async def mark_read(asked: Asked) -> Response:
    """Up to what was on the page: what came since stays new."""
    newest = asked.field("newest")
    if asked.who.person_id is not None and newest.isascii() and newest.isdecimal() and len(newest) < 18:
        await manage.mark_read(asked.site.store, asked.who.person_id, int(newest))
    return RedirectResponse("/notices", 303)


async def _test(asked: Asked, id_: int) -> Response:
    site = asked.site
    try:
        await manage.test(site.store, site.post, id_, site.clock_us())
    except (Missing, manage.NotArrived) as error:
        return await _page(asked, forms.refused(error, {}, ()), error)
    return _back("tested")


def _chosen(asked: Asked) -> set[str]:
    return {name.removeprefix(_EVENT) for name in asked.form if name.startswith(_EVENT)}


def _id(asked: Asked) -> int:
    return int(asked.request.path_params["id"])


def _back(done: str) -> Response:
    return RedirectResponse(f"/notifications?done={done}", 303)


async def _page(asked: Asked, form: forms.Shown, error: AppError | None = None) -> Response:
    site = asked.site
    said = {
        "mine": _("What you are told of is saved."),
        "added": _("Added. Send a test to see that it arrives."),
        "changed": _("What this place is told of is saved."),
        "removed": _("Removed: nothing more is sent there."),
        "tested": _("The test was taken by the other side."),
        "threshold": _("The number of issues is saved."),
    }
    places = await manage.list_(site.store)
    found = await joined.all_(site.store, None)
    mine = next((each for each in places if each.channel.person_id == asked.who.person_id is not None), None)
    return asked.page(
        "notifications.html",
        200 if error is None else forms.status_of(error),
        form=form,
        said=said.get(asked.request.query_params.get("done", ""), ""),
        events=event_texts(),
        mine=mine,
        may_configure=asked.who.may(Action.CONFIGURE),
        # Where others are told is for admins: an address of a webhook may hold what only they should know.
        told=places if asked.who.may(Action.CONFIGURE) else [],
        mail_is_set=site.post.mail is not None,
        thresholds=[(each, each.settings.get(THRESHOLD, THRESHOLD_ISSUES)) for each in found],
        **await settings.installation_tabs(asked, TAB),
    )


def event_texts() -> dict[str, str]:
    """A test holds that no event is missing."""
    return {
        events.SUSPENDED: _("A connection is suspended"),
        events.STOPPED_BY_BRAKE: _("A connection is stopped by a brake"),
        events.SIGNED_OUT: _("A CRM no longer takes the sign-in"),
        events.HELD_UP: _("A connection is held up: a CRM does not answer, or its calls are used up"),
        events.FIRST_SYNC_DONE: _("The first sync is done"),
        events.ISSUES: _("A category has many issues"),
        events.API_FORECAST: _("The allocated API calls will not last the day"),
        events.DAILY_SUMMARY: _("A summary every day"),
    }
