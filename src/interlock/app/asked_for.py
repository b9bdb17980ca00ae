"""That somebody asked for a sync or an import, by the JSON API or a command, in the log of deeds.

A program or a timer asks for a sync of whatever changed again and again: that is written once an hour. What was asked of certain
records is written each time.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.app.import_ import in_the_log
from interlock.app.people.log import record, record_once_an_hour
from interlock.app.people.visitor import BY_COMMAND, By
from interlock.core.model import RecordKey
from interlock.engine.load import Since
from interlock.store import Store


async def note_sync(
    store: Store,
    connection_id: int,
    objects: Sequence[str] | None,
    records: Sequence[RecordKey],
    by: By = BY_COMMAND,
) -> None:
    subject, objects = f"connection:{connection_id}", list(objects or ())
    async with store.write(None) as tx:
        if records:
            await record(tx, by, "sync_asked", subject, objects=objects, records=[str(key) for key in records])
        else:
            await record_once_an_hour(tx, by, "sync_asked", subject, objects=objects)


async def note_import(
    store: Store, connection_id: int, objects: Sequence[str], since: Since | None, by: By = BY_COMMAND
) -> None:
    subject = f"connection:{connection_id}"
    async with store.write(None) as tx:
        await record(tx, by, "import_asked", subject, objects=list(objects), **in_the_log(since))
