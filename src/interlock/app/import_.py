"""Importing from Salesforce: what a person asks for when records were left alone, or should be looked at again."""

from __future__ import annotations

from interlock.app.connections import check_objects
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.engine import import_ as engine
from interlock.engine.context import Cycle
from interlock.engine.cycle import work_off
from interlock.engine.import_ import import_
from interlock.store import Store, schedule


class Import:
    """The work of one import, with the number of records that it took up."""

    def __init__(self, since_us: int | None) -> None:
        self._since_us = since_us
        self.marked = 0

    async def work(self, ctx: Cycle) -> None:
        self.marked = await import_(ctx, self._since_us, work_off)


async def ask(store: Store, connection_id: int, slug: str, since_us: int | None, by: By) -> None:
    """Let whoever drains the connection next load this object from Salesforce. Raises BadInput."""
    check_objects([slug])
    async with store.write(connection_id) as tx:
        await engine.ask(tx, slug, since_us)
        await schedule.ring(tx)
        await record(tx, by, "import_asked", f"connection:{connection_id}", object=slug, since_us=since_us)


async def waiting(store: Store, connection_id: int) -> set[str]:
    """Objects whose import was asked for and is not done."""
    async with store.read(connection_id) as tx:
        return set(await engine.asked(tx))
