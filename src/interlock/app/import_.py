"""Importing from Salesforce: what a person asks for when records were left alone, or should be looked at again."""

from __future__ import annotations

from interlock.app import times
from interlock.app.connections import check_objects
from interlock.app.errors import BadInput
from interlock.app.people.log import record
from interlock.app.people.visitor import By
from interlock.engine import import_ as engine
from interlock.engine.context import Cycle
from interlock.engine.cycle import work_off
from interlock.engine.import_ import import_
from interlock.engine.load import Since
from interlock.store import Store, schedule


def in_the_log(since: Since | None) -> dict[str, int | None]:
    if since is not None and since.created:
        return {"created_since_us": since.us}
    return {"since_us": None if since is None else since.us}


class Import:
    """The work of one import, with the number of records that it took up."""

    def __init__(self, since: Since | None) -> None:
        self._since = since
        self.marked = 0

    async def work(self, ctx: Cycle) -> None:
        self.marked = await import_(ctx, self._since, work_off)


def since_of(changed: str | None, created: str | None, now_us: int) -> Since | None:
    """Of what a person typed: a time since when records changed, or since when they are there. Raises BadInput."""
    if changed is not None and created is not None:
        raise BadInput(
            "Records are meant that changed since a time, or that were made since a time.",
            code="one_time_wanted",
            field="created_since",
            fix="Leave one of the two out: what was made since then has changed since then.",
        )
    if created is not None:
        return Since(times.since_us(created, now_us), created=True)
    return Since(times.since_us(changed, now_us)) if changed is not None else None


async def ask(store: Store, connection_id: int, slug: str, since: Since | None, by: By) -> None:
    """Let whoever drains the connection next load this object from Salesforce. Raises BadInput."""
    check_objects([slug])
    async with store.write(connection_id) as tx:
        await engine.ask(tx, slug, since)
        await schedule.ring(tx)
        await record(tx, by, "import_asked", f"connection:{connection_id}", object=slug, **in_the_log(since))


async def waiting(store: Store, connection_id: int) -> set[str]:
    """Objects whose import was asked for and is not done."""
    async with store.read(connection_id) as tx:
        return set(await engine.asked(tx))
