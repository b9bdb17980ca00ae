"""Reading what a request brings, no more of it than is allowed and for no longer than is decent. Knows no page."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from interlock.web.texts import _

# For the whole of it: whoever sends a byte a second holds a connection, and with enough of them every one.
BODY_WAIT_S = 30.0


async def read_body(request: Request, most_bytes: int, too_long: str) -> bytes:
    """Raises HTTPException: 413 with `too_long`, 408, or 400 for one that was broken off."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise HTTPException(413, too_long)
    except TimeoutError as error:
        raise HTTPException(408, _("The request did not come to its end in time.")) from error
    except ClientDisconnect as error:
        raise HTTPException(400, _("The request was broken off.")) from error
    return bytes(body)
