"""A file that is made piece by piece while it is sent, for the pages and the JSON API."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse


def download(pieces: AsyncIterator[str] | AsyncIterator[bytes], media_type: str, name: str) -> Response:
    """`name` is made of our own words, which need no quoting."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=media_type, headers=headers)
