"""Letting every linked pair take up the mappings that are saved: what a person asks for after a preview, and how far it is."""

from __future__ import annotations

from typing import Any

from interlock.app.connections import fresh, is_on
from interlock.app.errors import BadInput, Stale
from interlock.app.mapping_table import edition_of, rows_of
from interlock.app.people.log import record
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.app.times import rfc3339
from interlock.engine import backfill as engine
from interlock.engine.backfill import Backfill
from interlock.store import Store, schedule
from interlock.store.connections import Connection
from interlock.store.tx import Tx


def check_on(connection: Connection, slug: str) -> None:
    """Raises BadInput."""
    if not is_on(connection, slug):
        raise BadInput(f"{slug} do not sync.", code="object_off", field="object", fix="Turn their syncing on first.")


async def edition(tx: Tx, slug: str) -> str:
    """Of the mappings that it would have pairs take up."""
    types, fields = await rows_of(tx, slug)
    return edition_of(types.values(), fields)


async def ask(store: Store, connection_id: int, slug: str, by: By = BY_COMMAND, *, seen: str | None = None) -> Backfill:
    """Let whoever drains the connection next carry it out. One that is under way begins anew. `seen`: the edition of the mappings
    that its preview went by. Raises BadInput, Stale."""
    async with store.write(connection_id) as tx:
        check_on(await fresh(tx, connection_id), slug)
        if seen is not None and await edition(tx, slug) != seen:
            raise Stale
        begun = await engine.ask(tx, slug)
        await schedule.ring(tx)
        await record(tx, by, "backfill_asked", f"connection:{connection_id}", object=slug)
    return begun


async def stop(store: Store, connection_id: int, slug: str, by: By = BY_COMMAND) -> None:
    """What it has made due is still carried over; no further pair is made due. Does nothing where none is under way."""
    async with store.write(connection_id) as tx:
        if await engine.stop(tx, slug) is not None:
            await record(tx, by, "backfill_stopped", f"connection:{connection_id}", object=slug)


async def last(store: Store, connection_id: int, slug: str) -> Backfill | None:
    async with store.read(connection_id) as tx:
        return await engine.state(tx, slug)


def document(slug: str, found: Backfill | None) -> dict[str, Any]:
    return {
        "object": slug,
        "state": "never" if found is None else found.stands,
        "pairs": 0 if found is None else found.pairs,
        "done": 0 if found is None else found.done,
        "asked_at": None if found is None else rfc3339(found.asked_us),
        "ended_at": None if found is None else rfc3339(found.ended_us),
    }
