"""/settings/progress: how the finish of a set-up goes, then the first sync, object by object. Live by server-sent events.

The stream sends the part of the page that changes, whole, every two seconds, and ends when there is nothing more to wait for.
Where it ends before, with the session that opened it for one, it says why. Without script the page has a link. It reads the store
only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import RedirectResponse, Response, StreamingResponse

from interlock.app import connections, status
from interlock.app.errors import Missing
from interlock.app.people import signing_in
from interlock.app.people.roles import Action
from interlock.app.setup import connecting, finish, review, state
from interlock.app.setup.finish import Run
from interlock.app.setup.review import Seen
from interlock.web import forms
from interlock.web.access import Asked
from interlock.web.live import event
from interlock.web.pages.setup.object_texts import object_names
from interlock.web.texts import _

EVERY_S = 2.0
# Five minutes: then the browser asks again by itself (HTML, server-sent events).
EVENTS_MOST = 150


async def show(asked: Asked) -> Response:
    return await page(asked, asked.request.query_params.get("setup", ""))


async def page(asked: Asked, setup: str, form: forms.Shown | None = None, status_code: int = 200) -> Response:
    """`setup`: whose finish, as it was named; empty: the newest connection."""
    part = await _part(asked, setup, form)
    if part is None:
        return RedirectResponse("/", 303)
    return asked.page("progress.html", status_code, **part)


async def events(asked: Asked) -> Response:
    """`event: progress`, its data the HTML of the part; `over`, its data why no more comes; `end` when all is said."""

    setup = asked.request.query_params.get("setup", "")

    async def stream() -> AsyncIterator[bytes]:
        for _n in range(EVENTS_MOST):
            visitor = None if asked.session is None else await signing_in.still(asked.site.store, asked.session)
            if visitor is None or not visitor.may(Action.SEE):
                yield event("over", _("You are signed out, so this page stands still. Load it again to sign in."))
                yield event("end", "")
                return
            try:
                part = await _part(asked, setup)
            except Missing:  # the set-up was given up
                part = None
            if part is None:
                yield event("over", _("What this page shows is not there any more. Load it again."))
                yield event("end", "")
                return
            body = bytes(asked.page("progress_part.html", **part).body).decode()
            yield event("progress", body)
            if not part["live"]:
                yield event("end", "")
                return
            await asyncio.sleep(EVERY_S)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _part(asked: Asked, named: str, form: forms.Shown | None = None) -> dict[str, Any] | None:
    """None: no set-up or connection is meant."""
    site = asked.site
    run: Run | None = None
    rest: Seen | None = None
    found = await connections.all_(site.store, None)
    if named.isascii() and named.isdecimal() and len(named) < 16:
        setup = await state.load(site.store, int(named))
        run = await finish.standing(site.interlock, setup.id)
        if run is not None and run.state == "tried":
            rest = await review.counted(site.interlock, setup.id)
        own = await connecting.connection_of(site.interlock, setup)
        found = [] if own is None else [own]
    if not found:
        return None
    [result] = await status.status(site.store, found[-1:], site.clock_us())
    document = result.document
    works = (run is not None and run.state == "running") or (rest is not None and rest.state == "running")
    return {
        "run": run,
        "rest": rest,
        "many": review.MANY_CREATES,
        "form": form or forms.Shown(),
        "steps": _steps(),
        "begun": result.begun,
        "verdict": result.verdict(),
        "mood": result.mood(),
        "connection": document["connection"],
        "objects": [(name, document["objects"][slug]) for slug, name in object_names().items()],
        "api": document["api"],
        "live": works or document["connection"]["state"] == "first_sync",
        "setup_id": named,
    }


def _steps() -> list[tuple[str, str]]:
    return [
        ("properties", _("Making the missing properties in HubSpot")),
        ("pipelines", _("Making pipelines and stages of deals, where that was chosen")),
        ("mappings", _("Saving the mappings")),
        ("permissions", _("Letting the sync user see the mapped fields")),
        ("try", _("Trying with some records, where that was chosen")),
        ("begin", _("Beginning to sync")),
    ]
