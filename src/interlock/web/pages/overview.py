"""The tab Overview: how a connection is, with its reason and what to do, each object, and what needs attention. Also live."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from interlock.app import status as use_case
from interlock.app.people import signing_in
from interlock.app.people.roles import Action
from interlock.app.status import ConnectionStatus, Json
from interlock.store.connections import Connection
from interlock.web import settings
from interlock.web.access import Asked
from interlock.web.live import TooMany
from interlock.web.said import told
from interlock.web.texts import _

TAB = "overview"
RETRY_AFTER_S = 30


class Attention(msgspec.Struct, frozen=True):
    """`address` None: there is nothing to open."""

    text: str
    address: str | None


async def show(asked: Asked) -> Response:
    connection = await settings.connection_of(asked)
    site = asked.site
    (found,) = await use_case.status(site.store, [connection], site.clock_us())
    worker = await use_case.worker(site.store, site.clock_us())
    return settings.shown(asked, connection, TAB, "overview.html", **_values(connection, found, worker))


async def live(asked: Asked) -> Response:
    """Server-sent events for as long as the page is open and its session lasts."""
    connection = await settings.connection_of(asked)
    site, session = asked.site, asked.session
    assert connection.id is not None
    assert session is not None

    def shown(found: ConnectionStatus) -> str:
        worker = {"running": found.worker_running}
        at_address = f"/connections/{connection.id}"
        return site.part("overview_live.html", at_address=at_address, **_values(connection, found, worker))

    async def still_allowed() -> bool:
        visitor = await signing_in.still(site.store, session)
        return visitor is not None and visitor.may(Action.SEE)

    events = site.live.stream(connection.id, shown, still_allowed)
    try:
        first = await anext(events)
    except TooMany:
        text = _("Too many pages are open. Load this one again to see what is new.")
        return PlainTextResponse(text, 503, {"Retry-After": str(RETRY_AFTER_S)})

    async def all_events() -> AsyncIterator[bytes]:
        try:
            yield first
            async for event in events:
                yield event
        finally:
            await events.aclose()  # type: ignore[attr-defined]

    # A proxy that gathers what it passes on would turn live into late.
    return StreamingResponse(all_events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _values(connection: Connection, found: ConnectionStatus, worker: Json) -> Json:
    at = f"/connections/{connection.id}"
    document = found.document
    attention = [_attention(at, action) for action in document["next_actions"]]
    if use_case.will_not_last(document["api"]["salesforce"]):
        attention.append(
            Attention(_("At this pace the allocated Salesforce calls will not last the day."), f"{at}/health#api")
        )
    return {
        "status": document,
        "verdict": found.verdict(),
        "mood": found.mood(),
        "attention": attention,
        "worker": worker,
    }


def _attention(at: str, action: Json) -> Attention:
    """Where a person goes for what a command would be typed for on a terminal."""
    places = {
        "interlock resume": f"{at}/health#suspension",
        "interlock issues": f"{at}/health#issues",
        "interlock doctor": f"{at}/health",
        "interlock conflicts": f"{at}/conflicts",
        "interlock serve": "/setup",
    }
    command = action["command"]
    if command.startswith("interlock issues --object "):
        return Attention(told(action["text"]), f"{at}/issues?object={command.rpartition(' ')[2]}")
    return Attention(told(action["text"]), places.get(command))
