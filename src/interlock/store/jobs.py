"""What somebody asked for over a page or the API and is answered later: what was asked, who works on it, and the answer.

In the store and not in a process, since whoever asks after it may be served by another process, or by the same one started again.
A process that works on one says every few seconds that it lives. Answers may hold values of records: they are kept for a day, and
go with whoever is erased.
"""

from __future__ import annotations

from typing import Any

import msgspec

from interlock.store import jsontext
from interlock.store.driver import Row
from interlock.store.sql import Dialect
from interlock.store.tx import Tx, WriteTx

# Their answers count and name, and whoever erases is to see what became of it.
WITHOUT_VALUES = ("erase", "disconnect")


class StoredJob(msgspec.Struct, frozen=True):
    """`connection`: its name. `lived_us`: when its process last said that it lives. `answer` None: it has not ended."""

    id: str
    connection: str
    kind: str
    asked: dict[str, Any]
    owner: str
    begun_at_us: int
    lived_us: int
    ended_at_us: int | None
    answer: dict[str, Any] | None


_SELECT = (
    "SELECT job.job_id, connection.name, job.kind, job.asked, job.owner, job.begun_at_us, job.lived_us, job.ended_at_us, job.answer"
    " FROM job JOIN connection ON connection.id = job.connection_id WHERE job.connection_id = ?"
)


def _job(row: Row) -> StoredJob:
    id_, connection, kind, asked, owner, begun_at_us, lived_us, ended_at_us, answer = row
    return StoredJob(
        id_,
        connection,
        kind,
        jsontext.load_object(asked),
        owner,
        begun_at_us,
        lived_us,
        ended_at_us,
        None if answer is None else jsontext.load_object(answer),
    )


async def lock(tx: WriteTx) -> None:
    """Of two that begin the same, or of an answer and an erasure, one comes after the other. SQLite has one writer anyway."""
    if tx.dialect is Dialect.POSTGRESQL:
        await tx.rows("SELECT id FROM connection WHERE id = ? FOR NO KEY UPDATE", tx.connection_id)


async def put(tx: WriteTx, id_: str, kind: str, asked: dict[str, Any], owner: str, now_us: int) -> None:
    await tx.run(
        "INSERT INTO job (connection_id, job_id, kind, asked, owner, begun_at_us, lived_us) VALUES (?, ?, ?, ?, ?, ?, ?)",
        tx.connection_id,
        id_,
        kind,
        jsontext.dump(asked),
        owner,
        now_us,
        now_us,
    )


async def get(tx: Tx, id_: str) -> StoredJob | None:
    row = await tx.row(f"{_SELECT} AND job.job_id = ?", tx.connection_id, id_)
    return None if row is None else _job(row)


async def running(tx: Tx) -> list[StoredJob]:
    """That nobody has said the end of; a process may have died over one."""
    rows = await tx.rows(f"{_SELECT} AND job.ended_at_us IS NULL ORDER BY job.begun_at_us", tx.connection_id)
    return [_job(row) for row in rows]


async def live(tx: WriteTx, id_: str, now_us: int) -> None:
    await tx.run("UPDATE job SET lived_us = ? WHERE connection_id = ? AND job_id = ?", now_us, tx.connection_id, id_)


async def end(tx: WriteTx, id_: str, answer: dict[str, Any], now_us: int) -> None:
    await tx.run(
        "UPDATE job SET ended_at_us = ?, lived_us = ?, answer = ? WHERE connection_id = ? AND job_id = ?",
        now_us,
        now_us,
        jsontext.dump(answer),
        tx.connection_id,
        id_,
    )


async def drop(tx: WriteTx, id_: str) -> None:
    await tx.run("DELETE FROM job WHERE connection_id = ? AND job_id = ?", tx.connection_id, id_)


async def drop_older(tx: WriteTx, before_us: int, most: int) -> None:
    """Of this connection: that were last heard of before, and all but the newest `most` of those that have ended."""
    await tx.run("DELETE FROM job WHERE connection_id = ? AND lived_us < ?", tx.connection_id, before_us)
    await tx.run(
        "DELETE FROM job WHERE connection_id = ? AND ended_at_us IS NOT NULL AND job_id NOT IN"
        " (SELECT job_id FROM job WHERE connection_id = ? AND ended_at_us IS NOT NULL ORDER BY ended_at_us DESC LIMIT ?)",
        tx.connection_id,
        tx.connection_id,
        most,
    )


async def with_older(tx: Tx, before_us: int) -> list[int]:
    """Connections of which `drop_older` would drop some that were last heard of before."""
    rows = await tx.rows("SELECT DISTINCT connection_id FROM job WHERE lived_us < ? ORDER BY connection_id", before_us)
    return [row[0] for row in rows]


async def forget_values(tx: WriteTx) -> None:
    """Somebody is erased: answers that may hold what was known of them go. One that still runs is dropped when it ends
    (app/jobs.py)."""
    await lock(tx)
    await tx.run(
        "DELETE FROM job WHERE connection_id = ? AND ended_at_us IS NOT NULL AND NOT kind IN [?]",
        tx.connection_id,
        list(WITHOUT_VALUES),
    )
