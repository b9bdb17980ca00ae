"""Signing in to both sides, and who the sync runs as."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app.setup.connect import slug
from interlock.web import forms
from interlock.web.pages.setup.frame import At, Page


async def show(at: At, form: forms.Shown) -> Response:
    return at.page("setup/connect.html", form)


async def send(at: At) -> Response:
    return at.go()


PAGE = Page(slug, show, send)
