"""Signing in to both sides, choosing who the sync runs as, asking a colleague.

A sign-in leads away and back: with script in a window of its own, else in the same tab. The form is answered by a page of ours that
goes on to the CRM by itself, not by a redirect: the browser holds every redirect that follows a form against `form-action`, and a
log-in page may lead on to an identity provider that nobody here knows.
"""

from __future__ import annotations

import contextlib

from starlette.responses import RedirectResponse, Response

from interlock.app import sign_in
from interlock.app.errors import AppError, BadInput
from interlock.app.setup import apps, colleagues, connect, findings, signing_in, state
from interlock.app.setup.connect import slug
from interlock.core.model import Side
from interlock.crm.errors import CrmError
from interlock.web import cookies, forms
from interlock.web.access import Asked
from interlock.web.pages.setup.frame import At, Page
from interlock.web.texts import _

WINDOW = "window"
# The page that opens a window must not be cut off from it, nor the window from the page (COOP): else nobody knows that it closed.
OPENS = {"Cross-Origin-Opener-Policy": "same-origin-allow-popups"}
OPENED = {"Cross-Origin-Opener-Policy": "unsafe-none"}


def pressed_cookie(side: Side) -> str:
    """Which button of which set-up a browser pressed, to say there what came of it: set-up, part, window or tab, a colleague's
    token. One for each side: both may be on their way at once."""
    return f"interlock_sign_in_from_{side.value}"


async def show(at: At, form: forms.Shown) -> Response:
    return await shown(at, form, "setup/connect.html")


async def shown(at: At, form: forms.Shown, template: str, **more: object) -> Response:
    """Also a colleague's page, with its own template."""
    values, query = connect.values_of(at.setup), at.asked.request.query_params
    # What is typed beside the buttons, or was the last time.
    kept = {"my_domain": values.my_domain, "sandbox": "yes" if values.sandbox else ""}
    form = forms.Shown(form.values if form.refused else kept, form.refused)
    refused, stood, closed = dict(values.refused), _stood(values), query.get("closed", "")
    # Nobody has come in by that window: who stood there then does so now.
    if closed in signing_in.PARTS and stood[closed] == query.get("stood", "") and closed not in refused:
        refused[closed] = _(
            "The sign-in window was closed, or has lost touch with this page. If it is still open, finish there; else start again."
        )
    response = at.page(
        template,
        form,
        values=values,
        stood=stood,
        windows=_in_windows(at),
        refused=refused,
        findings=findings.findings_of(at.setup),
        waiting=await colleagues.waiting(at.store, at.setup.id),
        ready=connect.done(at.setup),
        **more,
    )
    response.headers.update(OPENS)
    return response


def _stood(values: connect.Values) -> dict[str, str]:
    """{part: which sign-in it is}, empty where there is none."""
    signed_in: dict[str, connect.SignedIn | None] = {part: getattr(values, part) for part in signing_in.PARTS}
    return {part: "" if each is None else str(each.grant or "key") for part, each in signed_in.items()}


def _in_windows(at: At) -> set[str]:
    """Parts that a browser leaves for the CRM. With a key it goes nowhere."""
    entered = apps.values_of(at.setup)
    return {part for part, side in signing_in.PARTS.items() if entered.way(side) in apps.WITH_APP}


async def send(at: At) -> Response:
    if at.asked.field("go") == "next" and not connect.done(at.setup):
        raise BadInput(
            _("Both sides have to be signed in to."),
            code="sign_in_missing",
            fix=_("Sign in to the one that is missing, or ask a colleague."),
        )
    return at.go()


async def sign_in_to(at: At) -> Response:
    """One of the buttons *Sign in to ...*, *Not you? ...*, *Choose the sync user*."""
    part = at.asked.field("part")
    if part not in signing_in.PARTS or (at.link is not None and part != at.link.side):
        raise BadInput(_("This page has no such sign-in."), fix=_("Load the page again."))
    side = signing_in.PARTS[part]
    choice = signing_in.Choice(
        sandbox=at.asked.field("sandbox") == "yes",
        my_domain=at.asked.field("my_domain"),
        as_somebody_else=at.asked.field("again") == "yes",
    )
    in_window = at.asked.field("window") == "yes"
    try:
        if part in _in_windows(at):
            return await _left(at, part, choice, WINDOW if in_window else "tab")
        await _with_key(at, side, choice)
    except (AppError, CrmError) as error:
        if not in_window:
            raise
        # Not in the window, which has no room for it and is closed next.
        with contextlib.suppress(AppError):
            await signing_in.keep_refusal(at.store, at.by, at.setup.id, part, error)
        return came_back(at.asked, str(error))
    return came_back(at.asked, None) if in_window else RedirectResponse(at.address(slug), 303)


