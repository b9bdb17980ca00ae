"""Around every step of the wizard: which set-up is meant, the path, *Back*, *Next*, *Save and leave*, what is stale or refused.

A step's page is a pair: `show(at, form)` and `send(at)`. `send` parses, saves by `at.save`, and ends with `at.go()`; what a use
case refuses it lets through: the frame shows it at the form. A colleague by a link gets the same pages, for the steps of the
link's side.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import RedirectResponse, Response

from interlock.app.errors import AppError, Stale, as_failure
from interlock.app.people.visitor import By
from interlock.app.setup import connect, path, state
from interlock.crm.errors import CrmError
from interlock.store import Store
from interlock.store.colleague_links import ColleagueLink
from interlock.store.setups import Setup
from interlock.web import forms
from interlock.web.access import Asked, Handler
from interlock.web.texts import _
from interlock.wiring import Interlock

NEW = "new"


class At(msgspec.Struct):
    """One request to a step. `plain`: no other set-up is under way, so that an address needs no number. `link`, `token`: a
    colleague's."""

    asked: Asked
    setup: Setup
    slug: str
    plain: bool
    newest_seen: int = 0  # of a set-up that is not begun yet: what its form knew of
    link: ColleagueLink | None = None
    token: str = ""

    @property
    def store(self) -> Store:
        return self.asked.site.store

    @property
    def interlock(self) -> Interlock:
        return self.asked.site.interlock

    @property
    def by(self) -> By:
        if self.link is not None:
            return By(f"link:{self.link.id}", self.asked.address)
        return self.asked.by

    @property
    def version(self) -> int:
        """Of the step, as the form that was sent showed it; where none was sent, as it is."""
        text = self.asked.field("version")
        if text.isascii() and text.isdecimal() and len(text) < 16:
            return int(text)
        return self.setup.version_of(self.slug)

    @property
    def back(self) -> str:
        """The step to come straight back to (*Change* on the review), else empty."""
        found = self.asked.field("back") or self.asked.request.query_params.get("back", "")
        return found if found in {step.slug for step in path.path(self.setup)} else ""

    @property
    def own_address(self) -> str:
        """Of the step's own form."""
        return f"/colleague/{self.token}/{self.slug}" if self.link is not None else self.address(self.slug)

    @property
    def sign_in_address(self) -> str:
        """Of the form behind every *Sign in to ...*."""
        return f"/colleague/{self.token}/connect/sign-in" if self.link is not None else self.address("connect/sign-in")

    @property
    def asks_again(self) -> str:
        """For a part of the step's page that asks for itself anew: of this set-up, whatever is begun meanwhile."""
        return self.address(self.slug) if self.link is not None else self.address(self.slug, setup=str(self.setup.id))

    @property
    def sides(self) -> list[str]:
        """Whom this set-up joins, as far as somebody has signed in: to be told from another one under way."""
        values = connect.values_of(self.setup)
        signed_in = (("HubSpot", values.hubspot), ("Salesforce", values.salesforce))
        return [
            f"{name}: {each.identity.account_name} ({each.identity.account_id})"
            for name, each in signed_in
            if each is not None
        ]

    def address(self, slug: str, **query: str) -> str:
        """Of a step of this set-up, for this visitor. `slug` may have parts: `connect/hubspot`."""
        if self.link is not None:
            place = f"/colleague/{self.token}" if slug == "connect" else f"/colleague/{self.token}/{slug}"
        else:
            place = f"/setup/{slug}"
            query = query if self.plain else {"setup": str(self.setup.id or NEW), **query}
        return f"{place}?{urlencode(query)}" if query else place

    async def save(self, values: msgspec.Struct) -> None:
        """What the person chose in this step. Raises Stale."""
        self.setup = await state.save(
            self.store, self.by, self.setup.id, self.slug, values, self.version, self.newest_seen
        )

    @property
    def leaves(self) -> bool:
        """*Save and leave*: what can be kept of what was typed is kept. Nothing but a stale page is refused and no CRM is asked
        for anything: whoever has to go can. A sign-in that a complete other one takes the place of is ended at its CRM."""
        return self.asked.field("go") == "leave"

    def leave(self, *, whole: bool = True) -> Response:
        """`whole` false: something that was typed could not be kept."""
        return RedirectResponse("/?done=setup_left" if whole else "/?done=setup_left_partly", 303)

    def go(self, to: str | None = None) -> Response:
        """Where the button that was pressed leads: *Save and leave* out, *Next* on, or back to the step that sent here. `to`: the
        step to go on with, where that is not the next one."""
        if self.leaves:
            return self.leave()
        if self.link is not None:
            return RedirectResponse(self.address("connect"), 303)
        on = self.back or to or path.after(self.setup, self.slug) or self.slug
        return RedirectResponse(self.address(on), 303)

    def page(self, template: str, form: forms.Shown, **values: Any) -> Response:
        """`template` extends setup/frame.html."""
        steps = [] if self.link is not None else _shown_path(self)
        before = None if self.link is not None else path.before(self.setup, self.slug)
        return self.asked.page(
            template,
            title=title_of(self.slug),
            wizard=self,
            steps=steps,
            back_address=None if before is None else self.address(before),
            form=form,
            **values,
        )


