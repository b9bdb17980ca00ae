"""The status page and the health check. Reads the store only, calls no CRM, changes nothing."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from interlock import __version__
from interlock.app import connections
from interlock.app import status as use_case
from interlock.store import StoreError
from interlock.web.access import Asked


async def show(asked: Asked) -> Response:
    site, now_us = asked.site, asked.site.clock_us()
    found = await connections.all_(site.store, None)
    results = await use_case.status(site.store, found, now_us)
    worker = await use_case.worker(site.store, now_us)
    return asked.page(
        "status.html",
        results=[(each.document, each.verdict(), each.mood()) for each in results],
        worker=worker,
        left=asked.request.query_params.get("done", ""),
    )


async def health(asked: Asked) -> Response:
    """200 while this process answers and its database can be read, else 503. Tells nothing about anybody's data."""
    site = asked.site
    try:
        worker = await use_case.worker(site.store, site.clock_us())
    except StoreError as error:
        return JSONResponse({"status": "store_unavailable", "code": error.code}, 503)
    return JSONResponse({"status": "ok", "version": __version__, "worker": worker})
