"""The duplicate report behind the pages and the JSON API: a job, since all records of an object are read for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from interlock.app.documents import with_head
from interlock.app.identity import report
from interlock.app.identity.reading import COMPARED
from interlock.app.jobs import Job
from interlock.core.model import Side
from interlock.store.connections import Connection
from interlock.web.site import Site
from interlock.web.suggesting import objects_of

Json = dict[str, Any]
KIND = "duplicates"


async def begin(site: Site, connection: Connection, slugs: Sequence[str], sides: Sequence[Side]) -> Job:
    """None of them named: every object that syncs, or will once the set-up is finished. Raises Busy."""
    chosen = list(slugs) or objects_of(connection) or list(COMPARED)
    asked = {"objects": chosen, "sides": [side.value for side in sides]}
    return await site.jobs.begin(KIND, connection, asked, partial(_report, site, connection, chosen, sides))


async def _report(site: Site, connection: Connection, slugs: Sequence[str], sides: Sequence[Side]) -> Json:
    async with site.interlock.clients(connection) as clients:
        found = await report.report(site.store, connection, clients.hubspot, clients.salesforce, slugs, sides)
    return with_head(report.document(found), KIND, site.clock_us())
