"""A file of what is known of records, made while it is sent, for the pages and the JSON API. Who took it is noted."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from interlock.app.people import exported
from interlock.web.access import Asked


async def download(
    asked: Asked,
    connection_id: int | None,
    pieces: AsyncIterator[str] | AsyncIterator[bytes],
    media_type: str,
    name: str,
) -> Response:
    """`name` is made of our own words, which need no quoting."""
    await exported.note(asked.site.store, asked.by, connection_id, name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=media_type, headers=headers)
