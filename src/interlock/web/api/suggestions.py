"""Suggestions: list, look for them, accept or refuse one."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from interlock.app.identity import review
from interlock.web import suggesting
from interlock.web.api.called import Called
from interlock.web.api.shapes import Limit, Text

Compared = Literal["contacts", "companies"]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    state: Literal["open", "accepted", "refused"] = "open"
    object: Compared | None = None
    offset: Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="`next_offset` of the page before.")] = 0
    limit: Limit = 100


class Looking(msgspec.Struct, forbid_unknown_fields=True):
    objects: Annotated[
        list[Compared], msgspec.Meta(max_length=10, description="None of them named: every one that syncs.")
    ] = []


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    suggestion: Annotated[Text, msgspec.Meta(description="As the list names it.")]
    decision: Literal["accept", "refuse"]


async def list_(called: Called) -> Response:
    asked = called.query(Listing)
    found = await review.list_(
        called.site.store, await called.connection_id(), asked.state, asked.object, asked.offset, asked.limit
    )
    return called.answer("suggestions", review.list_document(found))


async def look(called: Called) -> Response:
    wanted, chosen = called.body(Looking), await called.connection()
    on = suggesting.objects_of(chosen)
    named: list[str] = list(wanted.objects) or on
    return called.begun(await suggesting.begin(called.site, chosen, [slug for slug in on if slug in named], called.by))


async def decide(called: Called) -> Response:
    wanted, site = called.body(Decision), called.site
    said = await review.decide(
        site.store, await called.connection_id(), wanted.suggestion, wanted.decision, site.clock_us(), called.by
    )
    return called.answer("suggestions-decide", {"suggestion": said})
