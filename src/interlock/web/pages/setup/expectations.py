"""The step before the start: what is needed, what it costs, what is written. Nothing to fill in but
whether to migrate.

Before anybody has signed in it says what to have; afterwards what the CRMs themselves say stands beside it.
"""

from __future__ import annotations

from starlette.responses import Response

from interlock.app.setup import expectations
from interlock.app.setup.expectations import Values, slug
from interlock.app.setup.findings import findings_of
from interlock.web import forms
from interlock.web.pages.setup.frame import At, Page


async def show(at: At, form: forms.Shown) -> Response:
    kept = {"migrate": "yes" if expectations.migrates(at.setup) else ""}
    return at.page(
        "setup/expectations.html", forms.Shown(form.values or kept, form.refused), findings=findings_of(at.setup)
    )


async def send(at: At) -> Response:
    ticked = at.asked.field("migrate") == "yes"
    await at.save(Values(read=True, migrate=expectations.answer(at.setup, ticked)))
    return at.go()


PAGE = Page(slug, show, send)