Show = Callable[[At, forms.Shown], Awaitable[Response]]
Send = Callable[[At], Awaitable[Response]]


class Page(msgspec.Struct, frozen=True):
    """A step's pages. `more`: further forms of the step; `files`: what it gives to download, or shows beside itself. Each is at
    /setup/<slug>/<name>."""

    slug: str
    show: Show
    send: Send
    more: tuple[tuple[str, Send], ...] = ()
    files: tuple[tuple[str, Show], ...] = ()


def shows(page: Page, show: Show) -> Handler:
    async def handler(asked: Asked) -> Response:
        at = await opened(asked, page.slug)
        return at if isinstance(at, Response) else await show(at, forms.Shown())

    return handler


def sends(page: Page, send: Send) -> Handler:
    async def handler(asked: Asked) -> Response:
        at = await opened(asked, page.slug)
        return at if isinstance(at, Response) else await sent(at, page, send)

    return handler


async def sent(at: At, page: Page, send: Send) -> Response:
    """The step's answer, or its page again with what was refused."""
    typed = {name: value for name, value in at.asked.form.items() if name not in ("csrf", "go")}
    try:
        return await send(at)
    except Stale as error:
        # What was typed is not shown with the version that is there now: the next *Next* would overwrite it.
        at.setup = await state.load(at.store, at.setup.id) if at.setup.id else at.setup
        at.asked.form.clear()
        form, status_code = forms.refused(error, {}, ()), forms.status_of(error)
    except AppError as error:
        form, status_code = forms.refused(error, typed, tuple(typed)), forms.status_of(error)
    except CrmError as error:
        failure = as_failure(error)
        assert failure is not None
        form, status_code = forms.Shown(typed, [forms.Refused(None, forms.said(failure))]), 502
    response = await page.show(at, form)
    if response.status_code == 200:  # else it leads to where things stand now, such as a finish that runs
        response.status_code = status_code
    return response


async def opened(asked: Asked, slug: str) -> At | Response:
    """The set-up that is meant: the one that is named, else the only one; where several are under way nobody guesses which. A step
    that is not in its path, or whose turn is not yet, leads to the one that is."""
    named = asked.field("setup") or asked.request.query_params.get("setup", "")
    found = await state.under_way(asked.site.store)
    if named.isascii() and named.isdecimal() and len(named) < 16:
        setup = next((each for each in found if each.id == int(named)), None)
        if setup is None:
            return RedirectResponse("/setup", 303)
    elif named == NEW or not found:
        setup = Setup()
    elif len(found) == 1:
        setup = found[0]
    else:
        return RedirectResponse("/setup", 303)
    plain = all(each.id == setup.id for each in found)
    seen = asked.field("newest_seen")
    newest = int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 16 else None
    at = At(asked, setup, slug, plain, newest if newest is not None else await state.newest_id(asked.site.store))
    open_to = [step.slug for step in path.path(setup)]
    open_to = open_to[: open_to.index(path.resume(setup)) + 1]
    return at if slug in open_to else RedirectResponse(at.address(path.resume(setup)), 303)


def _shown_path(at: At) -> list[tuple[str, str | None, str]]:
    """(title, address or None, done | current | coming) of each step, for the macro `path`."""
    found: list[tuple[str, str | None, str]] = []
    resume, passed = path.resume(at.setup), False
    for step in path.path(at.setup):
        word = "current" if step.slug == at.slug else "coming" if passed or not step.done(at.setup) else "done"
        may = not passed and step.slug != at.slug
        found.append((title_of(step.slug), at.address(step.slug) if may else None, word))
        passed = passed or step.slug == resume
    return found


def title_of(slug: str) -> str:
    """The steps' names. A step that is added brings its own here."""
    titles = {
        "expectations": _("Before you start"),
        "apps": _("Apps"),
        "connect": _("Connect"),
        "package": _("Salesforce package"),
        "migrate": _("Migrate"),
        "configuration": _("Configuration"),
        "contacts": _("Contacts"),
        "properties": _("Objects and properties"),
        "values": _("Values of lists"),
        "pipelines": _("Pipelines"),
        "choices": _("More choices"),
        "owners": _("Owners"),
        "review": _("Review"),
    }
    return titles[slug]
