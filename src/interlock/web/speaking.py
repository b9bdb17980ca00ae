"""The language of each request: what was chosen in this browser, else what the browser asks for, else English."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from interlock.web import cookies, texts


class Speaking:
    """ASGI middleware. Programs get English: what they match on must not depend on who asks."""

    def __init__(self, app: ASGIApp, programs: str) -> None:
        self._app = app
        self._programs = programs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            texts.speak(self._language(HTTPConnection(scope)))
        await self._app(scope, receive, send)

    def _language(self, asked: HTTPConnection) -> str:
        if asked.url.path.startswith(self._programs):
            return texts.ENGLISH
        chosen = asked.cookies.get(cookies.name_of(cookies.LANGUAGE), "")
        return chosen if chosen in texts.LANGUAGES else texts.preferred(asked.headers.get("accept-language", ""))
