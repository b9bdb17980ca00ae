"""Who owns an org. A row with a fence that only rises: taken at the start of a drain, renewed, checked by every write.

Correctness never rests on clocks: `until_us` decides only when another process may take over; that the former owner can
write no more is the fence's doing, which `check` compares inside each of its transactions. An owner that has certainly
died (lifesign.py) is not waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from interlock.store.errors import Fenced, HeldByOther
from interlock.store.sql import Dialect
from interlock.store.tx import Tx, WriteTx

if TYPE_CHECKING:
    from interlock.store.database import Store

TERM_S = 10


class Lease(msgspec.Struct, frozen=True):
    org_id: str
    owner: str
    fence: int
    until_us: int


async def take(store: Store, org_id: str, owner: str, now_us: int, term_s: float = TERM_S) -> Lease:
    """Become the owner, with a higher fence. Raises HeldByOther while another owner's term runs and it may be alive.

    The same owner may take again (its older lease is then fenced): an owner's name must be one process, not one
    machine.
    """
    until_us = now_us + round(term_s * 1_000_000)
    store.show_life(owner)
    async with store.write(None) as tx:
        await tx.run(
            "INSERT INTO lease (org_id, owner, fence, until_us) VALUES (?, '', 0, 0) ON CONFLICT (org_id) DO NOTHING",
            org_id,
        )
        held = await _locked(tx, org_id)
        if held is None:
            # PostgreSQL only: a transaction of the owner has the row, or somebody is taking it this very moment.
            current = await read(tx, org_id)
            raise HeldByOther(current.owner if current else "unknown", current.until_us if current else until_us)
        if held.until_us > now_us and held.owner != owner and not store.has_died(held.owner):
            raise HeldByOther(held.owner, held.until_us)
        fence = held.fence + 1
        await tx.run(
            "UPDATE lease SET owner = ?, fence = ?, until_us = ? WHERE org_id = ?", owner, fence, until_us, org_id
        )
    return Lease(org_id, owner, fence, until_us)


async def _locked(tx: WriteTx, org_id: str) -> Lease | None:
    lock = " FOR UPDATE SKIP LOCKED" if tx.dialect is Dialect.POSTGRESQL else ""
    row = await tx.row("SELECT org_id, owner, fence, until_us FROM lease WHERE org_id = ?" + lock, org_id)
    return Lease(*row) if row else None


async def renew(store: Store, lease: Lease, now_us: int, term_s: float = TERM_S) -> Lease:
    """The same lease with a later end. Raises Fenced if another process took over (also when our own term had run
    out)."""
    until_us = now_us + round(term_s * 1_000_000)
    async with store.write(None) as tx:
        changed = await tx.run(
            "UPDATE lease SET until_us = ? WHERE org_id = ? AND fence = ?", until_us, lease.org_id, lease.fence
        )
        if not changed:
            current = await read(tx, lease.org_id)
            raise Fenced(lease.org_id, lease.fence, current.fence if current else None)
    return msgspec.structs.replace(lease, until_us=until_us)


async def release(store: Store, lease: Lease) -> None:
    """Give it back, so that the next owner need not wait for the term. Nothing happens if another has it already."""
    async with store.write(None) as tx:
        await tx.run("UPDATE lease SET until_us = 0 WHERE org_id = ? AND fence = ?", lease.org_id, lease.fence)


async def read(tx: Tx, org_id: str) -> Lease | None:
    """Whoever took it last; its term may be over."""
    row = await tx.row("SELECT org_id, owner, fence, until_us FROM lease WHERE org_id = ?", org_id)
    return Lease(*row) if row else None


async def check(tx: WriteTx, lease: Lease) -> None:
    """First statement of every write under a lease. Raises Fenced.

    PostgreSQL: the row stays share-locked until the transaction ends, so that nobody can take over between this check
    and the commit; KEY SHARE, because that does not stop our own `renew`. It waits for somebody who is just trying to
    take the lease, which may well be refused. SQLite: a write transaction is alone anyway.
    """
    lock = " FOR KEY SHARE" if tx.dialect is Dialect.POSTGRESQL else ""
    row = await tx.row("SELECT fence FROM lease WHERE org_id = ?" + lock, lease.org_id)
    if row is None or row[0] != lease.fence:
        raise Fenced(lease.org_id, lease.fence, row[0] if row else None)
