"""What the CRMs say of themselves and changes rarely: describes, properties, owners, pipelines. Losing that costs calls only;
but the imports, resyncs and backfills that people asked for (engine/import_.py, resync.py, backfill.py) stand here as well."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from interlock.store import jsontext
from interlock.store.setup_work import without
from interlock.store.tx import Tx, WriteTx

# How getting a new org ready stands (app/new_org/kept.py): its preview has examples, with values.
NEW_ORG = "new_org"


async def put(tx: WriteTx, name: str, value: Any) -> None:
    """Any JSON value; its age counts from the transaction's time."""
    await tx.run(
        "INSERT INTO directory (connection_id, name, value, at_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (connection_id, name) DO UPDATE SET value = excluded.value, at_us = excluded.at_us",
        tx.connection_id,
        name,
        jsontext.dump(value),
        tx.now_us,
    )


async def get(tx: Tx, name: str, max_age_us: int | None = None) -> Any | None:
    """None: never put, or older than `max_age_us`."""
    row = await tx.row(
        "SELECT value, at_us FROM directory WHERE connection_id = ? AND name = ?", tx.connection_id, name
    )
    if row is None or (max_age_us is not None and tx.now_us - row[1] > max_age_us):
        return None
    return jsontext.load(row[0])


async def put_at_us(tx: Tx, name: str, max_age_us: int) -> int | None:
    """When it was put. None: never, or longer ago than `max_age_us`."""
    row = await tx.row("SELECT at_us FROM directory WHERE connection_id = ? AND name = ?", tx.connection_id, name)
    return None if row is None or tx.now_us - row[0] > max_age_us else int(row[0])


async def get_all(tx: Tx, prefix: str) -> dict[str, Any]:
    """Every entry whose name begins with `prefix`, in order of name."""
    # Not a range: which text lies between two others is for the database's collation to say, and those of languages pass
    # over the characters that a range would end with.
    rows = await tx.rows(
        "SELECT name, value FROM directory WHERE connection_id = ? AND SUBSTR(name, 1, ?) = ? ORDER BY name",
        tx.connection_id,
        len(prefix),
        prefix,
    )
    return {name: jsontext.load(value) for name, value in rows}


async def drop(tx: WriteTx, name: str) -> None:
    """Known to be out of date, for example after a CRM refused a field that it named."""
    await tx.run("DELETE FROM directory WHERE connection_id = ? AND name = ?", tx.connection_id, name)


async def forget(tx: WriteTx, record_keys: Collection[str]) -> None:
    """Examples lose what they hold of these records: they hold values."""
    row = await tx.row("SELECT value FROM directory WHERE connection_id = ? AND name = ?", tx.connection_id, NEW_ORG)
    if row is not None and any(key in row[0] for key in record_keys):
        # Not `put`: it is no younger for that.
        await tx.run(
            "UPDATE directory SET value = ? WHERE connection_id = ? AND name = ?",
            jsontext.dump(without(jsontext.load(row[0]), frozenset(record_keys))),
            tx.connection_id,
            NEW_ORG,
        )
