"""What is done for a set-up behind its pages, and how it ended: a deployment, a preview, the finish.

Not what a person chose: that is versioned, so that a stale page overwrites nothing, and what is written here while somebody
reads a page must not make that page stale. One JSON object for each name.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from interlock.store import jsontext
from interlock.store.tx import Tx, WriteTx


async def get(tx: Tx, setup_id: int, name: str) -> dict[str, Any] | None:
    row = await tx.row("SELECT content FROM setup_work WHERE setup_id = ? AND name = ?", setup_id, name)
    return None if row is None else jsontext.load_object(row[0])


async def all_of(tx: Tx, name: str) -> dict[int, dict[str, Any]]:
    """{set-up: content}, also of set-ups that are over."""
    rows = await tx.rows("SELECT setup_id, content FROM setup_work WHERE name = ? ORDER BY setup_id", name)
    return {setup_id: jsontext.load_object(content) for setup_id, content in rows}


async def put(tx: WriteTx, setup_id: int, name: str, content: dict[str, Any]) -> None:
    await tx.run(
        "INSERT INTO setup_work (setup_id, name, content, changed_at_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (setup_id, name) DO UPDATE SET content = excluded.content, changed_at_us = excluded.changed_at_us",
        setup_id,
        name,
        jsontext.dump(content),
        tx.now_us,
    )


async def drop(tx: WriteTx, setup_id: int, name: str) -> None:
    await tx.run("DELETE FROM setup_work WHERE setup_id = ? AND name = ?", setup_id, name)


async def drop_all_but(tx: WriteTx, setup_id: int, name: str | None = None) -> None:
    """The set-up is over: what was shown of records on the way is not kept."""
    await tx.run("DELETE FROM setup_work WHERE setup_id = ? AND name <> ?", setup_id, name or "")


async def forget(tx: WriteTx, record_keys: Collection[str]) -> None:
    """Examples and trials of the transaction's connection lose what they hold of these records: they hold values. Of a set-up whose
    connection has gone it is not known whose they are."""
    rows = await tx.rows(
        "SELECT setup_id, name, content FROM setup_work WHERE setup_id IN"
        " (SELECT id FROM setup WHERE connection_id = ? OR connection_id IS NULL)",
        tx.connection_id,
    )
    for setup_id, name, content in rows:
        # The text first: a preview may be long, and hardly any is about them.
        if any(key in content for key in record_keys):
            kept = without(jsontext.load_object(content), frozenset(record_keys))
            await tx.run(
                "UPDATE setup_work SET content = ? WHERE setup_id = ? AND name = ?", jsontext.dump(kept), setup_id, name
            )


def without(content: Any, keys: frozenset[str]) -> Any:
    """In lists of what is known of records, those that name one of these are left out. A list of bare keys stays: what a trial
    has chosen is gone on with."""
    if isinstance(content, dict):
        return {name: without(each, keys) for name, each in content.items()}
    if isinstance(content, list):
        return [without(each, keys) for each in content if not (isinstance(each, dict) and _names_one(each, keys))]
    return content


def _names_one(known: dict[str, Any], keys: frozenset[str]) -> bool:
    return any(isinstance(each, str) and each in keys for each in known.values())
