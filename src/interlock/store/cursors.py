"""How far each change source was read. A cursor moves only in the transaction that marks what it passed (I10)."""

from __future__ import annotations

from typing import Any

from interlock.store import jsontext
from interlock.store.tx import Tx, WriteTx


async def get(tx: Tx, name: str) -> dict[str, Any] | None:
    row = await tx.row("SELECT value FROM cursor WHERE connection_id = ? AND name = ?", tx.connection_id, name)
    return None if row is None else jsontext.load_object(row[0])


async def set(tx: WriteTx, name: str, value: dict[str, Any]) -> None:
    await tx.run(
        "INSERT INTO cursor (connection_id, name, value) VALUES (?, ?, ?)"
        " ON CONFLICT (connection_id, name) DO UPDATE SET value = excluded.value",
        tx.connection_id,
        name,
        jsontext.dump(value),
    )


async def drop(tx: WriteTx, name: str) -> None:
    """Start over: the source decides what that means."""
    await tx.run("DELETE FROM cursor WHERE connection_id = ? AND name = ?", tx.connection_id, name)