async def _left(at: At, part: str, choice: signing_in.Choice, window: str) -> Response:
    side = signing_in.PARTS[part]
    browser = cookies.read(at.asked.request, sign_in.COOKIE)
    if at.link is not None:
        browser = await colleagues.take_up(at.store, at.link, browser)
    async with at.interlock.crms() as crms:
        begun = await signing_in.begin(at.store, crms, at.by, at.setup.id, part, choice, browser)
    name = "HubSpot" if side is Side.HUBSPOT else "Salesforce"
    response = at.asked.page("setup/leaving.html", address=begun.address, name=name)
    response.headers["Refresh"] = f"0; url={begun.address}"
    if window == WINDOW:
        response.headers.update(OPENED)
    cookies.write(response, sign_in.COOKIE, begun.browser)
    cookies.write(response, pressed_cookie(side), f"{at.setup.id}.{part}.{window}.{at.token}")
    return response


def came_back(asked: Asked, refused: str | None) -> Response:
    """What a window ends on: the page that opened it loads itself again, and says what was kept."""
    response = asked.page("setup/came_back.html", refused=refused)
    response.headers.update(OPENED)
    return response


async def _with_key(at: At, side: Side, choice: signing_in.Choice) -> None:
    async with at.interlock.setup_clients(at.setup) as clients:
        client = clients.hubspot if side is Side.HUBSPOT else clients.salesforce
        await signing_in.with_key(at.store, at.by, at.setup, client, choice)
    if at.link is None:
        await colleagues.take_back(at.store, at.by, at.setup.id, side)
    await look_around(at)


async def look_around(at: At) -> None:
    """After a sign-in, from which it takes nothing: where the other side's key cannot be read, say, *Look again* tells why."""
    with contextlib.suppress(AppError, CrmError):
        await _look(at)


async def look_again(at: At) -> Response:
    """Somebody gave a right in a CRM, or switched the native integration off there."""
    await _look(at)
    return RedirectResponse(at.address(slug), 303)


async def _look(at: At) -> None:
    """What the sides let Interlock do, kept for the pages."""
    setup = await state.load(at.store, at.setup.id)
    async with at.interlock.setup_clients(setup) as clients:
        at.setup = await findings.look(
            at.store, at.by, setup, clients.hubspot, clients.salesforce, at.interlock.clock_us
        )


async def drop_sync_user(at: At) -> Response:
    async with at.interlock.crms() as crms:
        await signing_in.drop_sync_user(at.store, crms, at.by, at.setup.id)
    return RedirectResponse(at.address(slug), 303)


async def ask(at: At) -> Response:
    """The link is shown in the answer itself and kept nowhere: the store has its hash only."""
    side = _side(at)
    token = await colleagues.ask(at.store, at.by, at.setup.id, side)
    public_url = apps.values_of(at.setup).public_url or await at.asked.site.own_address()
    days = colleagues.LASTS_US // (24 * 3600 * 1_000_000)
    link = colleagues.address_of(public_url, token)
    name = "HubSpot" if side is Side.HUBSPOT else "Salesforce"
    back = at.address(at.slug)
    signed_in = getattr(connect.values_of(at.setup), side.value) is not None
    return at.asked.page(
        "setup/colleague_link.html", link=link, side=side.value, name=name, days=days, back=back, signed_in=signed_in
    )


async def take_back(at: At) -> Response:
    await colleagues.take_back(at.store, at.by, at.setup.id, _side(at))
    return RedirectResponse(at.address(at.slug), 303)


def _side(at: At) -> Side:
    try:
        return Side(at.asked.field("side"))
    except ValueError:
        raise BadInput(_("This page has no such side."), fix=_("Load the page again.")) from None


PAGE = Page(
    slug,
    show,
    send,
    more=(
        ("sign-in", sign_in_to),
        ("look", look_again),
        ("sync-user-none", drop_sync_user),
        ("ask", ask),
        ("take-back", take_back),
    ),
)
