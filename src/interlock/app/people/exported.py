"""Who took a file with what is known of records: the one way by which much of it leaves at once, so the log of deeds tells it."""

from __future__ import annotations

from interlock.app.people.log import record_once_an_hour
from interlock.app.people.visitor import By
from interlock.store import Store


async def note(store: Store, by: By, connection_id: int | None, file: str) -> None:
    """Once an hour for the same file: a program that fetches it all the time must not fill the log. `file`: of our own words."""
    async with store.write(None) as tx:
        subject = "installation" if connection_id is None else f"connection:{connection_id}"
        await record_once_an_hour(tx, by, "exported", subject, file=file)
