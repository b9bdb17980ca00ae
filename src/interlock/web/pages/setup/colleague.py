"""What a colleague sees by a link: one side's sign-in, for Salesforce also the package. No account, no data, no navigation."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import RedirectResponse, Response

from interlock.app import sign_in
from interlock.app.setup import colleagues, connect, path
from interlock.app.setup.colleagues import LinkOver
from interlock.core.model import Side
from interlock.web import cookies, forms
from interlock.web.access import Asked, Handler
from interlock.web.pages.setup import connect as connect_page
from interlock.web.pages.setup.frame import At, Page, Send, sent
from interlock.web.texts import _

# Of the wizard's steps, those that are a side's own.
STEPS = {Side.HUBSPOT: ("connect",), Side.SALESFORCE: ("connect", "package")}


async def _opened(asked: Asked, slug: str) -> At | Response:
    token = asked.request.path_params["token"]
    browser = cookies.read(asked.request, sign_in.COOKIE)
    try:
        found = await colleagues.opened(asked.site.store, token, browser)
    except LinkOver as error:
        return asked.page("message.html", 404, title=_("This link works no more"), text=forms.said(error.failure))
    if slug not in STEPS[Side(found.link.side)]:
        text = _("Your link is for the other part of the set-up.")
        return asked.page("message.html", 404, title=_("There is no such page"), text=text)
    at = At(asked, found.setup, slug, True, link=found.link, token=token)
    if slug == "package" and not _has_package(at, Side(found.link.side)):
        # Its turn is after the sign-in, which somebody may have ended meanwhile.
        return RedirectResponse(at.address(connect.slug), 303)
    return at


async def show(at: At, form: forms.Shown) -> Response:
    assert at.link is not None
    side = Side(at.link.side)
    opened = await colleagues.opened(at.store, at.token, cookies.read(at.asked.request, sign_in.COOKIE))
    return await connect_page.shown(
        at,
        form,
        "setup/colleague.html",
        side=side.value,
        name="HubSpot" if side is Side.HUBSPOT else "Salesforce",
        asked_by=opened.asked_by,
        package=at.address("package") if _has_package(at, side) else None,
    )


def _has_package(at: At, side: Side) -> bool:
    in_path = "package" in {step.slug for step in path.path(at.setup)}
    return in_path and "package" in STEPS[side] and connect.values_of(at.setup).salesforce is not None


async def done(at: At) -> Response:
    assert at.link is not None
    await colleagues.done(at.store, at.by, at.link)
    text = _("Your part is done. You can close this page; the link works no more.")
    return at.asked.page("message.html", title=_("Thank you"), text=text)


PAGE = Page(connect.slug, show, done, more=(("sign-in", connect_page.sign_in_to),))


# Who was asked by a link asks nobody else by one.
_NOT_THEIRS = ("ask", "take-back")


def addresses(others: tuple[Page, ...]) -> Iterator[tuple[str, str, Handler]]:
    """(method, path, handler), open to everybody. `others`: the wizard's pages, of which a colleague may see STEPS."""
    yield "GET", "/colleague/{token}", _shows(PAGE)
    yield "POST", "/colleague/{token}/connect", _sends(PAGE, PAGE.send)
    for name, send in PAGE.more:
        yield "POST", f"/colleague/{{token}}/connect/{name}", _sends(PAGE, send)
    for page in others:
        if page.slug == PAGE.slug or page.slug not in STEPS[Side.SALESFORCE]:
            continue
        yield "GET", f"/colleague/{{token}}/{page.slug}", _shows(page)
        yield "POST", f"/colleague/{{token}}/{page.slug}", _sends(page, page.send)
        for name, send in page.more:
            if name not in _NOT_THEIRS:
                yield "POST", f"/colleague/{{token}}/{page.slug}/{name}", _sends(page, send)


def _shows(page: Page) -> Handler:
    async def handler(asked: Asked) -> Response:
        at = await _opened(asked, page.slug)
        return at if isinstance(at, Response) else await page.show(at, forms.Shown())

    return handler


def _sends(page: Page, send: Send) -> Handler:
    async def handler(asked: Asked) -> Response:
        at = await _opened(asked, page.slug)
        if isinstance(at, Response):
            return at
        return await sent(at, page, send) if page.slug == PAGE.slug else await _taken_up(at, page, send)

    return handler


async def _taken_up(at: At, page: Page, send: Send) -> Response:
    """From the first thing that is done by it on, the link is this browser's; a sign-in sees to that itself."""
    assert at.link is not None
    browser = cookies.read(at.asked.request, sign_in.COOKIE)
    kept = await colleagues.take_up(at.store, at.link, browser)
    response = await sent(at, page, send)
    if kept != browser:
        cookies.write(response, sign_in.COOKIE, kept)
    return response
