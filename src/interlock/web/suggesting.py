"""Looking for suggestions, behind the pages and the JSON API: a job, since records are read for it."""

from __future__ import annotations

from functools import partial
from typing import Any

from interlock.app.documents import with_head
from interlock.app.identity import suggest
from interlock.app.identity.reading import COMPARED
from interlock.app.jobs import Job
from interlock.app.once import chosen_objects
from interlock.app.people.visitor import By
from interlock.store.connections import Connection
from interlock.web.site import Site

Json = dict[str, Any]
KIND = "suggestions-look"


def objects_of(connection: Connection) -> list[str]:
    """Those that sync and are compared."""
    return [slug for slug in chosen_objects(connection, None) if slug in COMPARED]


async def begin(site: Site, connection: Connection, slugs: list[str], by: By) -> Job:
    """Raises Busy."""
    return await site.jobs.begin(KIND, connection, {"objects": slugs}, partial(_look, site, connection, slugs, by))


async def _look(site: Site, connection: Connection, slugs: list[str], by: By) -> Json:
    async with site.interlock.clients(connection) as clients:
        found = await suggest.look(site.store, connection, clients.hubspot, clients.salesforce, slugs, by)
    document = {"objects": {slug: each.document() for slug, each in found.items()}}
    return with_head(document, KIND, site.clock_us())
