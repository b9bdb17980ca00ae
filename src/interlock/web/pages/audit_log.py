"""The audit log: what people, tokens and commands did, and whether the chain is whole."""

from __future__ import annotations

from starlette.responses import Response

from interlock.app.people import audit_log
from interlock.web.access import Asked


async def show(asked: Asked) -> Response:
    text = asked.request.query_params.get("before", "")
    before = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
    return asked.page("audit_log.html", log=await audit_log.read(asked.site.store, before))
