"""The apps that Interlock signs in with, one for each side, and the address by which browsers come back."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app.setup.apps import slug
from interlock.web import forms
from interlock.web.pages.setup.frame import At, Page


async def show(at: At, form: forms.Shown) -> Response:
    return at.page("setup/apps.html", form)


async def send(at: At) -> Response:
    return at.go()


PAGE = Page(slug, show, send)
