"""Backfills: every linked pair takes up what is mapped now. What one would change, `plan_object` shows (objects.py)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from interlock.app import backfill
from interlock.web.api.called import Called
from interlock.web.api.objects import slug_of


class Backfilling(msgspec.Struct, forbid_unknown_fields=True):
    stop: Annotated[bool, msgspec.Meta(description="Stop the one that is under way instead.")] = False


async def show(called: Called) -> Response:
    return await _told(called, await called.connection_id(), slug_of(called))


async def begin(called: Called) -> Response:
    wanted, connection_id, slug = called.body(Backfilling), await called.connection_id(), slug_of(called)
    if wanted.stop:
        await backfill.stop(called.site.store, connection_id, slug, called.by)
    else:
        await backfill.ask(called.site.store, connection_id, slug, called.by)
    return await _told(called, connection_id, slug)


async def _told(called: Called, connection_id: int, slug: str) -> Response:
    found = await backfill.last(called.site.store, connection_id, slug)
    return called.answer("backfill-state", backfill.document(slug, found))
