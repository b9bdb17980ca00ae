"""The pages as one application: the table of addresses, the files that pages load, the headers, what is shown when something fails.

Everything but the health check, signing in and one-time links is behind the sign-in, on the machine itself too.
"""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, compile_path

from interlock.app.errors import AppError, Missing
from interlock.app.notify import manage as notify
from interlock.app.people import signing_in
from interlock.app.people.passwords import Passwords
from interlock.crm.errors import CrmError
from interlock.store import StoreError
from interlock.web import cookies, forms
from interlock.web.address import API
from interlock.web.api import failures
from interlock.web.headers import Secured, headers_for
from interlock.web.routes import ADDRESSES, routes, shown
from interlock.web.said import told
from interlock.web.site import Site
from interlock.web.speaking import Speaking
from interlock.web.static_files import ADDRESS as STATIC
from interlock.web.texts import _
from interlock.web.whence import OnlyFrom, refusal, whence
from interlock.wiring import Interlock


def make_app(interlock: Interlock, public_url: str, passwords: Passwords | None = None) -> Starlette:
    """`public_url`: the address by which browsers reach it; https there makes the cookies and headers of https."""
    site = Site(interlock, public_url, passwords or Passwords())
    failing = _Failing(site)
    app = Starlette(
        routes=[*routes(site), Mount(STATIC, routes=[Route("/{name:path}", site.files.serve)])],
        middleware=[
            Middleware(Secured, https=site.https),
            Middleware(Speaking, programs=API),
            Middleware(OnlyFrom, whence=site.whence, refuse=failing.from_elsewhere),
        ],
        exception_handlers={
            HTTPException: failing.refused,
            AppError: failing.said_no,
            StoreError: failing.no_store,
            CrmError: failing.crm,
            Exception: failing.failed,
        },
    )
    # For whoever serves: streams are ended before the server waits for its connections.
    app.state.live = site.live
    # An address is in the table or it is not; a redirect to a guess would be made from whatever host the request names.
    app.router.redirect_slashes = False
    app.state.site = site
    return app


class _Failing:
    """What a person gets is a page, what a program gets a document like `interlock.error/1`; the same in other words."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def from_elsewhere(self, request: Request) -> Response:
        """Who comes from where nobody is to come from is refused, also while nothing can be written of it."""
        with contextlib.suppress(StoreError):
            await self._site.denials.address(shown(str(request.scope["path"])), whence(request))
        return await self.refused(request, refusal(request))

    async def refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if _is_api(request):
            return failures.of_http(error, self._site.clock_us())
        if error.status_code == 404:
            title, text = (
                _("There is no such page"),
                _("Nothing is at this address. Programs find the health check at /health."),
            )
        elif error.status_code == 405:
            title, text = _("Not here"), _("Nothing is at this address. Programs find the health check at /health.")
        else:
            title, text = _("Not taken"), error.detail
        response = await self._page(request, error.status_code, title, text)
        response.headers.update(error.headers or {})
        return response

    async def said_no(self, request: Request, error: Exception) -> Response:
        """What a use case refused, where a page has no form to say it at."""
        assert isinstance(error, AppError)
        if _is_api(request):
            return failures.of_error(error, self._site.clock_us())
        failure = error.failure
        title = _("There is no such thing") if isinstance(error, Missing) else _("Not done")
        response = await self._page(request, failures.status_of(error), title, forms.said(failure))
        response.headers.update(forms.headers_of(error))
        return response

    async def no_store(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, StoreError)
        if _is_api(request):
            return failures.of_error(error, self._site.clock_us())
        text = f"{told(str(error))} {_('Load the page again.')}"
        return await self._page(request, 503, _("The database cannot be read"), text)

    async def crm(self, request: Request, error: Exception) -> Response:
        """What a CRM refused, or that it did not answer, where a page has no place to say it at."""
        assert isinstance(error, CrmError)
        if _is_api(request):
            return failures.of_error(error, self._site.clock_us())
        response = await self._page(
            request, failures.status_of(error), _("Not done"), told(f"{error.message} {error.fix}".strip())
        )
        response.headers.update(failures.headers_of(error))
        return response

    async def failed(self, request: Request, error: Exception) -> Response:
        """What went wrong is in the log (the server writes it); a page shows nothing of the inside."""
        if _is_api(request):
            response = failures.of_error(error, self._site.clock_us())
        else:
            text = _("This is a defect of Interlock. The log of `interlock serve` holds the report.")
            response = await self._page(request, 500, _("Something broke"), text)
        response.headers.update(headers_for(self._site.https))
        return response

    async def _page(self, request: Request, status_code: int, title: str, text: str) -> Response:
        return self._site.render(
            "message.html",
            status_code,
            title=title,
            text=text,
            again=_again(request, status_code),
            back=_back(request),
            path=request.scope["path"],
            **await self._visitor(request),
        )

    async def _visitor(self, request: Request) -> dict[str, Any]:
        """Whose page it is, for the way on from it, as far as that can be told while something is broken. Nobody's where nobody is
        to ask from: a session that was stolen is worth nothing there, at the health check too."""
        if not self._site.whence.allows(whence(request), by_api=False):
            return {}
        session = cookies.read(request, cookies.SESSION)
        try:
            visitor = None if session is None else await signing_in.still(self._site.store, session)
            if session is None or visitor is None:
                return {}
            bell = 0 if visitor.person_id is None else await notify.unread(self._site.store, visitor.person_id)
        except StoreError:
            return {}
        return {"visitor": visitor, "sign_out_csrf": cookies.form_token(session), "bell": bell}


def _is_api(request: Request) -> bool:
    # Not of `request.url`, which is made with the host that was sent, and cannot be with every one.
    return str(request.scope["path"]).startswith(API)


def _again(request: Request, status_code: int) -> str:
    """The same address, where asking once more may help; else nothing."""
    path = str(request.scope["path"])
    if request.method != "GET" or not (status_code in (409, 412, 422, 429) or status_code >= 500) or not _is_page(path):
        return ""
    query = request.scope["query_string"].decode("ascii", "replace")
    return quote(path) + (f"?{query}" if query else "")


def _back(request: Request) -> str:
    """The page that a form was sent from, or above the one that was asked for: the nearest one in its address. Else nothing."""
    path = str(request.scope["path"])
    if request.method == "GET":
        path = path.rpartition("/")[0]
    while path and not _is_page(path):
        path = path.rpartition("/")[0]
    return quote(path)


# Not those that are open to everybody: their addresses hold what lets somebody in, which is never said back.
_PAGES = [compile_path(each.path)[0] for each in ADDRESSES if each.method == "GET" and each.need is not None]


def _is_page(path: str) -> bool:
    return any(each.match(path) for each in _PAGES)
