"""Who is told what: webhooks and mailboxes, trying one out, from how many issues on; and what was told of a connection."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from interlock.app.notify import manage
from interlock.app.times import rfc3339
from interlock.store import channels, notices
from interlock.web.api.called import Called
from interlock.web.api.shapes import Limit, Text

Json = dict[str, Any]
Event = Literal[
    "suspended",
    "stopped_by_brake",
    "signed_out",
    "held_up",
    "first_sync_done",
    "issues",
    "api_forecast",
    "daily_summary",
]
Events = Annotated[list[Event], msgspec.Meta(min_length=1, max_length=20, description="What is told there.")]


class Adding(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["webhook", "email"]
    target: Annotated[Text, msgspec.Meta(description="The webhook's https address, or an e-mail address.")]
    events: Events


class Changing(msgspec.Struct, forbid_unknown_fields=True):
    events: Events


class Counting(msgspec.Struct, forbid_unknown_fields=True):
    issues: Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="Open issues of one category.")]


class Reading(msgspec.Struct, forbid_unknown_fields=True):
    limit: Limit = 100


async def list_(called: Called) -> Response:
    places = await manage.list_(called.site.store)
    return called.answer("notifications", {"notifications": [each.document() for each in places]})


async def add(called: Called) -> Response:
    wanted, site = called.body(Adding), called.site
    secret = None
    if wanted.kind == channels.EMAIL:
        id_ = await manage.add_email(site.store, site.post, called.by, wanted.target, wanted.events)
    else:
        id_, secret = await manage.add_webhook(site.store, site.post, called.by, wanted.target, wanted.events)
    place = await manage.place(site.store, id_)
    return called.answer("notification-made", {"notification": place.document(), "secret": secret}, 201)


async def change(called: Called) -> Response:
    await manage.set_events(called.site.store, called.by, called.id, called.body(Changing).events)
    return await _one(called)


async def remove(called: Called) -> Response:
    place = await manage.place(called.site.store, called.id)
    await manage.remove(called.site.store, called.by, called.id)
    return called.answer("notification", {"notification": place.document()})


async def test(called: Called) -> Response:
    await manage.test(called.site.store, called.site.post, called.id, called.site.clock_us())
    return await _one(called)


async def _one(called: Called) -> Response:
    place = await manage.place(called.site.store, called.id)
    return called.answer("notification", {"notification": place.document()})


async def set_threshold(called: Called) -> Response:
    wanted = called.body(Counting).issues
    id_ = await called.connection_id()
    return called.answer(
        "notification-threshold",
        {"issues": await manage.set_threshold(called.site.store, called.by, id_, str(wanted))},
    )


async def told(called: Called) -> Response:
    """The newest first."""
    async with called.site.store.read(await called.connection_id()) as tx:
        found = await notices.list_(tx, None, called.query(Reading).limit)
    listed = [
        {
            "id": each.id,
            "at": rfc3339(each.at_us),
            "event": each.event,
            "title": each.title,
            "body": each.body,
            "fix": each.fix,
        }
        for each in found
    ]
    return called.answer("notices", {"notices": listed})
