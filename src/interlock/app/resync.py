"""Resync of many: every record of an object, or the members of a HubSpot list, whether or not anything of them changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from interlock.app import once
from interlock.app.connections import check_objects
from interlock.app.errors import BadInput
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.preview import Planned, plan_resync
from interlock.app.serve import OpenClients
from interlock.app.what_syncs import check_list
from interlock.engine import resync as engine
from interlock.engine.resync import Asked
from interlock.store import Store, schedule
from interlock.store.connections import Connection

# As HubSpot shows a list: .../contacts/4711/objectLists/12, .../lists/12/filters
_IN_ADDRESS = re.compile(r"[Ll]ists/(\d+)")


def list_id_of(text: str) -> str:
    """Of what a person typed: the number of a list, or its address in HubSpot. Raises BadInput."""
    text = text.strip()
    found = _IN_ADDRESS.search(text)
    if found is None and not (text.isascii() and text.isdigit()):
        raise BadInput(
            f"{text!r} names no HubSpot list.",
            code="no_list_named",
            field="list_id",
            fix="Give the number of the list, or its address in HubSpot.",
        )
    return found[1] if found is not None else text


async def check(
    connection: Connection, objects: Sequence[str] | None, list_id: str | None, open_clients: OpenClients
) -> list[str]:
    """The objects that it is about. Raises BadInput, Missing for a list that is not there, Stopped, SignedOut, CrmError."""
    slugs = once.check_runs(connection, check_objects(objects))
    if list_id is None:
        return slugs
    if not objects or len(slugs) != 1:
        raise BadInput(
            "A list holds records of one object.",
            code="one_object_wanted",
            field="objects",
            fix="Name the one object whose list it is, and no other.",
        )
    async with open_clients(connection) as clients:
        await check_list(clients.hubspot, slugs[0], list_id)
    return slugs


async def ask(
    store: Store, connection: Connection, slugs: Sequence[str], list_id: str | None, by: By = BY_COMMAND
) -> None:
    """Let whoever drains the connection next look at all of them again."""
    async with store.write(connection.id) as tx:
        for slug in slugs:
            await engine.ask(tx, slug, list_id)
        await schedule.ring(tx)
        subject = f"connection:{connection.id}"
        await record(tx, by, "resync_asked", subject, objects=list(slugs), list_id=list_id)


async def under_way(store: Store, connection_id: int, slug: str) -> Asked | None:
    """What was asked for and is not done."""
    async with store.read(connection_id) as tx:
        return (await engine.asked(tx)).get(slug)


async def plan(
    store: Store,
    connection: Connection,
    open_clients: OpenClients,
    clock_us: Callable[[], int],
    slugs: Sequence[str],
    list_id: str | None,
) -> Planned:
    """What it would do. Raises CrmError."""
    async with open_clients(connection) as clients:
        return await plan_resync(
            store, connection, clients.hubspot, clients.salesforce, clock_us, only=slugs, list_id=list_id
        )
