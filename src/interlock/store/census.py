"""What a first load notes of HubSpot's records while it reads all of them: the keys by which one of Salesforce's would find them.

A record that nobody there can be the counterpart of need not be asked after (engine/census.py). The rows stand in `identity`
under a name of their own, since they outlive the linking of their records, and go when the load is through or is begun anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.core.model import Side
from interlock.store import identity, jsontext
from interlock.store.identity import Entry
from interlock.store.tx import Tx, WriteTx

PAGE_ROWS = 10_000
_SUFFIX = ":census"


def of(object: str) -> str:
    """The name of its rows."""
    return object + _SUFFIX


async def note(tx: WriteTx, object: str, entries: Sequence[Entry]) -> None:
    """Replaces what was noted of every record named in `entries`."""
    await identity.put(tx, of(object), Side.HUBSPOT, entries)


async def find(tx: Tx, object: str, kind: str, keys: Sequence[str]) -> dict[str, list[str]]:
    """{key: the ids of all records of HubSpot that have it, linked or not}; a key that nobody has is missing."""
    return await identity.find(tx, of(object), Side.HUBSPOT, kind, keys)


async def forget_page(tx: WriteTx, object: str) -> bool:
    """A part of it; whether there was one. A million rows in one transaction would hold up all others. Index ix_identity_record."""
    rows = await tx.rows(
        "SELECT record_id FROM identity WHERE connection_id = ? AND object = ? AND side = ? ORDER BY record_id LIMIT ?",
        tx.connection_id,
        of(object),
        Side.HUBSPOT.value,
        PAGE_ROWS,
    )
    await identity.drop(tx, of(object), Side.HUBSPOT, list({row[0]: None for row in rows}))
    return bool(rows)


async def disbelieve(tx: WriteTx) -> None:
    """Of every connection, in a database that was put back: it lacks whoever came since, our own creates among them, which would be
    written over. The load goes on and asks of everybody."""
    await tx.run("DELETE FROM identity WHERE object LIKE ?", f"%{_SUFFIX}")
    rows = await tx.rows("SELECT connection_id, name, value FROM cursor WHERE name LIKE ?", "load:%")
    for connection_id, name, text in rows:
        place = jsontext.load_object(text)
        if place.pop("census", None) is not None:
            sql = "UPDATE cursor SET value = ? WHERE connection_id = ? AND name = ?"
            await tx.run(sql, jsontext.dump(place), connection_id, name)


async def forget(tx: WriteTx) -> None:
    """All of it, where the loads are begun anew."""
    await tx.run("DELETE FROM identity WHERE connection_id = ? AND object LIKE ?", tx.connection_id, f"%{_SUFFIX}")
