"""What people are told of a connection, and the outbox: one row for each place that it is to be sent to.

A notice and its deliveries are made in one transaction, and the deliveries are sent after it: nothing that was noticed is
lost with the process. `once` names what a notice is about; the same is never made twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interlock.store.sql import Dialect, storable
from interlock.store.tx import Tx, WriteTx

# Those of no connection: `store.read(OF_NONE)`. Connections count from 1.
OF_NONE = 0
WAITING, SENT, FAILED = "waiting", "sent", "failed"


class Notice(msgspec.Struct, frozen=True):
    """`event` is a word of app/notify/events.py."""

    event: str
    once: str
    title: str
    body: str
    fix: str = ""
    at_us: int = 0
    id: int = 0


class Delivery(msgspec.Struct, frozen=True):
    id: int
    notice_id: int
    channel_id: int
    state: str
    tries: int
    due_at_us: int
    error: str | None
    done_at_us: int | None


_NOTICE = "SELECT event, once, title, body, fix, at_us, id FROM notice WHERE connection_id = ?"
_DELIVERY_COLUMNS = ", ".join(Delivery.__struct_fields__)


async def add(tx: WriteTx, notice: Notice) -> int | None:
    """The id; None: this was told before."""
    row = await tx.row(
        "INSERT INTO notice (connection_id, at_us, event, once, title, body, fix) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (connection_id, once) DO NOTHING RETURNING id",
        tx.connection_id,
        notice.at_us or tx.now_us,
        notice.event,
        notice.once,
        storable(notice.title),
        storable(notice.body),
        storable(notice.fix),
    )
    return None if row is None else int(row[0])


async def is_told(tx: Tx, once: str) -> bool:
    row = await tx.row("SELECT 1 FROM notice WHERE connection_id = ? AND once = ?", tx.connection_id, once)
    return row is not None


async def get(tx: Tx, id_: int) -> Notice | None:
    row = await tx.row(_NOTICE + " AND id = ?", tx.connection_id, id_)
    return None if row is None else Notice(*row)


async def list_(tx: Tx, before: int | None, limit: int) -> list[Notice]:
    """The newest first. Index ix_notice_page."""
    rows = await tx.rows(_NOTICE + " AND id < ? ORDER BY id DESC LIMIT ?", tx.connection_id, before or 2**62, limit)
    return [Notice(*row) for row in rows]


async def count_after(tx: Tx, id_: int) -> int:
    row = await tx.row("SELECT COUNT(*) FROM notice WHERE connection_id = ? AND id > ?", tx.connection_id, id_)
    return int(row[0]) if row else 0


async def newest(tx: Tx) -> int:
    """Its id; 0: there is none."""
    row = await tx.row("SELECT COALESCE(MAX(id), 0) FROM notice WHERE connection_id = ?", tx.connection_id)
    return int(row[0]) if row else 0


async def prune(tx: WriteTx, before_us: int) -> int:
    """Old ones, and deliveries of theirs."""
    ids = "(SELECT id FROM notice WHERE connection_id = ? AND at_us < ?)"
    await tx.run(
        f"DELETE FROM delivery WHERE connection_id = ? AND notice_id IN {ids}",
        tx.connection_id,
        tx.connection_id,
        before_us,
    )
    return await tx.run("DELETE FROM notice WHERE connection_id = ? AND at_us < ?", tx.connection_id, before_us)


# --- the outbox -------------------------------------------------------------------------------------------------------


async def send_to(tx: WriteTx, notice_id: int, channel_ids: Sequence[int]) -> None:
    """Due at once."""
    for channel_id in channel_ids:
        values = {
            "connection_id": tx.connection_id,
            "notice_id": notice_id,
            "channel_id": channel_id,
            "state": WAITING,
            "tries": 0,
            "due_at_us": tx.now_us,
        }
        await tx.insert("delivery", values)


async def any_due(tx: Tx) -> bool:
    """Whether `take` would find one."""
    row = await tx.row(
        "SELECT 1 FROM delivery WHERE connection_id = ? AND state = 'waiting' AND due_at_us <= ? LIMIT 1",
        tx.connection_id,
        tx.now_us,
    )
    return row is not None


async def take(tx: WriteTx, until_us: int) -> Delivery | None:
    """The one that is due for the longest, with one more try; nobody else takes it until `until_us`, by when it is sent or
    whoever took it has died. Index ix_delivery_due. PostgreSQL: rows that another process is taking are left to it."""
    lock = " FOR UPDATE SKIP LOCKED" if tx.dialect is Dialect.POSTGRESQL else ""
    row = await tx.row(
        "UPDATE delivery SET tries = tries + 1, due_at_us = ? WHERE connection_id = ? AND id ="
        " (SELECT id FROM delivery WHERE connection_id = ? AND state = 'waiting' AND due_at_us <= ?"
        f" ORDER BY due_at_us, id LIMIT 1{lock}) RETURNING {_DELIVERY_COLUMNS}",
        until_us,
        tx.connection_id,
        tx.connection_id,
        tx.now_us,
    )
    return None if row is None else Delivery(*row)


async def sent(tx: WriteTx, id_: int) -> None:
    await tx.run(
        "UPDATE delivery SET state = 'sent', error = NULL, done_at_us = ? WHERE connection_id = ? AND id = ?",
        tx.now_us,
        tx.connection_id,
        id_,
    )


async def not_sent(tx: WriteTx, id_: int, error: str, again_us: int | None) -> None:
    """`again_us` None: it is given up."""
    await tx.run(
        "UPDATE delivery SET state = ?, error = ?, due_at_us = COALESCE(?, due_at_us), done_at_us = ?"
        " WHERE connection_id = ? AND id = ?",
        WAITING if again_us is not None else FAILED,
        storable(error),
        again_us,
        tx.now_us if again_us is None else None,
        tx.connection_id,
        id_,
    )


async def last_of(tx: Tx, channel_id: int) -> Delivery | None:
    """How the last one to a channel went, that was tried. Index ix_delivery_channel."""
    row = await tx.row(
        f"SELECT {_DELIVERY_COLUMNS} FROM delivery WHERE connection_id = ? AND channel_id = ? AND tries > 0"
        " ORDER BY id DESC LIMIT 1",
        tx.connection_id,
        channel_id,
    )
    return None if row is None else Delivery(*row)


# --- the bell ---------------------------------------------------------------------------------------------------------


async def seen(tx: Tx, person_id: int) -> int:
    """The newest notice that the person has marked as read; 0: none."""
    row = await tx.row("SELECT seen_notice_id FROM bell WHERE person_id = ?", person_id)
    return int(row[0]) if row else 0


async def mark_seen(tx: WriteTx, person_id: int, notice_id: int) -> None:
    await tx.run(
        "INSERT INTO bell (person_id, seen_notice_id) VALUES (?, ?) ON CONFLICT (person_id) DO UPDATE SET"
        " seen_notice_id = CASE WHEN bell.seen_notice_id < excluded.seen_notice_id"
        " THEN excluded.seen_notice_id ELSE bell.seen_notice_id END",
        person_id,
        notice_id,
    )
