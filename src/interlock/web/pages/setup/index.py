"""/setup: on to where the one set-up stands; a choice where several are under way; the start where there is none."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from interlock.app.setup import path, state
from interlock.store.setups import Setup
from interlock.web.access import Asked
from interlock.web.pages.setup.frame import NEW, At, title_of


async def show(asked: Asked) -> Response:
    found = await state.under_way(asked.site.store)
    if len(found) < 2:
        setup = found[0] if found else Setup()
        slug = path.resume(setup)
        return RedirectResponse(At(asked, setup, slug, True).address(slug), 303)
    rows = []
    for setup in found:
        slug = path.resume(setup)
        rows.append((setup, title_of(slug), At(asked, setup, slug, False).address(slug)))
    return asked.page("setup/several.html", rows=rows, new=f"/setup/{path.STEPS[0].slug}?setup={NEW}")
