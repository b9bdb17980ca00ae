"""The security headers, put on every answer, errors included. The page about a defect is made outside of every middleware
(Starlette, ServerErrorMiddleware), so whoever makes it puts them on by `headers_for`."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlock.web import cookies

SECURITY_HEADERS = {
    # Nothing is loaded but our own files, and nothing in a page is a script or a style; the style sheet has two pictures in it
    # (data:). Nothing may frame the page, and its forms go nowhere but here.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# A year (OWASP ASVS 5.0, 3.4.1); only where browsers reach us by https.
_HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


def headers_for(https: bool) -> dict[str, str]:
    return {**SECURITY_HEADERS, **(_HTTPS_ONLY if https else {})}


class Secured:
    """ASGI middleware. A header that a page has set itself stays. `https`: as the process was told; that a request came by https
    makes the cookies of https as well, but binds nobody to it for a year."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self._app = app
        self._https = https
        self._headers = headers_for(https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cookies.over_https.set(self._https or scope.get("scheme") == "https")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = Headers(raw=message["headers"])
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in self._headers.items()
                        if name not in present
                    ),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)
