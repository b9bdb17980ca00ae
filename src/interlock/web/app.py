"""The pages: for now a status page and a health check. Reads the store only, calls no CRM, changes nothing.

There is no sign-in yet, so the status page is shown to this machine alone: a request from elsewhere, or one that names
another host (a rebound DNS name, a proxy), gets the health check and nothing more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlock import __version__
from interlock.app import connections
from interlock.app import status as use_case
from interlock.app.times import rfc3339
from interlock.store import Store, StoreError
from interlock.web.texts import _, translations

_HERE = Path(__file__).parent
_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}

SECURITY_HEADERS = {
    # Nothing is loaded but our own style sheet; nothing may frame the page, and it sends nothing anywhere.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def make_app(store: Store, clock_us: Callable[[], int]) -> Starlette:
    pages = _Pages(store, clock_us)
    return Starlette(
        routes=[
            Route("/", pages.status),
            Route("/health", pages.health),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ],
        middleware=[Middleware(_Secured)],
        exception_handlers={HTTPException: pages.refused, StoreError: pages.no_store, Exception: pages.failed},
    )


class _Pages:
    def __init__(self, store: Store, clock_us: Callable[[], int]) -> None:
        self._store = store
        self._clock_us = clock_us
        self._templates = Environment(
            loader=PackageLoader("interlock.web"),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.install_gettext_translations(translations(), newstyle=True)  # type: ignore[attr-defined]
        self._templates.filters["moment"] = moment

    async def status(self, request: Request) -> Response:
        if not _is_local(request):
            raise HTTPException(403, _("This page has no sign-in yet, so it is shown on the machine itself only."))
        now_us = self._clock_us()
        found = await connections.all_(self._store, None)
        results = await use_case.status(self._store, found, now_us)
        worker = await use_case.worker(self._store, now_us)
        return self._page(
            "status.html",
            results=[(each.document, each.verdict(), each.mood()) for each in results],
            worker=worker,
            at=rfc3339(now_us),
        )

    async def health(self, request: Request) -> Response:
        """200 while this process answers and its database can be read, else 503. Tells nothing about anybody's data."""
        try:
            worker = await use_case.worker(self._store, self._clock_us())
        except StoreError as error:
            return JSONResponse({"status": "store_unavailable", "code": error.code}, 503)
        return JSONResponse({"status": "ok", "version": __version__, "worker": worker})

    async def refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title = _("There is no such page") if error.status_code == 404 else _("Not here")
        text = error.detail if error.status_code == 403 else _("The status is at /, the health check at /health.")
        return self._page("message.html", error.status_code, title=title, text=text)

    async def no_store(self, request: Request, error: Exception) -> Response:
        return self._page(
            "message.html", 503, title=_("The database cannot be read"), text=f"{error} {_('Load the page again.')}"
        )

    async def failed(self, request: Request, error: Exception) -> Response:
        """What went wrong is in the log (the server writes it); a page shows nothing of the inside."""
        text = _("This is a defect of Interlock. The log of `interlock serve` holds the report.")
        return self._page("message.html", 500, title=_("Something broke"), text=text)

    def _page(self, template: str, status_code: int = 200, **values: object) -> Response:
        values.setdefault("at", rfc3339(self._clock_us()))
        return HTMLResponse(self._templates.get_template(template).render(version=__version__, **values), status_code)


def moment(text: str | None) -> str:
    """`2026-03-12 07:33:46 UTC`. Without scripts the viewer's zone is not known, so it is named."""
    return f"{text[:10]} {text[11:19]} UTC" if text else _("never")


def _is_local(request: Request) -> bool:
    client = request.client.host if request.client is not None else ""
    try:
        near = ipaddress.ip_address(client).is_loopback
    except ValueError:
        near = False
    return near and (request.url.hostname or "") in _LOCAL_NAMES and "x-forwarded-for" not in request.headers


class _Secured:
    """Puts the security headers on every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = Headers(raw=message["headers"])
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in SECURITY_HEADERS.items()
                        if name not in present
                    ),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)
