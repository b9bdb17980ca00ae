"""A throw-away copy of what one connection's cycle reads and moves: for a preview, which runs the cycle and keeps nothing.

Copied in pages, one table after the other; history, issues, counts of calls and secrets stay where they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from interlock.store import erasures
from interlock.store.database import Store
from interlock.store.schema import GLOBAL_TABLES, connection, metadata
from interlock.store.sql import BulkInsert
from interlock.store.tx import Tx, WriteTx

PAGE_ROWS = 2_000
_LEFT_OUT = {"audit", "issue", "calls", "secret", "crm_grant", "handover"} | (GLOBAL_TABLES - {"connection"})


@asynccontextmanager
async def scratch_copy(store: Store, connection_id: int) -> AsyncIterator[Store]:
    """A store of its own that holds this connection as it is now, and is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="interlock-preview-") as folder:
        copy = await store.open_scratch(Path(folder) / "preview.db")
        try:
            await _copy(store, copy, connection_id)
            yield copy
        finally:
            await copy.close()


async def _copy(source: Store, target: Store, connection_id: int) -> None:
    async with source.read(connection_id) as tx, target.write(connection_id) as out:
        for table in metadata.sorted_tables:
            if table.name not in _LEFT_OUT:
                await _copy_table(tx, out, table, connection_id)
        await erasures.take_along(tx, out)


async def _copy_table(tx: Tx, out: WriteTx, table: sa.Table, connection_id: int) -> None:
    columns = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key]
    owner = "id" if table is connection else "connection_id"
    insert = BulkInsert(table.name, columns)
    select = f"SELECT {', '.join(columns)} FROM {table.name} WHERE {owner} = ?"
    order = f" ORDER BY {', '.join(keys)} LIMIT {PAGE_ROWS}"
    after: tuple[Any, ...] = ()
    while True:
        behind = f" AND ({', '.join(keys)}) > ({', '.join('?' * len(keys))})" if after else ""
        rows = await tx.rows(select + behind + order, connection_id, *after)
        await out.many(insert, rows)
        if len(rows) < PAGE_ROWS:
            return
        after = tuple(rows[-1][columns.index(key)] for key in keys)
