"""A throw-away copy of what one connection's cycle reads and moves: for a preview, which runs the cycle and keeps nothing.

Copied in pages, one table after the other; history, issues, counts of calls and secrets stay where they are. Which records the
preview has looked at stands beside the copy, in the same file: of a million records that is no matter for memory.

It holds addresses of people, which an erasure does not look for there. So a copy that a killed process has left is removed by
the next one that makes a copy, or that serves.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from interlock.core.model import RecordKey
from interlock.store import erasures
from interlock.store.database import Store
from interlock.store.schema import GLOBAL_TABLES, connection, metadata
from interlock.store.sql import BulkInsert
from interlock.store.tx import Tx, WriteTx

PAGE_ROWS = 2_000
_PREFIX = "interlock-preview-"
# Locked as long as the process lives that made the copy, however it ends.
_IN_USE = "in-use"
# Of the scratch copy alone, which is an SQLite file on every database: no migration knows it.
_LOOKED_AT = "CREATE TABLE looked_at (record_key TEXT PRIMARY KEY) WITHOUT ROWID"
_LOOK_AT = BulkInsert("looked_at", ("record_key",), "ON CONFLICT (record_key) DO NOTHING")
_LEFT_OUT = {"audit", "issue", "calls", "secret", "crm_grant", "handover", "job"} | (GLOBAL_TABLES - {"connection"})


@asynccontextmanager
async def scratch_copy(store: Store, connection_id: int) -> AsyncIterator[Store]:
    """A store of its own that holds this connection as it is now, and is gone after the block."""
    remove_left()
    with _folder() as folder:
        copy = await store.open_scratch(folder / "preview.db")
        try:
            await _copy(store, copy, connection_id)
            yield copy
        finally:
            await copy.close()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        in_use = os.open(Path(name) / _IN_USE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(name)
        finally:
            os.close(in_use)


def remove_left() -> None:
    """Copies of processes that are no more; those of other users of the machine are theirs to remove."""
    for mark in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_IN_USE}"):
        # In use, another user's, or gone meanwhile.
        with contextlib.suppress(OSError):
            if mark.parent.lstat().st_uid == os.geteuid():
                _remove_if_left(mark)


def _remove_if_left(mark: Path) -> None:
    """Raises OSError."""
    descriptor = os.open(mark, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(mark.parent)
    finally:
        os.close(descriptor)


async def _copy(source: Store, target: Store, connection_id: int) -> None:
    async with source.read(connection_id) as tx, target.write(connection_id) as out:
        for table in metadata.sorted_tables:
            if table.name not in _LEFT_OUT:
                await _copy_table(tx, out, table, connection_id)
        await erasures.take_along(tx, out)
        await out.run(_LOOKED_AT)


async def looked_at(tx: Tx, keys: Collection[RecordKey]) -> set[RecordKey]:
    """Those of these that the preview has looked at. `tx`: of a scratch copy."""
    texts = {str(key): key for key in keys}
    rows = await tx.rows("SELECT record_key FROM looked_at WHERE record_key IN [?]", list(texts))
    return {texts[row[0]] for row in rows}


async def note_looked_at(tx: WriteTx, keys: Collection[RecordKey]) -> None:
    """`tx`: of a scratch copy."""
    await tx.many(_LOOK_AT, [(str(key),) for key in keys])


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
