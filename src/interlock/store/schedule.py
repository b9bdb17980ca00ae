"""When an org is next to be drained: what gives each org its turn where several workers share them (PostgreSQL).

One row an org. Whoever makes something due (a person's resync, a handover, a first sync) rings in the transaction that makes
it due; a worker that finds a row due puts it off and enqueues the org; the drain says when the next one is. A worker may die
between any two of these: the row comes due again. Nothing about who may write rests on it: that is the lease.
"""

from __future__ import annotations

import msgspec

from interlock.store.sql import Dialect
from interlock.store.tx import Tx, WriteTx


class Due(msgspec.Struct, frozen=True):
    """`seq` rises with every ring."""

    org_id: str
    seq: int
    at_us: int


async def ring(tx: WriteTx) -> None:
    """The org of the transaction's connection is due now."""
    await tx.run(
        "INSERT INTO schedule (org_id, seq, due_at_us) SELECT salesforce_org_id, 1, ? FROM connection WHERE id = ?"
        " ON CONFLICT (org_id) DO UPDATE SET seq = schedule.seq + 1, due_at_us = excluded.due_at_us",
        tx.now_us,
        tx.connection_id,
    )


async def ring_org(tx: WriteTx, org_id: str) -> None:
    """The same for whoever knows the org only. An org that is not scheduled stays so."""
    await tx.run("UPDATE schedule SET seq = seq + 1, due_at_us = ? WHERE org_id = ?", tx.now_us, org_id)


async def complete(tx: WriteTx) -> None:
    """Every org with a connection that syncs has a row, and only those."""
    await tx.run(
        "INSERT INTO schedule (org_id, seq, due_at_us)"
        " SELECT DISTINCT salesforce_org_id, 0, ? FROM connection WHERE begun_at_us IS NOT NULL"
        " ON CONFLICT (org_id) DO NOTHING",
        tx.now_us,
    )
    await tx.run("DELETE FROM schedule WHERE org_id NOT IN (SELECT salesforce_org_id FROM connection)")


async def take_due(tx: WriteTx, most: int, again_at_us: int) -> list[str]:
    """Orgs that are due, the longest first; each is put off until `again_at_us`, in case whoever takes it comes to nothing.

    Index ix_schedule_due. PostgreSQL: rows that another worker is taking are left to it.
    """
    lock = " FOR UPDATE SKIP LOCKED" if tx.dialect is Dialect.POSTGRESQL else ""
    found = await tx.rows(
        "UPDATE schedule SET due_at_us = ? WHERE org_id IN"
        f" (SELECT org_id FROM schedule WHERE due_at_us <= ? ORDER BY due_at_us LIMIT ?{lock}) RETURNING org_id",
        again_at_us,
        tx.now_us,
        most,
    )
    return [org_id for (org_id,) in found]


async def get(tx: Tx, org_id: str) -> Due | None:
    row = await tx.row("SELECT org_id, seq, due_at_us FROM schedule WHERE org_id = ?", org_id)
    return Due(*row) if row else None


async def put(tx: WriteTx, seen: Due, at_us: int) -> None:
    """A drain has ended and says when the next is due. Somebody who rang since the row was seen is not put off."""
    await tx.run(
        "UPDATE schedule SET due_at_us = CASE WHEN seq = ? THEN ? ELSE ? END WHERE org_id = ?",
        seen.seq,
        at_us,
        tx.now_us,
        seen.org_id,
    )


async def put_off(tx: WriteTx, seen: Due, at_us: int) -> None:
    """Another process drains the org: it will say. Until then it is due again at this time, in case it does not."""
    await tx.run(
        "UPDATE schedule SET due_at_us = ? WHERE org_id = ? AND seq = ? AND due_at_us = ?",
        at_us,
        seen.org_id,
        seen.seq,
        seen.at_us,
    )
